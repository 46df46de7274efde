"""The search space: what may be changed, how far, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import optuna.distributions as od
import pytest

from fadefollow.engine.strategy import Range, Strategy
from fadefollow.errors import FadeFollowError, ParameterError, SpecError, UnknownNameError
from fadefollow.tuning.space import Space


def space_of(workspace, *, bar_hours: float = 1.0, **search: dict) -> Space:
    strategy = workspace.strategy("fade_crowded_funding")
    named = {key.replace("__", "."): Range(**span) for key, span in search.items()}
    changed: Strategy = strategy.model_copy(update={"search": named})
    return Space.of(changed, workspace.detector(changed), bar_hours=bar_hours)


def test_each_kind_of_range_becomes_its_distribution(workspace) -> None:
    space = space_of(
        workspace,
        params__quantile={"low": 0.85, "high": 0.99},
        params__floor_bps={"low": 0.5, "high": 5, "log": True},
        trade__hold_hours={"low": 24, "high": 100, "step": 8},
        trade__delay_bars={"low": 0, "high": 3},
        trade__stop={"choices": ("off", 0.05, 0.1)},
        trade__opposite={"choices": (True, False)},
    )
    assert space.distributions == {
        "params.quantile": od.FloatDistribution(0.85, 0.99),
        "params.floor_bps": od.FloatDistribution(0.5, 5.0, log=True),
        "trade.hold_hours": od.FloatDistribution(24.0, 96.0, step=8.0),
        "trade.delay_bars": od.IntDistribution(0, 3),
        "trade.stop": od.CategoricalDistribution(["off", 0.05, 0.1]),
        "trade.opposite": od.CategoricalDistribution([True, False]),
    }
    assert space.words() == {
        "params.quantile": "0.85 to 0.99",
        "params.floor_bps": "0.5 to 5, logarithmic",
        "trade.hold_hours": "24 to 96 by 8",
        "trade.delay_bars": "0 to 3",
        "trade.stop": "one of off, 0.05, 0.1",
        "trade.opposite": "one of True, False",
    }


def test_a_candidate_is_the_file_with_some_values_changed(workspace) -> None:
    space = space_of(
        workspace,
        params__quantile={"low": 0.85, "high": 0.99},
        trade__stop={"choices": ("off", 0.05)},
        trade__exit_on={"choices": (["crowded_long"], ["crowded_short"])},
    )
    signal: Any
    signal, trade = space.candidate(
        {"params.quantile": 0.9, "trade.stop": 0.05, "trade.exit_on": '["crowded_long"]'}
    )
    assert signal.quantile == 0.9
    assert signal.lookback_days == 90.0  # as in the file
    assert (trade.stop, trade.exit_on, trade.hold_hours) == (0.05, ("crowded_long",), 72.0)
    assert space.candidate({"trade.stop": "off"})[1].stop is None
    assert space.start() == {"params.quantile": 0.95, "trade.stop": "off", "trade.exit_on": "[]"}


@pytest.mark.parametrize("bar_hours", [1.0, 8.0])
def test_hours_go_in_steps_of_the_bar(workspace, bar_hours: float) -> None:
    space = space_of(workspace, bar_hours=bar_hours, trade__hold_hours={"low": 24, "high": 168})
    assert space.distributions["trade.hold_hours"] == od.FloatDistribution(24, 168, step=bar_hours)


def test_the_longest_holding_time_counts_the_delay(workspace) -> None:
    space = space_of(
        workspace,
        trade__hold_hours={"low": 24, "high": 168, "step": 8},
        trade__delay_bars={"low": 0, "high": 5},
    )
    assert space.longest_hours == 168 + 6
    assert space_of(workspace, params__quantile={"low": 0.9, "high": 0.95}).longest_hours == 72 + 1


@pytest.mark.parametrize(
    ("search", "kind", "words"),
    [
        ({}, SpecError, "nothing to search"),
        ({"params__quantil": {"low": 0.9, "high": 0.95}}, UnknownNameError, "'quantile'"),
        ({"param__quantile": {"low": 0.9, "high": 0.95}}, UnknownNameError, "'params'"),
        ({"trade__weight": {"low": 0.5, "high": 1}}, UnknownNameError, "tunable setting"),
        ({"params__quantile": {"low": 0.5, "high": 0.95}}, ParameterError, "within 0.8 to 0.995"),
        (
            {"trade__hold_hours": {"low": 20, "high": 90, "step": 7.5}},
            ParameterError,
            "in steps of",
        ),
        ({"trade__hold_hours": {"low": 20.5, "high": 90.5}}, ParameterError, "multiple of the bar"),
        ({"trade__stop": {"low": 0.01, "high": 1.5}}, FadeFollowError, "less than 1"),
        ({"trade__stop": {"low": 0.0, "high": 0.5, "log": True}}, ParameterError, "above zero"),
        ({"trade__opposite": {"low": 0, "high": 1}}, ParameterError, "with choices"),
        ({"trade__delay_bars": {"low": 0, "high": 2.5}}, ParameterError, "must be whole"),
        ({"trade__stop": {"choices": ()}}, ParameterError, "must not be empty"),
        ({"trade__stop": {"choices": ("none",)}}, FadeFollowError, "trade"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(workspace, search, kind, words) -> None:
    with pytest.raises(kind, match=words):
        space_of(workspace, **search)


def test_hours_that_do_not_fit_the_bars_are_refused(workspace) -> None:
    with pytest.raises(ParameterError, match="got steps of 12 h on bars of 8 h"):
        space_of(workspace, bar_hours=8.0, trade__hold_hours={"low": 12, "high": 48, "step": 12})


def test_all_stock_strategies_can_be_searched(workspace) -> None:
    for name in workspace.names("strategies"):
        strategy = workspace.strategy(name)
        space = Space.of(strategy, workspace.detector(strategy), bar_hours=1.0)
        assert set(space.distributions) == set(strategy.search)
