"""Fragility: does the verdict survive small changes of what was assumed?

A verdict that needs the exact delay, costs, holding time or moment of publication is not one to
trade on. The whole run is judged again under one changed assumption at a time, with fewer draws;
so is the run as it was, so that what flips has flipped by the change and not by the draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fadefollow.engine.model import BarArrays, Book, Costs, DatedBarArrays
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import FadeFollowError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.market.streams import stream
from fadefollow.phases import STANCES, Signal, Stance
from fadefollow.verdict.exploratory import FragilityRow
from fadefollow.verdict.judging import judge
from fadefollow.verdict.model import StanceResult, Verdict
from fadefollow.verdict.run.measure import Settings
from fadefollow.verdict.run.parallel_steps import Step, books_of
from fadefollow.verdict.run.prepare import Bet, Detected, bet_key, detect, prepare_bet, seen_by

#: draws of each judgement; a tenth to a third of a run's
PLACEBO_DRAWS, BOOTSTRAP_DRAWS = 300, 500
AS_RUN = "as run"


@dataclass(frozen=True)
class Change:
    """One assumption that is changed; what is None stays."""

    name: str
    strategy: Callable[[Strategy, float], Strategy] | None = None  #: given the bar in hours
    plan: Callable[[Plan], Plan] | None = None
    late: str | None = None  #: a stream that is published a bar later

    def concerns(self, signal: Signal, strategy: Strategy) -> bool:
        """Whether the change can make a difference to a strategy."""
        return self.late is None or self.late in streams_of(signal, strategy)


def changes(bets: Sequence[Bet]) -> tuple[Change, ...]:
    """The changes, one at a time: delay, costs, funding, holding time, each needed stream."""
    names = [name for strategy, signal in bets for name in streams_of(signal, strategy)]
    return (
        Change("one bar more delay", strategy=_delayed),
        Change("costs doubled", plan=doubled_costs),
        Change("no funding", plan=without_funding),
        Change("held twice as long", strategy=_twice_held),
        Change("held half as long", strategy=_half_held),
        *(Change(f"{name} a bar later", late=name) for name in dict.fromkeys(names)),
    )


def fragility(
    dataset: Dataset, bets: Sequence[Bet], *, settings: Settings, step: Step
) -> tuple[FragilityRow, ...]:
    """Verdicts of all strategies under each change.

    Trades held over a hole in the settlements are left out, as with `--missing-funding skip`.
    Strategies that cannot be measured at all are left out.

    Args:
        dataset: markets by coin.
        bets: strategies with their signals.
        settings: level, seed, and draws as upper limits of those used here.
        step: told what is being done.

    Returns:
        One row a strategy × phase × change that concerns it, "as run" first.
    """
    lab = _Laboratory(dataset, bets, settings)
    base = {key: case for key, case in lab.prepare(bets, Change(AS_RUN)).items() if case.plan}
    kept = [bet for bet in bets if bet[0].name in base]
    if not kept:
        return ()
    tried = changes(kept)
    step("fragility: as run", 0.0)
    as_run = lab.judge(base)
    rows = [_row(v, AS_RUN, v) for v in as_run.values()]
    for number, change in enumerate(tried):
        step(f"fragility: {change.name}", (number + 1) / (len(tried) + 1))
        concerned = [bet for bet in kept if change.concerns(bet[1], bet[0])]
        cases = lab.prepare(concerned, change)
        found = lab.judge({**base, **{k: c for k, c in cases.items() if c.plan}})
        for (name, phase), was in as_run.items():
            if name in cases:
                rows.append(_row(was, change.name, found.get((name, phase)), cases[name].note))
    order = {key: place for place, key in enumerate(as_run)}
    return tuple(sorted(rows, key=lambda row: order[row.strategy, row.phase]))


def streams_of(signal: Signal, strategy: Strategy) -> tuple[str, ...]:
    """The streams that a strategy's phases declare to need; of alternatives, all."""
    return signal.needs(*strategy.phases).streams


def published_later(market: Market, name: str) -> Market:
    """The same market with one stream a bar behind: bars carry the prices of the bar before."""
    tables, later = {n: market.table(n) for n in market.streams}, dict(market.later)
    for n in [n for n in tables if n.partition(":")[0] == name]:
        moved = ["available", "time"] if stream(n).kind == "bars" else ["available"]
        for part in (tables, later):
            if n in part:
                part[n] = part[n].assign(**{c: part[n][c] + market.bar for c in moved})
    start = market.index[0]
    return Market(
        market.symbol,
        bar=market.bar,
        tables=tables,
        start=start,
        end=start + len(market) * market.bar,
        listed=market.listed,
        delisted=market.delisted,
        later=later,
    ).of_universe(market.members)


def doubled_costs(plan: Plan) -> Plan:
    """Twice the fees, the slippage and the borrow rate; the margin rate stays."""

    def twice(costs: Costs) -> Costs:
        borrow = None if costs.borrow is None else 2.0 * costs.borrow
        return replace(costs, fee=2.0 * costs.fee, slippage=2.0 * costs.slippage, borrow=borrow)

    return replace(plan, costs=tuple(twice(costs) for costs in plan.costs))


def without_funding(plan: Plan) -> Plan:
    """The same plan in a world in which nothing is settled; dated futures settle nothing anyway."""

    def bare(arrays: BarArrays) -> BarArrays:
        none = np.empty(0)
        return replace(
            arrays,
            settle_time=none.astype(np.int64),
            settle_rate=none,
            settle_mark=none,
            holes=np.empty((0, 2), np.int64),
        )

    return replace(
        plan,
        coin_arrays=CoinArrays(
            t if isinstance(t, DatedBarArrays) else bare(t) for t in plan.coin_arrays
        ),
    )


@dataclass(frozen=True)
class _Case:
    """A plan with its books, or why there is none."""

    plan: Plan | None
    books: Mapping[Stance, tuple[Book, ...]]
    note: str = ""


class _Laboratory:
    """Makes and judges plans; what was detected is kept."""

    def __init__(self, dataset: Dataset, bets: Sequence[Bet], settings: Settings) -> None:
        self._dataset, self._claims = dataset, {s.name: s.claim for s, _ in bets}
        self._smallest = {s.name: s.smallest_bps for s, _ in bets if s.smallest_bps is not None}
        self._settings = settings
        self._detected: Detected = {}

    def prepare(self, bets: Sequence[Bet], change: Change) -> dict[str, _Case]:
        detected = self._detected
        if change.late is not None:
            detected = {}
            for bet in {bet_key(*bet): bet for bet in bets}.values():
                seen = seen_by(self._dataset, bet).markets
                late = {s: published_later(m, change.late) for s, m in seen.items()}
                detected[bet_key(*bet)] = detect(late, bet[1])
        return {s.name: self._case(s, signal, change, detected) for s, signal in bets}

    def _case(
        self,
        strategy: Strategy,
        signal: Signal,
        change: Change,
        detected: Detected,
    ) -> _Case:
        try:
            if change.strategy is not None:
                bar_ns = next(iter(self._dataset.markets.values())).bar.value
                strategy = change.strategy(strategy, bar_ns / 3.6e12)
            plan = prepare_bet(self._dataset, strategy, signal, detected).plan
            plan = plan if change.plan is None else change.plan(plan)
            made = {s: books_of(plan, s, "skip", []) for s in STANCES if s not in plan.refused}
        except FadeFollowError as error:
            return _Case(None, {}, str(error))
        return _Case(plan, made)

    def judge(self, cases: Mapping[str, _Case]) -> dict[tuple[str, str], Verdict]:
        plans = [case.plan for case in cases.values() if case.plan is not None]
        made = {(n, s): books for n, case in cases.items() for s, books in case.books.items()}
        verdicts = judge(
            plans,
            made,
            claims=self._claims,
            smallest=self._smallest,
            settings=replace(
                self._settings.judging,
                placebo_draws=min(PLACEBO_DRAWS, self._settings.placebo_draws),
                bootstrap_draws=min(BOOTSTRAP_DRAWS, self._settings.bootstrap_draws),
            ),
        )
        return {(v.strategy, v.phase): v for v in verdicts}


def _row(was: Verdict, name: str, now: Verdict | None, note: str = "") -> FragilityRow:
    if now is None or note:
        return FragilityRow(
            was.strategy, was.phase, name, "", "", math.nan, 0, flips=False, note=note
        )
    traded = [(s, r) for s in STANCES if isinstance(r := getattr(now, s), StanceResult)]
    traded = [(s, r) for s, r in traded if r.n_trades]
    stance, best = max(traded, key=lambda pair: pair[1].mean_net_bps, default=("", None))
    return FragilityRow(
        strategy=was.strategy,
        phase=was.phase,
        change=name,
        verdict=now.fate,
        stance=stance,
        mean_net_bps=math.nan if best is None else best.mean_net_bps,
        n_trades=0 if best is None else best.n_trades,
        flips=now.fate != was.fate,
    )


def _trade(strategy: Strategy, **changed: Any) -> Strategy:
    return strategy.model_copy(update={"trade": strategy.trade.model_copy(update=changed)})


def _delayed(strategy: Strategy, _bar_hours: float) -> Strategy:
    return _trade(strategy, delay_bars=strategy.trade.delay_bars + 1)


def _twice_held(strategy: Strategy, _bar_hours: float) -> Strategy:
    return _trade(strategy, hold_hours=2.0 * strategy.trade.hold_hours)


def _half_held(strategy: Strategy, bar_hours: float) -> Strategy:
    """Half the holding time, rounded down to whole bars."""
    bars = math.floor(strategy.trade.hold_hours / 2.0 / bar_hours)
    return _trade(strategy, hold_hours=max(1, bars) * bar_hours)
