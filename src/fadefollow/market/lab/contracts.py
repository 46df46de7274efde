"""Dated futures: two quarterlies at a time, which meet spot at their expiry.

future / spot − 1 = carry · (time to expiry in years) + noise · (1 − e^(−days / 2)); the carry
wanders slowly around a positive level, leans with the crowd, and takes the episodes' force.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.lab.clock import Clock, FloatArray, wander

#: mean carry and its wandering, fractions a year; the crowd's part per unit of net crowd
_CARRY, _CARRY_SCALE, _CARRY_HALF_LIFE, _CARRY_CROWD = 0.09, 0.03, 20 * 24.0, 0.03
#: noise of the basis: wandering and single prints, fractions
_NOISE, _NOISE_HALF_LIFE, _PRINT = 4e-4, 4.0, 1.5e-4


@dataclass(frozen=True)
class Contract:
    """One dated future over the steps in which it was listed.

    Attributes:
        expiry: its end, 08:00 UTC.
        first: its first step, the start of a bar.
        price: at the end of each step from `first` on, shape (k,).
        basis: future / spot − 1, shape (k,).
    """

    expiry: pd.Timestamp
    first: int
    price: FloatArray
    basis: FloatArray


def quarterly_expiries(start: pd.Timestamp, end: pd.Timestamp) -> list[pd.Timestamp]:
    """Last Fridays of March, June, September and December, 08:00 UTC.

    From the second before `start` to the second after `end`.
    """
    months = pd.date_range(
        start.tz_convert(None).normalize() - pd.DateOffset(months=8),
        end.tz_convert(None) + pd.DateOffset(months=8),
        freq="QE",
    )
    days = [m - pd.Timedelta(days=(m.weekday() - 4) % 7) for m in months]
    stamps = [(d.normalize() + pd.Timedelta(hours=8)).tz_localize("UTC") for d in days]
    before = [t for t in stamps if t <= start][-2:]
    within = [t for t in stamps if start < t <= end]
    return before + within + [t for t in stamps if t > end][:2]


def contracts(
    clock: Clock,
    rng: np.random.Generator,
    *,
    spot: FloatArray,
    net_crowd: FloatArray,
    carry_force: FloatArray,
) -> list[Contract]:
    """All contracts that trade within the clock's span.

    Args:
        spot: at each step's end, shape (n,); likewise `net_crowd` and `carry_force` (per year).
    """
    count, hours = len(clock), clock.hours
    carry = _CARRY + _CARRY_CROWD * net_crowd + carry_force
    carry += wander(rng, count, hours=hours, half_life=_CARRY_HALF_LIFE, scale=_CARRY_SCALE)
    noise = wander(rng, count, hours=hours, half_life=_NOISE_HALF_LIFE, scale=_NOISE)
    expiries = quarterly_expiries(clock.start, clock.end)
    made = []
    for listing, expiry in zip(expiries[:-2], expiries[2:], strict=True):
        span = _steps(clock, listing, expiry)
        if len(span):
            days = (_hours(clock, expiry) - (span + 1) * hours) / 24.0
            prints = noise[span] + _PRINT * rng.standard_normal(len(span))
            basis = carry[span] * days / 365.0 + prints * (1.0 - np.exp(-days / 2.0))
            made.append(Contract(expiry, int(span[0]), spot[span] * (1.0 + basis), basis))
    return made


def _hours(clock: Clock, time: pd.Timestamp) -> float:
    return (time - clock.start) / pd.Timedelta(hours=1)


def _steps(clock: Clock, listing: pd.Timestamp, expiry: pd.Timestamp) -> npt.NDArray[np.int64]:
    """Steps of the whole bars between listing and expiry."""
    bar_hours = clock.per_bar * clock.hours
    first = max(-int(-_hours(clock, listing) // bar_hours), 0)
    last = min(int(_hours(clock, expiry) // bar_hours), clock.bars)
    return np.arange(first * clock.per_bar, max(last, first) * clock.per_bar)
