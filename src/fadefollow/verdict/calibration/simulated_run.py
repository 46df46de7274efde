"""One market of a calibration, through the whole pipeline: lab, detectors, engine, judge."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import pandas as pd

from fadefollow.core.cache.memo import Memo
from fadefollow.engine.costs import CostSettings
from fadefollow.engine.hedge.hedging import Hedges
from fadefollow.engine.model import BookName, FloatArray
from fadefollow.engine.plans.plan import prepare
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.market.bars import bar_size
from fadefollow.market.lab import Lab, simulate
from fadefollow.market.panel import Market
from fadefollow.phases import Phases
from fadefollow.verdict.calibration.design import Arm, Design, planted_phases
from fadefollow.verdict.calibration.judged import Table, Truth, judged_rows
from fadefollow.verdict.calibration.truth import Growth, expected
from fadefollow.verdict.model import StanceResult
from fadefollow.verdict.run.prepare import Bet, bet_key, detect

#: drift in bps by phase, negative where fading pays
Plants = Mapping[str, float]


def simulated(
    design: Design, bets: tuple[Bet, ...], arm: Arm, seed: int, *, plants: Plants | None = None
) -> Lab:
    """The tables and the truth of one simulated market; arguments as in `simulated_plans`."""
    settings = design.lab(arm, seed, planted_phases(bets))
    if plants is not None:
        settings["plants"] = {phase: {"drift_bps": bps} for phase, bps in plants.items()}
    return simulate(settings, bar=bar_size(design.bar))


def simulated_plans(
    design: Design, bets: tuple[Bet, ...], arm: Arm, seed: int, *, plants: Plants | None = None
) -> tuple[list[Plan], dict[str, Growth]]:
    """The strategies on one simulated market, and by strategy what its prices must do.

    Args:
        design, arm, seed: of the market.
        bets: strategies with their signals.
        plants: what is planted; by default what the arm says.
    """
    bar, made = bar_size(design.bar), simulated(design, bets, arm, seed, plants=plants)
    markets = {
        coin: Market(
            coin,
            bar=bar,
            tables=tables,
            listed=made.listed.get(coin),
            delisted=made.delisted.get(coin),
        )
        for coin, tables in made.tables.items()
    }
    plans = plans_of(markets, bets, costs=CostSettings())
    drift = design.drift(arm)
    return plans, {p.strategy: Growth.of(p, made.truth, annual_drift=drift) for p in plans}


def judge_market(design: Design, bets: tuple[Bet, ...], arm: Arm, seed: int) -> Table:
    """Verdicts of all strategies on one simulated market, with the truth beside each row.

    Args:
        design: of the calibration.
        bets: strategies with their signals.
        arm: what is planted.
        seed: of the market, and of placebo and bootstrap.
    """
    began = time.perf_counter()
    bets = design.bets_of(arm, bets)
    plans, growths = simulated_plans(design, bets, arm, seed)

    def truths(plan: Plan, trades: pd.DataFrame, _: StanceResult, book: BookName) -> Truth:
        growth = growths[plan.strategy]
        worth = _mean(expected(plan, trades, growth, book))
        anywhere = _mean(expected(plan, trades, growth.even, book))
        # with nothing planted both are the same but for rounding
        return Truth(worth, worth - anywhere if arm.effect_bps else 0.0)

    rows = judged_rows(plans, bets, design=design, seed=seed, truths=truths)
    return Table(arm, seed, rows, time.perf_counter() - began)


def plans_of(
    markets: dict[str, Market],
    bets: tuple[Bet, ...],
    *,
    costs: CostSettings,
    found: dict[tuple[str, str], Phases] | None = None,
) -> list[Plan]:
    """The plans of some strategies on some markets, hedged as a run hedges them.

    Args:
        markets: by coin.
        bets: strategies with their signals.
        costs: of the markets.
        found: phases by `bet_key`, where they are known already.
    """
    memo = Memo()  # the arrays are the same for all strategies and the basket
    hedges = Hedges.of(markets, costs, memo=memo)
    known = dict(found or {})
    plans = []
    for strategy, signal in bets:
        key = bet_key(strategy, signal)
        if key not in known:
            known[key] = detect(markets, signal)
        plan = prepare(
            strategy,
            markets,
            known[key],
            costs=costs,
            window_hours=signal.detection_hours(),
            weekly=signal.weekly,
            memo=memo,
        ).plan
        plans.append(hedges.hedged(plan))
    return plans


def _mean(fractions: FloatArray) -> float:
    return 1e4 * float(fractions.mean()) if len(fractions) else math.nan
