"""Steps of a measurement that run in a worker pool: forks of this process, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.parallel import Shared, WorkerPool, result_or_raise
from fadefollow.core.parallel.forks import Forks
from fadefollow.engine.hedge.hedged import with_hedge
from fadefollow.engine.model import BOOKS, Book, BookName, StanceBooks
from fadefollow.engine.plans.plan import books, without_holes
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.prints import by_lone_print
from fadefollow.errors import FadeFollowError
from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal, Stance, detect_checked
from fadefollow.verdict.estimates.anyhour import all_outcomes
from fadefollow.verdict.estimates.daily import PlanMarks
from fadefollow.verdict.estimates.bootstrap import Resampling
from fadefollow.verdict.estimates.estimates import Books, PhaseEvidence, estimate
from fadefollow.verdict.exploratory import SplitCell
from fadefollow.verdict.model import EventStudy
from fadefollow.verdict.settings import JudgeSettings
from fadefollow.verdict.splits import split_cells
from fadefollow.verdict.study import event_study

#: called with what is being done and how much of it is done, from 0 to 1, or None if unknown
Step = Callable[[str, float | None], None]
Key = tuple[str, str]
#: so many trades that a lone print ended are named
_NAMED = 200
I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


def each(
    pool: WorkerPool,
    work: Callable[[tuple[Plan, ...], I], R],
    items: Sequence[I],
    shared: Shared[tuple[Plan, ...]],
    text: str,
    step: Step,
) -> list[R]:
    """The results in the order of the items; reports progress."""
    found: dict[int, R] = {}
    step(text, 0.0)
    for number, result in pool.stream(work, items, shared):
        found[number] = result_or_raise(result)
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
    """

    number: int
    books: Books
    table: pd.DataFrame
    days: Resampling
    settings: JudgeSettings


class Weighed(NamedTuple):
    """What one plan's trades say by themselves, its event studies, and its splits' cells."""

    evidence: tuple[PhaseEvidence, ...]
    studies: Sequence[EventStudy]
    cells: Sequence[SplitCell]


def weighed(plans: tuple[Plan, ...], asked: Weighing) -> Weighed:
    """All that can be said of a plan without the others."""
    number, books, table, days, settings = asked
    plan, outcomes = plans[number], all_outcomes(plans[number])
    alpha, seed = settings.alpha, settings.seed
    return Weighed(
        estimate(plan, books, outcomes, resampling=days, alpha=alpha),
        event_study(plan, rng=np.random.default_rng([seed, number])),
        split_cells(plan, books, table, by_bar=outcomes["outright"], alpha=alpha, seed=seed),
    )


def detected_by(
    pool: WorkerPool, markets: Mapping[str, Market], signals: Mapping[Key, Signal], step: Step
) -> dict[Key, Phases]:
    """Phases of each signal, coin by coin; a failed one is detected again in this process."""
    parts: dict[int, list[Phases | FadeFollowError]] = {}
    coins, asked = list(markets), tuple(signals.values())
    if isinstance(pool, Forks):
        stream = pool.stream(_looked_at, coins, pool.share((asked, markets)))
    else:  # each market is sent to the one worker that looks at it
        stream = pool.stream(_looked, list(markets.values()), pool.share(asked))
    for number, result in stream:
        parts[number] = result_or_raise(result)
        step("detecting", len(parts) / len(coins))
    found = {}
    for place, key in enumerate(signals):
        phases = [p for k in range(len(coins)) if isinstance(p := parts[k][place], Phases)]
        if phases and len(phases) == len(coins):
            found[key] = Phases.concat(phases)
    return found


def _looked_at(
    known: tuple[tuple[Signal, ...], Mapping[str, Market]], symbol: str
) -> list[Phases | FadeFollowError]:
    signals, markets = known
    market = markets[symbol]
    found = _looked(signals, market)
    market.forget()  # features that no other step asks for
    # tables are made here, beside those of the other coins
    return [one.whole() if isinstance(one, Phases) else one for one in found]


def _looked(signals: tuple[Signal, ...], market: Market) -> list[Phases | FadeFollowError]:
    found: list[Phases | FadeFollowError] = []
    for signal in signals:
        try:
            with np.errstate(all="ignore"):  # what is not finite is refused, not warned of
                found.append(detect_checked(signal, market))
        except FadeFollowError as error:
            found.append(error)
    return found


def books_of(
    plan: Plan, stance: Stance, missing_funding: str, notes: list[Note]
) -> tuple[Book, ...]:
    """The books of one stance without trades over holes; what was left out goes into `notes`."""
    found = books(plan, stance, missing_funding=missing_funding)
    whole = tuple(without_holes(book) for book in found)
    kept = StanceBooks(
        with_hedge(book, arrays, plan.basket)
        for book, arrays in zip(whole, plan.coin_arrays, strict=True)
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


def valued(
    plans: tuple[Plan, ...], asked: tuple[int, Mapping[Stance, Sequence[Book]]]
) -> dict[tuple[Stance, BookName], pd.Series]:
    """Value of one unit of capital in a plan's books at each UTC day's end."""
    number, made = asked
    plan, marks = plans[number], PlanMarks.of(plans[number])
    books: tuple[BookName, ...] = BOOKS if plan.basket is not None else BOOKS[:1]
    return {
        (stance, book): 1.0 + marks.daily(plan, taken, book=book).cumsum()
        for stance, taken in made.items()
        for book in books
    }
