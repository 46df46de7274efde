"""Import of files by manifest: raw files in, canonical tables in the store, all or nothing."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market import clean
from fadefollow.market.csvs import check_once, csv_bytes, read_csv
from fadefollow.market.findings import Finding, merged
from fadefollow.market.names import check_dataset_name, check_symbol, nearest
from fadefollow.market.schema import as_numbers, check, check_names, check_order
from fadefollow.market.spec import DatasetSpec, FileSpec
from fadefollow.market.stamps import row_error, row_numbers, utc
from fadefollow.market.store import Store
from fadefollow.market.streams import Stream, stream

#: called with what is being done and how much of it is done, from 0 to 1
Progress = Callable[[str, float | None], None]
#: years of plausible stamps, both included
FIRST_YEAR, LAST_YEAR = 1970, 2199


@dataclass(frozen=True)
class ImportReport:
    """What an import read and stored."""

    dataset: str
    fingerprint: str
    files: int  #: read
    rows: int  #: stored
    tables: Mapping[str, Mapping[str, int]]  #: rows by coin and stream
    findings: tuple[Finding, ...]  #: worst first

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "files": self.files,
            "rows": self.rows,
            "tables": {coin: dict(streams) for coin, streams in self.tables.items()},
            "findings": [f.to_dict() for f in self.findings],
        }


@dataclass(frozen=True)
class _Match:
    path: Path
    where: str  #: path relative to the source folder, for messages
    coin: str
    expiry: pd.Timestamp | None
    spec: FileSpec


def import_files(
    spec: DatasetSpec,
    name: str,
    source: Path,
    store_root: Path,
    progress: Progress | None = None,
) -> ImportReport:
    """Read the files that a data set's TOML describes and replace the data set in the store.

    Args:
        spec: a data set with `source = "files"`.
        name: the data set's name in the store.
        source: folder to which the paths in `spec` are relative. Only read.
        store_root: the store's folder.
        progress: called before each file.

    Raises:
        DataError: a file is missing, cannot be read or breaks its schema. Nothing is stored.
        StoreError: the store cannot be written. The old version stays.
    """
    check_dataset_name(name)
    read = read_files(spec, source, where=name, progress=progress)
    if progress:
        progress("storing", 1.0)
    for coin, streams in read.tables.items():
        if not {"perp", "spot"} & set(streams):
            raise DataError("a coin needs perp or spot bars", got=", ".join(streams), where=coin)
    pointer = Store(Path(store_root)).write(
        name,
        read.tables,
        bar=spec.bar,
        findings=read.findings,
        source=lambda coin, stream_name: read.origin[coin, stream_name],
    )
    rows = {
        coin: {s: e.rows for s, e in streams.items()} for coin, streams in pointer.tables.items()
    }
    total = sum(sum(streams.values()) for streams in rows.values())
    return ImportReport(name, pointer.fingerprint, read.files, total, rows, read.findings)


@dataclass(frozen=True)
class ReadFiles:
    """What the files of a data set hold."""

    tables: dict[str, dict[str, pd.DataFrame]]  #: canonical, by coin and stream
    origin: dict[tuple[str, str], str]  #: the files of each
    findings: tuple[Finding, ...]  #: worst first
    files: int


def read_files(
    spec: DatasetSpec, source: Path, *, where: str = "", progress: Progress | None = None
) -> ReadFiles:
    """Read the files that a data set's TOML describes; nothing is stored.

    Raises:
        DataError: a file is missing, cannot be read or breaks its schema.
    """
    if spec.source != "files":
        rule = "only data sets made of files are imported"
        raise ParameterError(rule, got=spec.source, where=where)
    matches = _find_all(spec, Path(source))
    parts: dict[tuple[str, str], list[tuple[pd.DataFrame, str]]] = {}
    findings: list[Finding] = []
    for done, match in enumerate(matches):
        if progress:
            progress(f"reading {match.where}", done / len(matches))
        table, seen = _import_one(match, spec)
        findings += [f.of(match.coin) for f in seen]
        if len(table):
            parts.setdefault((match.coin, match.spec.stream), []).append((table, match.where))
    for item in spec.files:
        if item.skip:
            text = f"not read, as the data set's TOML says: {', '.join(item.skip)}"
            findings.append(Finding("note", "", item.stream, "left out", len(item.skip), "", text))
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    for (coin, stream_name), pieces in parts.items():
        tables.setdefault(coin, {})[stream_name] = _join(pieces, stream(stream_name))
    origin = {key: ", ".join(where for _, where in pieces) for key, pieces in parts.items()}
    return ReadFiles(tables, origin, merged(findings), len(matches))


def _find_all(spec: DatasetSpec, source: Path) -> list[_Match]:
    if not source.is_dir():
        raise DataError("the source must be a folder", got="no folder", where=str(source))
    found = []
    for item in spec.files:
        matches = _find(item, source)
        if not matches and not item.optional:
            raise DataError(
                f"there must be files for {item.stream}",
                got=f"none that match {item.path}",
                where=str(source),
                hint="is --from the right folder? optional = true makes the files optional",
            )
        found += matches
    return found


def _find(item: FileSpec, source: Path) -> list[_Match]:
    pieces = re.split(r"(\{coin\}|\{expiry\}|\*)", item.path)
    kinds = {"{coin}": "(?P<coin>[^/_]+)", "{expiry}": r"(?P<expiry>\d+)", "*": "[^/]*"}
    pattern = re.compile("".join(kinds.get(piece, re.escape(piece)) for piece in pieces))
    found = []
    for path in sorted(source.glob(re.sub(r"\{.*?\}", "*", item.path))):
        where = path.relative_to(source).as_posix()
        match = pattern.fullmatch(where)
        if match is None or not path.is_file():
            continue
        groups = match.groupdict()
        if item.coins and groups.get("coin", item.coin) not in item.coins:
            continue
        if groups.get("coin") in item.skip:
            continue
        coin = item.coin or _coin(groups["coin"], where)
        expiry = _expiry(groups.get("expiry"), item, where)
        found.append(_Match(path, where, coin, expiry, item))
    absent = set(item.coins) - {m.coin for m in found}
    if absent and not item.optional:
        got = f"none for {', '.join(sorted(absent))}"
        raise DataError(f"there must be a file {item.path}", got=got, where=str(source))
    return found


def _coin(name: str, where: str) -> str:
    try:
        return check_symbol(name)
    except ParameterError as error:
        hint = 'rename the file, or leave it out: skip = ["NAME"] in its [[files]] table'
        raise ParameterError(error.rule, got=error.got, where=where, hint=hint) from None


def _expiry(text: str | None, item: FileSpec, where: str) -> pd.Timestamp | None:
    if text is None:
        return None
    try:
        day = pd.to_datetime(text, format=item.expiry_format, utc=True)
    except (ValueError, OverflowError):
        rule = f"the file's name must hold an expiry as {item.expiry_format}"
        raise DataError(rule, got=text, where=where) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        rule = f"the expiry must lie between {FIRST_YEAR} and {LAST_YEAR}"
        raise DataError(rule, got=text, where=where)
    return pd.Timestamp(day + pd.Timedelta(hours=item.expiry_hour)).as_unit("ns")


def _import_one(match: _Match, spec: DatasetSpec) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """The canonical table of one file at the data set's bar, and what was found."""
    item, schema = match.spec, stream(match.spec.stream)
    frame = _read(match)
    findings: list[Finding] = []
    if item.caveat:
        findings.append(Finding("note", "", schema.name, "caveat", 1, "", item.caveat))
    frame = _step(findings, *_prepare(frame, match, schema))
    if not len(frame):
        raise DataError("the file must have rows with values", got="none", where=match.where)
    small = item.bar or spec.bar
    lag, where = spec.lag(schema.name), match.where
    checked = check(frame, schema.name, bar=small, where=where, lag=lag, timezone=item.timezone)
    findings += checked.findings
    table = checked.table
    if schema.kind == "bars":
        table = _step(findings, *clean.resample(table, schema, small=small, bar=spec.bar))
    return table, tuple(findings)


def _prepare(frame: pd.DataFrame, match: _Match, schema: Stream) -> clean.Cleaned:
    """Defects that can be coped with before the schema is checked."""
    item, findings = match.spec, list[Finding]()
    later = {*item.difference, "interval_hours"}  # made below
    if match.expiry is not None:
        later.add("expiry")
    check_names(frame, schema, match.where, later)
    rows = row_numbers(frame)
    for name, column in schema.columns.items():
        if column.kind == "float" and name in frame:
            numbers = as_numbers(frame[name], name, column.unit, rows, match.where)
            frame[name] = numbers * item.scale.get(name, 1.0)
    if not pd.api.types.is_datetime64_any_dtype(frame["time"].dtype):
        return frame, ()  # the schema says what is wrong
    _check_raw_order(frame, match, schema)
    for made, of in item.difference.items():
        frame = _step(findings, *clean.difference(frame, schema, made, of))
    if item.since is not None:
        since = pd.Timestamp(item.since)
        frame = _step(findings, *clean.drop_before(frame, schema, since))
    frame = _step(findings, *clean.drop_missing(frame, schema))
    if schema.name == "funding" and "interval_hours" not in frame:
        frame = _step(findings, *clean.infer_intervals(frame, schema))
    if match.expiry is not None:
        frame = _step(findings, *clean.trim_contract(frame, schema, match.expiry))
        frame = frame.assign(expiry=match.expiry)
    if item.implied:
        frame = frame.assign(implied=1.0)
    return frame, tuple(findings)


def _check_raw_order(frame: pd.DataFrame, match: _Match, schema: Stream) -> None:
    """Before anything is reckoned from one row to the next."""
    stamped = frame[frame["time"].notna()]
    if len(stamped):
        rows, zone = row_numbers(stamped), match.spec.timezone
        times = utc(stamped["time"], "time", rows, zone, match.where)
        key = [name for name in schema.key if name in frame]
        made = stamped[key].reset_index(drop=True).assign(time=times)
        check_order(made, key, rows, match.where)


def _step(findings: list[Finding], frame: pd.DataFrame, seen: tuple[Finding, ...]) -> pd.DataFrame:
    findings += seen
    return frame


def _read(match: _Match) -> pd.DataFrame:
    """The mapped columns of a file under their stream's names; `time` parsed."""
    item, schema = match.spec, stream(match.spec.stream)
    raw = _read_csv(match) if item.kind == "csv" else _read_parquet(match)
    time = "__index_level_0__" if item.time == "index" else item.time
    mapping = item.columns or {n: n for n in (*schema.columns, "available") if n in raw}
    mapping = {"time": time, **mapping}
    absent = [c for c in mapping.values() if c not in raw]
    if absent:
        raise DataError(
            f"the file must have the column {absent[0]}",
            got=f"columns {', '.join(map(str, raw.columns))}",
            where=match.where,
            hint=nearest(absent[0], [str(c) for c in raw.columns]).strip(),
        )
    if not len(raw):
        raise DataError("the file must have rows", got="none", where=match.where)
    frame = pd.DataFrame({name: raw[column] for name, column in mapping.items()})
    for name in ("time", *(c for c in frame if c in ("expiry", "available"))):
        frame[name] = _parsed(frame[name], name, match)
        _check_years(frame[name], name, match)
    return frame


def _check_years(column: pd.Series, name: str, match: _Match) -> None:
    """Refuse times that no market data can have, some of which nanoseconds cannot hold."""
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return  # the schema says what is wrong
    odd = column.notna() & ~column.dt.year.between(FIRST_YEAR, LAST_YEAR)
    if odd.any():
        at = int(odd.to_numpy().argmax())
        rule = f"times must lie between {FIRST_YEAR} and {LAST_YEAR}"
        rows = row_numbers(column.to_frame())
        raise row_error(rule, column.iloc[at], match.where, rows[at], name, int(odd.sum()))


def _read_csv(match: _Match) -> pd.DataFrame:
    try:
        return read_csv(csv_bytes(match.path, match.where), match.where)
    except (OSError, ValueError, csv.Error) as error:  # ParserError is a ValueError
        if isinstance(error, DataError):
            raise
        got = str(error).splitlines()[0]
        raise DataError("the file must be readable CSV", got=got, where=match.where) from error


def _read_parquet(match: _Match) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    item = match.spec
    try:
        with pq.ParquetFile(match.path) as file:
            names = file.schema_arrow.names
            check_once(names, match.where)
            wanted = [item.time, "__index_level_0__", *item.columns.values()]
            columns = [n for n in names if n in wanted] if item.columns else names
            missing = [c for c in item.columns.values() if c not in names]
            frame: pd.DataFrame = file.read(columns=names if missing else columns).to_pandas(
                ignore_metadata=True
            )
    except (OSError, pa.ArrowException) as error:
        got = "an empty file" if match.path.stat().st_size == 0 else str(error).splitlines()[0]
        hint = "the file may be truncated: get it again"
        raise DataError(
            "the file must be readable Parquet", got=got, where=match.where, hint=hint
        ) from (error)
    return frame


def _parsed(column: pd.Series, name: str, match: _Match) -> pd.Series:
    """Textual or numeric stamps as times, in whatever zone they are."""
    item = match.spec
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    if pd.api.types.is_numeric_dtype(column.dtype):
        if item.time_unit is None:
            return column
        parsed = pd.to_datetime(column, unit=item.time_unit, errors="coerce", utc=True)
        _check_parsed(column, parsed, f"times must be {item.time_unit} since 1970", name, match)
        return parsed
    wanted = item.time_format or "ISO8601"
    try:
        parsed = pd.to_datetime(column, format=wanted, errors="coerce")
    except (ValueError, OverflowError) as error:
        got = str(error).splitlines()[0]
        raise DataError("times must be in one zone", got=got, where=match.where) from None
    _check_parsed(column, parsed, f"times must be written as {wanted}", name, match)
    return parsed


def _check_parsed(
    column: pd.Series, parsed: pd.Series, rule: str, name: str, match: _Match
) -> None:
    bad = parsed.isna() & column.notna()
    if bad.any():
        at = int(bad.to_numpy().argmax())
        rows, got = row_numbers(column.to_frame()), repr(column.iloc[at])
        raise row_error(rule, got, match.where, rows[at], name, int(bad.sum()))


def _join(pieces: list[tuple[pd.DataFrame, str]], schema: Stream) -> pd.DataFrame:
    """Tables of several files of one coin and stream as one; they must not overlap."""
    if len(pieces) == 1:
        return pieces[0][0]
    table = pd.concat([piece for piece, _ in pieces], ignore_index=True)
    table = table.sort_values(["time", *schema.key], kind="stable", ignore_index=True)
    twice = table.duplicated(["time", *schema.key])
    if twice.any():
        raise DataError(
            f"files of one coin's {schema.name} must not overlap",
            got=f"{int(twice.sum())} records twice, first at {table.loc[twice, 'time'].iloc[0]}",
            where=f"{pieces[0][1]} … {pieces[-1][1]}",
        )
    return table
