"""What the answers about one window prove: its records, and where there are certainly none.

Nothing here relies on how many records a venue puts into an answer, or on whether it starts with
the oldest or the newest. An answer speaks for the time from its first to its last record. It speaks
for a whole request only if it holds nothing but the known neighbours of a gap (or, where no record
is known, nothing at all): every venue's page has room for one record more than those two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from fadefollow.market.fetch.pages import Values
from fadefollow.market.fetch.time_ranges import ODD_GAP, Range, Times, cut, joined

#: answers without a record for a hole after which the hole counts as the venue's own
CONFIRM = 2
#: answers with an impossible record after which it counts as the venue's own
INSIST = 5
#: no two settlements are nearer to each other
CLOSEST_MS = 3_600_000
#: a gap and its two neighbours: all that an answer may hold that speaks for a whole request
_NEIGHBOURS = 2


@dataclass(frozen=True)
class Answer:
    """The records of one range that was asked for."""

    times: Times  #: ms, ascending, once each, inside the range
    values: Values  #: shape (n, k), by the part's columns, in the units of its stream
    broken: Times  #: times of records that cannot be right
    span: Range | None = None  #: first and last stamp of all that came, also outside the range


class ContradictionError(Exception):
    """Two answers give one record in two ways, or one of them lacks what the other has."""


@dataclass
class Proof:
    """Records of one window as the answers come, and how often each gap was seen to be one.

    Args:
        window: the range wanted.
        step: distance of the records on a grid; None for settlements.
        width: columns of the values.
        longest: the longest distance of settlements.
        open_end: what follows is asked for later, from the last record on.
    """

    window: Range
    step: int | None
    width: int
    longest: int = 0
    open_end: bool = False
    seen: list[Range] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.times: Times = np.empty(0, np.int64)
        self.values: Values = np.empty((0, self.width))

    def add(self, request: Range, answer: Answer) -> int:
        """Take an answer in; how many records are new.

        Raises:
            ContradictionError: it does not fit what came before.
        """
        places = np.searchsorted(self.times, answer.times)
        known = np.isin(answer.times, self.times)
        mine = self.values[places[known]]
        if not np.array_equal(mine, answer.values[known], equal_nan=True):
            raise ContradictionError("two different values of one record")
        self._see(request, answer, new=int((~known).sum()) + len(answer.broken))
        self.broken.update(answer.broken.tolist())
        if not known.all():
            times = np.concatenate([self.times, answer.times[~known]])
            order = np.argsort(times, kind="stable")
            self.times = times[order]
            self.values = np.concatenate([self.values, answer.values[~known]])[order]
        return int((~known).sum())

    def _see(self, request: Range, answer: Answer, *, new: int) -> None:
        within = self.times[(self.times >= request[0]) & (self.times < request[1])]
        low, high = answer.span or request
        due = within[(within >= low) & (within <= high)]
        if not np.isin(due, np.concatenate([answer.times, answer.broken])).all():
            raise ContradictionError("a record of an earlier answer is missing")
        if new or len(within) > _NEIGHBOURS or len(due) < len(within):
            self.seen.append((low, high + 1))
        elif request[0] <= low and high <= request[1]:
            self.seen.append(request)
        else:  # the neighbours, and more from outside
            self.seen.append((low, high + 1))

    @property
    def gaps(self) -> tuple[Range, ...]:
        """Ranges without records that are not proven to have none."""
        return tuple(
            gap
            for gap, needed in self._gaps()
            if self._often(gap) < (INSIST if self._broken_in(gap) else needed)
        )

    def _broken_in(self, gap: Range) -> bool:
        return any(gap[0] <= at < gap[1] for at in self.broken)

    def _often(self, gap: Range) -> int:
        """How many answers spoke for a range, each part of it counted by itself."""
        edges = sorted({*gap, *(e for s in self.seen for e in s if gap[0] < e < gap[1])})
        pieces = pairwise(edges)
        return min(sum(s[0] <= p[0] and p[1] <= s[1] for s in self.seen) for p in pieces)

    def _gaps(self) -> Iterator[tuple[Range, int]]:
        """Each range without records, and how many answers must agree on it."""
        low, high = self.window
        if not len(self.times):
            yield self.window, CONFIRM
        elif self.step is not None:
            edges = np.concatenate([[low - self.step], self.times, [high]])
            for at in np.flatnonzero(np.diff(edges) > self.step):
                yield (int(edges[at]) + self.step, int(edges[at + 1])), CONFIRM
        else:
            yield from self._between_settlements()

    def _between_settlements(self) -> Iterator[tuple[Range, int]]:
        """Truncated answers look whole where the distance changes: every gap needs its proof."""
        (low, high), times = self.window, self.times
        if times[0] - low >= CLOSEST_MS:
            yield (low, int(times[0])), 1
        distances = np.diff(times)
        if len(distances):
            after = np.append(distances[1:], distances[-1])
            before = np.insert(distances[:-1], 0, distances[0])
            odd = distances > ODD_GAP * np.minimum(np.minimum(before, after), distances)
            alone = self._alone(times)
            for at in np.flatnonzero(odd | alone):
                gap = int(times[at]) + 1, int(times[at + 1])
                yield gap, CONFIRM if odd[at] else 1
        if high - times[-1] > (self.longest if self.open_end else CLOSEST_MS):
            yield (int(times[-1]) + 1, high), 1

    def _alone(self, times: Times) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Gaps that no single answer spans."""
        spanned = np.zeros(len(times) - 1, bool)
        for low, high in self.seen:
            first = np.searchsorted(times, low)
            last = np.searchsorted(times, high, side="left") - 1
            spanned[first : max(int(last), int(first))] = True
        return ~spanned

    def requests(self, span: int) -> tuple[Range, ...]:
        """What to ask next: each gap by itself, no longer than a page, with its neighbours."""
        step = self.step or 1
        room = max(span - 2 * step, step)
        made: list[Range] = []
        for gap in self.gaps:
            pieces = list(cut([gap], room))
            whole = beside(gap, self.times, step)
            pieces[0] = whole[0], pieces[0][1]
            pieces[-1] = pieces[-1][0], whole[1]
            made += pieces
        return tuple(made)

    @property
    def state(self) -> tuple[object, ...]:
        """Something that changes with each answer that proves anything."""
        return len(self.times), tuple((gap, self._often(gap)) for gap in self.gaps)

    @property
    def proven(self) -> Range:
        """The part of the window for which the answers speak, once there are no gaps left."""
        low, high = self.window
        if self.open_end and len(self.times):
            high = int(self.times[-1]) + (self.step or 1)
        return low, high


def beside(gap: Range, times: Times, step: int) -> Range:
    """A gap with the known records next to it, which an answer must hold."""
    first, last = np.searchsorted(times, [gap[0], gap[1]])
    low = int(times[first - 1]) if first else gap[0]
    high = int(times[last]) + step if last < len(times) else gap[1]
    return low, high


def by_pages(gaps: Sequence[Range], known: Times, span: int, most: int) -> tuple[Range, ...]:
    """Gaps taken together as long as what lies from the first to the last fits into one page.

    Args:
        gaps: ranges.
        known: times of the records that are there.
        span: the longest range that may be asked for.
        most: known records that a page may hold.
    """
    made: list[Range] = []
    for low, high in joined(gaps):
        first = made[-1][0] if made else low
        held = np.searchsorted(known, high) - np.searchsorted(known, first)
        if made and high - first <= span and held <= most:
            made[-1] = (first, high)
        else:
            made.append((low, high))
    return tuple(made)
