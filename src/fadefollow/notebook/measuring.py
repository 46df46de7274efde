"""Runs, sweeps, tuning jobs and scans from a notebook, as the command line does them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import pandas as pd

from fadefollow.core.toml import build
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import ParameterError, unknown
from fadefollow.jobs.run import Given, RunOptions, run_job
from fadefollow.jobs.scan import ScanOptions, scan_job
from fadefollow.jobs.tune import TuneOptions, tune_job
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.notebook.arguments import checked
from fadefollow.notebook.options import (
    RunKeywords,
    ScanKeywords,
    SweepKeywords,
    TuneKeywords,
    plain,
)
from fadefollow.notebook.swept import Sweep
from fadefollow.notebook.telling import command_line, progress_shown
from fadefollow.scanning.model import Scan
from fadefollow.tuning.model import Tuning
from fadefollow.tuning.settings import tune_settings
from fadefollow.verdict.model import RunResult
from fadefollow.verdict.run.prepare import Bet
from fadefollow.workspace import Workspace, find_workspace

#: what `ff.run` takes in place of what a strategy's file says
_VARIED = ("params", "hold_hours", "trade")
#: a sweep of more points than this is a search, and belongs to `ff.tune`
MOST_POINTS = 60


@checked
def run(
    *strategies: str | Strategy,
    dataset: str | Dataset | None = None,
    **options: Unpack[RunKeywords],
) -> RunResult:
    """Measure whether fading or following pays, as `fadefollow run` does, and write the report.

    Args:
        strategies: by name, or objects; by default all of the workspace that no tuning job wrote.
        dataset: its name, or one that `ff.dataset` made; by default the workspace's own.
        options: those of `fadefollow run`, with underscores: `symbols`, `since`, `until`, `seed`,
            `placebo_draws`, …, see `fadefollow.notebook.options.RunKeywords`. `params` (of the
            signal), `hold_hours` and `trade` (other settings of `[trade]`) come before what the
            strategies' files say.

    Returns:
        What was found; its `folder` holds the report.

    Raises:
        FadeFollowError: any of its kinds; nothing is written then.
    """
    workspace, asked = find_workspace(), plain(options)
    changes = {name: asked.pop(name) for name in _VARIED if name in asked}
    handed = dataset if isinstance(dataset, Dataset) else None
    if handed is not None:
        _refuse_data_options(asked)
    name = handed.name if handed is not None else dataset
    named = [one if isinstance(one, str) else one.name for one in strategies]
    command = command_line(["run", *named], {"dataset": name, **asked})
    given = None
    if changes or handed is not None or any(isinstance(one, Strategy) for one in strategies):
        command = _call("ff.run", named, {"dataset": name, **changes, **asked})
        chosen = strategies or tuple(
            name for name in workspace.names("strategies") if not workspace.is_tuned(name)
        )
        bets = [_bet(workspace, one, _prefixed(changes)) for one in chosen]
        given = Given(bets=tuple(bets), dataset=handed)
    data, others = DataRequest.split({"dataset": name, **asked}, command=command)
    told = RunOptions.of(workspace, data, strategies=tuple(named), command=command, **others)
    with progress_shown() as step:
        result, folder = run_job(workspace, told, step=step, given=given)
    return replace(result, folder=folder)


@checked
def sweep(
    strategy: str | Strategy,
    values: Mapping[str, Sequence[Any]],
    /,
    *,
    dataset: str | Dataset | None = None,
    **options: Unpack[SweepKeywords],
) -> Sweep:
    """One strategy measured at every combination of some values, all of them corrected together.

    All combinations are rows of one run: its words hold for all of them at once, each is a trial
    of the ledger, and the report shows them side by side. To look for the best value, use
    `ff.tune`, which says what the choice was worth afterwards.

    Args:
        strategy: by name, or an object.
        values: what to try, by name: a parameter of the signal or a setting of `[trade]`, such as
            `{"hold_hours": [24, 72], "quantile": [0.9, 0.95]}`; `"params.NAME"` and `"trade.NAME"`
            where both have the name.
        dataset: as for `ff.run`.
        options: those of `ff.run` but `params`, `hold_hours`, `trade` and `fragility`.

    Raises:
        FadeFollowError: any of its kinds; nothing is written then.
    """
    workspace, asked = find_workspace(), plain(options)
    handed = dataset if isinstance(dataset, Dataset) else None
    if handed is not None:
        _refuse_data_options(asked)
    points = _points(values)
    base = workspace.strategy(strategy) if isinstance(strategy, str) else strategy
    bets = [_point(workspace, base, number, point) for number, point in enumerate(points, 1)]
    name = handed.name if handed is not None else dataset
    command = _call("ff.sweep", [base.name, dict(values)], {"dataset": name, **asked})
    data, others = DataRequest.split({"dataset": name, **asked}, command=command)
    strategies = tuple(one.name for one, _ in bets)
    told = RunOptions.of(workspace, data, strategies=strategies, command=command, **others)
    with progress_shown() as step:
        given = Given(bets=tuple(bets), dataset=handed, name=f"sweep-{base.name}")
        result, folder = run_job(workspace, told, step=step, given=given)
    grid = pd.DataFrame(points, index=pd.Index(strategies, name="strategy"))
    return Sweep(base.name, grid, replace(result, folder=folder))


@checked
def tune(
    strategy: str,
    /,
    *,
    dataset: str | None = None,
    trials: int = 200,
    folds: int = 5,
    **options: Unpack[TuneKeywords],
) -> Tuning:
    """Search a strategy's parameters fold by fold, and judge the winners out of sample.

    As `fadefollow tune` does; called again, it goes on where it was.

    Args:
        strategy: by name; its `[search]` says where to look.
        dataset: its name; by default the workspace's own.
        trials: per fold.
        folds: each with an untouched stretch.
        options: those of `fadefollow tune`, see `fadefollow.notebook.options.TuneKeywords`.

    Returns:
        The job; `ff.read_run("latest")` is the out-of-sample book.

    Raises:
        FadeFollowError: any of its kinds; what is done of the study stays.
    """
    workspace = find_workspace()
    asked: dict[str, Any] = {"trials": trials, "folds": folds, **plain(options)}
    command = command_line(["tune", strategy], {"dataset": dataset, **asked})
    data, others = DataRequest.split({"dataset": dataset, **asked}, command=command)
    judging = {n: others.pop(n) for n in ("seed", "smallest_bps", "missing_funding") if n in others}
    told = RunOptions.of(workspace, data, strategies=(strategy,), command=command, **judging)
    places = ("storage", "study", "fresh", "jobs", "cluster")
    kept = {name: others.pop(name) for name in places if name in others}
    settings = tune_settings(workspace.strategy(strategy), seed=told.settings.seed, **others)
    chosen = TuneOptions(
        data=told.data,
        strategy=strategy,
        settings=settings,
        judging=told.settings,
        smallest_bps=told.smallest_bps,
        command=command,
        **kept,
    )
    with progress_shown() as step:
        return tune_job(workspace, chosen, step=step).tuning


@checked
def scan(*strategies: str, dataset: str | None = None, **options: Unpack[ScanKeywords]) -> Scan:
    """Which coin is in which phase now, since when, and what the last run says of it.

    Args:
        strategies: by name; by default all of the workspace that no tuning job wrote.
        dataset: its name; by default the workspace's own.
        options: those of `fadefollow scan`, see `fadefollow.notebook.options.ScanKeywords`.

    Raises:
        FadeFollowError: any of its kinds.
    """
    asked = {"dataset": dataset, **plain(options)}
    command = command_line(["scan", *strategies], asked)
    data, others = DataRequest.split(asked, command=command)
    with progress_shown() as step:
        chosen = ScanOptions(data=data, strategies=strategies, **others)
        return scan_job(find_workspace(), chosen, step=step)


def _bet(workspace: Workspace, strategy: str | Strategy, changes: Mapping[str, Any]) -> Bet:
    """A strategy with some settings changed, and its signal."""
    base = workspace.strategy(strategy) if isinstance(strategy, str) else strategy
    kind = workspace.signal(base.signal)
    params, trade = dict(base.params), base.trade.model_dump()
    for key, value in changes.items():
        table, name = _place(key, kind.params(), base.name)
        (params if table == "params" else trade)[name] = value
    varied = base.model_copy(
        update={
            "params": params,
            "trade": build(Trade, trade, where=f"{base.name}, trade"),
        }
    )
    checked_one = workspace.checked(varied, where=base.name)
    return checked_one, workspace.detector(checked_one)


def _place(key: str, params: Mapping[str, Any], strategy: str) -> tuple[str, str]:
    """The table of a setting, "params" or "trade", and its name there."""
    table, dot, name = key.partition(".")
    if dot and table in ("params", "trade"):
        return table, name
    own, trade = key in params, key in Trade.model_fields
    if own and trade:
        raise ParameterError(
            "a name of both signal and trade needs its table",
            got=repr(key),
            where=strategy,
            hint=f"params.{key} or trade.{key}",
        )
    if not own and not trade:
        raise unknown("parameter", key, [*params, *Trade.model_fields], where=strategy)
    return ("params" if own else "trade"), key


def _prefixed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of a run by "params.NAME" or "trade.NAME"."""
    found = {f"params.{key}": value for key, value in changes.get("params", {}).items()}
    found |= {f"trade.{key}": value for key, value in changes.get("trade", {}).items()}
    if "hold_hours" in changes:
        found["trade.hold_hours"] = changes["hold_hours"]
    return found


def _points(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    lists = {name: list(several) for name, several in values.items()}
    points = [dict(zip(lists, point, strict=True)) for point in itertools.product(*lists.values())]
    if not values or not 1 <= len(points) <= MOST_POINTS:
        raise ParameterError(
            f"a sweep must have 1 to {MOST_POINTS} combinations of values",
            got=len(points) if values else "no values",
            hint="ff.tune searches many",
        )
    return points


def _point(workspace: Workspace, base: Strategy, number: int, point: Mapping[str, Any]) -> Bet:
    """One combination as a strategy of its own name."""
    strategy, signal = _bet(workspace, base, point)
    told = ", ".join(f"{name} {value}" for name, value in point.items())
    named = {"name": f"{base.name[:60]}_{number:02d}", "title": f"{base.title}: {told}"}
    return strategy.model_copy(update=named), signal


def _refuse_data_options(asked: Mapping[str, Any]) -> None:
    for name in ("symbols", "since", "until", "universe", "revised", "open_holdout"):
        if name in asked:
            raise ParameterError(
                f"{name} is for data sets by name", hint="choose from the frames before ff.dataset"
            )


def _call(function: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> str:
    """The call as one writes it in Python."""
    given = {name: value for name, value in options.items() if value is not None}
    parts = [*map(repr, arguments), *(f"{name}={value!r}" for name, value in given.items())]
    return f"{function}({', '.join(parts)})"
