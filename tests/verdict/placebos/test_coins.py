"""The placebo in coins: to whom events go, when, and with what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.hedge.basket import Constituent, form_basket
from fadefollow.engine.model import Costs, Rules
from fadefollow.verdict.placebos import CoinPlacebo
from fadefollow.verdict.placebos.coins import FEWEST_ALIKE
from tests.support.placebo_cases import draws_of

DAY = 24
COSTS = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)


def _rng(seed=0):
    return np.random.default_rng(seed)


def _walk(rng, days, volatility, trend=0.0):
    """Hourly closes of a coin with a daily volatility and a daily trend."""
    steps = rng.normal(trend / DAY, volatility / np.sqrt(DAY), days * DAY)
    return 100.0 * np.exp(np.cumsum(steps))


@pytest.fixture
def make_market(make_plan, make_arrays):
    """A plan with a basket of all its coins, each listed since long ago unless `listed` says so."""

    def _made(closes, bars, *, listed=None, hold=24.0, window=24.0, **rest):
        coin_arrays = [make_arrays(c, symbol=f"C{k:02d}") for k, c in enumerate(closes)]
        start = int(coin_arrays[0].time[0])
        since = (
            [start - 400 * DAY * 3_600_000_000_000] * len(coin_arrays) if listed is None else listed
        )
        coins = {
            arrays.symbol: Constituent(arrays, COSTS, one)
            for arrays, one in zip(coin_arrays, since, strict=True)
        }
        rules = Rules(hold_hours=hold, opposite=False)
        plan = make_plan(coin_arrays, bars, rules=rules, costs=COSTS, window_hours=window, **rest)
        return replace(plan, basket=form_basket(coins, kind="market"))

    return _made


def _targets(plan, placebo, stance="follow"):
    """Of each draw, (coin, bar) of all events that are given away."""
    found: list[list[tuple[int, int]]] = [[] for _ in range(placebo.draws)]
    for coin in range(len(plan.coin_arrays)):
        moved = placebo.moved(coin, 0, placebo.draws)
        for b in range(placebo.draws):
            for bar in moved.bar[moved.starts[b] : moved.starts[b + 1]]:
                found[b].append((coin, int(bar)))
    return [sorted(one) for one in found]


NO: list[int] = []


def test_an_event_keeps_its_hour_and_goes_to_any_member_or_stays(make_market):
    rng = _rng()
    plan = make_market([_walk(rng, 60, 0.03) for _ in range(6)], [[1000, 1200], *[NO] * 5])
    placebo = CoinPlacebo.draw(plan, draws=200, rng=_rng(1))
    assert placebo.kept == 1.0
    seen = set()
    for events in _targets(plan, placebo):
        assert [bar for _, bar in sorted(events, key=lambda e: e[1])] == [1000, 1200]
        seen |= {coin for coin, _ in events}
    # of six coins five are others, fewer than that are never drawn from alone
    assert seen == {0, 1, 2, 3, 4, 5}


def test_targets_are_as_volatile_and_have_moved_as_much_at_the_events_own_hour(make_market):
    # forty quiet coins and forty wild ones, which change places after 60 days
    rng = _rng(2)
    closes = []
    for k in range(80):
        first, then = (0.01, 0.06) if k < 40 else (0.06, 0.01)
        steps = np.concatenate([rng.normal(0, s / np.sqrt(DAY), 60 * DAY) for s in (first, then)])
        closes.append(100.0 * np.exp(np.cumsum(steps)))
    early, late = 55 * DAY + 5, 115 * DAY + 5
    plan = make_market(closes, [[early, late], *[NO] * 79], hold=24.0)
    placebo = CoinPlacebo.draw(plan, draws=600, rng=_rng(3))
    daily = pd.DataFrame([c[DAY - 1 :: DAY] for c in closes]).T.pct_change()
    for bar in (early, late):
        day = bar // DAY  # closes of the days before are known
        volatility = daily.iloc[day - 30 : day].std()
        fifth = np.searchsorted(np.quantile(volatility, [0.2, 0.4, 0.6, 0.8]), volatility)
        trailing = daily.iloc[day - 1]
        third = np.searchsorted(np.quantile(trailing, [1 / 3, 2 / 3]), trailing)
        like = np.flatnonzero((fifth == fifth[0]) & (third == third[0]))
        if len(like) <= FEWEST_ALIKE:  # its own among them
            like = np.flatnonzero(fifth == fifth[0])
        assert len(like) < 20  # of eighty
        found = {coin for one in _targets(plan, placebo) for coin, b in one if b == bar}
        assert found == set(like.tolist())


def test_coins_in_an_event_of_the_phase_get_none_and_coins_with_one_to_come_do(make_market):
    rng = _rng()
    # C01 had an event 40 h before, C02 49 h before, C03 has one at the same bar, C04 an hour later
    bars = [[1000], [960], [951], [1000], [1001], NO]
    plan = make_market([_walk(rng, 60, 0.03) for _ in range(6)], bars, hold=24.0, window=24.0)
    placebo = CoinPlacebo.draw(plan, draws=400, rng=_rng(1))
    # holding and detection are 48 h; volatility and return are left out by looking at all draws
    able = placebo_targets_of(plan, coin=0)
    assert able == {0, 2, 4, 5}
    given = [c for one in _targets(plan, placebo) for c, b in one if b == 1000]
    # C03's event at the same bar goes elsewhere too
    assert 1 not in given


def placebo_targets_of(plan, *, coin):
    """Coins that the first event of a coin may go to, whatever their volatility and return."""
    flat = replace(
        plan,
        coin_arrays=tuple(
            replace(t, close=np.where(np.isnan(t.close), np.nan, 100.0)) for t in plan.coin_arrays
        ),
    )
    alone = replace(
        flat,
        bars=tuple(b if k == coin else b[:0] for k, b in enumerate(flat.bars)),
    )
    placebo = CoinPlacebo.draw(flat, draws=400, rng=_rng(5))
    first = int(alone.bars[coin][0])
    groups = [
        {c for c, bar in one if bar == first} for one in _targets_by_group(flat, placebo, coin)
    ]
    return set().union(*groups)


def _targets_by_group(plan, placebo, coin):
    """As `_targets`, of the events that came from one coin: others are told apart by their lean."""
    leans = tuple(
        np.full(len(b), 1 if k == coin else -1, np.int64) for k, b in enumerate(plan.bars)
    )
    marked = replace(plan, leans=leans)
    again = CoinPlacebo.draw(marked, draws=placebo.draws, rng=_rng(5))
    found: list[list[tuple[int, int]]] = [[] for _ in range(again.draws)]
    for target in range(len(plan.coin_arrays)):
        moved = again.moved(target, 0, again.draws)
        for b in range(again.draws):
            own = slice(moved.starts[b], moved.starts[b + 1])
            mine = moved.bar[own][moved.side[own] == 1]
            found[b] += [(target, int(bar)) for bar in mine]
    return found


def test_only_another_phase_s_events_do_not_make_a_coin_busy(make_market):
    rng = _rng()
    bars = [[1000], [990], [990], NO]
    codes = [[0], [1], [0], NO]
    plan = make_market(
        [_walk(rng, 60, 0.03) for _ in range(4)], bars, codes=codes, phases=("a", "b")
    )
    assert placebo_targets_of(plan, coin=0) == {0, 1, 3}


def test_events_of_a_coin_that_could_share_a_position_move_together(make_market):
    rng = _rng()
    # 48 h of holding and detection: the first three are one group, the last stands alone
    plan = make_market(
        [_walk(rng, 60, 0.03) for _ in range(8)], [[1000, 1040, 1088, 1137], *[NO] * 7]
    )
    placebo = CoinPlacebo.draw(plan, draws=100, rng=_rng(1))
    apart = 0
    for one in _targets(plan, placebo):
        by_bar = {bar: coin for coin, bar in one}
        assert by_bar[1000] == by_bar[1040] == by_bar[1088]
        apart += by_bar[1137] != by_bar[1000]
    assert apart > 20


def test_young_and_dead_coins_get_none(make_market, make_arrays):
    rng = _rng()
    closes = [_walk(rng, 60, 0.03) for _ in range(5)]
    closes[1][: 35 * DAY] = np.nan  # listed 5 days before the event
    closes[2][39 * DAY :] = np.nan  # stopped a day before it
    closes[3][40 * DAY :] = np.nan  # trades until the midnight before it
    start = int(make_arrays(closes[0]).time[0])
    hour = 3_600_000_000_000
    old = start - 400 * DAY * hour
    listed = [old, start + 35 * DAY * hour, old, old, old]
    plan = make_market(closes, [[40 * DAY + 5], *[NO] * 4], listed=listed)
    placebo = CoinPlacebo.draw(plan, draws=50, rng=_rng(1))
    assert {coin for one in _targets(plan, placebo) for coin, _ in one} == {0, 4}
    assert placebo.kept == 1.0


def test_an_event_that_nobody_can_take_is_left_out_and_counted(make_market):
    rng = _rng()
    plan = make_market([_walk(rng, 60, 0.03) for _ in range(2)], [[100, 1000], [1000]])
    placebo = CoinPlacebo.draw(plan, draws=20, rng=_rng(1))
    # both coins are in the event of bar 1,000; of the three events one can go, or stay
    assert placebo.kept == pytest.approx(1 / 3)
    found = _targets(plan, placebo)
    assert [(1, 100)] in found
    assert all(one in ([(0, 100)], [(1, 100)]) for one in found)


def test_sides_rules_and_exits_go_with_the_events(make_market):
    rng = _rng()
    plan = make_market(
        [_walk(rng, 60, 0.03) for _ in range(3)],
        [[1000, 1010], NO, NO],
        leans=[[1, -1], NO, NO],
    )
    plan = replace(
        plan,
        exit_bars=(np.array([990, 1005]), *plan.bars[1:]),
        exit_leans=(np.array([1, -1]), *plan.leans[1:]),
    )
    placebo = CoinPlacebo.draw(plan, draws=30, rng=_rng(1))
    for coin in (1, 2):
        moved = placebo.moved(coin, 0, 30).mirrored()
        for b in range(30):
            own = slice(moved.starts[b], moved.starts[b + 1])
            out = slice(moved.exit_starts[b], moved.exit_starts[b + 1])
            if own.start == own.stop:
                continue
            assert moved.bar[own].tolist() == [1000, 1010]
            assert moved.side[own].tolist() == [-1, 1]
            # the exit at 990 was before its coin's first event and ends nothing
            assert moved.exit_bar[out].tolist() == [1005]
            assert moved.exit_side[out].tolist() == [1]


def test_what_draws_earn_is_hedged_by_the_targets_own_beta(make_market):
    # the basket stands still but for what its two movers do; only they can be targets
    n = 60 * DAY
    flat = np.full(n, 100.0)
    up = flat.copy()
    up[1001:] = 110.0  # 10 % over the day that is held
    plan = make_market([flat, up], [[1000], NO], hold=24.0)
    free = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
    plan = replace(plan, costs=(free, free))
    placebo = CoinPlacebo.draw(plan, draws=20, rng=_rng(1))
    found = draws_of(plan, "follow", placebo, np.ones(1))
    # the basket holds both: 5 % of it in equal weights; beta is 1 as nothing has moved before
    gone = np.array([one == [(1, 1000)] for one in _targets(plan, placebo)])
    assert 0 < gone.sum() < 20
    assert found.mean[:, 0] == pytest.approx(np.where(gone, 0.1, 0.0))
    costs = 2 * 0.0007
    assert found.hedged_mean[:, 0] == pytest.approx(np.where(gone, 0.05, -0.05) - costs)


def test_same_seed_same_coins(make_market):
    rng = _rng()
    plan = make_market([_walk(rng, 60, 0.03) for _ in range(6)], [[1000, 1200], *[NO] * 5])
    one, two, other = (CoinPlacebo.draw(plan, draws=50, rng=_rng(s)).order for s in (1, 1, 2))
    assert one.tolist() == two.tolist()
    assert one.tolist() != other.tolist()


def test_a_future_that_is_altered_changes_no_target(make_market):
    rng = _rng(7)
    closes = [_walk(rng, 60, 0.03) for _ in range(12)]
    bars = [[1000], [700], [1003], *[NO] * 9]
    first = make_market(closes, bars)
    changed = [c.copy() for c in closes]
    for k, close in enumerate(changed):
        close[1001:] *= 1.0 + 0.1 * k
    second = make_market(changed, [[1000], [700], [1100], *[NO] * 9])
    one, two = (
        {
            c
            for t in _targets(p, CoinPlacebo.draw(p, draws=300, rng=_rng(1)))
            for c, b in t
            if b == 1000
        }
        for p in (first, second)
    )
    assert one == two
