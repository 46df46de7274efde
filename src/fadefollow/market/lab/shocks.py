"""Shocks: each step's unforeseeable return, with stochastic volatility, bursts and factors.

A factor's variance in step i is

    V = σ²·Δ·[ rhythm²·exp(2·(slow + middle + fast) − c)·G + J ]·f²

with σ² the variance a year, Δ the step in years, three Ornstein–Uhlenbeck log-volatilities, G a
unit-mean heavy-tailed activity (inverse gamma: a Student step), and J rare exponential bursts, the
"jumps": fast but continuous moves, so that a stop inside a bar is filled at its level by right;
f is the episodes' force, which may depend on earlier returns.
A coin's shock is the sum of its share of the market factor and of its own, compensated by half its
variance, hence E[exp(shock)] = 1 exactly, given everything known at the step's open. Volatility
may be foreseen; returns may not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fadefollow.market.lab.clock import HOURS_PER_YEAR, Clock, FloatArray, stream, wander
from fadefollow.market.lab.settings import LabSettings


@dataclass(frozen=True)
class _Speed:
    """One log-volatility: half-life in hours, standard deviation, share common to all coins."""

    half_life: float
    scale: float
    common: float


# Calibrated to the autocorrelation of |hourly return| at 1 h, 24 h, 168 h and 720 h.
_SPEEDS = {
    "slow": _Speed(1500.0, 0.42, 0.8),
    "middle": _Speed(60.0, 0.30, 0.8),
    "fast": _Speed(3.0, 0.45, 0.7),
}
#: degrees of freedom of a step's Student shock
_TAIL = 4.5
#: mean variance of a burst, in units of a typical day's variance
_BURST_DAYS = 0.8
#: no step's variance beyond this: a standard deviation of 30 %
_CEILING = 0.3**2


@dataclass(frozen=True)
class Shocks:
    """A coin's shocks.

    Attributes:
        log_return: log of the unit-mean shock, shape (n,).
        variance: its variance given the volatility, shape (n,); also that of the path in the step.
        typical: variance of a typical step, the coin's own usual size.
    """

    log_return: FloatArray
    variance: FloatArray
    typical: float

    def under(self, volatility: FloatArray) -> Shocks:
        """The same luck under other volatility: r = f·(r₁ + V₁ / 2) − f²·V₁ / 2, shape (n,)."""
        variance = np.minimum(np.square(volatility) * self.variance, 2.0 * _CEILING)
        half = 0.5 * self.variance
        scale = np.sqrt(variance / self.variance)
        return Shocks(scale * (self.log_return + half) - variance / 2.0, variance, self.typical)


@dataclass(frozen=True)
class MarketFactor:
    """The market factor: unit-volatility shocks and the common part of volatility."""

    variance: FloatArray
    normal: FloatArray
    common: dict[str, FloatArray]


def market_factor(clock: Clock, settings: LabSettings) -> MarketFactor:
    """The market factor, of variance 1 a typical step."""
    rng = stream(settings.seed, "market", "volatility")
    common = {
        name: wander(rng, len(clock), hours=clock.hours, half_life=s.half_life, scale=s.scale)
        for name, s in _SPEEDS.items()
    }
    variance = _variance(clock, sum(common.values()), rng, jumps_per_year=settings.jumps_per_year)
    normal = stream(settings.seed, "market", "returns").standard_normal(len(clock))
    return MarketFactor(variance, normal, common)


def coin_shocks(
    clock: Clock,
    settings: LabSettings,
    symbol: str,
    market: MarketFactor,
) -> Shocks:
    """One coin's shocks where no episode touches its volatility; see `Shocks.under`."""
    rng = stream(settings.seed, symbol, "volatility")
    spread = settings.volatility_spread * rng.uniform(-1.0, 1.0)
    sigma = settings.annual_volatility * math.exp(spread)
    typical = sigma**2 * clock.hours / HOURS_PER_YEAR
    log_volatility = sum(
        math.sqrt(s.common) * market.common[name]
        + math.sqrt(1.0 - s.common)
        * wander(rng, len(clock), hours=clock.hours, half_life=s.half_life, scale=s.scale)
        for name, s in _SPEEDS.items()
    )
    own = _variance(clock, log_volatility, rng, jumps_per_year=settings.jumps_per_year)
    shared = np.minimum(settings.correlation * typical * market.variance, _CEILING)
    own = np.minimum((1.0 - settings.correlation) * typical * own, _CEILING)
    normal = stream(settings.seed, symbol, "returns").standard_normal(len(clock))
    variance = shared + own
    log_return = np.sqrt(shared) * market.normal + np.sqrt(own) * normal - variance / 2.0
    return Shocks(log_return, variance, typical)


def _variance(
    clock: Clock,
    log_volatility: FloatArray | float,
    rng: np.random.Generator,
    *,
    jumps_per_year: float,
) -> FloatArray:
    """Variance by step in units of a typical step's; its mean is about 1 without bursts."""
    count = len(clock)
    level = 2.0 * sum(s.scale**2 for s in _SPEEDS.values())
    activity = (_TAIL / 2.0 - 1.0) / rng.standard_gamma(_TAIL / 2.0, count)
    calm = np.square(clock.rhythm) * np.exp(2.0 * np.asarray(log_volatility) - level) * activity
    struck = rng.random(count) < jumps_per_year * clock.hours / HOURS_PER_YEAR
    burst = struck * rng.standard_exponential(count) * _BURST_DAYS * clock.per_day
    return np.asarray(calm + burst)
