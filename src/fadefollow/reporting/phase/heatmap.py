"""Coins × years of a phase's trades: where and when it earned what it earned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

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
    columns = [table[name].tolist() for name in ("strategy", "phase", *_Cell._fields)]
    groups: dict[tuple[str, str], list[_Cell]] = {}
    for strategy, phase, *cell in zip(*columns, strict=True):
        groups.setdefault((str(strategy), str(phase)), []).append(_Cell(*cell))
    return {key: _maps(cells) for key, cells in groups.items()}


def of_verdict(
    maps: Mapping[tuple[str, str], tuple[HeatMap, ...]], verdict: Verdict
) -> tuple[HeatMap, ...]:
    """Those of one phase; none where there is one coin in one year only."""
    found = maps.get((verdict.strategy, verdict.phase), ())
    return tuple(m for m in found if len(m.rows) * len(m.years) > 1)


class _Cell(NamedTuple):
    """A row of the table of coins and years."""

    stance: str
    symbol: str
    year: int
    n_trades: int
    mean_net_bps: float


def _maps(cells: list[_Cell]) -> tuple[HeatMap, ...]:
    coloured = [abs(cell.mean_net_bps) for cell in cells if cell.n_trades >= FEW]
    reach = float(np.quantile(coloured, 0.9)) if coloured else 1.0
    known = [int(cell.year) for cell in cells]
    years = tuple(range(min(known), max(known) + 1))
    found = []
    for stance in STANCES:
        mine = [cell for cell in cells if cell.stance == stance]
        if not mine:
            continue
        trades = Counter[str]()
        for cell in mine:
            trades[cell.symbol] += cell.n_trades
        order = sorted(trades, key=lambda coin: (-trades[coin], coin))
        means = {(cell.symbol, cell.year): cell.mean_net_bps for cell in mine}
        counts = {(cell.symbol, cell.year): cell.n_trades for cell in mine}
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
