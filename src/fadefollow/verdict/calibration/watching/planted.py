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
import pandas as pd

from fadefollow.engine.model import BookName
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
        worth = LabWorth(plan, growth)
        claims = claim_blocks(self.design, plan, worth, books=(_BOOK,), stances=(_STANCE,))
        return {claim.key[0]: claim for claim in claims}

    def plants(self, plan: Plan, growth: Growth, edges: Edges) -> tuple[Plants, Plants]:
        """The drifts by which the trades of each phase earn an edge, and twice that.

        What trades earn is all but linear in the drift.

        Args:
            plan, growth: without plants.
            edges: wanted while claims are watched, fractions by phase.
        """
        guess = {phase: -min(1e4 * edge, _LARGEST) for phase, edge in edges.items()}
        trades = _fades(self.design, plan)
        none, some = (
            {phase: float(np.mean(expected(plan, trades[phase], one, _BOOK))) for phase in edges}
            for one in (growth, self.promised(plan, guess))
        )
        once, twice = (
            {
                phase: bps * (times * edges[phase] - none[phase]) / (some[phase] - none[phase])
                for phase, bps in guess.items()
            }
            for times in (1.0, 2.0)
        )
        return once, twice


def planted_records(universe: PlantedUniverse) -> tuple[Plan, list[ClaimRecord]]:
    """The plan without plants, and the claims to which plants gave the detectable edge."""
    design = universe.design
    plan, growth = universe.traded()
    still = universe.fades(plan, growth)
    found = {phase: detectable_of(design, blocks) for phase, blocks in still.items()}
    edges = {phase: edge for phase, edge in found.items() if math.isfinite(edge)}
    plants: tuple[Plants, ...] = ()
    while edges:
        plants = universe.plants(plan, growth, edges)
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


def _fades(design: WatchDesign, plan: Plan) -> dict[str, pd.DataFrame]:
    """The fades of each phase that are entered while claims are watched."""
    traded = {(plan.strategy, _STANCE): books_of(plan, _STANCE, "skip", [])}
    start = Span.of(design, plan).bar(plan)
    found = {}
    for code, phase in enumerate(plan.phases):
        trades = trades_of(plan, traded, code, _STANCE, _BOOK)
        found[phase] = trades[trades["entry_bar"] >= start].reset_index(drop=True)
    return found
