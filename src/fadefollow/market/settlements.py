"""Settlements of funding: their intervals, what is missing, and what counts as a hole.

The one home of these rules; the import infers by them, the coverage counts by them, and the engine
stops by them, so that they cannot disagree.

- An interval that the source declares is taken as it is. Where none is declared it is inferred from
  the distances between settlements: one of `INTERVALS_HOURS`, and up to `UNDECLARED_HOURS` a
  distance is taken for the interval of its own settlement.
- **A hole** is a distance longer than the interval. A distance that a change of the interval cuts
  short is none: it may be as long as the interval before or after the change, whichever is longer.
- **Missing** are the settlements of the holes, and those of a distance that is longer than the
  regular ones on both sides of it, though it could be an interval: five hours between settlements
  that come every hour.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: intervals between settlements that exchanges use
INTERVALS_HOURS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
#: where no interval is declared, a longer distance is a hole, unless it is the regular one
UNDECLARED_HOURS = 8.0
#: settlements may be late by this much
LATE_NS = 5 * 60 * 1_000_000_000

HOUR_NS = 3_600_000_000_000


class Distances(NamedTuple):
    """From one settlement to the next, shape (n − 1,) each."""

    ns: IntArray  #: how far apart they are
    step: IntArray  #: how far they would be apart if none were missing between them, ns
    missing: IntArray  #: settlements missing between them
    hole: BoolArray  #: whether a position held over it cannot be reckoned


def distances(time: IntArray, hours: FloatArray) -> Distances:
    """Distances between the settlements of a coin.

    Args:
        time: stamps, nanoseconds since 1970 UTC, ascending, shape (n,).
        hours: the interval that each settlement ends, declared or by `inferred_hours`, shape (n,).
    """
    ns = np.diff(time)
    interval = np.rint(hours * HOUR_NS).astype(np.int64)
    allowed = np.maximum(interval[1:], interval[:-1])
    hole = ns > allowed + LATE_NS
    # what is an interval by itself is compared with the regular distances on both sides
    before, after = _regular(ns)
    lone = ~hole & (before > 0) & (after > 0) & (ns > np.maximum(before, after) + LATE_NS)
    step = np.where(lone, np.maximum(before, after), np.where(hole, allowed, ns))
    count = np.rint(ns / np.maximum(step, 1)).astype(np.int64) - 1
    return Distances(ns, step, np.where(hole | lone, np.maximum(count, 1), 0), hole)


def holes(time: IntArray, hours: FloatArray) -> IntArray:
    """The settlements before and after each hole, nanoseconds since 1970 UTC, shape (k, 2)."""
    late = np.flatnonzero(distances(time, hours).hole)
    return np.column_stack([time[late], time[late + 1]]).astype(np.int64)


def inferred_hours(time: IntArray) -> FloatArray:
    """The interval that each settlement ends, from the distances alone, shape (n,).

    A distance of up to 8 hours is its own interval, rounded up to one of `INTERVALS_HOURS`; so is
    one of 12 hours beside another. A longer one is a hole: its interval is that of the settlement
    after it, else before it, else 8 hours. The first settlement takes the second's.
    """
    if len(time) < 2:
        return np.full(len(time), UNDECLARED_HOURS)
    ns = np.diff(time)
    known = np.array(INTERVALS_HOURS)
    place = np.searchsorted(known * HOUR_NS + LATE_NS, ns)
    own = known[np.minimum(place, len(known) - 1)]
    short = ns <= UNDECLARED_HOURS * HOUR_NS + LATE_NS
    made = np.where(short | _is_regular(ns), own, 0.0)
    for beside in (np.append(made[1:], 0.0), np.append(0.0, made[:-1]), UNDECLARED_HOURS):
        made = np.where(made > 0, made, beside)
    return np.append(made[0], made)


def _regular(ns: IntArray) -> tuple[IntArray, IntArray]:
    """The last regular distance before each, and the first after it, rounded; 0 where none is."""
    values = np.where(_is_regular(ns), _rounded(ns), 0)
    place = np.arange(len(ns))
    last = np.maximum.accumulate(np.where(values > 0, place, -1))
    before = np.append(-1, last[:-1])
    first = np.minimum.accumulate(np.where(values > 0, place, len(ns))[::-1])[::-1]
    after = np.append(first[1:], len(ns))
    padded = np.append(values, 0)  # −1 and n both read the 0 at the end
    return padded[before], padded[after]


def _is_regular(ns: IntArray) -> BoolArray:
    """Whether a distance is one of the intervals, and as long as the one before or after it."""
    hours = _rounded(ns)
    same = np.diff(hours) == 0
    beside = np.append(False, same) | np.append(same, False)
    return np.asarray(np.isin(hours, np.rint(np.array(INTERVALS_HOURS) * HOUR_NS)) & beside)


def _rounded(ns: IntArray) -> IntArray:
    """To the nearest of the intervals if it is within what a settlement may be late."""
    known = np.rint(np.array(INTERVALS_HOURS) * HOUR_NS).astype(np.int64)
    nearest = known[np.abs(ns[:, None] - known).argmin(axis=1)]
    return np.where(np.abs(ns - nearest) <= LATE_NS, nearest, ns)
