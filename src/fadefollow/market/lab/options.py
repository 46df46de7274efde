"""Options: open interest by strike, expiry and right, as an exchange shows it once a day.

Two monthly expiries are listed at a time. On day t the customers of an expiry want, at log distance
x = ln(K / S) and with w = σ·√τ a usual move until expiry,

    calls: C·exp(−½·((x − w) / 1.2·w)²)          sold to dealers above the price
    puts:  P·exp(−½·((x + w) / 1.2·w)²)          bought from dealers below it
           + D·demand·exp(−½·(x / 0.7·w)²)       and, in an episode, at the price

and open interest follows with a delay. Strikes stand on one fixed grid; one is listed where
somebody has wanted it, so that the list says nothing about the future. Implied volatility is that
of the last month with a smile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.lab.clock import HOURS_PER_YEAR, Clock, FloatArray

Times = npt.NDArray[np.datetime64]

#: distance of strikes, log; how far from the price the lists reach, in usual moves until expiry
_GRID, _REACH = 0.08, 1.7
#: coins wanted at the peaks, in usual sides of the crowd: calls, puts, puts at the money
_CALLS, _PUTS, _DEMAND = 0.10, 0.05, 0.40
#: part of the way to what is wanted that open interest goes in a day; its noise
_PACE, _NOISE = 0.40, 0.06
#: days for which an expiry is listed: so, two are; days before its end at which it leaves the book
_LISTED, _LEAVES = 61, 1
#: days of which volatility is taken; smile: per square of x / w
_MEMORY, _SMILE = 30, 0.06


@dataclass(frozen=True)
class Book:
    """Rows of the option book, sorted by time, expiry and strike, calls first; each of shape (m,).

    Attributes:
        time: of the snapshot, 00:00 UTC.
        expiry: 08:00 UTC.
        strike: USDT.
        call: whether it is a call.
        coins: open interest.
        iv: implied volatility, fraction a year.
    """

    time: Times
    expiry: Times
    strike: FloatArray
    call: npt.NDArray[np.bool_]
    coins: FloatArray
    iv: FloatArray


def option_book(
    clock: Clock,
    rng: np.random.Generator,
    *,
    spot: FloatArray,
    variance: FloatArray,
    put_demand: FloatArray,
    side_coins: float,
) -> Book:
    """The option book of one coin at the end of each day.

    Args:
        spot: at each step's end, shape (n,).
        variance: of each step, shape (n,).
        put_demand: 0 to 1, shape (n,).
        side_coins: coins of one usual side of the crowd.
    """
    per = clock.per_day
    last = slice(per - 1, None, per)
    price, demand = spot[last], put_demand[last]
    daily = variance[: len(price) * per].reshape(-1, per).sum(axis=1)
    total = np.concatenate([[0.0], np.cumsum(daily)])
    since = np.maximum(np.arange(1, len(total)) - _MEMORY, 0)
    mean = (total[1:] - total[since]) / (np.arange(1, len(total)) - since)
    vol = np.sqrt(mean * HOURS_PER_YEAR / 24.0)
    origin = np.datetime64(clock.start.tz_convert(None), "ns")
    times = origin + np.timedelta64(24, "h") * np.arange(1, len(price) + 1)
    parts = [
        _of_expiry(rng, expiry, days, times, price, vol, demand)
        for expiry in _expiries(times)
        if len(days := _days(times, expiry))
    ]
    rows = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((~rows[3], rows[2], rows[1], rows[0]))
    time, ends, strike, call, coins, iv = (column[order] for column in rows)
    return Book(time, ends, strike, call, side_coins * coins, iv)


def _of_expiry(
    rng: np.random.Generator,
    expiry: np.datetime64,
    days: npt.NDArray[np.int64],
    times: Times,
    price: FloatArray,
    vol: FloatArray,
    demand: FloatArray,
) -> tuple[Times, Times, FloatArray, npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Rows of one expiry, by column as in `Book`; open interest in usual sides."""
    from scipy.signal import lfilter

    years = (expiry - times[days]) / np.timedelta64(1, "h") / HOURS_PER_YEAR
    width = (vol[days] * np.sqrt(years))[:, None].clip(0.08)
    strikes = _strikes(price[days], float(width.max()))
    x = np.log(strikes[None, :] / price[days][:, None]) / width
    calls = _CALLS * np.exp(-0.5 * np.square((x - 1.0) / 1.2))
    puts = _PUTS * np.exp(-0.5 * np.square((x + 1.0) / 1.2))
    puts += _DEMAND * demand[days][:, None] * np.exp(-0.5 * np.square(x / 0.7))
    wanted = np.stack([calls, puts], axis=2)
    held = lfilter([_PACE], [1.0, _PACE - 1.0], wanted, axis=0)
    held *= np.exp(_NOISE * rng.standard_normal(held.shape))
    seen = np.maximum.accumulate(np.abs(x) <= _REACH, axis=0) & (np.abs(x) <= 1.3 * _REACH)
    day, strike, right = np.nonzero(np.repeat(seen[:, :, None], 2, axis=2))
    iv = vol[days][:, None] * (1.0 + _SMILE * np.square(x).clip(0.0, 6.0))
    return (
        times[days][day],
        np.full(len(day), expiry),
        strikes[strike],
        right == 0,
        held[day, strike, right],
        iv[day, strike],
    )


def _strikes(price: FloatArray, width: float) -> FloatArray:
    """The grid from below to above all that may be listed, three digits each."""
    low, high = np.log(price.min()) - _REACH * width, np.log(price.max()) + _REACH * width
    levels = np.exp(_GRID * np.arange(np.floor(low / _GRID), np.ceil(high / _GRID) + 1))
    digits = 10.0 ** (np.floor(np.log10(levels)) - 2.0)
    return np.asarray(np.unique(np.round(levels / digits) * digits))


def _expiries(times: Times) -> list[np.datetime64]:
    """Last Fridays of the months, 08:00, from the first day to two months after the last."""
    months = pd.date_range(
        pd.Timestamp(times[0]).normalize(),
        pd.Timestamp(times[-1]).normalize() + pd.DateOffset(months=3),
        freq="ME",
    )
    fridays = months - pd.to_timedelta((months.day_of_week - 4) % 7, unit="D")
    return list((fridays + pd.Timedelta(hours=8)).to_numpy().astype("datetime64[ns]"))


def _days(times: Times, expiry: np.datetime64) -> npt.NDArray[np.int64]:
    """Snapshots in which an expiry is listed."""
    left = (expiry - times) / np.timedelta64(1, "D")
    return np.flatnonzero((left >= _LEAVES) & (left <= _LISTED))
