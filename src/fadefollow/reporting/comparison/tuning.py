"""Tuning jobs side by side: what was searched, in sample and out of it, and how much was luck."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fadefollow.reporting.comparison.comparison import Stored
from fadefollow.reporting.text.formatting import (
    DASH,
    THIN,
    Table,
    chance,
    count,
    fixed,
    hours,
    human,
    interval,
    plain_bps,
    ratio,
)
from fadefollow.reporting.tuning.sentences import NAMES, parameters, scores
from fadefollow.tuning.model import Fold, Tuning
from fadefollow.verdict.model import RunResult, StanceResult

_YEAR = math.sqrt(365)


def tuning_table(runs: Sequence[Stored]) -> Table | None:
    """The tuning jobs among the runs in columns; None if there are fewer than two."""
    jobs = [(one, one.tuning) for one in runs if one.tuning is not None]
    if len(jobs) < 2:
        return None
    asked = [(name, *(show(job) for _, job in jobs)) for name, show in _ASKED]
    found = [(name, *(show(job) for _, job in jobs)) for name, show in _FOUND]
    out = ("Out of sample, mean net bps", *(_outcome(one.run, job) for one, job in jobs))
    return Table(("What", *(one.letter for one, _ in jobs)), (*asked, out, *found))


def _outcome(run: RunResult, job: Tuning) -> str:
    """The tuned stance on all stretches together, by phase."""
    told = []
    for verdict in run.verdicts:
        stance = getattr(verdict, job.settings.stance)
        if isinstance(stance, StanceResult) and stance.n_trades:
            mean = f"{plain_bps(stance.mean_net_bps)} {interval(stance.ci_bps)}"
            told.append(f"{human(verdict.phase)} {mean} in {count(stance.n_trades, 'trade')}")
    return "; ".join(told) or DASH


def _per_fold(show: Callable[[Fold], str]) -> Callable[[Tuning], str]:
    """One value a fold that was traded, in their order."""
    return lambda job: " · ".join(show(fold) for fold in job.folds if fold.test) or DASH


def _share(value: float) -> str:
    return f"{fixed(100 * value)}{THIN}%" if math.isfinite(value) else DASH


def _untuned(job: Tuning) -> str:
    book = job.untuned.get(job.settings.stance)
    if book is None or not book.n_trades:
        return DASH
    return f"{plain_bps(book.mean_net_bps)} in {count(book.n_trades, 'trade')}"


def _next(job: Tuning) -> str:
    last = next((fold for fold in job.folds if not fold.test), None)
    if last is None or last.winner is None:
        return "no winner"
    return parameters(last.params, {name: name.partition(".")[2] for name in last.params})


_ASKED: tuple[tuple[str, Callable[[Tuning], str]], ...] = (
    ("Strategy and stance", lambda job: f"{job.strategy}, {job.settings.stance}"),
    ("Objective", lambda job: " and ".join(NAMES[name] for name in job.settings.objectives)),
    (
        "Folds, trials a fold",
        lambda job: f"{sum(f.test is not None for f in job.folds)}, {fixed(job.settings.trials)}",
    ),
    ("Sampler, seed", lambda job: f"{job.settings.sampler}, {job.settings.seed}"),
    ("Embargo", lambda job: hours(job.embargo_hours)),
    (
        "Searched",
        lambda job: "; ".join(
            f"{name.partition('.')[2]}: {said}" for name, said in job.space.items()
        ),
    ),
)
_FOUND: tuple[tuple[str, Callable[[Tuning], str]], ...] = (
    ("The same with the file's own parameters", _untuned),
    (
        "Out of sample, chance that the true Sharpe ratio is above zero (PSR)",
        lambda job: chance(job.psr.get(job.settings.stance, math.nan)),
    ),
    (
        "Objective in sample, fold by fold",
        lambda job: _per_fold(lambda f: scores(job.settings.objectives, f.scores))(job),
    ),
    (
        "Objective out of sample, fold by fold",
        lambda job: _per_fold(lambda f: scores(job.settings.objectives, f.after))(job),
    ),
    ("Net bps in sample, fold by fold", _per_fold(lambda f: plain_bps(f.mean_net_bps))),
    ("Net bps out of sample, fold by fold", _per_fold(lambda f: plain_bps(f.mean_net_bps_after))),
    ("Winner's Sharpe ratio in sample, a year", _per_fold(lambda f: ratio(f.past.sharpe * _YEAR))),
    ("Deflated Sharpe ratio, fold by fold", _per_fold(lambda f: ratio(f.past.deflated_sharpe))),
    ("Probability of overfitting (PBO), fold by fold", _per_fold(lambda f: _share(f.past.pbo))),
    ("Next, by the last search", _next),
    ("Failed trials", lambda job: fixed(sum(f.counts.get("failed", 0) for f in job.folds))),
)
