"""What can honestly be done about the known defects of raw files, and what was done, counted.

Rows are only ever left out, never filled or altered; each step returns the rest and its findings.
Settlement intervals are the one thing that is inferred, where a file does not say them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.bars import bar_text
from fadefollow.market.findings import Finding, Grade, when
from fadefollow.market.settlements import inferred_hours
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.streams import Stream

#: number of equal bars at the end of a contract that show a stopped feed
STALE_TAIL = 3
#: range of a contract's first bar, in medians of the next day's, from which it is implausible
WILD_FIRST, WILD_SAMPLE = 4.0, 24

Cleaned = tuple[pd.DataFrame, tuple[Finding, ...]]


def drop_missing(frame: pd.DataFrame, schema: Stream) -> Cleaned:
    """Leave out rows without values: missing records; and rows that lack a needed value.

    Args:
        frame: column `time` and the stream's columns; its index is kept.
        schema: the stream; its columns that are not optional are needed.
    """
    needed = [n for n, c in schema.columns.items() if not c.optional and n in frame]
    absent = frame[needed].isna()
    empty, lacking = absent.all(axis=1), absent.any(axis=1)
    partial = lacking & ~empty
    findings = (
        *_count(
            "note",
            schema,
            "rows without values",
            frame,
            empty,
            "rows without values, not stored",
        ),
        *_count(
            "warning",
            schema,
            "incomplete rows",
            frame,
            partial,
            "rows that lack a value, not stored",
        ),
    )
    return frame[~lacking], findings


def drop_before(frame: pd.DataFrame, schema: Stream, since: pd.Timestamp) -> Cleaned:
    """Leave out what is older than `since`; times and `since` in UTC."""
    old = frame["time"] < since
    text = f"rows before {when(since)}, excluded by since"
    return frame[~old], _count("note", schema, "older rows", frame, old, text)


def drop_from(frame: pd.DataFrame, schema: Stream, until: pd.Timestamp) -> Cleaned:
    """Leave out what is at `until` or later; times and `until` in UTC."""
    late = frame["time"] >= until
    text = f"rows from {when(until)} on, excluded by until"
    return frame[~late], _count("note", schema, "later rows", frame, late, text)


def difference(frame: pd.DataFrame, schema: Stream, made: str, of: str) -> Cleaned:
    """Add `made`, the change of `of` since the record one period before.

    The first row has no change and is left out; after a gap the change is not that of one period,
    and stays NaN.
    """
    step = frame["time"].diff()
    change = frame[of].diff().where(step == schema.period)
    first = pd.Series(np.arange(len(frame)) == 0, frame.index)
    text = f"the first row has no earlier {of} to subtract"
    findings = _count("note", schema, "first row", frame, first, text)
    return frame.assign(**{made: change})[~first], findings


def infer_intervals(frame: pd.DataFrame, schema: Stream) -> Cleaned:
    """Add `interval_hours`, see `settlements.inferred_hours`."""
    hours = inferred_hours(nanoseconds(frame["time"].dt.round("min")))
    text = "settlement interval not in the file, taken from the gap to the previous settlement"
    first = when(frame["time"].iloc[0].round("min")) if len(frame) else ""
    findings = (Finding("note", "", schema.name, "inferred intervals", len(frame), first, text),)
    return frame.assign(interval_hours=hours), findings


def trim_contract(frame: pd.DataFrame, schema: Stream, expiry: pd.Timestamp) -> Cleaned:
    """One dated future without what is not its market.

    Left out: bars from expiry on, a constant tail of `STALE_TAIL` or more bars, and a first bar
    whose range is `WILD_FIRST` times the median range of the next day's.

    Args:
        frame: bars of one contract; `time` naive in UTC or aware.
        schema: the stream `future`.
        expiry: UTC.
    """
    times = frame["time"]
    limit = expiry.tz_convert(None) if times.dt.tz is None else expiry
    contract = f"{expiry:%y%m%d}"
    late = times >= limit
    text = "rows after expiry, not stored"
    findings = _count("note", schema, "rows after expiry", frame, late, text)
    frame = frame[~late]
    tail = _constant_tail(frame)
    findings += _count(
        "warning",
        schema,
        "stale tail",
        frame,
        tail,
        "equal bars at the end, a feed that stopped, not stored",
    )
    frame = frame[~tail]
    wild = _wild_first(frame)
    text = "wild first bar, not stored"
    findings += _count("note", schema, "wild first bar", frame, wild, text)
    return frame[~wild], tuple(replace(f, contracts=(contract,)) for f in findings)


def _constant_tail(frame: pd.DataFrame) -> pd.Series:
    prices = frame[["open", "high", "low", "close"]].to_numpy()
    same = (prices == prices[-1:, -1:]).all(axis=1) if len(prices) else np.zeros(0, bool)
    length = int(np.logical_and.accumulate(same[::-1]).sum())
    keep = len(frame) - (length if length >= STALE_TAIL else 0)
    return pd.Series(np.arange(len(frame)) >= keep, frame.index)


def _wild_first(frame: pd.DataFrame) -> pd.Series:
    reach = (frame["high"] / frame["low"] - 1).to_numpy()
    usual = np.median(reach[1 : WILD_SAMPLE + 1]) if len(reach) > WILD_SAMPLE else np.inf
    wild = bool(len(reach)) and usual > 0 and reach[0] > WILD_FIRST * usual
    return pd.Series((np.arange(len(frame)) == 0) & wild, frame.index)


def resample(
    table: pd.DataFrame, schema: Stream, *, small: pd.Timedelta, bar: pd.Timedelta
) -> Cleaned:
    """Bars of `small` size joined into bars of size `bar`.

    A bar is left out unless its last small bar is there, and its first, where it has an open:
    its open and close would otherwise be prices of other times. Holes inside a bar are noted, and
    high, low and volume are those of what is there.

    Args:
        table: canonical bars.
        schema: their stream.
    """
    if bar == small or not len(table):
        return table, ()
    table = table.sort_values([*schema.key, "time"], kind="stable", ignore_index=True)
    bins = table["time"].dt.floor(bar)
    new = bins != bins.shift()
    for name in schema.key:
        new |= table[name] != table[name].shift()
    starts = np.flatnonzero(new.to_numpy())
    ends = np.append(starts[1:], len(table)) - 1
    made = _joined(table, schema, starts, ends)
    made["time"] = bins.iloc[starts].reset_index(drop=True)
    made["available"] = made["time"] + bar
    times, opens = nanoseconds(table["time"]), nanoseconds(made["time"])
    opened = (times[starts] == opens) | ("open" not in table)
    whole = times[ends] + small.value == opens + bar.value
    usable = pd.Series(opened & whole)
    holes = pd.Series(ends - starts + 1 < bar // small) & usable
    size = bar_text(bar)
    findings = (
        *_count(
            "note",
            schema,
            "incomplete bars",
            made,
            ~usable,
            f"bars of {size} without their first or last {bar_text(small)}, not stored",
        ),
        *_count(
            "note",
            schema,
            "bars with holes",
            made,
            holes,
            f"bars of {size} that lack some of their {bar_text(small)} bars inside",
        ),
    )
    made = made[usable][table.columns]
    return made.sort_values(["time", *schema.key], kind="stable", ignore_index=True), findings


def _joined(
    table: pd.DataFrame,
    schema: Stream,
    starts: npt.NDArray[np.intp],
    ends: npt.NDArray[np.intp],
) -> pd.DataFrame:
    made = table.iloc[starts].reset_index(drop=True)
    for name in schema.columns:
        if name not in table or name in (*schema.key, "open"):
            continue
        values = table[name].to_numpy()
        if name == "high":
            made[name] = np.fmax.reduceat(values, starts)
        elif name == "low":
            made[name] = np.fmin.reduceat(values, starts)
        elif name == "volume":
            known = np.add.reduceat(~np.isnan(values), starts) > 0
            made[name] = np.where(known, np.add.reduceat(np.nan_to_num(values), starts), np.nan)
        elif name == "taker_buy_volume":
            # a part of the volume, and of a bar only where it is known of all that was traded
            made[name] = np.add.reduceat(np.where(table["volume"] == 0, 0.0, values), starts)
        else:
            made[name] = values[ends]
    return made


def _count(
    grade: Grade, schema: Stream, rule: str, frame: pd.DataFrame, mask: pd.Series, text: str
) -> tuple[Finding, ...]:
    """A finding about the rows in `mask`, if there are any."""
    count = int(mask.sum())
    if not count:
        return ()
    first = frame["time"].iloc[int(mask.to_numpy().argmax())]
    return (Finding(grade, "", schema.name, rule, count, when(first), text),)
