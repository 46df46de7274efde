"""The job: every coin that the archive ever had, coin by coin, into a data set of the store.

What is in memory are some coins at a time. A coin is stored as soon as it is read, and noted beside
the data set with a digest of its files: a fetch that is killed goes on where it was, and a later
one reads only the coins that have new files.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.json_lines import append_in_turn, finished_lines
from fadefollow.core.text import duration
from fadefollow.errors import DataError, ParameterError, StoreError
from fadefollow.market.archives.binance import fetch_coin
from fadefollow.market.archives.job import (
    STREAMS,
    ArchiveSettings,
    Window,
    check_bars,
    known_streams,
    listings_of,
    open_source,
)
from fadefollow.market.archives.layout import FUTURE
from fadefollow.market.archives.merge import Key, NewTable, merge_into_store
from fadefollow.market.archives.series import Reader
from fadefollow.market.archives.source import Source, UnreachableError
from fadefollow.market.archives.universe import CoinPlan, Universe, UniversePlan, plan_universe
from fadefollow.market.bars import bar_size
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.findings import Finding
from fadefollow.market.importing.files import Progress
from fadefollow.market.names import check_dataset_name
from fadefollow.market.store.store import Manifest, Store

#: coins that are stored at once
MERGE_COINS = 8
#: so many coins in a row whose files the archive does not send: it is the archive, not the coins
UNREACHABLE = 3
#: beside the data set: which coins are stored, and of which files
DONE = "archive.jsonl"


@dataclass(frozen=True)
class UniverseReport:
    """The result of fetching all coins.

    Attributes:
        dataset, fingerprint: of the store's new version.
        origin: where the files come from.
        coins: stored now.
        unchanged: stored before, of the same files.
        failed: symbols that were left out, with the reason.
        files, verified, fetched: files used now, those whose checksum was right, and those that
            came over the network.
        rows: that the store holds of the data set, by stream.
        findings: on the coins stored now, worst first.
        seconds: that it took.
    """

    dataset: str
    fingerprint: str
    origin: str
    coins: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: Mapping[str, str]
    files: int
    verified: int
    fetched: int
    rows: Mapping[str, int]
    findings: tuple[Finding, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "findings": [finding.to_dict() for finding in self.findings]}


@dataclass(frozen=True)
class UniverseJob:
    """Fetches every coin of Binance's archive: `plan`, then `run`.

    Attributes:
        universe: which coins.
        request: range and streams, perp among them; its coins are not looked at.
        store_root: the store's folder. What is fetched is kept below it, in `.archives/`.
        dataset: the data set's name; it need not exist yet.
        bar: size of the bars.
        settings: how to reach the archive.
        progress: called for each coin that is listed and each file that is read.
        now: the present, UTC; for tests.
    """

    universe: Universe
    request: FetchRequest
    store_root: Path
    dataset: str
    bar: str = "1h"
    settings: ArchiveSettings = field(default_factory=ArchiveSettings)
    progress: Progress | None = None
    now: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        check_dataset_name(self.dataset)
        if "perp" not in self.streams:
            rule = "every coin of the archive needs its perp bars"
            raise ParameterError(rule, got=f"streams {', '.join(self.streams)}", hint="add perp")

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams to read, in the archive's order."""
        return known_streams(self.request.streams, STREAMS["binance-archive"])

    @property
    def window(self) -> Window:
        """The range to read, UTC, and the present."""
        return Window.of(self.request, self.now)

    def plan(self) -> UniversePlan:
        """What there is, and what of it the data set does not have yet. Stores nothing.

        Raises:
            DataError: the archive cannot be listed, has no such coin, or the data set has bars of
                another size.
            StoreError: the mirror or the store cannot be read.
        """
        bar, window = bar_size(self.bar), self.window
        check_bars(self.store_root, self.dataset, bar)
        with open_source("binance-archive", self.store_root, self.settings) as source:
            plan = plan_universe(
                source,
                self.universe,
                self.streams,
                bar,
                window.start,
                window.end,
                self.settings.workers,
                self.progress,
            )
        done = self._done()
        coins = tuple(
            replace(coin, stored=done.get(coin.coin) == coin.digest) for coin in plan.coins
        )
        every, todo = (sum(c.files for c in part) for part in (coins, _todo(coins)))
        return UniversePlan(coins, plan.left_out, plan.seconds * todo / max(every, 1))

    def run(self, plan: UniversePlan) -> UniverseReport:
        """Read the coins of a plan that are not stored yet, and store each.

        A coin that fails is named in the report, and left out as it was before.

        Raises:
            UnreachableError: the archive answers no more. What was stored until then stays.
            DataError: every coin failed.
            StoreError: the store cannot be written. What was stored until then stays.
        """
        began = time.monotonic()
        with open_source("binance-archive", self.store_root, self.settings) as source:
            work = _Work(self, source, plan)
            work.run()
        store = Store(self.store_root)
        if self.dataset not in store.datasets():
            symbol, reason = next(iter(work.failed.items()))
            raise DataError(
                f"none of {len(work.failed)} coins could be stored", got=f"{symbol}: {reason}"
            )
        manifest = store.read(self.dataset)
        mine = {coin.coin for coin in work.stored}
        return UniverseReport(
            self.dataset,
            manifest.fingerprint,
            source.origin,
            tuple(sorted(mine)),
            tuple(coin.coin for coin in plan.coins if coin.stored),
            work.failed,
            work.files,
            work.verified,
            work.fetched,
            _rows(manifest),
            tuple(f for f in manifest.findings if f.symbol in mine),
            round(time.monotonic() - began, 1),
        )

    @property
    def _notes(self) -> Path:
        return Path(self.store_root) / self.dataset / DONE

    @property
    def _terms(self) -> str:
        """What the stored tables of a coin depend on beside its files."""
        request = self.request
        words = (request.start, request.end, self.bar, self.streams, self.universe.quote)
        return hashlib.sha256(repr([str(word) for word in words]).encode()).hexdigest()[:16]

    def _done(self) -> dict[str, str]:
        """By coin the digest of the files that it was stored of, on these terms."""
        store = Store(self.store_root)
        if self.dataset not in store.datasets():
            return {}
        tables = store.read(self.dataset).tables
        try:
            lines = [json.loads(line) for line in finished_lines(self._notes)]
        except (OSError, ValueError) as error:
            hint = "remove it: all coins are then read again"
            rule = "cannot read which coins are stored"
            raise StoreError(rule, got=str(error), where=str(self._notes), hint=hint) from error
        mine = [line for line in lines if line["terms"] == self._terms]
        return {
            line["coin"]: line["digest"] for line in mine if "perp" in tables.get(line["coin"], {})
        }

    def note_done(self, coins: list[CoinPlan]) -> None:
        """Note, beside the data set, of which files coins are stored."""
        lines = [
            json.dumps({"coin": coin.coin, "terms": self._terms, "digest": coin.digest})
            for coin in coins
        ]
        try:
            append_in_turn(self._notes, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            got = error.strerror or str(error)
            raise StoreError(
                "cannot write to the store", got=got, where=str(self._notes)
            ) from error


def _todo(coins: tuple[CoinPlan, ...]) -> list[CoinPlan]:
    return [coin for coin in coins if not coin.stored]


def _rows(manifest: Manifest) -> dict[str, int]:
    rows: dict[str, int] = {}
    for streams in manifest.tables.values():
        for name, entry in streams.items():
            rows[name] = rows.get(name, 0) + entry.rows
    return rows


class _Work:
    """The coins of a plan, one after the other."""

    def __init__(self, job: UniverseJob, source: Source, plan: UniversePlan) -> None:
        self.job, self.source, self.plan = job, source, plan
        self.bar, self.window = bar_size(job.bar), job.window
        self.failed, self.stored = dict(plan.left_out), list[CoinPlan]()
        self.files = self.verified = self.fetched = 0
        self.fresh: dict[Key, NewTable] = {}
        self.absent: list[Finding] = []
        self.held: list[CoinPlan] = []  #: read, and not stored yet

    def run(self) -> None:
        shown, unreachable = _CoinProgress(self.job.progress, self.plan.todo), 0
        for coin in self.plan.todo:
            shown.begin(coin)
            try:
                self._read(coin, shown)
            except UnreachableError as error:
                unreachable += 1
                if unreachable == UNREACHABLE:
                    self._store()
                    raise
                self.failed[coin.symbol] = _reason(error)
            except DataError as error:
                self.failed[coin.symbol] = _reason(error)
            else:
                unreachable = 0
            if len(self.held) == MERGE_COINS:
                self._store()
        self._store()

    def _read(self, coin: CoinPlan, shown: _CoinProgress) -> None:
        settings, job = self.job.settings, self.job
        tables, files, absent = fetch_coin(
            coin.coin,
            job.universe.quote,
            coin.streams,
            self.bar,
            coin.first,
            coin.end,
            partial(
                Reader,
                self.source,
                self.window.now,
                settings.workers,
                settings.skip_damaged,
                settings.limits,
                shown,
            ),
            coin.multiple,
        )
        self.fresh |= {(coin.coin, name): table for name, table in tables.items()}
        self.absent += absent
        self.absent += [
            Finding("note", coin.coin, name, "no data", 1, "", f"the archive has no {name} of it")
            for name in job.streams
            if name not in (*coin.streams, FUTURE)
        ]
        self.held.append(coin)
        different = {file.path: file for file in files}.values()  # metrics are read twice
        self.files += len(different)
        self.verified += sum(file.verified for file in different)
        self.fetched += sum(file.fetched for file in different)

    def _store(self) -> None:
        """Store what was read, and note that it is."""
        if not self.held:
            return
        streams = self.job.streams
        merge_into_store(
            self.job.store_root,
            self.job.dataset,
            self.fresh,
            bar=self.bar,
            origin=self.source.origin,
            missing=self.absent,
            listings=listings_of(self.fresh, self.window, self.bar) if "spot" in streams else {},
            now=self.window.now,
        )
        self.job.note_done(self.held)
        self.stored += self.held
        self.fresh, self.absent, self.held = {}, [], []


def _reason(error: DataError) -> str:
    return f"{error.where}: {error.summary}" if error.where else error.summary


class _CoinProgress:
    """`12 of 700, BTC BTCUSDT-1h-2021-03.zip, 40 min left`, by files."""

    def __init__(self, progress: Progress | None, coins: tuple[CoinPlan, ...]) -> None:
        self.progress, self.coins = progress, coins
        self.count = max(sum(coin.files for coin in coins), 1)
        self.number = self.before = self.seen = 0
        self.coin: CoinPlan | None = None
        self.began = time.monotonic()

    def begin(self, coin: CoinPlan) -> None:
        """Go on to the next coin."""
        self.before += self.coin.files if self.coin else 0
        self.coin, self.seen, self.number = coin, 0, self.number + 1

    def __call__(self, path: str) -> None:
        if self.progress is None or self.coin is None:
            return
        self.seen += 1
        done = (self.before + min(self.seen, self.coin.files)) / self.count
        left = (time.monotonic() - self.began) * (1 - done) / done
        name = path.rpartition("/")[2]
        text = f"{self.number} of {len(self.coins)}, {self.coin.coin} {name}, {duration(left)} left"
        self.progress(text, done)
