"""CSV as people have it: with or without a header, some separators, also in a zip file.

What a file is follows from its first line alone, so that it is the same each time: the separator
is the first of tab, `;`, `|` and `,` that the line holds, and a line of nothing but numbers and
times is no header; the columns are then called `1`, `2`, `3` and so on.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from fadefollow.errors import DataError

SEPARATORS = ("\t", ";", "|", ",")
#: a number, or a time that begins with a year or a day
_VALUE = re.compile(
    r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|nan|null|none|true|false|"
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}([ T].*)?|\d{1,2}[-./]\d{1,2}[-./]\d{4}([ T].*)?",
    re.IGNORECASE,
)


def csv_bytes(path: Path, where: str) -> bytes:
    """The bytes of a CSV file, or of the one CSV in a zip file.

    Raises:
        DataError: the zip file is damaged, a bomb, or holds anything but one CSV.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if path.suffix.lower() != ".zip":
        return data
    from fadefollow.market.archives.zips import read_csv_member

    return read_csv_member(data, where)


def form_of(line: str) -> tuple[str, bool]:
    """The separator, and whether there is a header, of a file with this first line."""
    line = line.strip("\ufeff\r\n")
    separator = next((s for s in SEPARATORS if s in line), ",")
    fields = [f.strip() for f in next(csv.reader([line], delimiter=separator), [])]
    filled = [f for f in fields if f]
    return separator, not (filled and all(_VALUE.fullmatch(f) for f in filled))


def read_csv(data: bytes, where: str) -> pd.DataFrame:
    """All columns of a CSV file; numbers are exactly those that are written.

    Raises:
        DataError: the file is empty, names a column twice, or seems to be cut.
        ValueError, csv.Error: it is no CSV in UTF-8.
    """
    head = data[: 1 << 16].lstrip(b"\r\n").partition(b"\n")[0]
    separator, header = form_of(head.decode("utf-8-sig", errors="replace"))
    try:
        frame = pd.read_csv(
            io.BytesIO(data), encoding="utf-8-sig", skipinitialspace=True, low_memory=False,
            sep=separator, header=0 if header else None,
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise DataError("the file must have rows", got="an empty file", where=where) from None
    _check_text(data, where, separator, header=header)
    if not header:
        frame.columns = pd.Index([str(n) for n in range(1, frame.shape[1] + 1)])
    return frame


def check_once(columns: Sequence[str], where: str) -> None:
    """Refuse names that come twice.

    Raises:
        DataError: one does.
    """
    twice = sorted({c for c in columns if c and columns.count(c) > 1})
    if twice:
        rule = "no two columns may have the same name"
        raise DataError(rule, got=f"{', '.join(twice)} more than once", where=where)


def _check_text(data: bytes, where: str, separator: str, *, header: bool) -> None:
    """Refuse a CSV that names a column twice, or whose last line seems to be cut."""
    text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    records: Iterable[str] = io.StringIO(text, newline="")
    if '"' not in text:  # no field holds a line break: the first and last lines will do
        lines = text.strip().partition("\n")
        records = [lines[0], lines[2].rpartition("\n")[2] or lines[0]]
    first, last = list[str](), list[str]()
    for fields in csv.reader(records, skipinitialspace=True, delimiter=separator):
        if any(field.strip() for field in fields):
            first, last = first or fields, fields
    if header:
        check_once(first, where)
    hint = "the file may be truncated: get it again; if it is whole, end it with a line break"
    if len(last) < len(first):
        rule = f"the last line must have all {len(first)} fields"
        raise DataError(rule, got=f"{len(last)}", where=where, hint=hint)
    if "\n" in text and not text.rstrip(" \t").endswith("\n"):
        rule, got = "the last line must end with a line break", "none: the file seems truncated"
        raise DataError(rule, got=got, where=where, hint=hint)
