"""The money rules by hand: funding, missing bars, capital (paragraphs 6, 7 and 9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fadefollow.engine.model import BarArrays, Events
from tests.support.engine_cases import FLAT, Run, make_arrays, make_events
from tests.support.hand_cases import FREE, GONE, LONG, RULES, SHORT, check, only, spans

# ---- 6 funding ----


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


# ---- 7 missing bars ----


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


# ---- 9 capital ----


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
