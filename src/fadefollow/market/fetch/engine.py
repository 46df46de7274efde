"""The fetch itself: what is missing is asked for, page by page, and stored as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fadefollow.errors import DataError, FadeFollowError
from fadefollow.market.fetch.client import Client, counted
from fadefollow.market.fetch.merge import check_market, staging
from fadefollow.market.fetch.options import option_chain
from fadefollow.market.fetch.pages import Staging, Values
from fadefollow.market.fetch.report import Asked
from fadefollow.market.fetch.requests import Answer, Part, ask
from fadefollow.market.fetch.time_ranges import Range, Times, cut, gathered, holes, joined, without
from fadefollow.market.findings import Finding, when
from fadefollow.market.store.store import Pointer, Store
from fadefollow.market.streams import stream

#: a hole is the venue's own once so many answers in a row had nothing for it
CONFIRM = 2
#: so many of the last records are asked for again with the next ones, to see revisions
OVERLAP = 24
#: windows that are asked for at a time; ccxt's limiter spaces them out
AT_ONCE = 8
#: a bar may still change for so long after its close
SETTLING_MS = 60_000

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Window:
    """One range to ask for."""

    range: Range
    known_hole: bool = False  #: the venue had nothing for it when it was asked before


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
        table, lacking = self._stored(part)
        there = without(table, lacking)
        missing = without(whole, [*asked, *staged, *there])
        ends = {high: low for low, high in (*asked, *there)}
        wide = joined(
            (max(low - OVERLAP * part.step, ends[low]) if low in ends else low, high)
            for low, high in missing
        )
        inside = [r for hole in lacking for r in without(hole, wide)]
        inside = [r for r in inside if whole[0] <= r[0] and r[1] <= whole[1]]
        return [
            *(Window(r) for r in cut(wide, span)),
            *(Window(r, known_hole=True) for r in cut(gathered(inside, span), span)),
        ]

    def _stored(self, part: Part) -> tuple[Range, tuple[Range, ...]]:
        """The range of the records that the store has of a part, and the holes in it."""
        known = self._times(part)
        if not len(known):
            return (0, 0), ()
        table = int(known[0]), int(known[-1]) + (part.grid or 1)
        return table, holes(known, table, part.grid)

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
        for window in plan:
            async with self._gate:
                if self._stop is not None:
                    return  # the venue refuses everything: one error is enough
                try:
                    await self._window(part, window, pages)
                except DataError as error:
                    if not _of_market(error):
                        self._stop = error
                    raise

    async def _window(self, part: Part, window: Window, pages: Staging) -> None:
        asked = self.asked[part.coin, part.stream]
        asked.start()
        took, (times, values) = window.range, await self._answered(part, window)
        if part.snapshot and len(times):
            took = (int(times[0]), int(times[0]) + 1)
        await asyncio.to_thread(pages.put, took, times, values, part.columns)
        asked.stored(len(times))
        self.tally.windows += 1
        self.tally.records += len(times)
        self.tally.stored_ms += window.range[1] - window.range[0]
        if self.progress:
            done = self.tally.stored_ms / max(self.tally.total_ms, 1)
            self.progress(self.tally.text(part), min(done, 1.0))

    async def _answered(self, part: Part, window: Window) -> tuple[Times, Values]:
        return await (self._snapshot(part) if part.snapshot else self.complete(part, window))

    async def _snapshot(self, part: Part) -> tuple[Times, Values]:
        """All options of a coin, as of when the answer was there."""
        values = await option_chain(self.client, part.coin)
        if not len(values):
            text = f"{self.client.venue.title} has no {part.stream} of this coin"
            self.notes.append(Finding("note", part.coin, part.stream, "not listed", 1, "", text))
        now, then = self._clock
        passed = int((time.monotonic() - then) * 1000)
        return np.full(len(values), now + passed + 1, np.int64), values

    async def complete(self, part: Part, window: Window) -> tuple[Times, Values]:
        """All records of a window; what an answer lacks is asked for again, by itself.

        Raises:
            DataError: the venue does not answer, or insists on records that cannot be right.
        """
        span = part.span(self.client.venue)
        times, values = np.empty(0, np.int64), np.empty((0, len(part.columns)))
        need, quiet, asked = gathered([window.range], span), 0, 0
        broken: set[int] = set()
        while need and quiet < CONFIRM and not (window.known_hole and asked):
            before = len(times)
            for hole in need:
                answer = await ask(self.client, part, hole)
                times, values = _with(times, values, answer)
                broken.update(answer.broken.tolist())
            gained = len(times) - before
            if asked:
                self.tally.mended += gained
                self.asked.setdefault((part.coin, part.stream), Asked()).mended += gained
            asked += 1
            quiet = 0 if gained else quiet + 1
            need = gathered(holes(times, window.range, part.grid), span)
        self._refuse(part, sorted(broken - set(times.tolist())))
        return times, values

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


def _with(times: Times, values: Values, answer: Answer) -> tuple[Times, Values]:
    """Records with those of an answer; what was there before gives way."""
    if not len(times):
        return answer.times, answer.values
    if not len(answer.times):
        return times, values
    all_times = np.concatenate([answer.times, times])
    unique, first = np.unique(all_times, return_index=True)
    return unique, np.concatenate([answer.values, values])[first]


def _of_market(error: DataError) -> bool:
    """Whether an error is about one market only."""
    import ccxt

    cause = error.__cause__
    return cause is None or isinstance(cause, ccxt.BadSymbol | ccxt.BadRequest | ccxt.NotSupported)


def _ms(stamp: pd.Timestamp) -> int:
    return int(stamp.value // 10**6)
