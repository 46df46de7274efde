"""Data that was taken for something else.

A rate held on every bar, stamps in another unit, a price that came back from a halt in another
unit. All are errors: what they say is not what was meant.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.findings import Finding, when
from fadefollow.market.settlements import HOUR_NS
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.streams import Stream, stream

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: rates are held if so large a share of their changes, of at least so many, fall on one step of a
#: longer interval: of hourly settlements that change as they like, an eighth would
HELD_SHARE, HELD_CHANGES = 0.95, 20
#: intervals that a held rate may have had, hours, the longest first
_HELD_HOURS = (12, 8, 6, 4, 3, 2)
#: no record may be so many years from its coin's bars
FAR_YEARS = 20
#: over a hole, a price jumps if it comes back so many times as large or small, and so many times
#: as far as it usually goes in that time
JUMP, JUMP_SIZES = 2.0, 6.0


def held_rates(symbol: str, table: pd.DataFrame, schema: Stream) -> list[Finding]:
    """Settlements that are one rate on every bar until the next: each would be charged again.

    A coin whose rate is one value for ever, as the default of 1 bp, is not accused: only rates
    that change, and do so in step with a longer interval than they are recorded at.
    """
    if schema.name != "funding" or len(table) < HELD_CHANGES:
        return []
    time, rate = nanoseconds(table["time"]), table["rate"].to_numpy(np.float64)
    step = int(np.median(np.diff(time)))
    changed = np.flatnonzero(np.diff(rate) != 0) + 1
    held = _declared_longer(table, step) or _held_hours(time[changed], step)
    if not held:
        return []
    again = np.append(False, (np.diff(rate) == 0) & (np.diff(time) < held * HOUR_NS))
    text = (
        f"a rate every {step / HOUR_NS:g} h that changes only every {held:g} h: one settlement "
        "repeated on every bar, which would be charged each time"
    )
    where = when(table["time"].iloc[int(again.argmax())])
    return [Finding("error", symbol, "funding", "repeated funding", int(again.sum()), where, text)]


def _held_hours(changes: IntArray, step: int) -> float:
    """The longest interval in step with which rates change, hours; 0 where there is none."""
    if len(changes) < HELD_CHANGES:
        return 0.0
    for hours in _HELD_HOURS:
        if hours * HOUR_NS < 2 * step:
            break
        places = np.unique(changes % (hours * HOUR_NS), return_counts=True)[1]
        if places.max() >= HELD_SHARE * len(changes):
            return float(hours)
    return 0.0


def _declared_longer(table: pd.DataFrame, step: int) -> float:
    """The interval that most settlements declare, if they come more than twice as often; else 0."""
    usual = float(table["interval_hours"].median())
    return usual if usual * HOUR_NS >= 2 * step else 0.0


def far_from_bars(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """By stream what is decades from the coin's bars, in words; empty where nothing is.

    Args:
        tables: one coin's canonical tables.
    """
    bars = [tables[name]["time"] for name in ("perp", "spot") if len(tables.get(name, ()))]
    if not bars:
        return {}
    first, last = min(t.iloc[0] for t in bars), max(t.iloc[-1] for t in bars)
    far = pd.DateOffset(years=FAR_YEARS)
    found = {}
    for name, table in tables.items():
        odd = (table["time"] < first - far) | (table["time"] > last + far)
        if odd.any():
            at = table["time"].iloc[int(odd.to_numpy().argmax())]
            found[name] = (
                f"{int(odd.sum()):,} records, the first of {when(at)}, while the bars run from "
                f"{when(first)} to {when(last)}"
            )
    return found


def check_far(tables: Mapping[str, Mapping[str, pd.DataFrame]], where: str = "") -> None:
    """Refuse records that are decades from their coin's bars.

    Raises:
        DataError: names the first stream that has such.
    """
    for coin, streams in tables.items():
        for name, words in far_from_bars(streams).items():
            raise DataError(
                f"records must lie within {FAR_YEARS} years of the coin's bars",
                got=words,
                where=", ".join(filter(None, (where, f"{coin} {name}"))),
                hint="is time_unit right? seconds read as milliseconds lie in January 1970",
            )


def gap_jumps(symbol: str, tables: Mapping[str, pd.DataFrame], bar: pd.Timedelta) -> list[Finding]:
    """Prices that come back from missing bars as no price goes: a halt, and then another unit.

    Not where the coin's other price was there all the while and went the same way.
    """
    found = []
    for name, other in (("perp", "spot"), ("spot", "perp")):
        table = tables.get(name)
        if table is None or len(table) < 10:
            continue
        at = [k for k in _jumps(table, bar) if not _seen_by(tables.get(other), table, k)]
        if at:
            ratio = float(table["open"].iloc[at[0]] / table["close"].iloc[at[0] - 1])
            text = (
                f"the price comes back {ratio:.3g} times what it was before the missing bars: has "
                "the unit changed?"
            )
            where = when(table["time"].iloc[at[0]])
            found.append(Finding("error", symbol, name, "gap jump", len(at), where, text))
    return found


def _jumps(table: pd.DataFrame, bar: pd.Timedelta) -> list[int]:
    """Rows behind a hole of which the price is not that of before."""
    with np.errstate(divide="ignore", invalid="ignore"):  # impossible prices are another check's
        close = np.log(table["close"].to_numpy(np.float64))
        move = np.log(table["open"].to_numpy(np.float64))[1:] - close[:-1]
        move[~np.isfinite(move)] = 0.0
    steps = np.maximum(np.diff(nanoseconds(table["time"])) / bar.value, 0)
    moves = np.abs(np.diff(np.where(np.isfinite(close), close, 0.0)))
    usual = float(np.median(moves[steps == 1])) if (steps == 1).any() else 0.0
    size = np.maximum(np.log(JUMP), JUMP_SIZES * usual * np.sqrt(steps))
    return [int(k) + 1 for k in np.flatnonzero((steps > 1) & (np.abs(move) > size))]


def _seen_by(other: pd.DataFrame | None, table: pd.DataFrame, row: int) -> bool:
    """Whether another price at both ends of the hole moved by nearly as much."""
    if other is None or not len(other):
        return False
    ends = (
        other.drop_duplicates("time")
        .set_index("time")["close"]
        .reindex(table["time"].iloc[[row - 1, row]])
    )
    if ends.isna().any():
        return False
    mine = np.log(table["open"].iloc[row] / table["close"].iloc[row - 1])
    theirs = np.log(ends.iloc[1] / ends.iloc[0])
    return bool(abs(mine - theirs) < 0.5 * abs(mine))


def misread(symbol: str, tables: Mapping[str, pd.DataFrame], bar: pd.Timedelta) -> list[Finding]:
    """All findings about one coin's tables."""
    found = gap_jumps(symbol, tables, bar)
    for name, words in far_from_bars(tables).items():
        rule = "far from the bars"
        found.append(Finding("error", symbol, name, rule, len(tables[name]), "", words))
    if "funding" in tables:
        found += held_rates(symbol, tables["funding"], stream("funding"))
    return found
