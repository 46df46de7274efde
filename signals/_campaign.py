"""The state machine behind `campaign`: from what is known at each bar to a coin's phases, in order.

Pure functions on arrays. The states are numbered as the phases are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from fadefollow.phases.features import BoolArray, FloatArray, IntArray

IDLE, ACCUMULATION, IGNITION, SQUEEZE, HANDOVER, DISTRIBUTION, DUMP = range(-1, 6)


class Rules(NamedTuple):
    """The parameters as the state machine takes them; times in bars."""

    limits: IntArray
    cooldown: int
    span: int
    stall: int
    rise: float
    new_high: float
    unseen_rise: float
    oi_step: float
    oi_rebuild: float
    handover_bps: float
    near_high: float
    recovery: float
    second_trough: float
    trough_bps: float
    height: float
    breakdown: float


class BarInputs(NamedTuple):
    """What is known at each bar's close without knowing the state, each shape (n,)."""

    close: FloatArray
    oi: FloatArray
    funding: FloatArray
    collects: BoolArray
    pulls_up: BoolArray
    based: BoolArray
    base_here: FloatArray
    low_of_day: FloatArray
    trough_of_day: FloatArray
    sold: BoolArray


@njit(cache=True)
def walk(
    inputs: BarInputs,
    rules: Rules,
) -> tuple[IntArray, IntArray, FloatArray, FloatArray, BoolArray, BoolArray]:
    """The state machine's events.

    Bar, phase, base price and first trough of each, whether it was accumulated, and whether the
    squeeze was unseen for lack of open interest.
    """
    close, oi, funding, collects, pulls_up, based = inputs[:6]
    base_here, low_of_day, trough_of_day, sold = inputs[6:]
    n = len(close)
    bars, codes = np.empty(n, np.int64), np.empty(n, np.int64)
    bases, troughs, accumulated = np.empty(n), np.empty(n), np.empty(n, np.bool_)
    unseen = np.empty(n, np.bool_)
    count, state, since = 0, IDLE, 0
    collect_armed = pull_armed = True
    last_collect = last_pull = -rules.cooldown - 1
    base = trough = ignited = peak = oi_peak = oi_low = range_low = np.nan
    peak_at, recovered, collected, assumed = 0, False, False, False
    for t in range(n):
        collect_armed = collect_armed or not collects[t]
        pull_armed = pull_armed or not pulls_up[t]
        price, rate = close[t], funding[t]
        if np.isnan(price):
            continue
        if state != IDLE and t - since > rules.limits[state]:
            state = IDLE
        if IGNITION <= state <= HANDOVER:
            if price <= base:
                state = IDLE
            if price > peak:
                peak, peak_at = price, t
            recovered = recovered or rate > (1 - rules.recovery) * trough
            if not recovered and rate < trough:
                trough = rate
            if np.isnan(oi_peak) or oi[t] > oi_peak:
                oi_peak = oi_low = oi[t]
            elif oi[t] < oi_low:
                oi_low = oi[t]
        fired = IDLE
        if state in (IDLE, ACCUMULATION):
            from_collected = state == ACCUMULATION and price > base * (1 + rules.rise / 2)
            may_ignite = pull_armed and t - last_pull >= rules.cooldown
            if pulls_up[t] and may_ignite and (from_collected or based[t]):
                fired, pull_armed, last_pull = IGNITION, False, t
                base = base if from_collected else low_of_day[t]
                ignited, peak, peak_at = price, price, t
                collected, recovered, trough = from_collected, False, trough_of_day[t]
                assumed = False
                oi_peak = oi_low = oi[t]
            elif collects[t] and collect_armed and t - last_collect >= rules.cooldown:
                fired, collect_armed, last_collect = ACCUMULATION, False, t
                base, trough, collected, assumed = base_here[t], np.nan, True, False
        if state == IGNITION and _squeezed(peak / ignited, oi[t], oi_peak, oi_low, rules):
            fired = SQUEEZE
        elif state in (IGNITION, SQUEEZE):
            handed = _handed_over(price / peak, t - peak_at, rate, rules)
            fired = HANDOVER if handed else fired
        if state in (SQUEEZE, HANDOVER):
            if recovered and _second_trough(price / base, rate, trough, rules):
                fired = DISTRIBUTION
                range_low = np.nanmin(close[max(peak_at, t - rules.span + 1) : t + 1])
        elif state == DISTRIBUTION:
            if price < range_low * (1 - rules.breakdown) and sold[t]:
                fired = DUMP
            elif price <= base:
                state = IDLE
        if fired != IDLE:
            bars[count], codes[count], bases[count] = t, fired, base
            troughs[count], accumulated[count], unseen[count] = trough, collected, assumed
            count += 1
            state, since = (IDLE if fired == DUMP else fired), t
        elif state == IGNITION and recovered and _unseen(price / ignited, oi_peak, rules):
            # it stands for the squeeze, and nothing fires
            state, since, assumed = SQUEEZE, t, True
    of_each = bars[:count], codes[:count], bases[:count], troughs[:count]
    return *of_each, accumulated[:count], unseen[:count]


@njit(cache=True)
def _squeezed(lift: float, oi: float, oi_peak: float, oi_low: float, rules: Rules) -> bool:
    """A new high after the ignition, a step down of OI, and the first of its rebuilding."""
    fell = oi_low < oi_peak * (1 - rules.oi_step)
    return lift > 1 + rules.new_high and fell and oi > oi_low * (1 + rules.oi_rebuild)


@njit(cache=True)
def _unseen(of_ignition: float, oi_peak: float, rules: Rules) -> bool:
    """Price well above the ignition, and no open interest that would show a squeeze."""
    return np.isnan(oi_peak) and of_ignition > 1 + rules.unseen_rise


@njit(cache=True)
def _handed_over(of_peak: float, since_peak: int, rate: float, rules: Rules) -> bool:
    """Longs pay again, or nobody does, while price has stalled near its high."""
    stalls = since_peak >= rules.stall and of_peak > 1 - rules.near_high
    return stalls and rate > rules.handover_bps


@njit(cache=True)
def _second_trough(of_base: float, rate: float, trough: float, rules: Rules) -> bool:
    """Funding far below zero once more, well above the base."""
    deep = rate < -rules.trough_bps and rate < rules.second_trough * trough
    return deep and of_base > 1 + rules.height
