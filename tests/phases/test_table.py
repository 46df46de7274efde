"""The table of phases and its entries."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.plans.plan import _by_coin
from fadefollow.errors import DataError, ParameterError, SignalError
from fadefollow.market import Market
from fadefollow.phases import Phases, Signal, detect_checked, detect_coins
from fadefollow.workspace import find_workspace

START = pd.Timestamp("2024-01-01", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def market(symbol: str, bars: int = 6, start: pd.Timestamp = START) -> Market:
    time = pd.date_range(start, periods=bars, freq="h", unit="ns")
    perp = pd.DataFrame({"time": time, "available": time + HOUR})
    return Market(
        symbol, bar=HOUR, tables={"perp": perp.assign(open=1.0, high=1.0, low=1.0, close=1.0)}
    )


def event(bar: int, lean: int) -> dict[str, object]:
    return {"bar": bar, "phase": "up", "lean": lean, "actor": "crowd", "strength": 1.0}


def test_entries_are_on_the_next_open_and_on_the_stance_s_side() -> None:
    found = Phases.of(market("A"), signal="s", events=[event(1, 1), event(3, -1), event(5, 1)])
    long, short = found.entries("follow")
    assert long["A"].tolist() == [False, False, True, False, False, False]
    assert short["A"].tolist() == [False, False, False, False, True, False]
    fade_long, fade_short = found.entries("fade")
    pd.testing.assert_frame_equal(fade_long, short)
    pd.testing.assert_frame_equal(fade_short, long)


def test_a_delay_moves_entries_and_drops_those_beyond_the_end() -> None:
    found = Phases.of(market("A"), signal="s", events=[event(1, 1), event(4, 1)])
    long, _ = found.entries("follow", delay_bars=1)
    assert long["A"].tolist() == [False, False, False, True, False, False]


def test_coins_are_joined_on_the_union_of_their_bars() -> None:
    later = market("B", bars=3, start=START + 5 * HOUR)
    found = Phases.concat(
        [
            Phases.of(market("A"), signal="s", events=[event(0, 1)]),
            Phases.of(later, signal="s", events=[event(0, -1)]),
        ]
    )
    long, short = found.entries("follow")
    assert long.shape == (8, 2)
    assert long.index[long["A"]].tolist() == [START + HOUR]
    assert short.index[short["B"]].tolist() == [START + 6 * HOUR]
    assert found.table["symbol"].tolist() == ["A", "B"]


def test_nothing_to_join_is_refused() -> None:
    with pytest.raises(DataError, match="at least one table"):
        Phases.concat([])


def test_parameters_are_frozen_and_bounded() -> None:
    kind = find_workspace().signal("funding")
    with pytest.raises(ParameterError, match=r"cooldown_hours must be between 0 and 336 hours.*-1"):
        kind(cooldown_hours=-1)
    with pytest.raises(ValueError, match="frozen"):
        kind().quantile = 0.5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"bar": -1}, "bar must be from 0 to 5"),
        ({"bar": 6}, "bar must be from 0 to 5"),
        ({"lean": 0}, "lean must be"),
        ({"lean": 1.9}, "lean must be"),
        ({"strength": float("nan")}, "strength must be"),
        ({"strength": -5.0}, "strength must be"),
        ({"strength": float("inf")}, "strength must be"),
    ],
)
def test_an_event_that_is_none_is_refused(change: dict[str, float], rule: str) -> None:
    with pytest.raises(SignalError, match=rule):
        Phases.of(market("A"), signal="s", events=[{**event(1, 1), **change}])


def test_an_event_must_have_its_columns_and_be_alone_on_its_bar() -> None:
    lacking = {k: v for k, v in event(1, 1).items() if k != "actor"}
    with pytest.raises(SignalError, match="column actor"):
        Phases.of(market("A"), signal="s", events=[lacking])
    with pytest.raises(SignalError, match="twice on a bar"):
        Phases.of(market("A"), signal="s", events=[event(1, 1), event(1, -1)])


def _signal(found: Callable[[Market], Phases | None]) -> Signal:
    class Made(Signal):
        phases: ClassVar[dict[str, tuple[str, ...]]] = {"up": ("perp",)}

        def features(self, market: Market) -> dict[str, np.ndarray]:
            return {}

        def detect(self, market: Market) -> Phases:
            return found(market)  # type: ignore[return-value]

    return Made()


def test_a_signal_that_fails_is_named_with_its_coin_and_line() -> None:
    def fails(market: Market) -> Phases:
        raise KeyError("close")

    with pytest.raises(SignalError, match=r"failed with KeyError.*test_table.py, line"):
        detect_checked(_signal(fails), market("A"))


def test_what_a_signal_returns_is_held_to_what_it_declares() -> None:
    with pytest.raises(SignalError, match="must return Phases"):
        detect_checked(_signal(lambda _: None), market("A"))
    other = {**event(1, 1), "phase": "down"}
    with pytest.raises(SignalError, match=r"must declare.*'down'"):
        detect_checked(_signal(lambda m: Phases.of(m, signal="s", events=[other])), market("A"))


def fails_on(*coins: str) -> Signal:
    """Finds an event in each coin, of strength infinity in those named."""

    def found(one: Market) -> Phases:
        strength = np.float64(1.0) / np.float64(0.0 if one.symbol in coins else 1.0)
        return Phases.of(one, signal="s", events=[{**event(1, 1), "strength": strength}])

    return _signal(found)


def test_a_coin_on_which_a_signal_fails_is_left_out_and_named() -> None:
    found = detect_coins(fails_on("A"), [market("A"), market("B")])
    assert found.table["symbol"].tolist() == ["B"]
    assert list(found.failed) == ["A"]
    assert "inf" in found.failed["A"]
    assert found.select("up").failed == found.failed
    assert Phases.concat([found, found]).failed == found.failed


def test_a_signal_that_fails_on_every_coin_is_an_error() -> None:
    with pytest.raises(SignalError, match="inf"):
        detect_coins(fails_on("A", "B"), [market("A"), market("B")])


def many(phase: str, bars: list[int], lean: int, **context: object) -> dict[str, object]:
    row = {"phase": phase, "lean": lean, "actor": "crowd", "strength": 1.0}
    return {"bar": np.array(bars), **row, **context}


def test_many_events_at_once_are_the_same_as_one_by_one() -> None:
    at_once = [
        many("up", [4, 1], 1, height=np.array([40.0, 10.0])),
        many("none", [], 1, height=np.array([])),
        many("down", [4], -1, height=np.array([41.0])),
    ]
    single = [
        {**event(4, 1), "height": 40.0},
        {**event(1, 1), "height": 10.0},
        {**event(4, -1), "phase": "down", "height": 41.0},
    ]
    one, other = (Phases.of(market("A"), signal="s", events=e) for e in (at_once, single))
    pd.testing.assert_frame_equal(one.table, other.table)
    assert one.table["height"].tolist() == [10.0, 41.0, 40.0]
    assert one.names == other.names == {"up", "down"}
    assert len(one) == 3


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"bar": np.array([1, 6])}, "bar must be from 0 to 5"),
        ({"bar": np.array([1.5, 2.0])}, "bar must be from 0 to 5"),
        ({"bar": np.array([1, 1])}, "twice on a bar"),
        ({"lean": np.array([1, 0])}, "lean must be"),
        ({"strength": np.array([1.0, np.nan])}, "strength must be"),
        ({"height": np.array([1.0, 2.0, 3.0])}, r"same length; got bar \(2,\), height \(3,\)"),
    ],
)
def test_many_events_are_held_to_the_same_rules(change: dict[str, object], rule: str) -> None:
    with pytest.raises(SignalError, match=rule):
        Phases.of(market("A"), signal="s", events=[{**many("up", [1, 2], 1), **change}])


def test_marks_are_what_a_plan_reads_from_the_table() -> None:
    # two phases on a bar, named in another order than that of the alphabet
    events = [many("up", [3, 1], 1), many("down", [5, 3], -1), many("other", [2], 1)]
    coin = market("A")
    found = Phases.of(coin, signal="s", events=events)
    marks = found.marks("up", "down")
    assert marks.bar.tolist() == [1, 3, 3, 5]
    assert marks.lean.tolist() == [1, 1, -1, -1]
    assert marks.code.tolist() == [0, 0, 1, 1]
    assert {a.dtype for a in marks} == {np.dtype(np.int64)}
    time = coin.open_time.astype(np.int64)
    (read,) = _by_coin(found.table, ["A"], ("up", "down"), time)
    for mark, planned in zip(marks, read, strict=True):
        np.testing.assert_array_equal(mark, planned)
    # the same from a table as from bare events, and after a trip to another process
    for same in (
        Phases(found.table, found.grids, found.missing),
        pickle.loads(pickle.dumps(found)),
    ):
        for mark, other in zip(marks, same.marks("up", "down"), strict=True):
            np.testing.assert_array_equal(mark, other)
    assert [len(part) for part in found.marks("absent")] == [0, 0, 0]


def test_marks_of_several_coins_are_refused() -> None:
    both = Phases.concat(Phases.of(market(s), signal="s", events=[]) for s in "AB")
    with pytest.raises(DataError, match="a single coin; got A, B"):
        both.marks("up")


def test_checked_detection_needs_no_table() -> None:
    found = detect_checked(
        _signal(lambda m: Phases.of(m, signal="s", events=[event(1, 1)])), market("A")
    )
    found.marks("up")
    assert "table" not in vars(found)
    assert found.table["strength"].tolist() == [1.0]
