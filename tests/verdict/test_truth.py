"""What was planted behind a phase."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.core.cache.memo import Memo
from fadefollow.engine.strategy import Strategy
from fadefollow.market.lab import Lab, simulate
from fadefollow.verdict import truth as truth_module
from fadefollow.verdict.truth import inherited, labelled, simulated

HOUR = pd.Timedelta(hours=1)


def spread(phase: str) -> Strategy:
    return Strategy.model_validate(
        {
            "name": "spread",
            "title": "t",
            "claim": "fade",
            "account": "a",
            "signal": "basis",
            "phases": [phase],
            "trade": {"instrument": "carry", "hold_hours": 336},
        }
    )


def test_a_label_s_drift_is_the_mean_over_its_episodes() -> None:
    truth = pd.DataFrame(
        {
            "phase": ["up", "up", "down"],
            "planted_bps": [100.0, 200.0, -50.0],
            "horizon_hours": [24.0, 24.0, 72.0],
        }
    )
    assert labelled(truth, "up") == (150.0, 24.0)
    assert labelled(truth, "flat") == (0.0, None)


def test_who_is_long_the_rich_future_against_spot_loses_its_convergence() -> None:
    """The lab's rich carry stands near 50 % a year and ends: the basis comes back."""
    lab = {"seed": 3, "years": 1.5, "coins": 2, "families": ["basis"]}
    planted, hours = simulated(spread("rich_carry"), "rich_carry", lab=lab, bar=HOUR)
    assert hours == 336
    assert planted < -200
    opposite, _ = simulated(spread("backwardation"), "backwardation", lab=lab, bar=HOUR)
    assert opposite < 0  # short the cheap future: it comes up to spot again


def test_without_an_episode_nothing_is_known() -> None:
    lab = {"seed": 3, "years": 0.5, "coins": 1, "families": []}
    planted, _ = simulated(spread("rich_carry"), "rich_carry", lab=lab, bar=HOUR)
    assert math.isnan(planted)


def test_the_same_settings_give_the_same_truth() -> None:
    lab = {"seed": 4, "years": 1.0, "coins": 1, "families": ["basis"]}
    first, second = (
        simulated(spread("rich_carry"), "rich_carry", lab=lab, bar=HOUR) for _ in range(2)
    )
    assert first == pytest.approx(second, rel=0)


def test_strategies_of_a_data_set_share_the_other_markets(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def counted(settings: Mapping[str, Any], **more: Any) -> Lab:
        seeds.append(settings["seed"])
        return simulate(settings, **more)

    monkeypatch.setattr(truth_module, "simulate", counted)
    lab, memo = {"seed": 4, "years": 1.0, "coins": 1, "families": ["basis"]}, Memo()
    found = [
        simulated(spread(phase), phase, lab=lab, bar=HOUR, memo=memo)
        for phase in ("rich_carry", "backwardation")
    ]
    assert seeds == [10_004, 20_004]
    assert found[0] == simulated(spread("rich_carry"), "rich_carry", lab=lab, bar=HOUR)


def test_what_is_planted_elsewhere_counts_for_the_events_that_fall_into_it(make_plan, make_arrays):
    # hourly bars, 24 h held; longs of "s" begin at bars 11 and 61, one short at bar 31
    arrays = make_arrays(np.full(200, 100.0), symbol="X")
    plan = make_plan([arrays], [[10, 30, 60]], [[1, -1, 1]])
    start = pd.to_datetime([arrays.time[11], arrays.time[25]], utc=True)
    truth = pd.DataFrame(
        {
            "symbol": ["X", "Y"],
            "phase": ["crowded_short", "crowded_short"],
            "start": start,
            # against the lean, which is short: the perp rises by 300 bps over 48 h
            "planted_bps": [-300.0, -300.0],
            "horizon_hours": [48.0, 48.0],
        }
    )
    phase = plan.phases[0]
    # the first long has half of the growth, the short that of 24 of its hours, the other long none
    half = 1.03**0.5 - 1.0
    assert inherited(plan, phase, truth) == pytest.approx(1e4 * (half - half + 0.0) / 3, abs=1e-9)
    alone = make_plan([arrays], [[10, 60]], [[1, 1]])
    assert inherited(alone, phase, truth) == pytest.approx(1e4 * half / 2)
    none = make_plan([arrays], [[100]], [[1]])
    assert inherited(none, phase, truth) == 0.0
