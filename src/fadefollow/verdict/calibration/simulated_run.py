"""One market of a calibration, through the whole pipeline: lab, detectors, engine, judge."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from fadefollow.engine.costs import CostSettings
from fadefollow.engine.model import Book, FloatArray
from fadefollow.engine.plan import books, prepare
from fadefollow.engine.strategy_plan import Plan
from fadefollow.market.bars import bar_size
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.calibration.design import Arm, Design, planted_phases
from fadefollow.verdict.calibration.truth import expected, expected_at_other_times, log_growth
from fadefollow.verdict.estimates.days import regular_trades
from fadefollow.verdict.judge import JudgeSettings, judge
from fadefollow.verdict.measure import Bet, detect
from fadefollow.verdict.model import NotTraded, StanceResult, Verdict


@dataclass(frozen=True)
class Stand:
    """One stance of one row, beside the truth; basis points a trade. NaN where unknown."""

    n_trades: int
    mean: float  #: net
    low: float  #: of the verdict's interval
    high: float
    p_adjusted: float  #: NaN where there were too few independent blocks
    truth: float  #: expected mean net return
    edge: float  #: what the plants add to it, beyond the same trades at any time
    t_p: float  #: of a plain two-sided t-test against zero
    t_low: float  #: of its interval
    t_high: float

    @property
    def t_claims(self) -> bool:
        """Whether a plain t-test at 5 % would have claimed that the stance pays."""
        return self.t_p < 0.05 and self.mean > 0.0


@dataclass(frozen=True)
class Row:
    """One strategy × phase."""

    strategy: str
    phase: str
    verdict: str
    detectable: float  #: bps
    stances: dict[Stance, Stand]

    @property
    def tested(self) -> bool:
        """Whether both stances had enough independent blocks."""
        return all(not math.isnan(stand.p_adjusted) for stand in self.stances.values())


@dataclass(frozen=True)
class Table:
    """The verdicts of one market."""

    arm: Arm
    seed: int
    rows: tuple[Row, ...]
    seconds: float


def judge_market(design: Design, bets: tuple[Bet, ...], arm: Arm, seed: int) -> Table:
    """Verdicts of all strategies on one simulated market, with the truth beside each row.

    Args:
        design: of the calibration.
        bets: strategies with their signals.
        arm: what is planted.
        seed: of the market, and of placebo and bootstrap.
    """
    began = time.perf_counter()
    bar = bar_size(design.bar)
    made = simulate(design.lab(arm, seed, planted_phases(bets)), bar=bar)
    markets = {coin: Market(coin, bar=bar, tables=tables) for coin, tables in made.tables.items()}
    plans = [_plan(markets, bet) for bet in bets]
    traded = {(p.strategy, s): books(p, s) for p in plans for s in STANCES if s not in p.refused}
    verdicts = judge(
        plans,
        traded,
        claims={strategy.name: strategy.claim for strategy, _ in bets},
        settings=JudgeSettings(
            alpha=design.alpha,
            placebo_draws=design.draws,
            bootstrap_draws=2 * design.draws,
            seed=seed,
        ),
    )
    by_name = {plan.strategy: plan for plan in plans}
    growth = {
        name: log_growth(plan, made.truth, annual_drift=design.annual_drift)
        for name, plan in by_name.items()
    }
    rows = tuple(_row(by_name[v.strategy], v, traded, growth[v.strategy]) for v in verdicts)
    return Table(arm, seed, rows, time.perf_counter() - began)


def _plan(markets: dict[str, Market], bet: Bet) -> Plan:
    strategy, signal = bet
    found = detect(markets, signal)
    return prepare(
        strategy,
        markets,
        found,
        costs=CostSettings(),
        window_hours=signal.detection_hours(),
        weekly=signal.weekly,
    ).plan


def _row(
    plan: Plan,
    verdict: Verdict,
    traded: dict[tuple[str, Stance], tuple[Book, ...]],
    growth: list[FloatArray],
) -> Row:
    code = plan.phases.index(verdict.phase)
    results: dict[Stance, StanceResult | NotTraded] = {
        "fade": verdict.fade,
        "follow": verdict.follow,
    }
    stands = {
        stance: _stand(plan, result, regular_trades(traded[plan.strategy, stance], code), growth)
        for stance, result in results.items()
        if isinstance(result, StanceResult)
    }
    return Row(plan.strategy, verdict.phase, verdict.verdict, verdict.detectable_bps, stands)


def _stand(
    plan: Plan, result: StanceResult, trades: pd.DataFrame, growth: list[FloatArray]
) -> Stand:
    truth = _mean(expected(plan, trades, growth))
    returns = 1e4 * trades["return"].to_numpy(np.float64)
    p, low, high = _t_test(returns)
    return Stand(
        n_trades=result.n_trades,
        mean=result.mean_net_bps,
        low=result.ci_bps[0],
        high=result.ci_bps[1],
        p_adjusted=result.p_adjusted,
        truth=truth,
        edge=truth - _mean(expected_at_other_times(plan, trades, growth)),
        t_p=p,
        t_low=low,
        t_high=high,
    )


def _mean(fractions: FloatArray) -> float:
    return 1e4 * float(fractions.mean()) if len(fractions) else math.nan


def _t_test(returns: FloatArray) -> tuple[float, float, float]:
    """p of the mean against zero, and its 95 % interval, as if trades were independent."""
    if len(returns) < 3 or not returns.std() > 0.0:
        return math.nan, math.nan, math.nan
    found: Any = stats.ttest_1samp(returns, 0.0)
    interval = found.confidence_interval(0.95)
    return float(found.pvalue), float(interval.low), float(interval.high)
