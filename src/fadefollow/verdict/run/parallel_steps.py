"""Steps of a measurement that run in a worker pool.

In a pool of one, which is what a run on one machine has, they are done here, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.parallel import Shared, WorkerPool, result_or_raise
from fadefollow.engine.hedge.hedged import BOOKS, BookName, with_hedge
from fadefollow.engine.model import Book, StanceBooks
from fadefollow.engine.plans.plan import books, without_holes
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.prints import by_lone_print
from fadefollow.errors import FadeFollowError
from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal, Stance, detect_checked
from fadefollow.verdict.estimates.daily import PlanMarks
from fadefollow.verdict.model import EventStudy
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


def studied(plans: tuple[Plan, ...], asked: tuple[int, int]) -> Sequence[EventStudy]:
    """The event studies of one plan."""
    number, seed = asked
    return event_study(plans[number], rng=np.random.default_rng([seed, number]))


def detected_by(
    pool: WorkerPool, markets: Mapping[str, Market], signals: Mapping[Key, Signal], step: Step
) -> dict[Key, Phases]:
    """Phases of each signal, coin by coin; a failed one is detected again in this process."""
    parts: dict[int, list[Phases | FadeFollowError]] = {}
    coins = list(markets.values())
    # each market is sent to the one worker that looks at it
    for number, result in pool.stream(_looked, coins, pool.share(tuple(signals.values()))):
        parts[number] = result_or_raise(result)
        step("detecting", len(parts) / len(coins))
    found = {}
    for place, key in enumerate(signals):
        phases = [p for k in range(len(coins)) if isinstance(p := parts[k][place], Phases)]
        if phases and len(phases) == len(coins):
            found[key] = Phases.concat(phases)
    return found


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
