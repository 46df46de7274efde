"""Times as files write them (numbers since 1970, text with or without a zone), read as times.

Nothing is guessed: what cannot be meant is refused, with the key that would make sense of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from fadefollow.market.importing.numbers import as_text, plain_numbers
from fadefollow.market.stamps import row_error, row_numbers

Unit = Literal["s", "ms", "us", "ns"]

#: market data is not older than this, and nothing, expiries and simulations included, is later
FIRST, END = pd.Timestamp("2009-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
#: a stamp that is a number may be so far ahead of this machine's clock
AHEAD = pd.Timedelta(days=7)
#: units of numbers since 1970 in one second
PER_SECOND: dict[Unit, float] = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
#: days since 1899-12-30 of spreadsheets, from 2009 to 2100
_SERIAL = (39_814, 73_051)
#: seconds of which rounded stamps are multiples, if some of them repeat
_ROUNDED_SECONDS = 1000
#: an offset after a time of day
_OFFSET = r"[T ]\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)\s*$"


@dataclass(frozen=True)
class TimeForm:
    """How a file writes its times."""

    unit: Unit | None = None  #: of numbers since 1970
    format: str | None = None  #: strptime format of text, by default ISO 8601


def parse_times(column: pd.Series, name: str, form: TimeForm, where: str) -> pd.Series:
    """A column as times: in UTC where it says an offset or is a number, else without a zone.

    Args:
        column: as the file has it, with the file's row index.
        name: what it is called, for messages. `expiry` may lie ahead.
        form: how its times are written.
        where: the file, for messages.

    Raises:
        DataError: a value that is not written so, or no time that market data can have.
    """
    parsed = _parsed(column, name, form, where)
    _check_range(parsed, column, name, form, where)
    return parsed


def _parsed(column: pd.Series, name: str, form: TimeForm, where: str) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column if column.dt.tz is None else column.dt.tz_convert("UTC")
    numbers = column if form.format else plain_numbers(column)
    if pd.api.types.is_numeric_dtype(numbers.dtype) and (form.unit or not form.format):
        return _from_numbers(numbers, name, form, where)
    return _from_text(as_text(column), name, form, where)


def _from_numbers(column: pd.Series, name: str, form: TimeForm, where: str) -> pd.Series:
    values = column.dropna()
    hint = unit_hint(values)
    if name == "time":
        _check_rounded(values, form.unit, where)
    if form.unit is None:
        if not len(values):
            return pd.Series(pd.NaT, column.index, dtype="datetime64[ns, UTC]")
        rule, row = "times must be time stamps", row_numbers(values.to_frame())[0]
        hint = hint or "declare time_format or time_unit in the data set's TOML"
        raise row_error(rule, f"{values.iloc[0]}", where, row, name, hint=hint)
    parsed = pd.to_datetime(column, unit=form.unit, errors="coerce", utc=True)
    _check_parsed(column, parsed, f"times must be {form.unit} since 1970", name, where, hint)
    return parsed


def _check_rounded(values: pd.Series, unit: Unit | None, where: str) -> None:
    """Refuse stamps of which a spreadsheet kept six digits, so that many rows have the same."""
    unit = unit or fitting_unit(values)
    if unit is None or not values.duplicated().any() or values.nunique() < 2:
        return
    if (values.to_numpy(np.float64) % (_ROUNDED_SECONDS * PER_SECOND[unit])).any():
        return
    first = int(values.duplicated().to_numpy().argmax())
    raise row_error(
        "stamps must be whole numbers, with all their digits",
        f"{values.iloc[first]:g}",
        where,
        row_numbers(values.to_frame())[first],
        "time",
        int(values.duplicated().sum()),
        "a spreadsheet has rounded them, and the lost digits cannot be had back: "
        "get the file again, and do not save it from a spreadsheet",
    )


def _from_text(column: pd.Series, name: str, form: TimeForm, where: str) -> pd.Series:
    """Text as times; offsets may differ from row to row, but all rows have one or none has."""
    wanted = form.format or "ISO8601"
    known = column.notna()
    zoned = column[known].str.contains(_OFFSET, regex=True)
    if form.format:
        zoned[:] = "%z" in form.format or "%Z" in form.format
    if zoned.any() and not zoned.all():
        bare = zoned[~zoned]
        raise row_error(
            "either all times carry an offset, or none does",
            repr(column[bare.index[0]]),
            where,
            row_numbers(bare.to_frame())[0],
            name,
            len(bare),
        )
    parsed = pd.to_datetime(column, format=wanted, errors="coerce", utc=True)
    _check_parsed(column, parsed, f"times must be written as {wanted}", name, where, _HOW)
    return parsed if zoned.any() else parsed.dt.tz_localize(None)


_HOW = "time_format says how they are written, such as %d.%m.%Y %H:%M; time_unit is for numbers"


def _check_parsed(
    column: pd.Series, parsed: pd.Series, rule: str, name: str, where: str, hint: str
) -> None:
    bad = parsed.isna() & column.notna()
    if bad.any():
        at = int(bad.to_numpy().argmax())
        rows, value = row_numbers(column.to_frame()), column.iloc[at]
        got = repr(value) if isinstance(value, str) else f"{value}"
        raise row_error(rule, got, where, rows[at], name, int(bad.sum()), hint)


def _check_range(
    parsed: pd.Series, column: pd.Series, name: str, form: TimeForm, where: str
) -> None:
    """Refuse times that no market data can have, some of which nanoseconds cannot hold."""
    first, last = (pd.Timestamp(0, tz="UTC"), END) if name == "expiry" else (FIRST, END)
    rule = f"between {first:%Y} and {END.year - 1}"
    if form.unit is not None and name != "expiry":  # what a wrong unit gives is told by the date
        last = pd.Timestamp.now("UTC") + AHEAD
        rule = f"between {first:%Y} and today, {last - AHEAD:%Y-%m-%d}"
    limits = (first, last)
    if parsed.dt.tz is None:
        limits = first.tz_localize(None), last.tz_localize(None)
    odd = (parsed < limits[0]) | (parsed >= limits[1])
    odd &= parsed.notna()
    if odd.any():
        at = int(odd.to_numpy().argmax())
        rows, value = row_numbers(parsed.to_frame()), column.iloc[at]
        written = "" if form.unit is None else f" (written {value})"
        hint = "" if form.unit is None else unit_hint(column[odd])
        got = f"{parsed.iloc[at]}{written}"
        raise row_error(f"times must lie {rule}", got, where, rows[at], name, int(odd.sum()), hint)


def fitting_unit(values: pd.Series) -> Unit | None:
    """The unit in which all these numbers are times of market data; None if there is none."""
    if not len(values):
        return None
    numbers = values.to_numpy(np.float64)
    last = (pd.Timestamp.now("UTC") + AHEAD).timestamp()
    for unit, per in PER_SECOND.items():
        if (numbers >= FIRST.timestamp() * per).all() and (numbers <= last * per).all():
            return unit
    return None


def unit_hint(values: pd.Series) -> str:
    """Which key makes times of these numbers, as a sentence; empty if none does."""
    unit = fitting_unit(plain_numbers(values.dropna()))
    if unit is not None:
        return f'numbers of this size are {unit} since 1970: declare time_unit = "{unit}"'
    numbers = plain_numbers(values.dropna())
    if len(numbers) and numbers.between(*_SERIAL).all():
        return (
            "numbers of this size are a spreadsheet's days since 1899-12-30: save the file with "
            "times as text, such as 2024-01-31 00:00"
        )
    return ""
