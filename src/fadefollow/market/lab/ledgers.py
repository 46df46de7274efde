"""Ledgers: what is counted rather than priced: volumes, open interest, netflow and reserve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fadefollow.market.lab.clock import Clock, FloatArray, wander
from fadefollow.market.lab.kernel import Path

#: open interest that is not the crowd's (hedges, spreads), in units of the crowd's usual side
_REST = 3.0
#: perp volume per hour as a part of open interest; spot and dated futures as parts of the perp's
_TURNOVER, _SPOT_SHARE, _FUTURE_SHARE = 0.15, 0.22, 0.03
#: how volume follows the variance of the step
_ACTIVITY = 0.35
#: reserve in units of usual open interest; a day's usual netflow as a part of it
_RESERVE, _NETFLOW, _NETFLOW_DRIFT = 25.0, 0.0028, 0.0005
_DAYS_OF_FREEDOM = 4.0
#: hash rate, EH/s: at first, growth a year, and what a day's count is off by
_HASH_RATE, _HASH_GROWTH, _HASH_NOISE = 150.0, 0.4, 0.03


@dataclass(frozen=True)
class Ledgers:
    """Counts in coins; by step, of shape (n,), or by day, of shape (days,).

    Attributes:
        perp_volume: traded within the step; likewise spot_volume and future_volume (a contract).
        open_interest: at the step's end.
        long_liquidated: within the step; likewise short_liquidated.
        netflow: into exchanges, by day.
        reserve: held there at the day's end.
        hash_rate: EH/s, by day.
    """

    perp_volume: FloatArray
    spot_volume: FloatArray
    future_volume: FloatArray
    open_interest: FloatArray
    long_liquidated: FloatArray
    short_liquidated: FloatArray
    netflow: FloatArray
    reserve: FloatArray
    hash_rate: FloatArray


def keep(
    clock: Clock,
    rng: np.random.Generator,
    path: Path,
    *,
    side_coins: float,
    heat: FloatArray,
    future_volume_force: FloatArray,
    netflow_force: FloatArray,
    hash_rate_force: FloatArray,
) -> Ledgers:
    """The ledgers of one coin.

    Args:
        side_coins: coins of one usual side of the crowd.
        heat: variance of each step in units of a usual one, shape (n,).
        future_volume_force: multiplier, shape (n,).
        netflow_force: fraction of the reserve a day, shape (n,).
        hash_rate_force: multiplier, shape (n,).

    Every contract has a long and a short: open interest is the larger side of the crowd (market
    makers take what it leaves over) and what others hold.
    """
    count, hours = len(clock), clock.hours
    others = np.exp(wander(rng, count, hours=hours, half_life=1500.0, scale=0.25))
    restless = np.exp(wander(rng, count, hours=hours, half_life=0.5, scale=0.016))
    held = _REST * others * restless + np.maximum(path.longs, path.shorts)
    pace = clock.rhythm * heat**_ACTIVITY
    pace *= np.exp(wander(rng, count, hours=hours, half_life=300.0, scale=0.45))
    pace *= np.exp(wander(rng, count, hours=hours, half_life=2.0, scale=0.35))
    traded = _TURNOVER * hours * (_REST + 1.0) * pace
    forced = path.long_liquidated + path.short_liquidated
    perp = traded * np.exp(0.25 * rng.standard_normal(count)) + forced
    spot = _SPOT_SHARE * traded * np.exp(0.35 * rng.standard_normal(count))
    future = _FUTURE_SHARE * traded * np.exp(0.5 * rng.standard_normal(count))
    netflow, reserve = _flows(clock, rng, netflow_force)
    return Ledgers(
        side_coins * perp,
        side_coins * spot,
        side_coins * future * future_volume_force,
        side_coins * held,
        side_coins * path.long_liquidated,
        side_coins * path.short_liquidated,
        side_coins * _RESERVE * netflow,
        side_coins * _RESERVE * reserve,
        _hash_rate(clock, rng, hash_rate_force),
    )


def _flows(
    clock: Clock, rng: np.random.Generator, force: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Netflow and reserve by whole day, as parts of the first reserve."""
    days = len(clock) // clock.per_day
    usual = np.sqrt(_DAYS_OF_FREEDOM / (_DAYS_OF_FREEDOM - 2.0))
    rate = _NETFLOW * rng.standard_t(_DAYS_OF_FREEDOM, days) / usual
    rate += wander(rng, days, hours=24.0, half_life=72.0, scale=_NETFLOW_DRIFT)
    rate += force[: days * clock.per_day].reshape(days, clock.per_day).mean(axis=1)
    reserve = np.exp(np.cumsum(np.log1p(np.clip(rate, -0.5, 0.5))))
    return np.diff(reserve, prepend=1.0), reserve


def _hash_rate(clock: Clock, rng: np.random.Generator, force: FloatArray) -> FloatArray:
    """Network hash rate by whole day, EH/s."""
    days = len(clock) // clock.per_day
    level = _HASH_RATE * (1.0 + _HASH_GROWTH) ** (np.arange(days) / 365.25)
    level *= np.exp(wander(rng, days, hours=24.0, half_life=600.0, scale=_HASH_NOISE))
    level *= np.exp(_HASH_NOISE * rng.standard_normal(days))
    return np.asarray(level * force[: days * clock.per_day].reshape(days, -1).mean(axis=1))
