"""The recursion of one coin: price, crowd, premium, funding, liquidations, step by step.

Units: hours; the crowd in units of its usual side (about 1 long and 1 short when nothing presses);
premiums as fractions, perp / spot − 1, the sign of the exchange's premium index.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.market.lab.clock import BoolArray, FloatArray


class Crowd(NamedTuple):
    """How the leveraged crowd behaves."""

    turnover: float = 1.0 / 16.0  #: part of the positions that is closed and opened anew, per hour
    chase: float = 0.12  #: how far a usual move over `chase_hours` tips new positions its way
    chase_hours: float = 60.0
    fight: float = 0.06  #: how far a usual move over `fight_hours` tips them against it
    fight_hours: float = 6.0
    reach: float = 0.24  #: adverse move from the mean entry at which most of a side is liquidated
    profit: float = 0.4  #: positions closed in profit on the other side of one that is liquidated
    steepness: float = 2.0  #: liquidated part at move u: 1 − exp(−(u / reach)^steepness)


class Premium(NamedTuple):
    """How the crowd's imbalance and arbitrage make the premium, and the premium makes funding."""

    rest: float = -4.7e-4  #: perp against spot when the crowd leans nowhere
    long_slope: float = 32e-4  #: per unit of net longs beyond what arbitrage absorbs
    short_slope: float = 27e-4  #: likewise of net shorts
    free_long: float = -0.02  #: net longs that cash-and-carry absorbs
    free_short: float = 0.70  #: net shorts that holders' lending absorbs
    soft: float = 0.06  #: softness of the bend between the two
    pull_hours: float = 1.0  #: time in which arbitrage pulls most of a deviation back
    noise: float = 1.3e-4  #: of the premium, per square root of an hour at usual volatility
    lead: float = -0.10  #: correlation of that noise with the perp's own shock
    liquidation: float = 40e-4  #: push by the liquidation of one usual side
    taken: float = 0.8  #: part of that which a closing from outside does not push
    base_rate: float = 1e-4  #: the interest that the funding formula is drawn to
    clamp: float = 5e-4
    cap: float = 75e-4  #: largest rate per interval


CROWD, PREMIUM = Crowd(), Premium()

#: the least that a side keeps, and the cap on how far storms multiply the premium's noise
_LEFT, _HEAT = 1e-3, 3.0


class Inputs(NamedTuple):
    """Inputs of the kernel, each of shape (n,)."""

    log_return: FloatArray  #: shocks, E[exp(shock)] = 1 given the past
    variance: FloatArray  #: of the price path within the step
    drift: FloatArray  #: expected return after funding, market and plants, fraction
    settles: BoolArray  #: funding is settled at the step's end
    mood: FloatArray  #: what else tips the crowd's new positions, dimensionless
    long_inflow: FloatArray  #: opened from outside, per hour
    short_inflow: FloatArray
    long_forced: FloatArray  #: force-closed from outside, per hour
    short_forced: FloatArray
    spot_pressure: FloatArray  #: bps on the spot premium
    premium_noise: FloatArray  #: standard normals
    print_noise: FloatArray  #: of spot against the perp, fractions
    mark_noise: FloatArray  #: of the mark against the perp, fractions
    up: FloatArray  #: uniforms on (0, 1] behind the step's high
    down: FloatArray  #: and behind its low


class Path(NamedTuple):
    """Output of the kernel, each of shape (n,), at the end of each step."""

    perp: FloatArray  #: price after any settlement
    high: FloatArray
    low: FloatArray
    mark: FloatArray
    premium: FloatArray  #: perp / spot − 1
    rate: FloatArray  #: funding settled at the step's end; 0 where none
    longs: FloatArray  #: of the crowd
    shorts: FloatArray
    long_liquidated: FloatArray  #: within the step
    short_liquidated: FloatArray


@kernel
def _softplus(x: float, soft: float) -> float:
    z = x / soft
    return x if z > 30.0 else soft * math.log1p(math.exp(z))


@kernel
def _fair_premium(net: float, c: Premium) -> float:
    """The premium at which arbitrage takes the other side of the net crowd."""
    long_side = _softplus(net - c.free_long, c.soft)
    short_side = _softplus(-net - c.free_short, c.soft)
    return float(c.rest + c.long_slope * long_side - c.short_slope * short_side)


@kernel
def funding_rate(average: float, c: Premium) -> float:
    """F = average premium + clamp(base rate − average premium, ±clamp), capped."""
    pull = min(max(c.base_rate - average, -c.clamp), c.clamp)
    return min(max(average + pull, -c.cap), c.cap)


@kernel
def _bridge(move: float, variance: float, up: float, down: float) -> tuple[float, float]:
    """Highest and lowest point of a Brownian bridge from 0 to `move`, drawn by two uniforms.

    Each from its exact law (Karatzas & Shreve, 2.8): max = (b + √(b² − 2V·ln u)) / 2.
    """
    top = math.sqrt(move * move - 2.0 * variance * math.log(up))
    bottom = math.sqrt(move * move - 2.0 * variance * math.log(down))
    return 0.5 * (move + top), 0.5 * (move - bottom)


@kernel
def _trade(usual: float, inflow: float) -> tuple[float, float]:
    """Coins that a side opens in a step, and coins that leave it beyond its usual closing."""
    total = usual + inflow
    return max(total, 0.0), max(-total, 0.0)


@kernel
def _liquidated(held: float, adverse: float, worst: float, c: Crowd) -> tuple[float, float]:
    """Coins liquidated as price goes `adverse` from the mean entry, and the new worst point.

    The part of a side whose leverage dies within a move u is 1 − exp(−(u / reach)^steepness);
    what an earlier move has touched is gone already.
    """
    if adverse <= worst:
        return 0.0, worst
    touched = (adverse / c.reach) ** c.steepness - (worst / c.reach) ** c.steepness
    return held * (1.0 - math.exp(-touched)), adverse


@kernel
def walk(
    given: Inputs,
    hours: float,
    first_price: float,
    typical: float,
    crowd: Crowd,
    arb: Premium,
) -> Path:
    """Run one coin.

    Args:
        given: shocks, forces and noise by step.
        hours: length of a step.
        first_price: perp before the first step.
        typical: a usual step's variance.
        crowd: how the crowd behaves.
        arb: how premium and funding follow from it.
    """
    n = len(given.log_return)
    perp, high, low = np.empty(n), np.empty(n), np.empty(n)
    mark, premium, rate = np.empty(n), np.empty(n), np.zeros(n)
    longs, shorts = np.empty(n), np.empty(n)
    long_gone, short_gone = np.empty(n), np.empty(n)

    price, q_long, q_short = first_price, 1.0, 1.0
    entry_long, entry_short, worst_long, worst_short = price, price, 0.0, 0.0
    chased, fought, sticky, paid, count = 0.0, 0.0, arb.rest, 0.0, 0
    keep_chase = math.exp(-hours / crowd.chase_hours)
    keep_fight = math.exp(-hours / crowd.fight_hours)
    usual_chase = math.sqrt(typical * crowd.chase_hours / hours / 2.0)
    usual_fight = math.sqrt(typical * crowd.fight_hours / hours / 2.0)
    renewed = 1.0 - math.exp(-crowd.turnover * hours)
    pulled = 1.0 - math.exp(-hours / arb.pull_hours)
    own = math.sqrt(1.0 - arb.lead * arb.lead)

    for i in range(n):
        shock, variance = given.log_return[i], given.variance[i]

        # the crowd decides on what it has seen before this step
        tip = given.mood[i] + crowd.chase * math.tanh(chased / usual_chase)
        tip -= crowd.fight * math.tanh(fought / usual_fight)
        usual = renewed * math.exp(tip / 2.0)
        opened_long, left_long = _trade(usual, given.long_inflow[i] * hours)
        usual = renewed * math.exp(-tip / 2.0)
        opened_short, left_short = _trade(usual, given.short_inflow[i] * hours)

        # the price: a fair shock around the drift, and nothing else
        move = shock + math.log1p(given.drift[i])
        top, bottom = _bridge(move, variance, given.up[i], given.down[i])
        high[i], low[i] = price * math.exp(top), price * math.exp(bottom)
        before = price * math.exp(move)
        chased = keep_chase * chased + move
        fought = keep_fight * fought + move

        # positions: liquidated, closed, opened
        fall = max(entry_long / low[i] - 1.0, 0.0)
        long_gone[i], worst_long = _liquidated(q_long, fall, worst_long, crowd)
        forced_long = min(given.long_forced[i] * hours, q_long - long_gone[i])
        long_gone[i] += forced_long
        rise = max(high[i] / entry_short - 1.0, 0.0)
        short_gone[i], worst_short = _liquidated(q_short, rise, worst_short, crowd)
        forced_short = min(given.short_forced[i] * hours, q_short - short_gone[i])
        short_gone[i] += forced_short
        taken_long, taken_short = crowd.profit * short_gone[i], crowd.profit * long_gone[i]
        q_long = (q_long - long_gone[i] - taken_long) * (1.0 - renewed) - left_long
        q_long = max(q_long, _LEFT) + opened_long
        q_short = (q_short - short_gone[i] - taken_short) * (1.0 - renewed) - left_short
        q_short = max(q_short, _LEFT) + opened_short
        fresh = opened_long / q_long
        entry_long += fresh * (before - entry_long)
        worst_long *= 1.0 - fresh
        fresh = opened_short / q_short
        entry_short += fresh * (before - entry_short)
        worst_short *= 1.0 - fresh

        # the premium: pushed by the net crowd, pulled back by arbitrage
        heat = min((variance / typical) ** 0.25, _HEAT)
        noise = arb.lead * (shock + 0.5 * variance) / math.sqrt(variance)
        noise += own * given.premium_noise[i]
        target = _fair_premium(q_long - q_short, arb) - 1e-4 * given.spot_pressure[i]
        sticky += pulled * (target - sticky) + arb.noise * math.sqrt(hours) * heat * noise
        # what is closed from outside has its takers already, for the most part
        push = short_gone[i] - long_gone[i] - arb.taken * (forced_short - forced_long)
        sticky += arb.liquidation * push
        premium[i] = sticky + heat * given.print_noise[i]
        paid += premium[i]
        count += 1

        # funding: what longs pay at the settlement, the price gives them back
        price = before
        if given.settles[i]:
            rate[i] = funding_rate(paid / count, arb)
            price = before / (1.0 - rate[i] * (1.0 + given.mark_noise[i]))
            paid, count = 0.0, 0
        mark[i] = price * (1.0 + given.mark_noise[i])
        perp[i] = price
        high[i], low[i] = max(high[i], price), min(low[i], price)
        longs[i], shorts[i] = q_long, q_short
    return Path(perp, high, low, mark, premium, rate, longs, shorts, long_gone, short_gone)
