"""Compiled loops of detection in several coins at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fadefollow.core.cache.compiled import inlined, kernel
from fadefollow.phases.kernels import (
    FloatArray,
    IntArray,
    UintArray,
    next_member,
    previous_member,
)

#: coin, bar, record and threshold of events
Beyond = tuple[IntArray, IntArray, IntArray, FloatArray]


@kernel
def in_order_by_coin(coin: IntArray, bar: IntArray, strength: FloatArray, bars: IntArray) -> bool:
    """Whether coins and, within each, bars rise and exist, and strengths are numbers ≥ 0.

    Args:
        coin: place of each event's coin, shape (k,).
        bar: number of its bar, shape (k,).
        strength: shape (k,).
        bars: number of bars of each coin, shape (coins,).
    """
    before, at = -1, 0
    for i in range(len(bar)):
        if not at <= coin[i] < len(bars):
            return False
        if coin[i] > at:
            before, at = -1, coin[i]
        if not (before < bar[i] < bars[at] and 0.0 <= strength[i] < math.inf):
            return False
        before = bar[i]
    return True


@kernel
def beyond_the_past(
    records: tuple[Any, ...],
    steps: tuple[Any, ...],
    q: FloatArray,
    floor: float,
    window: int,
    cooldown_bars: int,
) -> tuple[Beyond, Beyond, int]:
    """See `batch.fire_beyond_past`; the last number is a coin out of order of time, −1 for none.

    Args:
        records: a `batch.Records`.
        steps: a `batch.Steps`.
        q: the high quantile and the low one.
        floor: ≥ 0.
        window: nanoseconds.
        cooldown_bars: bars from one event to the earliest next one.
    """
    start, stamps, values, rank, first, ordered = records
    step, bars, known = steps
    coin, fired = np.empty((2, len(bars)), np.int64), np.empty((2, len(bars)), np.int64)
    record, bound = np.empty((2, len(bars)), np.int64), np.empty((2, len(bars)), np.float64)
    counts, wrong = np.zeros(2, np.int64), -1
    for c in range(len(start) - 1):
        begin, own = start[c], slice(start[c], start[c + 1])
        value = values[own]
        threshold = _thresholds(
            stamps[own], value, rank[own], ordered[first[c] : first[c + 1]], q, floor, window
        )
        if len(threshold) < len(value):
            wrong = c
            break
        for side in range(2):
            sign, count = 1 - 2 * side, counts[side]
            last, held = -cooldown_bars, False
            for i in range(step[c], step[c + 1]):
                at, holds = known[i], False
                if at >= 0:
                    extreme = sign * value[at]
                    holds = extreme > floor and extreme > sign * threshold[at]
                if holds and not held and bars[i] - last >= cooldown_bars:
                    last = bars[i]
                    coin[side, count], fired[side, count] = c, last
                    record[side, count], bound[side, count] = begin + at, threshold[at]
                    count += 1
                held = holds
            counts[side] = count
    high, low = counts
    return (
        (
            coin[0, :high].copy(),
            fired[0, :high].copy(),
            record[0, :high].copy(),
            bound[0, :high].copy(),
        ),
        (
            coin[1, :low].copy(),
            fired[1, :low].copy(),
            record[1, :low].copy(),
            bound[1, :low].copy(),
        ),
        wrong,
    )


@kernel
def _thresholds(
    stamps: IntArray,
    values: FloatArray,
    rank: IntArray,
    ordered: FloatArray,
    q: FloatArray,
    floor: float,
    window: int,
) -> FloatArray:
    """The quantile of the past that each value beyond the floor is held against, high or low.

    As `features.past_quantiles` has it. Of values within the floor what is returned says nothing;
    an empty array where the stamps are not in order.
    """
    out = np.empty(len(stamps))
    # the look-back is a set of ranks, a bit each; of each side's quantile a rank is held, and how
    # many members are under it. It moves only where a value asks for it
    bits = np.zeros(len(ordered) // 64 + 1, np.uint64)
    high = low = under_high = under_low = first = last = count = 0
    for i in range(len(stamps)):
        if stamps[i] < stamps[max(i - 1, 0)]:
            return np.empty(0)
        above = values[i] > floor
        if not (above or values[i] < -floor):
            continue
        if stamps[i] < stamps[0] + window:
            out[i] = math.nan
            continue
        while stamps[last] < stamps[i]:
            r = rank[last]
            last += 1
            if r >= 0:
                _flip(bits, r)
                under_high, under_low, count = (
                    under_high + (r < high),
                    under_low + (r < low),
                    count + 1,
                )
        while stamps[first] < stamps[i] - window:
            r = rank[first]
            first += 1
            if r >= 0:
                _flip(bits, r)
                under_high, under_low, count = (
                    under_high - (r < high),
                    under_low - (r < low),
                    count - 1,
                )
        if count == 0:
            out[i] = math.nan
        elif above:
            high, under_high, out[i] = _quantile(
                bits, ordered, high, under_high, q[0] * (count - 1)
            )
        else:
            low, under_low, out[i] = _quantile(bits, ordered, low, under_low, q[1] * (count - 1))
    return out


@inlined
def _quantile(
    bits: UintArray, ordered: FloatArray, at: int, under: int, place: float
) -> tuple[int, int, float]:
    """The member that is the whole part of `place` in order, that part, and the value at `place`.

    Args:
        bits: the members' ranks.
        ordered: value by rank.
        at: any rank.
        under: members of a lower rank.
        place: from 0 to the number of members − 1.
    """
    want = int(place)
    if under <= want:
        at = next_member(bits, at - 1)
        while under < want:
            at, under = next_member(bits, at), under + 1
    else:
        while under > want:
            at, under = previous_member(bits, at), under - 1
    below = above = ordered[at]
    if place > want:
        above = ordered[next_member(bits, at)]
    return at, under, below + (above - below) * (place - want)


@inlined
def _flip(bits: UintArray, member: int) -> None:
    """Put a member in, or take it out."""
    place = np.uint64(member)  # unsigned, so that no index counts from the end
    bits[place >> np.uint64(6)] ^= np.uint64(1) << (place & np.uint64(63))
