"""All rows of a run against their placebos: which kind, how many draws, and side by side."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fadefollow.engine.hedge.basket import Constituent, form_basket, with_betas
from fadefollow.phases import STANCES
from fadefollow.verdict.correction.maxt import step_down
from fadefollow.verdict.placebos.run import Confronted, RowDraws, RowKey, confront, kinds_of


def _rng(seed=0):
    return np.random.default_rng(seed)


def _hedged(plan, *, kind="market"):
    coins = {
        arrays.symbol: Constituent(arrays, costs, int(arrays.time[0]) - 10**17)
        for arrays, costs in zip(plan.coin_arrays, plan.costs, strict=True)
    }
    if kind == "market":
        return replace(plan, basket=form_basket(coins, kind="market"))
    first, *others = plan.coin_arrays
    alone = replace(form_basket({first.symbol: coins[first.symbol]}, kind="BTC"), betas={})
    return replace(plan, basket=with_betas(alone, others))


def _lengths(*plans, books=("outright", "hedged")):
    return {
        (plan.strategy, code, stance, book): 6.0
        for plan in plans
        for code in range(len(plan.phases))
        for stance in ("fade", "follow")
        for book in (books if plan.basket is not None else books[:1])
    }


def test_outright_rows_meet_other_times_and_hedged_rows_other_coins(make_stormy):
    plan = _hedged(make_stormy(_rng(1), days=200, coins=5))
    assert kinds_of(plan) == ("time", "coins")
    found = confront([plan], _lengths(plan), draws=30, seed=0).rows
    assert {key[2:]: row.kind for key, row in found.items()} == {
        ("fade", "outright"): "time",
        ("follow", "outright"): "time",
        ("fade", "hedged"): "coins",
        ("follow", "hedged"): "coins",
    }
    assert all(len(row.means) == len(row.ses) == 30 for row in found.values())
    # 200 days: shifts are 4 … 100 away, as the gap is 72 + 24 hours
    reach = found["s", 0, "fade", "outright"].reach_days
    assert 30.0 < reach < 75.0
    assert math.isnan(found["s", 0, "fade", "hedged"].reach_days)


def test_where_btc_alone_is_the_hedge_both_books_meet_other_times(make_stormy):
    plan = _hedged(make_stormy(_rng(1), days=200), kind="BTC")
    assert kinds_of(plan) == ("time",)
    found = confront([plan], _lengths(plan), draws=20, seed=0).rows
    assert {row.kind for row in found.values()} == {"time"}
    assert len(found) == 4
    hedged, outright = (found["s", 0, "fade", book] for book in ("hedged", "outright"))
    assert not np.allclose(hedged.means, outright.means)


def test_fade_and_follow_are_moved_alike(make_stormy):
    plan = _hedged(make_stormy(_rng(1), days=200, coins=5, opposite=False))
    found = confront([plan], _lengths(plan), draws=40, seed=0).rows
    for book in ("outright", "hedged"):
        fade, follow = (found["s", 0, stance, book].means for stance in ("fade", "follow"))
        # without costs one gains about what the other loses; hedges pay theirs in both
        assert np.corrcoef(fade, follow)[0, 1] < -0.9


def test_the_same_seed_gives_the_same_draws_and_calls_back_to_the_end(make_stormy):
    plan = _hedged(make_stormy(_rng(1), days=200, coins=5))
    calls: list[tuple[int, int]] = []
    one, two, other = (
        confront(
            [plan],
            _lengths(plan),
            draws=20,
            seed=seed,
            progress=lambda done, total: calls.append((done, total)),
        ).rows["s", 0, "fade", "hedged"]
        for seed in (1, 1, 2)
    )
    assert one.means.tolist() == two.means.tolist()
    assert one.ses.tolist() == two.ses.tolist()
    assert one.means.tolist() != other.means.tolist()
    # two placebos of 20 draws, each of both stances
    assert calls[-1] == (40, 40)


def _draws(t):
    return RowDraws("time", np.array(t, float), np.ones(len(t)), math.nan, 1.0)


def test_a_row_with_few_shifts_cannot_be_surer_than_they_allow():
    few: RowKey = ("s", 0, "fade", "outright")
    many: RowKey = ("s", 0, "fade", "hedged")
    rng = _rng()
    table = Confronted({few: _draws(rng.normal(size=4)), many: _draws(rng.normal(size=999))})
    observed = np.array([9.0, 9.0])
    matrix = table.matrix([few, many], observed)
    assert matrix.shape == (999, 2)
    # rounds of four shifts and the truth: 199 of 999 draws are the truth
    assert (matrix[:, 0] == 9.0).sum() == 199
    found = step_down(observed, matrix, family=np.array([True, True]), alpha=0.05)
    assert found.p[0] == pytest.approx(1 / 5)
    assert found.p[1] == pytest.approx(1 / 1000)


def test_rows_with_all_draws_are_as_they_are():
    keys: list[RowKey] = [("s", 0, stance, "outright") for stance in STANCES]
    rows = {key: _draws([1.0, 2.0, 3.0]) for key in keys[:1]}
    matrix = Confronted(rows).matrix(keys, np.array([5.0, 5.0]))
    assert matrix[:, 0].tolist() == [-1.0, 0.0, 1.0]  # around the mean of all, 2
    assert np.isnan(matrix[:, 1]).all()
    assert Confronted({}).matrix(keys, np.zeros(2)).shape == (0, 2)
