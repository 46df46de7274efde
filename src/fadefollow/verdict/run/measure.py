"""Detect, trade and judge: from a data set and strategies to the content of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.parallel import WorkerPool, beside, pool_here
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import COLUMNS, STANCES, Phases, Signal
from fadefollow.verdict.correction.spa import spa_of_run
from fadefollow.verdict.exploratory import BookRatios, SpaTest, SplitCell
from fadefollow.verdict.judging import days_of, judge
from fadefollow.verdict.model import EventStudy, Verdict
from fadefollow.verdict.placebos.run import Confronted, Drawing, sooner_by_plan
from fadefollow.verdict.run.compiler import wait_for_kernels
from fadefollow.verdict.run.descriptive import benchmarks, coin_years, ratios
from fadefollow.verdict.run.excursions import with_excursions
from fadefollow.verdict.run.notes import (
    failed_notes,
    implied_notes,
    left_out,
    missing_notes,
    missing_streams,
)
from fadefollow.verdict.run.parallel_steps import (
    Step,
    Weighing,
    each,
    made_of,
    weighed,
)
from fadefollow.verdict.run.prepare import (
    Bet,
    Ready,
    bet_key,
    detect_in_pool,
    prepare_bet,
)
from fadefollow.verdict.run.rows import (
    Planted,
    planted,
    untraded_rows,
    with_capacity,
    with_missing_streams,
    with_span,
    with_truth,
)
from fadefollow.verdict.run.tables import equity_tables, phases_table, trades_table
from fadefollow.verdict.settings import SMALLEST_BPS, JudgeSettings
from fadefollow.verdict.splits import corrected


@dataclass(frozen=True)
class Settings:
    """The options of a measurement."""

    missing_funding: str = "error"  #: or "skip"
    alpha: float = 0.05
    placebo_draws: int = 1000
    bootstrap_draws: int = 2000
    seed: int = 1
    smallest_bps: float = SMALLEST_BPS  #: smallest edge that the user would trade for

    @property
    def judging(self) -> JudgeSettings:
        """The part that the judgement needs."""
        return JudgeSettings(
            alpha=self.alpha,
            smallest_bps=self.smallest_bps,
            placebo_draws=self.placebo_draws,
            bootstrap_draws=self.bootstrap_draws,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Measured:
    """The fields of a `RunResult` that come from the market."""

    verdicts: tuple[Verdict, ...]
    event_studies: tuple[EventStudy, ...]
    trades: pd.DataFrame
    phases: pd.DataFrame
    equity: pd.DataFrame
    missing: dict[str, dict[str, tuple[str, ...]]]
    notes: tuple[Note, ...]
    splits: tuple[SplitCell, ...] = ()
    spa: SpaTest | None = None
    hedged_trades: pd.DataFrame = field(default_factory=pd.DataFrame)
    hedged_equity: pd.DataFrame = field(default_factory=pd.DataFrame)
    ratios: tuple[BookRatios, ...] = ()
    rolling: pd.DataFrame = field(default_factory=pd.DataFrame)
    benchmark: pd.DataFrame = field(default_factory=pd.DataFrame)
    coin_years: pd.DataFrame = field(default_factory=pd.DataFrame)


def measure(
    dataset: Dataset,
    bets: Sequence[Bet],
    *,
    settings: Settings,
    step: Step,
    pool: WorkerPool | None = None,
) -> Measured:
    """Verdicts, trades and notes of every strategy, in both stances.

    Args:
        dataset: markets by coin.
        bets: strategies with their signals, parameters filled in.
        settings: levels, draws, seed, and what to do at holes in the funding.
        step: told what is being done.
        pool: those who do the work, by default as `pool_here`; the result is the same.

    Raises:
        UnknownNameError: a strategy names a coin that the data set does not have.
        FundingHoleError: a position was held over a hole in the settlements.
    """
    notes: list[Note] = []
    pool = pool or pool_here()
    detected = detect_in_pool(pool, dataset, bets, step)
    ready: list[Ready] = []
    untraded: list[Verdict] = []
    for number, (strategy, signal) in enumerate(bets):
        step("preparing", number / len(bets))
        try:
            prepared = prepare_bet(dataset, strategy, signal, detected)
        except (DataError, ParameterError) as error:
            if len(bets) == 1:
                raise
            about = {"strategy": strategy.name}
            notes.append(Note("not-measured", about, {"error": str(error)}))
            untraded.extend(untraded_rows(strategy, str(error)))
        else:
            phases = detected[bet_key(strategy, signal)]
            assert isinstance(phases, Phases)
            ready.append(Ready(strategy, signal, prepared, phases))
    known = [(signal, detected.get(bet_key(strategy, signal))) for strategy, signal in bets]
    found = [(signal, phases) for signal, phases in known if isinstance(phases, Phases)]
    return judged(
        dataset,
        ready,
        found=found,
        untraded=untraded,
        notes=notes,
        settings=settings,
        step=step,
        pool=pool,
    )


def judged(
    dataset: Dataset,
    ready: Sequence[Ready],
    *,
    found: Sequence[tuple[Signal, Phases]],
    untraded: Sequence[Verdict] = (),
    notes: Sequence[Note] = (),
    settings: Settings,
    step: Step,
    pool: WorkerPool | None = None,
) -> Measured:
    """The measurement of prepared strategies: traded and judged.

    Args:
        dataset: markets by coin.
        ready: the strategies.
        found: all that was detected, also for strategies that cannot be traded.
        untraded: rows of those.
        notes: what is known to be wrong already.
        settings: levels, draws, seed, and what to do at holes in the funding.
        step: told what is being done.
        pool: those who do the work, by default as `pool_here`; the result is the same.
    """
    said = [*notes, *failed_notes(found)]
    plans = [one.prepared.plan for one in ready]
    workers = pool or pool_here()
    shared = workers.share(tuple(plans))
    traded = [(k, s) for k, plan in enumerate(plans) for s in STANCES if s not in plan.refused]
    asked = [(number, stance, settings.missing_funding) for number, stance in traded]
    done = each(workers, made_of, asked, shared, "trading", step)
    made = {(plans[k].strategy, s): books for (k, s), (books, _) in zip(traded, done, strict=True)}
    for number, one in enumerate(ready):
        for (place, _), (_, of_books) in zip(traded, done, strict=True):
            said.extend(of_books if place == number else ())
        said.extend(left_out(one.prepared))
    judging = settings.judging
    days = days_of(plans, judging)
    drawing = None
    if sooner_by_plan(workers, len(plans)):  # who weighs a plan knows what its placebos need
        drawing = Drawing.of(plans, draws=judging.placebo_draws, seed=judging.seed)
    weighing = [
        Weighing(
            number,
            {key: books for key, books in made.items() if key[0] == one.strategy.name},
            one.phases.table,
            days,
            judging,
            drawing,
        )
        for number, one in enumerate(ready)
    ]
    if workers.here:
        wait_for_kernels()
    import arch.bootstrap  # noqa: F401  # here once, where each fork would take its time

    sizes = [sum(map(len, plan.bars)) for plan in plans]
    told = _halves(step) if drawing else step
    each_plan = each(workers, weighed, weighing, shared, "weighing", told, sizes)
    met = {key: row for one in each_plan for key, row in one.placebos.items()}
    with _truths(dataset, ready) as truths:
        verdicts = judge(
            plans,
            made,
            evidence={p.strategy: one.evidence for p, one in zip(plans, each_plan, strict=True)},
            settings=judging,
            claims={one.strategy.name: one.strategy.claim for one in ready},
            smallest={
                one.strategy.name: one.strategy.smallest_bps
                for one in ready
                if one.strategy.smallest_bps is not None
            },
            confronted=Confronted(met) if drawing else None,
            progress=lambda done, of: step("placebos and bootstrap", done / of),
            spread=None if workers.here else (workers, shared),
        )
        step("splits and capacity", None)
        splits = corrected([cell for one in each_plan for cell in one.cells])
        spa = spa_of_run(plans, made, verdicts, alpha=settings.alpha, seed=settings.seed)
        verdicts = with_capacity(plans, made, verdicts)
        truth = truths()
    step("portfolios", None)
    by_name = {one.strategy.name: one for one in ready}
    verdicts = tuple(with_span(v, by_name[v.strategy].prepared) for v in verdicts)
    verdicts = tuple(with_missing_streams(v, by_name[v.strategy].phases) for v in verdicts)
    rows = [with_truth(v, truth.get(v.strategy, {})) for v in verdicts]
    missing = {signal.name(): missing_streams(phases) for signal, phases in found}
    trades = with_excursions(trades_table(plans, made, "outright"), plans)
    equity = equity_tables(plans, [one.values for one in each_plan])
    held = benchmarks(plans)
    book_ratios, rolling = ratios(equity, held)
    said.extend(implied_notes(trades))
    return Measured(
        verdicts=(*rows, *untraded),
        event_studies=tuple(study for one in each_plan for study in one.studies),
        trades=trades,
        phases=phases_table([phases for _, phases in found], ready),
        equity=equity["outright"],
        hedged_trades=trades_table(plans, made, "hedged"),
        hedged_equity=equity["hedged"],
        missing={name: lacks for name, lacks in missing.items() if lacks},
        notes=tuple(dict.fromkeys([*said, *missing_notes([phases for _, phases in found])])),
        splits=splits,
        spa=spa,
        ratios=book_ratios,
        rolling=rolling,
        benchmark=held,
        coin_years=coin_years(trades),
    )


def _halves(step: Step) -> Step:
    """Says of work that is both what it is for the most part: at first one, then the other."""

    def told(_: str, done: float | None) -> None:
        twice = 2.0 * (done or 0.0)
        if twice < 1.0:
            step("weighing", twice)
        else:
            step("placebos and bootstrap", twice - 1.0)

    return told


def _truths(
    dataset: Dataset, ready: Sequence[Ready]
) -> AbstractContextManager[Callable[[], dict[str, dict[str, Planted]]]]:
    """By strategy and phase what was planted, worked out beside the block."""
    if dataset.truth is None:
        return nullcontext(dict)
    return beside(
        lambda: {o.strategy.name: planted(dataset, o.strategy, o.prepared.plan) for o in ready}
    )


def untraded(strategies: Sequence[Strategy], reason: str) -> Measured:
    """The measurement of strategies of which nothing could be traded."""
    none = pd.DatetimeIndex([], tz="UTC", name="day")
    names = pd.MultiIndex.from_tuples([], names=["strategy", "stance"])
    return Measured(
        verdicts=tuple(row for strategy in strategies for row in untraded_rows(strategy, reason)),
        event_studies=(),
        trades=pd.DataFrame(columns=list(TRADE_COLUMNS)),
        phases=pd.DataFrame(columns=COLUMNS),
        equity=pd.DataFrame(index=none, columns=names, dtype=np.float64),
        missing={},
        notes=(),
    )
