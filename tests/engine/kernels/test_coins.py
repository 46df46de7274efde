"""Several coins' books in one call are those of each coin by itself, to the last bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.engine.coin_books import CoinBooks, CoinEvents
from fadefollow.engine.kernels.arrays import BLOCK
from fadefollow.engine.kernels.coins import block_extremes
from fadefollow.engine.model import Costs, Events, IntArray, Rules
from fadefollow.engine.resolver import bare_returns, bare_trades
from tests.engine.kernels.test_oracle_agrees import Case, cases, examples
from tests.support.engine_cases import FLAT, make_arrays

NAN = math.nan


def joined(bars: list[IntArray], sides: list[IntArray], codes: list[IntArray]) -> CoinEvents:
    start = np.cumsum([0, *map(len, bars)])
    bar, side, code = (np.concatenate(parts) for parts in (bars, sides, codes))
    return CoinEvents(bar, side, code, start)


def entries_and_exits(events: list[Events]) -> tuple[CoinEvents, CoinEvents]:
    opens = joined([e.bar for e in events], [e.side for e in events], [e.code for e in events])
    bars = [e.exit_bar for e in events]
    return opens, joined(bars, [e.exit_side for e in events], bars)


@settings(max_examples=examples(150))
@given(st.lists(cases(), min_size=1, max_size=4))
def test_books_of_several_coins_are_those_of_each(several: list[Case]) -> None:
    step = several[0].arrays.bar_ns
    coins = [case for case in several if case.arrays.bar_ns == step]
    rules = coins[0].rules.sets[0]
    events = [replace(case.events, rule=None) for case in coins]
    books = CoinBooks.of([case.arrays for case in coins], [case.costs for case in coins])
    found = books.trades(*entries_and_exits(events), rules)
    assert found.start[-1] == len(found.ints) == len(found.value)
    for number, (case, own) in enumerate(zip(coins, events, strict=True)):
        ints, floats = bare_trades(case.arrays, own, rules=rules, costs=case.costs)
        rows = slice(found.start[number], found.start[number + 1])
        assert found.ints[rows].tobytes() == ints.tobytes()
        assert found.floats[rows].tobytes() == floats.tobytes()
        np.testing.assert_array_equal(found.value[rows], bare_returns(ints, floats).value)


@pytest.mark.parametrize(("fall", "reason"), [(None, "time"), (30, "stop"), (49, "stop")])
def test_a_price_within_the_hold_is_seen_in_any_block(fall: int | None, reason: str) -> None:
    bars = [FLAT] * 60
    if fall is not None:
        bars[fall] = (100.0, 100.0, 80.0, 100.0)
    arrays = make_arrays(bars)
    none = np.empty(0, np.int64)
    one = np.array([1])
    entry = CoinEvents(one, one, np.zeros(1, np.int64), np.array([0, 1]))
    exits = CoinEvents(none, none, none, np.array([0, 0]))
    books = CoinBooks.of([arrays], [Costs(fee=0.0, slippage=0.0, maintenance=0.0)])
    found = books.trades(entry, exits, Rules(hold_hours=48.0, stop=0.1))
    assert found.value.tolist() == [0.0 if reason == "time" else pytest.approx(-0.1)]
    assert found.ints[0, 5] == (50 if fall is None else fall)


def test_extremes_leave_out_missing_bars_and_marks_that_nobody_knows() -> None:
    low, high = (np.array([5.0, 1.0, 4.0]), np.array([6.0, 9.0, 7.0]))
    prices = np.array([5.5, NAN, 5.0])
    unknown = np.full(3, NAN)
    found = block_extremes(prices, high, low, prices, unknown, unknown, unknown)
    assert [x.tolist() for x in found] == [[4.0], [7.0]]
    marked = block_extremes(prices, high, low, prices, prices, high + 1.0, low - 1.0)
    assert [x.tolist() for x in marked] == [[3.0], [8.0]]
    partly = block_extremes(prices, high, low, prices, prices, unknown, low)
    assert [x.tolist() for x in partly] == [[-math.inf], [math.inf]]


def test_extremes_have_a_value_for_each_block_begun() -> None:
    price = np.arange(1.0, BLOCK + 2.0)
    low, high = block_extremes(*(price,) * 7)
    assert low.tolist() == [1.0, BLOCK + 1.0]
    assert high.tolist() == [float(BLOCK), BLOCK + 1.0]
