"""The money rules by hand: literal numbers that the oracle and the resolver both meet.

Sections are the paragraphs of docs/money-rules.md.

Unless said otherwise bars are hours, the event is known at the close of bar 0, the entry is at the
open of bar 1 at 100 with 1,000 of capital (size 10, notional 1,000), and costs are zero.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fadefollow.engine.model import BarArrays, Brackets, Costs, Events, Rules
from tests.support.engine_cases import FLAT, Prices, Run, make_arrays, make_events, run_resolver
from tests.support.oracle import Trade, oracle

FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
RULES = Rules(hold_hours=100, capital=1000.0, opposite=False)
LONG = make_events([(0, +1)])
SHORT = make_events([(0, -1)])
GONE = None  # a missing bar


@pytest.fixture(params=[oracle, run_resolver], ids=["oracle", "resolver"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


def only(result: tuple[list[Trade], int]) -> Trade:
    trades, _ = result
    assert len(trades) == 1
    return trades[0]


def check(trade: Trade, **expected: object) -> None:
    for name, value in expected.items():
        wanted = pytest.approx(value, rel=1e-12, abs=1e-9) if isinstance(value, float) else value
        assert trade[name] == wanted, name


def spans(result: tuple[list[Trade], int]) -> list[tuple[int, int, int, str]]:
    """(side, entry bar, exit bar, reason) of each trade."""
    return [(t["side"], t["entry_bar"], t["exit_bar"], t["reason"]) for t in result[0]]


# ---------------------------------------------------------------------------- 1 entry and costs


def test_long_pays_fees_and_slippage_at_both_ends(run: Run) -> None:
    # fill 100 × 1.01 = 101, size 1010 / 101 = 10; exit fill 120 × 0.99 = 118.8
    # fees 0.001 × 10 × (101 + 118.8) = 2.198; slippage 10 × (1 + 1.2) = 22
    # pnl 10 × 17.8 − 2.198 = 175.802
    arrays = make_arrays([FLAT, (100, 125, 95, 119), (120, 121, 119, 120)])
    rules = replace(RULES, hold_hours=1, capital=1010.0)
    costs = Costs(fee=0.001, slippage=0.01, maintenance=0.005)
    check(
        only(run(arrays, make_events([(0, 1)], codes=[7]), rules, costs)),
        code=7,
        side=1,
        signal_bar=0,
        entry_bar=1,
        exit_bar=2,
        entry_price=101.0,
        exit_price=118.8,
        reason="time",
        size=10.0,
        notional=1010.0,
        fees=2.198,
        slippage=22.0,
        funding=0.0,
        pnl=175.802,
        hole=-1,
        **{"return": 175.802 / 1010},
    )


def test_short_pays_fees_and_slippage_at_both_ends(run: Run) -> None:
    # fill 100 × 0.99 = 99, size 990 / 99 = 10; exit fill 80 × 1.01 = 80.8
    # fees 0.001 × 10 × (99 + 80.8) = 1.798; slippage 10 × (1 + 0.8) = 18
    # pnl 10 × (99 − 80.8) − 1.798 = 180.202
    arrays = make_arrays([FLAT, (100, 101, 79, 80), (80, 81, 79, 80)])
    rules = replace(RULES, hold_hours=1, capital=990.0)
    costs = Costs(fee=0.001, slippage=0.01, maintenance=0.005)
    trade = only(run(arrays, SHORT, rules, costs))
    check(trade, entry_price=99.0, exit_price=80.8, size=10.0, notional=990.0)
    check(trade, fees=1.798, slippage=18.0, pnl=180.202, **{"return": 180.202 / 990})


def test_delay_waits_that_many_bars_more(run: Run) -> None:
    # known at bar 0, delay 2: in at bar 3 at 103, out one hour later at 104; pnl 10 × 1
    arrays = make_arrays([(p, p, p, p) for p in (100.0, 101.0, 102.0, 103.0, 104.0, 105.0)])
    rules = replace(RULES, delay_bars=2, hold_hours=1, capital=1030.0)
    trade = only(run(arrays, LONG, rules, FREE))
    check(trade, signal_bar=0, entry_bar=3, exit_bar=4, entry_price=103.0, pnl=10.0)


def test_entry_due_after_the_last_bar_is_no_entry(run: Run) -> None:
    assert run(make_arrays([FLAT] * 3), make_events([(2, 1)]), RULES, FREE) == ([], 0)


def test_weight_scales_the_size(run: Run) -> None:
    # 0.25 × 1000 / 100 = 2.5 coins; pnl 2.5 × 10
    arrays = make_arrays([FLAT, FLAT, (110, 110, 110, 110)])
    rules = replace(RULES, weight=0.25, hold_hours=1)
    check(only(run(arrays, LONG, rules, FREE)), size=2.5, notional=250.0, pnl=25.0)


# ---------------------------------------------------------------------------- 2 one position


def test_events_during_a_position_are_ignored(run: Run) -> None:
    arrays = make_arrays([FLAT] * 10)
    events = make_events([(0, 1), (1, 1), (2, -1), (3, 1), (4, 1)])
    rules = replace(RULES, hold_hours=4)
    assert spans(run(arrays, events, rules, FREE)) == [(1, 1, 5, "time"), (1, 5, 9, "time")]


def test_first_of_two_events_at_one_open_wins(run: Run) -> None:
    arrays = make_arrays([FLAT] * 4)
    events = make_events([(0, -1), (0, 1)], codes=[5, 6])
    trade = only(run(arrays, events, replace(RULES, hold_hours=1), FREE))
    check(trade, side=-1, code=5)


def test_book_reverses_at_one_open(run: Run) -> None:
    # long 100 → 110: +100; short 1000 / 110 coins, 110 → 99: +100
    arrays = make_arrays([FLAT, FLAT, FLAT, (110, 110, 110, 110), (99, 99, 99, 99)])
    pairs = [(0, 1), (2, -1), (3, 1)]
    result = run(
        arrays, make_events(pairs, pairs), replace(RULES, opposite=True, hold_hours=50), FREE
    )
    assert spans(result)[:2] == [(1, 1, 3, "opposite"), (-1, 3, 4, "opposite")]
    check(result[0][0], pnl=100.0)
    check(result[0][1], pnl=100.0)


def test_after_an_exit_inside_a_bar_the_next_entry_is_at_the_next_open(run: Run) -> None:
    # stopped inside bar 2; the event due at the open of bar 2 met a position, that of bar 3 not
    arrays = make_arrays([FLAT, FLAT, (100, 100, 94, 100), FLAT, FLAT])
    events = make_events([(0, 1), (1, 1), (2, 1)])
    rules = replace(RULES, stop=0.05)
    assert spans(run(arrays, events, rules, FREE)) == [(1, 1, 2, "stop"), (1, 3, 4, "end")]


def test_stop_hit_by_the_open_leaves_no_entry_at_that_open(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (90, 90, 90, 90), (90, 90, 90, 90)])
    events = make_events([(0, 1), (1, -1)])
    assert spans(run(arrays, events, replace(RULES, stop=0.05), FREE)) == [(1, 1, 2, "stop")]


# ---------------------------------------------------------------------------- 3 exits at an open


def test_time_exit_comes_before_what_happens_inside_its_bar(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, FLAT, (98, 130, 50, 100), FLAT])
    rules = replace(RULES, hold_hours=2, stop=0.05, target=0.05)
    trade = only(run(arrays, LONG, rules, FREE))
    check(trade, exit_bar=3, reason="time", exit_price=98.0, pnl=-20.0)


def test_holding_time_is_in_hours_not_bars(run: Run) -> None:
    # half an hour of 5-minute bars is 6 bars
    arrays = make_arrays([FLAT] * 10, bar_hours=1 / 12)
    check(only(run(arrays, LONG, replace(RULES, hold_hours=0.5), FREE)), exit_bar=7, reason="time")


def test_opposite_phase_ends_a_position_after_the_delay(run: Run) -> None:
    # exit events known at bar 3, delay 1: out at bar 5
    arrays = make_arrays([FLAT] * 8)
    events = make_events([(0, 1)], [(3, -1)])
    rules = replace(RULES, opposite=True, delay_bars=1)
    assert spans(run(arrays, events, rules, FREE)) == [(1, 2, 5, "opposite")]


def test_phase_on_the_position_s_side_does_not_end_it(run: Run) -> None:
    arrays = make_arrays([FLAT] * 5)
    events = make_events([(0, 1)], [(1, 1), (2, 1)])
    assert spans(run(arrays, events, replace(RULES, opposite=True), FREE)) == [(1, 1, 4, "end")]


def test_opposite_due_at_the_entry_open_does_not_concern_that_position(run: Run) -> None:
    arrays = make_arrays([FLAT] * 5)
    events = make_events([(0, 1)], [(0, -1)])
    assert spans(run(arrays, events, replace(RULES, opposite=True), FREE)) == [(1, 1, 4, "end")]


def test_opposite_events_do_not_exit_unless_asked(run: Run) -> None:
    events = make_events([(0, 1)], [(1, -1), (2, -1)])
    assert spans(run(make_arrays([FLAT] * 5), events, RULES, FREE)) == [(1, 1, 4, "end")]


def test_time_names_the_exit_where_opposite_is_due_too(run: Run) -> None:
    arrays = make_arrays([FLAT] * 6)
    events = make_events([(0, 1)], [(2, -1)])
    rules = replace(RULES, opposite=True, hold_hours=2)
    assert spans(run(arrays, events, rules, FREE)) == [(1, 1, 3, "time")]


def test_opposite_due_on_a_missing_bar_waits_for_the_next_open(run: Run) -> None:
    # due at bar 3, bars 3 and 4 are missing: out at the open of bar 5 at 90
    arrays = make_arrays([FLAT, FLAT, FLAT, GONE, GONE, (90, 95, 85, 90), FLAT])
    events = make_events([(0, 1)], [(2, -1)])
    trade = only(run(arrays, events, replace(RULES, opposite=True), FREE))
    check(trade, exit_bar=5, reason="opposite", exit_price=90.0, pnl=-100.0)


def test_overdue_opposite_gives_way_to_time_that_fell_due_meanwhile(run: Run) -> None:
    # opposite due at bar 3, time due at bar 4, bars 3 and 4 missing: both are due at bar 5
    arrays = make_arrays([FLAT, FLAT, FLAT, GONE, GONE, FLAT, FLAT])
    events = make_events([(0, 1)], [(2, -1)])
    rules = replace(RULES, opposite=True, hold_hours=3)
    assert spans(run(arrays, events, rules, FREE)) == [(1, 1, 5, "time")]


def test_end_closes_at_the_last_close_with_costs(run: Run) -> None:
    # fill 101, size 10; last close 120 × 0.99 = 118.8: as in the first test
    # settlement at hour 2.5 comes after the open of the last bar: not charged
    arrays = make_arrays([FLAT, FLAT, (110, 121, 109, 120)], settlements=[(2.5, 0.01, 115.0)])
    costs = Costs(fee=0.001, slippage=0.01, maintenance=0.005)
    trade = only(run(arrays, LONG, replace(RULES, capital=1010.0), costs))
    check(trade, exit_bar=2, reason="end", exit_price=118.8, fees=2.198, slippage=22.0)
    check(trade, funding=0.0, pnl=175.802)


def test_end_is_the_last_close_that_there_is(run: Run) -> None:
    # bars 3 and 4 are missing, so are their settlements
    arrays = make_arrays(
        [FLAT, FLAT, (100, 110, 100, 105), GONE, GONE],
        settlements=[(2, 0.001, 100.0), (3, 0.01, 100.0), (4, 0.01, 100.0)],
    )
    trade = only(run(arrays, LONG, replace(RULES, hold_hours=2), FREE))
    check(trade, exit_bar=2, reason="end", exit_price=105.0, funding=-1.0, pnl=49.0)


def test_end_on_the_entry_bar(run: Run) -> None:
    arrays = make_arrays([FLAT, (100, 103, 99, 102)])
    check(only(run(arrays, LONG, RULES, FREE)), entry_bar=1, exit_bar=1, reason="end", pnl=20.0)


# ---------------------------------------------------------------------------- 4 inside a bar


def test_stop_fills_at_its_level(run: Run) -> None:
    # level 100 × 0.95
    arrays = make_arrays([FLAT, FLAT, (99, 99, 94, 98), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, stop=0.05), FREE))
    check(trade, exit_bar=2, reason="stop", exit_price=95.0, pnl=-50.0)


def test_stop_of_a_short_fills_at_its_level(run: Run) -> None:
    # level 100 × 1.05
    arrays = make_arrays([FLAT, FLAT, (101, 106, 101, 102), FLAT])
    trade = only(run(arrays, SHORT, replace(RULES, stop=0.05), FREE))
    check(trade, exit_bar=2, reason="stop", exit_price=105.0, pnl=-50.0)


def test_stop_is_a_fraction_of_the_entry_fill_and_pays_costs(run: Run) -> None:
    # fill 100 × 1.01 = 101, level 101 × 0.9 = 90.9, exit fill 90.9 × 0.99 = 89.991
    # fees 0.001 × 10 × (101 + 89.991) = 1.90991; slippage 10 × (1 + 0.909) = 19.09
    # pnl −10 × 11.009 − 1.90991 = −111.99991
    arrays = make_arrays([FLAT, FLAT, (99, 99, 90.5, 98), FLAT])
    rules = replace(RULES, stop=0.1, capital=1010.0)
    costs = Costs(fee=0.001, slippage=0.01, maintenance=0.0)
    trade = only(run(arrays, LONG, rules, costs))
    check(trade, exit_price=89.991, fees=1.90991, slippage=19.09, pnl=-111.99991)


def test_touching_the_stop_is_enough(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (100, 100, 75, 100), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, stop=0.25), FREE))
    check(trade, reason="stop", exit_price=75.0)


def test_gap_through_a_stop_fills_at_the_open(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (90, 99, 89, 98), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, stop=0.05), FREE))
    check(trade, exit_bar=2, reason="stop", exit_price=90.0, pnl=-100.0)


def test_entry_bar_s_own_stop(run: Run) -> None:
    arrays = make_arrays([FLAT, (100, 101, 94, 96), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, stop=0.05), FREE))
    check(trade, entry_bar=1, exit_bar=1, reason="stop", exit_price=95.0)


def test_bar_before_the_entry_does_not_count(run: Run) -> None:
    arrays = make_arrays([(100, 200, 10, 100), FLAT, FLAT])
    rules = replace(RULES, stop=0.05, target=0.05, trail=0.05, leverage=10.0)
    assert spans(run(arrays, LONG, rules, FREE)) == [(1, 1, 2, "end")]


def test_target_fills_at_its_level(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (101, 111, 100, 102), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, target=0.1), FREE))
    check(trade, exit_bar=2, reason="target", exit_price=110.0, pnl=100.0)


def test_target_of_a_short_fills_at_its_level(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (99, 100, 89, 98), FLAT])
    trade = only(run(arrays, SHORT, replace(RULES, target=0.1), FREE))
    check(trade, exit_bar=2, reason="target", exit_price=90.0, pnl=100.0)


def test_touching_the_target_is_enough(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (100, 125, 100, 100), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, target=0.25), FREE))
    check(trade, reason="target", exit_price=125.0)


def test_gap_beyond_the_target_fills_at_the_open(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (130, 131, 112, 120), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, target=0.1), FREE))
    check(trade, reason="target", exit_price=130.0, pnl=300.0)


def test_target_exit_pays_slippage_and_fees(run: Run) -> None:
    # fill 99, level 99 × 0.8 = 79.2, exit fill 79.2 × 1.01 = 79.992; pnl 10 × 19.008 − fees
    # fees 0.001 × 10 × (99 + 79.992) = 1.78992
    arrays = make_arrays([FLAT, FLAT, (99, 100, 79, 98), FLAT])
    rules = replace(RULES, target=0.2, capital=990.0)
    trade = only(run(arrays, SHORT, rules, Costs(fee=0.001, slippage=0.01, maintenance=0.0)))
    check(trade, exit_price=79.992, fees=1.78992, slippage=17.92, pnl=190.08 - 1.78992)


def test_stop_comes_before_the_target_in_a_bar_that_touches_both(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (100, 120, 90, 115), FLAT])
    rules = replace(RULES, stop=0.05, target=0.05)
    check(only(run(arrays, LONG, rules, FREE)), reason="stop", exit_price=95.0)


@pytest.mark.parametrize(
    ("events", "bar", "reason", "price", "pnl"),
    [
        # target 105, stop 95, leverage 10: liquidation at 90; each bar goes to all of them
        (LONG, (110.0, 120.0, 60.0, 115.0), "target", 110.0, 100.0),
        (LONG, (105.0, 120.0, 60.0, 115.0), "target", 105.0, 50.0),
        (LONG, (94.0, 120.0, 60.0, 115.0), "stop", 94.0, -60.0),
        (LONG, (90.0, 120.0, 60.0, 115.0), "liquidation", 90.0, -100.0),
        # target 95, stop 105, liquidation at 110
        (SHORT, (90.0, 140.0, 80.0, 85.0), "target", 90.0, 100.0),
        (SHORT, (106.0, 140.0, 80.0, 85.0), "stop", 106.0, -60.0),
        (SHORT, (111.0, 140.0, 80.0, 85.0), "liquidation", 110.0, -100.0),
    ],
)
def test_bar_that_opens_beyond_a_level_is_decided_at_its_open(
    run: Run, events: Events, bar: Prices, reason: str, price: float, pnl: float
) -> None:
    rules = replace(RULES, stop=0.05, target=0.05, leverage=10.0)
    trade = only(run(make_arrays([FLAT, FLAT, bar, FLAT]), events, rules, FREE))
    check(trade, exit_bar=2, reason=reason, exit_price=price, pnl=pnl)


def test_open_beyond_the_liquidation_level_comes_before_one_beyond_the_target(run: Run) -> None:
    # the perp opens beyond the target of 105, the mark at the liquidation level of 90
    mark = [(100, 100, 100), (100, 100, 100), (90, 100, 90), (100, 100, 100)]
    arrays = make_arrays([FLAT, FLAT, (110, 110, 100, 100), FLAT], liq=mark)
    rules = replace(RULES, target=0.05, leverage=10.0)
    check(only(run(arrays, LONG, rules, FREE)), reason="liquidation", pnl=-100.0)


def test_trail_follows_the_best_high_of_previous_bars_only(run: Run) -> None:
    # bar 1: best 100, level 90. bar 2: best 104, level 94, low 101 (its own high would give 110).
    # bar 3: best 120, level 110, low 109: out at 110; pnl 10 × 10
    arrays = make_arrays(
        [FLAT, (100, 104, 99, 103), (103, 120, 101, 119), (119, 119, 109, 112), FLAT]
    )
    trade = only(run(arrays, LONG, replace(RULES, trail=0.1), FREE))
    check(trade, exit_bar=3, reason="trail", exit_price=110.0, pnl=100.0)


def test_trail_of_a_short_follows_the_best_low(run: Run) -> None:
    # levels 110, then 96 + 10, then 80 + 10 = 90, high 91: out at 90
    arrays = make_arrays([FLAT, (100, 101, 96, 97), (97, 99, 80, 81), (81, 91, 81, 88), FLAT])
    trade = only(run(arrays, SHORT, replace(RULES, trail=0.1), FREE))
    check(trade, exit_bar=3, reason="trail", exit_price=90.0, pnl=100.0)


def test_trail_is_a_fraction_of_the_entry_not_of_the_best(run: Run) -> None:
    # best 200: level 200 − 0.1 × 100 = 190, not 180
    arrays = make_arrays([FLAT, (100, 200, 100, 200), (200, 200, 189, 195), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, trail=0.1), FREE))
    check(trade, exit_bar=2, reason="trail", exit_price=190.0)


def test_trail_starts_at_the_entry_fill(run: Run) -> None:
    arrays = make_arrays([FLAT, (100, 130, 90, 120), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, trail=0.1), FREE))
    check(trade, exit_bar=1, reason="trail", exit_price=90.0)


def test_trail_starts_at_the_fill_not_at_the_open(run: Run) -> None:
    # fill 101, level 101 − 0.1 × 101 = 90.9 (from the open it would be 89.9), out at 90.9 × 0.99
    arrays = make_arrays([FLAT, (100, 100, 90.5, 95), FLAT])
    rules = replace(RULES, trail=0.1, capital=1010.0)
    trade = only(run(arrays, LONG, rules, Costs(fee=0.0, slippage=0.01, maintenance=0.0)))
    check(trade, exit_bar=1, reason="trail", exit_price=89.991)


def test_gap_through_the_trail_fills_at_the_open(run: Run) -> None:
    arrays = make_arrays([FLAT, (100, 130, 100, 125), (105, 140, 104, 135), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, trail=0.1), FREE))
    check(trade, exit_bar=2, reason="trail", exit_price=105.0, pnl=50.0)


def test_nearer_of_stop_and_trail_acts(run: Run) -> None:
    # stop 95; trail first 90, after a high of 110 at 100: it is met first
    rules = replace(RULES, stop=0.05, trail=0.1)
    fall = (109.0, 109.0, 80.0, 90.0)
    arrays = make_arrays([FLAT, (100, 110, 100, 109), fall, FLAT])
    check(only(run(arrays, LONG, rules, FREE)), exit_bar=2, reason="trail", exit_price=100.0)
    # without the high the stop is met first
    arrays = make_arrays([FLAT, FLAT, (100.0, 100.0, 80.0, 90.0), FLAT])
    check(only(run(arrays, LONG, rules, FREE)), exit_bar=2, reason="stop", exit_price=95.0)


def test_of_equal_stop_and_trail_the_stop_is_named(run: Run) -> None:
    arrays = make_arrays([FLAT, (100, 100, 75, 100), FLAT])
    rules = replace(RULES, stop=0.25, trail=0.25)
    check(only(run(arrays, LONG, rules, FREE)), reason="stop", exit_price=75.0)


def test_stop_nearer_than_liquidation_acts_first(run: Run) -> None:
    # leverage 10: liquidation at 90, stop at 95
    arrays = make_arrays([FLAT, FLAT, (100, 100, 60, 90), FLAT])
    rules = replace(RULES, stop=0.05, leverage=10.0)
    check(only(run(arrays, LONG, rules, FREE)), reason="stop", pnl=-50.0)


def test_liquidation_nearer_than_the_stop_acts_first(run: Run) -> None:
    # leverage 10: liquidation at 90, stop at 80
    arrays = make_arrays([FLAT, FLAT, (100, 100, 60, 90), FLAT])
    rules = replace(RULES, stop=0.2, leverage=10.0)
    check(only(run(arrays, LONG, rules, FREE)), reason="liquidation", pnl=-100.0)


def test_of_equal_liquidation_and_stop_the_liquidation_is_named(run: Run) -> None:
    # leverage 4: both at 75
    arrays = make_arrays([FLAT, FLAT, (100, 100, 60, 90), FLAT])
    rules = replace(RULES, stop=0.25, trail=0.25, leverage=4.0)
    check(only(run(arrays, LONG, rules, FREE)), reason="liquidation", pnl=-250.0)


def test_liquidation_comes_before_the_target(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (100, 120, 89, 100), FLAT])
    rules = replace(RULES, target=0.1, leverage=10.0)
    check(only(run(arrays, LONG, rules, FREE)), reason="liquidation", pnl=-100.0)


def test_stop_at_the_open_comes_before_a_liquidation_later_in_the_bar(run: Run) -> None:
    # leverage 10: liquidation at 90 on the mark, which opens at 96; the perp opens at 94
    bars = [FLAT, FLAT, (94.0, 94.0, 60.0, 90.0), FLAT]
    mark = [(100, 100, 100), (100, 100, 100), (96, 96, 60), (100, 100, 100)]
    rules = replace(RULES, stop=0.05, leverage=10.0)
    trade = only(run(make_arrays(bars, liq=mark), LONG, rules, FREE))
    check(trade, reason="stop", exit_price=94.0, pnl=-60.0)


def test_stop_that_the_open_is_beyond_comes_before_a_nearer_liquidation_later(run: Run) -> None:
    # leverage 10: liquidation at 90 on the mark, which opens at 96 and falls to 85; stop at 80,
    # the perp opens at 75. The open decides: 10 × (75 − 100).
    bars = [FLAT, FLAT, (75.0, 94.0, 70.0, 90.0), FLAT]
    mark = [(100, 100, 100), (100, 100, 100), (96, 96, 85), (100, 100, 100)]
    rules = replace(RULES, stop=0.2, leverage=10.0)
    trade = only(run(make_arrays(bars, liq=mark), LONG, rules, FREE))
    check(trade, exit_bar=2, reason="stop", exit_price=75.0, pnl=-250.0)


# ---------------------------------------------------------------------------- 5 liquidation


def test_short_is_liquidated_in_the_pump_before_the_crash(run: Run) -> None:
    # leverage 1, m 2 %: P = 100 × 2 / 1.02 = 196.08; the high of 210 takes the margin of 1000.
    # One fee of 0.001 × 1000; the crash to 20 would have paid 800.
    arrays = make_arrays(
        [FLAT, (100, 110, 95, 105), (105, 210, 100, 200), (200, 200, 20, 20), FLAT]
    )
    trade = only(run(arrays, SHORT, RULES, Costs(fee=0.001, slippage=0.0, maintenance=0.02)))
    check(trade, entry_bar=1, exit_bar=2, reason="liquidation", exit_price=200.0)
    check(trade, fees=1.0, slippage=0.0, pnl=-1001.0, **{"return": -1.001})


def test_short_at_leverage_1_goes_when_the_price_has_about_doubled(run: Run) -> None:
    # P = 196.078…
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.02)
    for high, reason in [(196.07, "end"), (196.08, "liquidation")]:
        arrays = make_arrays([FLAT, FLAT, (100, high, 100, 100), FLAT])
        check(only(run(arrays, SHORT, RULES, costs)), reason=reason)


def test_long_at_leverage_10_goes_at_about_one_tenth_less_maintenance(run: Run) -> None:
    # P = 100 × 0.9 / 0.98 = 91.8367…; exit price 90, where price has lost the margin of 100
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.02)
    rules = replace(RULES, leverage=10.0)
    for low, reason in [(91.84, "end"), (91.83, "liquidation")]:
        arrays = make_arrays([FLAT, FLAT, (100, 100, low, 100), FLAT])
        check(only(run(arrays, LONG, rules, costs)), reason=reason)
    arrays = make_arrays([FLAT, FLAT, (100, 100, 91.83, 100), FLAT])
    check(only(run(arrays, LONG, rules, costs)), exit_bar=2, exit_price=90.0, pnl=-100.0)


#: 1 % of the first 5,000, 5 % from there, 10 % from 20,000; deductions keep it without a jump:
#: 5,000 × (5 % − 1 %) = 200, and 200 + 20,000 × (10 % − 5 %) = 1,200
TIERS = Costs(
    fee=0.0,
    slippage=0.0,
    maintenance=0.02,
    brackets=Brackets(((0.0, 0.01, 0.0), (5_000.0, 0.05, 200.0), (20_000.0, 0.1, 1_200.0))),
)


@pytest.mark.parametrize(
    ("capital", "alive", "gone"),
    [
        (1_000.0, 198.01, 198.02),  # 10 coins: 2,000 − 10 P = 0.1 P; 1,980 is in the first bracket
        (10_000.0, 192.38, 192.39),  # 20,000 − 100 P = 5 P − 200: 20,200 / 105
        # 30,000 − 150 P = 15 P − 1,200: 31,200 / 165; entered at 15,000, in the second bracket
        (15_000.0, 189.09, 189.1),
    ],
)
def test_a_short_is_liquidated_by_the_bracket_that_it_has_grown_into(
    run: Run, capital: float, alive: float, gone: float
) -> None:
    rules = replace(RULES, capital=capital)
    for high, reason in [(alive, "end"), (gone, "liquidation")]:
        arrays = make_arrays([FLAT, FLAT, (100, high, 100, 100), FLAT])
        check(only(run(arrays, SHORT, rules, TIERS)), reason=reason)
    check(only(run(arrays, SHORT, rules, TIERS)), exit_price=200.0, pnl=-capital)


def test_a_long_is_liquidated_by_its_bracket_less_the_deduction(run: Run) -> None:
    # 100 coins at leverage 5: 2,000 + 100 (P − 100) = 5 P − 200: 7,800 / 95 = 82.105
    rules = replace(RULES, capital=10_000.0, leverage=5.0)
    for low, reason in [(82.11, "end"), (82.1, "liquidation")]:
        arrays = make_arrays([FLAT, FLAT, (100, 100, low, 100), FLAT])
        check(only(run(arrays, LONG, rules, TIERS)), reason=reason)
    # with 20 of funding paid, 0.2 a coin: 7,820 / 95 = 82.316
    arrays = make_arrays(
        [FLAT, FLAT, (100, 100, 82.31, 100), FLAT], settlements=[(1.5, 0.002, 100.0)]
    )
    check(only(run(arrays, LONG, rules, TIERS)), reason="liquidation", pnl=-2_000.0)


def test_a_bracket_without_a_deduction_liquidates_where_it_begins(run: Run) -> None:
    # at 190 maintenance jumps from 190 to 1,900, and equity is 1,000
    jump = Brackets(((0.0, 0.01, 0.0), (19_000.0, 0.1, 0.0)))
    rules, costs = replace(RULES, capital=10_000.0), replace(TIERS, brackets=jump)
    for high, reason in [(189.99, "end"), (190.0, "liquidation")]:
        arrays = make_arrays([FLAT, FLAT, (100, high, 100, 100), FLAT])
        check(only(run(arrays, SHORT, rules, costs)), reason=reason)


@pytest.mark.parametrize(
    ("capital", "alive", "gone"),
    [(4_000.0, 198.01, 198.02), (10_000.0, 190.47, 190.48)],  # 8,000 / 40.4 and 20,000 / 105
)
def test_a_bracket_by_coins_holds_at_every_price(
    run: Run, capital: float, alive: float, gone: float
) -> None:
    by_coins = Brackets(((0.0, 0.01, 0.0), (50.0, 0.05, 0.0)), in_coins=True)
    rules, costs = replace(RULES, capital=capital), replace(TIERS, brackets=by_coins)
    for high, reason in [(alive, "end"), (gone, "liquidation")]:
        arrays = make_arrays([FLAT, FLAT, (100, high, 100, 100), FLAT])
        check(only(run(arrays, SHORT, rules, costs)), reason=reason)


def test_long_at_leverage_1_is_not_liquidated_by_price(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (100, 100, 0.01, 0.01), FLAT])
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.02)
    check(only(run(arrays, LONG, RULES, costs)), reason="end", pnl=0.0)


def test_gap_beyond_the_liquidation_level_loses_the_margin_and_no_more(run: Run) -> None:
    # leverage 10, open at 50: −100, not −500; the nearer stop at 95 does not help
    arrays = make_arrays([FLAT, FLAT, (50, 60, 40, 50), FLAT])
    for stop in (None, 0.05):
        rules = replace(RULES, leverage=10.0, stop=stop)
        trade = only(run(arrays, LONG, rules, FREE))
        check(trade, exit_bar=2, reason="liquidation", exit_price=90.0, pnl=-100.0)


def test_gap_beyond_the_liquidation_level_comes_before_a_due_exit(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (50, 60, 40, 50), FLAT])
    rules = replace(RULES, leverage=10.0, hold_hours=1, opposite=True)
    trade = only(run(arrays, make_events([(0, 1)], [(1, -1)]), rules, FREE))
    check(trade, exit_bar=2, reason="liquidation", pnl=-100.0)


def test_due_exit_comes_before_a_liquidation_later_in_the_bar(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, (95, 100, 40, 50), FLAT])
    rules = replace(RULES, leverage=10.0, hold_hours=1)
    check(only(run(arrays, LONG, rules, FREE)), reason="time", pnl=-50.0)


def test_entry_bar_can_liquidate(run: Run) -> None:
    arrays = make_arrays([FLAT, (100, 100, 89, 100), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, leverage=10.0), FREE))
    check(trade, entry_bar=1, exit_bar=1, reason="liquidation", pnl=-100.0)


def test_liquidation_is_tested_on_the_mark(run: Run) -> None:
    # a wick of the perp to 60 that the mark does not make, then a mark of 89 that the perp …
    rules = replace(RULES, leverage=10.0)
    calm = [(100.0, 100.0, 100.0)] * 4
    wick = make_arrays([FLAT, FLAT, (100, 100, 60, 100), FLAT], liq=calm)
    check(only(run(wick, LONG, rules, FREE)), reason="end", pnl=0.0)
    # … does not make
    mark = [*calm[:2], (100.0, 100.0, 89.0), calm[3]]
    assert spans(run(make_arrays([FLAT] * 4, liq=mark), LONG, rules, FREE)) == [
        (1, 1, 2, "liquidation")
    ]


@pytest.mark.parametrize(
    ("events", "bar", "held"),
    [(LONG, (80.0, 100.0, 80.0, 100.0), 97.0), (SHORT, (120.0, 120.0, 100.0, 100.0), 103.0)],
)
def test_open_of_a_print_liquidates_no_more_than_the_held_low_or_high(
    run: Run, events: Events, bar: Prices, held: float
) -> None:
    # leverage 10 dies at 90 or 110; the perp's open is beyond, its held low or high is not
    prices = (bar[0], min(bar[1], 103.0), max(bar[2], 97.0))
    calm = (100.0, 100.0, 100.0)
    arrays = make_arrays([FLAT, FLAT, bar, FLAT], liq=[calm, calm, prices, calm])
    check(only(run(arrays, events, replace(RULES, leverage=10.0), FREE)), reason="end", pnl=0.0)
    tight = replace(RULES, leverage=50.0)  # dies at 98 or 102
    trade = only(run(arrays, events, tight, FREE))
    check(trade, exit_bar=2, reason="liquidation", pnl=-20.0)
    assert held in prices


def test_liquidated_trade_lists_entry_slippage_only(run: Run) -> None:
    # fill 101, size 10, margin 1010 / 10 = 101, exit price 101 − 10.1; fee 0.001 × 1010
    arrays = make_arrays([FLAT, FLAT, (100, 100, 60, 60), FLAT])
    rules = replace(RULES, leverage=10.0, capital=1010.0)
    trade = only(run(arrays, LONG, rules, Costs(fee=0.001, slippage=0.01, maintenance=0.02)))
    check(trade, reason="liquidation", exit_price=90.9, slippage=10.0, fees=1.01)
    check(trade, pnl=-102.01, **{"return": -102.01 / 1010})


def test_funding_paid_moves_the_level_of_a_long_nearer(run: Run) -> None:
    # leverage 2: P = 50; after paying 10 × 100 × 0.02 = 20 it is 50 + 2 = 52, so 51.5 liquidates.
    # Price and funding together lose 500: the price 480, so exit price 52.
    bars = [FLAT, FLAT, (100.0, 100.0, 51.5, 100.0), FLAT]
    rules = replace(RULES, leverage=2.0)
    check(only(run(make_arrays(bars), LONG, rules, FREE)), reason="end")
    arrays = make_arrays(bars, settlements=[(2, 0.02, 100.0)])
    trade = only(run(arrays, LONG, rules, FREE))
    check(trade, exit_bar=2, reason="liquidation", funding=-20.0, exit_price=52.0, pnl=-500.0)


def test_funding_received_moves_the_level_of_a_short_away(run: Run) -> None:
    # leverage 2: P = 150; after receiving 20 it is 152. At 152 price loses 520, funding gave 20.
    settlements = [(2.0, 0.02, 100.0)]
    rules = replace(RULES, leverage=2.0)
    for high, reason in [(151.9, "end"), (152.0, "liquidation")]:
        arrays = make_arrays([FLAT, FLAT, (100, high, 100, 100), FLAT], settlements=settlements)
        check(only(run(arrays, SHORT, rules, FREE)), reason=reason)
    trade = only(run(arrays, SHORT, rules, FREE))
    check(trade, funding=20.0, exit_price=152.0, pnl=-500.0)


def test_short_at_leverage_1_is_gone_after_paying_its_notional_in_funding(run: Run) -> None:
    # 10 × 100 × 0.5 paid at hours 2 and 3: P = 150 / 1.02, then (200 − 100) / 1.02 = 98.04 < 100.
    # The price lost nothing: exit price 100.
    settlements = [(2.0, -0.5, 100.0), (3.0, -0.5, 100.0)]
    arrays = make_arrays([FLAT] * 6, settlements=settlements)
    trade = only(run(arrays, SHORT, RULES, Costs(fee=0.001, slippage=0.0, maintenance=0.02)))
    check(trade, exit_bar=3, reason="liquidation", funding=-1000.0, exit_price=100.0)
    check(trade, fees=1.0, pnl=-1001.0)


def test_book_does_not_enter_at_the_open_that_liquidated_it(run: Run) -> None:
    # a liquidation is an exit inside its bar, even by the open: the next entry is a bar later
    fallen = (50.0, 50.0, 50.0, 50.0)
    arrays = make_arrays([FLAT, FLAT, fallen, fallen, fallen])
    events = make_events([(0, 1), (1, -1), (2, -1)])
    result = run(arrays, events, replace(RULES, leverage=4.0), FREE)
    assert spans(result) == [(1, 1, 2, "liquidation"), (-1, 3, 4, "end")]


# ---------------------------------------------------------------------------- spot


def test_spot_held_long_pays_no_borrow_and_is_never_liquidated(run: Run) -> None:
    # down to 1, back to 110 after a day: 10 × 10
    bars: list[Prices | None] = [FLAT, FLAT, (100, 100, 1, 90), *[FLAT] * 22]
    arrays = replace(make_arrays([*bars, (110, 110, 110, 110)]), spot=True)
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.02, borrow=0.5)
    trade = only(run(arrays, LONG, replace(RULES, hold_hours=24), costs))
    check(trade, exit_bar=25, reason="time", funding=0.0, pnl=100.0)


def test_spot_sold_short_pays_the_borrow_rate_pro_rata(run: Run) -> None:
    # 1,000 borrowed at 36.5 % a year for 24 h: 1; the price falls by 10: 10 × 10 − 1
    bars: list[Prices | None] = [*[FLAT] * 25, (90, 90, 90, 90)]
    arrays = replace(make_arrays(bars), spot=True)
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.02, borrow=0.365)
    trade = only(run(arrays, SHORT, replace(RULES, hold_hours=24), costs))
    check(trade, exit_bar=25, reason="time", funding=-1.0, pnl=99.0)
    # of a perp nothing is borrowed
    trade = only(run(replace(arrays, spot=False), SHORT, replace(RULES, hold_hours=24), costs))
    check(trade, funding=0.0, pnl=100.0)


def test_spot_sold_short_loses_its_collateral_and_no_more(run: Run) -> None:
    # 8,760 % a year is 1 % an hour: 10 paid by 02:00, so that the level is (200 − 1) / 1.02
    # = 195.098; price and borrowing together lose 1,000
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.02, borrow=87.6)
    for high, reason in [(195.0, "end"), (195.2, "liquidation")]:
        arrays = replace(make_arrays([FLAT, FLAT, (100, high, 100, 100)]), spot=True)
        trade = only(run(arrays, SHORT, RULES, costs))
        check(trade, exit_bar=2, reason=reason, funding=-10.0)
    check(trade, pnl=-1000.0, exit_price=199.0)


# ---------------------------------------------------------------------------- 6 funding


@pytest.mark.parametrize(
    ("events", "rate", "cash"),
    [(LONG, 0.01, -10.0), (SHORT, 0.01, 10.0), (LONG, -0.01, 10.0), (SHORT, -0.01, -10.0)],
)
def test_positive_funding_is_paid_by_longs_to_shorts(
    run: Run, events: Events, rate: float, cash: float
) -> None:
    # 10 coins × 100 × 1 %
    arrays = make_arrays([FLAT] * 4, settlements=[(2, rate, 100.0)])
    trade = only(run(arrays, events, replace(RULES, hold_hours=2), FREE))
    check(trade, funding=cash, pnl=cash)


def test_each_settlement_is_charged_at_its_own_rate_and_mark_when_intervals_change(
    run: Run,
) -> None:
    # every 8 h, then every 4 h: −10 × (100 × 0.001 + 100 × 0.002 + 110 × 0.003) = −6.3
    settlements = [(0, 0.5, 100.0), (8, 0.001, 100.0), (16, 0.002, 100.0), (20, 0.003, 110.0)]
    arrays = make_arrays([FLAT] * 30, settlements=[*settlements, (24, 0.5, 100.0)])
    trade = only(run(arrays, LONG, replace(RULES, hold_hours=20), FREE))
    check(trade, exit_bar=21, funding=-6.3, pnl=-6.3)


def test_settlement_inside_a_bar_is_charged(run: Run) -> None:
    # bars of 8 h, held from hour 8 to 24; settlements every 4 h: those at 12, 16, 20 and 24
    settlements = [(float(h), 0.001, 100.0) for h in range(0, 33, 4)]
    arrays = make_arrays([FLAT] * 5, settlements=settlements, bar_hours=8.0)
    trade = only(run(arrays, LONG, replace(RULES, hold_hours=16), FREE))
    check(trade, entry_bar=1, exit_bar=3, funding=-4.0)


def test_settlement_at_the_entry_is_not_charged_and_at_the_exit_is(run: Run) -> None:
    # entry at hour 1, exit at hour 3
    rules = replace(RULES, hold_hours=2)
    for hour, cash in [(1.0, 0.0), (1.0001, -1.0), (3.0, -1.0), (3.0001, 0.0)]:
        arrays = make_arrays([FLAT] * 5, settlements=[(hour, 0.001, 100.0)])
        check(only(run(arrays, LONG, rules, FREE)), funding=cash, pnl=cash)


def test_exit_inside_a_bar_is_not_charged_for_a_later_settlement_of_that_bar(run: Run) -> None:
    # the stop of bar 2 counts at hour 2: charged at 2.0, not at 2.5
    bars = [FLAT, FLAT, (100.0, 100.0, 90.0, 95.0), FLAT]
    arrays = make_arrays(bars, settlements=[(2.0, 0.001, 100.0), (2.5, 0.01, 100.0)])
    trade = only(run(arrays, LONG, replace(RULES, stop=0.05), FREE))
    check(trade, exit_bar=2, reason="stop", funding=-1.0, pnl=-51.0)


def test_settlement_inside_a_bar_does_not_move_that_bar_s_liquidation_level(run: Run) -> None:
    # leverage 2: P = 50 in bar 2, 52 from bar 3 on
    low = (100.0, 100.0, 51.0, 100.0)
    arrays = make_arrays([FLAT, FLAT, low, low, FLAT], settlements=[(2.5, 0.02, 100.0)])
    trade = only(run(arrays, LONG, replace(RULES, leverage=2.0), FREE))
    check(trade, exit_bar=3, reason="liquidation", funding=-20.0)


def test_settlements_on_missing_bars_are_charged(run: Run) -> None:
    arrays = make_arrays(
        [FLAT, FLAT, GONE, GONE, FLAT], settlements=[(2, 0.001, 100.0), (3, 0.002, 90.0)]
    )
    trade = only(run(arrays, SHORT, replace(RULES, hold_hours=1), FREE))
    check(trade, exit_bar=4, reason="time", funding=10 * (0.1 + 0.18))


def test_trade_held_over_a_hole_is_flagged_with_the_first(run: Run) -> None:
    # held from hour 2 to hour 4
    cases: list[tuple[list[tuple[float, float]], int]] = [
        ([(0, 2)], -1),  # ends at the entry
        ([(4, 9)], -1),  # begins at the exit
        ([(0, 2.1)], 0),
        ([(3.9, 9)], 0),
        ([(0, 9)], 0),
        ([(0, 1), (2.5, 3), (3, 3.5)], 1),
    ]
    for holes, expected in cases:
        arrays = make_arrays([FLAT] * 8, holes=holes)
        trade = only(run(arrays, make_events([(1, 1)]), replace(RULES, hold_hours=2), FREE))
        check(trade, entry_bar=2, exit_bar=4, hole=expected)


# ---------------------------------------------------------------------------- 7 missing bars


def test_entry_due_on_a_missing_bar_is_dropped_and_counted(run: Run) -> None:
    arrays = make_arrays([FLAT, GONE, FLAT, GONE, FLAT, FLAT, FLAT])
    trades, dropped = run(arrays, make_events([(0, 1), (2, 1), (4, 1)]), RULES, FREE)
    assert spans((trades, dropped)) == [(1, 5, 6, "end")]
    assert dropped == 2


def test_event_during_a_position_is_ignored_on_a_missing_bar_too(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, GONE, FLAT])
    result = run(arrays, make_events([(0, 1), (1, -1)]), RULES, FREE)
    assert spans(result) == [(1, 1, 3, "end")]
    assert result[1] == 0


def test_each_of_two_events_due_on_a_missing_bar_is_counted(run: Run) -> None:
    arrays = make_arrays([FLAT, GONE, FLAT])
    assert run(arrays, make_events([(0, 1), (0, -1)]), RULES, FREE) == ([], 2)


def test_bar_with_one_missing_price_is_missing(run: Run) -> None:
    nan = float("nan")
    for place in range(4):
        row = [100.0] * 4
        row[place] = nan
        arrays = make_arrays([FLAT, (row[0], row[1], row[2], row[3]), FLAT])
        assert run(arrays, LONG, RULES, FREE) == ([], 1)


def test_time_exit_due_on_a_missing_bar_waits_for_the_next_open(run: Run) -> None:
    arrays = make_arrays([FLAT, FLAT, GONE, GONE, (120, 120, 120, 120), FLAT])
    trade = only(run(arrays, LONG, replace(RULES, hold_hours=1), FREE))
    check(trade, exit_bar=4, reason="time", exit_price=120.0, pnl=200.0)


def test_nothing_is_tested_on_a_missing_bar(run: Run) -> None:
    # low and high are there, the close is not; nor does its high move the trail
    hole = (100.0, 150.0, 10.0, float("nan"))
    arrays = make_arrays([FLAT, FLAT, hole, FLAT, FLAT])
    rules = replace(RULES, stop=0.05, target=0.05, trail=0.2, leverage=10.0)
    check(only(run(arrays, LONG, rules, FREE)), exit_bar=4, reason="end", pnl=0.0)


# ---------------------------------------------------------------------------- 9 capital


def steps(prices: list[float]) -> BarArrays:
    return make_arrays([(p, p, p, p) for p in prices])


def test_capital_is_fixed_unless_compounding(run: Run) -> None:
    # +10 % and then −20 %: sizes 10 and 1000 / 110, pnl 100 and −200
    arrays = steps([100, 100, 110, 110, 88, 88])
    events = make_events([(0, 1), (2, 1)])
    trades, _ = run(arrays, events, replace(RULES, hold_hours=1), FREE)
    assert [t["pnl"] for t in trades] == pytest.approx([100.0, -200.0])


def test_compounding_sizes_by_what_the_account_holds(run: Run) -> None:
    # 1000 → 1100 → 880: sizes 10, 1100 / 110 = 10, 880 / 88 = 10
    arrays = steps([100, 100, 110, 110, 88, 88, 99])
    events = make_events([(0, 1), (2, 1), (4, 1)])
    trades, _ = run(arrays, events, replace(RULES, hold_hours=1, compound=True), FREE)
    assert [t["size"] for t in trades] == pytest.approx([10.0, 10.0, 10.0])
    assert [t["pnl"] for t in trades] == pytest.approx([100.0, -220.0, 110.0])


def test_compounding_counts_a_trade_closed_at_the_same_open(run: Run) -> None:
    # long 100 → 110 makes 1100; the short at that open has 10 coins
    arrays = steps([100, 100, 110, 99])
    events = make_events([(0, 1), (1, -1)])
    trades, _ = run(arrays, events, replace(RULES, hold_hours=1, compound=True), FREE)
    assert [t["pnl"] for t in trades] == pytest.approx([100.0, 110.0])


def test_ruined_compounding_account_enters_no_more(run: Run) -> None:
    # a short at leverage 1 and weight 1 loses all its 1000 in the liquidation
    arrays = make_arrays([FLAT, FLAT, (100, 300, 100, 100), FLAT, FLAT, FLAT])
    events = make_events([(0, -1), (3, -1)])
    rules = replace(RULES, compound=True)
    assert spans(run(arrays, events, rules, FREE)) == [(-1, 1, 2, "liquidation")]
    assert len(run(arrays, events, replace(rules, compound=False), FREE)[0]) == 2


def test_no_events_no_trades(run: Run) -> None:
    assert run(make_arrays([FLAT] * 4), make_events([]), RULES, FREE) == ([], 0)
