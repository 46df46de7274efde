"""Lines of the claims file: a claim, its finished blocks, its word, its alarm, its end.

Nothing in the lines of an update depends on when it runs, so that an update that was killed and run
again leaves the same file as one that was not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

import pandas as pd

from fadefollow.engine.model import BookName
from fadefollow.engine.strategy import Strategy
from fadefollow.phases import Stance
from fadefollow.verdict.sequential.answer import Past, WatchWord
from fadefollow.verdict.sequential.blocks import BlockRule
from fadefollow.verdict.sequential.cusum import Alarm, Spread

T = TypeVar("T")


@dataclass(frozen=True)
class Claim:
    """What is registered before the data. Times are ISO 8601, UTC.

    Attributes:
        claim: its name.
        registered: when, by this machine's clock.
        start: trades count whose phase begins at or after it; a midnight.
        seen_until: when the last bar closed that was stored at registration.
        dataset, symbols, universe, revised, accept: which data, as a command asks for them.
        universe_rule: by which coins count when, in words; None: all, always.
        strategy: all of it, parameters of the signal filled in.
        phase, stance, book: what is claimed to pay.
        code: SHA-256 of the signal's module and those that it imports.
        version: of this program.
        costs: as a `[costs]` table, every default of the coins that were known filled in.
        smallest_bps: the smallest edge worth trading.
        alpha: chance of a wrong word.
        false_alarms: that the CUSUM gives a year.
        past: what history says.
    """

    claim: str
    registered: str
    start: str
    seen_until: str
    dataset: str
    symbols: tuple[str, ...] | None
    universe: int | str | None
    universe_rule: str | None
    revised: bool
    accept: tuple[str, ...]
    strategy: Mapping[str, Any]
    phase: str
    stance: Stance
    book: BookName
    code: str
    version: str
    costs: Mapping[str, Any]
    smallest_bps: float
    alpha: float
    false_alarms: float
    past: Past

    @property
    def starts(self) -> pd.Timestamp:
        """The start as a time."""
        return pd.Timestamp(self.start)

    @property
    def late(self) -> bool:
        """Whether it was registered when part of its data could be seen already."""
        return pd.Timestamp(self.registered) > self.starts

    @property
    def bet(self) -> Strategy:
        """The strategy as it was registered."""
        return Strategy.model_validate(self.strategy)

    @property
    def blocks(self) -> BlockRule:
        """How its time is cut."""
        return BlockRule.of(self.starts, hold_hours=self.bet.trade.hold_hours)


@dataclass(frozen=True)
class BlockLine:
    """A finished block: the sum of its trades' net returns, fractions, and their number."""

    claim: str
    block: int
    total: float
    count: float
    cut: int  #: trades that the end of a coin's data cut off, which do not count


@dataclass(frozen=True)
class WordLine:
    """The word that a block decided; final."""

    claim: str
    block: int
    word: WatchWord
    mean_bps: float
    low_bps: float | None
    high_bps: float | None
    e_value: float  #: against "no edge"


@dataclass(frozen=True)
class AlarmLine:
    """The block after which a confirmed edge was gone."""

    claim: str
    block: int
    cusum: float
    threshold: float


@dataclass(frozen=True)
class Closing:
    """A claim that is watched no longer."""

    claim: str
    time: str
    why: str


Line = Claim | BlockLine | WordLine | AlarmLine | Closing
Kind = Literal["claim", "block", "word", "alarm", "closing"]
_KINDS: dict[Kind, type[Line]] = {
    "claim": Claim,
    "block": BlockLine,
    "word": WordLine,
    "alarm": AlarmLine,
    "closing": Closing,
}


def to_record(line: Line) -> dict[str, Any]:
    """A line as plain values; NaN is None."""
    kind = next(name for name, made in _KINDS.items() if isinstance(line, made))
    plain: dict[str, Any] = _plain({"kind": kind, **asdict(line)})
    return plain


def from_record(record: Mapping[str, Any]) -> Line:
    """The line of plain values.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    said = dict(record)
    kind = _KINDS[said.pop("kind")]
    if kind is Claim:
        said["past"] = _past(said["past"])
        said["symbols"] = None if said["symbols"] is None else tuple(said["symbols"])
        said["accept"] = tuple(said["accept"])
    line = _built(kind, said)
    if isinstance(line, Claim):
        _ = line.bet, line.starts, line.late  # what cannot be read is no claim
    return line


def _past(said: Mapping[str, Any]) -> Past:
    alarm = said["alarm"]
    if alarm is not None:
        alarm = _built(Alarm, {**alarm, "spread": Spread(*alarm["spread"])})
    mean = math.nan if said["mean"] is None else said["mean"]
    return _built(Past, {**said, "mean": mean, "alarm": alarm})


def _built(kind: type[T], said: Mapping[str, Any]) -> T:
    lost = {field.name for field in fields(kind)} ^ set(said)  # type: ignore[arg-type]
    if lost:
        raise TypeError(f"missing or unknown: {', '.join(sorted(lost))}")
    return kind(**said)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
