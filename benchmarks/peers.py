"""The same trial by other means: vectorbt's portfolio and backtesting.py, as one would write it.

Both are given the signal's own phases, so that they detect as fast as this project does, and naive
UTC time, which vectorbt handles many times faster. They trade at opens, hold for a fixed time, pay
a fee, and ignore what is detected while a position is held. vectorbt takes one order at an open, so
that no entry may fall where a position ends, see `Vectorbt.refuse_meetings`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd
import vectorbt as vbt
from numba import njit
from scipy.signal import lfilter
from vectorbt.portfolio.enums import TradeStatus

from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
#: +1 to buy, −1 to sell short at each bar's open, else 0, shape (bars, coins)
Sides = npt.NDArray[np.int8]

#: on each coin's account, so that none is ever short of it
_CASH = 1e9


class Metrics(NamedTuple):
    """What a trial is told apart by."""

    t: float
    n_trades: int
    mean_net_bps: float


def metrics(day: IntArray, value: FloatArray, *, hold_bars: int) -> Metrics:
    """The tuner's metrics by their definition, in plain NumPy and SciPy.

    Args:
        day: of entry of each trade, shape (k,).
        value: net return on entry notional, shape (k,).
        hold_bars: hours.
    """
    if len(value) == 0:
        return Metrics(math.nan, 0, math.nan)
    day = day - day.min()
    total, count = np.bincount(day, value), np.bincount(day)
    mean = float(value.mean())
    part = (total - mean * count) / len(value)
    decay = 1.0 - 1.0 / max(1.0, 2.0 * hold_bars / 24.0)
    before = lfilter([0.0, decay], [1.0, -decay], part)
    # at least that of independent days
    variance = float(max(np.sum(part * (part + 2.0 * before)), np.sum(part * part)))
    return Metrics(mean / math.sqrt(variance), len(value), 1e4 * mean)


@dataclass(frozen=True)
class Peer:
    """What both are given.

    Attributes:
        markets: by coin, all on the same bars of one hour.
        phases: that are traded.
        fee: of the notional at each end.
    """

    markets: Mapping[str, Market]
    phases: tuple[str, ...]
    fee: float

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """Open times of the bars, naive UTC."""
        first, *others = (market.index for market in self.markets.values())
        assert all(first.equals(other) for other in others)
        return first.tz_localize(None)

    @cached_property
    def day(self) -> IntArray:
        """Of each bar, shape (bars,)."""
        return self.index.to_numpy("datetime64[D]").astype(np.int64)

    def detect(self, signal: Signal) -> Sides:
        """Where to fade: at the open after each phase became known."""
        sides = np.zeros((len(self.index), len(self.markets)), np.int8)
        for coin, market in enumerate(self.markets.values()):
            bar, lean, _ = signal.detect(market).marks(*self.phases)
            traded = bar + 1 < len(sides)
            sides[bar[traded] + 1, coin] = -lean[traded]
        return sides


class Vectorbt(Peer):
    """One `vbt.Portfolio.from_signals` a trial, the coins as its columns."""

    @cached_property
    def prices(self) -> dict[str, pd.DataFrame]:
        """Opens and closes, a column a coin."""
        return {
            name: pd.DataFrame(
                {symbol: market.column("perp", name) for symbol, market in self.markets.items()},
                self.index,
            )
            for name in ("open", "close")
        }

    def exits(self, sides: Sides, hold_bars: int) -> pd.DataFrame:
        """Where positions end: `hold_bars` after their entry; one coin is held once at a time."""
        entries = pd.DataFrame(sides != 0, self.index, list(self.markets))
        made: pd.DataFrame = entries.vbt.signals.generate_exits(
            _after, hold_bars, wait=1, until_next=False, skip_until_exit=True
        )
        return made

    def backtest(self, sides: Sides, hold_bars: int) -> Metrics:
        """Trade, and measure."""
        leave = self.exits(sides, hold_bars)
        made = vbt.Portfolio.from_signals(
            self.prices["close"],
            sides > 0,
            leave,
            short_entries=sides < 0,
            short_exits=leave,
            price=self.prices["open"],
            fees=self.fee,
            size=1.0,
            init_cash=_CASH,
            accumulate=False,
            upon_opposite_entry="ignore",
            freq="1h",
        )
        return metrics(*self.measured(made), hold_bars=hold_bars)

    def measured(self, made: Any) -> tuple[IntArray, FloatArray]:
        """Day of entry and return of each trade that is over."""
        trades = made.trades.values
        over = trades[trades["status"] == TradeStatus.Closed]
        return self.day[over["entry_idx"]], over["return"]

    def refuse_meetings(self, sides: Sides, hold_bars: int) -> None:
        """Assert that no entry falls on an open at which a position ends."""
        assert not ((sides != 0) & self.exits(sides, hold_bars).to_numpy()).any()


class PlainVectorbt(Vectorbt):
    """The same as the documentation has it: frames of entries, and the readable table of trades."""

    def detect(self, signal: Signal) -> Sides:
        """See `Peer.detect`."""
        found = Phases.concat(signal.detect(market) for market in self.markets.values())
        long, short = (e.to_numpy(np.int8) for e in found.select(*self.phases).entries("fade"))
        sides: Sides = long - short
        return sides

    def measured(self, made: Any) -> tuple[IntArray, FloatArray]:
        """See `Vectorbt.measured`."""
        trades = made.trades.records_readable
        over = trades[trades["Status"] == "Closed"]
        day = over["Entry Timestamp"].to_numpy("datetime64[D]").astype(np.int64)
        return day, over["Return"].to_numpy(float)


@njit(cache=True)
def _after(from_i: int, to_i: int, _col: int, hold_bars: int) -> IntArray:
    at = from_i + hold_bars - 1  # from_i is the bar after the entry's
    return np.arange(at, min(at + 1, to_i))


class Backtesting(Peer):
    """One backtest of backtesting.py a trial and coin."""

    @cached_property
    def frames(self) -> list[pd.DataFrame]:
        """Of each coin, as backtesting.py wants them."""
        names = ("open", "high", "low", "close", "volume")
        return [
            pd.DataFrame({name.title(): market.column("perp", name) for name in names}, self.index)
            for market in self.markets.values()
        ]

    def backtest(self, sides: Sides, hold_bars: int) -> Metrics:
        """Trade coin by coin, and measure."""
        from backtesting import Backtest

        tables = []
        with warnings.catch_warnings(), patch("backtesting.backtesting._tqdm", _quiet):
            warnings.simplefilter("ignore")  # of a trade that is open at the end
            for frame, side in zip(self.frames, sides.T, strict=True):
                test = Backtest(frame, _held(side, hold_bars), cash=_CASH, commission=self.fee)
                tables.append(test.run()["_trades"])
        trades = pd.concat(tables, ignore_index=True)
        day = self.day[trades["EntryBar"].to_numpy(np.int64)]
        return metrics(day, trades["ReturnPct"].to_numpy(float), hold_bars=hold_bars)


def _quiet(bars: Iterable[int], **_: object) -> Iterable[int]:
    """In place of a progress bar, which costs time."""
    return bars


def _held(side: npt.NDArray[np.int8], hold_bars: int) -> Any:
    """A strategy that enters where it is told, at the next open, and holds for a fixed time."""
    from backtesting import Strategy

    class Held(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            bar = len(self.data)  # at whose open an order is filled
            if self.trades:
                if bar - self.trades[0].entry_bar >= hold_bars:
                    self.trades[0].close()
            elif bar < len(side) and side[bar]:
                (self.buy if side[bar] > 0 else self.sell)(size=1)

    return Held
