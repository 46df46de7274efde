"""The placebo in time: the same events, sides, holding and costs, each coin's at other times.

All events are shifted by the same time, each coin's round a circle that its own life is bent into.
What the trades owe to the market's drift, to its volatility, to the hour of day, to their
clustering in time and across coins stays; what they owe to the phase goes. Coins are listed and
delisted at any time: a circle of the whole calendar would take most shifts of a young coin out of
its life, and leave only those that end in the aftermath of the same pump. On the circle of its own
life a coin keeps every event. Two coins move by the same shift until one of them has gone once
round; days stay together but for these wraps.

A shift is never less than holding time plus detection window away from the truth, on either side.

Source: circular shifts as randomisation: Besag & Diggle (1977), Applied Statistics 26(3);
studentised randomisation tests: Janssen (1997), Statistics & Probability Letters 36(1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.draws import MovedEvents
from fadefollow.engine.model import DAY_NS, HOUR_NS, BarArrays, FloatArray, IntArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.errors import ParameterError
from fadefollow.verdict.placebos.base import Kind

DAY_HOURS, WEEK_HOURS = 24, 168


class Life(NamedTuple):
    """A coin's circle."""

    first: int  #: bar, the first of a UTC day
    bars: int  #: length of the circle, whole steps
    gap: int  #: bars that every shift keeps from the truth, whole steps

    @property
    def room(self) -> int:
        """Bars over which a shift can vary; 0 where the coin is too young to be shifted."""
        return max(self.bars - 2 * self.gap, 0)


@dataclass(frozen=True)
class TimePlacebo:
    """Shifts of a run, the same for all its plans, on one plan."""

    plan: Plan
    shifts: IntArray  #: multiples of `step`, hours, shape (draws,)
    step: int  #: 24 or 168 h
    kind: ClassVar[Kind] = "time"

    @property
    def draws(self) -> int:
        """How many shifts there are."""
        return len(self.shifts)

    def moved(self, coin: int, first: int, last: int) -> MovedEvents:
        """See `Placebo`."""
        events = self.plan.events(coin, "follow")
        life = life_at(self.plan, coin, self.step)
        chosen = self.shifts[first:last] // self.step * bars_per_hours(self.plan, self.step)
        rule = self.plan.rule_of(coin)
        if not life.room:
            chosen = chosen[:0]
        shift = life.gap + chosen % max(life.room, 1)
        starts, order, bar = _turned(events.bar, shift, life, last - first)
        ends, exit_order, exit_bar = _turned(events.exit_bar, shift, life, last - first)
        return MovedEvents(
            starts,
            bar,
            events.side[order],
            events.code[order],
            rule[order],
            ends,
            exit_bar,
            events.exit_side[exit_order],
        )

    @property
    def kept(self) -> float:
        """Share of the events whose coin is old enough to be shifted."""
        lives = [life_at(self.plan, coin, self.step) for coin in range(len(self.plan.bars))]
        counts = np.array([len(bars) for bars in self.plan.bars], np.float64)
        able = np.array([life.room > 0 for life in lives])
        return float(counts[able].sum() / counts.sum()) if counts.sum() else 1.0

    @property
    def reach_days(self) -> float:
        """How far the shifts reach: the median distance of a moved event from its own time."""
        per_day = bars_per_hours(self.plan, 24)
        distances, weights = [], []
        chosen = self.shifts // self.step * bars_per_hours(self.plan, self.step)
        for coin, bars in enumerate(self.plan.bars):
            life = life_at(self.plan, coin, self.step)
            if life.room and len(bars) and len(chosen):
                shift = life.gap + chosen % life.room
                distances.append(np.minimum(shift, life.bars - shift) / per_day)
                weights.append(np.full(len(chosen), float(len(bars))))
        return _weighted_median(distances, weights)


def draw_shifts(
    plans: Sequence[Plan], *, draws: int, rng: np.random.Generator
) -> tuple[IntArray, int]:
    """Shifts that all plans of a run share, in hours, and the step that they are multiples of.

    Steps are 24 h, or 7 days if a plan is weekly. Each is drawn at most once; all are taken where
    there are fewer than asked for.

    Raises:
        ParameterError: a plan's bars do not divide the day.
    """
    step = WEEK_HOURS if any(plan.weekly for plan in plans) else DAY_HOURS
    room = 0
    for plan in plans:
        per_hour = bars_per_hours(plan, 24) / 24.0
        lives = [life_at(plan, coin, step) for coin, bars in enumerate(plan.bars) if len(bars)]
        room = max([room, *(int(life.room / per_hour) for life in lives)])
    return rng.permutation(np.arange(0, room, step))[:draws], step


def life_at(plan: Plan, coin: int, step: int) -> Life:
    """The circle of one coin: from its first bar's UTC day to its last, whole steps."""
    begins, ends = first_and_last(plan, coin)
    size = bars_per_hours(plan, step)
    gap = math.ceil((plan.rules.hold_hours + plan.window_hours) / step) * size
    if ends < 0:
        return Life(0, size, gap)
    per_day = bars_per_hours(plan, 24)
    first = begins - int(plan.time[begins] % DAY_NS // plan.bar_ns)
    bars = math.ceil((ends + 1 - first) / size) * size
    return Life(first, max(bars, per_day), gap)


def first_and_last(plan: Plan, coin: int) -> tuple[int, int]:
    """A coin's first and last bar with a close; (−1, −1) without one."""

    def ends(arrays: BarArrays) -> tuple[int, int]:
        known = np.flatnonzero(~np.isnan(arrays.close))
        return (int(known[0]), int(known[-1])) if len(known) else (-1, -1)

    return plan.coin_arrays.derived("life", coin, ends)


def bars_per_hours(plan: Plan, hours: int) -> int:
    """Bars in whole days.

    Raises:
        ParameterError: the bars do not divide the day.
    """
    bar_ns = plan.bar_ns
    if DAY_NS % bar_ns:
        got = f"{bar_ns / HOUR_NS:g} h"
        raise ParameterError("the placebo needs bars that divide 24 h", got=got)
    return hours * HOUR_NS // bar_ns


@kernel
def _turned(
    bars: IntArray, shift: IntArray, life: Life, draws: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Where each draw's events begin, their places in `bars`, and their bars, draw by draw."""
    count = len(bars) if len(shift) else 0
    order, moved = np.empty(draws * count, np.int64), np.empty(draws * count, np.int64)
    starts = np.arange(draws + 1) * count
    for b in range(draws if count else 0):
        # events are in order of time, so that those which go once round come first
        place = np.searchsorted(bars, life.first + life.bars - shift[b]) % count
        for i in range(starts[b], starts[b + 1]):
            order[i] = place
            moved[i] = life.first + (bars[place] - life.first + shift[b]) % life.bars
            place = place + 1 if place + 1 < count else 0
    return starts, order, moved


def _weighted_median(values: list[FloatArray], weights: list[FloatArray]) -> float:
    if not values:
        return math.nan
    value, weight = np.concatenate(values), np.concatenate(weights)
    order = np.argsort(value)
    total = np.cumsum(weight[order])
    return float(value[order][np.searchsorted(total, total[-1] / 2.0)])
