"""The fetch itself: what is missing is asked for, page by page, and stored as it comes.

A range counts as covered once `proof` has shown that the answers are complete for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from fadefollow.errors import DataError, FadeFollowError
from fadefollow.market.fetch.asking import Part, ask
from fadefollow.market.fetch.believing import UnbelievableAnswer
from fadefollow.market.fetch.client import Client, counted
from fadefollow.market.fetch.fold import check_market, staging
from fadefollow.market.fetch.options import option_chain
from fadefollow.market.fetch.proof import ContradictionError, Proof, beside, by_pages
from fadefollow.market.fetch.ranges import Range, Times, cut, holes, joined, without
from fadefollow.market.fetch.report import Asked
from fadefollow.market.fetch.staging import Staging, Values
from fadefollow.market.findings import Finding, when
from fadefollow.market.store import Pointer, Store
from fadefollow.market.streams import stream

#: a window whose answers contradict each other is begun anew so often
AGREE = 3
#: so many answers in a row may prove nothing
PATIENT = 3
#: of the holes that a venue had nothing for, so many pages are asked for again with each fetch
HOLE_PAGES = 32
_DAY_MS = 86_400_000
#: so many of the last records are asked for again with the next ones, to see revisions
OVERLAP = 24
#: windows that are asked for at a time; ccxt's limiter spaces them out
AT_ONCE = 8
#: a bar may still change for so long after its close
SETTLING_MS = 60_000

#: a range for which the answers are complete, with its records
Taken = tuple[Range, Times, Values]
Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Window:
    """One range to ask for."""

    range: Range
    #: ranges that the venue had nothing for when it was asked before, if it is for their sake
    known: tuple[Range, ...] = ()
    goes_on: bool = False  #: another window follows; the two meet at the last record of this one


@dataclass
class Tally:
    """What a fetch did, for its report and its progress."""

    windows: int = 0
    records: int = 0
    mended: int = 0  #: records that the first answer lacked
    stored_ms: int = 0
    total_ms: int = 0
    began: float = field(default_factory=time.monotonic)

    def text(self, part: Part) -> str:
        """`BTC perp, 12,300 records a second, 40 s left`."""
        passed = max(time.monotonic() - self.began, 1e-3)
        rate, done = self.records / passed, max(self.stored_ms, 1) / max(self.total_ms, 1)
        left = passed * (1 - done) / done
        return f"{part.coin} {part.stream}, {rate:,.0f} records a second, {_span(left)} left"


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class Engine:
    """Fetches the parts of one data set from one venue."""

    def __init__(
        self,
        client: Client,
        store: Store,
        dataset: str,
        pointer: Pointer | None,
        *,
        progress: Progress | None = None,
        skip_damaged: bool = False,
    ) -> None:
        self.client, self.store, self.dataset, self.pointer = client, store, dataset, pointer
        self.progress, self.tally = progress, Tally()
        #: by coin and stream
        self.asked: dict[tuple[str, str], Asked] = {}
        self.notes: list[Finding] = []
        self._clock = (0, 0.0)  # the venue's, and this machine's at the same time
        self.skip_damaged = skip_damaged
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._stop: FadeFollowError | None = None

    async def run(self, parts: Sequence[Part], since: int, until: int, now: int) -> list[Exception]:
        """Fetch all that is missing of these parts in [since, until), ms.

        Returns:
            The errors, at most one a part; what was fetched before them is in the staging area.
        """
        self._clock = (now, time.monotonic())
        plans = [(part, self.plan(part, since, until, now)) for part in parts]
        self.tally.total_ms = sum(w.range[1] - w.range[0] for _, plan in plans for w in plan)
        tasks = [asyncio.create_task(self._part(part, plan)) for part, plan in plans]
        try:
            done = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for task in tasks:
                task.cancel()
        failed = [error for error in done if isinstance(error, BaseException)]
        for error in failed:
            if not isinstance(error, FadeFollowError):
                raise error
        return [error for error in failed if isinstance(error, Exception)]

    def plan(self, part: Part, since: int, until: int, now: int) -> list[Window]:
        """What of one part is to be asked for: what never was, and the holes of what was."""
        if part.snapshot:
            return [Window((now, now + 1))] if since <= now < until else []
        whole = self._reachable(part, since, until, now)
        if whole[0] >= whole[1]:
            return []
        span = part.span(self.client.venue)
        state = self.pointer.fetched.get(part.coin, {}).get(part.name) if self.pointer else None
        check_market(part, state, self.dataset)
        asked = state.covered if state else ()
        staged = [p.window for p in staging(self.store, self.dataset, part).pages()]
        known = self._times(part)
        table, lacking = _table(known, part)
        there = without(table, lacking)
        missing = without(whole, [*asked, *staged, *there])
        ends = {high: low for low, high in (*asked, *there)}
        wide = joined(
            (self._overlapping(part, known, max(low - OVERLAP * part.step, ends[low]), low)
             if low in ends else low, high)
            for low, high in missing
        )  # fmt: skip
        owed = [r for hole in self._holes(part, known, span) for r in without(hole, wide)]
        again = self._again(part, known, _common(owed, _common(asked, [whole])), span)
        return [*self._windows(part, wide, span), *_turn(again, now)]

    def _overlapping(self, part: Part, times: Times, low: int, end: int) -> int:
        """Where to begin so that the last known records come again: of settlements at one of them,
        as what lies before the first record of an answer has to be asked for by itself."""
        later = times[(times >= low) & (times < end)]
        return int(later[0]) if part.grid is None and len(later) else low

    def _windows(self, part: Part, ranges: Sequence[Range], span: int) -> list[Window]:
        """What is to be asked for, in pages; settlements are followed from page to page."""
        made = []
        for whole in ranges:
            pieces = cut([whole], span)
            ends = [part.grid is None] * (len(pieces) - 1) + [False]
            made += [Window(r, goes_on=on) for r, on in zip(pieces, ends, strict=True)]
        return made

    def _again(self, part: Part, times: Times, owed: Sequence[Range], span: int) -> list[Window]:
        """Holes of what was asked for, by pages, each with the records beside it."""
        step = part.grid or 1
        room = max(span - 2 * step, step)
        made = []
        for page in by_pages(owed, times, room, part.page // 2):
            pieces = cut([page], room)
            requests = [beside(page, times, step)] if len(pieces) == 1 else pieces
            made += [Window(r, known=tuple(_common(owed, [r]))) for r in requests]
        return made

    def _holes(self, part: Part, times: Times, span: int) -> tuple[Range, ...]:
        """Where records are missing between those that there are, and half a page beyond."""
        if not len(times):
            return ()
        first, last, step = int(times[0]), int(times[-1]), part.grid or 1
        close = 0 if part.grid else part.step  # a settlement is not due so soon
        between = holes(times, (first, last + step), part.grid)
        before = first - span // 2, first - close
        after = last + step + close, last + step + span // 2
        return joined([before, *between, after])

    def _reachable(self, part: Part, since: int, until: int, now: int) -> Range:
        """The range in which the venue can have records of this part."""
        facts, step = self.client.venue.fact(part.stream), part.step
        low, high = since, min(until, now - SETTLING_MS)
        if part.market.created is not None:
            low = max(low, _ms(part.market.created) // step * step)
        if part.market.expiry is not None:
            high = min(high, _ms(part.market.expiry))
        if facts.reach is not None:
            low = max(low, now - facts.reach // pd.Timedelta("1ms"))
        if facts.reach_records is not None:
            low = max(low, now - facts.reach_records * step)
        if part.grid is None:
            return low, high
        return -(-low // step) * step, high // step * step

    def _times(self, part: Part) -> Times:
        """Times of the records that the store has of a part, ms."""
        entry = self.pointer.tables.get(part.coin, {}).get(part.stream) if self.pointer else None
        if entry is None:
            return np.empty(0, np.int64)
        table = self.store.table(self.dataset, entry)
        if part.market.expiry is not None:
            table = table[table["expiry"] == part.market.expiry]
        times: Times = table["time"].dt.as_unit("ms").astype("int64").to_numpy()
        return times

    async def _part(self, part: Part, plan: Sequence[Window]) -> None:
        pages = staging(self.store, self.dataset, part)
        mine = self.asked.setdefault((part.coin, part.stream), Asked())
        counted.set(mine)
        last: Taken | None = None
        for window in plan:
            async with self._gate:
                if self._stop is not None:
                    return  # the venue refuses everything: one error is enough
                try:
                    last = await self._window(part, _following(window, last), pages, last)
                except DataError as error:
                    if not _of_market(error):
                        self._stop = error
                    raise

    async def _window(
        self, part: Part, window: Window, pages: Staging, last: Taken | None
    ) -> Taken | None:
        """Get and store one window; what the next one follows on."""
        asked = self.asked[part.coin, part.stream]
        asked.start()
        taken = await self._answered(part, window, last)
        for took, times, values in taken:
            await asyncio.to_thread(pages.put, took, times, values, part.columns)
            asked.stored(len(times))
            self.tally.records += len(times)
        self.tally.windows += 1
        self.tally.stored_ms += window.range[1] - window.range[0]
        if self.progress:
            done = self.tally.stored_ms / max(self.tally.total_ms, 1)
            self.progress(self.tally.text(part), min(done, 1.0))
        return taken[0] if window.goes_on and len(taken[0][1]) else None

    async def _answered(self, part: Part, window: Window, last: Taken | None) -> list[Taken]:
        if part.snapshot:
            return await self._snapshot(part, window)
        if window.known:
            return await self._known(part, window)
        return [await self.complete(part, window, last)]

    async def _snapshot(self, part: Part, window: Window) -> list[Taken]:
        """All options of a coin, as of when the answer was there."""
        values = await option_chain(self.client, part.coin)
        if not len(values):
            text = f"{self.client.venue.title} has no {part.stream} of this coin"
            self.notes.append(Finding("note", part.coin, part.stream, "not listed", 1, "", text))
            return [(window.range, np.empty(0, np.int64), values)]
        now, then = self._clock
        time_of = now + int((time.monotonic() - then) * 1000) + 1
        return [((time_of, time_of + 1), np.full(len(values), time_of, np.int64), values)]

    async def _known(self, part: Part, window: Window) -> list[Taken]:
        """What a venue has by now for holes that it had nothing for before."""
        answer = await ask(self.client, part, window.range)
        self._refuse(part, [t for t in answer.broken.tolist() if _within(t, window.known)])
        taken = []
        for low, high in window.known:
            mine = (answer.times >= low) & (answer.times < high)
            if mine.any():
                taken.append(((low, high), answer.times[mine], answer.values[mine]))
        self._mended(part, sum(len(times) for _, times, _ in taken))
        return taken

    async def complete(self, part: Part, window: Window, last: Taken | None = None) -> Taken:
        """All records of a window; what an answer lacks is asked for again, by itself.

        Args:
            part: what.
            window: from when to when.
            last: the window before, on whose last record this one follows.

        Returns:
            The range for which the answers are proven to be complete, and its records.

        Raises:
            DataError: the venue does not answer, contradicts itself, or insists on records that
                cannot be right.
        """
        for attempt in range(AGREE):
            try:
                proof = await self._proof(part, window, last)
            except ContradictionError as error:
                if attempt == AGREE - 1:
                    raise self._contradiction(part, window, error) from error
                continue
            self._refuse(part, sorted(proof.broken - set(proof.times.tolist())))
            return _taken(proof, window)
        raise AssertionError("the last attempt returns or raises")

    async def _proof(self, part: Part, window: Window, last: Taken | None) -> Proof:
        span, (low, high) = part.span(self.client.venue), window.range
        whole = (low, high) if last is None else (int(last[1][-1]), high)
        proof = Proof(
            whole, part.grid, len(part.columns), longest=part.step, open_end=window.goes_on
        )
        if last is not None:
            proof.times, proof.values = last[1][-1:], last[2][-1:]
        requests, first, quiet = cut([whole], span), True, 0
        while requests:
            before, state = len(proof.times), proof.state
            for request in requests:
                proof.add(request, await ask(self.client, part, request))
            if not first:
                self._mended(part, len(proof.times) - before)
            quiet = quiet + 1 if proof.state == state else 0
            if quiet == PATIENT:
                raise ContradictionError("records that were there before are there no more")
            requests, first = proof.requests(span), False
        return proof

    def _mended(self, part: Part, records: int) -> None:
        self.tally.mended += records
        self.asked.setdefault((part.coin, part.stream), Asked()).mended += records

    def _contradiction(self, part: Part, window: Window, error: Exception) -> DataError:
        low, high = (when(pd.Timestamp(t, unit="ms", tz="UTC")) for t in window.range)
        return DataError(
            f"answers of {self.client.venue.title} must agree with each other",
            got=f"{error}, however often asked for",
            where=f"{self.client.venue.name} {part.coin} {part.stream} {low} to {high}",
            hint="nothing of them is stored: run the same command again later",
        )

    def _refuse(self, part: Part, broken: list[int]) -> None:
        if not broken:
            return
        at = when(pd.Timestamp(broken[0], unit="ms", tz="UTC"))
        if self.skip_damaged:
            text = "records that cannot be right, however often asked for; they are left out"
            note = Finding(
                "warning", part.coin, part.stream, "impossible records", len(broken), at, text
            )
            self.notes.append(note)
            return
        raise DataError(
            f"records of {stream(part.stream).about} must be possible",
            got=f"{len(broken)} that are not, the first at {at}, however often asked for",
            where=f"{self.client.venue.name} {part.coin} {part.stream}",
            hint="leave them out with --skip-damaged, or the stream with --streams",
        )


def _table(times: Times, part: Part) -> tuple[Range, tuple[Range, ...]]:
    """The range of the records that the store has of a part, and the holes in it."""
    if not len(times):
        return (0, 0), ()
    table = int(times[0]), int(times[-1]) + (part.grid or 1)
    return table, holes(times, table, part.grid)


def _following(window: Window, last: Taken | None) -> Window:
    """A window from where the one before it ended."""
    return window if last is None else replace(window, range=(last[0][1], window.range[1]))


def _taken(proof: Proof, window: Window) -> Taken:
    """What a window is stored as; the record that it follows on is stored already."""
    low, high = window.range[0], proof.proven[1]
    mine = proof.times >= low
    return (low, high), proof.times[mine], proof.values[mine]


def _common(first: Sequence[Range], second: Sequence[Range]) -> tuple[Range, ...]:
    """The time that is in both."""
    pairs = ((max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second)
    return joined(pairs)


def _within(time: int, ranges: Sequence[Range]) -> bool:
    return any(low <= time < high for low, high in ranges)


def _turn(windows: Sequence[Window], now: int) -> list[Window]:
    """As many windows as are asked for again at a time; with the days each has its turn."""
    first = now // _DAY_MS * HOLE_PAGES % max(len(windows), 1)
    return [*windows[first:], *windows[:first]][:HOLE_PAGES]


def _of_market(error: DataError) -> bool:
    """Whether an error is about one market only."""
    import ccxt

    cause = error.__cause__
    if cause is None or isinstance(cause, UnbelievableAnswer | ContradictionError):
        return True
    return isinstance(cause, ccxt.BadSymbol | ccxt.BadRequest | ccxt.NotSupported)


def _ms(stamp: pd.Timestamp) -> int:
    return int(stamp.value // 10**6)
