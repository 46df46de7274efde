"""Tables as people keep them: CSV, Parquet, Feather and JSON, also packed by gzip.

Columns come as they are written; nothing is renamed, parsed or left out here.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.findings import Finding
from fadefollow.market.importing.csvs import check_once, csv_bytes, read_csv
from fadefollow.market.importing.file_spec import EXTENSIONS, Format, format_of, formats

if TYPE_CHECKING:
    import pyarrow as pa

#: the unnamed index of a pandas frame, as Arrow calls it
UNNAMED_INDEX = "__index_level_0__"
#: what a `.gz` may unfold to, in bytes and in times its size
MOST_BYTES, MOST_RATIO = 2 << 30, 300
_CHUNK = 1 << 20
Wanted = Callable[[str], bool] | None


@dataclass(frozen=True)
class Form:
    """Settings needed to read a file whose bytes do not tell."""

    kind: Format | None = None  #: by default from the file's extension
    delimiter: str | None = None  #: of CSV; by default from its first line
    decimal: str = "."  #: of CSV
    #: whether a column is wanted, of containers that can be read by columns; by default all are
    wanted: Wanted = None


@dataclass(frozen=True)
class RawTable:
    """The columns of a file, and what was noted about it."""

    frame: pd.DataFrame
    names: tuple[str, ...]  #: of all columns of the file
    header: bool = True  #: whether the file names its columns
    findings: tuple[Finding, ...] = ()


def read_table(path: Path, where: str, form: Form) -> RawTable:
    """The columns of a file.

    Args:
        path: the file.
        where: its name, for messages.
        form: what is known of it.

    Raises:
        DataError: it is empty, damaged, of an unknown kind, or names a column twice.
    """
    kind = form.kind or kind_of(path.name, where)
    try:
        if kind == "csv":
            return _csv(path, where, form)
        if kind == "json":
            return json_table(content(path, where), where)
        return _arrow(path, where, kind, form)
    except DataError:
        raise
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise _unreadable(error, path, where, kind) from error


def _unreadable(error: Exception, path: Path, where: str, kind: Format) -> DataError:
    names = {"csv": "CSV", "json": "JSON", "parquet": "Parquet", "feather": "Feather"}
    lines = str(error).splitlines() or [type(error).__name__]
    got = "an empty file" if path.exists() and not path.stat().st_size else lines[0]
    hint = "" if kind == "csv" else "the file may be truncated: download it again"
    return DataError(f"cannot read the file as {names[kind]}", got=got, where=where, hint=hint)


def kind_of(name: str, where: str) -> Format:
    """The kind of a file, by its name.

    Raises:
        DataError: its extension does not say.
    """
    kind = format_of(name)
    if kind is None:
        raise DataError(
            f"the file's extension must be one of {', '.join(EXTENSIONS)}, or .gz after it",
            got=name,
            where=where,
            hint=f"unpack it, or say what it is: format = {', '.join(formats())}",
        )
    return kind


def content(path: Path, where: str) -> bytes:
    """The bytes of a text file, unpacked if it is a `.gz` or a `.zip` of one CSV.

    Raises:
        DataError: the packed file is damaged or a bomb.
        OSError: it cannot be read.
    """
    if path.suffix.lower() != ".gz":
        return csv_bytes(path, where)
    most = min(MOST_BYTES, max(MOST_RATIO * path.stat().st_size, _CHUNK))
    made = bytearray()
    try:
        with gzip.open(path) as file:
            while piece := file.read(_CHUNK):
                made += piece
                if len(made) > most:
                    rule = f"a .gz must unpack to at most {most:,} bytes"
                    raise DataError(rule, got="more", where=where)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        hint = "the file may be truncated: download it again"
        raise DataError("cannot unpack the .gz", got=str(error), where=where, hint=hint) from error
    return bytes(made)


def _csv(path: Path, where: str, form: Form) -> RawTable:
    data = content(path, where)
    made = read_csv(data, where, delimiter=form.delimiter, decimal=form.decimal)
    return RawTable(made.frame, _names(made.frame), made.header, made.findings)


def json_table(data: bytes, where: str) -> RawTable:
    """The table in a JSON text: a list of rows (columns `1`, `2`, …) or a list of objects.

    Raises:
        DataError: it is anything else, or has no rows.
        ValueError: it is no JSON.
    """
    if not data.strip():
        raise DataError("the file is empty", where=where)
    rows = json.loads(data.decode("utf-8-sig"), object_pairs_hook=lambda pairs: _once(pairs, where))
    kinds = {type(row) for row in rows} if isinstance(rows, list) else {type(rows)}
    if rows == []:
        raise DataError("the file has no rows", where=where)
    if not isinstance(rows, list) or len(kinds) != 1 or not kinds <= {list, dict}:
        rule = "JSON must be a list of rows, or a list of objects"
        raise DataError(rule, got=_json_kind(rows), where=where)
    if kinds == {dict}:
        frame = pd.DataFrame(rows)
        return RawTable(frame, _names(frame))
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        got = f"{min(widths)} to {max(widths)}"
        raise DataError("all rows must have the same number of values", got=got, where=where)
    names = [str(n) for n in range(1, widths.pop() + 1)]
    return RawTable(pd.DataFrame(rows, columns=names), tuple(names), header=False)


def _once(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    """An object none of whose keys comes twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        check_once([key for key, _ in pairs], where)
    return made


def _json_kind(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(map(str, list(value)[:5]))}"
    return "a list of other things" if isinstance(value, list) else "a single value"


def _names(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(str(name) for name in frame.columns)


def _arrow(path: Path, where: str, kind: Format, form: Form) -> RawTable:
    import pyarrow as pa

    if path.suffix.lower() == ".gz":
        rule, hint = "only CSV and JSON are read from a .gz", "unpack it: gunzip FILE"
        raise DataError(rule, got=f"{kind} in a .gz", where=where, hint=hint)
    try:
        table, names = (_parquet if kind == "parquet" else _feather)(path, where, form.wanted)
        frame = arrow_frame(table)
    except pa.ArrowException as error:  # not all of them are ValueErrors
        raise _unreadable(error, path, where, kind) from error
    return RawTable(frame, tuple(dict.fromkeys((*names, *_names(frame)))))


def _parquet(path: Path, where: str, wanted: Wanted) -> tuple[pa.Table, list[str]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        check_once(names, where)
        return file.read(columns=_kept(names, wanted)), names


def _feather(path: Path, where: str, wanted: Wanted) -> tuple[pa.Table, list[str]]:
    import pyarrow.feather as feather

    table = feather.read_table(path, memory_map=False)
    check_once(table.schema.names, where)
    return table.select(_kept(table.schema.names, wanted)), table.schema.names


def _kept(names: list[str], wanted: Wanted) -> list[str]:
    return [name for name in names if wanted is None or wanted(name)]


def arrow_frame(table: pa.Table, first: int = 0) -> pd.DataFrame:
    """The columns of an Arrow table, with the index that pandas keeps in the metadata only.

    Args:
        table: as read.
        first: number of the table's first row in its file.
    """
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    for name, start, step in index_ranges(table.schema):
        if name not in frame:
            frame[name] = start + step * np.arange(first, first + len(frame))
    for column in frame:
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            frame[column] = frame[column].astype(frame[column].cat.categories.dtype)
    return frame


def index_ranges(schema: pa.Schema) -> list[tuple[str, int, int]]:
    """Name, start and step of an index that is a range: pandas writes no column for it."""
    made = []
    for index in (schema.pandas_metadata or {}).get("index_columns", []):
        if isinstance(index, dict) and index.get("kind") == "range" and index["step"]:
            name = index["name"] or UNNAMED_INDEX
            if index["name"] or index["start"] or index["step"] != 1:  # else it only counts rows
                made.append((str(name), int(index["start"]), int(index["step"])))
    return made
