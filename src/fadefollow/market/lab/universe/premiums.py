"""Premiums: what the exchange averages into funding, and what spot's closes show of it.

The premium index stays between bounds that arbitrage sets, where funding is at its default or
near, and leaves them only when a crowd presses. Spot of one venue is not the index: it has a gap
of its own that wanders, and its closes bounce, so that the premium of closes is noisier than the
funding (as in data whose funding is implied from closes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fadefollow.market.implied import implied_rate
from fadefollow.market.lab.clock import Clock, FloatArray, stream, wander
from fadefollow.market.lab.settings import LabSettings
from fadefollow.market.lab.universe.returns import Shocks

_BPS = 1e-4
#: level by coin, mean and standard deviation, bps
_LEVEL, _LEVELS = -3.1, 0.7
#: wandering: half-life in hours, standard deviation in bps, share common to all coins
_SLOW = (400.0, 1.3, 0.6)
#: gap between the index and spot, likewise, its mean and the bounce of a close, bps
_GAP, _GAP_LEVEL, _BOUNCE = (300.0, 6.0, 0.8), -0.8, 6.0
#: how far a usual move over three days lifts the perp against spot, bps
_TREND, _PAST = 1.2, 72.0
#: premiums between which funding is at its default rate, bps
EDGES = (-4.0, 6.0)
#: no premium beyond this, bps
_FURTHEST = 250.0


@dataclass
class Premium:
    """One coin's premium, perp against the index, as fractions by step; crowds change it in place.

    Attributes:
        index: what funding is made from, shape (n,).
        gap: what spot's closes add to it, shape (n,).
    """

    index: FloatArray
    gap: FloatArray

    def press(self, begin: int, bps: FloatArray) -> None:
        """Hold the premium beyond the default's edges by `bps` in each step from `begin` on.

        Args:
            bps: positive above the upper edge, negative below the lower one; zero lets it be.
        """
        room = self.index[begin : begin + len(bps)]
        held = np.clip(bps[: len(room)], -_FURTHEST, _FURTHEST)
        above = np.maximum(room, _BPS * (EDGES[1] + held))
        below = np.minimum(room, _BPS * (EDGES[0] + held))
        room[:] = np.where(held > 0.0, above, np.where(held < 0.0, below, room))

    def settled(self, clock: Clock) -> FloatArray:
        """The rate settled at each interval's end, by the exchange's formula, shape (k,)."""
        return implied_rate(self.index.reshape(-1, clock.per_settlement).mean(axis=1))


def common_wander(clock: Clock, settings: LabSettings) -> tuple[FloatArray, FloatArray]:
    """What all coins' premiums and gaps share, each of unit scale, shape (n,)."""
    rng = stream(settings.seed, "universe", "premium")
    slow, gap = (
        wander(rng, len(clock), hours=clock.hours, half_life=half_life, scale=1.0)
        for half_life, _, _ in (_SLOW, _GAP)
    )
    return slow, gap


def coin_premium(
    clock: Clock,
    settings: LabSettings,
    symbol: str,
    shared: tuple[FloatArray, FloatArray],
    shocks: Shocks,
) -> Premium:
    """One coin's premium where no crowd presses.

    Args:
        shared: as from `common_wander`.
        shocks: the coin's; spot's gap follows the last three days' move.
    """
    rng = stream(settings.seed, symbol, "premium")
    level = _LEVEL + _LEVELS * rng.standard_normal()
    slow, gap = (
        _mixed(clock, rng, common, kind) for common, kind in zip(shared, (_SLOW, _GAP), strict=True)
    )
    heat = shocks.variance / shocks.typical
    bounce = _BOUNCE * np.minimum(heat**0.25, 3.0) * rng.standard_normal(len(clock))
    steps = clock.steps(_PAST)
    path = np.concatenate([np.zeros(steps + 1), np.cumsum(shocks.log_return)])[:-1]
    moved = (path[steps:] - path[:-steps]) / math.sqrt(steps * shocks.typical)
    trend = _TREND * np.clip(moved, -3.0, 3.0)
    return Premium(_BPS * (level + slow), _BPS * (_GAP_LEVEL + gap + trend + bounce))


def _mixed(
    clock: Clock,
    rng: np.random.Generator,
    common: FloatArray,
    kind: tuple[float, float, float],
) -> FloatArray:
    half_life, scale, share = kind
    own = wander(rng, len(clock), hours=clock.hours, half_life=half_life, scale=1.0)
    return np.asarray(scale * (math.sqrt(share) * common + math.sqrt(1.0 - share) * own))
