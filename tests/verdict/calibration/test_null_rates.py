"""On markets without an edge the verdict must not find one: rates, not single answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from fadefollow.verdict.judging import judge
from fadefollow.verdict.settings import JudgeSettings


def _judge_many(make_stormy, make_books, markets, *, draws, seed, **market):
    for number in range(markets):
        plan = make_stormy(np.random.default_rng([seed, number]), bar_hours=8, **market)
        settings = JudgeSettings(placebo_draws=draws, bootstrap_draws=200, seed=number)
        yield judge([plan], make_books(plan), settings=settings)[0]


def test_placebo_p_is_uniform_in_storms_without_an_edge(make_stormy, make_books):
    verdicts = _judge_many(make_stormy, make_books, 60, draws=99, seed=1, days=400, drift=0.002)
    p = [verdict.follow.p_placebo for verdict in verdicts]
    # 1 % critical value for 60 draws
    assert kstest(p, "uniform").statistic < 0.21


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0.0, 0.002])
def test_false_verdicts_and_coverage(drift, make_stormy, make_books):
    settings = {"days": 730, "drift": drift, "events_a_year": 60.0}
    verdicts = list(_judge_many(make_stormy, make_books, 400, draws=300, seed=2, **settings))
    eligible = [v for v in verdicts if np.isfinite(v.follow.p_adjusted)]
    assert len(eligible) > 300
    false = np.mean([v.verdict in ("fade", "follow") for v in verdicts])
    rejected = np.mean([min(v.fade.p_adjusted, v.follow.p_adjusted) < 0.05 for v in eligible])
    # three standard errors of a share of 5 % among 400
    assert false <= 0.05 + 0.033
    assert rejected <= 0.05 + 0.033
    # what is expected is the mean of many markets; a market's own placebo errs along with its book
    truth = np.mean([v.follow.mean_net_bps for v in eligible]) if drift else 0.0
    cover = np.mean([v.follow.ci_bps[0] <= truth <= v.follow.ci_bps[1] for v in eligible])
    assert 0.92 <= cover <= 0.975


@pytest.mark.slow
def test_power_is_80_percent_at_the_detectable_edge(make_stormy, make_books):
    settings = {"days": 1095, "events_a_year": 60.0, "opposite": False}
    verdicts = list(
        _judge_many(make_stormy, make_books, 200, draws=300, seed=3, edge=0.0155, **settings)
    )
    above = np.mean([v.follow.mean_net_bps - v.follow.placebo_mean_bps for v in verdicts])
    assert np.nanmedian([v.detectable_bps for v in verdicts]) == pytest.approx(above, rel=0.05)
    assert np.mean([v.verdict == "follow" for v in verdicts]) == pytest.approx(0.8, abs=0.09)
