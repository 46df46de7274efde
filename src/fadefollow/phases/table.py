"""Phases and Signal: the contract between signal modules and everything that measures them."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from fadefollow.core.text import figure, html_card
from fadefollow.core.toml import plain
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.needs import Needs
from fadefollow.market.panel import BoolArray, FloatArray, Market
from fadefollow.phases.events import COLUMNS, EventRows, IntArray
from fadefollow.phases.summary import counts, describe_events

Stance = Literal["fade", "follow"]
STANCES: tuple[Stance, Stance] = ("fade", "follow")

__all__ = [
    "COLUMNS",
    "STANCES",
    "Marks",
    "Param",
    "Phases",
    "Signal",
    "Stance",
]


class Marks(NamedTuple):
    """Events of one coin as bare numbers; int64, shape (k,) each."""

    bar: IntArray  #: number of the bar, in the coin's grid, at whose close the phase became known
    lean: IntArray  #: +1 long, −1 short
    code: IntArray  #: place of the phase among those asked for


class Phases:
    """Detected phases, one row an event.

    Args:
        table: columns `time` (open time, UTC, of the bar at whose close the phase became known),
            `symbol`, `signal`, `phase`, `lean` (+1 long, −1 short), `actor` (who holds or trades
            that side), `strength` (≥ 0, higher is more extreme), then context columns; sorted by
            time and symbol.
        grids: open times, UTC, of each coin's bars.
        missing: phases that could not be looked for, with the streams they lack, by coin.
        failed: coins that are left out because the signal failed on them, with the reason.
    """

    def __init__(
        self,
        table: pd.DataFrame | EventRows,
        grids: Mapping[str, pd.DatetimeIndex],
        missing: Mapping[tuple[str, str], tuple[str, ...]],
        failed: Mapping[str, str] | None = None,
    ) -> None:
        self._found, self._grids, self._missing = table, grids, missing
        self.failed: Mapping[str, str] = failed or {}

    @property
    def grids(self) -> Mapping[str, pd.DatetimeIndex]:
        """Open times, UTC, of each coin's bars."""
        return self._grids

    @property
    def missing(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Phases that could not be looked for, with the streams they lack, by coin."""
        return self._missing

    @cached_property
    def table(self) -> pd.DataFrame:
        """All events with their context; made when it is first asked for."""
        return self._found if isinstance(self._found, pd.DataFrame) else self._found.table()

    @classmethod
    def of(
        cls,
        market: Market,
        *,
        signal: str,
        events: Iterable[Mapping[str, Any]],
        missing: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Phases:
        """Phases of one market from rows with `bar` (its number) in place of `time`.

        Args:
            market: in which they were detected.
            signal: name of the signal.
            events: one mapping an event, or one for many events of a kind: its `bar` is then an
                array of shape (k,), and whatever else is an array has that shape, too. They are
                not to be changed afterwards.
            missing: phases that could not be looked for, with the streams that they lack.

        Raises:
            SignalError: a row lacks a column, or its bar, lean or strength is not as it must be;
                two rows of one phase on one bar.
        """
        lacks = {(market.symbol, phase): streams for phase, streams in (missing or {}).items()}
        index = market.index
        implied = market.funding_implied
        found = EventRows.of(
            events,
            index,
            symbol=market.symbol,
            signal=signal,
            by_bar={} if implied is None else {"funding_implied": implied},
        )
        return cls(found, {market.symbol: index}, lacks)

    def whole(self) -> Phases:
        """The same with its table made, for who has all events in tables anyway."""
        return Phases(self.table, self._grids, self._missing, self.failed)

    @classmethod
    def concat(cls, parts: Iterable[Phases]) -> Phases:
        """All events of several coins or signals in one table."""
        listed = list(parts)
        if not listed:
            raise DataError("concat needs at least one table of phases", got="none")
        filled = [p.table for p in listed if len(p)] or [listed[0].table]
        table = pd.concat(filled, ignore_index=True)
        grids: dict[str, pd.DatetimeIndex] = {}
        missing: dict[tuple[str, str], tuple[str, ...]] = {}
        failed: dict[str, str] = {}
        for part in listed:
            grids.update(part.grids)
            missing.update(part.missing)
            failed.update(part.failed)
        table = table.sort_values(["time", "symbol", "phase"], kind="stable", ignore_index=True)
        return cls(table, grids, missing, failed)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        found = ", ".join(f"{phase} {count}" for phase, count in counts(self.table).items())
        return f"Phases({describe_events(self.table, self.grids)}{': ' if found else ''}{found})"

    def _repr_html_(self) -> str | None:
        return html_card(self)

    def to_frame(self) -> pd.DataFrame:
        """A copy of `table`, to change as you like."""
        return self.table.copy()

    def plot(self, market: Market | None = None) -> Any:
        """The events over time as a Plotly figure: on one coin's price, or a line a coin.

        Args:
            market: whose price to draw; None draws none.
        """
        return figure(self, market)

    @property
    def names(self) -> frozenset[str]:
        """The phases that have events."""
        if isinstance(self._found, pd.DataFrame):
            return frozenset(self._found["phase"])
        return frozenset(self._found.names)

    def select(self, *phases: str) -> Phases:
        """Only the events of the phases named."""
        keep = self.table["phase"].isin(phases)
        return Phases(
            self.table[keep].reset_index(drop=True), self.grids, self.missing, self.failed
        )

    def where(self, bars: BoolArray) -> Phases:
        """Only the events on the bars that are true, shape (n,), of a single coin's grid.

        Raises:
            DataError: there are several coins.
        """
        if len(self.grids) != 1:
            raise DataError(
                "where needs events of a single coin", got=", ".join(self.grids) or "none"
            )
        (grid,) = self.grids.values()
        keep = bars[grid.get_indexer(pd.DatetimeIndex(self.table["time"]))]
        return Phases(self.table[keep].reset_index(drop=True), self.grids, self.missing)

    def marks(self, *phases: str) -> Marks:
        """Events of the named phases in order of bar and code, without building the table.

        Raises:
            DataError: there are several coins.
        """
        bar, lean, code = self.marks_unsorted(*phases)
        order = np.lexsort((code, bar))
        order = order[code[order] >= 0]
        return Marks(bar[order], lean[order], code[order])

    def marks_unsorted(self, *phases: str) -> Marks:
        """All events as they were found; the code is −1 for a phase that is not named.

        Raises:
            DataError: there are several coins.
        """
        if len(self.grids) != 1:
            raise DataError(
                "marks need events of a single coin", got=", ".join(self.grids) or "none"
            )
        if isinstance(self._found, pd.DataFrame):
            (grid,) = self.grids.values()
            bar = grid.get_indexer(pd.DatetimeIndex(self._found["time"])).astype(np.int64)
            lean = self._found["lean"].to_numpy(np.int64)
            known, found = pd.factorize(self._found["phase"])
            names = tuple(found)
        else:
            bar, lean, known = self._found.bar, self._found.lean, self._found.code
            names = self._found.names
        place = {phase: number for number, phase in enumerate(phases)}
        code = np.array([place.get(name, -1) for name in names], np.int64)[known]
        return Marks(bar, lean, code)

    def entries(self, stance: Stance, *, delay_bars: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Long and short entries on the bar at whose open to enter.

        Args:
            stance: `"follow"` trades with the lean, `"fade"` against it.
            delay_bars: bars to wait beyond the first possible open.

        Returns:
            Two boolean frames, index: open times of all coins' bars (UTC), columns: coins; ready
            for `vbt.Portfolio.from_signals(close, long, short_entries=short, price=open)`.
        """
        index = pd.DatetimeIndex([], tz="UTC", name="time")
        for grid in self.grids.values():
            index = index.union(grid)
        long = pd.DataFrame(data=False, index=index, columns=list(self.grids))
        short = long.copy()
        sign = 1 if stance == "follow" else -1
        for symbol, events in self.table.groupby("symbol", observed=True):
            grid = self.grids[str(symbol)]
            at = grid.get_indexer(pd.DatetimeIndex(events["time"])) + 1 + delay_bars
            listed = at < len(grid)
            up = (sign * events["lean"].to_numpy(int) > 0)[listed]
            for frame, chosen in ((long, up), (short, ~up)):
                frame.loc[grid[at[listed][chosen]], str(symbol)] = True
        return long, short


@dataclass(frozen=True)
class Param:
    """Bounds and unit of a signal's parameter, also its search range."""

    low: float
    high: float
    unit: str = ""
    log: bool = False
    about: str = ""


class Signal(BaseModel, ABC):
    """A detector of phases: frozen parameters and one pure method, `detect`.

    A subclass lives in a module of its own under `signals/`, is found by the module's name, and
    declares `phases`: for each phase the streams it needs. A parameter is written
    `window_hours: Annotated[float, Param(24, 720, unit="hours")] = 72`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    #: phase → streams (or `stream.column`, or `one|other`; see `Market.missing`) without which it
    #: cannot be detected
    phases: ClassVar[Mapping[str, tuple[str, ...]]]
    #: phase → what it is in about five words, for tables
    about: ClassVar[Mapping[str, str]] = {}
    #: further streams that it reads where they are there, needed by no phase; not inherited. None:
    #: not declared, so that every stream of the data counts as read
    reads: ClassVar[tuple[str, ...] | None] = None
    #: whether the phases are tied to weekdays, so that placebos must be shifted by whole weeks
    weekly: ClassVar[bool] = False

    def __init__(self, **params: Any) -> None:
        """The signal with these parameters, the rest at their defaults.

        Raises:
            ParameterError, SpecError: a value out of its bounds or of the wrong kind.
            UnknownNameError: a parameter that the signal does not have.
        """
        try:
            super().__init__(**params)
        except ValidationError as error:
            raise plain(error, type(self), where=self.name()) from None

    def features(self, market: Market) -> dict[str, FloatArray]:  # noqa: ARG002 - for overrides
        """What the signal measures, by name, as of each bar's close, shape (n,); NaN in warm-up.

        Nothing, unless a signal has something to show; `detect` alone is enough.
        """
        return {}

    @abstractmethod
    def detect(self, market: Market) -> Phases:
        """The phases of one coin; row t uses only what was known at the close of bar t."""

    @property
    def implies_funding(self) -> bool:
        """Whether a parameter `implied_funding` asks for implied settlements where they miss."""
        return bool(getattr(self, "implied_funding", False))

    @classmethod
    def name(cls) -> str:
        """The signal's name: that of its module."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def params(cls) -> dict[str, Param]:
        """The parameters with their bounds, by name."""
        return dict(_params(cls))

    def detection_hours(self) -> float:
        """The time over which an event builds up; placebos are shifted by more than that."""
        return 24.0

    @classmethod
    def needs(cls, *phases: str) -> Needs:
        """What these phases need, by default all; nothing of one that the signal does not have."""
        return Needs.of(*(need for p in phases or cls.phases for need in cls.phases.get(p, ())))

    @classmethod
    def may_read(cls, streams: Iterable[str]) -> frozenset[str]:
        """Which of these streams it may read: all, where its own class declares no `reads`."""
        declared: tuple[str, ...] | None = vars(cls).get("reads")
        if declared is None:
            return frozenset(streams)
        return frozenset({*cls.needs().streams, *declared} & set(streams))

    def lacking(self, market: Market) -> dict[str, tuple[str, ...]]:
        """Phases that this market cannot show, each with the streams that it lacks."""

        def look() -> dict[str, tuple[str, ...]]:
            lacks = {phase: self.needs(phase).missing_in(market) for phase in self.phases}
            return {phase: streams for phase, streams in lacks.items() if streams}

        return dict(market.memo(("lacking", type(self)), look))

    @model_validator(mode="after")
    def _within_bounds(self) -> Self:
        for name, param in _params(type(self)).items():
            value = getattr(self, name)
            if not param.low <= value <= param.high:
                raise ParameterError(
                    f"{name} must be between {param.low:g} and {param.high:g} {param.unit}".strip(),
                    got=f"{value:g}",
                )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # a worker started by spawn does not have the workspace's root on its path
        module = sys.modules[type(self).__module__]
        origin = getattr(module, "__file__", "") or ""
        return _revive, (origin, type(self).__module__, type(self).__qualname__, self.model_dump())


@cache
def _params(signal: type[Signal]) -> dict[str, Param]:
    return {
        name: param
        for name, info in signal.model_fields.items()
        for param in info.metadata
        if isinstance(param, Param)
    }


def _revive(origin: str, module: str, qualname: str, params: dict[str, Any]) -> Signal:

    root = str(Path(origin).parents[module.count(".")])
    if root not in sys.path:
        sys.path.insert(0, root)
    found: Any = importlib.import_module(module)  # noqa: TID251 - a user's module
    for part in qualname.split("."):
        found = getattr(found, part)
    return found(**params)  # type: ignore[no-any-return]
