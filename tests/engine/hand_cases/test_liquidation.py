"""The money rules by hand: liquidation, and spot (paragraph 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fadefollow.engine.model import Brackets, Costs, Events
from tests.support.engine_cases import FLAT, Prices, Run, make_arrays, make_events
from tests.support.hand_cases import FREE, LONG, RULES, SHORT, check, only, spans

# ---- 5 liquidation ----


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


# ---- spot ----


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
