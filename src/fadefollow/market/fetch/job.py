"""A fetch from beginning to end, as the command line calls it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch.client import FIRST_WAIT, Client
from fadefollow.market.fetch.engine import Engine, Progress
from fadefollow.market.fetch.markets import CoinMarkets, Listed, coin_named, find_coin
from fadefollow.market.fetch.merge import merge_pages
from fadefollow.market.fetch.report import FetchReport, PartCounts, PartReport
from fadefollow.market.fetch.requests import Part
from fadefollow.market.fetch.venues import Venue, reach_of, short_of, venue_named
from fadefollow.market.findings import Finding
from fadefollow.market.names import check_dataset_name
from fadefollow.market.store.store import Manifest, Store
from fadefollow.market.streams import stream

#: in place of a market that nobody has been asked for yet
_ANY = Listed("", "", 1, 1.0, linear=True, active=True)
#: in place of names of streams: all that the venue gives, snapshots too
EVERYTHING = "all"
#: coins whose tables are made at once: what is in memory stays small, whatever is fetched
MERGE_COINS = 20


def fetch_job(
    spec: DatasetSpec,
    name: str,
    request: FetchRequest,
    store_root: Path,
    *,
    skip_damaged: bool = False,
    progress: Progress | None = None,
    first_wait: float = FIRST_WAIT,
) -> FetchReport:
    """Fetch what is missing of some coins, and bring it into the store.

    Each page is durable as it comes: a fetch that is interrupted, killed or refused resumes where
    it was when it is run again. Fetches of the same data set may run at the same time.

    Args:
        spec: a data set with `source = "fetch"`.
        name: its name in the store.
        request: coins (`1000PEPE` means PEPE), range, by default until the last bar that the venue
            has closed, and streams: `all`, or by default those of `spec`, else all that the venue
            gives of the past. Snapshots of now, as `options`, are fetched where they are asked for.
        store_root: the store's folder.
        skip_damaged: leave out records that the venue insists on and that cannot be right, with a
            warning, instead of stopping.
        progress: called after each page, with the rate and the time left.
        first_wait: seconds before a failed request is repeated; later waits are longer.

    Raises:
        ParameterError, UnknownNameError: a coin, stream or venue that cannot be.
        DataError: the venue refuses or does not answer; the message says what to do. What was
            fetched until then is kept.
        StoreError: the store cannot be written.
    """
    check_dataset_name(name)
    if spec.source != "fetch":
        rule = 'only data sets with source = "fetch" can be fetched'
        raise ParameterError(rule, got=spec.source, where=name)
    venue = venue_named(spec.venue)
    named = tuple(dict.fromkeys(coin_named(c) for c in request.coins))
    if not named:
        raise ParameterError("a fetch needs at least one coin", got="none", where=name)
    wanted = _streams(venue, request.streams or spec.streams)
    end = request.end
    low, high = _ms(request.start), 2**53 if end is None else _ms(end)
    if low >= high:
        rule = "since must be before until"
        raise ParameterError(rule, got=f"since {request.start}, until {end}", where=name)
    store = Store(Path(store_root))
    store.check_bar(name, spec.bar)
    if progress:
        for note in reach_notes(spec, request):
            progress(f"{note.stream}: {note.sentence}", None)
    job = _Job(spec, name, venue, store, progress, skip_damaged=skip_damaged)
    return _run(job.run(named, wanted, low, high, first_wait))


def reach_notes(
    spec: DatasetSpec, request: FetchRequest, *, now: pd.Timestamp | None = None
) -> list[Finding]:
    """A note for each stream of which more is asked for than the venue gives; nothing is sent.

    Args:
        spec: a data set with `source = "fetch"`.
        request: as of `fetch_job`.
        now: UTC; by default this machine's clock. The fetch itself goes by the venue's.

    Raises:
        ParameterError, UnknownNameError: a venue or a stream that cannot be.
        DataError: the venue has no such bars.
    """
    venue = venue_named(spec.venue)
    present = _ms(pd.Timestamp.now(tz="UTC") if now is None else now)
    made = []
    for name in _streams(venue, request.streams or spec.streams):
        reach = reach_of(venue.name, name)
        if reach is None:
            continue
        step = Part.of(venue, name, _ANY, spec.bar).step
        first = reach.earliest(present, step)
        if _ms(request.start) < first:
            made.append(short_of(reach, venue.title, name, first=first, step=step))
    return made


def _run(work: Coroutine[None, None, FetchReport]) -> FetchReport:
    """Run it to its end, also where a loop runs already, as in a notebook."""
    if not _in_a_loop():
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as one:
        return one.submit(asyncio.run, work).result()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Job:
    def __init__(
        self,
        spec: DatasetSpec,
        name: str,
        venue: Venue,
        store: Store,
        progress: Progress | None,
        *,
        skip_damaged: bool,
    ) -> None:
        self.spec, self.name, self.venue, self.store = spec, name, venue, store
        self.progress, self.skip_damaged = progress, skip_damaged
        self.began = time.monotonic()

    async def run(
        self, coins: Sequence[str], streams: Sequence[str], low: int, high: int, first_wait: float
    ) -> FetchReport:
        self._say(f"asking {self.venue.title} for its markets")
        client = Client(self.venue, self.spec.ccxt, first_wait=first_wait, on_message=self._say)
        try:
            markets = await client.markets()
            kind = self.spec.contracts or self.venue.contracts
            with client.plain_errors("markets"):
                where = self.venue.name
                listed = [find_coin(c, markets, contracts=kind, where=where) for c in coins]
            now = await client.now()
            _check_past(low, now, self.name)
            parts, notes = self._parts(listed, streams)
            notes += self._short(parts, low, now)
            engine = Engine(
                client,
                self.store,
                self.name,
                self._present(),
                progress=self.progress,
                skip_damaged=self.skip_damaged,
            )
            errors = await engine.run(parts, low, high, now)
            self._say("storing")
            try:
                revised = await asyncio.to_thread(self._merge, parts)
            except DataError as error:
                if errors:  # what came is short of what failed, which says why
                    raise errors[0] from error
                raise
        finally:
            await client.close()
        if errors:
            raise errors[0]
        manifest = self._present()
        none = [c for c in coins if manifest is None or not manifest.tables.get(c)]
        if manifest is None or len(none) == len(coins):
            raise DataError(
                f"{self.venue.title} has no data of {', '.join(coins)} in this range",
                where=self.name,
                hint="choose an earlier --since or a later --until",
            )
        tally = engine.tally
        return FetchReport(
            self.name,
            self.venue.name,
            manifest.fingerprint,
            client.counts.requests,
            client.counts.retried,
            tally.records,
            tally.mended,
            time.monotonic() - self.began,
            {c: {s: e.rows for s, e in manifest.tables.get(c, {}).items()} for c in coins},
            _parts(parts, manifest, engine.asked, revised),
            (*revised, *engine.notes, *_none(none, self.venue), *notes),
        )

    def _parts(
        self, listed: Sequence[CoinMarkets], streams: Sequence[str]
    ) -> tuple[list[Part], list[Finding]]:
        """One part a stream and coin, and a note for each stream that a coin does not have."""
        parts, notes = [], []
        for coin in listed:
            for name in streams:
                found = self._markets(coin, name)
                parts += [Part.of(self.venue, name, market, self.spec.bar) for market in found]
                if not found:
                    text = f"{self.venue.title} has no {name} of this coin"
                    notes.append(Finding("note", coin.coin, name, "not listed", 1, "", text))
        return parts, notes

    def _short(self, parts: Sequence[Part], low: int, now: int) -> list[Finding]:
        """A note for each stream of which some coin may have more than the venue gives."""
        made: dict[str, Finding] = {}
        for part in parts:
            reach, created = reach_of(self.venue.name, part.stream), part.market.created
            if reach is None or part.stream in made:
                continue
            first = reach.earliest(now, part.step)
            if low < first and (created is None or _ms(created) < first):
                title, step = self.venue.title, part.step
                made[part.stream] = short_of(reach, title, part.stream, first=first, step=step)
        return list(made.values())

    def _markets(self, coin: CoinMarkets, name: str) -> list[Listed]:
        facts = self.venue.fact(name)
        found = [coin.spot] if name == "spot" else [coin.perp]
        if name == "future":
            found = list(coin.futures)
        if name == "options":
            found = [Listed(coin.coin, f"{coin.coin} options", 1, 1.0, linear=True, active=True)]
        return [m for m in found if m is not None and (m.linear or not facts.linear_only)]

    def _merge(self, parts: Sequence[Part]) -> list[Finding]:
        """Pages into tables, some coins at a time; what the venue has revised."""
        coins = list(dict.fromkeys(part.coin for part in parts))
        revised: list[Finding] = []
        for first in range(0, len(coins), MERGE_COINS):
            some = coins[first : first + MERGE_COINS]
            mine = [part for part in parts if part.coin in some]
            done = merge_pages(self.store, self.name, self.spec, mine)
            revised += done.revised if done else ()
        return revised

    def _present(self) -> Manifest | None:
        return self.store.read(self.name) if self.name in self.store.datasets() else None

    def _say(self, text: str) -> None:
        if self.progress:
            self.progress(text, None)


def _parts(
    parts: Sequence[Part],
    manifest: Manifest,
    asked: Mapping[tuple[str, str], PartCounts],
    revised: Sequence[Finding],
) -> tuple[PartReport, ...]:
    """A row for each stream of each coin, its contracts together."""
    changed = {(f.symbol, f.stream): f.count for f in revised}
    made = []
    for key in dict.fromkeys((part.coin, part.stream) for part in parts):
        entry, did = manifest.tables.get(key[0], {}).get(key[1]), asked.get(key, PartCounts())
        rows, first, last = (entry.rows, entry.first, entry.last) if entry else (0, "", "")
        made.append(
            PartReport(
                *key,
                rows,
                first,
                last,
                did.records,
                did.requests,
                did.retried,
                did.mended,
                changed.get(key, 0),
                round(did.seconds, 3),
            )
        )
    return tuple(made)


def _streams(venue: Venue, asked: Sequence[str]) -> tuple[str, ...]:
    """The streams to fetch: those asked for, which the venue must give, or all."""
    if tuple(asked) == (EVERYTHING,):
        return venue.streams
    for name in asked:
        if stream(name).name not in venue.streams:
            raise ParameterError(
                f"{venue.title} does not provide {name}",
                where=venue.name,
                hint=f"it provides {', '.join(venue.streams)}",
            )
    return tuple(dict.fromkeys(asked)) or venue.usual


def _none(coins: Sequence[str], venue: Venue) -> list[Finding]:
    text = f"{venue.title} has no records of this coin in this range"
    return [Finding("warning", coin, "", "no records", 1, "", text) for coin in coins]


def _check_past(since: int, now: int, where: str) -> None:
    if since >= now:
        at = pd.Timestamp(since, unit="ms", tz="UTC")
        raise ParameterError("since must be in the past", got=at, where=where)


def _ms(stamp: pd.Timestamp) -> int:
    return int(stamp.value // 10**6)
