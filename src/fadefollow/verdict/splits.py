"""Splits: where, when and how strongly a phase's trades earned what they earned.

Exploratory: with so many cells some look good by luck, so that they have a correction of their own
and never decide. A cell is compared with *any hour of the same cell* (the same coins and sides at
every bar of that coin, year, regime or weekday): longs earn more in a bull market whether or not
a phase says so, and zero is not the null.

Source of the correction: Benjamini & Hochberg (1995), JRSS B 57(1); it controls the share of
false discoveries under the positive dependence that overlapping cells have.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fadefollow.engine.model import Book, IntArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.conditions import EventSplit, TimeSplit, event_splits, time_splits
from fadefollow.verdict.correction.maxt import BoolArray
from fadefollow.verdict.estimates.anyhour import ByBar, all_outcomes
from fadefollow.verdict.estimates.bootstrap import Bootstrapped, block_indices, ratio_se
from fadefollow.verdict.estimates.days import (
    DaySums,
    Kind,
    Sample,
    block_length,
    day_of_bar,
    day_sums,
    independent_blocks,
    regular_trades,
    sample,
)
from fadefollow.verdict.estimates.estimates import Books
from fadefollow.verdict.estimates.sparse import bootstrap_each
from fadefollow.verdict.exploratory import SplitCell

#: a cell with less has no interval
MIN_TRADES, MIN_CELL_BLOCKS = 30, 10
TOO_FEW = "too few"


def split_cells(
    plan: Plan,
    books: Books,
    table: pd.DataFrame,
    *,
    by_bar: ByBar | None = None,
    alpha: float = 0.05,
    draws: int = 400,
    seed: int = 0,
) -> list[SplitCell]:
    """Every cell of every split of every stance, as far as it holds trades, not yet corrected.

    A split with trades in one cell only is left out: it repeats the whole.

    Args:
        plan: of the strategy.
        books: by strategy and stance, as `judge` takes them.
        table: the events that its signal detected (`Phases.table`).
        by_bar: what entering at every bar earns outright, where that is known already.
        alpha: level of the intervals.
        draws: bootstrap replicates.
        seed: the same seed gives the same intervals.
    """
    any_hour = _any_hour(plan, by_bar or all_outcomes(plan)["outright"])
    by_time, cells = time_splits(plan), list[SplitCell]()
    for code, phase in enumerate(plan.phases):
        splits: list[TimeSplit | EventSplit] = [*by_time, *event_splits(plan, code, table)]
        name = zlib.crc32(f"{plan.strategy}/{phase}".encode())
        for stance in (s for s in STANCES if s not in plan.refused):
            row = _Row.of(plan, books[plan.strategy, stance], code, stance)
            rng = np.random.default_rng([seed, name])
            cells += row.cells(plan, splits, any_hour, alpha=alpha, draws=draws, rng=rng)
    return cells


@dataclass(frozen=True)
class _Row:
    """One stance of one phase."""

    code: int
    stance: Stance
    trades: Sample
    signal_bar: IntArray
    length: float  #: of a block, in days
    n_days: int

    @classmethod
    def of(cls, plan: Plan, books: Sequence[Book], code: int, stance: Stance) -> _Row:
        table = regular_trades(books, code)
        mine = sample(plan, table)
        n_days = int(day_of_bar(plan)[-1]) + 1
        net = day_sums(mine.day, mine.value, n_days, mine.weight)
        length = block_length([net], hold_hours=plan.rules.hold_hours)
        bar = table["signal_bar"].to_numpy(np.int64)
        return cls(code, stance, mine, bar, length, n_days)

    def cells(
        self,
        plan: Plan,
        splits: Sequence[TimeSplit | EventSplit],
        any_hour: _AnyHour,
        *,
        alpha: float,
        draws: int,
        rng: np.random.Generator,
    ) -> list[SplitCell]:
        """The cells of all splits, with intervals where there is enough."""
        everywhere = np.ones((len(plan.coin_arrays), self.n_days), bool)
        made: list[tuple[SplitCell, DaySums]] = []
        for split in splits:
            codes = self._codes(split)
            found = np.unique(codes[codes >= 0])
            for c in found if len(found) > 1 else ():
                days = split.by_day == c if isinstance(split, TimeSplit) else everywhere
                label = split.name, split.cells[c]
                made.append(self._cell(plan, label, codes == c, days, any_hour))
        enough = [net for cell, net in made if not cell.note]
        index = block_indices(self.n_days, length=self.length, draws=draws, rng=rng)
        means = iter(bootstrap_each(enough, length=self.length, index=index))
        return [cell if cell.note else _bounded(cell, next(means), alpha) for cell, _ in made]

    def _codes(self, split: TimeSplit | EventSplit) -> IntArray:
        """The cell of each trade."""
        if isinstance(split, TimeSplit):
            return split.by_day[self.trades.coin, self.trades.day]
        return split.by_bar[self.trades.coin, self.signal_bar].astype(np.int64)

    def _cell(
        self,
        plan: Plan,
        label: tuple[str, str],
        inside: BoolArray,
        days: BoolArray,
        any_hour: _AnyHour,
    ) -> tuple[SplitCell, DaySums]:
        trades = self.trades.kept(inside)
        net = day_sums(trades.day, trades.value, self.n_days, trades.weight)
        blocks = independent_blocks(net.count, self.length)
        few = len(trades) < MIN_TRADES or blocks < MIN_CELL_BLOCKS
        mean, excess = any_hour.compare(trades, net, days)
        cell = SplitCell(
            strategy=plan.strategy,
            phase=plan.phases[self.code],
            stance=self.stance,
            split=label[0],
            cell=label[1],
            n_trades=len(trades),
            blocks=blocks,
            mean_net_bps=1e4 * net.mean,
            ci_low_bps=math.nan,
            ci_high_bps=math.nan,
            anyhour_mean_bps=1e4 * mean,
            p=math.nan if few else _p(excess, self.length, blocks),
            q=math.nan,
            note=TOO_FEW if few else "",
        )
        return cell, net


@dataclass(frozen=True)
class _AnyHour:
    """Sums and counts of any hour's outcomes by kind of trade and day of entry, shape (days,)."""

    sums: Mapping[Kind, DaySums]

    def compare(self, trades: Sample, net: DaySums, days: BoolArray) -> tuple[float, DaySums]:
        """The mean of any hour in a cell, and day sums of the trades' excess over it.

        The mean is over the bars of the cell, in the trades' mix of kinds. It is an
        estimate too: its deviations are put on their days, as in `momentum_days`, so that the
        excess has an error that allows for it.

        Args:
            trades: of the cell.
            net: their day sums.
            days: which coin-days are in the cell, shape (coins, days).
        """
        total, expected = net.total.copy(), 0.0
        for kind, mine in trades.by_kind():
            if kind not in self.sums:
                continue
            every, coin = self.sums[kind], kind[0]
            weight = trades.weight[mine]
            k = float(weight.sum())
            bars = float(every.count[days[coin]].sum()) if k else 0.0
            if k == 0.0 or bars == 0.0:
                continue
            mean = float(every.total[days[coin]].sum()) / bars
            expected += k * mean
            total -= mean * np.bincount(trades.day[mine], weights=weight, minlength=len(total))
            total -= k / bars * np.where(days[coin], every.total - mean * every.count, 0.0)
        trades_in_all = float(net.count.sum())
        return (
            expected / trades_in_all if trades_in_all else math.nan,
            DaySums(total, net.count),
        )


def _any_hour(plan: Plan, outcomes: ByBar) -> _AnyHour:
    day = day_of_bar(plan)
    n_days = int(day[-1]) + 1
    return _AnyHour({kind: day_sums(day, value, n_days) for kind, value in outcomes.items()})


def _p(excess: DaySums, length: float, blocks: float) -> float:
    """Two-sided, of t = mean over block standard error, Student's with blocks − 1 degrees."""
    se = ratio_se(excess, length)
    if not se > 0.0:
        return math.nan
    from scipy.stats import t as student

    return float(2.0 * student.sf(abs(excess.mean) / se, blocks - 1.0))


def _bounded(cell: SplitCell, mean: Bootstrapped, alpha: float) -> SplitCell:
    low, high = mean.interval(alpha)
    return replace(cell, ci_low_bps=1e4 * low, ci_high_bps=1e4 * high)


def corrected(cells: Sequence[SplitCell]) -> tuple[SplitCell, ...]:
    """The cells of all splits of a run, each p corrected for all of them."""
    p = np.array([cell.p for cell in cells])
    q = np.full(len(cells), math.nan)
    known = ~np.isnan(p)
    if known.any():
        from scipy.stats import false_discovery_control

        q[known] = false_discovery_control(p[known])
    return tuple(replace(cell, q=float(x)) for cell, x in zip(cells, q, strict=True))
