"""What the replay exchange knows: a few coins' history from the lab, in the venues' own numbers.

All times are milliseconds since 1970. Bars of `BTC` and `PEPE` (a multiplier coin: the perp trades
1,000 of it) go through the whole time, `OLD` stops in the middle: it was delisted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fadefollow.market.lab import simulate

HOUR = 3_600_000
COINS = ("BTC", "PEPE", "OLD")
MULTIPLIER = {"PEPE": 1000}


@dataclass(frozen=True)
class Series:
    """Records of one kind of one market: ascending times, one row of numbers each."""

    times: np.ndarray  #: int64, shape (n,)
    rows: np.ndarray  #: float64, shape (n, k)

    def between(self, low: int, high: int) -> slice:
        """The records with low ≤ time ≤ high."""
        first, last = np.searchsorted(self.times, [low, high + 1])
        return slice(int(first), int(last))


@dataclass(frozen=True)
class Instrument:
    """One market of the exchange."""

    coin: str
    kind: str  #: spot, linear, inverse
    contract: str  #: "", PERPETUAL, or the quarter of a dated one
    series: dict[str, Series]
    expiry: int = 0
    multiplier: int = 1
    listed: int = 0
    delisted: int = 0  #: 0: still traded


#: maintenance brackets of every perp: floor, cap, rate, deduction and highest leverage
BRACKETS = ((0, 50_000, 0.004, 0.0, 125), (50_000, 600_000, 0.005, 50.0, 100))


@dataclass
class History:
    """All markets, the exchange's clock, and its terms of now."""

    start: int
    now: int
    instruments: list[Instrument] = field(default_factory=list)
    brackets: Sequence[Sequence[float]] = BRACKETS
    #: hours from settlement to settlement of Binance's perps that have others than 8
    changed_hours: dict[str, int] = field(default_factory=dict)

    def cut(self, series: Series) -> Series:
        """What is there at the exchange's own time; the open bar among it."""
        count = int(np.searchsorted(series.times, self.now, side="right"))
        return Series(series.times[:count], series.rows[:count])


def make_history(
    days: float = 120,
    now_minutes: float = 25,
    *,
    holes: bool = True,
    coins: Sequence[str] = COINS,
    ahead_days: float = 5,
) -> History:
    """The history from 2023-01-01 on; the clock stands `now_minutes` into the last bar.

    It can be set forward by `ahead_days`.
    """
    years = (days + ahead_days) / 365.25
    settings = {
        "seed": 5,
        "start": "2023-01-01",
        "years": years,
        "coins": list(coins),
        "quiet_days": 1,
    }
    lab = simulate(settings, bar=pd.Timedelta(hours=1))
    start = int(pd.Timestamp("2023-01-01", tz="UTC").value // 10**6)
    now = start + int(days * 24) * HOUR + int(now_minutes * 60_000)
    history = History(start, now)
    for coin in coins:
        history.instruments += _instruments(coin, lab.tables[coin], history, holes=holes)
    return history


def _instruments(
    coin: str, tables: Mapping[str, pd.DataFrame], history: History, *, holes: bool
) -> list[Instrument]:
    many = MULTIPLIER.get(coin, 1)
    end = history.start + (history.now - history.start) // (2 * HOUR) * HOUR
    gone = end if coin == "OLD" else 0
    bars = {"perp": _bars(tables["perp"], many), "mark": _bars(tables["mark"], many, volume=False)}
    spot = _bars(tables["spot"])
    if holes:  # an outage of five hours, and one of a single bar
        spot = _without(spot, history.start + 300 * HOUR, 5)
        spot = _without(spot, history.start + 900 * HOUR, 1)
    premium = _bars(tables["premium_index"], volume=False)
    index = Series(bars["mark"].times, bars["mark"].rows[:, :4] / (1 + premium.rows[:, 3:4]))
    oi = tables["open_interest"]
    stamps = _ms(oi["time"])
    contracts = Series(stamps, (oi["open_interest"].to_numpy() / many)[:, None])
    ratio = 1.5 + np.sin(np.arange(len(stamps)) / 37)
    perp = {
        "bars": bars["perp"],
        "mark": bars["mark"],
        "index": index,
        "premium": premium,
        "funding": _funding(tables["funding"]),
        "oi": contracts,
        "ratio": Series(stamps, ratio[:, None]),
    }
    if gone:
        perp = {name: _until(series, gone) for name, series in perp.items()}
        spot = _until(spot, gone)
    made = [
        Instrument(coin, "spot", "", {"bars": spot}, delisted=gone),
        Instrument(coin, "linear", "PERPETUAL", perp, 0, many, history.start, gone),
    ]
    if coin == "BTC":
        made.append(Instrument(coin, "inverse", "PERPETUAL", perp, listed=history.start))
        for expiry, table in tables["future"].groupby("expiry"):
            at = int(pd.Timestamp(expiry).value // 10**6)  # type: ignore[arg-type]
            if len(table) > 24:
                made.append(Instrument(coin, "linear", "QUARTER", {"bars": _bars(table)}, at))
    return made


def _bars(table: pd.DataFrame, many: int = 1, *, volume: bool = True) -> Series:
    prices = table[["open", "high", "low", "close"]].to_numpy(float) * many
    prices = np.round(prices, 8)
    if volume:
        coins = table["volume"] if "volume" in table else pd.Series(0.0, table.index)
        prices = np.column_stack([prices, np.round(coins.to_numpy(float) / many, 3)])
    return Series(_ms(table["time"]), prices)


def _funding(table: pd.DataFrame) -> Series:
    times = _ms(table["time"])
    return Series(times + np.arange(len(times)) % 9, np.round(table[["rate"]].to_numpy(float), 8))


def _without(series: Series, start: int, hours: int) -> Series:
    keep = (series.times < start) | (series.times >= start + hours * HOUR)
    return Series(series.times[keep], series.rows[keep])


def _until(series: Series, end: int) -> Series:
    keep = series.times < end
    return Series(series.times[keep], series.rows[keep])


def _ms(times: pd.Series) -> np.ndarray:
    return times.dt.as_unit("ms").astype("int64").to_numpy()
