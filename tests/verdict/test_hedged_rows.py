"""Rows of the hedged book: what the market did is taken out, and the rest is judged by itself."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import numpy as np
import pytest

from fadefollow.engine.hedge.basket import Constituent, form_basket
from fadefollow.engine.hedge.hedged import hedged_pnl, with_hedge
from fadefollow.engine.model import Costs, Rules
from fadefollow.verdict import JudgeSettings, NotTraded, judge
from fadefollow.verdict.estimates.days import regular_trades

FEW = JudgeSettings(placebo_draws=199, bootstrap_draws=300)
FEES = Costs(fee=0.0005, slippage=0.0005, maintenance=0.02)
BAR_NS = 4 * 3_600_000_000_000


@pytest.fixture
def make_universe(make_plan, make_arrays):
    """Coins that share most of their moves, and fall by `edge` beside them after each event."""

    def _made(seed, *, coins=24, days=700, edge=0.0, events_a_year=40.0, hold=72, **rest):
        rng = np.random.default_rng(seed)
        n, held = 6 * days, hold // 4
        market = rng.normal(0, 0.03 / np.sqrt(6), n)
        coin_arrays, bars, leans = [], [], []
        for k in range(coins):
            own = market + rng.normal(0, 0.02 / np.sqrt(6), n)
            fires = np.flatnonzero(rng.random(n) < events_a_year / 365 / 6)
            for bar in fires:
                own[bar + 1 : bar + 1 + held] -= edge / held
            coin_arrays.append(
                make_arrays(100 * np.exp(np.cumsum(own)), symbol=f"C{k:02d}", bar_hours=4)
            )
            bars.append(fires)
            leans.append(np.ones(len(fires)))
        rules = Rules(hold_hours=float(hold), opposite=False)
        plan = make_plan(
            coin_arrays, bars, leans, rules=rules, costs=FEES, window_hours=24.0, **rest
        )
        listed = int(coin_arrays[0].time[0]) - 400 * 6 * BAR_NS
        members = {t.symbol: Constituent(t, FEES, listed) for t in coin_arrays}
        return replace(plan, basket=form_basket(members, kind="market"))

    return _made


@pytest.fixture
def judged(make_books):
    def _judged(plan, **how):
        books = {
            key: [
                with_hedge(b, t, plan.basket) for b, t in zip(made, plan.coin_arrays, strict=True)
            ]
            for key, made in make_books(plan).items()
        }
        (verdict,) = judge([plan], books, settings=FEW, **how)
        return verdict, books

    return _judged


def test_figures_are_those_of_the_hedged_trades(make_universe, judged):
    plan = make_universe(0, days=400)
    verdict, books = judged(plan)
    for stance in ("fade", "follow"):
        found = verdict.result(stance, "hedged")
        trades = regular_trades(books["s", stance], 0)
        trades = trades[trades["beta"].notna()]
        value = hedged_pnl(trades) / trades["notional"]
        assert found.n_trades == len(trades)
        assert found.mean_net_bps == pytest.approx(1e4 * value.mean())
        parts = astuple(found.parts_bps)
        assert sum(parts) == pytest.approx(1e4 * value.mean())
        hedge = (trades["hedge_gross"] + trades["hedge_cost"]) / trades["notional"]
        assert found.parts_bps.hedge == pytest.approx(1e4 * hedge.mean())
        # price and hedge together are what the coin did beyond the market
        middle = found.parts_bps.price + found.parts_bps.hedge
        assert found.price_ci_bps[0] < middle < found.price_ci_bps[1]
        assert found.placebo.kind == "coins"
        assert verdict.result(stance, "outright").placebo.kind == "time"
    gap = verdict.hedged["follow"].mean_net_bps - verdict.hedged["fade"].mean_net_bps
    low, high = verdict.hedged_difference_ci_bps
    assert low < gap < high
    # the market is what the outright difference is uncertain by
    wide = verdict.difference_ci_bps
    assert wide[1] - wide[0] > 2.0 * (high - low)


def test_an_edge_against_the_market_is_found_where_the_market_hides_it(make_universe, judged):
    # 1.2 % over three days, against 5 % by which the market moves in them
    plan = make_universe(1, edge=0.012)
    verdict, _ = judged(plan, claims={"s": "fade"})
    assert verdict.hedged["fade"].word == "pays"
    assert verdict.hedged["follow"].word == "loses"
    assert verdict.fate == "supported"
    assert verdict.fates.book in ("outright", "hedged")
    assert verdict.fates.by_book["hedged"] == "supported"
    fade = verdict.hedged["fade"]
    # of 40 events a year held three days a third of all coins fall at any time, and the basket with
    # them; then 10 bps of costs at each end of both legs (beta is about 1)
    assert fade.mean_net_bps == pytest.approx(120 * (1 - 120 / 365) - 20 - 20, abs=25)
    # an edge is detectable above the placebo, which loses the costs: net of them some 30 bps
    net = (one.detectable_bps + one.placebo_mean_bps for one in (fade, verdict.fade))
    hedged, outright = net
    assert 15.0 < hedged < 45.0 < 2.0 * hedged < outright


def test_nothing_loses_its_costs_against_the_market(make_universe, judged):
    verdict, _ = judged(make_universe(2), claims={"s": "follow"})
    assert verdict.hedged["fade"].word == "loses"
    assert verdict.hedged["follow"].word == "loses"
    assert verdict.fates.by_book["hedged"] == "refuted"
    assert verdict.fate == "refuted"
    assert verdict.settle is None
    for stance in ("fade", "follow"):
        # two legs, two ends, 10 bps each
        assert verdict.hedged[stance].mean_net_bps == pytest.approx(-40, abs=25)


def test_asked_rows_are_corrected_over_asked_rows_alone(make_universe, judged):
    plan = make_universe(3, days=400)
    one, _ = judged(plan, claims={"s": "fade"})
    both, _ = judged(plan)
    # one stance in two books, or two
    assert one.hedged["fade"].placebo.questions == 2
    assert one.hedged["follow"].placebo.questions == 4
    assert both.hedged["fade"].placebo.questions == 4
    asked, all_of_them = one.hedged["fade"], both.hedged["fade"]
    assert asked.band_bps[0] >= all_of_them.band_bps[0]
    assert asked.band_bps[1] <= all_of_them.band_bps[1]
    assert asked.p_adjusted <= all_of_them.p_adjusted
    # a row's own figures know nothing of other rows
    assert asked.ci_bps == all_of_them.ci_bps
    assert asked.p_placebo == all_of_them.p_placebo
    assert one.hedged["follow"].band_bps == both.hedged["follow"].band_bps


def test_every_row_with_trades_says_what_it_could_have_shown(make_universe, judged):
    short = make_universe(4, days=80, events_a_year=20.0)
    verdict, _ = judged(short)
    assert verdict.fate == "untestable"
    for result in verdict.results.values():
        assert result.word == "untestable"
        assert result.blocks < 20
        assert result.n_trades > 10
        assert 0.0 < result.detectable_bps < 3000.0
        assert math.isnan(result.band_bps[0])
        assert math.isnan(result.p_adjusted)
        assert result.placebo.questions == 0


def test_a_plan_without_a_basket_says_why(make_universe, judged):
    plan = replace(make_universe(5, coins=3, days=200), basket=None, unhedged="three coins")
    verdict, _ = judged(plan)
    assert verdict.hedged == {s: NotTraded("three coins", "no_hedge") for s in ("fade", "follow")}
    assert np.isnan(verdict.hedged_difference_ci_bps).all()
    assert set(verdict.fates.by_book) == {"outright"}


def test_open_rows_say_how_many_coins_would_settle_them(make_universe, judged):
    # 45 bps before 40 of costs: neither small nor large
    plan = make_universe(6, days=500, edge=0.0075, events_a_year=12.0)
    verdict, _ = judged(plan, claims={"s": "fade"})
    assert verdict.fate == "open"
    settle = verdict.settle
    assert (settle.stance, settle.book) == ("fade", "hedged")
    assert settle.multiple > 1.0
    assert settle.coins == math.ceil(24 * settle.multiple)
    assert settle.years == pytest.approx(500 / 365.25 * (settle.multiple - 1.0))
    assert verdict.reason == verdict.hedged["fade"].reason
    assert settle.conditions == verdict.hedged["fade"].reason.conditions != ()
