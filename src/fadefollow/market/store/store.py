"""The store: canonical tables as Parquet files, swapped in whole by one atomic manifest.

`<root>/<dataset>/current.json` names the files of the present version, with their sizes and
hashes. A writer adds files, makes them durable, and replaces the manifest last, so that a process
killed at any moment leaves the old version or the new one, never a mixture. A reader follows the
manifest and checks the bytes that it parses. Files are named by their content and never changed;
those of the version before last are removed by the next writer, so that a reader that has just
taken the manifest still finds its files.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from pydantic import ValidationError

from fadefollow.core.atomic_file import remove_drafts, write_whole
from fadefollow.errors import DataError, StoreError, unknown
from fadefollow.market.bars import bar_text
from fadefollow.market.findings import Finding, merged
from fadefollow.market.names import check_dataset_name, check_symbol
from fadefollow.market.store.manifest import SCHEMA, Entry, Fetched, Listing, Manifest
from fadefollow.market.store.table_file import content_hash
from fadefollow.market.store.table_file import put as _put
from fadefollow.market.store.table_file import read as _read

__all__ = [
    "Entry",
    "Fetched",
    "Listing",
    "Manifest",
    "Store",
    "Update",
    "content_hash",
    "fingerprint",
]

MANIFEST = "current.json"
LOCK_SECONDS = 120.0

Tables = Mapping[str, Mapping[str, pd.DataFrame]]


@dataclass(frozen=True)
class Update:
    """A change of some tables of a data set; what it does not name stays as it is."""

    tables: Tables
    findings: Mapping[tuple[str, str], tuple[Finding, ...]] = field(default_factory=dict)
    listings: Mapping[str, Listing] = field(default_factory=dict)
    fetched: Mapping[str, Mapping[str, Fetched]] = field(default_factory=dict)
    #: coin → stream → records that are superseded
    revised: Tables = field(default_factory=dict)
    #: where the tables come from; a table whose source differs has its own in `sources`
    source: str = ""
    sources: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Store:
    """Data sets below one folder. Readers are never blocked; writers of a data set take turns."""

    root: Path

    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets that hold a version."""
        return tuple(sorted(p.parent.name for p in Path(self.root).glob(f"*/{MANIFEST}")))

    def read(self, dataset: str) -> Manifest:
        """The present version of a data set.

        Raises:
            UnknownNameError: the store has no such data set.
            StoreError: its manifest cannot be read.
        """
        path = self._folder(dataset) / MANIFEST
        if not path.exists():
            raise unknown("data set in the store", dataset, self.datasets(), where=str(self.root))
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise StoreError(
                "cannot read the store's manifest",
                got=str(error).splitlines()[0],
                where=str(path),
                hint="import the data set again",
            ) from error

    def load(self, dataset: str, symbol: str, *, manifest: Manifest) -> dict[str, pd.DataFrame]:
        """All canonical tables of one coin, in the version of `manifest`.

        Raises:
            StoreError: a file is gone, truncated or altered.
        """
        if symbol not in manifest.tables:
            raise unknown("coin", symbol, manifest.tables, where=dataset)
        folder = self._folder(dataset)
        return {name: _read(folder, entry) for name, entry in manifest.tables[symbol].items()}

    def superseded(
        self, dataset: str, symbol: str, *, manifest: Manifest
    ) -> dict[str, list[pd.DataFrame]]:
        """By stream the records of one coin that were revised, as they were before.

        Raises:
            StoreError: a file is gone, truncated or altered.
        """
        folder = self._folder(dataset)
        return {
            name: [_read(folder, entry) for entry in entries]
            for name, entries in manifest.revised.get(symbol, {}).items()
            if name in manifest.tables.get(symbol, {})
        }

    def write(
        self,
        dataset: str,
        tables: Tables,
        *,
        bar: pd.Timedelta,
        findings: Sequence[Finding] = (),
        source: Callable[[str, str], str] | None = None,
    ) -> Manifest:
        """Replace a data set by `tables`, all of it or nothing.

        Args:
            dataset: its name.
            tables: canonical tables by coin and stream; read one coin at a time.
            bar: size of its bars.
            findings: what the import saw.
            source: where the table of a coin and stream came from, for the record.

        Raises:
            ParameterError: a name that could leave the store.
            StoreError: the folder cannot be written, the disk is full, or another process keeps
                the data set locked. The old version stays.
        """
        named = {check_symbol(coin): coin for coin in tables}
        folder = self._folder(dataset)
        with _writable(folder), self._locked(dataset), self._undone(dataset):
            folder.mkdir(parents=True, exist_ok=True)
            old = self._present(dataset)
            entries = {
                coin: {
                    name: _put(folder, coin, name, table, source(coin, name) if source else "")
                    for name, table in sorted(tables[named[coin]].items())
                }
                for coin in sorted(named)
            }
            manifest = Manifest(
                schema=SCHEMA,
                dataset=dataset,
                bar=bar_text(bar),
                fingerprint=_fingerprint(bar, entries),
                findings=tuple(findings),
                tables=entries,
                previous=tuple(sorted(old.files)) if old else (),
            )
            write_whole(
                folder / MANIFEST, manifest.model_dump_json(by_alias=True, indent=1).encode()
            )
            _clean(folder, keep=manifest.files | set(manifest.previous))
        return manifest

    def update(
        self,
        dataset: str,
        change: Callable[[Manifest | None], Update],
        *,
        bar: pd.Timedelta,
    ) -> Manifest:
        """Change some tables of a data set, all of them or nothing; others stay.

        Args:
            dataset: its name.
            change: called with the present version while the data set is locked, so that what it
                reads from there cannot change before the new version is in place.
            bar: size of the data set's bars.

        Raises:
            DataError: the data set holds bars of another size.
            StoreError: as for `write`.
        """
        folder = self._folder(dataset)
        with _writable(folder), self._locked(dataset), self._undone(dataset):
            folder.mkdir(parents=True, exist_ok=True)
            old = self._present(dataset)
            _check_bar(old, bar, dataset)
            made = change(old)
            manifest = _updated(folder, dataset, old, made, bar)
            write_whole(
                folder / MANIFEST, manifest.model_dump_json(by_alias=True, indent=1).encode()
            )
            _clean(folder, keep=manifest.files | set(manifest.previous))
        return manifest

    def check_bar(self, dataset: str, bar: pd.Timedelta) -> None:
        """Refuse bars of another size than those that the store has of a data set."""
        _check_bar(self._present(dataset), bar, dataset)

    def table(self, dataset: str, entry: Entry) -> pd.DataFrame:
        """One stored table.

        Raises:
            StoreError: its file is gone, truncated or altered.
        """
        return _read(self._folder(dataset), entry)

    def staging(self, dataset: str) -> Path:
        """The folder where a fetch keeps its pages until they are in a table."""
        return self._folder(dataset) / "pages"

    def _present(self, dataset: str) -> Manifest | None:
        with contextlib.suppress(FileNotFoundError, ValidationError):
            return Manifest.model_validate_json((self._folder(dataset) / MANIFEST).read_bytes())
        return None

    @contextlib.contextmanager
    def _undone(self, dataset: str) -> Iterator[None]:
        """Take back the files of a writer that fails, so that a full disk is as full as before."""
        folder = self._folder(dataset)
        there = set(folder.glob("*.parquet"))
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):  # what cannot be read is left as it is
                now = self._present(dataset)  # the new version, if only the last step failed
                for path in set(folder.glob("*.parquet")) - there:
                    if now is None or path.name not in now.files:
                        path.unlink(missing_ok=True)
                if not there:
                    folder.rmdir()
            raise

    def _folder(self, dataset: str) -> Path:
        return Path(self.root) / check_dataset_name(dataset)

    @contextlib.contextmanager
    def _locked(self, dataset: str) -> Iterator[None]:
        root = Path(self.root)
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / f".{dataset}.lock", timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise StoreError(
                "another process is writing the data set",
                got=f"a lock held for more than {LOCK_SECONDS:g} s",
                where=lock.lock_file,
                hint="wait for the other import to end",
            ) from None
        try:
            yield
        finally:
            lock.release()


def fingerprint(bar: pd.Timedelta, tables: Tables) -> str:
    """The fingerprint of a data set that is not in a store."""
    return _combined(
        bar,
        {
            (coin, name): content_hash(table)
            for coin, streams in tables.items()
            for name, table in streams.items()
        },
    )


def _fingerprint(bar: pd.Timedelta, entries: Mapping[str, Mapping[str, Entry]]) -> str:
    hashes = {(coin, n): e.content for coin, streams in entries.items() for n, e in streams.items()}
    return _combined(bar, hashes)


def _combined(bar: pd.Timedelta, hashes: Mapping[tuple[str, str], str]) -> str:
    lines = [f"{coin} {name} {value}" for (coin, name), value in sorted(hashes.items())]
    return hashlib.sha256("\n".join([bar_text(bar), *lines]).encode()).hexdigest()[:16]


def _check_bar(old: Manifest | None, bar: pd.Timedelta, dataset: str) -> None:
    if old is not None and old.bar != bar_text(bar):
        raise DataError(
            f"the data set has {old.bar} bars",
            got=bar_text(bar),
            where=dataset,
            hint="give the new data set another name",
        )


def _updated(
    folder: Path, dataset: str, old: Manifest | None, made: Update, bar: pd.Timedelta
) -> Manifest:
    """The next version of a data set: the old one with what is new."""
    entries = {coin: dict(streams) for coin, streams in old.tables.items()} if old else {}
    fetched = {coin: dict(parts) for coin, parts in old.fetched.items()} if old else {}
    revised = {coin: dict(streams) for coin, streams in old.revised.items()} if old else {}
    for coin, streams in made.tables.items():
        for name, table in streams.items():
            mine = entries.setdefault(check_symbol(coin), {})
            mine[name] = _put(folder, coin, name, table, _sources(mine.get(name), made, coin, name))
    for coin, streams in made.revised.items():
        for name, table in streams.items():
            entry = _put(folder, coin, f"{name}_revised", table, made.source)
            was = revised.setdefault(coin, {}).get(name, ())
            revised[coin][name] = (*was, entry)
    for coin, parts in made.fetched.items():
        fetched.setdefault(coin, {}).update(parts)
    before = old.findings if old else ()
    kept = [f for f in before if (f.symbol, f.stream) not in made.findings]
    entries = {coin: dict(sorted(streams.items())) for coin, streams in sorted(entries.items())}
    return Manifest(
        schema=SCHEMA,
        dataset=dataset,
        bar=bar_text(bar),
        fingerprint=_fingerprint(bar, entries),
        findings=merged([*kept, *(f for found in made.findings.values() for f in found)]),
        tables=entries,
        previous=tuple(sorted(old.files)) if old else (),
        listings={**(old.listings if old else {}), **made.listings},
        fetched=fetched,
        revised=revised,
    )


def _sources(old: Entry | None, made: Update, coin: str, name: str) -> str:
    """Sources of a table's records, a line each, the newest last."""
    new = made.sources.get((coin, name), made.source)
    known = old.source.splitlines() if old else []
    return "\n".join([*(line for line in known if line != new), new])


def _clean(folder: Path, *, keep: set[str]) -> None:
    """Remove files that no version needs, and what killed writers left. The lock is held."""
    remove_drafts(folder, age=0)
    for path in folder.glob("*.parquet"):
        if path.name not in keep:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Turn the system's refusals into one plain error."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            "cannot write to the store",
            got=error.strerror or str(error),
            where=str(folder),
            hint="free some space, or check the folder's permissions; the old version is untouched",
        ) from error
