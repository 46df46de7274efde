"""Detect, trade and judge: from a data set and strategies to the content of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.parallel import Shared, WorkerPool
from fadefollow.core.parallel.worker_pool import Inline
from fadefollow.engine.costs import traded_at
from fadefollow.engine.hedge.hedged import BOOKS, BookName
from fadefollow.engine.hedge.hedging import Hedges
from fadefollow.engine.model import TRADE_COLUMNS, Book
from fadefollow.engine.plans.plan import Prepared, contrary_events, prepare, trade_table
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.phases import COLUMNS, STANCES, Phases, Signal, Stance, detect_coins
from fadefollow.verdict.capacity import capacity, liquidity
from fadefollow.verdict.correction.spa import spa_of_run
from fadefollow.verdict.estimates.anyhour import BookOutcomes
from fadefollow.verdict.exploratory import SpaTest, SplitCell
from fadefollow.verdict.judge import SMALLEST_BPS, JudgeSettings, judge
from fadefollow.verdict.model import NOWHERE, EventStudy, NotTraded, StanceResult, Verdict
from fadefollow.verdict.parallel_steps import (
    Step,
    books_of,
    detected_by,
    each,
    made_of,
    studied,
    valued,
)
from fadefollow.verdict.splits import split_results
from fadefollow.verdict.truth import labelled, simulated
from fadefollow.verdict.words import Fates, Reason, Settle

Bet = tuple[Strategy, Signal]
__all__ = [
    "Bet",
    "Measured",
    "Ready",
    "Settings",
    "Step",
    "bet_key",
    "books_of",
    "detect",
    "failed_notes",
    "judged",
    "measure",
    "prepare_bet",
    "seen_by",
    "traded_coins",
    "untraded",
]


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
        pool: those who do the work, by default this process; the result is the same.

    Raises:
        UnknownNameError: a strategy names a coin that the data set does not have.
        FundingHoleError: a position was held over a hole in the settlements.
    """
    notes: list[Note] = []
    detected = {} if pool is None else _detected_by(pool, dataset, bets, step)
    ready: list[Ready] = []
    untraded: list[Verdict] = []
    for number, (strategy, signal) in enumerate(bets):
        step(f"detecting {signal.name()}", number / len(bets))
        try:
            prepared = prepare_bet(dataset, strategy, signal, detected)
        except (DataError, ParameterError) as error:
            if len(bets) == 1:
                raise
            about = {"strategy": strategy.name}
            notes.append(Note("not-measured", about, {"error": str(error)}))
            untraded.extend(_untraded(strategy, str(error)))
        else:
            ready.append(Ready(strategy, signal, prepared, detected[bet_key(strategy, signal)]))
    keys = [(signal, bet_key(strategy, signal)) for strategy, signal in bets]
    found = [(signal, detected[key]) for signal, key in keys if key in detected]
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


@dataclass(frozen=True)
class Ready:
    """One strategy with its detected phases and its plan."""

    strategy: Strategy
    signal: Signal
    prepared: Prepared
    phases: Phases


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
        pool: those who do the work, by default this process; the result is the same.
    """
    said = [*notes, *failed_notes(found)]
    plans = [one.prepared.plan for one in ready]
    workers = pool or Inline()
    shared = workers.share(tuple(plans))
    traded = [(k, s) for k, plan in enumerate(plans) for s in STANCES if s not in plan.refused]
    asked = [(number, stance, settings.missing_funding) for number, stance in traded]
    done = each(workers, made_of, asked, shared, "trading", step)
    made = {(plans[k].strategy, s): books for (k, s), (books, _) in zip(traded, done, strict=True)}
    for number, one in enumerate(ready):
        for (place, _), (_, of_books) in zip(traded, done, strict=True):
            said.extend(of_books if place == number else ())
        said.extend(left_out(one.prepared))
    outcomes: dict[str, BookOutcomes] = {}
    verdicts = (
        judge(
            plans,
            made,
            outcomes=outcomes,
            settings=settings.judging,
            claims={one.strategy.name: one.strategy.claim for one in ready},
            smallest={
                one.strategy.name: one.strategy.smallest_bps
                for one in ready
                if one.strategy.smallest_bps is not None
            },
            progress=lambda done, of: step("placebos and bootstrap", done / of),
            spread=None if pool is None else (pool, shared),
        )
        if plans
        else ()
    )
    numbered = [(number, settings.seed) for number in range(len(plans))]
    studies = each(workers, studied, numbered, shared, "event studies", step)
    step("splits and capacity", None)
    tables = [one.phases.table for one in ready]
    splits = split_results(
        plans,
        made,
        tables,
        outcomes={name: by_book["outright"] for name, by_book in outcomes.items()},
        alpha=settings.alpha,
        seed=settings.seed,
    )
    spa = spa_of_run(plans, made, verdicts, alpha=settings.alpha, seed=settings.seed)
    verdicts = _with_capacity(plans, made, verdicts)
    step("portfolios", None)
    by_name = {one.strategy.name: one for one in ready}
    verdicts = tuple(_seen(v, by_name[v.strategy].prepared) for v in verdicts)
    verdicts = tuple(_looked_for(v, by_name[v.strategy].phases) for v in verdicts)
    strategies = {v.strategy: by_name[v.strategy].strategy for v in verdicts}
    missing = {signal.name(): _missing(phases) for signal, phases in found}
    trades = _trades(plans, made, "outright")
    equity = _equity(plans, made, workers, shared)
    said.extend(_charged_implied(trades))
    return Measured(
        verdicts=(*(_with_truth(v, dataset, strategies[v.strategy]) for v in verdicts), *untraded),
        event_studies=tuple(study for of_plan in studies for study in of_plan),
        trades=trades,
        phases=_phases([phases for _, phases in found], ready),
        equity=equity["outright"],
        hedged_trades=_trades(plans, made, "hedged"),
        hedged_equity=equity["hedged"],
        missing={name: lacks for name, lacks in missing.items() if lacks},
        notes=tuple(dict.fromkeys([*said, *_missing_notes([phases for _, phases in found])])),
        splits=splits,
        spa=spa,
    )


def untraded(strategies: Sequence[Strategy], reason: str) -> Measured:
    """The measurement of strategies of which nothing could be traded."""
    none = pd.DatetimeIndex([], tz="UTC", name="day")
    names = pd.MultiIndex.from_tuples([], names=["strategy", "stance"])
    return Measured(
        verdicts=tuple(row for strategy in strategies for row in _untraded(strategy, reason)),
        event_studies=(),
        trades=pd.DataFrame(columns=list(TRADE_COLUMNS)),
        phases=pd.DataFrame(columns=COLUMNS),
        equity=pd.DataFrame(index=none, columns=names, dtype=np.float64),
        missing={},
        notes=(),
    )


def bet_key(strategy: Strategy, signal: Signal) -> tuple[str, str]:
    """What bets that detect the same on one data set have in common."""
    implied = " on implied funding" if strategy.implies(signal) else ""
    return signal.name(), signal.model_dump_json() + implied


def seen_by(dataset: Dataset, *bets: Bet) -> Dataset:
    """The data set as bets see it: with implied settlements where all of them ask for such."""
    implied = bool(bets) and all(strategy.implies(signal) for strategy, signal in bets)
    return dataset.implied if implied else dataset


def _detected_by(
    pool: WorkerPool, dataset: Dataset, bets: Sequence[Bet], step: Step
) -> dict[tuple[str, str], Phases]:
    """Detected phases by `bet_key`."""
    found: dict[tuple[str, str], Phases] = {}
    for implied in (False, True):
        asked = {bet_key(s, signal): signal for s, signal in bets if s.implies(signal) == implied}
        if asked:
            seen = dataset.implied if implied else dataset
            found |= detected_by(pool, seen.markets, asked, step)
    return found


def _with_capacity(
    plans: Sequence[Plan],
    made: Mapping[tuple[str, Stance], Sequence[Book]],
    verdicts: Sequence[Verdict],
) -> tuple[Verdict, ...]:
    """The verdicts of the plans, in their order, with what each stance carries."""
    rows, remaining = [], iter(verdicts)
    for plan in plans:
        by_coin = [liquidity(arrays) for arrays in plan.coin_arrays]
        for code in range(len(plan.phases)):
            verdict, stances = next(remaining), dict[str, Any]()
            for stance in STANCES:
                result = getattr(verdict, stance)
                if isinstance(result, StanceResult):
                    found = capacity(plan, made[plan.strategy, stance], code, by_coin)
                    stances[stance] = replace(
                        result,
                        capacity_quote=found.quote,
                        capacity_median_quote=found.median_quote,
                        capacity_by_coin=found.coins,
                    )
            rows.append(replace(verdict, **stances))
    return tuple(rows)


def prepare_bet(
    dataset: Dataset, strategy: Strategy, signal: Signal, detected: dict[tuple[str, str], Phases]
) -> Prepared:
    """One strategy's plan; what its signal detects is kept for the next that asks."""
    key, dataset = bet_key(strategy, signal), seen_by(dataset, (strategy, signal))
    if key not in detected:
        detected[key] = detect(dataset.markets, signal)
    chosen = traded_coins(dataset, strategy, detected[key])
    prepared = prepare(
        strategy,
        chosen.markets,
        detected[key],
        costs=traded_at(dataset),
        window_hours=signal.detection_hours(),
        weekly=signal.weekly,
    )
    return replace(prepared, plan=hedges_of(dataset).hedged(prepared.plan))


def hedges_of(dataset: Dataset) -> Hedges:
    """The baskets that hedge the data set's trades, formed once."""
    return dataset.memo.get(
        "hedges", lambda: Hedges.of(dataset.markets, traded_at(dataset)), keep=None
    )


def traded_coins(dataset: Dataset, strategy: Strategy, phases: Phases) -> Dataset:
    """The coins that a strategy is for, without those on which its signal failed.

    Raises:
        UnknownNameError: it names a coin that the data set does not have.
        DataError: none is left.
    """
    chosen = dataset.select(*strategy.symbols) if strategy.symbols else dataset
    if not phases.failed:
        return chosen
    kept = [symbol for symbol in chosen.symbols if symbol not in phases.failed]
    if not kept:
        symbol = chosen.symbols[0]
        raise DataError(
            f"the signal of strategy {strategy.name} failed on every coin",
            got=f"on {symbol}: {phases.failed[symbol]}",
        )
    return chosen.select(*kept)


def failed_notes(found: Sequence[tuple[Signal, Phases]]) -> list[Note]:
    """The coins that are left out because a signal failed on them."""
    return [
        Note("signal-failed", {"signal": signal.name(), "coin": symbol}, {"error": why})
        for signal, phases in found
        for symbol, why in phases.failed.items()
    ]


def detect(markets: Mapping[str, Market], signal: Signal) -> Phases:
    """Phases of one signal in every coin; see `fadefollow.phases.detect_coins`."""
    return detect_coins(signal, markets.values())


#: code of the note on the time that was traded
CLIPPED = "clipped"


def left_out(prepared: Prepared) -> list[Note]:
    """Notes on excluded data and events."""
    of_plan = {"strategy": prepared.plan.strategy}
    notes = [
        Note("coin-lacks-streams", {**of_plan, "coin": symbol}, {"streams": streams})
        for symbol, streams in prepared.left_out.items()
    ]
    notes.append(Note(CLIPPED, figures=_time_traded(prepared)))
    if prepared.outside:
        notes.append(Note("events-outside", of_plan, {"events": prepared.outside}))
    if contrary := contrary_events(prepared.plan):
        notes.append(Note("opposite-leans", of_plan, {"events": contrary}))
    return notes


def _time_traded(prepared: Prepared) -> dict[str, Any]:
    starts = sorted(start for start, _ in prepared.spans.values())
    late = starts[-1].floor("D") > starts[0].floor("D")
    return {
        "streams": prepared.needs,
        "first": f"{starts[0]:%Y-%m-%d %H:%M}",
        "last": f"{max(end for _, end in prepared.spans.values()):%Y-%m-%d %H:%M}",
        "last_coin_first": f"{starts[-1]:%Y-%m-%d}" if late else None,
    }


def _untraded(strategy: Strategy, reason: str) -> list[Verdict]:
    """Rows of a strategy that no coin of the data set can trade."""
    no = NotTraded(reason, "no_data")
    return [
        Verdict(
            strategy=strategy.name,
            signal=strategy.signal,
            phase=phase,
            split=None,
            symbols=(),
            n_phases=0,
            fade=no,
            follow=no,
            difference_ci_bps=NOWHERE,
            claim=strategy.claim,
            fates=Fates(strategy.claim, "untestable", None),
            reason=Reason("no_data", detail=reason),
            hedged={"fade": no, "follow": no},
        )
        for phase in strategy.phases
    ]


def _with_truth(verdict: Verdict, dataset: Dataset, strategy: Strategy) -> Verdict:
    """On lab data, what was planted behind the phase."""
    if dataset.truth is None:
        return verdict
    if strategy.trade.instrument == "perp":
        planted, horizon = labelled(dataset.truth, verdict.phase)
        return replace(verdict, planted_bps=planted, horizon_hours=horizon, planted_from="label")
    planted, horizon = simulated(strategy, verdict.phase, lab=dataset.lab, bar=dataset.bar)
    return replace(verdict, planted_bps=planted, horizon_hours=horizon, planted_from="simulation")


def _missing(found: Phases) -> dict[str, tuple[str, ...]]:
    """Phase → streams that some coin lacks, as `stream (COIN, COIN)`."""
    lacks: dict[str, dict[str, list[str]]] = {}
    for (symbol, phase), streams in found.missing.items():
        for name in streams:
            lacks.setdefault(phase, {}).setdefault(name, []).append(symbol)
    return {
        phase: tuple(f"{name} ({', '.join(coins)})" for name, coins in streams.items())
        for phase, streams in lacks.items()
    }


def _missing_notes(found: Sequence[Phases]) -> list[Note]:
    """By stream and the coins that lack it, the phases that were not looked for there."""
    coins: dict[tuple[str, str], dict[str, None]] = {}
    for phases in found:
        for (symbol, phase), streams in phases.missing.items():
            for stream in streams:
                coins.setdefault((stream, phase), {})[symbol] = None
    unseen: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (stream, phase), symbols in coins.items():
        unseen.setdefault((stream, tuple(symbols)), []).append(phase)
    return [
        Note("stream-missing", {"stream": stream}, {"coins": symbols, "phases": phases})
        for (stream, symbols), phases in unseen.items()
    ]


def _seen(verdict: Verdict, prepared: Prepared) -> Verdict:
    """The same verdict, or over which time its phase was never seen."""
    if verdict.reason.code != "never_seen":
        return verdict
    first = min(start for start, _ in prepared.spans.values())
    last = max(end for _, end in prepared.spans.values())
    span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    return replace(verdict, reason=Reason("never_seen", detail=span))


def _looked_for(verdict: Verdict, found: Phases) -> Verdict:
    """The same verdict, or the missing streams where no coin has those of its phase."""
    lacks = found.missing
    streams = [lacks.get((symbol, verdict.phase)) for symbol in verdict.symbols]
    if not streams or not all(streams):
        return verdict
    names = tuple(sorted({name for missing in streams for name in missing or ()}))
    text = f"the phase could not be looked for: no coin has {_all(names)}"
    no = NotTraded(text, "missing_streams", names)
    return replace(
        verdict,
        fade=no,
        follow=no,
        hedged={"fade": no, "follow": no},
        fates=Fates(verdict.claim, "untestable", None),
        reason=Reason("missing_streams", streams=names),
        settle=Settle(streams=names),
    )


def _all(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"all of {', '.join(names)}"


def _phases(detected: Sequence[Phases], ready: Sequence[Ready] = ()) -> pd.DataFrame:
    """The events that the run is about, each once.

    Of a signal with several sets of parameters, a phase's events are those of the strategies that
    trade it; those of a phase that no strategy trades are of the first set.
    """
    once = list({id(found): found for found in detected}.values())
    traded: dict[int, set[str]] = {}
    for one in ready:
        traded.setdefault(id(one.phases), set()).update(one.strategy.phases)
    wanted = {(_signal(f), name) for f in once for name in traded.get(id(f), ())}
    tables, first = [], set[tuple[str, str]]()
    for found in once:
        if not len(found.table):
            continue
        names = set(found.table["phase"].astype(str))
        free = {n for n in names if (_signal(found), n) not in wanted | first}
        first |= {(_signal(found), name) for name in free}
        tables.append(found.table[found.table["phase"].isin(traded.get(id(found), set()) | free)])
    if not tables:
        return next((found.table for found in once), pd.DataFrame(columns=COLUMNS))
    table = pd.concat(tables, ignore_index=True)
    table = table.drop_duplicates(["time", "symbol", "signal", "phase"])
    return table.sort_values(["time", "symbol", "phase"], kind="stable", ignore_index=True)


def _signal(found: Phases) -> str:
    return str(found.table["signal"].iloc[0]) if len(found.table) else ""


def _trades(
    plans: Sequence[Plan], made: Mapping[tuple[str, Stance], Sequence[Book]], book: BookName
) -> pd.DataFrame:
    tables = [
        trade_table(
            plan, {s: made[plan.strategy, s] for s in STANCES if (plan.strategy, s) in made}, book
        )
        for plan in plans
        if book == "outright" or plan.basket is not None
    ]
    kept = [table for table in tables if len(table)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=list(TRADE_COLUMNS))


def _charged_implied(trades: pd.DataFrame) -> list[Note]:
    """One note for each strategy that was charged implied funding."""
    if "funding_implied" not in trades:
        return []
    rows = trades.groupby("strategy", sort=False)["funding_implied"].agg(["sum", "size"])
    return [
        Note(
            "charged-implied-funding",
            {"strategy": str(name)},
            {"trades": int(row["sum"]), "total": int(row["size"])},
        )
        for name, row in rows.iterrows()
        if row["sum"]
    ]


def _equity(
    plans: Sequence[Plan],
    made: Mapping[tuple[str, Stance], Sequence[Book]],
    pool: WorkerPool,
    shared: Shared[tuple[Plan, ...]],
) -> dict[BookName, pd.DataFrame]:
    """By book, value of one unit of capital at each UTC day's end, as vectorbt's portfolio has it.

    One column a strategy and stance.
    """
    asked = [
        (number, {s: made[plan.strategy, s] for s in STANCES if (plan.strategy, s) in made})
        for number, plan in enumerate(plans)
    ]
    columns: dict[BookName, dict[tuple[str, Stance], pd.Series]] = {book: {} for book in BOOKS}
    for plan, found in zip(plans, pool.map(valued, asked, shared), strict=True):
        for (stance, book), values in found.items():
            columns[book][plan.strategy, stance] = values
    return {book: _framed(values) for book, values in columns.items()}


def _framed(columns: Mapping[tuple[str, Stance], pd.Series]) -> pd.DataFrame:
    index = pd.DatetimeIndex([], name="day") if not columns else None
    frame = pd.DataFrame(columns, index=index)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["strategy", "stance"])
    frame.index = pd.DatetimeIndex(frame.index, tz="UTC", name="day")
    return frame
