"""One table of the real null: real prices, real events of real detectors, where they were not.

A market is a span of some years and some coins of a data set, both drawn at random. The events
that the detectors find in it are either moved in time, all by one random shift, each coin's on the
circle of its own life; or, at their own hours, each is given to another coin of like volatility
and like trailing return. Clusters, costs, funding, fat tails and listings are the market's own;
what the phase knew is gone, so that a stance that pays is a false one.

The truth of the other words cannot be known, but it can be estimated well. Of an entry at a random
time it is the mean over entries at every hour of the same coins, sides and rules (`anyhour`); how
far the mean over all tables lies from it is published. Of an entry on another coin it is the mean
over the placebo's draws, outright returns are left out, as the hour itself may know something.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fadefollow.engine.costs import traded_at
from fadefollow.engine.model import BOOKS, BookName
from fadefollow.engine.plans.plan import NEEDS, covered
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.errors import DataError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.phases import Phases
from fadefollow.verdict.calibration.design import Arm, Design
from fadefollow.verdict.calibration.judged import Table, Truth, judged_rows
from fadefollow.verdict.calibration.simulated_run import plans_of
from fadefollow.verdict.model import StanceResult
from fadefollow.verdict.placebos import CoinPlacebo, Placebo, TimePlacebo
from fadefollow.verdict.placebos.times import draw_shifts
from fadefollow.verdict.run.prepare import Bet, bet_key, detect

#: a coin takes part that is there for half of the span
_LEAST_SHARE = 0.5
_BTC = "BTC"


@dataclass(frozen=True)
class RealSource:
    """A data set, and what the detectors find in it."""

    dataset: Dataset
    found: Mapping[tuple[str, str], Phases]  #: by `bet_key`

    @classmethod
    def of(cls, dataset: Dataset, bets: tuple[Bet, ...]) -> RealSource:
        """Detect once, on the whole data set.

        Raises:
            DataError: no coin has perp and funding.
        """
        able = [s for s, m in dataset.markets.items() if not m.missing(*NEEDS["perp"])]
        if not able:
            raise DataError("the real null needs perp and funding", where=dataset.name)
        kept = dataset.select(*able)
        found = {bet_key(*bet): detect(kept.markets, bet[1]) for bet in bets}
        return cls(kept, found)

    def sample(self, arm: Arm, rng: np.random.Generator) -> dict[str, Market]:
        """Some coins in a span of the arm's length, both at random.

        BTC is always among them where there is one, as it may be the hedge.
        """
        spans = {s: covered(m, *NEEDS["perp"]) for s, m in self.dataset.markets.items()}
        first, last = min(a for a, _ in spans.values()), max(b for _, b in spans.values())
        length = pd.Timedelta(days=365.25 * arm.years)
        room = max((last - first - length) / pd.Timedelta(days=1), 0.0)
        start = (first + pd.Timedelta(days=int(rng.random() * room))).ceil("D")
        end = start + length.floor("D")
        there = [
            s
            for s, (a, b) in spans.items()
            if (min(b, end) - max(a, start)) >= _LEAST_SHARE * length
        ]
        order = sorted(rng.permutation(there).tolist(), key=lambda symbol: symbol != _BTC)
        kept = sorted(order[: arm.coins], key=list(spans).index)
        return {s: self.dataset.markets[s].between(start, end) for s in kept}


def judge_real(
    design: Design, bets: tuple[Bet, ...], source: RealSource, arm: Arm, seed: int
) -> Table:
    """Verdicts of all strategies on real prices whose events were moved.

    Args:
        design: of the calibration.
        bets: strategies with their signals.
        source: the data set with its events.
        arm: at random times, or on other coins.
        seed: of span, coins and moves, and of placebo and bootstrap.
    """
    began = time.perf_counter()
    rng = np.random.default_rng([seed])
    markets = source.sample(arm, rng)
    costs = traded_at(source.dataset)
    plans = plans_of(markets, bets, costs=costs, found=dict(source.found))
    moved = at_other_times(plans, rng) if arm.kind == "times" else _on_other_coins(plans, rng)
    books: tuple[BookName, ...] = BOOKS if arm.kind == "times" else ("hedged",)

    def truths(_: Plan, __: pd.DataFrame, result: StanceResult, ___: BookName) -> Truth:
        worth = result.anyhour_mean_bps if arm.kind == "times" else result.placebo_mean_bps
        return Truth(worth, 0.0)

    rows = judged_rows(moved, bets, design=design, seed=seed, truths=truths, books=books)
    return Table(arm, seed, rows, time.perf_counter() - began)


def at_other_times(plans: list[Plan], rng: np.random.Generator) -> list[Plan]:
    """All events shifted together."""
    shifts, step = draw_shifts(plans, draws=1, rng=rng)
    return [moved_plan(plan, TimePlacebo(plan, shifts, step)) for plan in plans]


def _on_other_coins(plans: list[Plan], rng: np.random.Generator) -> list[Plan]:
    """The events of plans with a market basket on other coins."""
    return [
        moved_plan(plan, CoinPlacebo.draw(plan, draws=1, rng=rng))
        for plan in plans
        if plan.basket is not None and plan.basket.kind == "market"
    ]


def moved_plan(plan: Plan, placebo: Placebo) -> Plan:
    """The same plan with the events of a placebo's first draw."""
    events = [placebo.moved(coin, 0, 1) for coin in range(len(plan.coin_arrays))]
    return replace(
        plan,
        bars=tuple(e.bar for e in events),
        leans=tuple(e.side for e in events),
        codes=tuple(e.code for e in events),
        exit_bars=tuple(e.exit_bar for e in events),
        exit_leans=tuple(e.exit_side for e in events),
        which=None if plan.which is None else tuple(e.rule for e in events),
    )
