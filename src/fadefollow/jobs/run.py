"""The job behind `fadefollow run`: measure strategies on a data set and write the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

import pandas as pd

from fadefollow.core.limits import MOST_BPS
from fadefollow.core.parallel import make_pool
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import ParameterError
from fadefollow.jobs.data_gate import skips_holes, streams_read, trusted
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.provenance import Clock, JobRecord, asked_for, judged_by, result_of
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.phases import Signal
from fadefollow.reporting.write import write_run
from fadefollow.verdict.fragility import fragility
from fadefollow.verdict.model import RunResult, Verdict
from fadefollow.verdict.run.compiler import compiled_beside
from fadefollow.verdict.run.measure import Settings, measure
from fadefollow.verdict.run.prepare import Bet, seen_by
from fadefollow.workspace import Workspace
from fadefollow.workspace.trial_ledger import Known, known_of
from fadefollow.workspace.trial_records import (
    configuration,
    deflate,
    known_by,
    market_of,
    trials_of,
)

Step = Callable[[str, float | None], None]


class Judging(TypedDict, total=False):
    """How a run is judged, as a command asks for it; what is absent or None is the workspace's."""

    missing_funding: (
        str | None
    )  #: "error" or "skip", which is usual where the data need not be strict
    seed: int | None
    placebo_draws: int | None
    bootstrap_draws: int | None
    smallest_bps: float | None  #: also in place of what a strategy's file says


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run; with the strategies' files enough to repeat it.

    Attributes:
        data: which data.
        strategies: their names.
        settings: how they are judged.
        command: what asked for it.
        smallest_bps: the smallest edge worth trading where the command says one, which then holds
            for all strategies; None: each strategy's own, by default that of the settings.
        fragility: whether to judge under changed assumptions, too.
    """

    data: DataRequest
    strategies: tuple[str, ...]
    settings: Settings
    command: str
    smallest_bps: float | None = None
    fragility: bool = False

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        data: DataRequest | None = None,
        *,
        strategies: tuple[str, ...] = (),
        fragility: bool = False,
        command: str = "fadefollow run",
        **judging: Unpack[Judging],
    ) -> RunOptions:
        """Options as given, the rest from the workspace's settings.

        Raises:
            ParameterError: missing_funding is neither "error" nor "skip"; smallest_bps is not
                within its bounds; the request accepts a code that there is not.
        """
        data = data or DataRequest()
        names = strategies or tuple(
            name for name in workspace.names("strategies") if not workspace.is_tuned(name)
        )
        return cls(
            data=replace(data, dataset=data.dataset or workspace.settings.default_dataset),
            strategies=tuple(dict.fromkeys(names)),
            settings=_settings(workspace, data, judging),
            command=command,
            smallest_bps=judging.get("smallest_bps"),
            fragility=fragility,
        )


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a caller hands over in place of names that the workspace would look up.

    Attributes:
        bets: strategies with their signals, in place of those that the options name.
        dataset: in place of the one that they name.
        record: whether the trials go into the workspace's ledger.
        name: of the run; by default the strategy's, or the data set's where there are several.
    """

    bets: tuple[Bet, ...]
    dataset: Dataset | None = None
    record: bool = True
    name: str = ""


def with_smallest(strategy: Strategy, settings: Settings, *, asked: float | None) -> Strategy:
    """The strategy with the smallest edge worth trading filled in, bps.

    What the command asks for comes before what the strategy's file says, and that before the
    workspace's setting.
    """
    own = strategy.smallest_bps
    smallest = asked if asked is not None else settings.smallest_bps if own is None else own
    return strategy.model_copy(update={"smallest_bps": smallest})


def _settings(workspace: Workspace, data: DataRequest, judging: Judging) -> Settings:
    usual = "error" if data.strict else "skip"
    missing_funding = judging.get("missing_funding") or usual
    if missing_funding not in ("error", "skip"):
        raise ParameterError("--missing-funding must be error or skip", got=missing_funding)
    smallest = judging.get("smallest_bps")
    if smallest is not None and not 0.0 < smallest <= MOST_BPS:  # nor NaN
        raise ParameterError(
            f"--smallest-bps must be above 0 and at most {MOST_BPS:g}", got=smallest
        )
    ours, seed = workspace.settings, judging.get("seed")
    return Settings(
        missing_funding="skip" if skips_holes(data.accept) else missing_funding,
        alpha=ours.alpha,
        placebo_draws=judging.get("placebo_draws") or ours.placebo_draws,
        bootstrap_draws=judging.get("bootstrap_draws") or ours.bootstrap_draws,
        seed=ours.seed if seed is None else seed,
        smallest_bps=ours.smallest_bps if smallest is None else smallest,
    )


def run_job(
    workspace: Workspace,
    options: RunOptions,
    *,
    step: Step,
    cluster: str | None = None,
    given: Given | None = None,
) -> tuple[RunResult, Path]:
    """The result of a run and the folder of its report.

    Args:
        workspace: where names are looked up and runs are written.
        options: what to measure.
        step: told what is being done.
        cluster: address of a Dask scheduler whose workers share the work; the result is the same.
        given: strategies and data that have no file in the workspace.

    Raises:
        FadeFollowError: any of its kinds, where names, files, data or folders are not as they
            must be; nothing is written then.
    """
    with compiled_beside():
        result = run_result(workspace, options, step=step, cluster=cluster, given=given)
    step("writing the report", None)
    return result, write_run(result, workspace.runs, workspace.templates)


def run_result(
    workspace: Workspace,
    options: RunOptions,
    *,
    step: Step,
    cluster: str | None = None,
    given: Given | None = None,
) -> RunResult:
    """The result of a run, without a report; arguments and errors are those of `run_job`."""
    started, clock = pd.Timestamp.now(tz="UTC"), Clock()
    asked, judging = options.smallest_bps, options.settings
    given = given or Given(bets=_named(workspace, options.strategies))
    bets = [(with_smallest(s, judging, asked=asked), signal) for s, signal in given.bets]
    step("reading the data", None)
    dataset = given.dataset
    if dataset is None:
        dataset = open_named(workspace, options.data, streams=streams_read(bets))
    clock.lap("data")
    dataset = seen_by(dataset, *bets)
    step("auditing the data", None)
    dataset, notes = trusted(dataset, bets, options.data)
    clock.lap("audit")
    with make_pool(cluster=cluster) if cluster else nullcontext() as pool:
        found = measure(dataset, bets, settings=options.settings, step=step, pool=pool)
    verdicts, known = _remembered(
        workspace, options, bets, dataset, found.verdicts, record=given.record
    )
    clock.lap("measure")
    flips = (
        fragility(dataset, bets, settings=options.settings, step=step) if options.fragility else ()
    )
    if options.fragility:
        clock.lap("fragility")
    job = JobRecord(
        name=given.name or _run_name(options.strategies, dataset),
        command=options.command,
        started=started,
        asked={"run": asked_for(options), "ledger": judged_by(workspace.ledger, known)},
        judging=options.settings,
        notes=tuple(notes),
        seconds=clock.seconds,
    )
    measured = replace(found, verdicts=verdicts)
    return result_of(workspace, dataset, measured, bets, job=job, fragility=flips)


def _remembered(
    workspace: Workspace,
    options: RunOptions,
    bets: Sequence[tuple[Strategy, Signal]],
    dataset: Dataset,
    verdicts: Sequence[Verdict],
    *,
    record: bool,
) -> tuple[tuple[Verdict, ...], Known]:
    """The verdicts deflated by all trials of the ledger, which records them, and those trials.

    Without a ledger to record them in, by the trials of this run alone.
    """
    names = {
        strategy.name: configuration(
            strategy,
            signal,
            market=market_of(dataset),
            since=options.data.since,
            until=options.data.until,
            missing_funding=options.settings.missing_funding,
        )
        for strategy, signal in bets
    }
    now = pd.Timestamp.now(tz="UTC")
    rows = trials_of(verdicts, names, dataset=dataset, command=options.command, time=now)
    if not record:
        known = known_of(rows)
        return deflate(verdicts, known), known
    workspace.ledger.record(rows)
    known = workspace.ledger.trials(*known_by(dataset))
    return deflate(verdicts, known), known


def _run_name(strategies: Sequence[str], dataset: Dataset) -> str:
    return strategies[0] if len(strategies) == 1 else f"{dataset.name}-all"


def _named(workspace: Workspace, names: Sequence[str]) -> tuple[Bet, ...]:
    return tuple((s, workspace.detector(s)) for s in map(workspace.strategy, names))
