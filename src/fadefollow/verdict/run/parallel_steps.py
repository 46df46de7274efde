"""Steps of a measurement that run in a worker pool: forks of this process, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from fadefollow.core.cache.shelf import InOrder, only
from fadefollow.core.notes import Note
from fadefollow.core.parallel import Shared, WorkerPool, result_or_raise
from fadefollow.engine.hedge.hedged import with_hedge
from fadefollow.engine.model import BOOKS, Book, BookName, StanceBooks
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.plans.trading import books, without_holes
from fadefollow.engine.prints import by_lone_print
from fadefollow.market.panel import Market
from fadefollow.phases import STANCES, Phases, Signal, Stance
from fadefollow.phases.detect import Found, gathered, look_at
from fadefollow.verdict.estimates.anyhour import all_outcomes
from fadefollow.verdict.estimates.bootstrap import Resampling
from fadefollow.verdict.estimates.daily import PlanMarks
from fadefollow.verdict.estimates.estimates import Books, PhaseEvidence, estimate
from fadefollow.verdict.exploratory import SplitCell
from fadefollow.verdict.judging import block_lengths
from fadefollow.verdict.model import EventStudy
from fadefollow.verdict.placebos.run import Drawing, RowDraws, RowKey, confront_plan
from fadefollow.verdict.run.compiler import compiled
from fadefollow.verdict.settings import JudgeSettings
from fadefollow.verdict.splits import split_cells
from fadefollow.verdict.study import event_study

#: called with what is being done and how much of it is done, from 0 to 1, or None if unknown
Step = Callable[[str, float | None], None]
Key = tuple[str, str]
#: so many trades that a lone print ended are named
_NAMED = 200
T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


def each(
    pool: WorkerPool,
    work: Callable[[T, I], R],
    items: Sequence[I],
    shared: Shared[T],
    text: str,
    step: Step,
    sizes: Sequence[float] = (),
) -> list[R]:
    """The results in the order of the items; reports progress.

    Args:
        sizes: how much work each item is, if they differ: the largest are begun first.
    """
    found: dict[int, R] = {}
    step(text, 0.0)
    order: Sequence[int] = range(len(items))
    if sizes:
        order = sorted(order, key=lambda number: -sizes[number])
        items = [items[number] for number in order]
    for place, result in pool.stream(work, items, shared):
        found[order[place]] = result_or_raise(result)
        step(text, len(found) / len(items))
    return [found[number] for number in range(len(items))]


def made_of(
    plans: tuple[Plan, ...], asked: tuple[int, Stance, str]
) -> tuple[tuple[Book, ...], list[Note]]:
    """The books of a plan's stance, and notes on them."""
    number, stance, missing_funding = asked
    notes: list[Note] = []
    return books_of(plans[number], stance, missing_funding, notes), notes


class Weighing(NamedTuple):
    """What is asked of one plan's trades.

    Attributes:
        number: of the plan.
        books: of its stances.
        table: the events that its signal detected (`Phases.table`).
        days: that all plans share, resampled.
        settings: levels, draws and seed.
        drawing: of the placebos that all plans share; None if they are asked for elsewhere.
    """

    number: int
    books: Books
    table: pd.DataFrame
    days: Resampling
    settings: JudgeSettings
    drawing: Drawing | None


class Weighed(NamedTuple):
    """All that can be said of one plan without the others.

    Attributes:
        evidence: what its trades say by themselves.
        studies: of its events.
        cells: of its splits.
        values: by stance and book, of one unit of capital at each UTC day's end.
        placebos: of its rows, where they were asked for.
    """

    evidence: tuple[PhaseEvidence, ...]
    studies: Sequence[EventStudy]
    cells: Sequence[SplitCell]
    values: Mapping[tuple[Stance, BookName], pd.Series]
    placebos: Mapping[RowKey, RowDraws]


def weighed(plans: tuple[Plan, ...], asked: Weighing) -> Weighed:
    """All that can be said of a plan without the others."""
    number, books, table, days, settings, drawing = asked
    plan, outcomes = plans[number], all_outcomes(plans[number])
    alpha, seed = settings.alpha, settings.seed
    evidence = estimate(plan, books, outcomes, resampling=days, alpha=alpha)
    lengths = block_lengths(plan, evidence)
    found = Weighed(
        evidence,
        event_study(plan, rng=np.random.default_rng([seed, number])),
        split_cells(plan, books, table, by_bar=outcomes["outright"], alpha=alpha, seed=seed),
        _values(plan, books),
        confront_plan(plan, lengths, drawing) if drawing else {},
    )
    if drawing:  # nobody asks again
        plan.forget()
    return found


def _values(plan: Plan, made: Books) -> dict[tuple[Stance, BookName], pd.Series]:
    """Value of one unit of capital in a plan's books at each UTC day's end."""
    marks = PlanMarks.of(plan)
    books: tuple[BookName, ...] = BOOKS if plan.basket is not None else BOOKS[:1]
    return {
        (stance, book): 1.0 + marks.daily(plan, made[plan.strategy, stance], book=book).cumsum()
        for stance in STANCES
        if (plan.strategy, stance) in made
        for book in books
    }


def detected_by(
    pool: WorkerPool, markets: Mapping[str, Market], signals: Mapping[Key, Signal], step: Step
) -> dict[Key, Found]:
    """Phases of each signal, or why it failed on every coin; each coin is looked at by one worker.

    What the workers found out on the way, features and the like, is not kept.
    """
    looking, names, found = tuple(signals.values()), list(markets), list[list[Found]]()
    if names and pool.here and not compiled():  # once, here, where each fork would do it
        step("detecting", 0.0)
        found.append(_looked(looking, markets[names[0]]))
    coins = InOrder(only(markets, names[len(found) :]))
    found += each(pool, _looked, coins, pool.share(looking), "detecting", step)
    together = gathered(dict(zip(markets, found, strict=True)), len(signals))
    return dict(zip(signals, together, strict=True))


def _looked(signals: tuple[Signal, ...], market: Market) -> list[Found]:
    found = look_at(signals, market)
    market.forget()
    # tables are made here, beside those of other coins
    return [one.whole() if isinstance(one, Phases) else one for one in found]


def books_of(
    plan: Plan, stance: Stance, missing_funding: str, notes: list[Note]
) -> tuple[Book, ...]:
    """The books of one stance without trades over holes; what was left out goes into `notes`."""
    found = books(plan, stance, missing_funding=missing_funding)
    whole = tuple(without_holes(book) for book in found)
    hedged = [with_hedge(b, a, plan.basket) for b, a in zip(whole, plan.coin_arrays, strict=True)]
    # of a thousand coins most have no trades: one empty table is enough
    empty = next((book.trades for book in hedged if book.trades.empty), None)
    kept = StanceBooks(
        book if empty is None or len(book.trades) else replace(book, trades=empty)
        for book in hedged
    )
    about = {"strategy": plan.strategy, "stance": stance}
    lost = sum(len(a.trades) - len(b.trades) for a, b in zip(found, kept, strict=True))
    if lost:
        notes.append(Note("trades-over-funding-holes", about, {"trades": lost}))
    dropped = sum(book.dropped for book in kept)
    if dropped:
        notes.append(Note("entries-on-missing-bars", about, {"entries": dropped}))
    notes.extend(_lone_prints(plan, stance, kept))
    return kept


def _lone_prints(plan: Plan, stance: Stance, made: tuple[Book, ...]) -> list[Note]:
    """The trades that a print of one series alone ended, by coin and time; the first of many."""
    found = by_lone_print(plan, made)
    if found.empty:
        return []
    first = found.head(_NAMED).itertuples()
    named = [(r.symbol, f"{r.time:%Y-%m-%d %H:%M}", r.reason) for r in first]
    about = {"strategy": plan.strategy, "stance": stance}
    return [Note("lone-prints", about, {"total": len(found), "trades": named})]
