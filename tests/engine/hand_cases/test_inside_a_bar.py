"""The money rules by hand: exits inside a bar (paragraph 4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fadefollow.engine.model import Costs, Events
from tests.support.engine_cases import FLAT, Prices, Run, make_arrays
from tests.support.hand_cases import FREE, LONG, RULES, SHORT, check, only, spans


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
