"""What of a part is to be asked for: what never was, and again what came without records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fadefollow.market.fetch.proof import beside, by_pages
from fadefollow.market.fetch.requests import Part
from fadefollow.market.fetch.time_ranges import Range, Times, cut, holes, joined, without

#: number of last records that are requested again with the next ones, to see revisions
OVERLAP = 24
#: pages of known holes of the venue that each fetch requests again
HOLE_PAGES = 32
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Window:
    """One range to ask for."""

    range: Range
    #: ranges that the venue had nothing for when it was asked before, if it is for their sake
    known: tuple[Range, ...] = ()
    goes_on: bool = False  #: another window follows; the two meet at the last record of this one
    if_gained: bool = False  #: to be asked for only if there were records for a known hole


@dataclass(frozen=True)
class Present:
    """What there is of a part.

    Attributes:
        times: of the records in the store, ms, ascending.
        asked: ranges for which the answers are in the store.
        staged: ranges whose answers lie in the staging area.
        empty: whether no record lies there.
    """

    times: Times
    asked: tuple[Range, ...]
    staged: tuple[Range, ...]
    empty: bool


def windows(part: Part, present: Present, whole: Range, *, span: int, now: int) -> list[Window]:
    """What to ask for in `whole`, in order.

    Args:
        part: a stream of a coin, or one contract of it.
        present: what is stored of it.
        whole: the range wanted, as far as the venue can have it.
        span: the longest range to ask for at once.
        now: the venue's clock, ms.
    """
    times, asked, step = present.times, present.asked, part.grid or 1
    there: tuple[Range, ...] = ()
    if len(times):
        table = int(times[0]), int(times[-1]) + step
        there = without(table, holes(times, table, part.grid))
    missing = without(whole, [*asked, *present.staged, *there])
    ends = {high: low for low, high in (*asked, *there)}
    back = OVERLAP * part.step
    begins = (
        _overlapping(part, times, max(low - back, ends[low]), low) if low in ends else low
        for low, _ in missing
    )
    wide = joined((begin, high) for begin, (_, high) in zip(begins, missing, strict=True))
    settled = joined([*asked, *(present.staged if present.empty else ())])
    owed = [r for a in common(settled, [whole]) for r in without(a, wide)]
    return [*_fresh(part, wide, span), *_again(part, times, owed, span, now)]


def _overlapping(part: Part, times: Times, low: int, end: int) -> int:
    """Where to begin so that the last known records come again.

    Of settlements at one of them, as what lies before the first record of an answer has to be
    asked for by itself.
    """
    later = times[(times >= low) & (times < end)]
    return int(later[0]) if part.grid is None and len(later) else low


def _fresh(part: Part, ranges: Sequence[Range], span: int) -> list[Window]:
    """What never was asked for, in pages; settlements are followed from page to page."""
    made = []
    for whole in ranges:
        pieces = cut([whole], span)
        ends = [part.grid is None] * (len(pieces) - 1) + [False]
        made += [Window(r, goes_on=on) for r, on in zip(pieces, ends, strict=True)]
    return made


def _again(part: Part, times: Times, owed: Sequence[Range], span: int, now: int) -> list[Window]:
    """What was asked for and has no records, by pages with the records beside them.

    Before the first record and after the last one half a page is asked for, and the rest if that
    holds any.
    """
    if not len(times):
        return _turn([Window(r, known=(r,)) for r in cut(owed, span)], now)
    first, last, step = int(times[0]), int(times[-1]), part.grid or 1
    close = 0 if part.grid else part.step  # the next settlement is not due so soon
    low, high = first - span // 2, last + step + span // 2
    edges = common([(low, first), (last + step, high)], owed)
    between = common(holes(times, (first, last + step), part.grid), owed)
    near = joined([*between, *(edge for edge in edges if edge[1] - edge[0] > close)])
    room = max(span - 2 * step, step)
    made = []
    for page in by_pages(near, times, room, part.page // (1 if part.grid else 2)):
        pieces = cut([page], room)
        requests = [beside(page, times, step)] if len(pieces) == 1 else pieces
        made += [Window(r, known=common(near, [r])) for r in requests]
    beyond = [*reversed(cut(_before(owed, low), span)), *cut(_after(owed, high), span)]
    return [*_turn(made, now), *(Window(r, known=(r,), if_gained=True) for r in beyond)]


def _turn(found: Sequence[Window], now: int) -> list[Window]:
    """As many windows as are asked for again at a time; with the days each has its turn."""
    first = now // _DAY_MS * HOLE_PAGES % max(len(found), 1)
    return [*found[first:], *found[:first]][:HOLE_PAGES]


def _before(ranges: Iterable[Range], end: int) -> tuple[Range, ...]:
    return joined((low, min(high, end)) for low, high in ranges)


def _after(ranges: Iterable[Range], begin: int) -> tuple[Range, ...]:
    return joined((max(low, begin), high) for low, high in ranges)


def common(first: Sequence[Range], second: Sequence[Range]) -> tuple[Range, ...]:
    """The time that is in both."""
    return joined((max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second)


def times_in(times: Times, ranges: Sequence[Range]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which times lie in any of the ranges."""
    inside = np.zeros(len(times), bool)
    for low, high in ranges:
        inside |= (times >= low) & (times < high)
    return inside
