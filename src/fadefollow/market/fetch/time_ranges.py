"""Ranges of time [from, to) in ms since 1970: what was asked for, what is missing, what to ask."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Range = tuple[int, int]
Times = npt.NDArray[np.int64]

#: ratio to the smaller gap beside it from which a gap between settlements is suspect
ODD_GAP = 1.25


def joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same time as ranges that do not touch, in order."""
    made: list[Range] = []
    for low, high in sorted(r for r in ranges if r[0] < r[1]):
        if made and low <= made[-1][1]:
            made[-1] = (made[-1][0], max(high, made[-1][1]))
        else:
            made.append((low, high))
    return tuple(made)


def without(whole: Range, covered: Iterable[Range]) -> tuple[Range, ...]:
    """What of `whole` is in none of `covered`."""
    left, at = [], whole[0]
    for low, high in joined(covered):
        left.append((at, min(low, whole[1])))
        at = max(at, high)
    left.append((at, whole[1]))
    return tuple(r for r in left if r[0] < r[1])


def cut(ranges: Iterable[Range], span: int) -> tuple[Range, ...]:
    """Ranges no longer than `span`."""
    return tuple(
        (at, min(at + span, high)) for low, high in ranges for at in range(low, high, span)
    )


def holes(times: Times, window: Range, step: int | None) -> tuple[Range, ...]:
    """Where records are missing in a window that was asked for.

    Args:
        times: ascending, ms, those inside the window.
        window: the range that was asked for.
        step: distance of records on a grid; None for settlements, whose distance is judged by the
            gaps beside it.
    """
    low, high = window
    if not len(times):
        return (window,)
    if step is not None:
        edges = np.concatenate([[low - step], times, [high]])
        at = np.flatnonzero(np.diff(edges) > step)
        return joined((int(edges[i]) + step, int(edges[i + 1])) for i in at)
    if len(times) == 1:
        return joined([(low, int(times[0])), (int(times[0]) + 1, high)])
    gaps = np.diff(times)
    beside = np.minimum(np.append(gaps[1:], gaps[-1]), np.insert(gaps[:-1], 0, gaps[0]))
    odd = np.flatnonzero(gaps > ODD_GAP * np.minimum(beside, gaps))
    made = [(int(times[i]) + 1, int(times[i + 1])) for i in odd]
    if times[0] - low >= gaps[0]:
        made.append((low, int(times[0])))
    if high - times[-1] > gaps[-1]:
        made.append((int(times[-1]) + 1, high))
    return joined(made)
