"""The money rules by hand: entry, costs, one position, exits at an open (paragraphs 1 to 3)."""

from __future__ import annotations

from dataclasses import replace

from fadefollow.engine.model import Costs
from tests.support.engine_cases import FLAT, Run, make_arrays, make_events
from tests.support.hand_cases import FREE, GONE, LONG, RULES, SHORT, check, only, spans

# ---- 1 entry and costs ----


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


# ---- 2 one position ----


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


# ---- 3 exits at an open ----


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
