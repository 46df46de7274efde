"""All trades of a run as the page holds them: one table for phase pages and market figures.

`scripts/trades.js` reads what is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from fadefollow.phases import STANCES
from fadefollow.reporting.charts.downsample import FloatArray, IntArray, fair_share, millis
from fadefollow.reporting.charts.encoding import PRICE_UNIT, Whole, differences, zipped
from fadefollow.reporting.charts.performance import join_legs
from fadefollow.verdict.model import RunResult

Key = tuple[str, str, str]
#: columns that trades of earlier versions lack
EXCURSIONS = ("mae", "mfe")
_GROUP = ["strategy", "phase", "stance"]


@dataclass(frozen=True)
class Kept:
    """The trades of one stance of a phase: rows `first` to `last` of the table."""

    first: int
    last: int  #: the row after the last one
    total: int  #: trades of the run, of which the table may hold a part
    each: int  #: where it holds a part: so many of the best, of the worst and of the latest

    @property
    def held(self) -> int:
        """Trades in the table."""
        return self.last - self.first


@dataclass(frozen=True)
class TradeTable:
    """The trades that the report holds, legs of one trade as one, in groups by entry."""

    rows: pd.DataFrame
    groups: Mapping[Key, Kept] = field(default_factory=dict)
    coins: tuple[str, ...] = ()  #: the run's, in its order, then others
    lone: frozenset[int] = frozenset()  #: rows that ended by a print of one series alone
    left_out: Mapping[str, int] = field(default_factory=dict)  #: by coin

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """How trades were left."""
        return tuple(sorted(self.rows["exit_reason"].astype(str).unique()))

    def of(self, strategy: str, phase: str) -> dict[str, Kept]:
        """By stance, the trades of a phase; none of a stance that was not traded."""
        keys = ((stance, (strategy, phase, str(stance))) for stance in STANCES)
        return {str(stance): self.groups[key] for stance, key in keys if key in self.groups}

    def packed(self) -> str:
        """The table as base64 of zipped JSON, a list a column; NaN is None.

        Times are whole steps of `unit` milliseconds, prices multiples of a basis point in their
        logarithm, gains and excursions whole basis points. Lists of excursions are empty where
        the run has none.
        """
        rows = self.rows
        entry, left = millis(rows["entry_time"]), millis(rows["exit_time"])
        unit = _unit(np.concatenate((entry, left)))
        bought, sold = (_logs(rows[name]) for name in ("entry_price", "exit_price"))
        coin = {name: number for number, name in enumerate(self.coins)}
        reason = {name: number for number, name in enumerate(self.reasons)}
        funding = (rows["funding"] / rows["notional"]).to_numpy(np.float64)
        return zipped(
            {
                "unit": unit,
                "priceUnit": PRICE_UNIT,
                "coins": self.coins,
                "reasons": self.reasons,
                "groups": [[*key, kept.first] for key, kept in self.groups.items()],
                "coin": np.diff(_codes(rows["symbol"], coin), prepend=0).tolist(),
                "entry": differences(entry, unit),
                "held": _whole((left - entry) / unit),
                "price": differences(bought),
                "left": _whole(sold - bought),
                "side": rows["side"].to_numpy(np.int64).tolist(),
                "gain": _bps(rows["return"]),
                **{name: _bps(rows[name]) if name in rows else [] for name in EXCURSIONS},
                "funding": _bps(funding),
                "reason": _codes(rows["exit_reason"], reason).tolist(),
                "lone": sorted(self.lone),
            }
        )


def trade_table(run: RunResult, most: int) -> TradeTable:
    """The trades of a run, or of each stance of a phase its best, worst and latest ones.

    Args:
        run: whose outright trades they are; those that the end of the data cut off are among them.
        most: that the table may hold about; small groups are held whole.
    """
    groups = {
        (str(s), str(p), str(stance)): join_legs(rows)
        for (s, p, stance), rows in run.trades.groupby(_GROUP, sort=True, observed=True)
    }
    each = fair_share([len(rows) for rows in groups.values()], most)
    parts: list[pd.DataFrame] = []
    kept: dict[Key, Kept] = {}
    first = 0
    for key, rows in groups.items():
        held = _extremes(rows, each // 3) if len(rows) > each else rows
        held = held.sort_values(["symbol", "entry_time"], kind="stable")
        kept[key] = Kept(first, first + len(held), len(rows), each // 3)
        first += len(held)
        parts.append(held)
    table = pd.concat(parts, ignore_index=True) if parts else run.trades.iloc[:0]
    counts = run.trades.drop_duplicates(["symbol", "trade_id"])["symbol"].value_counts()
    missing = counts.sub(table["symbol"].value_counts(), fill_value=0).astype(int)
    coins = dict.fromkeys([*run.prices, *table["symbol"].astype(str).unique()])
    return TradeTable(
        rows=table,
        groups=kept,
        coins=tuple(coins),
        lone=_lone(run, table),
        left_out={str(coin): int(n) for coin, n in missing.items() if n > 0},
    )


def _extremes(rows: pd.DataFrame, each: int) -> pd.DataFrame:
    """The best, the worst and the latest of some trades; one that is both is there once."""
    by_gain = rows["return"].sort_values(kind="stable").index
    latest = rows["entry_time"].sort_values(kind="stable").index
    chosen = by_gain[:each].union(by_gain[len(by_gain) - each :])
    return rows.loc[chosen.union(latest[len(latest) - each :])]


def _lone(run: RunResult, table: pd.DataFrame) -> frozenset[int]:
    """Rows of trades that the run's notes name as ended by a print of one series alone."""
    named = {
        (note.about.get("strategy"), note.about.get("stance"), coin, time)
        for note in run.notes
        if note.code == "lone-prints"
        for coin, time, _ in note.figures["trades"]
    }
    if not named:
        return frozenset()
    times = pd.DatetimeIndex(table["exit_time"]).strftime("%Y-%m-%d %H:%M")
    keys = zip(table["strategy"], table["stance"], table["symbol"], times, strict=True)
    return frozenset(row for row, key in enumerate(keys) if key in named)


def _unit(times: FloatArray) -> int:
    """The largest step in milliseconds of which all times are multiples."""
    whole = times[np.isfinite(times)].astype(np.int64)
    return max(int(np.gcd.reduce(whole)), 1) if whole.size else 1


def _logs(prices: pd.Series) -> FloatArray:
    """Logarithms in whole basis points; NaN of a price that is none."""
    values = prices.to_numpy(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.round(np.log(values) / PRICE_UNIT)
    return np.where(np.isfinite(logs), logs, np.nan)


def _whole(values: FloatArray) -> Whole:
    """Whole numbers; None for NaN."""
    rounded = np.round(values)
    known = np.isfinite(rounded)
    whole: Whole = np.where(known, rounded, 0.0).astype(np.int64).tolist()
    for place in np.flatnonzero(~known).tolist():
        whole[place] = None
    return whole


def _bps(values: pd.Series | FloatArray) -> Whole:
    return _whole(np.asarray(values, np.float64) * 1e4)


def _codes(names: pd.Series, places: Mapping[str, int]) -> IntArray:
    return np.asarray(names.astype(str).map(places), dtype=np.int64)
