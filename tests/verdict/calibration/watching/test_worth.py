"""What trades were worth: at any hour, on the coins that might have had them; and their blocks."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.hedge.basket import Constituent, form_basket
from fadefollow.engine.model import Rules
from fadefollow.verdict.calibration.judged import trades_of
from fadefollow.verdict.calibration.watching.blocks import Lives, Span, claim_blocks, lives_of
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.calibration.watching.worth import AnyHourWorth, on_other_coins
from fadefollow.verdict.estimates.anyhour import all_outcomes
from fadefollow.verdict.placebos import CoinPlacebo
from fadefollow.verdict.run.parallel_steps import books_of

COINS, DAYS, PER_DAY = 16, 400, 6
BARS = DAYS * PER_DAY
DESIGN = WatchDesign(years=400 / 365.25, watched_years=200 / 365.25)


@pytest.fixture
def make_market(make_plan, make_arrays):
    """A plan of coins that walk at random, hedged by their basket; `lives` cuts coins' bars."""

    def make(bars, lives=None):
        rng = np.random.default_rng(7)
        steps = rng.standard_normal((COINS, BARS)) * 0.01
        prices = 100.0 * np.exp(np.cumsum(steps, axis=1))
        for coin, (first, last) in (lives or {}).items():
            prices[coin, :first] = np.nan
            prices[coin, last + 1 :] = np.nan
        coin_arrays = [
            make_arrays(price, symbol=f"C{k:02d}", bar_hours=4) for k, price in enumerate(prices)
        ]
        rules = Rules(hold_hours=72.0, opposite=False)
        plan = make_plan(coin_arrays, bars, rules=rules, window_hours=8.0)
        coins = {t.symbol: Constituent(t, plan.costs[0], int(t.time[0])) for t in coin_arrays}
        return dataclasses.replace(plan, basket=form_basket(coins, kind="market"))

    return make


def every(coin: int, days: int) -> list[list[int]]:
    """Events of one coin every so many days, in the bar that closes at midnight."""
    own = list(range(60 * PER_DAY - 1, BARS - 30, days * PER_DAY))
    return [own if c == coin else [] for c in range(COINS)]


def traded(plan, stance="follow", book="hedged"):
    made = {(plan.strategy, stance): books_of(plan, stance, "skip", [])}
    return trades_of(plan, made, 0, stance, book)


def test_on_other_coins_a_trade_is_worth_the_mean_over_the_coins_that_may_have_it(make_market):
    plan = make_market([[100 * PER_DAY] if c == 3 else [] for c in range(COINS)])
    moved, worth = on_other_coins(plan, np.random.default_rng(1))
    trades = traded(moved)
    assert len(trades) == 1
    # the same draws once more: how often the event goes to each coin after the first draw
    placebo = CoinPlacebo.draw(plan, draws=100, rng=np.random.default_rng(1))
    times = [len(placebo.moved(coin, 1, 100).bar) for coin in range(COINS)]
    assert sum(times) == 99
    assert times[3] > 0
    entry = int(trades["entry_bar"].iloc[0])
    earned = []
    for coin in range(COINS):
        alone = make_market([[100 * PER_DAY] if c == coin else [] for c in range(COINS)])
        earned.append(float(all_outcomes(alone)["hedged"][coin, 1, 0][entry]))
    assert worth.of(trades, "hedged")[0] == pytest.approx(np.average(earned, weights=times))


def test_what_is_earned_beyond_that_has_mean_zero(make_market):
    plan = make_market(every(3, 9))
    rests = []
    for seed in range(12):
        moved, worth = on_other_coins(plan, np.random.default_rng(seed))
        trades = traded(moved)
        net = (trades["pnl"] + trades["hedge_gross"] + trades["hedge_cost"]) / trades["notional"]
        rests.append(net.to_numpy() - worth.of(trades, "hedged"))
    rest = np.concatenate(rests)
    assert len(rest) > 300
    assert abs(rest.mean()) < 3.0 * rest.std() / math.sqrt(len(rest))
    # what the coins share is gone with the worth, their own 3-day move of 4 % is left
    assert 0.02 < rest.std() < 0.08


def test_any_hour_is_worth_its_mean_before_and_since_the_start(make_market):
    plan = make_market(every(3, 40))
    everywhere = all_outcomes(plan)
    worth = AnyHourWorth(everywhere, 200 * PER_DAY)
    trades = traded(plan, book="outright")
    values = everywhere["outright"][3, 1, 0]
    before, since = np.nanmean(values[: 200 * PER_DAY]), np.nanmean(values[200 * PER_DAY :])
    wanted = np.where(trades["entry_bar"] < 200 * PER_DAY, before, since)
    assert worth.of(trades, "outright").tolist() == pytest.approx(wanted.tolist())
    assert before != pytest.approx(since)


def test_listings_and_deaths_while_claims_are_watched(make_market):
    lives = {
        2: (0, 150 * PER_DAY),  # died before the start
        4: (250 * PER_DAY, BARS),  # listed since
        5: (0, 300 * PER_DAY),  # died since
        6: (260 * PER_DAY, 310 * PER_DAY),  # both
    }
    plan = make_market(every(3, 40), lives)
    assert lives_of(plan, Span.of(DESIGN, plan)) == Lives(coins=16, listed=2, died=2)


def test_blocks_count_trades_on_new_coins_and_those_that_a_death_cut_off(make_market):
    bars = every(3, 12)
    bars[4] = [280 * PER_DAY - 1, 320 * PER_DAY - 1]
    bars[5] = [300 * PER_DAY - 2]  # dies a bar after the entry
    lives = {4: (220 * PER_DAY, BARS), 5: (0, 300 * PER_DAY)}
    plan = make_market(bars, lives)
    worth = AnyHourWorth(all_outcomes(plan), Span.of(DESIGN, plan).bar(plan))
    claims = {c.key[1]: c for c in claim_blocks(DESIGN, plan, worth, books=("outright",))}
    assert set(claims) == {"fade", "follow"}
    one = claims["follow"]
    assert (one.on_new, one.cut) == (2, 1)
    # blocks of six days from day 200 on: 200 days less 3 of holding, 1 of grace and a bar hold 32
    assert len(one.sums.count) == 32
    start = one.rule.start
    assert start == pd.Timestamp(int(plan.coin_arrays[0].time[200 * PER_DAY]), tz="UTC")
    # with an edge of 1 % each trade is worth that in the mean of many: history and since alike
    for sums, bare in zip(one.with_edge(0.01), one.with_edge(0.0), strict=True):
        assert (sums.total - bare.total).tolist() == pytest.approx((0.01 * sums.count).tolist())
    beyond = one.sums.total - one.worth.total
    assert one.with_edge(0.0)[1].total.tolist() == pytest.approx(beyond.tolist())
