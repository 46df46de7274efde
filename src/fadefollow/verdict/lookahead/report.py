"""The report of a check: faults and their words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import pandas as pd

from fadefollow.errors import FadeFollowError

Kind = Literal[
    "not repeatable",
    "look-ahead",
    "opens files",
    "keeps state",
    "order",
    "calendar",
    "fails",
    "undeclared read",
    "idle parameter",
    "not seen",
]

#: what must hold, by what was found not to; the worst first
_RULES: dict[Kind, str] = {
    "not repeatable": "the signal gives another result for the same data",
    "look-ahead": "the signal uses data that was not known at the bar's close",
    "opens files": "the signal opens files; it may use only the market",
    "keeps state": "the signal depends on what it was asked before",
    "order": "the signal depends on the order of streams or columns",
    "calendar": "the signal depends on calendar dates",
    "fails": "the signal fails on the beginning of the data",
    "undeclared read": "the signal reads a stream that it does not declare",
}
_HINTS: dict[Kind, str] = {
    "not repeatable": "draw random numbers, if at all, from a generator seeded by a parameter",
    "opens files": "what is kept in a file may know the whole sample; measure it from the market, "
    "or import it as a stream",
    "keeps state": "keep nothing in modules or classes; `market.memo` keeps it with the market",
    "order": "take streams and columns by their names",
    "calendar": "dates in the code, or a file read besides the market, are hindsight",
    "fails": "there may be fewer bars than a window, and streams without a record yet",
    "undeclared read": "name it in `reads`, or data that cannot be trusted pass the audit unseen",
}


class CheckError(FadeFollowError, ValueError):
    """A strategy whose signal cannot be trusted."""

    joint = ": "


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a signal, or that a check could not see.

    Attributes:
        kind: what sort of thing.
        what: in which event or feature it shows; the parameter or phase it is about; the error.
        symbol: the coin on which it was seen.
        stream: the stream that was known too early; empty where no values of a stream were.
        bar: open time, UTC, of the first bar on which it was seen.
        closed: when that bar closed: all that is known later is the future.
        bars_ahead: how many bars of the future it takes until the answer no longer changes.
        record: `time` of the last record that it took.
        available: when that record could first be known.
        whole_sample: whether it takes so much of what comes that it may take it all.
        if_late: whether it shows only where the stream is published a bar later.
        text: one sentence.
    """

    kind: Kind
    what: str
    symbol: str = ""
    stream: str = ""
    bar: pd.Timestamp | None = None
    closed: pd.Timestamp | None = None
    bars_ahead: int = 0
    record: pd.Timestamp | None = None
    available: pd.Timestamp | None = None
    whole_sample: bool = False
    if_late: bool = False
    text: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the strategy is not to be trusted; else it is a warning."""
        return self.kind in _RULES

    def hint(self) -> str:
        """The likely cause, or the way out."""
        if self.kind != "look-ahead":
            return _HINTS.get(self.kind, "")
        if not self.stream:
            return "nothing may depend on how long the data go on after a bar"
        early = self.record is not None and self.closed is not None and self.record < self.closed
        if self.if_late or (early and self.available is not None):
            return (
                f"a record of {self.stream} counts from its `available`, not from its `time`; "
                "`market.column` and `market.as_of` see to that"
            )
        if self.whole_sample:
            return (
                "a mean, a quantile or a rank over all the data is not known before their end; "
                "take a rolling one, such as `features.past_quantile`"
            )
        return (
            "a shift by −1, a centred window, or a resample that stamps a period at its start "
            "does this"
        )


@dataclass(frozen=True)
class CheckReport:
    """What a check tried, and its faults.

    Attributes:
        strategy, signal: names.
        dataset: its name.
        symbols: coins on which it was tried.
        first, last: open times of the first and the last bar.
        events: how many of each phase there were, of all coins.
        streams: those that the signal reads.
        bars_tried: bars after which the future was taken away or replaced.
        features: how many features were compared.
        faults: the worst first.
        seconds: how long it took.
    """

    strategy: str
    signal: str
    dataset: str
    symbols: tuple[str, ...]
    first: pd.Timestamp
    last: pd.Timestamp
    events: Mapping[str, int]
    streams: tuple[str, ...]
    bars_tried: int
    features: int
    faults: tuple[Fault, ...]
    seconds: float

    @property
    def errors(self) -> tuple[Fault, ...]:
        """Faults that disqualify the strategy."""
        return tuple(f for f in self.faults if f.is_error)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """Faults that do not disqualify the strategy."""
        return tuple(f for f in self.faults if not f.is_error)

    def raise_errors(self) -> None:
        """Raise the first error.

        Raises:
            CheckError: the strategy's signal cannot be trusted.
        """
        if self.errors:
            first, more = self.errors[0], len(self.errors) - 1
            text = first.text + (f" (and {more} more, see the table)" if more else "")
            raise CheckError(
                _RULES[first.kind], got=text, where=f"signal {self.signal}", hint=first.hint()
            )

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON; times as text."""
        out = asdict(self)
        out["clean"] = not self.errors
        out["faults"] = [
            asdict(fault) | {"error": fault.is_error, "hint": fault.hint()} for fault in self.faults
        ]
        return {name: _plain(value) for name, value in out.items()}


def worst_first(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Errors before warnings, the worst kinds first; else in the order given."""
    kinds = list(get_args(Kind))
    return tuple(sorted(faults, key=lambda fault: kinds.index(fault.kind)))


def told(fault: Fault) -> Fault:
    """The fault with its sentence."""
    return replace(fault, text=_SENTENCES[fault.kind](fault))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value


def _time(time: pd.Timestamp | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}"


def _place(fault: Fault) -> str:
    return f"on {fault.symbol}, bar {_time(fault.bar)}, {fault.what}"


def _look_ahead(fault: Fault) -> str:
    """Which stream, on which bar, from how far ahead."""
    start = f"on {fault.symbol}, bar {_time(fault.bar)}, closed {_time(fault.closed)}, {fault.what}"
    bars = f"{fault.bars_ahead} bar{'s' * (fault.bars_ahead != 1)}"
    if not fault.stream:
        return f"{start} depends on whether the data go on for {bars} more"
    late = f", were {fault.stream} published a bar later than it is" if fault.if_late else ""
    if fault.record is None:
        return f"{start} knew the future of {fault.stream} {bars} ahead{late}"
    reach = "up to its record" if fault.whole_sample else "in its record"
    return (
        f"{start} knew {fault.stream} {reach} of {_time(fault.record)}, available only at "
        f"{_time(fault.available)}, {bars} later{late}"
    )


_SENTENCES: dict[Kind, Callable[[Fault], str]] = {
    "look-ahead": _look_ahead,
    "not repeatable": lambda f: f"{_place(f)} differs when asked again {f.text}",
    "opens files": lambda f: f"asked about {f.symbol}, it opened {f.what}",
    "keeps state": lambda f: f"{_place(f)} differs with what was asked before",
    "order": lambda f: f"{_place(f)} differs with the order of {f.text}",
    "calendar": lambda f: f"{_place(f)} does not move along when all data are moved by {f.text}",
    "fails": lambda f: f"on {f.symbol}, asked about the bars up to {_time(f.bar)}: {f.what}",
    "undeclared read": lambda f: f"{f.what} is read, but neither needed by a phase nor in `reads`",
    "idle parameter": lambda f: f"parameter {f.what} {f.text}",
    "not seen": lambda f: f"phase {f.what} {f.text}",
}
