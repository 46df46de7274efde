"""The chapter of a report that a tuning job adds: the answer out of sample, luck, the search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fadefollow.reporting.pages.figures import Exhibit
from fadefollow.reporting.text.formatting import (
    DASH,
    THIN,
    Table,
    count,
    fixed,
    hours,
    plain_bps,
    ratio,
    when,
)
from fadefollow.reporting.text.sentences import Sentence
from fadefollow.reporting.tuning import exhibits, figures
from fadefollow.reporting.tuning import sentences as words
from fadefollow.tuning.model import OBJECTIVES, Fold, Past, Sampler, Tuning
from fadefollow.verdict.correction.overfit import expected_max_sharpe
from fadefollow.verdict.model import RunResult

_YEAR = math.sqrt(365)
_SAMPLERS: Mapping[Sampler, str] = {
    "tpe": "a tree-structured Parzen estimator (TPE)",
    "cmaes": "an evolution strategy (CMA-ES)",
    "qmc": "quasi-random points",
    "random": "random points",
    "nsga2": "a genetic algorithm for two objectives (NSGA-II)",
}


@dataclass(frozen=True)
class FoldRow:
    """One fold in the table beneath the time line."""

    name: str
    searched: str  #: until when
    traded: str
    trials: str
    before: str  #: the winner's score in sample
    after: str
    bps: str
    bps_after: str
    trades: str
    trades_after: str
    note: str  #: why there is no winner


@dataclass(frozen=True)
class LuckRow:
    """How much of one fold's winner is luck."""

    name: str
    trials: str
    sharpe: str  #: a year
    by_luck: str  #: what the best of so many trials without skill would show, a year
    deflated: str
    pbo: str
    lost: str
    slope: str
    rank: str


@dataclass(frozen=True)
class Panel:
    """One search in pictures."""

    title: str
    search: Exhibit
    parallel: Exhibit
    slices: tuple[Exhibit, ...]


@dataclass(frozen=True)
class TuningChapter:
    """All that the report says about a tuning job."""

    headline: str
    answer: Sentence
    word: str  #: `pays` or another, for its colour
    looked: str
    worth: str
    next_up: Sentence
    facts: tuple[tuple[str, str], ...]
    objective: str  #: the first, as axes call it
    objectives: str  #: all of them
    luck: tuple[Sentence, ...]
    luck_rows: tuple[LuckRow, ...]
    pairs: tuple[Exhibit, ...]
    folds: Exhibit
    rows: tuple[FoldRow, ...]
    alone: bool  #: each stretch was counted by itself, as earlier versions did
    winners: Table
    stability: Exhibit
    importance: Exhibit
    panels: tuple[Panel, ...]
    failed: str  #: how many trials failed; empty if none
    failures: Table


def chapter(run: RunResult, tuning: Tuning) -> TuningChapter:
    """The chapter, ready to be laid out.

    Args:
        run: the joined out-of-sample trades of all winners, judged.
        tuning: the job.
    """
    places = figures.scales(tuning)
    failed = sum(trial.state == "failed" for trial in tuning.trials)
    stance = tuning.settings.stance
    found = {words.outcome(v, stance) for v in words.tuned_verdicts(run, tuning)}
    outcome = found.pop() if len(found) == 1 else "open"
    return TuningChapter(
        headline=words.headline(run, tuning),
        answer=words.answer(run, tuning),
        word={"pays": stance, "fails": "refuted", "open": "open"}[outcome],
        looked=words.looked(run, tuning),
        worth=words.worth(run, tuning),
        next_up=words.next_up(tuning),
        facts=_facts(tuning),
        objective=words.NAMES[tuning.settings.objectives[0]],
        objectives=" / ".join(words.NAMES[name] for name in tuning.settings.objectives),
        luck=words.luck(tuning),
        luck_rows=tuple(_luck(tuning, f) for f in tuning.folds if f.winner is not None),
        pairs=tuple(exhibits.pairs(tuning, fold) for fold in figures.stretches(tuning)),
        folds=exhibits.folds(tuning),
        rows=tuple(_row(tuning, fold) for fold in tuning.folds),
        alone=not tuning.joined and any(f.winner is not None for f in figures.stretches(tuning)),
        winners=exhibits.winners(tuning, places),
        stability=exhibits.stability(tuning, places),
        importance=exhibits.importance(tuning),
        panels=tuple(
            Panel(
                title=words.fold_name(fold),
                search=exhibits.search(tuning, fold),
                parallel=exhibits.parallel(tuning, fold, places),
                slices=exhibits.sliced(tuning, fold, places),
            )
            for fold in tuning.folds
        ),
        failed=_failed(failed, len(tuning.trials)),
        failures=exhibits.failures(tuning),
    )


def _failed(number: int, total: int) -> str:
    return f"{fixed(number)} of {count(total, 'trial')} failed" if number else ""


def _facts(tuning: Tuning) -> tuple[tuple[str, str], ...]:
    """What was asked for, as terms and descriptions."""
    s = tuning.settings
    stretches = len(figures.stretches(tuning))
    window = "all of the past" if s.window == "expanding" else "as much past as the first fold has"
    maximised = " and ".join(OBJECTIVES[objective] for objective in s.objectives)
    pruning = f"after each of {s.inner} parts of the past" if s.pruning else "none"
    return (
        ("Maximised", f"{maximised}, of {s.stance}"),
        ("Folds", f"{count(stretches, 'fold')}, each searching {window}"),
        ("Trials", f"{fixed(s.trials)} a fold, with {count(s.min_trades, 'trade')} or more"),
        ("Sampler", f"{_SAMPLERS[s.sampler]}, seed {s.seed}, {fixed(s.batch)} at once"),
        ("Pruning", pruning),
        ("Embargo", hours(tuning.embargo_hours)),
        ("Study", f"{tuning.study} in {tuning.storage}"),
        ("Written", tuning.tuned or "no file: there is no winner"),
    )


def _row(tuning: Tuning, fold: Fold) -> FoldRow:
    objectives = tuning.settings.objectives
    won = fold.winner is not None
    evaluated = sum(fold.counts.values())
    return FoldRow(
        name=words.fold_name(fold),
        searched=when(fold.train[1], clock=False),
        traded=when(fold.test[1], clock=False) if fold.test else DASH,
        trials=fixed(evaluated),
        before=words.scores(objectives, fold.scores),
        after=words.scores(objectives, fold.after),
        bps=plain_bps(fold.mean_net_bps),
        bps_after=plain_bps(fold.mean_net_bps_after),
        trades=fixed(fold.n_trades),
        trades_after=fixed(fold.n_trades_after) if fold.test else DASH,
        note="" if won else f"no winner: {words.counted(fold)}",
    )


def _luck(tuning: Tuning, fold: Fold) -> LuckRow:
    past = fold.past
    rank = figures.rank_correlation(tuning, fold, least=words.FEW_PAIRS)
    return LuckRow(
        name=words.fold_name(fold),
        trials=fixed(past.n_trials),
        sharpe=ratio(past.sharpe * _YEAR),
        by_luck=ratio(_by_luck(past)),
        deflated=ratio(past.deflated_sharpe),
        pbo=_share(past.pbo),
        lost=_share(past.p_loss),
        slope=ratio(past.slope),
        rank=ratio(rank),
    )


def _by_luck(past: Past) -> float:
    if past.n_trials < 1 or not past.variance >= 0.0:
        return math.nan
    return expected_max_sharpe(past.n_trials, past.variance) * _YEAR


def _share(value: float) -> str:
    return f"{fixed(100 * value)}{THIN}%" if math.isfinite(value) else DASH
