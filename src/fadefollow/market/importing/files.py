"""Import of files by manifest: raw files in, canonical tables in the store, whole coins or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.audit.gate import accepted
from fadefollow.market.audit.misread import check_far
from fadefollow.market.bars import base_of
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.findings import Finding, merged
from fadefollow.market.importing import clean
from fadefollow.market.importing.coin_columns import by_coin, is_symbol_column, symbols_of
from fadefollow.market.importing.containers import UNNAMED_INDEX, Form, RawTable, read_table
from fadefollow.market.importing.file_spec import FileSpec
from fadefollow.market.importing.joins import Piece, join
from fadefollow.market.importing.left_out import Failures, misread_coins
from fadefollow.market.importing.matching import Match, find_files
from fadefollow.market.importing.numbers import check_decimal, plain_numbers
from fadefollow.market.importing.time_parsing import TimeForm, parse_times
from fadefollow.market.names import check_dataset_name, nearest
from fadefollow.market.schema import as_numbers, check, check_names, check_order
from fadefollow.market.stamps import in_utc, row_numbers
from fadefollow.market.store.store import Store
from fadefollow.market.streams import Stream, stream

#: called with what is being done and how much of it is done, from 0 to 1
Progress = Callable[[str, float | None], None]
#: largest number of a file's columns that a message lists
MOST_NAMES = 30
#: by so much a clock is put back in autumn
CLOCK_CHANGE = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class ImportReport:
    """The result of an import."""

    dataset: str
    fingerprint: str
    files: int  #: read
    rows: int  #: stored
    tables: Mapping[str, Mapping[str, int]]  #: rows by coin and stream
    findings: tuple[Finding, ...]  #: worst first
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: by coin why, in words

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "files": self.files,
            "rows": self.rows,
            "tables": {coin: dict(streams) for coin, streams in self.tables.items()},
            "left_out": {coin: list(why) for coin, why in self.left_out.items()},
            "findings": [f.to_dict() for f in self.findings],
        }


def import_files(
    spec: DatasetSpec,
    name: str,
    source: Path,
    store_root: Path,
    progress: Progress | None = None,
    *,
    accept: Sequence[str] = (),
    strict: bool = False,
) -> ImportReport:
    """Read the files that a data set's TOML describes and replace the data set in the store.

    A coin of which a file cannot be read, breaks its schema or says what it cannot mean is left
    out, with all its streams.

    Args:
        spec: a data set with `source = "files"`.
        name: the data set's name in the store.
        source: folder to which the paths in `spec` are relative. Only read.
        store_root: the store's folder.
        progress: called before each file.
        accept: codes of findings with which a coin is imported, as `--accept` takes them.
        strict: refuse all coins for one that would be left out.

    Raises:
        DataError: a file is missing, no coin can be imported, or one cannot and `strict`. All
            that is wrong is in the message, and nothing is stored.
        ParameterError: a code that there is not.
        StoreError: the store cannot be written. The old version stays.
    """
    check_dataset_name(name)
    passing, failures = accepted(accept), Failures()
    read = _read(spec, source, failures, where=name, progress=progress)
    if progress:
        progress("storing", 1.0)
    for coin, streams in read.tables.items():
        with failures.of(coin):
            base_of(streams, where=coin)
            check_far({coin: streams}, name)
    sound = {coin: parts for coin, parts in read.tables.items() if coin not in failures.errors}
    misread_as = misread_coins(sound, spec.bar, passing, read.origin)
    for coin, (errors, _) in misread_as.items():
        failures.add(coin, *errors)
    failures.refuse(read.tables, strict=strict)
    kept = {coin: parts for coin, parts in sound.items() if coin not in failures.errors}
    findings = [f for f in read.findings if f.symbol not in failures.errors]
    manifest = Store(Path(store_root)).write(
        name,
        kept,
        bar=spec.bar,
        findings=findings,
        source=lambda coin, stream_name: read.origin[coin, stream_name],
    )
    rows = {
        coin: {s: e.rows for s, e in streams.items()} for coin, streams in manifest.tables.items()
    }
    total = sum(sum(streams.values()) for streams in rows.values())
    # each audit finds errors again; stored, they would be reported twice
    seen = merged([*findings, *(f for coin in kept for f in misread_as[coin][1])])
    left_out = failures.words()
    return ImportReport(name, manifest.fingerprint, read.files, total, rows, seen, left_out)


@dataclass(frozen=True)
class ReadFiles:
    """The tables that the files of a data set hold, with findings."""

    tables: dict[str, dict[str, pd.DataFrame]]  #: canonical, by coin and stream
    origin: dict[tuple[str, str], str]  #: the files of each
    findings: tuple[Finding, ...]  #: worst first
    files: int


def read_files(
    spec: DatasetSpec, source: Path, *, where: str = "", progress: Progress | None = None
) -> ReadFiles:
    """Read the files that a data set's TOML describes; nothing is stored.

    Raises:
        DataError: a file is missing, cannot be read or breaks its schema; all of them at once.
    """
    failures = Failures()
    read = _read(spec, source, failures, where=where, progress=progress)
    failures.refuse(read.tables, strict=True)
    return read


def _read(
    spec: DatasetSpec,
    source: Path,
    failures: Failures,
    *,
    where: str,
    progress: Progress | None,
) -> ReadFiles:
    """The tables of all files; of a coin that fails only what could be read.

    Args:
        spec, source, where, progress: as of `import_files`.
        failures: where what is wrong is kept.
    """
    if spec.source != "files":
        rule = 'only data sets with source = "files" can be imported'
        raise ParameterError(rule, got=spec.source, where=where)
    matches = _find_all(spec, Path(source))
    pieces: list[Piece] = []
    for done, match in enumerate(matches):
        if progress:
            progress(f"reading {match.where}", done / len(matches))
        with failures.of(match.coin):
            pieces += _pieces(match, spec, failures)
    _check_entries(spec, pieces, failures)
    findings = [f.of(piece.coin) for piece in pieces for f in piece.findings]
    for item in spec.files:
        if item.skip:
            text = f"skipped, as the data set's TOML says: {', '.join(item.skip)}"
            findings.append(Finding("note", "", item.stream, "left out", len(item.skip), "", text))
    parts: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        if len(piece.table):
            parts.setdefault((piece.coin, piece.spec.stream), []).append(piece)
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    for (coin, stream_name), ours in parts.items():
        with failures.of(coin):
            table, found = join(ours, stream(stream_name))
            tables.setdefault(coin, {})[stream_name] = table
            findings += [f.of(coin) for f in found]
    origin = {key: ", ".join(p.where for p in ours) for key, ours in parts.items()}
    return ReadFiles(tables, origin, merged(findings), len(matches))


def _find_all(spec: DatasetSpec, source: Path) -> list[Match]:
    if not source.is_dir():
        raise DataError("--from must be an existing folder", where=str(source))
    return [match for item in spec.files for match in find_files(item, source)]


def _check_entries(spec: DatasetSpec, pieces: Sequence[Piece], failures: Failures) -> None:
    """Each entry that is not optional has rows, and has them of each coin that it names.

    Not of coins that fail: what is wrong with them is known.
    """
    failed = set(failures.errors)
    for item in spec.files:
        there = {p.coin for p in pieces if p.spec is item and len(p.table)}
        named = set(item.coins) if item.coin_column is not None else set()
        absent = named - there - failed
        if not item.optional and (absent or not (there or failed)):
            coins = f" of {', '.join(sorted(absent))}" if absent else ""
            span = " between since and until" if item.since or item.until else ""
            rule = f"no rows of {item.stream}{coins}{span}"
            raise DataError(rule, where=item.path)


def _pieces(match: Match, spec: DatasetSpec, failures: Failures) -> list[Piece]:
    """The rows of one file, by coin; of a file of many without those that fail."""
    item, schema = match.spec, stream(match.spec.stream)
    raw = read_table(match.path, match.where, _form(item))
    if not len(raw.frame):
        raise DataError("the file has no rows", where=match.where)
    frame = _mapped(raw, match, schema)
    noted = [replace(f, stream=schema.name) for f in raw.findings]
    if item.caveat:
        noted.append(Finding("note", "", schema.name, "caveat", 1, "", item.caveat))
    if match.coin is not None:
        symbols = symbols_of(raw.frame, item, schema, match.where)
        piece = _piece(frame, match, match.coin, spec)
        return [replace(piece, symbols=symbols, findings=(*noted, *piece.findings))]
    names = raw.frame[_column(item.coin_column or "", raw, match.where)]
    made = []
    for coin, rows in by_coin(frame, names, item, match.where):
        with failures.of(coin):
            made.append(_piece(rows, match, coin, spec))
    return [replace(piece, findings=(*noted, *piece.findings)) for piece in made]


def _form(item: FileSpec) -> Form:
    """How to read a file of an entry."""
    names = {_time_column(item), item.coin_column, *item.columns.values()}
    wanted = lambda name: name in names or is_symbol_column(name)  # noqa: E731
    by_name = item.columns and not any(name and name.isdigit() for name in names)
    return Form(item.kind, item.delimiter, item.decimal, wanted if by_name else None)


def _time_column(item: FileSpec) -> str:
    return UNNAMED_INDEX if item.time == "index" else item.time


def _piece(frame: pd.DataFrame, match: Match, coin: str, spec: DatasetSpec) -> Piece:
    """The canonical table of one coin in one file at the data set's bar."""
    item, schema, where = match.spec, stream(match.spec.stream), match.where
    inferred = schema.name == "funding" and "interval_hours" not in frame
    findings: list[Finding] = []
    frame = _step(findings, *_prepare(frame, match, schema))
    if not len(frame):
        if match.coin is not None and item.since is None and item.until is None:
            raise DataError("the file has no rows with values", where=where)
        return Piece(coin, frame, where, item, inferred, findings=tuple(findings))
    small, lag = item.bar or spec.bar, spec.lag(schema.name)
    checked = check(frame, schema.name, bar=small, where=where, lag=lag, timezone=item.timezone)
    findings += checked.findings
    table = checked.table
    if schema.kind == "bars":
        table = _step(findings, *clean.resample(table, schema, small=small, bar=spec.bar))
    return Piece(coin, table, where, item, inferred, findings=tuple(findings))


def _prepare(frame: pd.DataFrame, match: Match, schema: Stream) -> clean.Cleaned:
    """Defects that can be coped with before the schema is checked."""
    item, findings = match.spec, list[Finding]()
    later = {*item.difference, "interval_hours"}  # made below
    if match.expiry is not None:
        later.add("expiry")
    check_names(frame, schema, match.where, later)
    frame = _in_units(frame, match, schema)
    if not pd.api.types.is_datetime64_any_dtype(frame["time"].dtype):
        return frame, ()  # the schema says what is wrong
    rows, written = row_numbers(frame), frame["time"]
    frame = frame.assign(time=in_utc(written, "time", rows, item.timezone, match.where))
    _check_raw_order(frame, match, schema, written)
    for made, of in item.difference.items():
        frame = _step(findings, *clean.difference(frame, schema, made, of))
    if item.since_utc is not None:
        frame = _step(findings, *clean.drop_before(frame, schema, item.since_utc))
    if item.until_utc is not None:
        frame = _step(findings, *clean.drop_from(frame, schema, item.until_utc))
    frame = _step(findings, *clean.drop_missing(frame, schema))
    if schema.name == "funding" and "interval_hours" not in frame:
        frame = _step(findings, *clean.infer_intervals(frame, schema))
    if match.expiry is not None:
        frame = _step(findings, *clean.trim_contract(frame, schema, match.expiry))
        frame = frame.assign(expiry=match.expiry)
    if match.spec.implied:
        frame = frame.assign(implied=1.0)
    return frame, tuple(findings)


def _in_units(frame: pd.DataFrame, match: Match, schema: Stream) -> pd.DataFrame:
    """Numbers as floats in the stream's units."""
    item, rows, made = match.spec, row_numbers(frame), dict[str, pd.Series]()
    for name, column in schema.columns.items():
        if column.kind == "float" and name in frame:
            numbers = plain_numbers(frame[name], item.decimal)
            check_decimal(numbers, name, match.where)
            floats = as_numbers(numbers, name, column.unit, rows, match.where)
            made[name] = floats * item.scale.get(name, 1.0)
    return frame.assign(**made)


def _check_raw_order(frame: pd.DataFrame, match: Match, schema: Stream, written: pd.Series) -> None:
    """Before anything is reckoned from one row to the next; `written` are the file's own times."""
    stamped = frame[frame["time"].notna()]
    if not len(stamped):
        return
    key = [name for name in schema.key if name in frame]
    made = stamped[["time", *key]].reset_index(drop=True)
    try:
        check_order(made, key, row_numbers(stamped), match.where)
    except DataError as error:
        hint = _order_hint(written[frame["time"].notna()]) or error.hint
        raise DataError(error.rule, got=error.got, where=error.where, hint=hint) from None


def _order_hint(times: pd.Series) -> str:
    """A hint on why times repeat or descend, beyond duplicates and disorder."""
    step = times.diff()
    back = (step <= pd.Timedelta(0)).to_numpy()
    first = times[back].iloc[0] if back.any() else pd.NaT
    by_an_hour = back.any() and step[back].iloc[0] >= -CLOCK_CHANGE
    if times.dt.tz is None and by_an_hour and first.weekday() == 6 and first.hour < 4:  # a Sunday
        return (
            "a clock that is put back passes this hour twice: for local times, declare their zone, "
            'such as timezone = "Europe/Berlin"'
        )
    if back.sum() >= len(times) // 3:
        return (
            "does the file hold several coins or contracts? coin_column names the column that says "
            "which; else drop the duplicates"
        )
    return ""


def _step(findings: list[Finding], frame: pd.DataFrame, seen: tuple[Finding, ...]) -> pd.DataFrame:
    findings += seen
    return frame


def _mapped(raw: RawTable, match: Match, schema: Stream) -> pd.DataFrame:
    """The mapped columns of a file under their stream's names; times parsed."""
    item, where = match.spec, match.where
    own = {n: n for n in (*schema.columns, "available") if n in raw.frame}
    mapping = {"time": _time_column(item), **(item.columns or own)}
    columns = {name: _column(column, raw, where) for name, column in mapping.items()}
    _check_positions(mapping, columns, schema, where)
    frame = pd.DataFrame({name: raw.frame[column] for name, column in columns.items()})
    form = TimeForm(item.time_unit, item.time_format)
    for name in ("time", "expiry", "available"):
        if name in frame:
            frame[name] = parse_times(frame[name], name, form, where)
    return frame


def _column(name: str, raw: RawTable, where: str) -> str:
    """The file's column of that name, or, if the name is a number, in that place."""
    if name in raw.frame:
        return name
    if name.isdigit() and 1 <= int(name) <= raw.frame.shape[1]:
        return str(raw.frame.columns[int(name) - 1])
    hint = nearest(name, raw.names).strip()
    if not raw.header:
        hint = "the file has no header: its columns are called 1, 2, 3 and so on"
    raise DataError(
        f"column {name} is missing",
        got=f"columns {', '.join(raw.names[:MOST_NAMES])}{' …' * (len(raw.names) > MOST_NAMES)}",
        where=where,
        hint=hint,
    )


def _check_positions(
    mapping: Mapping[str, str], columns: Mapping[str, str], schema: Stream, where: str
) -> None:
    """Refuse a place in which the file itself says that another of the stream's columns is."""
    for name, column in columns.items():
        other = column.strip().lower()
        if column != mapping[name] and other != name and other in schema.columns:
            rule = f"{name} must be in the column {mapping[name]}"
            raise DataError(rule, got=f"a column with the header {column}", where=where)
