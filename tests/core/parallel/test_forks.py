"""Forks of this process: the same results as inline, and what happens when they die."""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fadefollow.core.cache import shelf
from fadefollow.core.cache.shelf import Shelf
from fadefollow.core.parallel import beside, forks, pool_here
from fadefollow.core.parallel.forks import Forks
from fadefollow.core.parallel.worker_pool import Inline
from fadefollow.errors import DataError
from tests.core.parallel.test_processes import alive
from tests.support import pool_cases as cases
from tests.support.dask_cluster import python_path, until

pytestmark = pytest.mark.skipif(not Forks.possible(), reason="of Linux, and of a first process")
ARRAY = np.random.default_rng(1).normal(size=70_000)


@pytest.fixture
def pool():
    return Forks(2)


def test_results_are_those_of_one_process_and_nothing_is_pickled_on_the_way_there(pool, tmp_path):
    ledger = cases.Ledger(ARRAY, tmp_path / "log")
    found = pool.map(cases.total, range(20), pool.share(ledger))
    assert found == Inline().map(cases.total, range(20), Inline().share(ledger))
    assert ledger.readers() == []


def test_each_stream_sees_what_was_found_before_it(pool):
    known = {"a": 1}
    shared = pool.share(known)
    for value in (1, 2):
        known["a"] = value
        assert pool.map(lambda data, k: data["a"] * k, [1, 2, 3], shared) == [
            value,
            2 * value,
            3 * value,
        ]


def test_two_children_share_the_work_and_the_parent_does_a_single_item(pool):
    shared = pool.share(0.05)
    pids = {pid for pid, _ in pool.map(cases.whereabouts, range(8), shared)}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert {pid for pid, _ in pool.map(cases.whereabouts, [1], shared)} == {os.getpid()}


def test_the_item_of_a_child_that_died_is_done_here(pool, tmp_path):
    items = ["a", "once", "b", "c", "d"]
    found = dict(pool.stream(cases.deadly, items, pool.share(tmp_path)))
    assert found == {k: item.upper() for k, item in enumerate(items)}
    tries = {name: len(list(tmp_path.glob(f"{name}.*"))) for name in items}
    assert tries == {"a": 1, "once": 2, "b": 1, "c": 1, "d": 1}


def test_where_all_children_die_the_parent_does_what_is_left(pool):
    me = os.getpid()

    def only_here(data: None, item: int) -> int:
        if os.getpid() != me:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    assert pool.map(only_here, range(5), pool.share(None)) == list(range(5))


@pytest.mark.parametrize("error", [KeyError("five", 5), DataError("a rule", got=1.5, hint="a way")])
def test_what_work_raises_comes_back_as_it_was(pool, error):
    with pytest.raises(type(error)) as caught:
        pool.map(cases.refuses, range(4), pool.share(error))
    assert caught.value.args == error.args
    assert "in refuses" in str(caught.value.__cause__)


def test_a_stream_that_is_left_early_leaves_nothing_running(pool, tmp_path):
    stream = pool.stream(cases.noted, range(50), pool.share(tmp_path))
    next(stream)
    stream.close()
    at_work = {int(path.suffix[1:]) for path in tmp_path.iterdir()}
    assert not any(map(alive, at_work))


def test_children_write_to_files_of_their_own_and_read_the_parents(pool, monkeypatch):
    monkeypatch.setattr("fadefollow.core.cache.shelf.KEPT_BYTES", 0)
    shelf = Shelf((k, np.full(1000, k)) for k in range(6))

    def doubled(shelf: Shelf, k: int) -> tuple[int, int, int]:
        before = int(shelf[k].sum())
        for place in range(10 * k, 10 * k + 10):
            shelf.put(100 + place, np.full(500, place))
        return before, int(shelf[100 + 10 * k].sum()), int(shelf[(k + 1) % 6].sum())

    expected = [(1000 * k, 5000 * k, 1000 * ((k + 1) % 6)) for k in range(6)]
    assert pool.map(doubled, range(6), pool.share(shelf)) == expected
    assert [int(shelf[k].sum()) for k in range(6)] == [1000 * k for k in range(6)]


PARENT = """
import sys, time
from fadefollow.core.parallel.forks import Forks
from tests.support import pool_cases as cases
from pathlib import Path
pool = Forks(2)
def slow(folder, item):
    cases.noted(folder, item)
    time.sleep(0.2)
pool.map(slow, range(1000), pool.share(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_children_end_with_their_parent(tmp_path, sign):
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": python_path()}, stderr=subprocess.DEVNULL
    ) as parent:
        until(lambda: len(list(tmp_path.iterdir())) >= 2, 30.0)
        pids = {int(path.suffix[1:]) for path in tmp_path.iterdir()}
        parent.send_signal(sign)
    assert len(pids) == 2
    until(lambda: not any(map(alive, pids)), 10.0)
    done = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) == done


def test_there_are_as_many_forks_as_threads_and_a_fork_has_none_of_its_own(pool, monkeypatch):
    def kind(data: None, item: int) -> str:
        return type(pool_here()).__name__

    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert pool_here().n_workers == 3
    assert pool.map(kind, [1, 2], pool.share(None)) == ["Inline", "Inline"]
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert type(pool_here()) is Inline


def test_work_beside_a_block_sees_its_memory_and_is_done_once(monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    seen = {"here": os.getpid()}
    with beside(lambda: (os.getpid(), seen["here"])) as found:
        first = found()
        assert found() is first
    assert first[0] != os.getpid()
    assert first[1] == os.getpid()


def test_what_work_beside_raises_is_raised_where_it_is_asked_for(monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")

    def fails() -> None:
        raise DataError("no", got="x")

    with beside(fails) as found:
        for _ in range(2):
            with pytest.raises(DataError, match="no"):
                found()
    with beside(fails):  # nobody asks
        pass


def test_work_of_a_fork_that_died_is_done_here(monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    here = os.getpid()

    def dies() -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return here

    with beside(dies) as found:
        assert found() == here


def test_without_memory_for_a_fork_work_is_done_here(monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")

    def full(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(forks, "_forked", full)
    before = gc.get_freeze_count()
    with beside(os.getpid) as found:
        assert found() == os.getpid()
    assert gc.get_freeze_count() <= before


def test_a_fork_frees_what_it_lets_go_of(monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    monkeypatch.setattr(shelf, "_BUDGET", shelf._Budget())
    held = {"shelf": shelf.Shelf([("a", np.zeros(100_000))])}

    def let_go() -> tuple[int, int]:
        before = shelf._BUDGET._used
        held["shelf"] = shelf.Shelf()
        return before, shelf._BUDGET._used

    with beside(let_go) as found:
        before, after = found()
    assert before > 800_000
    assert after == 0


def test_one_core_works_when_it_is_asked(monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    done: list[int] = []
    with beside(lambda: done.append(os.getpid())) as found:
        assert done == []
        found()
        found()
    assert done == [os.getpid()]


def test_forks_share_half_of_what_their_parent_may_keep(monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    monkeypatch.setattr(shelf, "_BUDGET", shelf._Budget())
    monkeypatch.setattr(shelf, "KEPT_BYTES", 4_000_000)
    mine = shelf.Shelf([("a", np.zeros(400_000))])

    def kept(_: None, __: int) -> int:
        own = shelf.Shelf((k, np.zeros(100_000)) for k in range(4))
        return sum(not isinstance(own._values[k], shelf._Place) for k in own)

    pool = Forks(2)
    assert pool.map(kept, [0, 1], pool.share(None)) == [1, 1]  # 1 MB each: one array and its pickle
    assert len(mine) == 1
