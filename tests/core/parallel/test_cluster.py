"""A worker pool on a real Dask cluster: the same results, and plain words when it fails."""

from __future__ import annotations

import dataclasses
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fadefollow.core.parallel.cluster as module
from fadefollow.core.cache.shared_folder import SHARED
from fadefollow.core.cache.shelf import Shelf
from fadefollow.core.parallel import WorkerPoolError, make_pool, worker
from fadefollow.errors import DataError, ParameterError, StoreError
from fadefollow.jobs.datasets import open_named
from fadefollow.market.datasets.request import DataRequest
from fadefollow.verdict.calibration import Design, Notebook, calibrate
from fadefollow.verdict.calibration.detection import measure_detection
from fadefollow.verdict.run.measure import Settings, measure
from fadefollow.workspace import find_workspace, init_workspace
from tests.support import pool_cases as cases
from tests.support.dask_cluster import cluster, dask_cluster  # noqa: F401
from tests.support.paths import ROOT
from tests.support.s3_bucket import bucket  # noqa: F401
from tests.support.web_hdfs import store  # noqa: F401

ARRAY = np.random.default_rng(1).normal(size=70_000)


@pytest.fixture(scope="module")
def pool(cluster):  # noqa: F811
    with make_pool(cluster=cluster) as made:
        yield made


@pytest.fixture
def cluster_with_s3(bucket, tmp_path_factory):  # noqa: F811
    """The address of a scheduler whose two workers have the bucket's credentials."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as made:
        made.add_workers(2)
        yield made.address


# ---- the same results ----


def test_results_are_those_of_one_process_bit_by_bit_and_in_order(pool, tmp_path):
    with make_pool(jobs=1) as alone:
        expected = alone.map(cases.total, range(20), alone.share(cases.Ledger(ARRAY, tmp_path)))
    found = pool.map(cases.total, range(20), pool.share(cases.Ledger(ARRAY, tmp_path / "log")))
    assert [value for value, _ in found] == [value for value, _ in expected]
    assert {writable for _, writable in found} == {False}


def test_what_is_shared_is_unpickled_once_in_each_worker_that_joins(pool, tmp_path):
    ledger = cases.Ledger(ARRAY, tmp_path / "log")
    shared = pool.share(ledger)
    for _ in range(3):
        pool.map(cases.total, range(30), shared)
    readers = ledger.readers()
    assert len(readers) == len(set(readers)) <= 2
    os.kill(readers[0], signal.SIGKILL)  # the nanny starts another, which has nothing yet
    while len(ledger.readers()) == len(readers):
        pool.map(cases.total, range(30), shared)
    assert readers[0] not in ledger.readers()[len(readers) :]


def test_workers_compute_with_one_thread(pool):
    assert {threads for _, threads in pool.map(cases.whereabouts, [1], pool.share(0.0))} == {"1"}


def test_detection_is_measured_the_same(cluster):  # noqa: F811
    asked: dict[str, Any] = {
        "signals": [find_workspace(ROOT).signal("funding")()],
        "seeds": [1000, 1001],
        "lab": {"years": 0.5, "coins": 1, "families": ["crowd"]},
        "bar": pd.Timedelta(hours=1),
        "step": lambda text, done: None,
    }
    here = measure_detection(jobs=1, **asked)
    assert measure_detection(cluster=cluster, **asked) == here
    assert len(here) == 2


def test_markets_of_a_calibration_are_judged_the_same(cluster, tmp_path):  # noqa: F811
    workspace = find_workspace(ROOT)
    strategy = workspace.strategy("fade_crowded_funding")
    design = Design(markets=2, planted_markets=0, years=0.5, coins=1, draws=30, families=("crowd",))
    bets = ((strategy, workspace.detector(strategy)),)
    tables = []
    for name, where in {"here": {"jobs": 1}, "there": {"cluster": cluster}}.items():
        notebook = Notebook(tmp_path / name)
        calibrate(design, bets, notebook=notebook, step=lambda text, done: None, **where)
        known, _ = notebook.read(design.key(bets))
        tables.append({k: repr(dataclasses.replace(t, seconds=0.0)) for k, t in known.items()})
    assert tables[0] == tables[1]
    assert len(tables[0]) == 2


@pytest.mark.parametrize(
    "shared",
    [
        "a store",
        pytest.param("nothing", marks=pytest.mark.slow),
        pytest.param("a folder", marks=pytest.mark.slow),
        pytest.param("s3", marks=pytest.mark.slow),
    ],
)
def test_a_run_is_measured_the_same(cluster, shared, tmp_path, monkeypatch, request):  # noqa: F811
    if shared == "s3":
        cluster = request.getfixturevalue("cluster_with_s3")
    files = _shared_files(shared, tmp_path, monkeypatch, request)
    workspace = find_workspace(ROOT)
    strategy = workspace.strategy("fade_crowded_funding")
    bets = [(strategy, workspace.detector(strategy))]
    since = "2022-07-01"
    dataset = open_named(
        workspace, DataRequest(dataset="lab", symbols=("IBEX", "LARK"), since=since)
    )
    asked: dict[str, Any] = {
        "settings": Settings(placebo_draws=150, bootstrap_draws=100),
        "step": lambda text, done: None,
    }
    here = measure(dataset, bets, **asked)
    with make_pool(cluster=cluster) as pool:
        there = measure(dataset, bets, pool=pool, **asked)
    assert here.verdicts[0].fade.n_trades > 10
    assert len(files()) == (shared != "nothing")
    del dataset
    gc.collect()
    assert files() == []
    for name in ("verdicts", "event_studies", "splits", "spa", "notes", "missing"):
        assert repr(getattr(there, name)) == repr(getattr(here, name)), name
    for name in ("trades", "phases", "equity"):
        pd.testing.assert_frame_equal(getattr(there, name), getattr(here, name), check_exact=True)


def _shared_files(shared, tmp_path, monkeypatch, request) -> Callable[[], list[str]]:
    """Sets the folder that the machines share; a function that lists its files."""
    if shared == "nothing":
        return list
    if shared == "a folder":
        monkeypatch.setenv(SHARED, str(tmp_path))
        return lambda: [path.name for path in tmp_path.iterdir()]
    if shared == "a store":
        hdfs = request.getfixturevalue("store")
        monkeypatch.setenv(SHARED, hdfs.address)
        return lambda: list(hdfs.files)
    made = request.getfixturevalue("bucket")
    monkeypatch.setenv(SHARED, made.address)
    return made.files


# ---- what fails ----


def test_a_worker_killed_in_the_middle_costs_nothing(pool, tmp_path):
    found = {}
    for number, result in pool.stream(cases.noted, range(16), pool.share(tmp_path)):
        found[number] = result
        if len(found) == 3:  # the one that has just begun an item
            begun = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            os.kill(int(begun.suffix[1:]), signal.SIGKILL)
    assert found == {k: k * k for k in range(16)}
    assert len(list(tmp_path.glob(f"{begun.stem}.*"))) == 2  # done again


def test_a_worker_that_is_killed_is_replaced_by_one_that_reads_the_store_itself(
    pool,
    store,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    monkeypatch.setenv(SHARED, store.address)
    names = ["a", "once", "b", "c"]
    coins = Shelf((name, ARRAY + place) for place, name in enumerate(names))
    shared = pool.share((tmp_path, coins))
    assert len(store.files) == 1
    assert pool.map(cases.mean_after_a_death, names, shared) == [
        float((ARRAY + place).mean()) for place in range(4)
    ]
    assert len(list(tmp_path.glob("once.*"))) == 2
    monkeypatch.setattr(store, "short", 8)
    with pytest.raises(StoreError, match=r"\.shelf on .*: cannot read from the folder"):
        pool.map(cases.mean_of, names, pool.share(coins.only(names)))
    del shared, coins
    gc.collect()
    assert store.files == {}


def test_an_item_that_kills_all_its_workers_is_named_and_the_others_are_done(pool, tmp_path):
    items = ["a", "always", "b", "once", "c"]
    found = dict(pool.stream(cases.deadly, items, pool.share(tmp_path)))
    assert {k: v for k, v in found.items() if k != 1} == {0: "A", 2: "B", 3: "ONCE", 4: "C"}
    assert "item 1 ('always')" in str(found[1])


@pytest.mark.parametrize("error", [KeyError("five", 5), DataError("a rule", got=1.5, hint="a way")])
def test_what_work_raises_comes_back_as_it_was(pool, error):
    with pytest.raises(type(error)) as caught:
        pool.map(cases.refuses, range(4), pool.share(error))
    assert str(caught.value) == str(error)
    assert caught.value.args == error.args


SIGNAL = """
from fadefollow.phases import Signal

VALUE = 1

class Answer(Signal):
    phases = {}
    def features(self, market): ...
    def detect(self, market): ...
"""


def test_a_changed_workspace_is_noticed_and_used_anew(pool, tmp_path, monkeypatch):
    for name in [m for m in sys.modules if m == "signals" or m.startswith("signals.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [*sys.path])
    init_workspace(tmp_path / "w")
    path = tmp_path / "w" / "signals" / "answer.py"

    def shared(text: str):
        path.write_text(text)
        for name in [m for m in sys.modules if m == "signals" or m.startswith("signals.")]:
            del sys.modules[name]
        return pool.share(find_workspace(tmp_path / "w").signal("answer")())

    assert pool.map(cases.value_of, range(4), shared(SIGNAL)) == [1] * 4
    changed = shared(SIGNAL.replace("VALUE = 1", "VALUE = 200"))
    assert pool.map(cases.value_of, range(4), changed) == [200] * 4
    unread, gone = shared(SIGNAL), shared(SIGNAL)
    path.write_text(SIGNAL + "\n")
    with pytest.raises(WorkerPoolError, match=r"another workspace: another .*answer"):
        pool.map(cases.value_of, [0], unread)
    path.unlink()
    with pytest.raises(
        WorkerPoolError, match=r"worker on .*: no .*answer.py\n  hint: put the work"
    ):
        pool.map(cases.value_of, [0], gone)


def test_workers_of_another_version_are_refused(pool, monkeypatch):
    other = {**worker.program(), "numpy": "1.0"}
    monkeypatch.setattr(module, "program", lambda: other)
    with pytest.raises(
        WorkerPoolError, match=r"another program: numpy .* not 1.0.*\n  hint: install"
    ):
        pool.map(cases.whereabouts, [0], pool.share(0.0))


def test_unreachable_or_malformed_scheduler_address_is_refused(monkeypatch):
    monkeypatch.setattr(module, "_ANSWER", 0.5)
    with pytest.raises(WorkerPoolError, match="cannot reach the cluster: no answer from tcp://127"):
        make_pool(cluster="tcp://127.0.0.1:9").__enter__()
    with pytest.raises(ParameterError, match=r"address of a Dask scheduler; got 'carrier://pigeon"):
        make_pool(cluster="carrier://pigeon").__enter__()


def test_without_dask_the_way_to_get_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkerPoolError, match=r"hint: pip install 'fadefollow\[dask\]'"):
        make_pool(cluster="tcp://127.0.0.1:9").__enter__()


def test_a_cluster_that_loses_its_workers_or_its_scheduler_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ANSWER", 0.3)
    monkeypatch.setattr(module, "_NO_WORKERS", 0.5)
    with dask_cluster(tmp_path) as mine:
        with pytest.raises(
            WorkerPoolError, match=r"no workers in the cluster: none at tcp.* for 0 s"
        ):
            make_pool(cluster=mine.address).__enter__()
        workers = mine.add_workers()
        monkeypatch.setattr(module, "_ANSWER", 15.0)
        (tmp_path / "notes").mkdir()
        with make_pool(cluster=mine.address) as pool:
            shared = pool.share(tmp_path / "notes")
            stream = pool.stream(cases.noted, range(1000), shared)
            next(stream)
            os.killpg(workers.pid, signal.SIGKILL)
            with pytest.raises(WorkerPoolError, match="no workers"):
                list(stream)
        mine.add_workers()
        with make_pool(cluster=mine.address) as pool:
            stream = pool.stream(cases.noted, range(1000), pool.share(tmp_path / "notes"))
            next(stream)
            mine.scheduler.kill()
            with pytest.raises(WorkerPoolError, match="lost the connection to the scheduler"):
                list(stream)
