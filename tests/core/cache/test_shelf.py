"""Shelves: what they give back, wherever it lies, and how much they keep in memory."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.core.cache import shelf
from fadefollow.core.cache.shared_folder import SHARED
from fadefollow.core.cache.shelf import Published, Shelf, only


@pytest.fixture(params=["in memory", "in the file", "some of each"])
def budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    kept = {"in memory": 10**9, "in the file": 0, "some of each": 40_000}[request.param]
    gc.collect()
    monkeypatch.setattr(shelf, "_BUDGET", shelf._Budget())
    monkeypatch.setattr(shelf, "KEPT_BYTES", kept)
    return str(request.param)


def _values(count: int = 6) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(1)
    index = pd.date_range("2024-01-01", periods=1000, freq="h", tz="UTC")
    return {
        f"C{k}": pd.DataFrame({"close": rng.normal(size=1000), "n": np.arange(1000)}, index=index)
        for k in range(count)
    }


@pytest.mark.usefixtures("budget")
def test_values_come_back_in_order_as_often_as_wanted() -> None:
    values = _values()
    kept = Shelf(values.items())
    assert list(kept) == list(values)
    assert len(kept) == 6
    assert "C3" in kept
    assert "D" not in kept
    for _ in range(2):
        for name, table in kept.items():
            pd.testing.assert_frame_equal(table, values[name])
    with pytest.raises(KeyError):
        kept["D"]


def test_a_value_lies_in_the_file_when_there_is_no_room(budget: str) -> None:
    values = _values()
    kept = Shelf(values.items())
    same = [kept[name] is table for name, table in values.items()]
    # 24 bytes a row with the index: one table of 24 kB fits into 40 kB, two do not
    assert sum(same) == {"in memory": 6, "in the file": 0, "some of each": 1}[budget]


@pytest.mark.usefixtures("budget")
def test_arrays_can_be_written_to_and_a_change_is_not_kept_in_the_file() -> None:
    kept = Shelf({1: np.arange(5000.0), 2: np.zeros(5000), 3: np.ones(5000), 4: np.ones(5)}.items())
    one = kept[1]
    assert one.flags.writeable
    assert kept[1] is one  # read a moment ago: at hand
    for key in (2, 3, 4):
        assert len(kept[key])
    assert kept[1][4999] == 4999.0


@pytest.mark.usefixtures("budget")
def test_some_of_a_shelf_and_a_pickled_one_have_the_same_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = _values()
    kept = Shelf(values.items())
    part = only(kept, ["C4", "C1"])
    again: Shelf[str, pd.DataFrame] = pickle.loads(pickle.dumps(part))
    monkeypatch.setenv(SHARED, str(tmp_path))
    published: Published[str, pd.DataFrame] = pickle.loads(pickle.dumps(part))
    assert [path.stat().st_size > 2 * 24_000 for path in tmp_path.iterdir()] == [True]
    pickle.dumps(part)
    assert len(list(tmp_path.iterdir())) == 1
    del kept
    gc.collect()
    for some in (part, again, published):
        assert list(some) == ["C4", "C1"]
        pd.testing.assert_frame_equal(some["C1"], values["C1"])
    for some in (part, published):
        with pytest.raises(KeyError):
            some["C2"]
    del part
    gc.collect()
    assert not list(tmp_path.iterdir())
    assert only({"a": 1, "b": 2}, ["b"]) == {"b": 2}


@pytest.mark.usefixtures("budget")
def test_a_value_is_made_once() -> None:
    calls: list[int] = []

    def make() -> list[int]:
        calls.append(1)
        return [7]

    kept: Shelf[str, list[int]] = Shelf()
    assert kept.ask("a", make) == [7]
    assert kept.ask("a", make) == [7]
    assert calls == [1]


def test_room_comes_back_with_the_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_BUDGET", shelf._Budget())
    monkeypatch.setattr(shelf, "KEPT_BYTES", 100_000)
    first: Shelf[int, np.ndarray] = Shelf([(0, np.ones(10_000))])
    assert _in_memory(first, 0)
    assert not _in_memory(Shelf([(0, np.ones(10_000))]), 0)
    part = only(first, [0])
    del first
    gc.collect()
    assert not _in_memory(Shelf([(0, np.ones(10_000))]), 0)  # the part still holds it
    del part
    gc.collect()
    assert _in_memory(Shelf([(0, np.ones(10_000))]), 0)


def _in_memory(kept: Shelf[int, np.ndarray], key: int) -> bool:
    return not isinstance(kept._values[key], shelf._Place)


@pytest.mark.usefixtures("budget")
def test_threads_read_and_write_at_once() -> None:
    kept: Shelf[int, np.ndarray] = Shelf()

    def work(number: int) -> bool:
        make: Callable[[], np.ndarray] = lambda: np.full(500, float(number % 40))  # noqa: E731
        found = kept.ask(number % 40, make)
        return bool((found == number % 40).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))
    assert all((kept[k] == k).all() for k in range(40))


def test_an_empty_shelf_can_be_filled_where_it_is_sent(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(SHARED, str(tmp_path))
    sent: Shelf[str, int] = pickle.loads(pickle.dumps(Shelf()))
    assert sent.ask("a", lambda: 1) == 1
    assert list(tmp_path.iterdir()) == []
