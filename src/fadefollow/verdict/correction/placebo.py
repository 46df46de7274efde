"""The placebo: the same events, sides, holding and costs at other times.

All events of all coins are shifted by the same time on a circle that the calendar is bent into, and
then resolved as the real ones are. What the trades owe to the market's drift, to its volatility,
to the hour of day, to their clustering in time and across coins stays; what they owe to the phase
goes. The shift is also the same for all rows of a run, so that rows keep their dependence.

The statistic is the mean over its block standard error, anew in each draw. On raw means a test in
the calm half of a sample would be compared with draws from its stormy half.

Source: circular shifts as randomisation: Besag & Diggle (1977), Applied Statistics 26(3);
studentised randomisation tests: Janssen (1997), Statistics & Probability Letters 36(1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit

from fadefollow.engine.model import FloatArray, IntArray, Plan
from fadefollow.engine.resolver import add_shifted
from fadefollow.errors import ParameterError
from fadefollow.verdict.estimates.bootstrap import block_variance
from fadefollow.verdict.estimates.days import DAY_NS, HOUR_NS, day_of_bar
from fadefollow.verdict.threads import threads

DAY_HOURS, WEEK_HOURS = 24, 168
#: a shift that keeps less of the events than this is not used
KEPT = 0.8
#: draws resolved in one go, so that their day sums stay small
_AT_ONCE = 50


@dataclass(frozen=True)
class Shifts:
    """The shifts of a run, the same for all its rows."""

    hours: IntArray  #: forward, without repetition, shape (draws,)
    step: int  #: what they are multiples of: 24 or 168 h
    possible: int  #: how many there are to choose from
    kept: float  #: smallest share of a plan's events that a drawn shift keeps


@dataclass(frozen=True)
class Draws:
    """What a plan's rows of one stance earned in each draw, shape (draws, phases) each."""

    mean: FloatArray  #: mean net return, a fraction; NaN without a regular trade
    t: FloatArray  #: over its block standard error; NaN where there is none


def draw_shifts(plans: Sequence[Plan], *, draws: int, rng: np.random.Generator) -> Shifts:
    """Draw shifts that every plan of the run can use.

    They are multiples of 24 h (of 7 days if a plan is weekly), longer than the longest holding time
    plus detection window, and as far from a full circle. Of these, those are possible at which
    each plan keeps at least 80 % of the events that can be entered; there are at most as many as
    the calendar has days, and each is drawn at most once.

    Args:
        plans: those of the run. Where their calendars differ, each has its own circle.
        draws: how many to draw; all that are possible, if there are fewer.
        rng: source of randomness.

    Raises:
        ParameterError: a plan's bars do not divide the day.
    """
    step = WEEK_HOURS if any(plan.weekly for plan in plans) else DAY_HOURS
    hours = _far_enough(plans, step)
    kept = np.min([kept_share(plan, hours, step) for plan in plans], axis=0)
    possible = np.flatnonzero(kept >= KEPT)
    chosen = rng.permutation(possible)[:draws]
    return Shifts(hours[chosen], step, len(possible), float(kept[chosen].min(initial=1.0)))


def _far_enough(plans: Sequence[Plan], step: int) -> IntArray:
    gap = max(plan.rules.hold_hours + plan.window_hours for plan in plans)
    circle = min(circle_bars(plan, step) // bars_per_hours(plan, 24) * 24 for plan in plans)
    hours = np.arange(step, circle, step)
    return hours[(hours > gap) & (circle - hours > gap)]


def bars_per_hours(plan: Plan, hours: int) -> int:
    """Bars in whole days.

    Raises:
        ParameterError: the bars do not divide the day.
    """
    bar_ns = plan.tapes[0].bar_ns
    if DAY_NS % bar_ns:
        got = f"{bar_ns / HOUR_NS:g} h"
        raise ParameterError("the placebo needs bars that divide 24 h", got=got)
    return hours * HOUR_NS // bar_ns


def circle_bars(plan: Plan, step: int) -> int:
    """Length of the circle in bars: the calendar, rounded up to whole steps of 24 or 168 h.

    Thus a shift by whole steps leaves the hour of day (the weekday) alone also where it wraps;
    what falls between the end of the calendar and the end of the circle is dropped.
    """
    bars = bars_per_hours(plan, step)
    return math.ceil(len(plan.tapes[0].time) / bars) * bars


def kept_share(plan: Plan, hours: IntArray, step: int) -> FloatArray:
    """Of the events whose entry bar is there, the share of which it is there when shifted.

    Args:
        plan: the strategy.
        hours: shifts, shape (h,).
        step: what they are multiples of.

    Returns:
        Shape (h,); above 1 where more entry bars are there than before.
    """
    circle = circle_bars(plan, step)
    waits = 1 + np.array([rules.delay_bars for rules in plan.rules.sets])
    shift = hours // step * bars_per_hours(plan, step)
    before, after = 0, np.zeros(len(hours))
    for coin, (tape, bars) in enumerate(zip(plan.tapes, plan.bars, strict=True)):
        delay = waits[plan.rule_of(coin)]
        present = np.zeros(circle + int(waits.max()), bool)
        present[: len(tape.time)] = ~np.isnan(tape.close)
        before += int(present[bars + delay].sum())
        after += present[(bars[:, None] + shift) % circle + delay[:, None]].sum(axis=0)
    return after / before if before else np.ones(len(hours))


def placebo(
    plan: Plan,
    stance: str,
    shifts: Shifts,
    *,
    lengths: FloatArray,
    progress: Callable[[int], None] | None = None,
) -> Draws:
    """Resolve one book of a plan at each shift.

    Args:
        plan: the strategy.
        stance: `fade` or `follow`.
        shifts: from `draw_shifts`.
        lengths: block length in days of each phase's standard error, shape (phases,).
        progress: called with the number of draws done since it was last called.
    """
    day, decay = day_of_bar(plan), 1.0 - 1.0 / lengths
    bars = shifts.hours // shifts.step * bars_per_hours(plan, shifts.step)
    circle, days = circle_bars(plan, shifts.step), int(day[-1]) + 1
    real = [plan.events(coin, stance) for coin in range(len(plan.tapes))]

    def some(first: int) -> tuple[FloatArray, FloatArray]:
        chosen = bars[first : first + _AT_ONCE]
        sums = np.zeros((len(chosen), 2, len(plan.phases), days))
        for tape, costs, events in zip(plan.tapes, plan.costs, real, strict=True):
            add_shifted(
                tape,
                events,
                rules=plan.rules,
                costs=costs,
                shifts=chosen,
                circle=circle,
                day=day,
                sums=sums,
            )
        made = [_statistics(total, count, decay) for total, count in sums]
        if progress is not None:
            progress(len(chosen))
        return np.stack([m for m, _ in made]), np.stack([t for _, t in made])

    # the kernels let go of Python's lock, so threads use all cores
    with ThreadPoolExecutor(threads()) as pool:
        parts = list(pool.map(some, range(0, len(bars), _AT_ONCE)))
    none = np.empty((0, len(plan.phases)))
    mean, t = (np.concatenate([none, *(part[k] for part in parts)]) for k in range(2))
    return Draws(mean, t)


@njit(cache=True, nogil=True)
def _statistics(
    total: FloatArray, count: FloatArray, decay: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and mean over block standard error by phase, from day sums of shape (phases, days)."""
    mean, t = np.full(len(total), np.nan), np.full(len(total), np.nan)
    for c in range(len(total)):
        trades = count[c].sum()
        if trades > 0.0:
            mean[c] = total[c].sum() / trades
            influence = (total[c] - mean[c] * count[c]) / trades
            variance = block_variance(influence, decay[c])
            if variance > 0.0:
                t[c] = mean[c] / math.sqrt(variance)
    return mean, t
