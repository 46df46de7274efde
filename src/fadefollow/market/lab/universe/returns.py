"""Returns: one market factor, one of altcoins, and each coin's own, all with stochastic volatility.

A factor's variance in a step is

    V = Δ·[ exp(2·(slow + middle + fast) − c)·G + J ]

as in `fadefollow.market.lab.shocks`, with parameters for steps of hours and for small coins. A
coin's shock is √V·Z less half its variance, summed over the factors, so that E[exp(shock)] = 1
given everything known at the step's open. Crashes of the market, in which every coin falls by its
share of an exponential, are paid for by all other steps, exactly. Volatility may be foreseen,
returns may not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fadefollow.market.lab.clock import HOURS_PER_YEAR, Clock, FloatArray, stream, wander
from fadefollow.market.lab.settings import LabSettings
from fadefollow.market.lab.universe.lives import MAJORS
from fadefollow.market.lab.universe.settings import UniverseSettings

#: log-volatilities: half-life in hours, standard deviation, share common to all coins
_SPEEDS = {
    "slow": (1500.0, 0.42, 0.7),
    "middle": (150.0, 0.34, 0.7),
    "fast": (8.0, 0.42, 0.7),
}
#: degrees of freedom of a step's Student shock
_TAIL = 5.0
#: bursts of variance a year, of each factor and of each coin; mean, in usual days' variances
_BURSTS, _BURST_DAYS = 5.0, 5.0
#: crashes of the market a year, and the mean fall of a coin as volatile as the median altcoin
_CRASHES, _FALL = 3.0, 0.06
#: no step's variance beyond this: a standard deviation of 30 %
_CEILING = 0.3**2
#: the market's part of what an altcoin shares; the rest is the altcoin factor
_MARKET_PART = 0.75
#: common shares are drawn by a uniform to this power
_SKEW = 1.3
#: BTC's and ETH's volatility in those of the median altcoin, and their common share
_MAJORS = {"BTC": (0.5, 0.85), "ETH": (0.65, 0.85)}


@dataclass(frozen=True)
class Factor:
    """A factor of unit variance a year.

    Attributes:
        log_return: shape (n,), with mean zero.
        variance: given the volatility, shape (n,).
    """

    log_return: FloatArray
    variance: FloatArray


@dataclass(frozen=True)
class Common:
    """What all coins share.

    Attributes:
        market, alts: the two factors.
        crash: size of the crash in each step, of unit mean where there is one, shape (n,).
        volatility: the common part of log-volatility by speed.
    """

    market: Factor
    alts: Factor
    crash: FloatArray
    volatility: dict[str, FloatArray]


@dataclass
class Shocks:
    """A coin's shocks, each of shape (n,); pumps change them in place.

    Attributes:
        log_return: log of the unit-mean shock.
        variance: its variance given the volatility.
        crash: log of the unit-mean shock of crashes.
        typical: variance of a usual step.
    """

    log_return: FloatArray
    variance: FloatArray
    crash: FloatArray
    typical: float

    def scale(self, step: int, variance: float) -> float:
        """Give a step at least this variance, by the same luck; its log return."""
        old = self.variance[step]
        new = min(max(old, variance), 2.0 * _CEILING)
        luck = (self.log_return[step] + 0.5 * old) / math.sqrt(old)
        self.log_return[step] = math.sqrt(new) * luck - 0.5 * new
        self.variance[step] = new
        return float(self.log_return[step])


def common(clock: Clock, settings: LabSettings) -> Common:
    """The factors of a market."""
    rng = stream(settings.seed, "universe", "volatility")
    volatility = {
        name: wander(rng, len(clock), hours=clock.hours, half_life=half_life, scale=scale)
        for name, (half_life, scale, _) in _SPEEDS.items()
    }
    market, alts = (
        _factor(clock, stream(settings.seed, "universe", name), volatility)
        for name in ("market", "alts")
    )
    luck = stream(settings.seed, "universe", "crashes")
    struck = luck.random(len(clock)) < _CRASHES * clock.hours / HOURS_PER_YEAR
    crash = struck * luck.standard_exponential(len(clock))
    return Common(market, alts, crash, volatility)


def coin_shocks(
    clock: Clock, settings: LabSettings, rules: UniverseSettings, symbol: str, shared: Common
) -> Shocks:
    """One coin's shocks, before any pump."""
    rng = stream(settings.seed, symbol, "volatility")
    sigma, part = _character(rng, rules, symbol)
    own = _factor(clock, rng, shared.volatility)
    market_part = 1.0 if symbol in MAJORS else _MARKET_PART
    weights = (part * market_part, part * (1.0 - market_part), 1.0 - part)
    log_return, variance = np.zeros(len(clock)), np.zeros(len(clock))
    for weight, factor in zip(weights, (shared.market, shared.alts, own), strict=True):
        log_return += sigma * math.sqrt(weight) * factor.log_return
        variance += sigma**2 * weight * factor.variance
    held = np.minimum(variance, _CEILING)
    log_return *= np.sqrt(held / variance)
    typical = sigma**2 * clock.hours / HOURS_PER_YEAR
    fall = _FALL * math.sqrt(part * market_part / 0.4) * sigma / 1.2
    crash = _crashes(clock, shared.crash, fall=fall)
    return Shocks(log_return - 0.5 * held, held, crash, typical)


def _crashes(clock: Clock, sizes: FloatArray, *, fall: float) -> FloatArray:
    """Log shocks of mean exp 1: E[exp(−fall·X)] = 1 / (1 + fall) for a unit exponential X."""
    chance = _CRASHES * clock.hours / HOURS_PER_YEAR
    return -fall * sizes - math.log1p(chance * (1.0 / (1.0 + fall) - 1.0))


def _character(
    rng: np.random.Generator, rules: UniverseSettings, symbol: str
) -> tuple[float, float]:
    """Volatility a year, and the share of variance that is common."""
    spread, place = rng.standard_normal(), rng.random()
    if symbol in _MAJORS:
        times, part = _MAJORS[symbol]
        return rules.annual_volatility * times, part
    low, high = rules.correlation
    sigma = rules.annual_volatility * math.exp(rules.volatility_spread * spread)
    return sigma, low + (high - low) * place**_SKEW


def _factor(
    clock: Clock, rng: np.random.Generator, common_volatility: dict[str, FloatArray]
) -> Factor:
    log_volatility = np.zeros(len(clock))
    for name, (half_life, scale, share) in _SPEEDS.items():
        own = wander(rng, len(clock), hours=clock.hours, half_life=half_life, scale=scale)
        log_volatility += math.sqrt(share) * common_volatility[name] + math.sqrt(1.0 - share) * own
    variance = _variance(clock, log_volatility, rng)
    return Factor(np.sqrt(variance) * rng.standard_normal(len(clock)), variance)


def _variance(clock: Clock, log_volatility: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Variance by step, of one a year in the mean, bursts included."""
    count, years = len(clock), clock.hours / HOURS_PER_YEAR
    level = 2.0 * sum(scale**2 for _, scale, _ in _SPEEDS.values())
    activity = (_TAIL / 2.0 - 1.0) / rng.standard_gamma(_TAIL / 2.0, count)
    calm = years * np.exp(2.0 * log_volatility - level) * activity
    struck = rng.random(count) < _BURSTS * years
    burst = struck * rng.standard_exponential(count) * _BURST_DAYS * 24.0 / HOURS_PER_YEAR
    return np.asarray((calm + burst) / (1.0 + _BURSTS * _BURST_DAYS * 24.0 / HOURS_PER_YEAR))
