"""Events that somebody found elsewhere, handed over as a table.

The market story is the caller's. An event becomes known at the close of the bar that contains its
time, so that the earliest entry is the open of the bar after that.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import PrivateAttr

from fadefollow.errors import DataError, unknown
from fadefollow.market.grid import naive
from fadefollow.market.panel import Market
from fadefollow.phases.table import Phases, Signal

#: what a table of events holds
EVENT_COLUMNS = ("time", "symbol", "phase", "lean", "actor", "strength")


class GivenEvents(Signal):
    """A signal whose phases are the events of a table; made by `of`."""

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # declared by `of`, for each table its own
    reads: ClassVar[tuple[str, ...]] = ()

    digest: str  #: of the events: what makes two studies the same trial
    built_up_hours: float = 24.0  #: placebos are shifted by more than that
    _events: pd.DataFrame = PrivateAttr()

    @classmethod
    def name(cls) -> str:
        """What results call it."""
        return "events"

    @classmethod
    def of(cls, events: pd.DataFrame, *, built_up_hours: float = 24.0) -> Self:
        """The signal that finds these events and no others.

        Args:
            events: columns `EVENT_COLUMNS`; times in UTC.
            built_up_hours: the time over which an event builds up.
        """
        declared = {str(phase): () for phase in dict.fromkeys(events["phase"])}
        body = {"phases": declared, "reads": (), "__module__": __name__}
        kind = types.new_class(cls.__name__, (cls,), exec_body=lambda space: space.update(body))
        text = events.loc[:, list(EVENT_COLUMNS)].to_csv(index=False)
        made: Self = kind(
            digest=hashlib.sha256(text.encode()).hexdigest()[:16], built_up_hours=built_up_hours
        )
        made._events = events
        return made

    def detection_hours(self) -> float:
        """The time over which an event builds up."""
        return self.built_up_hours

    def detect(self, market: Market) -> Phases:
        """The coin's events, each on the bar that contains its time.

        Raises:
            DataError: an event lies outside the coin's bars, or two of a phase in one bar.
        """
        mine = self._events[self._events["symbol"] == market.symbol]
        time = mine["time"].dt.tz_convert(None).to_numpy("datetime64[ns]")
        bar = np.searchsorted(market.open_time, time, side="right").astype(np.int64) - 1
        outside = (bar < 0) | (time >= naive(market.index[-1] + market.bar))
        if outside.any():
            first = mine["time"].iloc[int(outside.argmax())]
            raise DataError(
                "events must lie within the bars of their coin",
                got=f"{first:%Y-%m-%d %H:%M} UTC{_more(int(outside.sum()))}, bars from "
                f"{market.span()}",
                where=market.symbol,
                hint="leave such events out: nobody could have traded them here",
            )
        twice = mine.assign(bar=bar).duplicated(["bar", "phase"]).to_numpy()
        if twice.any():
            first = mine["time"].iloc[int(twice.argmax())]
            raise DataError(
                "two events of a phase must not lie in one bar",
                got=f"{first:%Y-%m-%d %H:%M} UTC{_more(int(twice.sum()))}",
                where=market.symbol,
                hint="drop duplicates, or use smaller bars",
            )
        event = {
            "bar": bar,
            **{name: mine[name].to_numpy() for name in ("phase", "lean", "actor", "strength")},
        }
        return Phases.of(market, signal=self.name(), events=[event] if len(bar) else [])

    def __reduce__(self) -> tuple[Any, ...]:
        return _revived, (self._events, self.built_up_hours)


def _revived(events: pd.DataFrame, built_up_hours: float) -> GivenEvents:
    return GivenEvents.of(events, built_up_hours=built_up_hours)


def given_events(events: pd.DataFrame, coins: list[str]) -> pd.DataFrame:
    """A table of events held to its rules, with what it leaves out filled in.

    Args:
        events: columns `time` (UTC), `symbol`, `lean`: 1 or "long", −1 or "short"; optionally
            `phase` (by default `event`), `actor` and `strength`.
        coins: those that there are.

    Returns:
        Columns `EVENT_COLUMNS`, sorted by time and coin.

    Raises:
        DataError: a column is absent, or a value not as it must be; the message counts them.
        UnknownNameError: a coin without bars.
    """
    for name in ("time", "symbol", "lean"):
        if name not in events:
            got = f"columns {', '.join(map(str, events.columns))}"
            raise DataError(f"events need the column {name}", got=got, where="events")
    if not len(events):
        raise DataError("a study needs at least one event", got="none", where="events")
    missing = events[["time", "symbol", "lean"]].isna().any(axis=1)
    if missing.any():
        raise DataError(
            "every event must have time, coin and lean",
            got=f"none in {int(missing.sum())} of {len(events)} rows, the first is row "
            f"{int(missing.to_numpy().argmax()) + 1}",
            where="events",
        )
    for coin in dict.fromkeys(events["symbol"].astype(str)):
        if coin not in coins:
            raise unknown("coin", coin, coins, where="events")
    lean = events["lean"].map(_LEANS)
    if lean.isna().any():
        at = int(lean.isna().to_numpy().argmax())
        raise DataError(
            'the lean of an event must be 1 or "long", −1 or "short"',
            got=repr(events["lean"].iloc[at]),
            where=f"events, row {at + 1}",
        )
    made = pd.DataFrame(
        {
            "time": events["time"],
            "symbol": events["symbol"].astype(str),
            "phase": events["phase"].astype(str) if "phase" in events else "event",
            "lean": lean.astype("int64"),
            "actor": events["actor"].astype(str) if "actor" in events else "given",
            "strength": events["strength"].astype("float64") if "strength" in events else 1.0,
        }
    )
    return made.sort_values(["time", "symbol", "phase"], kind="stable", ignore_index=True)


_LEANS = {1: 1, -1: -1, "long": 1, "short": -1}


def _more(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""
