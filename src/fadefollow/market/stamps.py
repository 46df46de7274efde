"""Time stamps and row numbers of raw frames: zones, jitter, and errors that name the row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.findings import Finding, when

#: stamps of settlements this near to a whole minute are taken to be that minute
JITTER = pd.Timedelta(seconds=5)

Rows = npt.NDArray[np.int64]


def row_numbers(frame: pd.DataFrame) -> Rows:
    """Rows counted from 1, by the frame's own index where that is a number."""
    if pd.api.types.is_integer_dtype(frame.index.dtype):
        return frame.index.to_numpy(np.int64) + 1
    return np.arange(1, len(frame) + 1)


def row_error(
    rule: str, got: object, where: str, row: int, column: str, count: int = 1, hint: str = ""
) -> DataError:
    """The error for a value in one row; `count` rows have the same fault."""
    more = f" (and {count - 1} more rows)" if count > 1 else ""
    return DataError(
        rule, got=f"{got}{more}", where=f"{where}, row {row}, column {column}", hint=hint
    )


def utc(column: pd.Series, name: str, rows: Rows, timezone: str | None, where: str) -> pd.Series:
    """Times as `datetime64[ns, UTC]` with a RangeIndex."""
    column = column.reset_index(drop=True)
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise row_error(
            "times must be time stamps",
            repr(column.iloc[0]),
            where,
            rows[0],
            name,
            hint="declare time_format or time_unit in the data set's TOML",
        )
    if column.isna().any():
        at = int(column.isna().to_numpy().argmax())
        raise row_error("every row must have a time", "none", where, rows[at], name)
    made: pd.Series = in_utc(column, name, rows, timezone, where).dt.as_unit("ns")
    return made


def in_utc(column: pd.Series, name: str, rows: Rows, timezone: str | None, where: str) -> pd.Series:
    """Times in UTC: as they are where they carry a zone, else as local times in `timezone`.

    A missing time stays missing. An hour that the clock passes twice is told apart by the order of
    the rows.

    Raises:
        DataError: there is no zone, or a local time does not exist or could be two times.
    """
    made: pd.Series
    if column.dt.tz is not None:
        made = column.dt.tz_convert("UTC")
        return made
    known = column[column.notna()]
    if timezone is None and len(known):
        raise row_error(
            "times must carry a time zone",
            f"{known.iloc[0]} without one",
            where,
            rows[int(column.notna().to_numpy().argmax())],
            name,
            hint='declare timezone = "UTC" (or the right one) in the data set\'s TOML',
        )
    if timezone is None or timezone.upper() == "UTC":
        made = column.dt.tz_localize("UTC")
        return made
    try:
        made = column.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    except Exception as error:  # unknown zones come as many types
        rule, got = "no such time zone", repr(timezone)
        raise DataError(rule, got=got, where=f"{where}, column {name}") from error
    if (made.isna() & column.notna()).any():
        made = _around_clock_changes(column, name, rows, timezone, where)
    made = made.dt.tz_convert("UTC")
    return made


def _around_clock_changes(
    column: pd.Series, name: str, rows: Rows, timezone: str, where: str
) -> pd.Series:
    """Local times of which some are skipped or passed twice by the clock."""
    rule, known = f"times must exist once in the time zone {timezone}", column.notna().to_numpy()
    first = column.dt.tz_localize(timezone, ambiguous=np.ones(len(column), bool), nonexistent="NaT")
    skipped = first.isna().to_numpy() & known
    if skipped.any():
        at, count = int(skipped.argmax()), int(skipped.sum())
        got = f"{column.iloc[at]}, which the clock skips there"
        hint = "is this the right timezone? get the data in UTC, or with offsets"
        raise row_error(rule, got, where, rows[at], name, count, hint)
    try:
        inferred: pd.Series = column[known].dt.tz_localize(timezone, ambiguous="infer")
    except ValueError as error:
        twice = column.dt.tz_localize(timezone, ambiguous="NaT").isna().to_numpy() & known
        at, count = int(twice.argmax()), int(twice.sum())
        got = f"{column.iloc[at]}, an hour that the clock passes twice there"
        hint = "the order of the rows does not tell which is meant: get the data in UTC"
        raise row_error(rule, got, where, rows[at], name, count, hint) from error
    return inferred.reindex(column.index)


def on_the_minute(
    times: pd.Series, name: str, rows: Rows, where: str
) -> tuple[pd.Series, tuple[Finding, ...]]:
    """Settlement stamps rounded to the minute that they are milliseconds away from."""
    rounded = times.dt.round("min")
    off = (times - rounded).abs()
    if (off > JITTER).any():
        at = int((off > JITTER).to_numpy().argmax())
        raise row_error(
            f"{name} must be stamped on a whole minute", times[at], where, rows[at], "time"
        )
    jittered = off > pd.Timedelta(0)
    if not jittered.any():
        return times, ()
    found = Finding(
        "note",
        "",
        name,
        "jitter",
        int(jittered.sum()),
        when(rounded[jittered.to_numpy().argmax()]),
        f"stamps off the minute by up to {off.max() / pd.Timedelta(milliseconds=1):.0f} ms, "
        "rounded to it",
    )
    return rounded, (found,)


def nanoseconds(times: pd.Series) -> Rows:
    """Nanoseconds since 1970 UTC, shape (n,)."""
    stamps: Rows = times.dt.as_unit("ns").astype("int64").to_numpy()
    return stamps
