"""The event study: what price and funding did around the phase, against other times."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.hedge.basket import funding_paid
from fadefollow.engine.model import HOUR_NS, FloatArray, IntArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.resolver import hold_bars
from fadefollow.verdict.estimates.momentum import DECILES, Deciles, deciles_of
from fadefollow.verdict.model import EventStudy
from fadefollow.verdict.placebos.times import bars_per_hours, draw_shifts, life_at

BEFORE_HOURS, AFTER_HOURS = 24, 168


def event_study(
    plan: Plan, *, rng: np.random.Generator, draws: int = 200
) -> tuple[EventStudy, ...]:
    """Mean cumulative return around the first possible entry, one study a phase.

    The value of a position of one unit on the lean's side that is worth 0 at the open of bar t + 1,
    from 24 h before to 7 days after: price at opens, less the funding that the lean's side paid.
    No costs, no exits. A path's missing bars are left out of the mean at their hour.

    Args:
        plan: events and coin_arrays; one point a bar, or an hour where bars are smaller.
        rng: source of randomness for the placebo's shifts.
        draws: number of shifts, fewer where there are fewer.

    Returns:
        Means in bps, and mean and 95 % band of the same mean over the shifts, so that the band has
        the overlap and the correlation of the events themselves; and the mean path over all bars
        of the same coins and deciles of trailing return. NaN where nothing is known.
    """
    stride = max(1, HOUR_NS // plan.bar_ns)
    per_day = bars_per_hours(plan, 24)
    offsets = np.arange(-per_day, AFTER_HOURS // 24 * per_day + 1, stride)
    shifts, step = draw_shifts([plan], draws=draws, rng=rng)
    turned = shifts // step * bars_per_hours(plan, step)
    sums = np.zeros((2, 1 + len(shifts), len(plan.phases), len(offsets)))
    for coin, arrays in enumerate(plan.coin_arrays):
        life = life_at(plan, coin, step)
        turn = np.concatenate([[0], life.gap + turned % life.room]) if life.room else np.array([0])
        events = _CoinEvents(plan.bars[coin], plan.leans[coin], plan.codes[coin])
        circle = _Circle(life.first, life.bars, turn)
        _add_paths(events, circle, offsets, arrays.open, funding_paid(arrays), sums)
    mean = np.divide(sums[0], sums[1], out=np.full(sums[0].shape, math.nan), where=sums[1] > 0)
    hours = tuple(float(h) for h in offsets * plan.bar_ns / HOUR_NS)
    like = momentum_paths(plan, offsets)
    return tuple(
        _study(plan, code, hours, 1e4 * mean[:, code], 1e4 * like[code])
        for code in range(len(plan.phases))
    )


def momentum_paths(plan: Plan, offsets: IntArray) -> FloatArray:
    """What price and funding did around all bars with a like trailing return, in the lean's sign.

    Each event is given the mean path of its coin's bars in the same decile of trailing return (over
    the longest holding time, see `trailing_decile`), and these are averaged over the events.

    Args:
        plan: events and coin_arrays.
        offsets: bars from the entry, shape (k,).

    Returns:
        Fractions by phase, shape (phases, k); events without a trailing return are left out.
    """
    bars = hold_bars(plan.rules, plan.bar_ns)
    total = np.zeros((len(plan.phases), len(offsets)))
    count = np.zeros((len(plan.phases), len(offsets)))
    for coin, arrays in enumerate(plan.coin_arrays):
        entry = plan.bars[coin] + 1
        inside = entry < len(arrays.time)
        decile = deciles_of(plan, coin, bars=bars, delay=0)
        held, code = decile[entry[inside]], plan.codes[coin][inside]
        lean = plan.leans[coin][inside]
        wanted = np.isin(np.arange(DECILES), held)
        paths = _decile_paths(decile, wanted, offsets, arrays.open, funding_paid(arrays))
        for ten in np.flatnonzero(wanted):
            known = ~np.isnan(paths[ten])
            for number in range(len(plan.phases)):
                mine = (held == ten) & (code == number)
                total[number, known] += lean[mine].sum() * paths[ten, known]
                count[number, known] += mine.sum()
    return np.divide(  # type: ignore[no-any-return]
        total, count, out=np.full(total.shape, math.nan), where=count > 0
    )


@kernel
def _decile_paths(
    decile: Deciles, wanted: FloatArray, offsets: IntArray, price: FloatArray, paid: FloatArray
) -> FloatArray:
    """The mean path of a long position by decile, shape (10, offsets)."""
    n, paths = len(price), np.full((len(wanted), len(offsets)), np.nan)
    sums = np.zeros((2, len(wanted), len(offsets)))
    for entry in range(n):
        ten = decile[entry]
        if ten < 0 or not wanted[ten] or math.isnan(price[entry]):
            continue
        start, scale = price[entry] - paid[entry], 1.0 / price[entry]
        for k in range(len(offsets)):
            at = entry + offsets[k]
            if 0 <= at < n and not math.isnan(price[at]):
                sums[0, ten, k] += (price[at] - paid[at] - start) * scale
                sums[1, ten, k] += 1.0
    for ten in range(len(wanted)):
        for k in range(len(offsets)):
            if sums[1, ten, k] > 0.0:
                paths[ten, k] = sums[0, ten, k] / sums[1, ten, k]
    return paths


class _CoinEvents(NamedTuple):
    """One coin's events, shape (k,) each."""

    bars: IntArray
    leans: IntArray
    codes: IntArray


class _Circle(NamedTuple):
    """One coin's life, bent into a circle, and the turns that its events are given."""

    first: int  #: bar
    bars: int
    turns: IntArray  #: bars, shape (draws,)


@kernel
def _add_paths(
    events: _CoinEvents,
    circle: _Circle,
    offsets: IntArray,
    price: FloatArray,
    paid: FloatArray,
    sums: FloatArray,
) -> None:
    """Add one coin's paths to sums and counts, shape (2, draws, phases, offsets), in place."""
    n = len(price)
    bars, leans, codes = events
    for b in range(len(circle.turns)):
        for i in range(len(bars)):
            moved = (bars[i] - circle.first + circle.turns[b]) % circle.bars
            entry = circle.first + moved + 1
            if entry >= n or math.isnan(price[entry]):
                continue
            for k in range(len(offsets)):
                at = entry + offsets[k]
                if 0 <= at < n and not math.isnan(price[at]):
                    gain = (price[at] - paid[at]) - (price[entry] - paid[entry])
                    sums[0, b, codes[i], k] += leans[i] * gain / price[entry]
                    sums[1, b, codes[i], k] += 1.0


def _study(
    plan: Plan, code: int, hours: tuple[float, ...], mean: FloatArray, like: FloatArray
) -> EventStudy:
    """The study from means by draw, the observed one first, shape (1 + draws, offsets), in bps."""
    placebo = np.full((3, len(hours)), math.nan)
    known = ~np.isnan(mean[1:]).all(axis=0) if len(mean) > 1 else np.zeros(len(hours), bool)
    if known.any():
        some = mean[1:, known]
        placebo[0, known] = np.nanmean(some, axis=0)
        placebo[1:, known] = np.nanquantile(some, [0.025, 0.975], axis=0)
    events = sum(int((codes == code).sum()) for codes in plan.codes)
    path, middle, low, high = (tuple(row.tolist()) for row in (mean[0], *placebo))
    return EventStudy(
        strategy=plan.strategy,
        phase=plan.phases[code],
        hours=hours,
        mean_bps=path,
        placebo_mean_bps=middle,
        placebo_low_bps=low,
        placebo_high_bps=high,
        n_events=events,
        momentum_mean_bps=tuple(like.tolist()),
    )
