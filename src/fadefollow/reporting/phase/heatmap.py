"""Coins × years of a phase's trades: where and when it earned what it earned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.phases import STANCES
from fadefollow.reporting.charts.monthly import STEPS, Month
from fadefollow.reporting.text.formatting import count, fixed, plain_bps, titled
from fadefollow.verdict.model import RunResult, Verdict

#: coins that are shown, those with the most trades
MOST = 30
#: a cell with fewer trades is not coloured
FEW = 5


@dataclass(frozen=True)
class HeatRow:
    """One coin: a cell a year, and all of them together."""

    coin: str
    cells: tuple[Month, ...]
    trades: str


@dataclass(frozen=True)
class HeatMap:
    """One stance: coins by years; how many coins are not shown."""

    stance: str
    title: str
    years: tuple[int, ...]
    rows: tuple[HeatRow, ...]
    rest: int


def heat_maps(run: RunResult) -> Mapping[tuple[str, str], tuple[HeatMap, ...]]:
    """By strategy and phase, a map of each stance; empty of runs of earlier versions."""
    table = run.coin_years
    if not len(table):
        return {}
    groups = table.groupby(["strategy", "phase"], sort=False, observed=True)
    return {(str(s), str(p)): _maps(part) for (s, p), part in groups}


def of_verdict(
    maps: Mapping[tuple[str, str], tuple[HeatMap, ...]], verdict: Verdict
) -> tuple[HeatMap, ...]:
    """Those of one phase; none where there is one coin in one year only."""
    found = maps.get((verdict.strategy, verdict.phase), ())
    return tuple(m for m in found if len(m.rows) * len(m.years) > 1)


def _maps(part: pd.DataFrame) -> tuple[HeatMap, ...]:
    coloured = part[part["n_trades"] >= FEW]["mean_net_bps"].abs()
    reach = float(np.quantile(coloured, 0.9)) if len(coloured) else 1.0
    years = tuple(range(int(part["year"].min()), int(part["year"].max()) + 1))
    found = []
    for stance in STANCES:
        mine = part[part["stance"] == stance]
        if mine.empty:
            continue
        trades = mine.groupby("symbol", observed=True)["n_trades"].sum()
        order = trades.sort_values(ascending=False, kind="stable").index
        means = mine.set_index(["symbol", "year"])["mean_net_bps"].to_dict()
        counts = mine.set_index(["symbol", "year"])["n_trades"].to_dict()
        rows = tuple(
            HeatRow(
                str(coin),
                tuple(
                    _cell(means.get((coin, y), math.nan), int(counts.get((coin, y), 0)), reach)
                    for y in years
                ),
                fixed(float(trades[coin])),
            )
            for coin in order[:MOST]
        )
        found.append(HeatMap(stance, titled(stance), years, rows, max(len(order) - MOST, 0)))
    return tuple(found)


def _cell(mean: float, trades: int, reach: float) -> Month:
    if not trades or not math.isfinite(mean):
        return Month("")
    step = min(max(math.ceil(STEPS * abs(mean) / max(reach, 1e-9)), 1), STEPS)
    level = 0 if trades < FEW else step if mean > 0 else -step
    return Month(plain_bps(mean), level, count(trades, "trade"))
