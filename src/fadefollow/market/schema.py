"""Schemas at work: a raw frame in, a canonical table out, or one plain error.

What can be repaired without guessing (milliseconds of jitter on settlements) is repaired and
noted; everything else is refused. Column types, bounds and missing values are checked by pandera;
order, time stamps, units and the shape of a bar are checked here.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.audit.implausible import implausible
from fadefollow.market.bars import bar_text
from fadefollow.market.findings import Finding, when
from fadefollow.market.names import nearest
from fadefollow.market.stamps import Rows, nanoseconds, on_the_minute, row_error, row_numbers, utc
from fadefollow.market.streams import Stream, stream

#: relative slack of high and low, for prices that went through another number format
TOLERANCE = 1e-9
#: largest plausible median of |rate per 8 h| and of |premium index|, as fractions
MEDIAN_RATE_PER_8H, MEDIAN_PREMIUM = 0.003, 0.02

#: streams whose stamps are milliseconds off a whole minute
_ROUNDED = ("funding",)
#: what has no bound of its own is at most this: prices, and coins or anything else
LARGEST_PRICE, LARGEST = 1e12, 1e18


@dataclass(frozen=True)
class Checked:
    """A canonical table, and what was noted on the way."""

    table: pd.DataFrame
    findings: tuple[Finding, ...]


def canonical(
    frame: pd.DataFrame,
    stream_name: str,
    *,
    bar: pd.Timedelta,
    where: str,
    lag: pd.Timedelta | None = None,
    timezone: str | None = None,
) -> pd.DataFrame:
    """The canonical table of a raw frame; see `check`, which also returns what was noted."""
    return check(frame, stream_name, bar=bar, where=where, lag=lag, timezone=timezone).table


def check(
    frame: pd.DataFrame,
    stream_name: str,
    *,
    bar: pd.Timedelta,
    where: str,
    lag: pd.Timedelta | None = None,
    timezone: str | None = None,
) -> Checked:
    """Validate a raw frame and bring it into canonical form (see `fadefollow.market.streams`).

    Args:
        frame: columns `time` and those of the stream, in the stream's units; optionally
            `available`. Bars and intervals carry their start. Not changed.
        stream_name: name of the stream.
        bar: size of a bar; bars must open on multiples of it since 1970 UTC.
        where: the file or other source, for messages. Rows are counted from 1, without a header,
            by the frame's own integer index.
        lag: publication lag of `interval` and `snapshot` records; none by default.
        timezone: zone of the stamps, where they carry none or another than UTC.

    Returns:
        `time`, the stream's columns, `available`; both times in UTC; sorted, with a RangeIndex.
        Optional columns that are absent stay absent.

    Raises:
        DataError: the frame breaks the schema. Nothing is ever filled or guessed, and nothing is
            left out but what `implausible` names, which is counted.
    """
    schema = stream(stream_name)
    if not len(frame):
        raise DataError("the table has no rows", where=where)
    check_names(frame, schema, where)
    rows = row_numbers(frame)
    made = pd.DataFrame({"time": utc(frame["time"], "time", rows, timezone, where)})
    findings: tuple[Finding, ...] = ()
    if stream_name in _ROUNDED:
        made["time"], findings = on_the_minute(made["time"], stream_name, rows, where)
    for name in (c for c in schema.columns if c in frame):
        made[name] = _typed(frame[name], name, schema, rows, timezone, where)
    lost, seen = implausible(made, schema)
    if lost.any():
        keep = ~lost
        frame, made, rows = frame[keep], made[keep].reset_index(drop=True), rows[keep]
        findings += seen
    if not len(made):
        raise DataError(f"{stream_name} must have values above zero", got="none", where=where)
    _check_values(made, schema, rows, where)
    _check_shape(made, schema, rows, where)
    _check_units(made, schema, where)
    _check_grid(made["time"], schema, bar, rows, where)
    made["available"] = _available(frame, made, schema, bar, lag, timezone, where)
    return Checked(_ordered(made, schema, rows, where), findings)


def check_names(
    frame: pd.DataFrame, schema: Stream, where: str, made: Collection[str] = ()
) -> None:
    """Refuse a frame that lacks a column, or has one too many; those in `made` may come later."""
    needed = ["time", *(n for n, c in schema.columns.items() if not c.optional and n not in made)]
    allowed = ["time", *schema.columns, "available"]
    columns = [str(c) for c in frame.columns]
    missing = [n for n in needed if n not in columns]
    strange = [c for c in columns if c not in allowed]
    if missing:
        raise DataError(
            f"{schema.name} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}",
            got=f"columns {', '.join(columns)}",
            where=where,
            hint=f"{schema.name} has {', '.join(allowed[:-1])}; map names in the data set's TOML",
        )
    if strange or len(set(columns)) < len(columns):
        odd = strange or sorted({c for c in columns if columns.count(c) > 1})
        raise DataError(
            f"unknown or repeated columns in {schema.name}",
            got=", ".join(odd),
            where=where,
            hint=f"{nearest(odd[0], allowed)}known: {', '.join(allowed)}",
        )


def _typed(
    column: pd.Series,
    name: str,
    schema: Stream,
    rows: Rows,
    timezone: str | None,
    where: str,
) -> pd.Series:
    spec = schema.columns[name]
    if spec.kind == "time":
        return utc(column, name, rows, timezone, where)
    column = column.reset_index(drop=True)
    if spec.kind == "text":
        return column.astype("str")
    return as_numbers(column, name, spec.unit, rows, where)


def as_numbers(column: pd.Series, name: str, unit: str, rows: Rows, where: str) -> pd.Series:
    """The column as floats, or the error for its first value that is no number."""
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if numeric and not pd.api.types.is_bool_dtype(column.dtype):
        return column.astype("float64")
    if column.isna().all():
        return pd.Series(np.nan, column.index, dtype="float64")
    wrong = pd.to_numeric(column, errors="coerce").isna() & column.notna()
    at = int(wrong.to_numpy().argmax()) if wrong.any() else 0
    raise row_error(
        f"{name} must be a number ({unit})",
        repr(column.iloc[at]),
        where,
        rows[at],
        name,
        max(int(wrong.sum()), 1),
    )


@functools.cache
def _pandera_schema(name: str) -> Any:
    """The numeric part of a stream as a pandera schema."""
    import pandera.pandas as pa

    columns = {}
    for column, spec in stream(name).columns.items():
        if spec.kind != "float":
            continue
        checks = [pa.Check(lambda s: np.isfinite(s), name="finite", error="must be finite")]
        if spec.positive:
            checks.append(pa.Check.gt(0, error="must be above zero"))
        if spec.low is not None:
            checks.append(pa.Check.ge(spec.low, error=f"must be at least {spec.low:g}"))
        most = LARGEST_PRICE if spec.unit == "USDT" else LARGEST
        high = most if spec.high is None else spec.high
        checks.append(pa.Check.le(high, error=f"must be at most {high:g}"))
        columns[column] = pa.Column(
            "float64", checks, nullable=spec.optional, required=not spec.optional
        )
    return pa.DataFrameSchema(columns)


def _check_values(made: pd.DataFrame, schema: Stream, rows: Rows, where: str) -> None:
    """Bounds and missing values, by pandera; its report becomes one error at the first row."""
    from pandera.errors import SchemaErrors

    numeric = [c for c in made if c != "time" and schema.columns[str(c)].kind == "float"]
    try:
        _pandera_schema(schema.name).validate(made[numeric], lazy=True)
    except SchemaErrors as report:
        cases = report.failure_cases.sort_values("index", kind="stable")
        first = cases.iloc[0]
        name, at = str(first["column"]), int(first["index"])
        spec = schema.columns[name]
        rule = "must have a value" if first["check"] == "not_nullable" else str(first["check"])
        got = "none" if pd.isna(made[name][at]) else f"{made[name][at]:g}"
        raise row_error(
            f"{name} {rule} ({spec.unit})",
            f"{got} at {when(made['time'][at])}",
            where,
            rows[at],
            name,
            int(cases["index"].nunique()),
            _unit_hint(schema.name, name),
        ) from None


def _unit_hint(stream_name: str, column: str) -> str:
    if (stream_name, column) == ("funding", "rate"):
        return (
            "rates are fractions: 0.0001 is 0.01 % or 1 bp; for percent or basis points "
            "declare scale = { rate = 0.01 } or { rate = 0.0001 } in the data set's TOML"
        )
    if stream_name == "premium_index":
        return "the premium index is a fraction, not percent; declare scale in the data set's TOML"
    return ""


def _check_shape(made: pd.DataFrame, schema: Stream, rows: Rows, where: str) -> None:
    """High above low, open and close between them."""
    if schema.kind != "bars" or not {"high", "low"} <= set(made):
        return
    high, low = made["high"].to_numpy(), made["low"].to_numpy()
    slack = TOLERANCE * np.maximum(np.abs(high), np.abs(low))
    tests = {"high": (high < low - slack, "high must be at least low")}
    for name in ("open", "close"):
        if name in made:
            value = made[name].to_numpy()
            outside = (value > high + slack) | (value < low - slack)
            tests[name] = (outside, f"{name} must lie between low and high")
    for name, (bad, rule) in tests.items():
        if bad.any():
            at = int(bad.argmax())
            got = f"{name} {made[name][at]:g}, low {low[at]:g}, high {high[at]:g}"
            raise row_error(
                rule, f"{got} at {when(made['time'][at])}", where, rows[at], name, int(bad.sum())
            )
    _check_takers(made, rows, where)


def _check_takers(made: pd.DataFrame, rows: Rows, where: str) -> None:
    """What takers bought is a part of the volume."""
    if "taker_buy_volume" not in made:
        return
    if "volume" not in made:
        raise DataError("taker_buy_volume needs volume, of which it is a part", where=where)
    bought, volume = made["taker_buy_volume"].to_numpy(), made["volume"].to_numpy()
    bad = bought > volume * (1 + TOLERANCE)
    if bad.any():
        at = int(bad.argmax())
        got = f"{bought[at]:g} of {volume[at]:g} at {when(made['time'][at])}"
        rule = "taker_buy_volume must be at most volume"
        raise row_error(rule, got, where, rows[at], "taker_buy_volume", int(bad.sum()))


def _check_units(made: pd.DataFrame, schema: Stream, where: str) -> None:
    """Funding and premium in fractions: percent and basis points are far too large."""
    if schema.name == "funding":
        column, most = "rate", MEDIAN_RATE_PER_8H
        sizes = made["rate"].abs() * 8 / made["interval_hours"]
    elif schema.name == "premium_index":
        column, most, sizes = "close", MEDIAN_PREMIUM, made["close"].abs()
    else:
        return
    median = float(sizes.median())
    if median > most:
        unit = "basis points" if median > 30 * most else "percent"
        raise DataError(
            f"the median size of {schema.name} must be a plausible fraction, at most {most:g}",
            got=f"{median:.3g}: it looks like {unit}",
            where=f"{where}, column {column}",
            hint=_unit_hint(schema.name, column),
        )


def _check_grid(
    times: pd.Series, schema: Stream, bar: pd.Timedelta, rows: Rows, where: str
) -> None:
    step = bar if schema.kind == "bars" else schema.period
    if schema.kind not in ("bars", "interval") or step is None:
        return
    off = nanoseconds(times) % step.value != 0
    if off.any():
        at = int(off.argmax())
        raise row_error(
            f"{schema.name} must be stamped with a start on multiples of {bar_text(step)}, UTC",
            times[at],
            where,
            rows[at],
            "time",
            int(off.sum()),
            "is the bar size right, or are these close times or another time zone?",
        )


def _ordered(made: pd.DataFrame, schema: Stream, rows: Rows, where: str) -> pd.DataFrame:
    """Sorted by time (and key); within each key the source must be sorted already."""
    check_order(made, schema.key, rows, where)
    if not schema.key:
        return made
    return made.sort_values(["time", *schema.key], kind="stable", ignore_index=True)


def check_order(made: pd.DataFrame, key: Sequence[str], rows: Rows, where: str) -> None:
    """Refuse times that repeat or descend within a key. `made` has a RangeIndex."""
    groups = made.groupby(list(key), sort=False)["time"] if key else None
    step = (made["time"] if groups is None else groups).diff().dt.total_seconds()
    for rule, bad, hint in (
        ("times must not repeat", step == 0, "drop the duplicates, or map the columns that differ"),
        ("times must ascend", step < 0, "sort the file by time"),
    ):
        if bad.any():
            at = int(bad.to_numpy().argmax())
            raise row_error(rule, made["time"][at], where, rows[at], "time", int(bad.sum()), hint)


def _available(
    frame: pd.DataFrame,
    made: pd.DataFrame,
    schema: Stream,
    bar: pd.Timedelta,
    lag: pd.Timedelta | None,
    timezone: str | None,
    where: str,
) -> pd.Series:
    """When each record could first be known: as given, else by the kind of the stream."""
    none = pd.Timedelta(0)
    length = {"bars": bar, "interval": schema.period or none}.get(schema.kind, none)
    earliest = (made["time"] + length).dt.as_unit("ns")
    if "available" not in frame:
        late = lag or none if schema.kind in ("interval", "snapshot") else none
        return (earliest + late).dt.as_unit("ns")
    rows = row_numbers(frame)
    given = utc(frame["available"], "available", rows, timezone, where)
    early = given < earliest
    if early.any():
        at = int(early.to_numpy().argmax())
        rule = "a record must not be available before its own end"
        raise row_error(rule, given[at], where, rows[at], "available", int(early.sum()))
    return given
