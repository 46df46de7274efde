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
) -> tuple[Beyond, Beyond]:
    """See `batch.fire_beyond_past`.

    Args:
        records: a `batch.Records`.
        steps: a `batch.Steps`.
        q: the high quantile and the low one.
        floor: ≥ 0.
        window: nanoseconds.
        cooldown_bars: bars from one event to the earliest next one.
    """
    start, times, values, ranks, first_of, sorted_values, availables, late_of, lates = records
    step, bars, known = steps
    numbers, bound = np.empty((2, 3, len(bars)), np.int64), np.empty((2, len(bars)), np.float64)
    highs = lows = 0
    for c in range(len(start) - 1):
        begin, own = start[c], slice(start[c], start[c + 1])
        time, value, rank = times[own], values[own], ranks[own]
        ordered = sorted_values[first_of[c] : first_of[c + 1]]
        available, late = availables[own], lates[late_of[c] : late_of[c + 1]]
        # the look-back is a set of ranks, a bit each; of each side's quantile a rank is held, and
        # how many members are under it. It moves only where a value beyond the floor asks for it
        bits = np.zeros(len(ordered) // 64 + 1, np.uint64)
        high = low = under_high = under_low = first = last = count = passed = 0
        held_high = held_low = False
        last_high = last_low = -cooldown_bars
        for i in range(step[c], step[c + 1]):
            at = known[i]
            above = at >= 0 and value[at] > floor
            if not (above or (at >= 0 and value[at] < -floor)):
                held_high = held_low = False
                continue
            now, since = time[at], time[at] - window
            threshold = math.nan
            if since >= time[_first_known(late, available, at)]:
                while time[last] < now:
                    r = rank[last]
                    if passed < len(late) and late[passed] == last:
                        passed, r = passed + 1, -1
                    last += 1
                    if r >= 0:
                        _flip(bits, r)
                        under_high, under_low = under_high + (r < high), under_low + (r < low)
                        count += 1
                # those that were passed before they were known
                for j in late[:passed]:
                    r = rank[j]
                    known_now = j >= first and r >= 0 and available[j] <= available[at]
                    if known_now and not _has(bits, r):
                        _flip(bits, r)
                        under_high, under_low = under_high + (r < high), under_low + (r < low)
                        count += 1
                while time[first] < since:
                    r = rank[first]
                    first += 1
                    if r >= 0 and _has(bits, r):
                        _flip(bits, r)
                        under_high, under_low = under_high - (r < high), under_low - (r < low)
                        count -= 1
                if count > 0 and above:
                    place = q[0] * (count - 1)
                    high, under_high, threshold = _quantile(bits, ordered, high, under_high, place)
                elif count > 0:
                    place = q[1] * (count - 1)
                    low, under_low, threshold = _quantile(bits, ordered, low, under_low, place)
            # an unknown threshold is NaN, beyond which nothing is
            holds_high = above and value[at] > threshold
            holds_low = not above and value[at] < threshold
            event = c, bars[i], begin + at, threshold
            if holds_high and not held_high and bars[i] - last_high >= cooldown_bars:
                last_high, highs = bars[i], _put(event, numbers[0], bound[0], highs)
            if holds_low and not held_low and bars[i] - last_low >= cooldown_bars:
                last_low, lows = bars[i], _put(event, numbers[1], bound[1], lows)
            held_high, held_low = holds_high, holds_low
    return _events(numbers[0], bound[0], highs), _events(numbers[1], bound[1], lows)


@inlined
def _put(
    event: tuple[int, int, int, float], numbers: IntArray, bound: FloatArray, count: int
) -> int:
    """Write an event behind `count` others; their number now."""
    numbers[0, count], numbers[1, count], numbers[2, count], bound[count] = event
    return count + 1


@kernel
def _events(numbers: IntArray, bound: FloatArray, count: int) -> Beyond:
    """The first `count`, in memory of their own."""
    return (
        numbers[0, :count].copy(),
        numbers[1, :count].copy(),
        numbers[2, :count].copy(),
        bound[:count].copy(),
    )


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


@kernel
def _first_known(late: IntArray, available: IntArray, at: int) -> int:
    """The first record that was known when record `at` was."""
    k = 0
    for j in late:
        if j > k or available[j] <= available[at]:
            break
        k += 1
    return k


@inlined
def _has(bits: UintArray, member: int) -> bool:
    """Whether a member is in."""
    place = np.uint64(member)
    return bool((bits[place >> np.uint64(6)] >> (place & np.uint64(63))) & np.uint64(1))


@inlined
def _flip(bits: UintArray, member: int) -> None:
    """Put a member in, or take it out."""
    place = np.uint64(member)  # unsigned, so that no index counts from the end
    bits[place >> np.uint64(6)] ^= np.uint64(1) << (place & np.uint64(63))
