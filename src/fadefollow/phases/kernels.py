"""Compiled loops of detection: order, firing, quantiles of sliding windows."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba.cpython.unsafe.numbers import leading_zeros, trailing_zeros

from fadefollow.core.cache.compiled import inlined, kernel

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
UintArray = npt.NDArray[np.uint64]
S = TypeVar("S", bound=np.generic)


def frozen(values: npt.NDArray[S]) -> npt.NDArray[S]:
    """A read-only view: kernels are compiled anew for arrays that may be written to."""
    view = values.view()
    view.flags.writeable = False
    return view


def in_order(bar: IntArray, strength: FloatArray, bars: int) -> bool:
    """Whether bars rise and exist, and strengths are numbers ≥ 0.

    Args:
        bar: numbers of the events' bars, shape (k,).
        strength: of each event, shape (k,).
        bars: number of bars of the coin.
    """
    return bool(_in_order(frozen(bar), frozen(strength), bars))


@kernel
def _in_order(bar: IntArray, strength: FloatArray, bars: int) -> bool:
    before = -1
    for i in range(len(bar)):
        if not (before < bar[i] < bars and 0.0 <= strength[i] < math.inf):
            return False
        before = bar[i]
    return True


@kernel
def fire(
    condition: BoolArray, bars: IntArray, known: IntArray, cooldown_bars: int
) -> tuple[IntArray, IntArray]:
    """The bars on which a condition begins, and what was known there; see `features.fire_once`.

    Args:
        condition: of all that can be known, shape (k,).
        bars: at which what is known may change, increasing, shape (n,).
        known: place of what is known from each of them on, −1 for nothing, shape (n,).
        cooldown_bars: bars from one event to the earliest next one.
    """
    fired, record = np.empty(len(bars), np.int64), np.empty(len(bars), np.int64)
    count, last, held = 0, -cooldown_bars, False
    for i in range(len(bars)):
        holds = known[i] >= 0 and condition[known[i]]
        if holds and not held and bars[i] - last >= cooldown_bars:
            fired[count] = last = bars[i]
            record[count] = known[i]
            count += 1
        held = holds
    return fired[:count], record[:count]


@kernel
def of_the_past(
    stamps: IntArray, rank: IntArray, ordered: FloatArray, q: FloatArray, window: int
) -> tuple[FloatArray, bool]:
    """`features.past_quantiles` of ranked values, and whether stamps are in order; else empty."""
    for i in range(1, len(stamps)):
        if stamps[i] < stamps[i - 1]:
            return np.empty((0, 0)), False
    start, end = _before(stamps, window)
    found = slide(rank, ordered, start, end, q, 1, halves=False)
    warm = 0
    while warm < len(stamps) and stamps[warm] < stamps[0] + window:
        found[:, warm] = math.nan
        warm += 1
    return found, True


@kernel
def _before(stamps: IntArray, window: int) -> tuple[IntArray, IntArray]:
    """First and last + 1 of the records before each one's stamp, within the window."""
    start, end = np.zeros(len(stamps), np.int64), np.zeros(len(stamps), np.int64)
    first = last = 0
    for i in range(len(stamps)):
        while stamps[last] < stamps[i]:
            last += 1
        while stamps[first] < stamps[i] - window:
            first += 1
        start[i], end[i] = first, last
    return start, end


@kernel
def slide(
    rank: IntArray,
    ordered: FloatArray,
    start: IntArray,
    end: IntArray,
    q: FloatArray,
    least: int,
    halves: bool,  # noqa: FBT001 - compiled by numba, which takes no keyword-only arguments
) -> FloatArray:
    """Quantiles of sliding windows of ranked values, see `features._quantiles`."""
    out = np.empty((len(q), len(start)))
    for j in range(len(q)):
        _slide_one(rank, ordered, start, end, q[j], least, halves, out[j])
    return out


@kernel
def _slide_one(
    rank: IntArray,
    ordered: FloatArray,
    start: IntArray,
    end: IntArray,
    q: float,
    least: int,
    halves: bool,  # noqa: FBT001 - compiled by numba, which takes no keyword-only arguments
    out: FloatArray,
) -> None:
    # the window is a set of ranks, a bit each. One member is held, `at`, with the number of members
    # below it; it moves by a member or so from one window to the next, and mostly not at all: then
    # neither does the quantile. `after` is the member above it, −1 where that is not known
    bits = np.zeros(len(ordered) // 64 + 1, np.uint64)
    at, after, below, count, first, last = -1, -1, 0, 0, 0, 0
    counted, want, place, value = -1, 0, 0.0, math.nan
    for i in range(len(start)):
        while last < end[i]:
            r = rank[last]
            last += 1
            if r < 0:
                continue
            bits[r >> 6] |= np.uint64(1) << np.uint64(r & 63)
            if count == 0:
                at, after, below = r, -1, 0
            elif r < at:
                below += 1
            elif r < after:
                after = -1
            count += 1
        while first < start[i]:
            r = rank[first]
            first += 1
            if r < 0:
                continue
            bits[r >> 6] ^= np.uint64(1) << np.uint64(r & 63)
            count -= 1
            if r < at:
                below -= 1
            elif r == at:
                after = -1
                if below < count:
                    at = next_member(bits, r)
                elif count > 0:
                    at, below = previous_member(bits, r), below - 1
            elif r == after:
                after = -1
        if count < least:
            out[i] = math.nan
            continue
        if count != counted:
            place, counted, after = q * (count - 1), count, -1
            want = int(place)
        if below != want or after < 0:
            while below < want:
                at, below = next_member(bits, at), below + 1
            while below > want:
                at, below = previous_member(bits, at), below - 1
            low = high = ordered[at]
            after = len(ordered)
            if place > want:
                after = next_member(bits, at)
                high = ordered[after]
            value = (low + high) / 2 if halves else low + (high - low) * (place - want)
        out[i] = value


@inlined
def next_member(bits: UintArray, member: int) -> int:
    """The next member above one; there must be one."""
    word = member >> 6
    rest = (bits[word] >> np.uint64(member & 63)) >> np.uint64(1)
    if rest:
        return member + 1 + int(trailing_zeros(rest))
    word += 1
    while bits[word] == 0:
        word += 1
    return (word << 6) + int(trailing_zeros(bits[word]))


@inlined
def previous_member(bits: UintArray, member: int) -> int:
    """The next member below one; there must be one."""
    word = member >> 6
    rest = (bits[word] << np.uint64(63 - (member & 63))) << np.uint64(1)
    if rest:
        return member - 1 - int(leading_zeros(rest))
    word -= 1
    while bits[word] == 0:
        word -= 1
    return (word << 6) + 63 - int(leading_zeros(bits[word]))
