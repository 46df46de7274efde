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

from fadefollow.core.text import duration
from fadefollow.errors import DataError, FadeFollowError
from fadefollow.market.fetch.client import Client, counted
from fadefollow.market.fetch.merge import check_market, staging
from fadefollow.market.fetch.options import option_chain
from fadefollow.market.fetch.pages import Staging, Values, count
from fadefollow.market.fetch.planning import Present, Window, times_in, windows
from fadefollow.market.fetch.proof import Answer, ContradictionError, Proof
from fadefollow.market.fetch.report import PartCounts
from fadefollow.market.fetch.requests import Part, ask
from fadefollow.market.fetch.time_ranges import Range, Times, cut, joined
from fadefollow.market.fetch.validation import InvalidAnswer
from fadefollow.market.fetch.venues import reach_of
from fadefollow.market.findings import Finding, when
from fadefollow.market.store.store import Manifest, Store
from fadefollow.market.streams import stream

#: attempts for a window whose answers contradict each other
AGREE = 3
#: answers in a row without progress after which a window is contradictory
PATIENT = 3
#: windows that are asked for at a time; ccxt's limiter spaces them out
AT_ONCE = 8
#: a bar may still change for so long after its close
SETTLING_MS = 60_000
#: a range for which the answers are complete, with its records
Taken = tuple[Range, Times, Values]
Progress = Callable[[str, float | None], None]


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
        return f"{part.coin} {part.stream}, {rate:,.0f} records a second, {duration(left)} left"


class Engine:
    """Fetches the parts of one data set from one venue."""

    def __init__(
        self,
        client: Client,
        store: Store,
        dataset: str,
        manifest: Manifest | None,
        *,
        progress: Progress | None = None,
        skip_damaged: bool = False,
    ) -> None:
        self.client, self.store, self.dataset, self.manifest = client, store, dataset, manifest
        self.progress, self.tally = progress, Tally()
        #: by coin and stream
        self.asked: dict[tuple[str, str], PartCounts] = {}
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
        state = self.manifest.fetched.get(part.coin, {}).get(part.name) if self.manifest else None
        check_market(part, state, self.dataset)
        lying = staging(self.store, self.dataset, part).pages()
        present = Present(
            self._times(part),
            state.covered if state else (),
            tuple(page.window for page in lying),
            empty=not any(count(page) for page in lying),
        )
        return windows(part, present, whole, span=span, now=now)

    def _reachable(self, part: Part, since: int, until: int, now: int) -> Range:
        """The range in which the venue can have records of this part."""
        reach, step = reach_of(self.client.venue.name, part.stream), part.step
        low, high = since, min(until, now - SETTLING_MS)
        if part.market.created is not None:
            low = max(low, _ms(part.market.created) // step * step)
        if part.market.expiry is not None:
            high = min(high, _ms(part.market.expiry))
        if reach is not None:
            low = max(low, reach.earliest(now, step))
        if part.grid is None:
            return low, high
        return -(-low // step) * step, high // step * step

    def _times(self, part: Part) -> Times:
        """Times of the records that the store has of a part, ms."""
        entry = self.manifest.tables.get(part.coin, {}).get(part.stream) if self.manifest else None
        if entry is None:
            return np.empty(0, np.int64)
        table = self.store.table(self.dataset, entry)
        if part.market.expiry is not None:
            table = table[table["expiry"] == part.market.expiry]
        times: Times = table["time"].dt.as_unit("ms").astype("int64").to_numpy()
        return times

    async def _part(self, part: Part, plan: Sequence[Window]) -> None:
        pages = staging(self.store, self.dataset, part)
        mine = self.asked.setdefault((part.coin, part.stream), PartCounts())
        counted.set(mine)
        last: Taken | None = None
        for window in plan:
            if window.if_gained and not mine.regained:
                continue
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
        came = np.concatenate([answer.times, answer.broken])
        there = [hole for hole in window.known if times_in(came, [hole]).any()]
        if there or _cut_short(window, answer):
            low, high = answer.span or window.range
            there += [h for h in window.known if h[0] < low or high < h[1] - 1]
        # a hole of which a venue has something now is asked for like what never was
        taken = [await self.complete(part, Window(hole)) for hole in joined(there)]
        gained = sum(len(times) for _, times, _ in taken)
        self.asked[part.coin, part.stream].regained += gained
        self._mended(part, gained)
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
        # the record that it follows on is in one request with the others
        room = span if last is None else span + part.step
        requests, first, quiet = cut([whole], room), True, 0
        while requests:
            before, state = len(proof.times), proof.state
            for request in requests:
                proof.add(request, await ask(self.client, part, request))
            if not first:
                self._mended(part, len(proof.times) - before)
            quiet = quiet + 1 if proof.state == state else 0
            if quiet == PATIENT:
                raise ContradictionError("records of earlier answers are missing")
            requests, first = proof.requests(span), False
        return proof

    def _mended(self, part: Part, records: int) -> None:
        self.tally.mended += records
        self.asked.setdefault((part.coin, part.stream), PartCounts()).mended += records

    def _contradiction(self, part: Part, window: Window, error: Exception) -> DataError:
        low, high = (when(pd.Timestamp(t, unit="ms", tz="UTC")) for t in window.range)
        return DataError(
            f"answers from {self.client.venue.title} contradict each other",
            got=f"{error}, in every attempt",
            where=f"{self.client.venue.name} {part.coin} {part.stream} {low} to {high}",
            hint="these answers are not stored; rerun the same command later",
        )

    def _refuse(self, part: Part, broken: list[int]) -> None:
        if not broken:
            return
        at = when(pd.Timestamp(broken[0], unit="ms", tz="UTC"))
        if self.skip_damaged:
            text = "impossible records in every attempt, left out"
            note = Finding(
                "warning", part.coin, part.stream, "impossible records", len(broken), at, text
            )
            self.notes.append(note)
            return
        raise DataError(
            f"{self.client.venue.title} sends impossible records of {stream(part.stream).about}",
            got=f"{len(broken)}, the first at {at}, in every attempt",
            where=f"{self.client.venue.name} {part.coin} {part.stream}",
            hint="leave them out with --skip-damaged, or the stream with --streams",
        )


def _cut_short(window: Window, answer: Answer) -> bool:
    """Whether the records beside the holes were asked for and are not there."""
    first, last = window.known[0][0], window.known[-1][1]
    low, high = answer.span or window.range
    return window.range[0] < first <= low or high < last < window.range[1]


def _following(window: Window, last: Taken | None) -> Window:
    """A window from where the one before it ended."""
    return window if last is None else replace(window, range=(last[0][1], window.range[1]))


def _taken(proof: Proof, window: Window) -> Taken:
    """What a window is stored as; the record that it follows on is stored already."""
    low, high = window.range[0], proof.proven[1]
    mine = proof.times >= low
    return (low, high), proof.times[mine], proof.values[mine]


def _of_market(error: DataError) -> bool:
    """Whether an error is about one market only."""
    import ccxt

    cause = error.__cause__
    if cause is None or isinstance(cause, InvalidAnswer | ContradictionError):
        return True
    return isinstance(cause, ccxt.BadSymbol | ccxt.BadRequest | ccxt.NotSupported)


def _ms(stamp: pd.Timestamp) -> int:
    return int(stamp.value // 10**6)
