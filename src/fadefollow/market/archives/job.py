"""The job: files of an archive, by coin and stream, into a data set of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx
import pandas as pd

from fadefollow.core.utc import as_utc
from fadefollow.errors import DataError, ParameterError, unknown
from fadefollow.market.archives import coinmetrics, layout
from fadefollow.market.archives.binance import fetch_coin, planned
from fadefollow.market.archives.merge import Key, NewTable, merge_into_store
from fadefollow.market.archives.series import RECENT, Reader, UsedFile
from fadefollow.market.archives.source import Mirror, Rules, Source, Web
from fadefollow.market.audit.checks import gaps
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.datasets.coverage import cover
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DEFAULT_LAG_HOURS
from fadefollow.market.findings import Finding, merged
from fadefollow.market.importing.files import ImportReport, Progress
from fadefollow.market.importing.zips import ZipLimits
from fadefollow.market.names import check_dataset_name, check_symbol
from fadefollow.market.store.store import Listing, Manifest, Store
from fadefollow.market.streams import stream

_VISION, _VISION_BUCKET = (
    "https://data.binance.vision",
    "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision",
)
ArchiveName = Literal["binance-archive", "coinmetrics"]
#: streams that each archive has, in the order in which they are read
STREAMS: Mapping[ArchiveName, Sequence[str]] = {
    "binance-archive": layout.STREAMS,
    "coinmetrics": tuple(coinmetrics.STREAMS),
}
#: folder in the store's for what was fetched, with the archive's own layout
FETCHED = ".archives"


@dataclass(frozen=True)
class ArchiveSettings:
    """How archives are reached and how strictly their files are taken.

    Attributes:
        binance_url: base of Binance's public archive, above `data/`.
        listing_url: what lists Binance's archive, an S3 bucket; by default that of `binance_url`,
            which is that address itself where it is not Binance's.
        coinmetrics_url: base of Coin Metrics' community data, above `csv/`.
        quote: currency that coins are quoted in.
        attempts: how often a file is asked for; between two attempts waits `wait_seconds`, doubled
            each time, or what the server asks for, at most a minute.
        timeout_seconds: of one request's silence.
        workers: files got at the same time.
        skip_damaged: leave out files that stay broken, with a warning, instead of stopping.
        unverified: take files that have no checksum, with a warning.
        lag_hours: publication lag of Coin Metrics' days after their end.
        limits: sizes that zip files must keep within.
        mirror: a folder with the archive's layout, read instead of the network.
    """

    binance_url: str = _VISION
    listing_url: str = ""
    coinmetrics_url: str = "https://raw.githubusercontent.com/coinmetrics/data/master"
    quote: str = "USDT"
    attempts: int = 5
    wait_seconds: float = 1.0
    timeout_seconds: float = 30.0
    workers: int = 8
    skip_damaged: bool = False
    unverified: bool = False
    lag_hours: float = DEFAULT_LAG_HOURS
    limits: ZipLimits = field(default_factory=ZipLimits)
    mirror: Path | None = None

    def __post_init__(self) -> None:
        check_symbol(self.quote)
        for name, value in (("attempts", self.attempts), ("workers", self.workers)):
            if not 1 <= value <= 100:
                raise ParameterError(f"{name} must lie between 1 and 100", got=value)
        if self.wait_seconds < 0 or self.timeout_seconds <= 0 or self.lag_hours < 0:
            got = f"{self.wait_seconds:g}, {self.lag_hours:g} and {self.timeout_seconds:g}"
            rule = "wait_seconds and lag_hours must be at least 0, timeout_seconds above 0"
            raise ParameterError(rule, got=got)


@dataclass(frozen=True)
class ArchiveReport:
    """The result of an archive job: files, tables, findings."""

    imported: ImportReport  #: as of an import; `files` counts those used here
    files: tuple[UsedFile, ...]
    origin: str

    @property
    def verified(self) -> int:
        """Files whose checksum was right."""
        return sum(file.verified for file in self.files)

    @property
    def fetched(self) -> int:
        """Files that came over the network now; the others were there already."""
        return sum(file.fetched for file in self.files)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            **self.imported.to_dict(),
            "origin": self.origin,
            "verified": self.verified,
            "fetched": self.fetched,
            "used": [asdict(file) for file in self.files],
        }


def archive_job(
    archive: ArchiveName,
    request: FetchRequest,
    *,
    store_root: Path,
    dataset: str,
    bar: str = "1h",
    settings: ArchiveSettings | None = None,
    progress: Progress | None = None,
    now: pd.Timestamp | None = None,
) -> ArchiveReport:
    """Read coins from an archive and join them with a data set of the store.

    Args:
        archive: `binance-archive` or `coinmetrics`.
        request: coins, range, by default until the present day's start, and streams, by default
            all that the archive has.
        store_root: the store's folder. What is fetched is kept below it, in `.archives/`.
        dataset: the data set's name; it need not exist yet.
        bar: size of the bars.
        settings: how to reach the archive.
        progress: called for each file.
        now: the present, UTC; for tests.

    Raises:
        DataError: the archive is unreachable, a file is damaged or breaks the schema, or nothing
            is found. Nothing is stored; what was fetched stays for the next attempt.
        StoreError: the store cannot be written. The old version stays.
        ParameterError, UnknownNameError: bad arguments.
    """
    settings = settings or ArchiveSettings()
    check_dataset_name(dataset)
    coins = tuple(dict.fromkeys(check_symbol(coin) for coin in request.coins))
    if not coins:
        raise ParameterError("an archive job needs at least one coin", got="none")
    size = bar_size(bar)
    window = Window.of(request, now)
    check_bars(Path(store_root), dataset, size)
    fresh: dict[Key, NewTable] = {}
    used: dict[str, UsedFile] = {}
    missing: list[Finding] = []
    reader = _READERS[archive](
        known_streams(request.streams, STREAMS[archive]), size, window, settings
    )
    with open_source(archive, Path(store_root), settings) as source:
        shown = _FileProgress(progress, len(coins) * reader.files())
        for coin in coins:
            shown.coin = coin
            tables, files, absent = reader.coin(source, coin, shown)
            fresh |= {(coin, name): table for name, table in tables.items()}
            for file in files:
                used.setdefault(file.path, file)  # metrics are read for two streams
            missing += absent
    if not fresh:
        raise DataError(
            f"the archive has no data of {', '.join(coins)} in this range",
            where=f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}",
        )
    if progress:
        progress("storing", 1.0)
    manifest = merge_into_store(
        Path(store_root),
        dataset,
        fresh,
        bar=size,
        origin=source.origin,
        missing=missing,
        listings=listings_of(fresh, window, size)
        if {"perp", "spot"} <= set(reader.streams)
        else {},
        now=window.now,
    )
    report = _imported(manifest, fresh, len(used), size)
    return ArchiveReport(report, tuple(used.values()), source.origin)


class Window(NamedTuple):
    """The range to read, UTC, and the present."""

    start: pd.Timestamp
    end: pd.Timestamp
    now: pd.Timestamp

    @classmethod
    def of(cls, request: FetchRequest, now: pd.Timestamp | None) -> Window:
        """The range of a request as far as it is past; by default until today's start."""
        present = pd.Timestamp.now(tz="UTC") if now is None else as_utc(now).as_unit("ns")
        end = min(request.end or present, present).floor("min")
        window = cls(request.start, end if request.end is not None else end.floor("D"), present)
        if window.start >= window.end:
            raise DataError(
                "since must be before until", got=f"since {window.start}, until {window.end}"
            )
        return window


class _CoinTables(NamedTuple):
    """One coin of an archive: tables by stream, their files, and findings on absent streams."""

    tables: dict[str, NewTable]
    files: list[UsedFile]
    missing: list[Finding]


@dataclass(frozen=True)
class _CoinReader:
    """Reads one coin after the other from an archive."""

    streams: tuple[str, ...]
    bar: pd.Timedelta
    window: Window
    settings: ArchiveSettings


class _BinanceReader(_CoinReader):
    def files(self) -> int:
        return planned(self.streams, self.bar, *self.window)

    def coin(self, source: Source, coin: str, shown: Callable[[str], None]) -> _CoinTables:
        settings = self.settings
        reader = partial(
            Reader,
            source,
            self.window.now,
            settings.workers,
            settings.skip_damaged,
            settings.limits,
            shown,
        )
        start, end, _ = self.window
        return _CoinTables(
            *fetch_coin(coin, settings.quote, self.streams, self.bar, start, end, reader)
        )


class _CoinMetricsReader(_CoinReader):
    def files(self) -> int:
        return 1

    def coin(self, source: Source, coin: str, shown: Callable[[str], None]) -> _CoinTables:
        shown(coinmetrics.path_of(coin))
        start, end, _ = self.window
        lag = pd.Timedelta(hours=self.settings.lag_hours)
        return _CoinTables(*coinmetrics.fetch_coin(source, coin, self.streams, start, end, lag))


_READERS: Mapping[ArchiveName, type[_BinanceReader] | type[_CoinMetricsReader]] = {
    "binance-archive": _BinanceReader,
    "coinmetrics": _CoinMetricsReader,
}


def check_bars(root: Path, dataset: str, bar: pd.Timedelta) -> None:
    """Refuse another bar's size before anything is read; the store refuses it at the end."""
    store = Store(root)
    if dataset in store.datasets() and (there := store.read(dataset).bar) != bar_text(bar):
        raise DataError(
            f"the data set has {there} bars",
            got=bar_text(bar),
            where=dataset,
            hint="give the new data set another name",
        )


def _imported(
    manifest: Manifest, fresh: Mapping[Key, NewTable], files: int, bar: pd.Timedelta
) -> ImportReport:
    """What the store holds now, and what was seen, with the gaps in what was read."""
    rows = {c: {s: e.rows for s, e in streams.items()} for c, streams in manifest.tables.items()}
    coins = {coin for coin, _ in fresh}
    holes = [
        finding
        for (coin, name), new in fresh.items()
        for finding in gaps(cover(coin, new.table, stream(name), bar))
    ]
    total = sum(sum(counts.values()) for counts in rows.values())
    seen = merged([*(f for f in manifest.findings if f.symbol in coins), *holes])
    return ImportReport(manifest.dataset, manifest.fingerprint, files, total, rows, seen)


def listings_of(
    fresh: Mapping[Key, NewTable], window: Window, bar: pd.Timedelta
) -> dict[str, Listing]:
    """When coins were traded, as far as the range tells: bars that begin or end inside it."""
    found: dict[str, Listing] = {}
    for coin in {coin for coin, _ in fresh}:
        times = [fresh[coin, s].table["time"] for s in ("perp", "spot") if (coin, s) in fresh]
        first, last = min(t.iloc[0] for t in times), max(t.iloc[-1] for t in times) + bar
        listed = first.isoformat() if first > window.start + RECENT else None
        delisted = last.isoformat() if last < window.end - RECENT else None
        if listed or delisted:
            found[coin] = Listing(listed=listed, delisted=delisted)
    return found


class _FileProgress:
    """Progress by files; which there are is known only on the way."""

    def __init__(self, progress: Progress | None, count: int) -> None:
        self.progress, self.count, self.done, self.coin = progress, count, 0, ""

    def __call__(self, path: str) -> None:
        if self.progress:
            share = min(self.done / max(self.count, 1), 1.0)
            self.progress(f"{self.coin} {path.rpartition('/')[2]}", share)
        self.done += 1


def known_streams(streams: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """The streams asked for in the archive's order; all of them where none is."""
    for name in streams:
        if name not in known:
            raise unknown("stream in the archive", name, known)
    return tuple(name for name in known if name in streams or not streams)


@contextmanager
def open_source(archive: ArchiveName, root: Path, settings: ArchiveSettings) -> Iterator[Source]:
    """Yield the source of the files: a mirror folder, or the network with a cache."""
    binance = archive == "binance-archive"
    rules = Rules(settings.limits.packed, checksums=binance, unverified=settings.unverified)
    if (mirror := settings.mirror) is not None:
        top = "data" if binance else "csv"
        if not (mirror / top).is_dir():
            raise DataError(
                f"the mirror has no folder {top}/",
                where=str(mirror),
                hint="a mirror has the same layout as the archive",
            )
        yield Mirror(mirror, rules)
        return
    base = settings.binance_url if binance else settings.coinmetrics_url
    with httpx.Client(
        timeout=settings.timeout_seconds,
        follow_redirects=True,
        max_redirects=3,
        limits=httpx.Limits(max_connections=settings.workers),
    ) as client:
        cache = root / FETCHED / archive
        lister = settings.listing_url or (_VISION_BUCKET if base == _VISION else base)
        yield Web(base, cache, client, rules, settings.attempts, settings.wait_seconds, lister)
