"""What the audit looks at in one stream: each check is a function from a table to findings.

All checks are relative to the stream's own usual sizes, and vectorised. They judge, and change
nothing: real prints (a flash wick, a liquidation cascade) are notes, not errors; those that would
liquidate by the last price alone are warnings.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.datasets.coverage import Coverage
from fadefollow.market.findings import Finding, Grade, when
from fadefollow.market.schema import MEDIAN_RATE_PER_8H, TOLERANCE
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.streams import Stream

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: a move is a jump beyond so many times the median size of the week before
JUMP, JUMP_HOURS = 40.0, 168.0
#: a wick is a bar's high or low so far from its open and close
WICK = 0.10
#: so many equal records in a row are stale
STALE_RUN = 3
#: perp and spot are apart beyond this fraction, and drifting if so for a day
APART, DRIFT_HOURS = 0.02, 24.0
#: a level has changed if medians of so many records before and after differ by this factor
LEVEL_RECORDS, LEVEL_FACTOR = 180, 5.0
#: an exchange's reserve has jumped if a day's flow is so many times the median of 90 days
FLOW_JUMP, FLOW_RECORDS = 25.0, 90
#: missing bars up to this long are notes
OUTAGE_HOURS = 24.0


def gaps(cover: Coverage) -> list[Finding]:
    """Records missing between the first and the last."""
    if not cover.missing:
        return []
    long = cover.longest_gap_hours > OUTAGE_HOURS
    warn = long or cover.stream == "funding"
    what = {"funding": "missing settlements", "open_interest": "missing snapshots"}
    text = (
        f"{cover.missing} of {cover.expected} missing in {cover.gaps} gaps, "
        f"the longest {cover.longest_gap_hours:g} h"
    )
    rule = what.get(cover.stream, "missing bars" if cover.stream != "netflow" else "missing days")
    grade: Grade = "warning" if warn else "note"
    return [Finding(grade, cover.symbol, cover.stream, rule, cover.missing, cover.first_gap, text)]


def impossible(symbol: str, table: pd.DataFrame, schema: Stream) -> list[Finding]:
    """Values outside the schema's bounds, high below low, a close outside the bar."""
    bad = np.zeros(len(table), bool)
    for name, column in schema.columns.items():
        if column.kind != "float" or name not in table:
            continue
        values = table[name].to_numpy(np.float64)
        bad |= np.isinf(values) | (np.isnan(values) & (not column.optional))
        bad |= (values <= 0) & column.positive
        bad |= values < (column.low if column.low is not None else -np.inf)
        bad |= values > (column.high if column.high is not None else np.inf)
    if schema.kind == "bars" and {"high", "low"} <= set(table):
        high, low, close = (table[c].to_numpy(np.float64) for c in ("high", "low", "close"))
        slack = TOLERANCE * np.maximum(np.abs(high), np.abs(low))
        bad |= (high < low - slack) | (close > high + slack) | (close < low - slack)
    return _some(
        "error", symbol, schema, "impossible values", table, bad, "values outside their bounds"
    )


def order(symbol: str, table: pd.DataFrame, schema: Stream, bar: pd.Timedelta) -> list[Finding]:
    """Duplicates, descending times, stamps off the grid or the minute."""
    keys = ["time", *schema.key]
    twice = table.duplicated(keys).to_numpy()
    found = _some("error", symbol, schema, "duplicates", table, twice, "rows recorded twice")
    times = nanoseconds(table["time"])
    back = np.append(False, np.diff(times) < 0)
    found += _some("error", symbol, schema, "unsorted", table, back, "rows before the last one")
    step = bar if schema.kind == "bars" else schema.period
    if step is not None:
        off = times % step.value != 0
        found += _some("error", symbol, schema, "off the grid", table, off, "stamps off the grid")
    elif schema.name == "funding":
        off = times % 60_000_000_000 != 0
        found += _some("warning", symbol, schema, "jitter", table, off, "stamps off the minute")
    return found


def stale(symbol: str, table: pd.DataFrame, schema: Stream) -> list[Finding]:
    """Runs of constant records, and bars without trades."""
    column = schema.panel[0] if schema.kind == "snapshot" and schema.panel else "close"
    if column not in table or schema.kind not in ("bars", "snapshot"):
        return []
    by_key = table.sort_values([*schema.key, "time"], kind="stable") if schema.key else table
    values = by_key[column].to_numpy(np.float64)
    same = np.append(False, np.diff(values) == 0)
    if {"high", "low"} <= set(by_key):
        same &= by_key["high"].to_numpy() == by_key["low"].to_numpy()
    for key in schema.key:
        same &= (by_key[key] == by_key[key].shift()).to_numpy()
    # each True extends a run: a run of n equal records has n − 1 of them
    starts = np.flatnonzero(np.diff(np.append(False, same)) & same)
    ends = np.flatnonzero(np.diff(np.append(same, False)) & same)
    lengths = ends - starts + 2
    long = lengths >= STALE_RUN
    found: list[Finding] = []
    if long.any():
        first = by_key["time"].iloc[int(starts[long][0]) - 1]
        text = f"runs of equal records: {int(long.sum())}, the longest of {int(lengths.max())}"
        count = int(lengths[long].sum())
        found.append(
            Finding("warning", symbol, schema.name, "stale rows", count, when(first), text)
        )
    if "volume" in table:
        idle = table["volume"].to_numpy(np.float64) == 0
        found += _some("note", symbol, schema, "no trades", table, idle, "bars without volume")
    return found


def jumps(symbol: str, table: pd.DataFrame, schema: Stream) -> list[Finding]:
    """The biggest move from close to close, and those far beyond the usual size."""
    if schema.name not in ("perp", "spot", "mark", "open_interest") or len(table) < 10:
        return []
    column = "close" if schema.kind == "bars" else schema.panel[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.append(np.nan, np.diff(np.log(table[column].to_numpy(np.float64))))
    move[~np.isfinite(move)] = np.nan
    times = nanoseconds(table["time"])
    step = np.append(0, np.diff(times))
    move[step > 1.5 * np.median(step[1:])] = np.nan  # across a gap it is not one move
    window = max(int(JUMP_HOURS / (np.median(step[1:]) / 3.6e12)), 10)
    big = np.abs(move) > JUMP * _usual(move, window)
    at = int(np.nanargmax(np.abs(move))) if np.isfinite(move).any() else 0
    if not big.any():
        return []
    where = _first(table, big)
    text = (
        f"moves beyond {JUMP:g} times the usual; "
        f"the largest of all {_percent(np.expm1(move[at]))}{_on(table, at, where)}"
    )
    return [Finding("note", symbol, schema.name, "jumps", int(big.sum()), where, text)]


def wicks(
    symbol: str,
    table: pd.DataFrame,
    schema: Stream,
    *,
    low: FloatArray | None = None,
    high: FloatArray | None = None,
) -> list[Finding]:
    """Bars whose high or low is far from both open and close, graded by what they do to trades.

    Args:
        low, high: of a perp, what mark and spot support at each row (`fadefollow.market.prints`),
            infinite where neither is known: there a wick liquidates, which is a warning.
    """
    if schema.name not in ("perp", "spot", "future"):
        return []
    body = table[["open", "close"]].to_numpy(np.float64)
    top, bottom = table["high"].to_numpy(np.float64), table["low"].to_numpy(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down = top / body.max(axis=1) - 1, bottom / body.min(axis=1) - 1
    far = (up > WICK) | (-down > WICK)
    if not far.any():
        return []
    reach = np.where(up > -down, up, down)
    at = int(np.where(far, np.abs(reach), 0.0).argmax())
    where, grade, effect = _first(table, far), *_effect(far, top, bottom, low, high)
    text = (
        f"highs or lows beyond {WICK:.0%} of the body{effect}; "
        f"the largest {_percent(reach[at])}{_on(table, at, where)}"
    )
    return [Finding(grade, symbol, schema.name, "wicks", int(far.sum()), where, text)]


def _effect(
    far: BoolArray,
    top: FloatArray,
    bottom: FloatArray,
    low: FloatArray | None,
    high: FloatArray | None,
) -> tuple[Grade, str]:
    """The grade of the wicks in `far`, and what they do to trades in words."""
    if low is None or high is None:
        return "note", ""
    unchecked = int((far & np.isinf(high)).sum())
    if unchecked:
        return (
            "warning",
            f", {unchecked} where neither mark nor spot is known, so that they liquidate",
        )
    alone = int((far & ((top > high) | (bottom < low))).sum())
    shared = "all shared by mark or spot"
    held = f"{alone} not shared by mark or spot, which liquidate nobody but fill stops and targets"
    return "note", f", {held if alone else shared}"


def divergence(
    symbol: str, perp: pd.DataFrame, spot: pd.DataFrame, bar: pd.Timedelta
) -> list[Finding]:
    """Closes of perp and spot far apart, and whether they stay so."""
    joined = perp[["time", "close"]].merge(spot[["time", "close"]], on="time")
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = joined["close_x"].to_numpy() / joined["close_y"].to_numpy() - 1
    apart[~np.isfinite(apart)] = 0.0  # impossible prices are another check's
    far = np.abs(apart) > APART
    if not far.any():
        return []
    at = int(np.abs(apart).argmax())
    side = "below" if apart[at] < 0 else "above"
    where = _first(joined, far)
    text = (
        f"bars with perp and spot more than {APART:.0%} apart; the most: perp "
        f"{abs(apart[at]) * 100:.1f} % {side} spot{_on(joined, at, where)}"
    )
    found = [Finding("note", symbol, "perp", "perp–spot divergence", int(far.sum()), where, text)]
    start, longest = _longest_run(far)
    hours = longest * (bar / pd.Timedelta(hours=1))
    if hours >= DRIFT_HOURS:
        text = f"perp and spot stayed more than {APART:.0%} apart for {hours:g} h on end"
        where = when(joined["time"].iloc[start])
        found.append(Finding("warning", symbol, "perp", "prices apart", longest, where, text))
    return found


def funding(symbol: str, table: pd.DataFrame, schema: Stream) -> list[Finding]:
    """Changes of the settlement interval, extreme rates, implausible units."""
    if schema.name != "funding":
        return []
    hours = table["interval_hours"].to_numpy(np.float64)
    rate = table["rate"].to_numpy(np.float64)
    found: list[Finding] = []
    changed = np.flatnonzero(np.diff(hours) != 0) + 1
    if len(changed):
        kinds = ", ".join(f"{h:g}" for h in np.unique(hours))
        text = f"settled every {kinds} h; changes until {when(table['time'].iloc[changed[-1]])}"
        where = when(table["time"].iloc[changed[0]])
        found.append(
            Finding("note", symbol, "funding", "interval changes", len(changed), where, text)
        )
    if np.median(np.abs(rate) * 8 / hours) > MEDIAN_RATE_PER_8H:
        text = "the median rate is too large for a fraction: percent or basis points?"
        found.append(Finding("error", symbol, "funding", "wrong unit", len(table), "", text))
    extreme = np.abs(rate) * 8 / hours > 0.005
    if extreme.any():
        at = int(np.where(extreme, np.abs(rate), 0.0).argmax())
        where, size = _first(table, extreme), f"{rate[at] * 1e4:+.0f} bps".replace("-", "−")
        text = (
            f"rates beyond 50 bps per 8 h; the largest {size} per interval{_on(table, at, where)}"
        )
        count = int(extreme.sum())
        found.append(Finding("note", symbol, "funding", "extreme rates", count, where, text))
    return found


def levels(symbol: str, table: pd.DataFrame, schema: Stream) -> list[Finding]:
    """A daily feed whose level changed for good, or a reserve that jumped in a day."""
    if schema.name == "netflow":
        flow = table["netflow_coins"].to_numpy(np.float64)
        big = np.abs(flow) > FLOW_JUMP * _usual(flow, FLOW_RECORDS)
        largest = pd.Series(flow).abs().where(big)
        if not big.any():
            return []
        at = int(largest.argmax())
        where, size = _first(table, big), f"{flow[at]:+,.0f} coins".replace("-", "−")
        text = (
            f"flows beyond {FLOW_JUMP:g} times the usual, perhaps relabelled wallets; "
            f"the largest {size}{_on(table, at, where)}"
        )
        return [Finding("warning", symbol, "netflow", "reserve jumps", int(big.sum()), where, text)]
    if schema.kind != "interval" or len(table) < 2 * LEVEL_RECORDS:
        return []
    total = table[list(schema.panel)].sum(axis=1)
    before = total.rolling(LEVEL_RECORDS).median()
    after = before.shift(-LEVEL_RECORDS)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log((after / before).to_numpy(np.float64))
    if not np.nanmax(np.abs(ratio)) > np.log(LEVEL_FACTOR):
        return []
    # where the medians lie wholly before and after, several days tie: take the middle one
    ties = np.flatnonzero(np.abs(ratio) >= np.nanmax(np.abs(ratio)) * (1 - 1e-9))
    at = int(ties[len(ties) // 2])
    text = (
        f"the median of {LEVEL_RECORDS} days changed {np.exp(ratio[at]):.2g}-fold: has the feed "
        "changed?"
    )
    where = when(table["time"].iloc[at])
    return [Finding("warning", symbol, schema.name, "level change", 1, where, text)]


def ends(symbol: str, table: pd.DataFrame, schema: Stream, base: pd.DataFrame) -> list[Finding]:
    """A stream that starts later or ends earlier than the bars by more than a day."""
    day, found = pd.Timedelta(days=1), list[Finding]()
    last, end = table["time"].iloc[-1], base["time"].iloc[-1]
    grade: Grade = "warning" if schema.name == "funding" else "note"
    if schema.kind != "event" or schema.name == "funding":
        if end - last > day + (schema.period or day * 0):
            text = f"the bars go on until {when(end)}"
            found.append(Finding(grade, symbol, schema.name, "ends early", 1, when(last), text))
        first, start = table["time"].iloc[0], base["time"].iloc[0]
        if first - start > day:
            text = f"the bars start on {when(start)}"
            found.append(Finding("note", symbol, schema.name, "starts late", 1, when(first), text))
    return found


def _usual(values: FloatArray, window: int) -> FloatArray:
    """Median size over the window before each value, floored by half the overall median."""
    sizes = pd.Series(np.abs(values))
    before = sizes.rolling(window, min_periods=max(window // 4, 5)).median().shift()
    floor = float(np.nanmedian(sizes)) / 2 if sizes.notna().any() else 0.0
    usual: FloatArray = np.fmax(before.to_numpy(np.float64), floor)
    return usual


def _longest_run(mask: BoolArray) -> tuple[int, int]:
    """Where the longest run starts, and its length. There is at least one."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    at = int(lengths.argmax())
    return int(edges[2 * at]), int(lengths[at])


def _first(table: pd.DataFrame, mask: BoolArray) -> str:
    """When the first of the rows in `mask` was; there is at least one."""
    return when(table["time"].iloc[int(mask.argmax())])


def _on(table: pd.DataFrame, at: int, where: str) -> str:
    """` on 2022-11-09 20:00`, of a row other than the first, which is told anyway."""
    time = when(table["time"].iloc[at])
    return "" if time == where else f" on {time}"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:+.1f} %".replace("-", "−")


def _some(
    grade: Grade,
    symbol: str,
    schema: Stream,
    rule: str,
    table: pd.DataFrame,
    mask: BoolArray,
    text: str,
) -> list[Finding]:
    if not mask.any():
        return []
    where = _first(table, mask)
    return [Finding(grade, symbol, schema.name, rule, int(mask.sum()), where, text)]
