"""CSV as people have it: with or without a header, any line ends, some separators, also in a zip.

What a file is follows from its first line alone, so that it is the same each time: the separator
is the first of tab, `;`, `|` and `,` that the line holds, and a line of nothing but numbers and
times is no header; the columns are then called `1`, `2`, `3` and so on.

A file whose last row has no line break may have been cut. It is read if nothing else says so, and
that is noted.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.findings import Finding

SEPARATORS = ("\t", ";", "|", ",")
#: a number, or a time that begins with a year or a day
_VALUE = re.compile(
    r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|nan|null|none|true|false|"
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}([ T].*)?|\d{1,2}[-./]\d{1,2}[-./]\d{4}([ T].*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CsvTable:
    """The columns of a CSV file, and what was noted about it."""

    frame: pd.DataFrame
    header: bool  #: whether the first line names the columns
    findings: tuple[Finding, ...] = ()


def csv_bytes(path: Path, where: str) -> bytes:
    """The bytes of a CSV file, or of the one CSV in a zip file.

    Raises:
        DataError: the zip file is damaged, a bomb, or holds anything but one CSV.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if path.suffix.lower() != ".zip":
        return data
    from fadefollow.market.importing.zips import read_csv_member

    return read_csv_member(data, where)


def form_of(line: str, delimiter: str | None = None) -> tuple[str, bool]:
    """The separator, and whether there is a header, of a file with this first line."""
    line = line.strip("\ufeff\r\n")
    separator = delimiter or next((s for s in SEPARATORS if s in line), ",")
    fields = [f.strip() for f in next(csv.reader([line], delimiter=separator), [])]
    filled = [f for f in fields if f]
    return separator, not (filled and all(_VALUE.fullmatch(f) for f in filled))


def first_line(text: str) -> str:
    """The first line that is not empty; lines end with LF, CR or both."""
    return re.split(r"[\r\n]", text.removeprefix("\ufeff").lstrip("\r\n"), maxsplit=1)[0]


def read_csv(
    data: bytes, where: str, *, delimiter: str | None = None, decimal: str = "."
) -> CsvTable:
    """All columns of a CSV file; numbers are exactly those that are written.

    Args:
        data: the file's bytes.
        where: its name, for messages.
        delimiter: between fields; by default from the first line.
        decimal: the decimal mark, `.` or `,`.

    Raises:
        DataError: the file is empty, names a column twice, or seems to be cut.
        ValueError, csv.Error: it is no CSV in UTF-8.
    """
    head = data[: 1 << 16].decode("utf-8-sig", errors="replace")
    separator, header = form_of(first_line(head), delimiter)
    try:
        frame = pd.read_csv(
            io.BytesIO(data),
            encoding="utf-8-sig",
            skipinitialspace=True,
            low_memory=False,
            sep=separator,
            decimal=decimal,
            header=0 if header else None,
        )
    except pd.errors.EmptyDataError:
        raise DataError("the file is empty", where=where) from None
    found = _check_text(data, where, separator, header=header)
    if not header:
        frame.columns = pd.Index([str(n) for n in range(1, frame.shape[1] + 1)])
    return CsvTable(frame, header, found)


def check_once(columns: Sequence[str], where: str) -> None:
    """Refuse names that come twice.

    Raises:
        DataError: one does.
    """
    twice = sorted({c for c in columns if c and columns.count(c) > 1})
    if twice:
        rule = "column names must be unique"
        raise DataError(rule, got=f"{', '.join(twice)} more than once", where=where)


def _check_text(data: bytes, where: str, separator: str, *, header: bool) -> tuple[Finding, ...]:
    """Refuse a CSV that names a column twice, or whose last row is cut; note what may be."""
    text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    first, before, last = _first_and_last(text, separator)
    if header:
        check_once(first, where)
    hint = "the file may be truncated: download it again"
    if len(last) < len(first):
        rule = f"the last line must have {len(first)} fields"
        raise DataError(rule, got=f"{len(last)}", where=where, hint=hint)
    if "\n" not in text or text.rstrip(" \t").endswith("\n"):
        return ()
    if before and looks_cut(before[-1], last[-1]):
        rule = "the last value looks cut off"
        got = f"{last[-1]!r} below {before[-1]!r}"
        raise DataError(rule, got=got, where=where, hint=hint)
    said = "no line break after the last row: if the file was cut, the last value is wrong"
    return (Finding("note", "", "", "no final line break", 1, "", said),)


def looks_cut(above: str, value: str) -> bool:
    """Whether a file seems to end inside its last value, by the value above it.

    A number is cut if it ends in a sign or a point, or has fewer decimals than the eight, say,
    that its writer gives to all; `12.5` below `12.25` is whole.
    """
    if not value.strip() or value.rstrip()[-1] in ".,-+eE":
        return bool(above.strip()) and value != above
    decimals = [len(v.strip().partition(".")[2]) for v in (above, value)]
    return above.strip().endswith("0") and decimals[1] < decimals[0]


def _first_and_last(text: str, separator: str) -> tuple[list[str], list[str], list[str]]:
    """The fields of the first record that has some, of the last but one, and of the last."""
    records: Iterable[str] = io.StringIO(text, newline="")
    if '"' not in text:  # no field holds a line break: the first and last lines will do
        body = text.strip()
        start = body.partition("\n")[0]
        end = body[-(1 << 16) :].split("\n")[-3:]
        records = [start, *(end if len(body) > len(start) else [])]
    first, before, last = list[str](), list[str](), list[str]()
    for fields in csv.reader(records, skipinitialspace=True, delimiter=separator):
        if any(field.strip() for field in fields):
            first, before, last = first or fields, last, fields
    return first, before, last
