"""The store: canonical tables as Parquet files, swapped in whole by one atomic pointer.

`<root>/<dataset>/current.json` names the files of the present version, with their sizes and
hashes. A writer adds files, makes them durable, and replaces the pointer last, so that a process
killed at any moment leaves the old version or the new one, never a mixture. A reader follows the
pointer and checks the bytes that it parses. Files are named by their content and never changed;
those of the version before last are removed by the next writer, so that a reader that has just
taken the pointer still finds its files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fadefollow.errors import DataError, StoreError, unknown
from fadefollow.market.bars import bar_text
from fadefollow.market.findings import Finding
from fadefollow.market.names import check_dataset_name, check_symbol

SCHEMA = 1
POINTER = "current.json"
LOCK_SECONDS = 120.0

Tables = Mapping[str, Mapping[str, pd.DataFrame]]

_FILE = r"^[A-Z0-9]{1,20}-[a-z_]{1,40}-[0-9a-f]{20}\.parquet$"


class Entry(BaseModel):
    """One stored table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=_FILE)
    rows: int
    first: str  #: time of the first record, ISO, UTC
    last: str
    size: int  #: bytes of the file
    sha256: str  #: of the file's bytes
    content: str  #: hash of the values, whatever the file's layout
    source: str = ""  #: where it came from


class Pointer(BaseModel):
    """One version of a data set: what `current.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: int = Field(SCHEMA, alias="schema")
    dataset: str
    bar: str
    fingerprint: str  #: hash of all values, the same on every machine
    findings: tuple[Finding, ...] = ()
    tables: dict[str, dict[str, Entry]]
    #: files of the version before, which readers may still have open
    previous: tuple[str, ...] = ()

    @property
    def files(self) -> set[str]:
        """The names of all files of this version."""
        return {entry.file for coin in self.tables.values() for entry in coin.values()}


@dataclass(frozen=True)
class Store:
    """Data sets below one folder. Readers are never blocked; writers of a data set take turns."""

    root: Path

    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets that hold a version."""
        return tuple(sorted(p.parent.name for p in Path(self.root).glob(f"*/{POINTER}")))

    def read(self, dataset: str) -> Pointer:
        """The present version of a data set.

        Raises:
            UnknownNameError: the store has no such data set.
            StoreError: its pointer cannot be read.
        """
        path = self._folder(dataset) / POINTER
        if not path.exists():
            raise unknown("data set in the store", dataset, self.datasets(), where=str(self.root))
        try:
            return Pointer.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise StoreError(
                "the store's pointer must be whole",
                got=str(error).splitlines()[0],
                where=str(path),
                hint="import the data set again",
            ) from error

    def load(self, dataset: str, symbol: str, *, pointer: Pointer) -> dict[str, pd.DataFrame]:
        """All canonical tables of one coin, in the version of `pointer`.

        Raises:
            StoreError: a file is gone, truncated or altered.
        """
        if symbol not in pointer.tables:
            raise unknown("coin", symbol, pointer.tables, where=dataset)
        folder = self._folder(dataset)
        return {name: _read(folder, entry) for name, entry in pointer.tables[symbol].items()}

    def write(
        self,
        dataset: str,
        tables: Tables,
        *,
        bar: pd.Timedelta,
        findings: Sequence[Finding] = (),
        source: Callable[[str, str], str] | None = None,
    ) -> Pointer:
        """Replace a data set by `tables`, all of it or nothing.

        Args:
            dataset: its name.
            tables: canonical tables by coin and stream.
            bar: size of its bars.
            findings: what the import saw.
            source: where the table of a coin and stream came from, for the record.

        Raises:
            ParameterError: a name that could leave the store.
            StoreError: the folder cannot be written, the disk is full, or another process keeps
                the data set locked. The old version stays.
        """
        for symbol in tables:
            check_symbol(symbol)
        folder = self._folder(dataset)
        with _writable(folder), self._locked(dataset), self._undone(dataset):
            folder.mkdir(parents=True, exist_ok=True)
            old = self._present(dataset)
            entries = {
                coin: {
                    name: _put(folder, coin, name, table, source(coin, name) if source else "")
                    for name, table in sorted(streams.items())
                }
                for coin, streams in sorted(tables.items())
            }
            pointer = Pointer(
                schema=SCHEMA,
                dataset=dataset,
                bar=bar_text(bar),
                fingerprint=_fingerprint(bar, entries),
                findings=tuple(findings),
                tables=entries,
                previous=tuple(sorted(old.files)) if old else (),
            )
            _replace(folder / POINTER, pointer.model_dump_json(by_alias=True, indent=1).encode())
            _clean(folder, keep=pointer.files | set(pointer.previous))
        return pointer

    def _present(self, dataset: str) -> Pointer | None:
        with contextlib.suppress(FileNotFoundError, ValidationError):
            return Pointer.model_validate_json((self._folder(dataset) / POINTER).read_bytes())
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
                "only one process may write a data set at a time",
                got=f"a lock held for more than {LOCK_SECONDS:g} s",
                where=lock.lock_file,
                hint="wait for the other import to end",
            ) from None
        try:
            yield
        finally:
            lock.release()


def content_hash(table: pd.DataFrame) -> str:
    """SHA-256 of a table's values: names, kinds and arrays, not how a file lays them out."""
    digest = hashlib.sha256(f"{len(table)}".encode())
    for name, column in table.items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            kind, data = "time", column.dt.as_unit("ns").astype("int64").to_numpy().tobytes()
        elif pd.api.types.is_numeric_dtype(column.dtype):
            values = column.to_numpy(np.float64) + 0.0  # −0 becomes 0
            kind, data = "float", np.where(np.isnan(values), np.nan, values).tobytes()
        else:
            parts = [str(v).encode() for v in column]
            kind, data = "text", b"".join(len(p).to_bytes(8, "little") + p for p in parts)
        digest.update(f"|{name}|{kind}|{len(data)}|".encode())
        digest.update(data)
    return digest.hexdigest()


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


def _put(folder: Path, coin: str, name: str, table: pd.DataFrame, source: str) -> Entry:
    """Store one table, unless the same content is there already, whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not len(table):
        raise DataError("a stored table must have rows", got="none", where=f"{coin} {name}")
    sink = pa.BufferOutputStream()
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(arrow, sink, compression="zstd", use_dictionary=False)
    data: bytes = sink.getvalue().to_pybytes()
    content, sha256 = content_hash(table), hashlib.sha256(data).hexdigest()
    path = folder / f"{coin}-{name}-{sha256[:20]}.parquet"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        _replace(path, data)
    return Entry(
        file=path.name,
        rows=len(table),
        first=table["time"].iloc[0].isoformat(),
        last=table["time"].iloc[-1].isoformat(),
        size=len(data),
        sha256=sha256,
        content=content,
        source=source,
    )


def _read(folder: Path, entry: Entry) -> pd.DataFrame:
    """One table; the bytes that are parsed are those that were checked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / entry.file
    hint = "import the data set again"
    try:
        data = path.read_bytes()
    except OSError as error:
        got = error.strerror
        raise StoreError(
            "a stored file must be readable", got=got, where=str(path), hint=hint
        ) from (error)
    if len(data) != entry.size:
        got = f"{len(data)} of {entry.size} bytes"
        raise StoreError("a stored file must be whole", got=got, where=str(path), hint=hint)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        rule = "a stored file must be as it was written"
        raise StoreError(rule, got="another content", where=str(path), hint=hint)
    frame: pd.DataFrame = pq.read_table(pa.BufferReader(data)).to_pandas()
    return frame


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _clean(folder: Path, *, keep: set[str]) -> None:
    """Remove files that no version needs, and what killed writers left. The lock is held."""
    for path in [*folder.glob("*.parquet"), *folder.glob(".*.tmp")]:
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
            "the store must be writable",
            got=error.strerror or str(error),
            where=str(folder),
            hint="free some space, or check the folder's permissions; the old version is untouched",
        ) from error
