"""From plans to a judged table with the truth beside each stance, for markets of any kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from fadefollow.engine.hedge.hedged import hedged_pnl
from fadefollow.engine.model import BOOKS, Book, BookName, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.calibration.design import Arm, Design
from fadefollow.verdict.calibration.false_words import Row, Stand
from fadefollow.verdict.estimates.days import regular_trades
from fadefollow.verdict.estimates.estimates import Books
from fadefollow.verdict.judging import judge
from fadefollow.verdict.model import StanceResult, Verdict
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.prepare import Bet
from fadefollow.verdict.settings import JudgeSettings


@dataclass(frozen=True)
class Table:
    """The verdicts of one market."""

    arm: Arm
    seed: int
    rows: tuple[Row, ...]
    seconds: float


@dataclass(frozen=True)
class Truth:
    """What the trades of one stance in one book are worth, bps a trade."""

    expected: float
    edge: float  #: beyond the same trades at any time


#: the truth of one stance: plan, trades, result, book
Truths = Callable[[Plan, pd.DataFrame, StanceResult, BookName], Truth]


def judged_rows(
    plans: Sequence[Plan],
    bets: Sequence[Bet],
    *,
    design: Design,
    seed: int,
    truths: Truths,
    books: Sequence[BookName] = BOOKS,
) -> tuple[Row, ...]:
    """Judge plans as a run does, and put the truth beside each answer.

    Args:
        plans: hedged, one a strategy.
        bets: the strategies, in the same order.
        design: alpha, draws, smallest edge.
        seed: of placebos and bootstrap.
        truths: the truth of each stance.
        books: those that are counted.
    """
    traded: dict[tuple[str, Stance], tuple[Book, ...]] = {
        (plan.strategy, stance): books_of(plan, stance, "skip", [])
        for plan in plans
        for stance in STANCES
        if stance not in plan.refused
    }
    verdicts = judge(
        plans,
        traded,
        claims={strategy.name: strategy.claim for strategy, _ in bets},
        settings=JudgeSettings(
            alpha=design.alpha,
            smallest_bps=design.smallest_bps,
            placebo_draws=design.draws,
            bootstrap_draws=2 * design.draws,
            seed=seed,
        ),
    )
    by_name = {plan.strategy: plan for plan in plans}
    return tuple(_row(by_name[v.strategy], v, traded, truths, books) for v in verdicts)


def trades_of(plan: Plan, traded: Books, code: int, stance: Stance, book: BookName) -> pd.DataFrame:
    """The regular trades of one phase in a book; in the hedged one those that are hedged."""
    trades = regular_trades(traded[plan.strategy, stance], code)
    if book == "outright":
        return trades
    return trades[trades["beta"].notna()].reset_index(drop=True)


def _row(
    plan: Plan, verdict: Verdict, traded: Books, truths: Truths, books: Sequence[BookName]
) -> Row:
    code = plan.phases.index(verdict.phase)
    stands = []
    for (stance, book), result in verdict.results.items():
        if book in books:
            trades = trades_of(plan, traded, code, stance, book)
            truth = truths(plan, trades, result, book)
            asked = verdict.claim in ("disputed", stance)
            stands.append(_stand((stance, book), result, trades, truth, asked=asked))
    fates: Mapping[BookName, Any] = {
        book: fate for book, fate in verdict.fates.by_book.items() if book in books
    }
    return Row(plan.strategy, verdict.phase, verdict.claim, verdict.fate, fates, tuple(stands))


def _stand(
    key: tuple[Stance, BookName],
    result: StanceResult,
    trades: pd.DataFrame,
    truth: Truth,
    *,
    asked: bool,
) -> Stand:
    stance, book = key
    net = trades["return"] if book == "outright" else hedged_pnl(trades) / trades["notional"]
    p, low, high = _t_test(1e4 * np.asarray(net, np.float64))
    return Stand(
        stance=stance,
        book=book,
        asked=asked,
        word=result.word,
        n_trades=result.n_trades,
        blocks=result.blocks,
        mean=result.mean_net_bps,
        low=result.ci_bps[0],
        high=result.ci_bps[1],
        band_low=result.band_bps[0],
        band_high=result.band_bps[1],
        momentum_low=result.momentum_ci_bps[0],
        p_adjusted=result.p_adjusted,
        detectable=result.detectable_bps,
        truth=truth.expected,
        edge=truth.edge,
        t_p=p,
        t_low=low,
        t_high=high,
    )


def _t_test(returns: FloatArray) -> tuple[float, float, float]:
    """p of the mean against zero, and its 95 % interval, as if trades were independent."""
    if len(returns) < 3 or not returns.std() > 0.0:
        return math.nan, math.nan, math.nan
    found: Any = stats.ttest_1samp(returns, 0.0)
    interval = found.confidence_interval(0.95)
    return float(found.pvalue), float(interval.low), float(interval.high)
