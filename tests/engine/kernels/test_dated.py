"""Dated futures and carry by hand: literal numbers that the oracle and the resolver both meet.

Unless said otherwise bars are hours, the event is known at the close of bar 0, the entry is at the
open of bar 1 at 100 with 1,000 of capital (size 10), and costs are zero.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from fadefollow.engine.model import Costs, DatedBarArrays, Rules
from fadefollow.engine.resolver import outcomes, resolve
from tests.support.dated_cases import Run, make_dated, run_dated_oracle, run_dated_resolver
from tests.support.dated_oracle import Leg
from tests.support.engine_cases import make_events

FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
PAID = Costs(fee=0.001, slippage=0.01, maintenance=0.0)
RULES = Rules(hold_hours=100, capital=1000.0, opposite=False)
LONG = make_events([(0, +1)])
SHORT = make_events([(0, -1)])
GONE = None  # a missing bar


@pytest.fixture(params=[run_dated_oracle, run_dated_resolver], ids=["oracle", "resolver"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


def check(leg: Leg, **expected: object) -> None:
    for name, value in expected.items():
        wanted = pytest.approx(value, rel=1e-12, abs=1e-9) if isinstance(value, float) else value
        assert leg[name] == wanted, name


def spans(result: tuple[list[Leg], int]) -> list[tuple[int, int, int, int, str]]:
    """(trade, series, entry bar, exit bar, reason) of each leg."""
    names = ("trade", "series", "entry_bar", "exit_bar", "reason")
    return [tuple(leg[name] for name in names) for leg in result[0]]


def two_contracts(first: list, second: list, leave: int = 3, **more: object) -> DatedBarArrays:
    """Contract 0 is the nearest before the bar at which it must be left, contract 1 from there."""
    n = len(first)
    nearest = [0] * leave + [1] * (n - leave)
    return make_dated(first, second, nearest=nearest, leave=[leave, n], **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------- roll


def test_roll_sells_one_contract_and_buys_as_many_coins_of_the_next(run: Run) -> None:
    # contract 0: 100 × 1.01 = 101, size 1010 / 101 = 10; out at 104 × 0.99 = 102.96
    #   fees 0.001 × 10 × (101 + 102.96) = 2.0396; slippage 10 × (1 + 1.04) = 20.4
    #   pnl 10 × 1.96 − 2.0396 = 17.5604
    # contract 1: in at 110 × 1.01 = 111.1; out at 120 × 0.99 = 118.8
    #   fees 0.001 × 10 × (111.1 + 118.8) = 2.299; slippage 10 × (1.1 + 1.2) = 23
    #   pnl 10 × 7.7 − 2.299 = 74.701
    arrays = two_contracts([100, 100, 100, 104, 104, 104, 104], [108, 108, 108, 110, 110, 120, 120])
    rules = replace(RULES, hold_hours=4, capital=1010.0)
    events = make_events([(0, 1)], codes=[7])
    legs, dropped = run(arrays, events, rules, PAID)
    assert (len(legs), dropped) == (2, 0)
    both = {"trade": 0, "code": 7, "side": 1, "signal_bar": 0, "size": 10.0, "funding": 0.0}
    check(legs[0], **both, series=0, entry_bar=1, exit_bar=3, reason="roll")
    check(legs[0], entry_price=101.0, exit_price=102.96, notional=1010.0)
    check(legs[0], fees=2.0396, slippage=20.4, pnl=17.5604)
    check(legs[1], **both, series=1, entry_bar=3, exit_bar=5, reason="time")
    check(legs[1], entry_price=111.1, exit_price=118.8, notional=1111.0)
    check(legs[1], fees=2.299, slippage=23.0, pnl=74.701)


def test_a_trade_is_its_first_leg_with_the_money_of_all() -> None:
    arrays = two_contracts([100, 100, 100, 104, 104, 104, 104], [108, 108, 108, 110, 110, 120, 120])
    rules = replace(RULES, hold_hours=4, capital=1010.0)
    trades: list[Any] = resolve(arrays, LONG, rules=rules, costs=PAID).trades.to_dict("records")
    assert len(trades) == 1
    check(trades[0], side=1, signal_bar=0, entry_bar=1, exit_bar=5, reason="time", hole=-1)
    check(trades[0], entry_price=101.0, exit_price=118.8, size=10.0, notional=1010.0)
    check(trades[0], fees=4.3386, slippage=43.4, funding=0.0, pnl=92.2614)
    check(trades[0], **{"return": 92.2614 / 1010})


def test_a_leave_bar_that_is_missing_waits_for_the_next_open_of_that_contract(run: Run) -> None:
    arrays = two_contracts([100, 100, 100, GONE, GONE, 103, 103], [110] * 7)
    legs, _ = run(arrays, LONG, replace(RULES, hold_hours=5), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 5, "roll"), (0, 1, 5, 6, "time")]
    check(legs[0], exit_price=103.0, pnl=30.0)


def test_holding_time_counts_from_the_first_leg(run: Run) -> None:
    arrays = two_contracts([100] * 9, [100] * 9, leave=4)
    got = spans(run(arrays, LONG, replace(RULES, hold_hours=5), FREE))
    assert got == [(0, 0, 1, 4, "roll"), (0, 1, 4, 6, "time")]


def test_time_due_at_the_leave_bar_is_no_roll(run: Run) -> None:
    arrays = two_contracts([100] * 6, [100] * 6)
    assert spans(run(arrays, LONG, replace(RULES, hold_hours=2), FREE)) == [(0, 0, 1, 3, "time")]


def test_time_and_leave_that_fall_due_on_missing_bars_are_time(run: Run) -> None:
    # left from bar 3 on, time due at bar 4, both acted on at bar 5
    arrays = two_contracts([100, 100, 100, GONE, GONE, 100, 100], [100] * 7)
    assert spans(run(arrays, LONG, replace(RULES, hold_hours=3), FREE)) == [(0, 0, 1, 5, "time")]


def test_opposite_due_at_the_leave_bar_is_no_roll(run: Run) -> None:
    arrays = two_contracts([100] * 6, [100] * 6)
    events = make_events([(0, 1)], [(2, -1)])
    rules = replace(RULES, opposite=True)
    assert spans(run(arrays, events, rules, FREE)) == [(0, 0, 1, 3, "opposite")]


def test_opposite_due_on_a_missing_leave_bar_is_no_roll(run: Run) -> None:
    arrays = two_contracts([100, 100, 100, GONE, GONE, 100, 100], [100] * 7)
    events = make_events([(0, 1)], [(3, -1)])
    rules = replace(RULES, opposite=True)
    assert spans(run(arrays, events, rules, FREE)) == [(0, 0, 1, 5, "opposite")]


def test_opposite_ends_a_leg_after_the_roll_at_the_first_contrary_event(run: Run) -> None:
    arrays = two_contracts([100] * 8, [100] * 8)
    events = make_events([(0, 1)], [(0, -1), (2, 1), (4, -1), (5, -1)])
    rules = replace(RULES, opposite=True)
    got = spans(run(arrays, events, rules, FREE))
    assert got == [(0, 0, 1, 3, "roll"), (0, 1, 3, 5, "opposite")]


def test_stop_counts_from_the_fill_of_the_leg_that_is_held(run: Run) -> None:
    # 5 % below 100 is 95, which contract 1 never sees; 5 % below its own 200 is 190
    arrays = two_contracts([100] * 6, [200, 200, 200, 200, (195, 195, 189, 191), 190])
    legs, _ = run(arrays, LONG, replace(RULES, stop=0.05), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 3, "roll"), (0, 1, 3, 4, "stop")]
    check(legs[1], exit_price=190.0, pnl=-100.0)


def test_trail_begins_anew_with_the_leg(run: Run) -> None:
    # the high of 120 in contract 0 trails it at 110, far above contract 1
    first = [100, 100, (100, 120, 112, 115), 111, 111, 111]
    arrays = two_contracts(first, [90, 90, 90, (90, 94, 88, 92), (92, 92, 84, 85), 85])
    legs, _ = run(arrays, LONG, replace(RULES, trail=0.1), FREE)
    # 94 − 10 % of the fill at 90
    assert spans((legs, 0)) == [(0, 0, 1, 3, "roll"), (0, 1, 3, 4, "trail")]
    check(legs[1], exit_price=85.0)


def test_levels_are_tested_inside_the_bar_of_the_roll(run: Run) -> None:
    arrays = two_contracts([100] * 6, [200, 200, 200, (200, 211, 200, 205), 205, 205])
    legs, _ = run(arrays, LONG, replace(RULES, target=0.05), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 3, "roll"), (0, 1, 3, 3, "target")]
    check(legs[1], exit_price=210.0, pnl=100.0)


def test_a_roll_takes_the_contract_that_is_the_nearest_then(run: Run) -> None:
    arrays = make_dated([100] * 5, [GONE] * 5, [120] * 5, nearest=[0, 0, 2, 2, 2], leave=[2, 5, 5])
    got = spans(run(arrays, LONG, replace(RULES, hold_hours=3), FREE))
    assert got == [(0, 0, 1, 2, "roll"), (0, 2, 2, 4, "time")]


def test_a_trade_can_roll_twice(run: Run) -> None:
    arrays = make_dated(
        [100] * 7, [110] * 7, [120] * 7, nearest=[0, 0, 1, 1, 2, 2, 2], leave=[2, 4, 7]
    )
    got = spans(run(arrays, LONG, replace(RULES, hold_hours=5), FREE))
    assert got == [(0, 0, 1, 2, "roll"), (0, 1, 2, 4, "roll"), (0, 2, 4, 6, "time")]


# ---------------------------------------------------------------------------- expiry and end


def test_a_contract_without_a_successor_expires_at_its_leave_bar(run: Run) -> None:
    arrays = make_dated([100, 100, 101, 102, 103], nearest=[0, 0, 0, -1, -1], leave=[3])
    legs, _ = run(arrays, LONG, RULES, FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 3, "expiry")]
    check(legs[0], exit_price=102.0, pnl=20.0)


def test_a_successor_that_is_missing_at_the_leave_bar_is_none(run: Run) -> None:
    arrays = two_contracts([100] * 6, [100, 100, 100, GONE, 100, 100])
    assert spans(run(arrays, LONG, RULES, FREE)) == [(0, 0, 1, 3, "expiry")]


def test_after_an_expiry_at_an_open_the_book_may_enter_at_that_open(run: Run) -> None:
    # only a nearest that is not later than what is left is no roll, yet can be entered
    arrays = make_dated([100] * 6, nearest=[0] * 6, leave=[3])
    events = make_events([(0, 1), (2, -1)])
    got = spans(run(arrays, events, replace(RULES, hold_hours=3), FREE))
    assert got[:2] == [(0, 0, 1, 3, "expiry"), (1, 0, 3, 4, "expiry")]


def test_a_contract_that_trades_no_more_expires_at_its_last_close(run: Run) -> None:
    # out at the close of bar 2; the event due at bar 2 met a position, that of bar 3 not
    first: list[Any] = [100, 100, (100, 109, 100, 107), GONE, GONE, GONE]
    arrays = make_dated(first, [200] * 6, nearest=[0, 0, 0, 1, 1, 1], leave=[3, 6])
    events = make_events([(0, 1), (1, -1), (2, -1)])
    legs, dropped = run(arrays, events, replace(RULES, hold_hours=2), FREE)
    assert dropped == 0
    assert spans((legs, 0)) == [(0, 0, 1, 2, "expiry"), (1, 1, 3, 5, "time")]
    check(legs[0], exit_price=107.0, pnl=70.0)
    check(legs[1], side=-1, size=5.0)


def test_a_position_at_the_calendar_s_last_bar_ends_at_its_close(run: Run) -> None:
    arrays = make_dated([100, 100, (100, 109, 100, 107)], nearest=[0] * 3, leave=[3])
    legs, _ = run(arrays, LONG, RULES, PAID)
    assert spans((legs, 0)) == [(0, 0, 1, 2, "end")]
    check(legs[0], exit_price=105.93)  # 107 × 0.99


# ---------------------------------------------------------------------------- future: the rest


def test_nearest_says_what_is_entered(run: Run) -> None:
    arrays = make_dated([90] * 4, [100] * 4, nearest=[0, 1, 1, 1], leave=[4, 4])
    legs, _ = run(arrays, LONG, replace(RULES, hold_hours=1), FREE)
    check(legs[0], series=1, entry_price=100.0)


def test_entries_without_a_contract_or_its_bar_are_dropped(run: Run) -> None:
    # bar 1: none listed; bar 2: contract 0 misses its bar though contract 1 has one; bar 3 enters
    arrays = make_dated(
        [100, 100, GONE, 100, 100], [100] * 5, nearest=[0, -1, 0, 0, 0], leave=[5, 5]
    )
    events = make_events([(0, 1), (1, 1), (2, 1)])
    legs, dropped = run(arrays, events, replace(RULES, hold_hours=1), FREE)
    assert dropped == 2
    assert spans((legs, 0)) == [(0, 0, 3, 4, "time")]


def test_a_rolled_short_is_liquidated_on_the_margin_of_its_own_leg(run: Run) -> None:
    # leverage 2: contract 1 sold at 200 is gone at 300; margin 10 × 200 / 2
    arrays = two_contracts([100] * 6, [200, 200, 200, 200, (250, 300, 250, 260), 260])
    legs, _ = run(arrays, SHORT, replace(RULES, leverage=2.0), replace(PAID, slippage=0.0))
    assert spans((legs, 0)) == [(0, 0, 1, 3, "roll"), (0, 1, 3, 4, "liquidation")]
    check(legs[1], exit_price=300.0, notional=2000.0, fees=2.0, slippage=0.0, pnl=-1002.0)


def test_a_contract_that_opens_beyond_its_liquidation_level_liquidates(run: Run) -> None:
    # also where it would be left at that open; no entry follows there
    arrays = two_contracts([100, 100, 100, 45, 45, 45], [100] * 6)
    events = make_events([(0, 1), (2, 1)])
    legs, _ = run(arrays, events, replace(RULES, leverage=2.0), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 3, "liquidation")]
    check(legs[0], exit_price=50.0, pnl=-500.0)


def test_compounding_counts_all_legs(run: Run) -> None:
    # 10 coins, +50 in contract 0 and +50 in contract 1; then 1,100 at 110 are 10 coins again
    arrays = two_contracts([100, 100, 100, 105, 105, 105, 105], [100, 100, 100, 105, 110, 110, 110])
    events = make_events([(0, 1), (3, -1)])
    legs, _ = run(arrays, events, replace(RULES, hold_hours=3, compound=True), FREE)
    assert [leg["pnl"] for leg in legs[:2]] == pytest.approx([50.0, 50.0])
    check(legs[2], trade=1, series=1, side=-1, entry_bar=4, size=10.0, notional=1100.0)


# ---------------------------------------------------------------------------- carry: money


def carry(future: list, spot: list, **more: object) -> DatedBarArrays:
    """One contract against spot."""
    n = len(future)
    settings = {"nearest": [0] * n, "leave": [n], **more}
    return make_dated(future, spot=spot, **settings)  # type: ignore[arg-type]


def test_carry_sells_the_future_and_buys_spot_each_at_its_own_costs(run: Run) -> None:
    # future: 100 × 0.99 = 99, size 990 / 99 = 10; back at 105 × 1.01 = 106.05
    #   fees 0.001 × 10 × (99 + 106.05) = 2.0505; slippage 10 × (1 + 1.05) = 20.5
    #   pnl 10 × (99 − 106.05) − 2.0505 = −72.5505
    # spot: 95 × 1.01 = 95.95; sold at 102 × 0.99 = 100.98
    #   fees 0.001 × 10 × (95.95 + 100.98) = 1.9693; slippage 10 × (0.95 + 1.02) = 19.7
    #   pnl 10 × 5.03 − 1.9693 = 48.3307
    arrays = carry([100, 100, 100, 105, 105], [95, 95, 95, 102, 102])
    rules = replace(RULES, hold_hours=2, capital=990.0)
    legs, _ = run(arrays, SHORT, rules, replace(PAID, borrow=0.5))
    assert len(legs) == 2
    both: dict[str, Any] = {
        "trade": 0,
        "code": 0,
        "signal_bar": 0,
        "entry_bar": 1,
        "exit_bar": 3,
    }
    both |= {"reason": "time", "size": 10.0, "funding": 0.0}
    check(legs[0], **both, series=0, side=-1, entry_price=99.0, exit_price=106.05)
    check(legs[0], notional=990.0, fees=2.0505, slippage=20.5, pnl=-72.5505)
    check(legs[1], **both, series=1, side=1, entry_price=95.95, exit_price=100.98)
    check(legs[1], notional=959.5, fees=1.9693, slippage=19.7, pnl=48.3307)


def test_a_carry_s_return_is_on_the_future_s_notional() -> None:
    arrays = carry([100, 100, 100, 105, 105], [95, 95, 95, 102, 102])
    rules = replace(RULES, hold_hours=2, capital=990.0)
    trades: list[Any] = resolve(arrays, SHORT, rules=rules, costs=PAID).trades.to_dict("records")
    assert len(trades) == 1
    check(trades[0], side=-1, entry_bar=1, exit_bar=3, entry_price=99.0, exit_price=106.05)
    check(trades[0], reason="time", size=10.0, notional=990.0, fees=4.0198, slippage=40.2)
    check(trades[0], pnl=-24.2198, **{"return": -24.2198 / 990})


DAYS = {"bar_hours": 24.0}


def test_spot_sold_short_pays_to_be_borrowed(run: Run) -> None:
    # ten days at 36.5 % a year are 1 % of the 800 that was sold; spot 80 → 84, future 100 → 107
    arrays = carry([100] * 11 + [107], [80] * 11 + [84], **DAYS)
    rules = replace(RULES, hold_hours=240)
    legs, _ = run(arrays, LONG, rules, replace(FREE, borrow=0.365))
    check(legs[0], side=1, funding=0.0, pnl=70.0)
    check(legs[1], side=-1, exit_bar=11, notional=800.0, funding=-8.0, pnl=-48.0)


def test_without_a_borrow_rate_nothing_is_paid(run: Run) -> None:
    arrays = carry([100] * 11 + [107], [80] * 11 + [84], **DAYS)
    legs, _ = run(arrays, LONG, replace(RULES, hold_hours=240), FREE)
    check(legs[1], funding=0.0, pnl=-40.0)


def test_spot_is_held_over_a_roll(run: Run) -> None:
    # the borrow is for all ten days, on what was sold at first
    spot = [80] * 6 + [90] * 5 + [100]
    arrays = two_contracts([100] * 12, [110] * 11 + [115], leave=6, spot=spot, **DAYS)
    legs, _ = run(arrays, LONG, replace(RULES, hold_hours=240), replace(FREE, borrow=0.365))
    assert spans((legs, 0)) == [
        (0, 0, 1, 6, "roll"),
        (0, 1, 6, 11, "time"),
        (0, 2, 1, 11, "time"),
    ]
    check(legs[1], size=10.0, notional=1100.0, pnl=50.0)
    check(legs[2], size=10.0, notional=800.0, funding=-8.0, pnl=-208.0)


# ---------------------------------------------------------------------------- carry: exits


def test_a_basis_stop_acts_at_the_next_open(run: Run) -> None:
    # sold at a basis of 0; 10 % against it at the close of bar 2; out at the opens of bar 3
    future = [100, 100, (100, 112, 100, 111), 104, 104]
    legs, _ = run(carry(future, [100] * 5), SHORT, replace(RULES, stop=0.1), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 3, "stop"), (0, 1, 1, 3, "stop")]
    check(legs[0], exit_price=104.0, pnl=-40.0)


def test_a_basis_stop_is_not_tested_inside_a_bar_or_on_the_price(run: Run) -> None:
    # the future's high is 50 % up, at the close both are 40 % up
    future = [100, 100, (100, 150, 100, 140), 140, 140]
    spot = [100, 100, (100, 140, 100, 140), 140, 140]
    rules = replace(RULES, stop=0.1, target=0.1, hold_hours=3)
    assert [leg["reason"] for leg in run(carry(future, spot), SHORT, rules, FREE)[0]] == [
        "time"
    ] * 2


def test_a_basis_target_acts_at_the_next_open(run: Run) -> None:
    # bought at a basis of 10 %, 25 % at the close of the entry bar
    future = [110, (110, 126, 110, 125), 121, 121]
    legs, _ = run(carry(future, [100] * 4), LONG, replace(RULES, target=0.1, capital=1100.0), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 2, "target"), (0, 1, 1, 2, "target")]
    check(legs[0], exit_price=121.0, pnl=110.0)


def test_a_basis_exit_waits_for_an_open_at_which_both_are_traded(run: Run) -> None:
    future = [100, 100, (100, 112, 100, 111), GONE, 104, 104, 104]
    spot = [100, 100, 100, 100, GONE, 100, 100]
    legs, _ = run(carry(future, spot), SHORT, replace(RULES, stop=0.1), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 5, "stop"), (0, 1, 1, 5, "stop")]


def test_a_basis_exit_stands_even_if_the_basis_has_come_back(run: Run) -> None:
    # at the close of bar 3 spot is missing, so that the basis is not known there
    future = [100, 100, (100, 112, 100, 111), 100, 100, 100]
    legs, _ = run(
        carry(future, [100, 100, 100, GONE, 100, 100]), SHORT, replace(RULES, stop=0.1), FREE
    )
    assert spans((legs, 0)) == [(0, 0, 1, 4, "stop"), (0, 1, 1, 4, "stop")]


def test_a_close_without_spot_shows_no_basis(run: Run) -> None:
    future = [100, 100, (100, 112, 100, 111), 100, 100]
    spot = [100, 100, GONE, 100, 100]
    rules = replace(RULES, stop=0.1, hold_hours=3)
    assert [leg["reason"] for leg in run(carry(future, spot), SHORT, rules, FREE)[0]] == [
        "time"
    ] * 2


@pytest.mark.parametrize(("hold", "exits"), [(2, []), (50, [(2, 1)])])
def test_time_and_opposite_name_the_exit_before_a_basis_stop(
    run: Run, hold: int, exits: list[tuple[int, int]]
) -> None:
    future = [100, 100, (100, 112, 100, 111), 104, 104]
    rules = replace(RULES, stop=0.1, hold_hours=hold, opposite=True)
    legs, _ = run(carry(future, [100] * 5), make_events([(0, -1)], exits), rules, FREE)
    reason = "opposite" if exits else "time"
    assert [(leg["exit_bar"], leg["reason"]) for leg in legs] == [(3, reason)] * 2


def test_a_basis_stop_comes_before_a_roll(run: Run) -> None:
    future = [100, 100, (100, 112, 100, 111), 104, 104]
    arrays = two_contracts(future, [100] * 5, spot=[100] * 5)
    assert [leg["reason"] for leg in run(arrays, SHORT, replace(RULES, stop=0.1), FREE)[0]] == [
        "stop",
        "stop",
    ]


def test_the_basis_counts_from_the_opens_of_the_roll(run: Run) -> None:
    # contract 1 is sold at a basis of 50 %: 58 % are no stop of 10 %, 61 % are
    second = [150, 150, 150, 150, (150, 158, 150, 158), (158, 161, 158, 161), 155, 155]
    arrays = two_contracts([100] * 8, second, spot=[100] * 8)
    legs, _ = run(arrays, SHORT, replace(RULES, stop=0.1), FREE)
    assert spans((legs, 0)) == [
        (0, 0, 1, 3, "roll"),
        (0, 1, 3, 6, "stop"),
        (0, 2, 1, 6, "stop"),
    ]


def test_a_missing_spot_bar_delays_the_exit(run: Run) -> None:
    arrays = carry([100, 100, 100, 101, 102, 103], [90, 90, 90, GONE, GONE, 93])
    legs, _ = run(arrays, SHORT, replace(RULES, hold_hours=2), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 5, "time"), (0, 1, 1, 5, "time")]
    check(legs[0], pnl=-30.0)
    check(legs[1], pnl=30.0)


def test_a_missing_spot_bar_delays_the_roll(run: Run) -> None:
    arrays = two_contracts([100] * 7, [110] * 7, spot=[90, 90, 90, GONE, 90, 90, 90])
    got = spans(run(arrays, SHORT, replace(RULES, hold_hours=5), FREE))
    assert got == [(0, 0, 1, 4, "roll"), (0, 1, 4, 6, "time"), (0, 2, 1, 6, "time")]


def test_entries_without_either_leg_are_dropped(run: Run) -> None:
    arrays = make_dated(
        [100, 100, GONE, 100, 100, 100],
        spot=[90, GONE, 90, 90, 90, 90],
        nearest=[0, 0, 0, -1, 0, 0],
        leave=[6],
    )
    events = make_events([(0, -1), (1, -1), (2, -1), (3, -1)])
    legs, dropped = run(arrays, events, replace(RULES, hold_hours=1), FREE)
    assert dropped == 3
    assert spans((legs, 0)) == [(0, 0, 4, 5, "time"), (0, 1, 4, 5, "time")]


def test_a_carry_without_a_successor_expires_with_both_legs(run: Run) -> None:
    arrays = carry([100] * 5, [90] * 5, nearest=[0, 0, 0, -1, -1], leave=[3])
    got = spans(run(arrays, SHORT, RULES, FREE))
    assert got == [(0, 0, 1, 3, "expiry"), (0, 1, 1, 3, "expiry")]


def test_a_carry_ends_at_the_last_close_that_both_have(run: Run) -> None:
    future = [100, 100, (100, 109, 100, 107), (107, 109, 105, 108), 109]
    spot = [90, 90, (90, 97, 90, 96), GONE, GONE]
    legs, _ = run(carry(future, spot), SHORT, RULES, FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 2, "end"), (0, 1, 1, 2, "end")]
    check(legs[0], exit_price=107.0, pnl=-70.0)
    check(legs[1], exit_price=96.0, pnl=60.0)


def test_after_a_contract_s_last_common_bar_the_book_trades_the_next(run: Run) -> None:
    # contract 0 stops after bar 2; the event due at bar 3 enters contract 1
    arrays = make_dated(
        [100, 100, 100, GONE, GONE, GONE],
        [100] * 6,
        spot=[100] * 6,
        nearest=[0, 0, 0, 1, 1, 1],
        leave=[3, 6],
    )
    events = make_events([(0, -1), (2, -1)])
    got = spans(run(arrays, events, replace(RULES, hold_hours=2), FREE))
    assert got == [
        (0, 0, 1, 2, "end"),
        (0, 2, 1, 2, "end"),
        (1, 1, 3, 5, "time"),
        (1, 2, 3, 5, "time"),
    ]


# ---------------------------------------------------------------------------- carry: liquidation


def test_after_a_liquidation_spot_closes_at_the_next_open(run: Run) -> None:
    # leverage 2: sold at 100, gone at 150, margin 500; fee 1 of the future's entry
    # spot 100 → 160: 600 − 0.001 × 10 × (100 + 160) = 597.4
    future = [100, 100, (120, 150, 120, 130), 130, 130]
    spot = [100, 100, (120, 150, 120, 150), 160, 160]
    costs = replace(PAID, slippage=0.0)
    legs, _ = run(carry(future, spot), SHORT, replace(RULES, leverage=2.0), costs)
    assert spans((legs, 0)) == [(0, 0, 1, 2, "liquidation"), (0, 1, 1, 3, "liquidation")]
    check(legs[0], exit_price=150.0, fees=1.0, pnl=-501.0)
    check(legs[1], exit_price=160.0, fees=2.6, pnl=597.4)


def test_a_carry_that_opens_beyond_the_liquidation_level_does_not_close_spot_there(
    run: Run,
) -> None:
    # at the open of bar 3, where time is due too, the future is gone already
    future = [100, 100, 100, 160, 160]
    legs, _ = run(
        carry(future, [100, 100, 100, 160, 170]),
        SHORT,
        replace(RULES, leverage=2.0, hold_hours=2),
        FREE,
    )
    assert spans((legs, 0)) == [(0, 0, 1, 3, "liquidation"), (0, 1, 1, 4, "liquidation")]
    check(legs[0], pnl=-500.0)
    check(legs[1], pnl=700.0)


def test_a_future_is_liquidated_where_spot_is_missing_and_spot_waits(run: Run) -> None:
    future = [100, 100, (100, 155, 100, 100), 100, 100, 100]
    spot = [100, 100, GONE, GONE, 104, 104]
    legs, _ = run(carry(future, spot), SHORT, replace(RULES, leverage=2.0), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 2, "liquidation"), (0, 1, 1, 4, "liquidation")]
    check(legs[1], pnl=40.0)


def test_spot_without_another_open_closes_at_its_last_close(run: Run) -> None:
    future = [100, 100, 100, (100, 155, 100, 100), 100]
    spot = [100, 100, (100, 108, 100, 107), GONE, GONE]
    legs, _ = run(carry(future, spot), SHORT, replace(RULES, leverage=2.0), FREE)
    assert spans((legs, 0)) == [(0, 0, 1, 3, "liquidation"), (0, 1, 1, 2, "liquidation")]
    check(legs[1], exit_price=107.0, pnl=70.0)


def test_events_while_spot_waits_are_ignored_and_one_due_at_its_open_enters(run: Run) -> None:
    future = [100, 100, (100, 155, 100, 100), 100, 100, 100]
    spot = [100, 100, 100, GONE, 100, 100]
    events = make_events([(0, -1), (2, -1), (3, -1)])
    legs, dropped = run(
        carry(future, spot), events, replace(RULES, leverage=2.0, hold_hours=9), FREE
    )
    assert dropped == 0
    assert spans((legs, 0))[2:] == [(1, 0, 4, 5, "end"), (1, 1, 4, 5, "end")]


def test_only_the_future_is_liquidated(run: Run) -> None:
    # spot sold at 100 doubles; the long future gains what it loses
    arrays = carry([100, 100, 250, 250], [100, 100, 250, 250])
    legs, _ = run(arrays, LONG, replace(RULES, hold_hours=1), FREE)
    assert [leg["reason"] for leg in legs] == ["time", "time"]
    assert [leg["pnl"] for leg in legs] == pytest.approx([1500.0, -1500.0])


# ---------------------------------------------------------------------------- outcomes


def test_an_outcome_does_not_depend_on_the_trade_before_it() -> None:
    # the entry at bar 0 waits for its exit until bar 3; the one at bar 2 is in contract 1
    arrays = make_dated([100, GONE, GONE, 110], [100] * 4, nearest=[0, 0, 1, 1], leave=[2, 4])
    rules = replace(RULES, hold_hours=1)
    got = outcomes(arrays, 1, rules=rules, costs=FREE)
    assert got.value == pytest.approx([0.1, math.nan, 0.0, math.nan], nan_ok=True)
    assert got.exit_bar.tolist() == [3, -1, 3, 3]
    assert got.inside.tolist() == [False, False, False, True]  # the last is cut off by the end


def test_a_stopped_contract_ends_inside_its_bar_and_a_rolled_out_one_at_an_open() -> None:
    stopped = make_dated([100, (100, 100, 90, 95), 95], nearest=[0] * 3, leave=[3])
    got = outcomes(stopped, 1, rules=replace(RULES, stop=0.05), costs=FREE)
    assert (got.exit_bar[0], got.inside[0]) == (1, True)
    left = make_dated([100, 100, 100], nearest=[0, 0, -1], leave=[2])
    got = outcomes(left, 1, rules=RULES, costs=FREE)
    assert (got.exit_bar[0], got.inside[0]) == (2, False)


def test_a_liquidated_carry_ends_at_the_open_at_which_spot_is_left() -> None:
    arrays = carry([100, 250, 250], [100, 250, 250])
    got = outcomes(arrays, -1, rules=RULES, costs=FREE)
    assert (got.exit_bar[0], got.inside[0]) == (2, False)
    short = carry([100, 250], [100, 250])
    got = outcomes(short, -1, rules=RULES, costs=FREE)
    assert (got.exit_bar[0], got.inside[0]) == (1, True)
