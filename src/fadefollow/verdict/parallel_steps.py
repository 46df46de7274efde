"""What a measurement gives away to a crew: pieces that depend on nothing but their plan.

In a crew of one, which is what a run on one machine has, they are done here, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from fadefollow.core.parallel import Crew, Shared, kept
from fadefollow.engine.model import Book, Plan
from fadefollow.engine.plan import books, without_holes
from fadefollow.engine.prints import by_lone_print
from fadefollow.errors import FadeFollowError
from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal, Stance, detect_checked
from fadefollow.verdict.model import EventStudy
from fadefollow.verdict.study import event_study

#: called with what is being done and how much of it is done, from 0 to 1, or None if unknown
Step = Callable[[str, float | None], None]
Key = tuple[str, str]
#: so many trades that a lone print ended are named
_NAMED = 5
I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


def each(
    team: Crew,
    work: Callable[[tuple[Plan, ...], I], R],
    items: Sequence[I],
    shared: Shared[tuple[Plan, ...]],
    text: str,
    step: Step,
) -> list[R]:
    """The results in the order of the items, and how far it is."""
    found: dict[int, R] = {}
    step(text, 0.0)
    for number, result in team.stream(work, items, shared):
        found[number] = kept(result)
        step(text, len(found) / len(items))
    return [found[number] for number in range(len(items))]


def made_of(
    plans: tuple[Plan, ...], asked: tuple[int, Stance, str]
) -> tuple[tuple[Book, ...], list[str]]:
    """The books of a plan's stance, and what is to be said about them."""
    number, stance, missing_funding = asked
    notes: list[str] = []
    return books_of(plans[number], stance, missing_funding, notes), notes


def studied(plans: tuple[Plan, ...], asked: tuple[int, int]) -> Sequence[EventStudy]:
    """The event studies of one plan."""
    number, seed = asked
    return event_study(plans[number], rng=np.random.default_rng([seed, number]))


def detected_by(
    team: Crew, markets: Mapping[str, Market], signals: Mapping[Key, Signal], step: Step
) -> dict[Key, Phases]:
    """What each signal finds, coin by coin; without those that fail, which then do so here."""
    parts: dict[int, list[Phases | FadeFollowError]] = {}
    coins = list(markets.values())
    # each market is sent to the one worker that looks at it
    for number, result in team.stream(_looked, coins, team.share(tuple(signals.values()))):
        parts[number] = kept(result)
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
    plan: Plan, stance: Stance, missing_funding: str, notes: list[str]
) -> tuple[Book, ...]:
    """The books of one stance without trades over holes; what was left out goes into `notes`."""
    found = books(plan, stance, missing_funding=missing_funding)
    kept = tuple(without_holes(book) for book in found)
    lost = sum(len(a.trades) - len(b.trades) for a, b in zip(found, kept, strict=True))
    if lost:
        notes.append(
            f"{plan.strategy}, {stance}: {lost} trades were held while funding settlements were "
            "missing and are left out (--missing-funding skip)"
        )
    dropped = sum(book.dropped for book in kept)
    if dropped:
        notes.append(f"{plan.strategy}, {stance}: {dropped} entries fell on missing bars")
    notes.extend(_lone_prints(plan, stance, kept))
    return kept


def _lone_prints(plan: Plan, stance: Stance, made: tuple[Book, ...]) -> list[str]:
    """The trades that a print of one series alone ended, by coin and time."""
    found = by_lone_print(plan, made)
    if found.empty:
        return []
    named = [f"{r.symbol} {r.time:%Y-%m-%d %H:%M} ({r.reason})" for r in found.itertuples()]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    trades = "1 trade" if len(named) == 1 else f"{len(named)} trades"
    return [
        f"{plan.strategy}, {stance}: {trades} ended by a print that the coin's other series do not "
        f"share: {', '.join(named[:_NAMED])}{more}"
    ]


def valued(plans: tuple[Plan, ...], asked: tuple[int, tuple[Book, ...]]) -> pd.Series:
    """Value of one unit of capital in these books at each UTC day's end."""
    from fadefollow.engine.portfolio import portfolio  # vectorbt takes seconds to import

    number, taken = asked
    plan = plans[number]
    listed = pd.DataFrame({t.symbol: ~np.isnan(t.close) for t in plan.tapes})
    found = portfolio(plan.tapes, taken, rules=plan.rules)
    return 1.0 + found.daily_returns(listed).cumsum()
