"""What the trades of one strategy × phase say by themselves, before they meet the placebo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.engine.hedge.hedged import hedged_pnl
from fadefollow.engine.model import BOOKS, DAY_NS, Book, BookName, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.estimates.anyhour import BookOutcomes, anyhour_mean
from fadefollow.verdict.estimates.bootstrap import (
    UNKNOWN,
    Bootstrapped,
    Resampling,
    bootstrap,
)
from fadefollow.verdict.estimates.daily import PlanMarks
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
from fadefollow.verdict.estimates.momentum import Cells, all_cells, momentum_days
from fadefollow.verdict.estimates.parts import TradeParts
from fadefollow.verdict.estimates.shrinkage import Pooled, pooled
from fadefollow.verdict.estimates.sparse import bootstrap_each

Books = Mapping[tuple[str, Stance], Sequence[Book]]


@dataclass(frozen=True)
class BookEvidence:
    """One stance of one phase in one book; returns as fractions of entry notional."""

    trades: pd.DataFrame  #: see `regular_trades`; in the hedged book those that are hedged
    sample: Sample
    parts: TradeParts
    mean: Bootstrapped  #: net return
    momentum: Bootstrapped  #: excess over bars of like trailing return
    price: Bootstrapped  #: the part of price; in the hedged book that of price and hedge
    funding: Bootstrapped  #: the part of funding
    pooled: Pooled  #: over coins
    anyhour_mean: float
    length: float  #: of a block, in days
    blocks: float  #: effective number of independent blocks
    daily: FloatArray  #: returns of the phase's trades by day, shape (days,)


@dataclass(frozen=True)
class PhaseEvidence:
    """Both stances of one phase, as far as they are traded, in the books that there are."""

    stances: Mapping[Stance, Mapping[BookName, BookEvidence]]
    difference: Mapping[BookName, Bootstrapped]  #: follow − fade, unknown unless both are traded


@dataclass(frozen=True)
class _Row:
    """The trades of one stance and book as day sums on the run's days."""

    trades: pd.DataFrame
    sample: Sample
    parts: TradeParts
    net: DaySums
    excess: DaySums
    price: DaySums
    funding: DaySums


def estimate(
    plan: Plan,
    books: Books,
    by_bar: BookOutcomes,
    *,
    resampling: Resampling,
    alpha: float,
) -> tuple[PhaseEvidence, ...]:
    """The evidence of each phase of a plan.

    Args:
        plan: events and coin_arrays.
        books: by strategy and stance, trades with their hedges.
        by_bar: what entering at every bar earns, by book.
        resampling: the days that all questions of the run share.
        alpha: level of the pooled estimate's interval.
    """
    cells = {book: all_cells(plan, outcomes) for book, outcomes in by_bar.items()}
    marks = PlanMarks.of(plan)
    daily = {
        (stance, book): marks.returns(plan, books[plan.strategy, stance], book=book)
        for stance in STANCES
        if stance not in plan.refused
        for book in by_bar
    }
    return tuple(
        _phase(plan, books, code, by_bar, cells, daily, resampling=resampling, alpha=alpha)
        for code in range(len(plan.phases))
    )


def _phase(
    plan: Plan,
    books: Books,
    code: int,
    by_bar: BookOutcomes,
    cells: Mapping[BookName, Mapping[Kind, Cells]],
    daily: Mapping[tuple[Stance, BookName], FloatArray],
    *,
    resampling: Resampling,
    alpha: float,
) -> PhaseEvidence:
    traded = [stance for stance in STANCES if stance not in plan.refused]
    found: dict[Stance, dict[BookName, BookEvidence]] = {stance: {} for stance in traded}
    difference: dict[BookName, Bootstrapped] = {}
    known = BOOKS if plan.basket is not None else BOOKS[:1]
    for book in known if traded else ():
        rows = {
            stance: _row(plan, books[plan.strategy, stance], code, book, cells[book], resampling)
            for stance in traded
        }
        length = block_length([row.net for row in rows.values()], hold_hours=plan.rules.hold_hours)
        means, excesses, difference[book] = _resample(list(rows.values()), length, resampling)
        for (stance, row), mean, excess in zip(rows.items(), means, excesses, strict=True):
            price, funding = bootstrap_each(
                [row.price, row.funding], length=length, index=resampling.index(length)
            )
            trades = row.sample
            found[stance][book] = BookEvidence(
                trades=row.trades,
                sample=trades,
                parts=row.parts,
                mean=mean,
                momentum=excess,
                price=price,
                funding=funding,
                pooled=pooled(trades, length=length, alpha=alpha),
                anyhour_mean=anyhour_mean(trades, by_bar[book]),
                length=length,
                blocks=independent_blocks(row.net.count, length),
                daily=daily[stance, book][code],
            )
    return PhaseEvidence(found, difference)


def _row(
    plan: Plan,
    books: Sequence[Book],
    code: int,
    book: BookName,
    cells: Mapping[Kind, Cells],
    resampling: Resampling,
) -> _Row:
    trades = regular_trades(books, code)
    if book == "hedged":
        trades = trades[trades["beta"].notna()].reset_index(drop=True)
        trades = trades.assign(**{"return": hedged_pnl(trades) / trades["notional"]})
    mine, parts = sample(plan, trades), TradeParts.of(trades, book)
    first, days = int(plan.time[0] // DAY_NS), int(day_of_bar(plan)[-1]) + 1

    def placed(values: FloatArray) -> DaySums:
        return resampling.placed(day_sums(mine.day, values, days, mine.weight), first)

    price = parts.price if book == "outright" else parts.against_the_market
    excess = resampling.placed(momentum_days(plan, mine, cells), first)
    return _Row(
        trades, mine, parts, placed(mine.value), excess, placed(price), placed(parts.funding)
    )


def _resample(
    rows: Sequence[_Row], length: float, resampling: Resampling
) -> tuple[Sequence[Bootstrapped], Sequence[Bootstrapped], Bootstrapped]:
    """Means, excesses and the difference of the two means, all on the same days."""
    k = len(rows)
    if k == 0:
        return (), (), UNKNOWN
    series = [row.net for row in rows] + [row.excess for row in rows]
    contrasts = [*np.eye(2 * k).tolist(), [-1.0, 1.0, 0.0, 0.0]][: 2 * k + k // 2]
    results = bootstrap(series, contrasts, length=length, index=resampling.index(length))
    return results[:k], results[k : 2 * k], results[-1] if k == 2 else UNKNOWN
