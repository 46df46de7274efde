"""The job behind `fadefollow tune`: claim a study, walk forward, write report and strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.parallel import WorkerPool, make_pool, refuse_jobs
from fadefollow.core.secrets import redacted
from fadefollow.core.utc import stamp
from fadefollow.engine.strategy import Tuned
from fadefollow.errors import StoreError
from fadefollow.jobs.data_gate import streams_read, trusted
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.provenance import Clock, JobRecord, asked_for, judged_by, result_of
from fadefollow.jobs.run import Step, with_smallest
from fadefollow.jobs.tune_ledger import (
    Job,
    TuneOptions,
    identity,
    remember_asked,
    remember_book,
    remember_reviewed,
)
from fadefollow.reporting.write import write_run
from fadefollow.tuning.folds import Cut
from fadefollow.tuning.model import OBJECTIVES, Trial, Tuning
from fadefollow.tuning.space import Space
from fadefollow.tuning.studies.storage import StudyLog, StudyStore
from fadefollow.tuning.tuned import tuned_text, write_tuned
from fadefollow.tuning.walk_forward import Observer, Walked, walk
from fadefollow.verdict.model import RunResult
from fadefollow.verdict.run.prepare import seen_by
from fadefollow.workspace import Workspace

__all__ = ["TuneDone", "TuneOptions", "tune_job"]

#: the folder of studies, in that of the runs
STUDIES = "studies"
#: starting worker processes takes seconds, which shorter jobs do not earn back
_WORTH_SECONDS = 20.0


@dataclass(frozen=True)
class TuneDone:
    """The result of a tuning job and its folder."""

    result: RunResult
    tuning: Tuning
    folder: Path
    kept: int  #: trials that were known from before


def tune_job(
    workspace: Workspace,
    options: TuneOptions,
    *,
    step: Step,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> TuneDone:
    """The result of a tuning job, its report and its tuned strategy's file.

    Interrupted at any moment, the same job goes on where it was when it is started again.

    Raises:
        FadeFollowError: any of its kinds, where names, files, data or folders are not as they
            must be; what is done of the study stays.
    """
    result, tuning, kept = tune_result(workspace, options, step=step, on_trial=on_trial)
    step("writing the report", None)
    folder = write_run(result, workspace.runs, workspace.templates, tuning=tuning)
    return TuneDone(result, tuning, folder, kept)


def tune_result(
    workspace: Workspace,
    options: TuneOptions,
    *,
    step: Step,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
    write_strategy: bool = True,
) -> tuple[RunResult, Tuning, int]:
    """Tune, and write no report; arguments and errors are those of `tune_job`.

    Args:
        write_strategy: whether the tuned strategy's file is written.

    Returns:
        The out-of-sample book, the job, and how many of its trials were known from before.
    """
    started, clock = pd.Timestamp.now(tz="UTC"), Clock()
    _refuse_workers(options)
    named = workspace.strategy(options.strategy)
    strategy = with_smallest(named, options.judging, asked=options.smallest_bps)
    signal = workspace.detector(strategy)
    step("reading the data", None)
    bets = [(strategy, signal)]
    dataset = open_named(workspace, options.data, streams=streams_read(bets))
    dataset = seen_by(dataset, (strategy, signal))
    space = Space.of(strategy, signal, bar_hours=dataset.bar / pd.Timedelta(hours=1))
    step("auditing the data", None)
    dataset, said = trusted(dataset, bets, options.data)
    clock.lap("data")
    hedged = "-hedged" if options.settings.book == "hedged" else ""
    name = options.study or f"{strategy.name}-{dataset.name}{hedged}"
    store = StudyStore.at(options.storage, default=workspace.runs / STUDIES / f"{name}.log")
    job = Job(workspace, options, dataset, strategy, signal, space)
    words = [OBJECTIVES[objective] for objective in options.settings.objectives]
    with ExitStack() as stack:

        @cache
        def study() -> StudyLog:
            """The study, opened when the first fold needs it, after all checks."""
            opened = store.study(name, identity(job), objectives=words, fresh=options.fresh)
            return stack.enter_context(opened)

        walked = walk(
            dataset,
            strategy,
            signal,
            settings=options.settings,
            judging=options.judging,
            logs=lambda cut: study().fold(cut.number, _about(cut)),
            make_pool=lambda seconds: _pool_for(options, seconds),
            observer=Observer(
                step,
                on_trial=on_trial,
                on_batch=lambda cut, trials: remember_asked(job, cut, trials),
                on_fold=lambda reviewed: remember_reviewed(job, reviewed),
            ),
        )
    clock.lap("tune")
    file, notes = _write_tuned(job, walked, write=write_strategy)
    tuning = Tuning(
        settings=options.settings,
        strategy=strategy.name,
        space=space.words(),
        trials=walked.trials,
        folds=walked.folds,
        start_params=space.start(),
        psr={stance: tuned.psr for stance, (tuned, _) in walked.books.items()},
        joined={stance: tuned for stance, (tuned, _) in walked.books.items()},
        untuned={stance: own for stance, (_, own) in walked.books.items()},
        tuned=file,
        storage=store.where,
        study=study().name,
        embargo_hours=walked.embargo_hours,
        seconds=clock.seconds,
    )
    notes = [*said, *notes]
    result = _result(job, walked, started=started, seconds=clock.seconds, notes=notes)
    return result, tuning, walked.kept


def _refuse_workers(options: TuneOptions) -> None:
    """Refuse numbers of processes and addresses that are none, before anything is read."""
    if options.jobs is not None:
        refuse_jobs(options.jobs)
    if options.cluster is not None:
        from fadefollow.core.parallel.cluster import refuse_address

        refuse_address(options.cluster)


def _pool_for(options: TuneOptions, seconds: float) -> AbstractContextManager[WorkerPool]:
    """The worker pool for trials that one process would evaluate in so many seconds."""
    if options.jobs is None and options.cluster is None and seconds < _WORTH_SECONDS:
        return make_pool(jobs=1)
    return make_pool(jobs=-1 if options.jobs is None else options.jobs, cluster=options.cluster)


def _about(cut: Cut) -> dict[str, str]:
    """The description of a fold in Optuna's dashboard."""
    spans = {"past": cut.train, "stretch": cut.test}
    return {
        name: f"{span[0]:%Y-%m-%d %H:%M} to {span[1]:%Y-%m-%d %H:%M} UTC"
        for name, span in spans.items()
        if span is not None
    }


def _write_tuned(job: Job, walked: Walked, *, write: bool) -> tuple[str | None, list[Note]]:
    """The tuned strategy's file, relative to the workspace, and notes on it."""
    last = walked.folds[-1]
    if last.winner is None:
        return None, [Note("nothing-chosen")]
    if job.workspace.root != job.workspace.output:
        return None, [Note("no-workspace")]
    settings, strategies = job.options.settings, job.workspace.own("strategies")
    if last.scores[0] <= (0.5 if settings.objectives[0] == "psr" else 0.0):
        figures = {"objective": settings.objectives[0], "score": last.scores[0]}
        return None, [Note("choice-without-gain", figures=figures)]
    if not write:
        return None, []
    made = Tuned(
        original=job.strategy.name,
        dataset=job.dataset.name,
        fingerprint=job.dataset.fingerprint,
        until=stamp(last.train[1]),
        stance=settings.stance,
        book=settings.book,
        objective=", ".join(settings.objectives),
        trials=sum(fold.past.n_trials for fold in walked.folds),
    )
    text = tuned_text(job.workspace.path("strategies", job.strategy.name), last.params, made)
    try:
        path = write_tuned(strategies, job.strategy.name, text, made)
    except StoreError as error:
        return None, [Note("tuned-not-written", figures={"error": str(error)})]
    return path.relative_to(job.workspace.root).as_posix(), []


def _result(
    job: Job,
    walked: Walked,
    *,
    started: pd.Timestamp,
    seconds: Mapping[str, float],
    notes: list[Note],
) -> RunResult:
    """The joined out-of-sample book, judged as any run."""
    dataset, found = job.dataset, walked.measured
    bets = [(job.strategy, job.signal)]
    asked = asked_for(job.options)
    if job.options.storage:
        asked["storage"] = redacted(job.options.storage)
    verdicts, known = remember_book(job, found.verdicts)
    record = JobRecord(
        name=f"tune-{job.strategy.name}",
        command=job.options.command,
        started=started,
        asked={"tune": asked, "ledger": judged_by(job.workspace.ledger, known)},
        judging=job.options.judging,
        notes=tuple(notes),
        seconds=dict(seconds),
    )
    measured = replace(found, verdicts=verdicts)
    result = result_of(job.workspace, dataset, measured, bets, job=record)
    if "trade.leverage" in job.space.distributions:  # another one in each fold
        result.assumptions["strategies"][job.strategy.name]["leverage"] = None
    return result
