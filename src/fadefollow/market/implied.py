"""Implied funding: what the exchange's formula gives where settlements are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.market.panel import BoolArray, FloatArray, IntArray, Market, TimeArray

#: of the formula, fractions per 8 h: the interest rate, how far it may pull, and the cap
INTEREST, BAND, CAP = 1e-4, 5e-4, 0.02
#: hours between settlements where none says otherwise; they are counted from 00:00 UTC
INTERVAL_HOURS = 8.0
_HOUR_NS = 3_600_000_000_000
#: a settlement may be late by this much before it is missing
_LATE_NS = 5 * 60 * 1_000_000_000


def implied_rate(premium: FloatArray, hours: FloatArray | float = INTERVAL_HOURS) -> FloatArray:
    """The funding rate that follows from the mean premium of its interval.

    Binance's formula: F = P + clamp(0.01 % − P, ±0.05 %) per 8 h, for other intervals in
    proportion, capped at ±2 % per settlement.

    Args:
        premium: mean of perp / index − 1 over the interval, a fraction, shape (k,).
        hours: of the interval.

    Returns:
        Fraction of notional per interval, shape (k,).
    """
    per_8h = premium + np.clip(INTEREST - premium, -BAND, BAND)
    return np.asarray(np.clip(per_8h * hours / INTERVAL_HOURS, -CAP, CAP))


def with_implied_funding(market: Market) -> Market:
    """The same market, with implied settlements where the exchange's are missing.

    Before the first settlement they are due every 8 hours; after the last, and in holes, at the
    interval of the settlement before. One without a known premium in its interval stays missing.
    An implied settlement is known at its own time, from bars that have closed by then; the column
    `implied` of the stream is 1 for it.
    """
    if market.missing("perp") or not len(market):
        return market
    made = _implied(market, _due(market))
    if not len(made):
        return market
    tables = {name: market.table(name) for name in market.streams}
    if "funding" in tables:
        real = tables["funding"]
        real = real if "implied" in real else real.assign(implied=0.0)
        made = pd.concat([real, made], ignore_index=True)
        made = made.sort_values("time", kind="stable", ignore_index=True)
    start = market.index[0]
    return Market(
        market.symbol,
        bar=market.bar,
        tables={**tables, "funding": made},
        start=start,
        end=start + len(market) * market.bar,
        listed=market.listed,
        delisted=market.delisted,
        later=market.later,
    ).of_universe(market.members)


class Count(NamedTuple):
    """How many settlements are implied."""

    implied: int
    all: int
    symbols: tuple[str, ...]  #: coins that have any

    @classmethod
    def of(cls, markets: Mapping[str, Market]) -> Count:
        """That of some coins."""
        counts: dict[str, tuple[int, int]] = {}
        for symbol, market in markets.items():
            if not market.missing("funding"):
                table = market.table("funding")
                counts[symbol] = _marked(table), len(table)
        return cls(
            sum(marked for marked, _ in counts.values()),
            sum(whole for _, whole in counts.values()),
            tuple(symbol for symbol, (marked, _) in counts.items() if marked),
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """Notes on implied settlements; empty where all are the exchange's."""
        if not self.implied:
            return ()
        figures = {"implied": self.implied, "settlements": self.all, "coins": self.symbols}
        return (Note("implied-settlements", figures=figures),)


def _marked(table: pd.DataFrame) -> int:
    return int((table["implied"] == 1).sum()) if "implied" in table else 0


class _Due(NamedTuple):
    time: IntArray  #: of missing settlements, nanoseconds since 1970 UTC, increasing
    hours: FloatArray  #: of their intervals


def _due(market: Market) -> _Due:
    """The settlements that are missing within the market's bars."""
    perp = np.flatnonzero(np.isfinite(market.column("perp", "close")))
    first, last = (int(market.open_time.astype(np.int64)[perp[k]]) for k in (0, -1))
    last += market.bar.value
    step = int(INTERVAL_HOURS * _HOUR_NS)
    if market.missing("funding"):
        return _grid((first // step + 1) * step, last + 1, INTERVAL_HOURS)
    table = market.table("funding")
    time = _nanoseconds(table["time"].dt.tz_convert(None).to_numpy("datetime64[ns]"))
    hours = table["interval_hours"].to_numpy(np.float64)
    length = (hours * _HOUR_NS).astype(np.int64)
    parts = [_grid((first // step + 1) * step, int(time[0]), INTERVAL_HOURS)]
    # a gap that a change of the interval explains is none
    gaps = np.diff(time) > np.maximum(length[1:], length[:-1]) + _LATE_NS
    for at in np.flatnonzero(gaps):
        begin = int(time[at] + length[at])
        parts.append(_grid(begin, int(time[at + 1]) - _LATE_NS, float(hours[at])))
    parts.append(_grid(int(time[-1] + length[-1]), last + 1, float(hours[-1])))
    inside = [(p.time > first) & (p.time <= last) for p in parts]
    return _Due(
        np.concatenate([p.time[keep] for p, keep in zip(parts, inside, strict=True)]),
        np.concatenate([p.hours[keep] for p, keep in zip(parts, inside, strict=True)]),
    )


def _grid(begin: int, end: int, hours: float) -> _Due:
    """Every so many hours from `begin` to before `end`."""
    time = np.arange(begin, max(end, begin), int(hours * _HOUR_NS), dtype=np.int64)
    return _Due(time, np.full(len(time), hours))


def _implied(market: Market, due: _Due) -> pd.DataFrame:
    """A canonical table of implied settlements; those without a premium are left out."""
    rate = implied_rate(_mean_premium(market, due), due.hours)
    known = np.isfinite(rate)
    time = pd.DatetimeIndex(due.time[known].astype("datetime64[ns]"), tz="UTC").as_unit("ns")
    return pd.DataFrame(
        {
            "time": time,
            "rate": rate[known],
            "interval_hours": due.hours[known],
            "implied": 1.0,
            "available": time,
        }
    )


def _mean_premium(market: Market, due: _Due) -> FloatArray:
    """The mean perp premium of the bars that close within each interval, or of the last bar."""
    premium = _perp_premium(market)
    known: BoolArray = np.isfinite(premium)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, premium, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    close = _nanoseconds(market.close_time)
    length = np.maximum((due.hours * _HOUR_NS).astype(np.int64), market.bar.value)
    begin = np.searchsorted(close, due.time - length, side="right")
    end = np.searchsorted(close, due.time, side="right")
    number = (count[end] - count[begin]).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((total[end] - total[begin]) / np.where(number > 0, number, np.nan))


def _perp_premium(market: Market) -> FloatArray:
    """Perp / index − 1 at each bar's close: the exchange's own where it is known, else by spot."""
    spot, perp = (market.column(name, "close") for name in ("spot", "perp"))
    own = market.column("premium_index", "close")
    return np.where(np.isfinite(own), own, perp / spot - 1.0)


def _nanoseconds(times: TimeArray) -> npt.NDArray[np.int64]:
    return times.astype("datetime64[ns]").astype(np.int64)
