"""The table of phases and its entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError, SignalError
from fadefollow.market import Market
from fadefollow.phases import Phases, Signal, detect_checked
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
        kind().quantile = 0.5


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
    with pytest.raises(SignalError, match="no actor"):
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

    with pytest.raises(SignalError, match=r"must not fail; got KeyError.*test_phases.py, line"):
        detect_checked(_signal(fails), market("A"))


def test_what_a_signal_returns_is_held_to_what_it_declares() -> None:
    with pytest.raises(SignalError, match="must return Phases"):
        detect_checked(_signal(lambda _: None), market("A"))
    other = {**event(1, 1), "phase": "down"}
    with pytest.raises(SignalError, match=r"must declare.*'down'"):
        detect_checked(_signal(lambda m: Phases.of(m, signal="s", events=[other])), market("A"))
