"""The same walk-forward on a Dask cluster, one of whose workers is killed in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.core.parallel import make_pool
from fadefollow.jobs.datasets import open_named
from fadefollow.market.datasets.request import DataRequest
from fadefollow.tuning import walk_forward as module
from fadefollow.tuning.evaluator import TrialData, TrialRequest, TrialResult, evaluate
from fadefollow.tuning.settings import tune_settings
from fadefollow.tuning.walk_forward import Observer, Walked, walk
from fadefollow.verdict.run.measure import Settings
from fadefollow.workspace import find_workspace
from tests.support.dask_cluster import cluster  # noqa: F401


class Memory(list):
    def trials(self):
        return list(self)

    append = list.extend


def deadly(data: TrialData, request: TrialRequest) -> TrialResult:
    """Evaluate, but kill the worker that gets one of the trials first."""
    if request.number != 5:
        return evaluate(data, request)
    mark = Path(data.space.strategy.account)  # words: they decide nothing
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return evaluate(data, request)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def walked(mark: Path, **pool_options) -> Walked:
    workspace = find_workspace()
    strategy = workspace.strategy("fade_crowded_funding").model_copy(update={"account": str(mark)})
    kept: dict[int, Memory] = {}
    dataset = open_named(workspace, DataRequest(dataset="lab", symbols=("IBEX",)))
    return walk(
        dataset,
        strategy,
        workspace.detector(strategy),
        settings=tune_settings(strategy, trials=20, folds=2, min_trades=5),
        judging=Settings(placebo_draws=100, bootstrap_draws=100),
        logs=lambda cut: kept.setdefault(cut.number, Memory()),
        make_pool=lambda seconds: make_pool(**pool_options),
        observer=Observer(),
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Walked:
    return walked(tmp_path_factory.mktemp("alone") / "mark", jobs=1)


@pytest.mark.parametrize("where", ["cluster", "processes"])
def test_a_killed_worker_changes_nothing(request, where, alone, tmp_path, monkeypatch) -> None:
    choice = {"jobs": 2}
    if where == "cluster":
        choice = {"cluster": request.getfixturevalue("cluster")}
    monkeypatch.setattr(module, "evaluate", deadly)
    found = walked(tmp_path / "mark", **choice)
    assert (tmp_path / "mark").exists()  # a worker did die
    assert repr(found.trials) == repr(alone.trials)
    assert repr(found.folds) == repr(alone.folds)
    assert repr(found.measured.verdicts) == repr(alone.measured.verdicts)
    pd.testing.assert_frame_equal(found.measured.trades, alone.measured.trades, check_exact=True)
