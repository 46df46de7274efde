"""Edges that are planted in the market, and not added to what trades earned.

A universe is made three times by the same luck: with nothing planted, with a drift in the phases of
the strategy by which fading them earns the detectable edge, and with one by which it earns twice
that. Each is detected and traded anew, history and watching alike. How much drift that takes is
known from what drifts promise the trades: entries come late, some phases that are detected have no
plant, and costs are paid. An edge is gone where history is that of the market with the drift, and
what came since that of the one without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fadefollow.engine.hedge.hedged import BookName
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import Stance
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.judged import trades_of
from fadefollow.verdict.calibration.simulated_run import Plants, simulated, simulated_plans
from fadefollow.verdict.calibration.truth import Growth, expected
from fadefollow.verdict.calibration.watching.blocks import ClaimBlocks, Span, claim_blocks
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.calibration.watching.records import (
    ClaimRecord,
    Found,
    Judge,
    detectable_of,
    record_of,
)
from fadefollow.verdict.calibration.watching.worth import LabWorth
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.prepare import Bet

#: the claims that are planted: plants make fading pay
_STANCE: Stance = "fade"
_BOOK: BookName = "hedged"
#: the largest drift that the lab plants, bps; claims that need a larger one are left out
_LARGEST = 2000.0
#: fractions by phase
Edges = Mapping[str, float]


@dataclass(frozen=True)
class PlantedUniverse:
    """One universe with the first of some strategies, made with one plant or another.

    Attributes:
        design, arm, seed: of the universe.
        bets: the strategy with its signal.
    """

    design: WatchDesign
    bets: tuple[Bet, ...]
    arm: Arm
    seed: int

    def traded(self, plants: Plants | None = None) -> tuple[Plan, Growth]:
        """The strategy on the universe, and what its drifts promise."""
        made = simulated_plans(self.design, self.bets, self.arm, self.seed, plants=plants)
        return made[0][0], made[1][made[0][0].strategy]

    def promised(self, plan: Plan, plants: Plants) -> Growth:
        """What plants promise on a plan that was made without them."""
        made = simulated(self.design, self.bets, self.arm, self.seed, plants=plants)
        return Growth.of(plan, made.truth, annual_drift=self.design.drift(self.arm))

    def fades(self, plan: Plan, growth: Growth) -> dict[str, ClaimBlocks]:
        """The claims that a plant makes pay, by phase."""
        claims = claim_blocks(self.design, plan, LabWorth(plan, growth), books=(_BOOK,))
        return {claim.key[0]: claim for claim in claims if claim.key[1] == _STANCE}

    def plants(self, plan: Plan, growth: Growth, edges: Edges) -> Plants:
        """The drift of each phase by which its trades earn an edge while they are watched.

        Args:
            plan, growth: without plants.
            edges: wanted, fractions by phase.
        """
        guess = {phase: -min(1e4 * edge, _LARGEST) for phase, edge in edges.items()}
        without, with_it = (
            _means(self.design, plan, one) for one in (growth, self.promised(plan, guess))
        )
        return {
            phase: bps * (edges[phase] - without[phase]) / (with_it[phase] - without[phase])
            for phase, bps in guess.items()
        }


def planted_records(universe: PlantedUniverse) -> tuple[Plan, list[ClaimRecord]]:
    """The plan without plants, and the claims to which plants gave the detectable edge."""
    design = universe.design
    plan, growth = universe.traded()
    still = universe.fades(plan, growth)
    found = {phase: detectable_of(design, blocks) for phase, blocks in still.items()}
    edges = {phase: edge for phase, edge in found.items() if math.isfinite(edge)}
    plants: list[Plants] = []
    while edges:
        plants = [
            universe.plants(plan, growth, {phase: times * edge for phase, edge in edges.items()})
            for times in (1.0, 2.0)
        ]
        fitting = {p for p in edges if all(-_LARGEST <= one[p] < 0.0 for one in plants)}
        if len(fitting) == len(edges):
            break
        # without the drift of one phase the others need another
        edges = {phase: edge for phase, edge in edges.items() if phase in fitting}
    if not edges:
        return plan, []
    once, twice = (universe.fades(*universe.traded(one)) for one in plants)
    return plan, [_record(design, still[p], once[p], twice[p]) for p in edges]


def _record(
    design: WatchDesign, still: ClaimBlocks, once: ClaimBlocks, twice: ClaimBlocks
) -> ClaimRecord:
    judge, record = Judge(design, still.rule), record_of(design, still)
    first, second = judge.past(once.history), judge.past(twice.history)
    found = Found(
        edge_bps=1e4 * once.worth.mean,
        years=judge.confirmed(once.sums, first),
        years_twice=judge.confirmed(twice.sums, second),
        alarm=math.isfinite(judge.rings(twice.sums, second)),
        years_gone=judge.rings(still.sums, second),
    )
    wrong = judge.wrong(once.sums, once.worth, first) or judge.wrong(
        twice.sums, twice.worth, second
    )
    return replace(record, false_word=record.false_word or wrong, planted=found)


def _means(design: WatchDesign, plan: Plan, growth: Growth) -> dict[str, float]:
    """What fades of each phase are worth while they are watched, fractions."""
    traded = {(plan.strategy, _STANCE): books_of(plan, _STANCE, "skip", [])}
    start = Span.of(design, plan).bar(plan)
    means = {}
    for code, phase in enumerate(plan.phases):
        trades = trades_of(plan, traded, code, _STANCE, _BOOK)
        since = trades[trades["entry_bar"] >= start]
        means[phase] = float(np.nanmean(expected(plan, since, growth, _BOOK)))
    return means
