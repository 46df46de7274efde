"""A look at somebody's file: its form, its columns, and some rows of its head and tail.

Nothing but the beginning and the end of a CSV or Parquet file is read, however large it is. What is
packed (`.zip`, `.gz`), Feather and JSON is read whole, within limits.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.importing.containers import (
    Form,
    arrow_frame,
    content,
    index_ranges,
    kind_of,
    read_table,
)
from fadefollow.market.importing.csvs import check_once, first_line, form_of
from fadefollow.market.importing.file_spec import EXTENSIONS, Format

#: extensions of files that can be looked at
SUFFIXES = (*EXTENSIONS, ".gz")
_HEAD, _TAIL = 1 << 20, 1 << 17
_ROWS = 5000


@dataclass(frozen=True)
class Preview:
    """A preview of a file."""

    where: str  #: path relative to the source folder
    kind: str  #: csv, parquet, feather or json
    columns: tuple[str, ...]
    head: pd.DataFrame  #: the first rows
    tail: pd.DataFrame  #: the last rows; may overlap with the first
    header: bool = True
    separator: str = ","
    size: int = 0  #: bytes


def preview(path: Path, where: str) -> Preview:
    """Look at a file.

    Raises:
        DataError: it is empty, damaged, not in UTF-8, or names a column twice.
    """
    try:
        size = path.stat().st_size
        if not size:
            raise DataError("the file is empty", where=where)
        kind = kind_of(path.name, where)
        if kind == "parquet":
            return _parquet(path, where, size)
        return _csv(path, where, size) if kind == "csv" else _whole(path, where, kind, size)
    except DataError:
        raise
    except UnicodeError as error:
        hint = "is it UTF-16 or Latin-1? save it as UTF-8"
        raise DataError("text must be UTF-8", got=str(error), where=where, hint=hint) from error
    except (OSError, ValueError) as error:
        got = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError("cannot read the file", got=got, where=where) from error


def _csv(path: Path, where: str, size: int) -> Preview:
    if path.suffix.lower() in (".zip", ".gz"):
        data = content(path, where)
        first, last = data[:_HEAD], data[-_TAIL:]
        whole = len(data) <= _HEAD
    else:
        with path.open("rb") as file:
            first = file.read(_HEAD)
            file.seek(max(size - _TAIL, 0))
            last = file.read(_TAIL)
        whole = size <= _HEAD
    if b"\0" in first:
        raise DataError("text must be UTF-8", got="zero bytes: UTF-16, or no text", where=where)
    end = b"\n" if b"\n" in first else b"\r"
    head = first if whole else first[: first.rfind(end) + 1]
    # the tail begins inside a line, and perhaps inside a character
    tail = head if whole else last[last.find(end) + 1 :]
    text = _decoded(head).lstrip("\n")
    if not text.strip():
        raise DataError("the file has only blank lines", where=where)
    line = first_line(text)
    separator, header = form_of(line)
    frame = (
        pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            skiprows=1 if header else 0,
            skipinitialspace=True,
            nrows=_ROWS,
            low_memory=False,
        )
        if text.strip().count("\n") or not header
        else pd.DataFrame()
    )
    if not len(frame):
        raise DataError("the file has a header but no rows", where=where)
    names = [str(n) for n in range(1, frame.shape[1] + 1)]
    if header:
        names = [n.strip().strip('"') for n in line.split(separator)]
        check_once(names, where)
    if len(names) != frame.shape[1]:
        got = f"{len(names)} names, {frame.shape[1]} columns"
        raise DataError("the header must have a name for each column", got=got, where=where)
    ends = pd.read_csv(
        io.StringIO(_decoded(tail)),
        sep=separator,
        header=None,
        skiprows=1 if whole and header else 0,
        skipinitialspace=True,
        low_memory=False,
    ).iloc[-_ROWS:]
    frame.columns = ends.columns = pd.Index(names)
    return Preview(where, "csv", tuple(names), frame, ends, header, separator, size)


def _decoded(data: bytes) -> str:
    """The text with one kind of line ends."""
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _whole(path: Path, where: str, kind: Format, size: int) -> Preview:
    """A look at a file that cannot be read in parts."""
    table = read_table(path, where, Form(kind))
    if not len(table.frame):
        raise DataError("the file has no rows", where=where)
    head = table.frame.iloc[:_ROWS].reset_index(drop=True)
    tail = table.frame.iloc[-_ROWS:].reset_index(drop=True)
    return Preview(where, kind, table.names, head, tail, table.header, size=size)


def _parquet(path: Path, where: str, size: int) -> Preview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            check_once(names, where)
            rows = file.metadata.num_rows
            if not rows:
                raise DataError("the file has no rows", where=where)
            batch = next(file.iter_batches(_ROWS))
            groups = file.metadata.num_row_groups
            ends = next(file.iter_batches(1 << 30, row_groups=[groups - 1]))
    except pa.ArrowException as error:
        got = str(error).splitlines()[0]
        raise DataError("cannot read the file as Parquet", got=got, where=where) from error
    head = arrow_frame(pa.Table.from_batches([batch]))
    tail = ends.slice(max(len(ends) - _ROWS, 0))
    frame = arrow_frame(pa.Table.from_batches([tail]), rows - len(tail))
    names += [name for name, _, _ in index_ranges(batch.schema) if name not in names]
    return Preview(where, "parquet", tuple(names), head, frame, size=size)
