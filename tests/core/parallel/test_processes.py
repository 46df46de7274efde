"""Worker pools of this machine: the same results as inline, and what happens when workers die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fadefollow.core.parallel import LostItemError, WorkerPoolError, make_pool
from fadefollow.errors import DataError, ParameterError
from tests.support import pool_cases as cases
from tests.support.dask_cluster import python_path, until

ARRAY = np.random.default_rng(1).normal(size=70_000)


@pytest.fixture(scope="module")
def pool():
    with make_pool(jobs=2) as made:
        yield made


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_results_are_those_of_one_process_bit_by_bit_and_in_order(pool, tmp_path):
    with make_pool(jobs=1) as alone:
        expected = alone.map(cases.total, range(20), alone.share(cases.Ledger(ARRAY, tmp_path)))
    shared = pool.share(cases.Ledger(ARRAY, tmp_path / "log"))
    found = pool.map(cases.total, range(20), shared)
    assert [value for value, _ in found] == [value for value, _ in expected]
    assert {writable for _, writable in found} == {False}


def test_what_is_shared_is_unpickled_once_in_each_worker(pool, tmp_path):
    ledger = cases.Ledger(ARRAY, tmp_path / "log")
    shared = pool.share(ledger)
    for _ in range(3):
        pool.map(cases.total, range(30), shared)
    readers = ledger.readers()
    assert len(readers) == len(set(readers)) <= 2
    assert os.getpid() not in readers


def test_workers_stay_from_one_call_to_the_next_and_compute_with_one_thread(pool):
    shared = pool.share(0.05)
    first, second = (set(pool.map(cases.whereabouts, range(8), shared)) for _ in range(2))
    assert first == second
    assert len(first) == 2
    assert {threads for _, threads in first} == {"1"}


def test_a_function_of_a_notebook_can_be_work(pool):
    offset = 10
    assert pool.map(lambda data, k: data + offset + k, [1, 2], pool.share(100)) == [111, 112]


def test_an_item_whose_worker_dies_once_is_done_again_and_the_guilty_one_is_named(pool, tmp_path):
    items = ["a", "always", "b", "once", "c", "leaves", "d"]
    found = dict(pool.stream(cases.deadly, items, pool.share(tmp_path)))
    assert {k: v for k, v in found.items() if k not in (1, 5)} == {
        0: "A",
        2: "B",
        3: "ONCE",
        4: "C",
        6: "D",
    }
    assert "item 1 ('always')" in str(found[1])
    assert "item 5 ('leaves')" in str(found[5])
    tries = {name: len(list(tmp_path.glob(f"{name}.*"))) for name in items}
    # nobody else's work is done twice
    assert tries == {"a": 1, "always": 3, "b": 1, "once": 2, "c": 1, "leaves": 3, "d": 1}
    with pytest.raises(LostItemError, match=r"item 0 \('leaves'\).*\n  hint: most often memory"):
        pool.map(cases.deadly, ["leaves", "e"], pool.share(tmp_path))


def test_a_worker_killed_from_outside_costs_nothing(pool, tmp_path):
    shared = pool.share(tmp_path)
    found = {}
    for number, result in pool.stream(cases.noted, range(8), shared):
        found[number] = result
        if len(found) == 2:
            busy = sorted(tmp_path.glob("*.*"), key=lambda path: path.stat().st_mtime_ns)[-1]
            os.kill(int(busy.suffix[1:]), signal.SIGKILL)
    assert found == {k: k * k for k in range(8)}


def test_workers_that_always_die_are_no_fault_of_the_items(pool, tmp_path, monkeypatch):
    monkeypatch.setattr("fadefollow.core.parallel.worker_pool._HOPELESS", 2)
    with pytest.raises(WorkerPoolError, match="2 items in a row whose workers all died"):
        pool.map(cases.deadly, ["leaves"] * 3, pool.share(tmp_path))


@pytest.mark.parametrize(
    "error",
    [KeyError("five", 5), DataError("a rule", got=1.5, where="there", hint="a way"), SystemExit(7)],
)
def test_what_work_raises_comes_back_as_it_was(pool, error):
    with pytest.raises(type(error)) as caught:
        pool.map(cases.refuses, range(4), pool.share(error))
    assert str(caught.value) == str(error)
    assert caught.value.args == error.args
    assert "in refuses" in str(caught.value.__cause__)
    assert pool.map(cases.refuses, [1], pool.share(error)) == [1]


def test_an_error_that_cannot_travel_is_still_told(pool):
    def fails(data: object, item: int) -> None:
        raise cases.CannotTravel(1, 2)

    with pytest.raises(RuntimeError, match="CannotTravel: 1 and 2"):
        pool.map(fails, [0], pool.share(None))


def test_a_stream_that_is_left_early_leaves_nothing_running(pool, tmp_path):
    stream = pool.stream(cases.noted, range(50), pool.share(tmp_path))
    next(stream)
    stream.close()
    at_work = len(list(tmp_path.iterdir()))
    assert at_work <= 4
    assert pool.map(cases.whereabouts, [0], pool.share(0.0))
    assert len(list(tmp_path.iterdir())) == at_work


def test_no_jobs_are_refused():
    with pytest.raises(ParameterError, match="jobs must not be 0"), make_pool(jobs=0):
        pass


SCRIPT = """
import sys, tempfile
from pathlib import Path
from tests.support import pool_cases as cases
from fadefollow.core.parallel import make_pool
tempfile.tempdir = sys.argv[1]
try:
    with make_pool(jobs=2) as pool:
        pool.map(cases.noted, range(1000), pool.share(Path(sys.argv[2])))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_or_killed_no_process_and_no_file_is_left(tmp_path, number):
    private, notes = tmp_path / "private", tmp_path / "notes"
    private.mkdir(), notes.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(private), str(notes)],
        start_new_session=True,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    )
    until(lambda: len(list(notes.iterdir())) >= 4, 30)
    workers = {int(path.suffix[1:]) for path in notes.iterdir()}
    assert len(list(private.iterdir())) == 1
    if number == signal.SIGINT:  # as Ctrl-C: all processes of the terminal
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=10)
        assert (process.returncode, said) == (130, b"")
    else:
        os.kill(process.pid, number)
        process.communicate(timeout=10)  # until the last one that could write there is gone
    until(lambda: not any(alive(pid) for pid in workers), 5)
    until(lambda: not list(private.iterdir()), 5)
    done = len(list(notes.iterdir()))
    time.sleep(0.3)
    assert len(list(notes.iterdir())) == done
