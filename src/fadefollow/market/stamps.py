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
    zone = column.dt.tz
    if zone is None and timezone is None:
        raise row_error(
            "times must carry a time zone",
            f"{column.iloc[0]} without one",
            where,
            rows[0],
            name,
            hint='declare timezone = "UTC" (or the right one) in the data set\'s TOML',
        )
    if zone is not None and str(zone).upper() not in ("UTC", "UTC+00:00", str(timezone).upper()):
        raise row_error(
            f"times must be in {timezone or 'UTC'}",
            str(zone),
            where,
            rows[0],
            name,
            hint=f'if that is right, declare timezone = "{zone}" in the data set\'s TOML',
        )
    try:
        local = column if zone is not None else column.dt.tz_localize(timezone)
    except Exception as error:  # unknown zones and clock changes come as many types
        raise DataError(
            f"times must exist once in the time zone {timezone}",
            got=str(error).splitlines()[0],
            where=f"{where}, column {name}",
            hint="times around a clock change are ambiguous: get the data in UTC",
        ) from error
    made: pd.Series = local.dt.tz_convert("UTC").dt.as_unit("ns")
    return made


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
