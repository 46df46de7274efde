"""The market figure of one coin: price, phases, planted truth, and the panels below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from fadefollow.reporting.charts.downsample import (
    FloatArray,
    IntArray,
    fair_share,
    folded,
    keep_extremes,
    millis,
)
from fadefollow.reporting.charts.encoding import unit_of
from fadefollow.reporting.charts.market_panels import PANELS, Panel
from fadefollow.reporting.pages.budget import Budget
from fadefollow.verdict.model import RunResult

#: with fewer values than this share of its bars a column holds settlements: each until the next
_SPARSE = 0.6


@dataclass(frozen=True)
class Grid:
    """The bars of one coin: bar i spans `start + i × bar` and the next one, in milliseconds."""

    start: int
    bar: int
    count: int

    @classmethod
    def of(cls, index: pd.DatetimeIndex) -> Grid:
        """The grid that a coin's open times lie on; some may be missing."""
        times = millis(index).astype(np.int64)
        bar = int(np.median(np.diff(times))) if times.size > 1 else 3_600_000
        return cls(int(times[0]), bar, int((times[-1] - times[0]) // bar) + 1)

    def place(self, times: pd.DatetimeIndex | pd.Series) -> IntArray:
        """Numbers of the bars that open at these times, shape (k,)."""
        return np.round((millis(times) - self.start) / self.bar).astype(np.int64)


@dataclass(frozen=True)
class Candles:
    """Prices of stretches of `step` bars, shape (m,) each; NaN where no bar is there."""

    step: int
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


@dataclass(frozen=True)
class Curve:
    """Values at the closes of the bars numbered `place`, shape (k,) each."""

    place: IntArray
    value: FloatArray


@dataclass(frozen=True)
class Lane:
    """One phase of one coin: when it was known, and where the lab had planted it."""

    phase: str
    lean: int
    seen: int  #: phases found, of which the strongest are drawn where there are too many
    place: IntArray  #: numbers of the bars at whose closes it was known, shape (k,), as are:
    strength: FloatArray
    door: IntArray  #: number of the door in its game, 0 for what is none
    #: planted stretches, shape (p, 2), milliseconds
    planted: FloatArray = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class PriceFigure:
    """All that can be drawn about one coin's market, at the size of its bars."""

    symbol: str
    frame: pd.DataFrame
    lanes: tuple[Lane, ...]

    @cached_property
    def grid(self) -> Grid:
        """Of its bars."""
        return Grid.of(pd.DatetimeIndex(self.frame.index))

    @cached_property
    def panels(self) -> tuple[Panel, ...]:
        """Those of which the coin has data."""
        return tuple(p for p in PANELS if any(self.has(c.column) for c in p.curves))

    def has(self, column: str) -> bool:
        """Whether a column is there and holds a number."""
        return column in self.values

    @cached_property
    def values(self) -> dict[str, FloatArray]:
        """By column its values, NaN where a bar is missing, shape (count,); none without any."""
        place = self.grid.place(pd.DatetimeIndex(self.frame.index))
        found = {}
        for column in self.frame:
            out = np.full(self.grid.count, np.nan)
            out[place] = self.frame[column].to_numpy(np.float64)
            if np.isfinite(out).any():
                found[str(column)] = out
        return found

    @cached_property
    def units(self) -> dict[str, float]:
        """By column the unit of which its drawn values are multiples."""
        return {column: unit_of(values) for column, values in self.values.items()}

    def candles(self, step: int) -> Candles:
        """The prices of stretches of `step` bars."""
        none = np.full(self.grid.count, np.nan)
        parts = (self.values.get(c, none) for c in ("open", "high", "low", "close"))
        return candles(*parts, step=step)

    def curve(self, column: str, *, held: bool, step: int) -> Curve:
        """A column with its extremes in about every `step` bars."""
        return curve(self.values[column], held=held, step=step)


def price_figures(run: RunResult, budget: Budget) -> Iterator[PriceFigure]:
    """The market of each coin, with as many events as the budget gives it."""
    truth = run.truth if run.truth is not None else pd.DataFrame({"symbol": [], "phase": []})
    phases, planted = (_by_coin(table) for table in (run.phases, truth))
    for symbol, frame in run.prices.items():
        if not len(frame):
            yield PriceFigure(symbol, frame, ())
            continue
        grid = Grid.of(pd.DatetimeIndex(frame.index))
        lanes = _lanes(
            phases.get(symbol, run.phases.iloc[:0]),
            planted.get(symbol, truth.iloc[:0]),
            grid,
            budget.events,
        )
        yield PriceFigure(symbol, frame, lanes)


def _by_coin(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(symbol): mine for symbol, mine in table.groupby("symbol", sort=False)}


def candles(
    opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, *, step: int
) -> Candles:
    """First open, highest high, lowest low and last close of each stretch of `step` bars."""
    if step == 1:
        return Candles(1, opened, high, low, close)
    opens, highs, lows, closes = (folded(values, step) for values in (opened, high, low, close))
    rows = np.arange(len(opens))
    known = ~np.isnan(closes)
    last = step - 1 - known[:, ::-1].argmax(axis=1)
    return Candles(
        step,
        opens[rows, (~np.isnan(opens)).argmax(axis=1)],
        np.fmax.reduce(highs, axis=1),
        np.fmin.reduce(lows, axis=1),
        closes[rows, last],
    )


def curve(values: FloatArray, *, held: bool, step: int) -> Curve:
    """A curve thinned by extremes: two in every `step` bars where it changes that often.

    Args:
        values: one a bar, shape (n,); NaN where nothing was known.
        held: each value holds until the next, so that only changes are needed.
        step: 1 keeps every value.
    """
    place = np.arange(values.size)
    if np.isfinite(values).mean() < _SPARSE and held:
        place = np.flatnonzero(np.isfinite(values))
    if held:
        series = values[place]
        same = (series[1:] == series[:-1]) | (np.isnan(series[1:]) & np.isnan(series[:-1]))
        kept = np.r_[True, ~same]
        kept[-1] = True  # what holds at the end holds until the end
        place = place[kept]
    if step > 1:
        place = place[keep_extremes(values[place], points=max(2 * values.size // step, 4))]
    return Curve(place, values[place])


def _lanes(seen: pd.DataFrame, planted: pd.DataFrame, grid: Grid, most: int) -> tuple[Lane, ...]:
    """The phases of one coin, by name; of too many events the strongest of each."""
    names = seen["phase"].to_numpy(object)
    door = seen["door_number"] if "door_number" in seen else pd.Series(0, seen.index)
    place, number = grid.place(seen["time"]), door.fillna(0).to_numpy(np.float64).astype(np.int64)
    strength, lean = seen["strength"].to_numpy(np.float64), seen["lean"].to_numpy(np.int64)
    true = planted["phase"].to_numpy(object)
    spans = np.empty((0, 2))
    if len(planted):
        spans = np.column_stack([millis(planted["start"]), millis(planted["end"])])
    places = {str(name): np.flatnonzero(names == name) for name in dict.fromkeys(names)}
    each = fair_share([kept.size for kept in places.values()], most)
    if not each:  # not even one of each phase: the strongest of all
        strongest = strength.argsort(kind="stable")[max(strength.size - most, 0) :]
    lanes = []
    for name in sorted({*places, *map(str, true)}):
        kept = places.get(name, np.empty(0, np.int64))
        found = kept.size
        leaning = int(lean[kept[0]]) if found else 0
        if not each:
            kept = np.intersect1d(kept, strongest)
        elif found > each:
            kept = np.sort(kept[strength[kept].argsort()[found - each :]])
        lanes.append(
            Lane(
                phase=name,
                lean=leaning,
                seen=found,
                place=place[kept],
                strength=strength[kept],
                door=number[kept],
                planted=spans[true == name],
            )
        )
    return tuple(lanes)
