"""A fetch from beginning to end, as the command line calls it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.fetch.asking import Part
from fadefollow.market.fetch.client import FIRST_WAIT, Client
from fadefollow.market.fetch.engine import Engine, Progress
from fadefollow.market.fetch.fold import fold
from fadefollow.market.fetch.markets import CoinMarkets, Listed, coin_named, find_coin
from fadefollow.market.fetch.venues import Venue, venue_named
from fadefollow.market.findings import Finding
from fadefollow.market.names import check_dataset_name
from fadefollow.market.spec import DatasetSpec
from fadefollow.market.store import Pointer, Store
from fadefollow.market.streams import stream

#: coins whose tables are made at once: what is in memory stays small, whatever is fetched
FOLD_COINS = 20


@dataclass(frozen=True)
class FetchReport:
    """What a fetch asked for and stored."""

    dataset: str
    venue: str
    fingerprint: str
    requests: int
    retried: int  #: requests that had to be repeated
    records: int  #: fetched, those among them that were known before
    mended: int  #: records that a venue's first answer lacked
    seconds: float
    tables: Mapping[str, Mapping[str, int]]  #: rows in the store by coin and stream
    findings: tuple[Finding, ...]  #: worst first: revisions, streams that a coin does not have

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        plain = {k: v for k, v in vars(self).items() if k not in ("tables", "findings")}
        return plain | {
            "tables": {coin: dict(rows) for coin, rows in self.tables.items()},
            "findings": [f.to_dict() for f in self.findings],
        }


def fetch_job(
    spec: DatasetSpec,
    name: str,
    coins: Sequence[str],
    store_root: Path,
    *,
    since: pd.Timestamp,
    until: pd.Timestamp | None = None,
    streams: Sequence[str] | None = None,
    progress: Progress | None = None,
    first_wait: float = FIRST_WAIT,
) -> FetchReport:
    """Fetch what is missing of some coins, and bring it into the store.

    Each page is durable as it comes: a fetch that is interrupted, killed or refused goes on where
    it was when it is run again. Fetches of the same data set may run at the same time.

    Args:
        spec: a data set with `source = "fetch"`.
        name: its name in the store.
        coins: names as `BTC`; `1000PEPE` means PEPE.
        store_root: the store's folder.
        since: first time wanted; UTC where it has no zone.
        until: end of the time wanted; by default the last bar that the venue has closed.
        streams: only these; by default those of `spec`, else all that the venue gives.
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
        rule = 'only data sets with source = "fetch" are fetched'
        raise ParameterError(rule, got=spec.source, where=name)
    venue = venue_named(spec.venue)
    named = tuple(dict.fromkeys(coin_named(c) for c in coins))
    if not named:
        raise ParameterError("a fetch needs at least one coin", got="none", where=name)
    wanted = _streams(venue, streams or spec.streams)
    low, high = _ms(since), 2**53 if until is None else _ms(until)
    if low >= high:
        rule = "the range must go forward"
        raise ParameterError(rule, got=f"since {since}, until {until}", where=name)
    store = Store(Path(store_root))
    store.check_bar(name, spec.bar)
    job = _Job(spec, name, venue, store, progress)
    return asyncio.run(job.run(named, wanted, low, high, first_wait))


class _Job:
    def __init__(
        self, spec: DatasetSpec, name: str, venue: Venue, store: Store, progress: Progress | None
    ) -> None:
        self.spec, self.name, self.venue, self.store = spec, name, venue, store
        self.progress, self.began = progress, time.monotonic()

    async def run(
        self, coins: Sequence[str], streams: Sequence[str], low: int, high: int, first_wait: float
    ) -> FetchReport:
        self._say(f"asking {self.venue.title} for its markets")
        client = Client(self.venue, self.spec.ccxt, first_wait=first_wait, told=self._say)
        try:
            markets = await client.markets()
            kind = self.spec.contracts or self.venue.contracts
            listed = [find_coin(c, markets, contracts=kind, where=self.venue.name) for c in coins]
            now = await client.now()
            parts, notes = self._parts(listed, streams)
            engine = Engine(client, self.store, self.name, self._present(), progress=self.progress)
            errors = await engine.run(parts, low, high, now)
            self._say("storing")
            revised = await asyncio.to_thread(self._fold, parts)
        finally:
            await client.close()
        if errors:
            raise errors[0]
        pointer = self._present()
        if pointer is None:
            raise DataError(
                "the venue must have data in the range",
                got="none",
                where=f"{self.venue.name} {', '.join(coins)}",
                hint="choose an earlier --since or a later --until",
            )
        tally = engine.tally
        return FetchReport(
            self.name, self.venue.name, pointer.fingerprint, client.requests, client.retried,
            tally.records, tally.mended, time.monotonic() - self.began,
            {c: {s: e.rows for s, e in pointer.tables.get(c, {}).items()} for c in coins},
            (*revised, *notes),
        )  # fmt: skip

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

    def _markets(self, coin: CoinMarkets, name: str) -> list[Listed]:
        facts = self.venue.fact(name)
        found = [coin.spot] if name == "spot" else [coin.perp]
        if name == "future":
            found = list(coin.futures)
        return [m for m in found if m is not None and (m.linear or not facts.linear_only)]

    def _fold(self, parts: Sequence[Part]) -> list[Finding]:
        """Pages into tables, some coins at a time; what the venue has revised."""
        coins = list(dict.fromkeys(part.coin for part in parts))
        revised: list[Finding] = []
        for first in range(0, len(coins), FOLD_COINS):
            some = coins[first : first + FOLD_COINS]
            mine = [part for part in parts if part.coin in some]
            done = fold(self.store, self.name, self.spec, mine)
            revised += done.revised if done else ()
        return revised

    def _present(self) -> Pointer | None:
        return self.store.read(self.name) if self.name in self.store.datasets() else None

    def _say(self, text: str) -> None:
        if self.progress:
            self.progress(text, None)


def _streams(venue: Venue, asked: Sequence[str]) -> tuple[str, ...]:
    """The streams to fetch: those asked for, which the venue must give, or all."""
    for name in asked:
        if stream(name).name not in venue.streams:
            raise ParameterError(
                f"{venue.title} must give the stream",
                got=name,
                where=venue.name,
                hint=f"it gives {', '.join(venue.streams)}",
            )
    return tuple(dict.fromkeys(asked)) or venue.streams


def _ms(stamp: pd.Timestamp) -> int:
    given = pd.Timestamp(stamp)
    given = given.tz_localize("UTC") if given.tzinfo is None else given
    return int(given.value // 10**6)
