"""Tables: from steps to bars to the canonical tables of `fadefollow.market.streams`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from fadefollow.market.lab.clock import SETTLEMENT_HOURS, Clock, FloatArray
from fadefollow.market.lab.contracts import Contract
from fadefollow.market.lab.kernel import Path
from fadefollow.market.lab.ledgers import Ledgers
from fadefollow.market.lab.options import Book

Columns = dict[str, FloatArray]
#: streams that are written down by snapshot or by hand
MARKED = ("options", "news")
_DAY, _NONE = pd.Timedelta(days=1), pd.Timedelta(0)


def extremes(
    before: FloatArray, after: FloatArray, variance: FloatArray, up: FloatArray, down: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """High and low of the continuous path of each step, given its ends; all of shape (n,).

    The extremes of a Brownian bridge of log prices with the step's variance: for a move b,
    max = (b + √(b² − 2V·ln u)) / 2 with u uniform.
    """
    move = np.log(after / before)
    high = before * np.exp(0.5 * (move + np.sqrt(move**2 - 2.0 * variance * np.log(up))))
    low = before * np.exp(0.5 * (move - np.sqrt(move**2 - 2.0 * variance * np.log(down))))
    return np.maximum(high, np.maximum(before, after)), np.minimum(low, np.minimum(before, after))


def bars(
    per_bar: int, first: float, close: FloatArray, high: FloatArray, low: FloatArray
) -> Columns:
    """Open, high, low and close of bars of `per_bar` steps; a bar opens at the last one's close."""
    ends = close[per_bar - 1 :: per_bar]
    opens = np.concatenate([[first], ends[:-1]])
    tops = np.maximum(high.reshape(-1, per_bar).max(axis=1), opens)
    bottoms = np.minimum(low.reshape(-1, per_bar).min(axis=1), opens)
    return {"open": opens, "high": tops, "low": bottoms, "close": ends.copy()}


class Streams:
    """Builds one coin's canonical tables from its path.

    Args:
        first_price: perp, spot, mark and index before the first step.
        variance: of the price path in each step, shape (n,).
        up: uniforms behind the highs, shape (n,); `down` behind the lows.
        netflow_lag: publication lag after the day's end.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        first_price: float,
        variance: FloatArray,
        up: FloatArray,
        down: FloatArray,
        netflow_lag: pd.Timedelta,
    ) -> None:
        self.clock, self.first_price, self.netflow_lag = clock, first_price, netflow_lag
        self.variance, self.up, self.down = variance, up, down

    def tables(
        self,
        path: Path,
        spot: FloatArray,
        futures: Sequence[Contract],
        ledgers: Ledgers,
        *,
        names: Collection[str] | None = None,
    ) -> dict[str, pd.DataFrame]:
        """The streams named but those of `MARKED`, by name; by default all that the lab makes."""
        makers: dict[str, Callable[[], pd.DataFrame]] = {
            "spot": lambda: self._bars(
                self._priced(spot, self.first_price) | self._volume(ledgers.spot_volume)
            ),
            "perp": lambda: self._bars(
                bars(self.clock.per_bar, self.first_price, path.perp, path.high, path.low)
                | self._volume(ledgers.perp_volume)
            ),
            "mark": lambda: self._bars(self._priced(path.mark, self.first_price)),
            "premium_index": lambda: self._premium_index(path.premium),
            "funding": lambda: self._funding(path.rate),
            "open_interest": lambda: self._open_interest(ledgers),
            "future": lambda: self._futures(futures, ledgers.future_volume),
            "liquidations": lambda: self._daily(
                long_coins=self._per_day(ledgers.long_liquidated),
                short_coins=self._per_day(ledgers.short_liquidated),
            ),
            "netflow": lambda: self._daily(
                lag=self.netflow_lag, netflow_coins=ledgers.netflow, reserve_coins=ledgers.reserve
            ),
            "hash_rate": lambda: self._daily(hash_rate=ledgers.hash_rate),
        }
        return {name: make() for name, make in makers.items() if names is None or name in names}

    def marked(self, book: Book, news: Sequence[tuple[int, str, str]]) -> dict[str, pd.DataFrame]:
        """The streams of `MARKED`, by name."""
        times = pd.DatetimeIndex(book.time, tz="UTC")
        options = canonical(
            times, times, {"strike": book.strike, "open_interest": book.coins, "iv": book.iv}
        )
        expiry = pd.Series(pd.DatetimeIndex(book.expiry, tz="UTC").as_unit("ns"))
        rights = pd.Series(["put", "call"], dtype="str").take(book.call.astype(np.int64))
        options.insert(1, "expiry", expiry)
        options.insert(3, "right", rights.reset_index(drop=True))
        listed = sorted({(step, kind): text for step, kind, text in news}.items())
        at = pd.DatetimeIndex([self.clock.time(step) for (step, _), _ in listed], tz="UTC")
        said = canonical(at, at, {})
        said.insert(1, "kind", pd.Series([kind for (_, kind), _ in listed], dtype="str"))
        said.insert(2, "text", pd.Series([text for _, text in listed], dtype="str"))
        return {"options": options, "news": said}

    def _premium_index(self, premium: FloatArray) -> pd.DataFrame:
        return self._bars(bars(self.clock.per_bar, premium[0], premium, premium, premium))

    def _priced(self, price: FloatArray, first: float, steps: slice = slice(None)) -> Columns:
        """Bars of a price that moves with the perp, over `steps`, from its `first` print."""
        before = np.concatenate([[first], price[:-1]])
        high, low = extremes(before, price, self.variance[steps], self.up[steps], self.down[steps])
        return bars(self.clock.per_bar, first, price, high, low)

    def _volume(self, volume: FloatArray) -> Columns:
        return {"volume": volume.reshape(-1, self.clock.per_bar).sum(axis=1)}

    def _per_day(self, coins: FloatArray) -> FloatArray:
        return np.asarray(coins.reshape(-1, self.clock.per_day).sum(axis=1))

    def _bars(self, columns: Columns) -> pd.DataFrame:
        times = self.clock.opens
        return canonical(times, times + self._bar, columns)

    @property
    def _bar(self) -> pd.Timedelta:
        return pd.Timedelta(minutes=self.clock.minutes * self.clock.per_bar)

    def _funding(self, rate: FloatArray) -> pd.DataFrame:
        at = np.flatnonzero(self.clock.settles)
        step = np.timedelta64(self.clock.minutes, "m")
        times = pd.DatetimeIndex(self.clock.start.tz_convert(None) + step * (at + 1), tz="UTC")
        hours = np.full(len(at), float(SETTLEMENT_HOURS))
        return canonical(times, times, {"rate": rate[at], "interval_hours": hours})

    def _open_interest(self, ledgers: Ledgers) -> pd.DataFrame:
        """Snapshots at the bars' closes."""
        per = self.clock.per_bar
        times = self.clock.opens + self._bar
        return canonical(
            times, times, {"open_interest": ledgers.open_interest[per - 1 :: per].copy()}
        )

    def _futures(self, futures: Sequence[Contract], volume: FloatArray) -> pd.DataFrame:
        per, parts, bar_numbers = self.clock.per_bar, list[Columns](), []
        for contract in futures:
            steps = slice(contract.first, contract.first + len(contract.price))
            bar_numbers.append(np.arange(steps.start // per, steps.stop // per))
            priced = self._priced(contract.price, float(contract.price[0]), steps)
            parts.append(priced | self._volume(volume[steps]))
        bar = np.concatenate(bar_numbers)
        # contracts come in the order of their expiries
        order = np.argsort(bar, kind="stable")
        columns = {c: np.concatenate([part[c] for part in parts])[order] for c in parts[0]}
        opens = self.clock.opens[bar[order]]
        expiries = pd.DatetimeIndex([contract.expiry for contract in futures]).as_unit("ns")
        of_bar = np.repeat(np.arange(len(futures)), [len(numbers) for numbers in bar_numbers])
        table = canonical(opens, opens + self._bar, columns)
        table.insert(1, "expiry", expiries[of_bar[order]])
        return table

    def _daily(self, *, lag: pd.Timedelta = _NONE, **columns: FloatArray) -> pd.DataFrame:
        days = len(next(iter(columns.values())))
        span = np.timedelta64(1, "D") * np.arange(days)
        times = pd.DatetimeIndex(self.clock.start.tz_convert(None) + span, tz="UTC")
        return canonical(times, times + _DAY + lag, columns)


def canonical(
    times: pd.DatetimeIndex, available: pd.DatetimeIndex, columns: Columns
) -> pd.DataFrame:
    """A canonical table: `time`, the columns, `available`."""
    data = {"time": times.as_unit("ns"), **columns, "available": available.as_unit("ns")}
    return pd.DataFrame(data)
