from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Costs
from fadefollow.errors import ParameterError
from fadefollow.verdict import JudgeSettings, NotTraded, judge
from fadefollow.verdict.run.rows import with_span

FEES = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)
FEW: dict[str, Any] = {"placebo_draws": 199, "bootstrap_draws": 300}


def _rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def judged(make_books):
    """Judge plans on their own books."""

    def _judged(*plans, claims=None, progress=None, **settings):
        return judge(
            plans,
            make_books(*plans),
            settings=JudgeSettings(**(FEW | settings)),
            claims=claims,
            progress=progress,
        )

    return _judged


def test_numbers_are_those_of_the_trades(make_stormy, make_books, judged):
    plan = make_stormy(_rng(0), days=500, costs=FEES)
    (verdict,) = judged(plan)
    for stance, result in (("fade", verdict.fade), ("follow", verdict.follow)):
        books = make_books(plan)["s", stance]
        regular = [book.trades[book.trades["reason"] != "end"] for book in books]
        returns = np.concatenate([trades["return"] for trades in regular])
        assert result.n_trades == len(returns)
        assert result.mean_net_bps == pytest.approx(1e4 * returns.mean())
        assert result.ci_bps[0] < result.mean_net_bps < result.ci_bps[1]
        assert result.win_rate == pytest.approx((returns > 0).mean())
        assert result.pnl.liquidation <= 0.0
        bars = np.concatenate([trades["exit_bar"] - trades["entry_bar"] for trades in regular])
        assert result.mean_hold_hours == pytest.approx(4 * bars.mean())
    assert verdict.n_phases == sum(map(len, plan.bars))
    assert verdict.symbols == ("C0", "C1", "C2")
    gap = verdict.follow.mean_net_bps - verdict.fade.mean_net_bps
    assert verdict.difference_ci_bps[0] < gap < verdict.difference_ci_bps[1]


def test_a_planted_edge_is_found_on_the_side_where_it_is(make_stormy, judged):
    for edge, word in ((0.05, "follow"), (-0.05, "fade")):
        plan = make_stormy(_rng(1), days=800, edge=edge, costs=FEES, opposite=False)
        (verdict,) = judged(plan)
        assert verdict.fate == word
        assert verdict.paying == ((word, "outright"),)
        found = verdict.result(word, "outright")
        assert found.word == "pays"
        assert found.band_bps[0] > 0.0
        assert found.p_adjusted < 0.05
        assert found.detectable_bps < 500
        assert verdict.settle is None  # nothing is left to settle


def test_a_rising_market_is_no_edge(make_stormy, judged):
    # most leans are long, and every long position earns 150 bps a day
    plan = make_stormy(_rng(2), days=800, drift=0.015, opposite=False)
    (verdict,) = judged(plan)
    assert verdict.follow.ci_bps[0] > 0.0
    assert verdict.follow.mean_net_bps > 100
    assert verdict.follow.anyhour_mean_bps == pytest.approx(verdict.follow.mean_net_bps, rel=0.5)
    assert verdict.follow.placebo_mean_bps == pytest.approx(
        verdict.follow.anyhour_mean_bps, rel=0.2
    )
    assert verdict.follow.p_adjusted > 0.05
    assert verdict.follow.word == "open"
    assert "placebo" in verdict.follow.reason.conditions
    assert verdict.fade.word == "loses"
    assert verdict.fate == "open"


def test_costs_beyond_any_edge_leave_neither(make_stormy, judged):
    plan = make_stormy(_rng(3), days=800, costs=Costs(fee=0.02, slippage=0.0, maintenance=0.0))
    (verdict,) = judged(plan)
    assert (verdict.fade.word, verdict.follow.word) == ("loses", "loses")
    assert verdict.fate == "neither"
    assert verdict.fade.breakeven_cost_bps == pytest.approx(
        -verdict.follow.breakeven_cost_bps, abs=5
    )


def test_few_independent_blocks_decide_nothing(make_stormy, judged):
    (verdict,) = judged(make_stormy(_rng(4), days=90, edge=0.2))
    assert verdict.fate == "untestable"
    assert verdict.follow.word == verdict.fade.word == "untestable"
    assert verdict.reason.code == "few_blocks"
    assert verdict.reason.blocks < verdict.reason.needed == 20
    assert math.isnan(verdict.follow.p_adjusted)
    assert 0.0 < verdict.follow.p_placebo < 1.0
    settle = verdict.settle
    assert settle.conditions == ("blocks",)
    assert settle.multiple == pytest.approx(20 / settle.blocks)
    # 90 days of history, and so many more
    assert settle.years == pytest.approx(90 / 365.25 * (20 / settle.blocks - 1.0))


def test_trades_that_all_earn_the_same_have_no_error_and_no_word(make_plan, make_arrays, judged):
    plan = make_plan([make_arrays(np.full(3000, 100.0))], [[100, 400, 900]], costs=FEES)
    (verdict,) = judged(plan)
    assert verdict.fade.n_trades == 3
    # a price that stands still: fees of 10 bps and slippage of 4
    assert verdict.fade.mean_net_bps == pytest.approx(-14.0, abs=0.1)
    assert verdict.fade.word == "untestable"
    assert math.isnan(verdict.fade.detectable_bps)


def test_a_refused_stance_says_why(make_stormy, judged):
    plan = replace(make_stormy(_rng(5), days=500), refused={"fade": "no short is lent"})
    (verdict,) = judged(plan)
    assert verdict.fade == NotTraded("no short is lent")
    assert verdict.follow.n_trades > 0
    assert np.isnan(verdict.difference_ci_bps).all()


def test_both_stances_refused(make_stormy, judged):
    plan = replace(make_stormy(_rng(5), days=100), refused={"fade": "a", "follow": "b"})
    (verdict,) = judged(plan)
    assert (verdict.fade, verdict.follow) == (NotTraded("a"), NotTraded("b"))
    assert verdict.fate == "untestable"
    assert verdict.reason.code == "not_tradable"
    assert verdict.results == {}


def test_a_phase_without_events_is_untestable(make_stormy, judged):
    plan = replace(make_stormy(_rng(6), days=500), phases=("a", "never"))
    _, never = judged(plan)
    assert never.n_phases == 0
    assert never.fate == "untestable"
    assert never.reason.code == "never_seen"
    assert never.fade.word == "untestable"
    assert math.isnan(never.fade.mean_net_bps)
    assert never.fade.max_drawdown == 0.0


def test_a_phase_that_never_came_says_over_which_time(make_stormy, judged):
    some, never = judged(replace(make_stormy(_rng(6), days=500), phases=("a", "never")))
    spans = {
        "X": (pd.Timestamp("2021-01-01", tz="UTC"), pd.Timestamp("2021-02-27 05:00", tz="UTC")),
        "Y": (pd.Timestamp("2021-01-03", tz="UTC"), pd.Timestamp("2021-03-02 23:00", tz="UTC")),
    }
    prepared: Any = SimpleNamespace(spans=spans)
    told = with_span(never, prepared)
    assert told.reason.code == "never_seen"
    assert told.reason.detail == "2021-01-01 00:00 to 2021-03-02 23:00 UTC"
    assert with_span(some, prepared) is some


def test_every_strategy_and_phase_has_its_row_in_order(make_stormy, judged):
    plan = make_stormy(_rng(7), days=500)
    codes = tuple(np.arange(len(bars)) % 2 for bars in plan.bars)
    first = replace(plan, phases=("a", "b"), codes=codes)
    rows = judged(first, replace(plan, strategy="t"))
    assert [(v.strategy, v.phase) for v in rows] == [("s", "a"), ("s", "b"), ("t", "a")]


def test_same_seed_same_verdicts(make_stormy, judged):
    plan = make_stormy(_rng(8), days=500)
    # by their texts, in which what is unknown is equal to itself
    one, two, other = (repr(judged(plan, seed=seed)) for seed in (3, 3, 4))
    assert one == two
    assert one != other


def test_other_strategies_change_the_correction_and_nothing_else(make_stormy, judged):
    plan, other = make_stormy(_rng(9), days=900), make_stormy(_rng(10), days=900)
    (alone,) = judged(plan)
    among = judged(plan, replace(other, strategy="t"))[0]
    assert among.follow.ci_bps == alone.follow.ci_bps
    assert among.follow.p_placebo == alone.follow.p_placebo
    assert among.follow.p_adjusted >= alone.follow.p_adjusted


def test_progress_counts_draws_to_the_end(make_stormy, judged):
    calls = []
    judged(
        make_stormy(_rng(11), days=300),
        placebo_draws=10,
        progress=lambda done, total: calls.append((done, total)),
    )
    done = [so_far for so_far, _ in calls]
    assert done == sorted(set(done))
    assert calls[-1] == (10, 10)


def test_no_plans_no_verdicts():
    assert judge([], {}) == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.0}, "alpha must be between 0 and 1; got 0.0"),
        ({"alpha": 1.2}, "alpha must be between 0 and 1; got 1.2"),
        ({"placebo_draws": 0}, "placebo_draws must be at least 1; got 0"),
        ({"bootstrap_draws": -1}, "bootstrap_draws must be at least 1; got -1"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings, message, make_stormy, judged):
    with pytest.raises(ParameterError, match=message):
        judged(make_stormy(_rng(0), days=50), **settings)


def test_stance_without_books_is_refused(make_stormy):
    with pytest.raises(ParameterError, match=r"s, fade: a stance .* needs its books"):
        judge([make_stormy(_rng(0), days=50)], {})


def test_strategies_must_differ_in_name(make_stormy, judged):
    plan = make_stormy(_rng(0), days=50)
    with pytest.raises(ParameterError, match="different names"):
        judged(plan, plan)
