"""One market of a calibration: all its claims, watched with edges that are known.

What a trade earned beyond what it was worth (`worth`) has mean zero, whatever came before, with the
market's own tails, skewness, clusters, listings and deaths. So a claim with any edge is that rest
plus the edge. On some universes the edge is in the market itself (`planted`), so that it comes and
varies as a market's would; both are compared.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from fadefollow.engine.costs import traded_at
from fadefollow.engine.model import BOOKS, BookName
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.real_run import RealSource, at_other_times
from fadefollow.verdict.calibration.simulated_run import plans_of, simulated_plans
from fadefollow.verdict.calibration.watching.blocks import Span, claim_blocks, lives_of
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.calibration.watching.planted import PlantedUniverse, planted_records
from fadefollow.verdict.calibration.watching.records import ClaimRecord, WatchPage, record_of
from fadefollow.verdict.calibration.watching.worth import (
    AnyHourWorth,
    LabWorth,
    Worth,
    on_other_coins,
)
from fadefollow.verdict.estimates.anyhour import all_outcomes
from fadefollow.verdict.run.prepare import Bet

#: a plan, what its trades are worth, and the books in which that is known
Market = tuple[Plan, Worth, Sequence[BookName]]


def watch_market(
    design: WatchDesign, bets: tuple[Bet, ...], source: RealSource | None, arm: Arm, seed: int
) -> WatchPage:
    """All claims of one market.

    Args:
        design: of the calibration.
        bets: strategies with their signals.
        source: real prices; by default the lab makes them.
        arm: which kind of market.
        seed: of it.
    """
    began = time.thread_time()
    if arm.kind == "planted":
        plan, claims = planted_records(PlantedUniverse(design, bets[:1], arm, seed))
        plans = [plan]
    else:
        made = (
            _simulated(design, bets, arm, seed)
            if source is None
            else _real(design, bets, source, arm, seed)
        )
        plans = [plan for plan, _, _ in made]
        claims = [record for market in made for record in _records(design, market)]
    lives = lives_of(plans[0], Span.of(design, plans[0]))
    return WatchPage(arm, seed, lives, tuple(claims), time.thread_time() - began)


def _records(design: WatchDesign, market: Market) -> list[ClaimRecord]:
    plan, worth, books = market
    return [record_of(design, blocks) for blocks in claim_blocks(design, plan, worth, books=books)]


def _simulated(design: WatchDesign, bets: tuple[Bet, ...], arm: Arm, seed: int) -> list[Market]:
    plans, growths = simulated_plans(design, bets, arm, seed)
    return [(plan, LabWorth(plan, growths[plan.strategy]), _books(plan)) for plan in plans]


def _real(
    design: WatchDesign, bets: tuple[Bet, ...], source: RealSource, arm: Arm, seed: int
) -> list[Market]:
    rng = np.random.default_rng([seed])
    markets, costs = source.sample(arm, rng), traded_at(source.dataset)
    plans = plans_of(markets, bets, costs=costs, found=dict(source.found))
    if arm.kind == "coins":
        return [(*on_other_coins(plan, rng), ("hedged",)) for plan in plans if plan.basket]
    return [
        (plan, AnyHourWorth(all_outcomes(plan), Span.of(design, plan).bar(plan)), _books(plan))
        for plan in at_other_times(plans, rng)
    ]


def _books(plan: Plan) -> Sequence[BookName]:
    return ("outright",) if plan.basket is None else BOOKS
