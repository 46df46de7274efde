"""Nested walk-forward: search each fold's past, trade what follows, judge only that.

In each fold Optuna searches on the past, an embargo passes, and the winner trades the next stretch
untouched. The stretches follow each other without a gap, so that all winners trade one book: a
position is held by the rules that it was opened with, also past the end of its stretch.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.parallel import result_or_raise
from fadefollow.engine.costs import traded_at
from fadefollow.engine.plans.concatenate import joined
from fadefollow.engine.plans.plan import Prepared, Span, prepare
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import FundingHoleError, LostItemError, SignalError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import STANCES, Phases, Signal, Stance
from fadefollow.tuning.evaluator import TrialData, TrialRequest, TrialResult, evaluate
from fadefollow.tuning.folds import Cut, cut_calendar
from fadefollow.tuning.model import Fold, OutOfSample, Trial, TuneSettings
from fadefollow.tuning.out_of_sample import JoinedBook, with_stretches, with_winners
from fadefollow.tuning.review import Look, Reviewed, Seen, look, review
from fadefollow.tuning.search import Log, Searched, search
from fadefollow.tuning.space import Space
from fadefollow.verdict.run.measure import Measured, Settings, judged, untraded
from fadefollow.verdict.run.notes import CLIPPED, failed_notes, left_out
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.prepare import (
    Detected,
    Ready,
    detect,
    prepare_bet,
    seen_by,
    traded_coins,
)

Step = Callable[[str, float | None], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Pool(Protocol):
    """Where trials are evaluated (see `fadefollow.core.parallel`)."""

    def share(self, data: Any) -> Any:
        """Data for all workers, sent to each once."""

    def stream(
        self, work: Callable[..., Any], items: Sequence[Any], shared: Any
    ) -> Iterator[tuple[int, Any]]:
        """Number and result of each item; an item that killed its workers has its error."""


@dataclass(frozen=True)
class Observer:
    """Functions that follow a walk-forward; none of them changes its result.

    Attributes:
        step: called with what is being done and the share that is done.
        on_trial: called with each trial when its result is known.
        on_batch: called with the new trials of each batch, stored ones left out.
        on_fold: called with each fold when it is over.
    """

    step: Step = lambda _text, _done: None
    on_trial: Callable[[Trial], None] = lambda _trial: None
    on_batch: Callable[[Cut, Sequence[Trial]], None] = lambda _cut, _trials: None
    on_fold: Callable[[Reviewed], None] = lambda _reviewed: None


@dataclass(frozen=True)
class Walked:
    """The result of a walk-forward.

    Attributes:
        folds: in order; the last one has no stretch, its winner is what to trade next.
        trials: of all folds, in order.
        sharpes: by fold and number, the daily Sharpe ratios on the past.
        measured: the joined out-of-sample book; untraded where no fold has a winner.
        books: by stance, the joined out-of-sample book and that of the file's own parameters.
        kept: trials that were known from before.
    """

    space: Space
    folds: tuple[Fold, ...]
    trials: tuple[Trial, ...]
    sharpes: Mapping[int, Mapping[int, float]]
    measured: Measured
    books: Mapping[Stance, tuple[OutOfSample, OutOfSample]]
    embargo_hours: float
    kept: int


def walk(
    dataset: Dataset,
    strategy: Strategy,
    signal: Signal,
    *,
    settings: TuneSettings,
    judging: Settings,
    logs: Callable[[Cut], Log],
    make_pool: Callable[[float], AbstractContextManager[Pool]],
    observer: Observer,
) -> Walked:
    """The walk-forward of a strategy.

    Args:
        dataset: markets by coin.
        strategy, signal: as in the strategy's file.
        settings: of the search.
        judging: of the verdict on what came out of sample.
        logs: by fold, where its trials are kept.
        make_pool: the worker pool for the trials, given the seconds that one process would need.
        observer: follows the job.

    Raises:
        FadeFollowError: the search space, the data or the time do not allow it.
    """
    step = observer.step
    dataset = seen_by(dataset, (strategy, signal))
    space = Space.of(strategy, signal, bar_hours=dataset.bar / pd.Timedelta(hours=1))
    step("detecting", None)
    detected: Detected = {}
    prepared = prepare_bet(dataset, strategy, signal, detected)
    (phases,) = (found for found in detected.values() if isinstance(found, Phases))
    _refuse_holes(prepared, judging)
    chosen = traded_coins(dataset, strategy, phases)
    data = TrialData.of(space, settings, prepared, chosen.markets)
    start = min(begin for begin, _ in prepared.spans.values()).ceil("D")
    end = max(last for _, last in prepared.spans.values())
    embargo = space.longest_hours
    cuts = cut_calendar(
        start, end, folds=settings.folds, window=settings.window, embargo_hours=embargo
    )
    progress = _Progress(step, settings, len(cuts))
    known, done = 0, list[Reviewed]()
    with make_pool(_seconds(data) * 2 * settings.trials * len(cuts)) as pool:
        shared = pool.share(data)
        run = _Run(data, pool, shared, observer, progress)
        for cut in cuts:
            found, old = run.fold(cut, logs(cut))
            observer.on_fold(found)
            done.append(found)
            known += old
    folds = tuple(one.fold for one in done)
    trials = tuple(trial for one in done for trial in one.trials)
    ready = _out_of_sample(space, chosen, folds, step, hedge=prepared.plan)
    books: dict[Stance, tuple[OutOfSample, OutOfSample]] = {}
    if ready is None:
        reason = f"no trial of any fold had {settings.min_trades} trades"
        measured = untraded([strategy], reason)
    else:
        measured = judged(
            dataset, [ready], found=[(signal, ready.phases)], settings=judging, step=step
        )
        # that the book begins with the first stretch is no defect of the data
        failed = failed_notes([(signal, phases)])
        measured = replace(measured, notes=(*failed, *_notes(measured, prepared)))
        own = _hedged_as(_own(space, chosen, folds), prepared.plan)
        joint = {
            stance: _joint(ready.prepared.plan, stance, settings, judging)
            for stance in STANCES
            if stance not in own.refused
        }
        books = {
            stance: (book.total(), _joint(own, stance, settings, judging).total())
            for stance, book in joint.items()
        }
        if settings.stance in joint:
            folds = with_stretches(folds, joint[settings.stance], space=space, settings=settings)
            trials = with_winners(trials, folds)
    return Walked(
        space=space,
        folds=folds,
        trials=trials,
        sharpes={one.fold.number: one.sharpes for one in done},
        measured=measured,
        books=books,
        embargo_hours=embargo,
        kept=known,
    )


def _notes(measured: Measured, prepared: Prepared) -> tuple[Note, ...]:
    """Notes, with the clipping note for the full data range."""
    kept = [note for note in measured.notes if note.code != CLIPPED]
    return (*kept, *left_out(prepared))


def _seconds(data: TrialData) -> float:
    """What the file's own parameters take to evaluate, once all is compiled and read."""
    request = TrialRequest(0, data.space.start(), (0, len(data.time)))
    evaluate(data, request)
    begin = time.perf_counter()
    evaluate(data, request)
    return time.perf_counter() - begin


@dataclass(frozen=True)
class _Run:
    """What is the same for all folds."""

    data: TrialData
    pool: Pool
    shared: Any
    observer: Observer
    progress: _Progress

    def fold(self, cut: Cut, log: Log) -> tuple[Reviewed, int]:
        """Search and review one fold; also how many of its trials were known."""

        def note(trial: Trial) -> None:
            self.progress.trial(trial)
            self.observer.on_trial(trial)

        fold, space, settings = self.data.fold(cut), self.data.space, self.data.settings
        searched = search(
            fold,
            space=space,
            settings=settings,
            log=log,
            evaluate=self.evaluate,
            on_trial=note,
            on_batch=lambda trials: self.observer.on_batch(cut, trials),
        )
        _refuse_hopeless(cut, searched)
        self.progress.step(f"fold {cut.number}: looking at what came after", None)
        reviewed = review(fold, searched, space=space, settings=settings, look_at=self.look_at)
        return reviewed, searched.kept

    def evaluate(self, requests: Sequence[TrialRequest]) -> Sequence[TrialResult]:
        """Evaluate trials; one that killed its workers is a failed one."""
        found = dict(self.pool.stream(evaluate, requests, self.shared))
        return [
            TrialResult("failed", error=str(one)) if isinstance(one, LostItemError) else one
            for one in (found[number] for number in range(len(requests)))
        ]

    def look_at(self, looks: Sequence[Look]) -> Sequence[Seen]:
        """Look at trials again."""
        found = dict(self.pool.stream(look, looks, self.shared))
        return [result_or_raise(found[number]) for number in range(len(looks))]


class _Progress:
    """Words and shares for the progress bar: trials done, best so far."""

    def __init__(self, step: Step, settings: TuneSettings, folds: int) -> None:
        self.step, self.settings = step, settings
        self.folds, self.all = folds, folds * settings.trials
        self.best = -math.inf

    def trial(self, trial: Trial) -> None:
        if trial.number == 0:
            self.best = -math.inf
        if trial.state == "complete":
            self.best = max(self.best, trial.scores[0])
        per_fold = self.settings.trials
        done = (trial.fold - 1) * per_fold + trial.number + 1
        name = self.settings.objectives[0]
        best = f", best {name} {self.best:.2f}" if self.best > -math.inf else ""
        self.step(
            f"fold {trial.fold} of {self.folds}, trial {trial.number + 1} of {per_fold}{best}",
            done / self.all,
        )


def _out_of_sample(
    space: Space, chosen: Dataset, folds: Sequence[Fold], step: Step, *, hedge: Plan
) -> Ready | None:
    """The winners of all folds in one book, each on its own stretch; None if there is none.

    Hedged as the plan `hedge` is.
    """
    stretches = [fold.test for fold in folds if fold.test is not None]
    within = stretches[0][0], stretches[-1][1]
    costs = traded_at(chosen)
    parts, found = list[tuple[Prepared, Span]](), list[Phases]()
    signal = space.signal
    for fold in folds:
        if fold.winner is None or fold.test is None:
            continue
        step(f"trading the winner of fold {fold.number}", None)
        strategy, (signal, _) = space.with_params(fold.params), space.candidate(fold.params)
        phases = detect(chosen.markets, signal)
        made = prepare(
            strategy,
            chosen.markets,
            phases,
            costs=costs,
            window_hours=signal.detection_hours(),
            weekly=signal.weekly,
            within=within,
            memo=chosen.memo,
        )
        parts.append((made, fold.test))
        found.append(_known_in(phases, fold.test, chosen.bar))
    if not parts:
        return None
    plan = _hedged_as(joined([(made.plan, span) for made, span in parts]), hedge)
    first = parts[0][0]
    prepared = Prepared(plan, first.needs, first.spans, first.left_out, outside=0)
    return Ready(space.strategy, signal, prepared, Phases.concat(found))


def _known_in(phases: Phases, span: Span, bar: pd.Timedelta) -> Phases:
    """Those that became known in a span."""
    known = phases.table["time"] + bar
    keep = (known >= span[0]) & (known < span[1])
    return Phases(phases.table[keep].reset_index(drop=True), phases.grids, phases.missing)


def _own(space: Space, chosen: Dataset, folds: Sequence[Fold]) -> Plan:
    """The file's own parameters on the stretches that a winner trades, to compare with."""
    stretches = [fold.test for fold in folds if fold.test is not None]
    plan = prepare(
        space.strategy,
        chosen.markets,
        detect(chosen.markets, space.signal),
        costs=traded_at(chosen),
        within=(stretches[0][0], stretches[-1][1]),
        memo=chosen.memo,
    ).plan
    traded = [fold.test for fold in folds if fold.test is not None and fold.winner is not None]
    return joined([(plan, span) for span in traded])


def _hedged_as(plan: Plan, other: Plan) -> Plan:
    """The plan with the basket that hedges another one of the same coins, on its own calendar."""
    basket = None if other.basket is None else other.basket.on(plan.time)
    return replace(plan, basket=basket, unhedged=other.unhedged)


def _joint(plan: Plan, stance: Stance, settings: TuneSettings, judging: Settings) -> JoinedBook:
    """One stance on the joined stretches, in the book that was scored."""
    books = books_of(plan, stance, judging.missing_funding, [])
    return JoinedBook.of(plan, books, name=settings.book)


def _refuse_hopeless(cut: Cut, searched: Searched) -> None:
    """Raise if no trial of the fold could be evaluated."""
    if any(trial.state != "failed" for trial in searched.trials):
        return
    errors = Counter(trial.error for trial in searched.trials)
    error, count = errors.most_common(1)[0]
    raise SignalError(
        "no trial of the fold could be evaluated",
        got=f"{len(searched.trials)} trials that all failed, {count} of them with: {error}",
        where=f"fold {cut.number}",
        hint="mend the signal or the search ranges; the study then begins anew with --fresh",
    )


def _refuse_holes(prepared: Prepared, judging: Settings) -> None:
    """A search may hold a position at any time, so that any hole in the settlements is refused."""
    if judging.missing_funding != "error":
        return
    for arrays in prepared.plan.coin_arrays:
        if len(arrays.holes):
            first, last = pd.to_datetime(arrays.holes[0], utc=True)
            raise FundingHoleError(
                "funding is missing while a position can be held",
                got=f"no settlement between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC",
                where=f"{arrays.symbol}, stream funding",
                hint="complete the data, or drop such trades with --missing-funding skip",
            )
