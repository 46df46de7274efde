"""The resolver against the oracle on random markets, rules and costs.

FADEFOLLOW_EXAMPLES=3000 pytest tests/engine/kernels/test_oracle_agrees.py
takes that many fresh examples.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from fadefollow.engine.model import (
    AnyRules,
    BarArrays,
    Costs,
    Events,
    FloatArray,
    IntArray,
    Rules,
    RuleSets,
)
from fadefollow.engine.resolver import outcomes, resolve_returns
from tests.support.bracket_cases import brackets
from tests.support.engine_cases import FLOATS, HOUR, INTEGERS, START, run_resolver
from tests.support.oracle import Trade, maintenance_at, oracle

CASH = ("fees", "slippage", "funding", "pnl")
MINUTE = HOUR // 60
MILLISECOND = 1_000_000
FRESH = "FADEFOLLOW_EXAMPLES" in os.environ


def examples(fixed: int) -> int:
    return settings().max_examples if FRESH else fixed


@dataclass(frozen=True, repr=False)
class Case:
    """One random call of the resolver."""

    kind: str
    bars: int
    arrays: BarArrays
    events: Events
    rules: AnyRules
    costs: Costs

    def __repr__(self) -> str:
        """Without the arrays, which hide the rest."""
        return f"Case({self.kind}, {self.bars} bars, {self.rules}, {self.costs})"

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """What hypothesis shows."""
        printer.text(repr(self))


# ---------------------------------------------------------------------------- random markets


def wild_prices(rng: np.random.Generator, n: int, volatility: float) -> FloatArray:
    """Open, high, low, close of a random walk with gaps, jumps and bars that do not move."""
    table = np.empty((n, 4))
    last = 100.0
    for bar in range(n):
        gap = rng.choice([0.0, 0.0, 0.0, 1.0]) * rng.normal() * volatility
        open_ = last * math.exp(gap)
        if rng.random() < 0.02:
            open_ *= rng.choice([3.0, 1 / 3, 1.5, 0.7])
        still = rng.random() < 0.1
        close = open_ if still else open_ * math.exp(volatility * rng.standard_t(3))
        close = float(np.clip(close, open_ / 4, open_ * 4))
        wick = 0.0 if still else volatility
        high = max(open_, close) * (1 + wick * abs(rng.normal()))
        low = min(open_, close) / (1 + wick * abs(rng.normal()))
        table[bar] = np.array((open_, high, low, close))
        last = close if 1e-2 < close < 1e4 else 100.0
    return table


def exact_prices(rng: np.random.Generator, n: int) -> FloatArray:
    """Prices in steps of 16 around 128: with the levels of `exact_rules`, touches are exact."""
    base = 128.0 + 16.0 * rng.integers(-3, 4, (n, 4))
    return np.column_stack([base[:, 0], base.max(axis=1), base.min(axis=1), base[:, 3]])


def mark_of(rng: np.random.Generator, table: FloatArray, kind: str, scale: float) -> FloatArray:
    """Open, high and low of the mark: those of the perp, held or not, or others around them."""
    if kind == "perp":
        return table[:, :3].copy()
    if kind == "held":
        low, high = (table[:, 3] * np.exp(side * scale) for side in (-1, 1))
        held = np.minimum(table[:, 1], high), np.maximum(table[:, 2], low)
        return np.column_stack([table[:, 0], *held])
    open_ = table[:, 0] * np.exp(scale * rng.normal(size=len(table)))
    high = np.maximum(open_, table[:, 1] * np.exp(scale * rng.normal(size=len(table))))
    low = np.minimum(open_, table[:, 2] * np.exp(scale * rng.normal(size=len(table))))
    return np.column_stack([open_, high, low])


def exact_mark(rng: np.random.Generator, table: FloatArray) -> FloatArray:
    """A mark on the grid of `exact_prices`."""
    shifted = table[:, :3] + 16.0 * rng.integers(-1, 2, (len(table), 3))
    open_ = shifted[:, 0]
    high, low = np.maximum(open_, shifted[:, 1]), np.minimum(open_, shifted[:, 2])
    return np.column_stack([open_, high, low])


def with_missing(rng: np.random.Generator, table: FloatArray, share: float) -> FloatArray:
    """Rows of NaN, alone and in stretches, the last rows among them; and rows missing a part."""
    table = table.copy()
    n = len(table)
    table[rng.random(n) < share] = np.nan
    if share > 0:
        for _ in range(2):
            start = rng.integers(0, n)
            table[start : start + rng.integers(1, 8)] = np.nan
        table[rng.random(n) < share / 4, rng.integers(0, 4)] = np.nan
    return table


def settlements(
    rng: np.random.Generator, end: int, mark: float, biggest: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Settlements from before the first bar to after the last, every 8 h, then 4 h, jittered."""
    every, at, times = 8 * HOUR, START - 8 * HOUR, []
    jitter = int(rng.choice([0, 7 * MILLISECOND, 20 * MINUTE]))
    while at < end + 8 * HOUR:
        times.append(at + int(rng.integers(0, jitter + 1)))
        every = int(rng.choice([every, every, every, 8 * HOUR, 4 * HOUR, HOUR]))
        at += every
    time = np.unique(np.array(times, np.int64))
    rate = biggest * rng.uniform(-1, 1, len(time)) * rng.choice([1.0, 0.1], len(time))
    return time, rate, mark * np.exp(0.3 * rng.normal(size=len(time)))


def holes_of(rng: np.random.Generator, step: int, n: int) -> IntArray:
    """Up to three holes, in order, on bar opens and inside bars."""
    count = 2 * int(rng.integers(0, 4))
    places = np.sort(rng.integers(0, 2 * n, count)) * (step // 2)
    return START + places.reshape(-1, 2).astype(np.int64)


def random_arrays(
    rng: np.random.Generator, n: int, step: int, table: FloatArray, mark: FloatArray, biggest: float
) -> BarArrays:
    time = START + step * np.arange(n, dtype=np.int64)
    settle_time, rate, settle_mark = settlements(rng, int(time[-1]), 100.0, biggest)
    return BarArrays(
        symbol="COIN",
        bar_ns=step,
        time=time,
        open=table[:, 0].copy(),
        high=table[:, 1].copy(),
        low=table[:, 2].copy(),
        close=table[:, 3].copy(),
        liq_open=mark[:, 0].copy(),
        liq_high=mark[:, 1].copy(),
        liq_low=mark[:, 2].copy(),
        settle_time=settle_time,
        settle_rate=rate,
        settle_mark=settle_mark,
        holes=holes_of(rng, step, n),
    )


def random_events(rng: np.random.Generator, n: int, density: float, exits: str) -> Events:
    """Events at about `density` a bar, several at one bar among them."""

    def draw() -> tuple[IntArray, IntArray]:
        bar = np.sort(rng.integers(0, n, rng.poisson(density * n)))
        return bar.astype(np.int64), rng.choice([-1, 1], len(bar)).astype(np.int64)

    bar, side = draw()
    exit_bar, exit_side = (bar, side) if exits == "own" else draw()
    return Events(bar, side, rng.integers(0, 4, len(bar)), exit_bar, exit_side)


# ---------------------------------------------------------------------------- random calls


def mixed(rng: np.random.Generator, events: Events, sets: list[Rules]) -> tuple[Events, AnyRules]:
    """Each event with one of the rule sets; a single one stands for itself."""
    if len(sets) == 1:
        return events, sets[0]
    rule = rng.integers(0, len(sets), len(events.bar))
    return replace(events, rule=rule), RuleSets(tuple(sets))


def fractions(*values: float) -> st.SearchStrategy[float | None]:
    return st.sampled_from([None, *values])


@st.composite
def wild_cases(draw: st.DrawFn, longest: int = 200) -> Case:
    """Anything goes, except prices that meet a level exactly."""
    n = draw(st.integers(30, longest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    step = draw(st.sampled_from([15 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR]))
    table = wild_prices(rng, n, draw(st.sampled_from([0.003, 0.02, 0.1])))
    mark = mark_of(rng, table, draw(st.sampled_from(["perp", "mark", "held"])), 0.02)
    table = with_missing(rng, table, draw(st.sampled_from([0.0, 0.0, 0.03, 0.2])))
    mark[np.isnan(table).all(axis=1) & (rng.random(n) < 0.5)] = np.nan
    arrays = random_arrays(
        rng, n, step, table, mark, draw(st.sampled_from([0.0, 0.001, 0.03, 0.3]))
    )
    if draw(st.sampled_from([False, False, True])):
        none = np.empty(0, np.int64)
        unsettled: dict[str, Any] = {"settle_time": none, "settle_rate": none.astype(float)}
        unsettled |= {"settle_mark": none.astype(float), "holes": none.reshape(0, 2)}
        arrays = replace(arrays, spot=True, **unsettled)
    if draw(st.sampled_from([False, False, True])):  # sized by risk; of some bars it is not known
        share = np.where(rng.random(n) < 0.1, math.nan, rng.uniform(0.05, 1.0, n))
        arrays = replace(arrays, share=share)
    capital, compound = draw(st.sampled_from([1000.0, 100_000.0])), draw(st.booleans())
    # An account that a liquidation empties to the last cent would leave the sign of 0 to rounding.
    weight = draw(st.sampled_from([0.97 if compound else 1.0, 0.37]))
    sets = [
        Rules(
            hold_hours=draw(st.integers(1, 60)) * step / HOUR,
            delay_bars=draw(st.integers(0, 3)),
            stop=draw(fractions(0.01, 0.0513, 0.217)),
            target=draw(fractions(0.0123, 0.057, 0.31, 1.7)),
            trail=draw(fractions(0.013, 0.0531, 0.239)),
            opposite=draw(st.booleans()),
            leverage=draw(st.sampled_from([1.0, 1.0, 2.0, 3.7, 10.0, 21.3, 50.0])),
            capital=capital,
            weight=weight,
            compound=compound,
        )
        for _ in range(draw(st.sampled_from([1, 2, 3])))
    ]
    costs = Costs(
        fee=draw(st.sampled_from([0.0, 0.0005, 0.01])),
        slippage=draw(st.sampled_from([0.0, 0.0002, 0.003])),
        maintenance=draw(st.sampled_from([0.0, 0.005, 0.0123, 0.031])),
        borrow=draw(fractions(0.13, 9.7)),  # of spot only
        brackets=draw(brackets()),
    )
    density = draw(st.sampled_from([0.02, 0.1, 0.5, 2.0]))
    events = random_events(rng, n, density, draw(st.sampled_from(["own", "other"])))
    return Case("wild", n, arrays, *mixed(rng, events, sets), costs)


@st.composite
def exact_cases(draw: st.DrawFn, longest: int = 200) -> Case:
    """Prices and levels on one binary grid, no costs: touches and equal levels are exact."""
    n = draw(st.integers(30, longest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table = exact_prices(rng, n)
    mark = table[:, :3].copy() if draw(st.booleans()) else exact_mark(rng, table)
    table = with_missing(rng, table, draw(st.sampled_from([0.0, 0.1])))
    sets = [
        Rules(
            hold_hours=float(draw(st.integers(1, 20))),
            delay_bars=draw(st.integers(0, 2)),
            stop=draw(fractions(0.125, 0.25, 0.5)),
            target=draw(fractions(0.125, 0.25, 0.5)),
            trail=draw(fractions(0.125, 0.25, 0.5)),
            opposite=draw(st.booleans()),
            leverage=draw(st.sampled_from([1.0, 2.0, 4.0, 8.0])),
        )
        for _ in range(draw(st.sampled_from([1, 2])))
    ]
    arrays = random_arrays(rng, n, HOUR, table, mark, 0.0)
    events = random_events(rng, n, draw(st.sampled_from([0.1, 0.5])), "own")
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
    return Case("exact", n, arrays, *mixed(rng, events, sets), costs)


def cases(longest: int = 200) -> st.SearchStrategy[Case]:
    return wild_cases(longest) | wild_cases(longest) | exact_cases(longest)


# ---------------------------------------------------------------------------- comparison


def assert_same_trade(got: Trade, expected: Trade) -> None:
    for name in (*INTEGERS, "reason"):
        assert got[name] == expected[name], (name, got, expected)
    for name in FLOATS:
        # sums of money are exact to 1e-9 of what they are sums of
        parts = ("notional", "fees", "slippage", "funding", "pnl") if name in CASH else (name,)
        scale = max(abs(expected[part]) for part in parts)
        scale = max(scale, expected["entry_price"]) if name == "exit_price" else scale
        scale = max(scale, 1.0) if name == "return" else scale
        assert abs(got[name] - expected[name]) <= 1e-9 * scale, (name, got, expected)


@settings(max_examples=examples(300))
@given(cases())
def test_trades_are_the_oracle_s(case: Case) -> None:
    expected, dropped = oracle(case.arrays, case.events, case.rules, case.costs)
    got, got_dropped = run_resolver(case.arrays, case.events, case.rules, case.costs)
    spans = [[(t["entry_bar"], t["exit_bar"], t["reason"]) for t in ts] for ts in (got, expected)]
    for one, other in zip(got, expected, strict=False):
        assert_same_trade(one, other)
    assert spans[0] == spans[1]
    assert got_dropped == dropped


def value_of(trade: Trade) -> float:
    """The return; NaN if the data end before the trade, or funding is not known all the way."""
    unknown = trade["reason"] == "end" or trade["hole"] >= 0
    return math.nan if unknown else float(trade["return"])


@settings(max_examples=examples(100))
@given(cases())
def test_returns_are_those_of_the_trades(case: Case) -> None:
    expected, _ = oracle(case.arrays, case.events, case.rules, case.costs)
    got = resolve_returns(case.arrays, case.events, rules=case.rules, costs=case.costs)
    for name in ("entry_bar", "exit_bar", "code", "rule", "side"):
        assert getattr(got, name).tolist() == [trade[name] for trade in expected]
    value = [value_of(trade) for trade in expected]
    np.testing.assert_allclose(got.value, np.array(value, float), rtol=1e-9, atol=1e-9)


@settings(max_examples=examples(60))
@given(cases(longest=60), st.sampled_from([-1, 1]))
def test_outcomes_are_those_of_single_events(case: Case, side: int) -> None:
    got = outcomes(case.arrays, side, rules=case.rules.sets[0], costs=case.costs)
    expected = [outcome(case, bar, side) for bar in range(len(case.arrays.time))]
    value, exit_bar, inside = (np.array(column) for column in zip(*expected, strict=True))
    np.testing.assert_allclose(got.value, value, rtol=1e-9, atol=1e-9)
    assert got.exit_bar.tolist() == exit_bar.tolist()
    assert got.inside.tolist() == inside.tolist()


def outcome(case: Case, entry_bar: int, side: int) -> tuple[float, int, bool]:
    """What one event that enters at this bar returns, when its trade ends, and whether inside."""
    rules = replace(case.rules.sets[0], opposite=False, compound=False)
    bar = np.array([entry_bar - 1 - rules.delay_bars], np.int64)
    none = np.empty(0, np.int64)
    events = Events(bar, np.array([side]), np.array([0]), none, none)
    trades, _ = oracle(case.arrays, events, rules, case.costs)
    if not trades:
        return math.nan, -1, False
    return value_of(trades[0]), trades[0]["exit_bar"], trades[0]["reason"] != "time"


# ---------------------------------------------------------------------------- invariants


def leverage_of(case: Case, trade: Trade) -> float:
    return case.rules.sets[trade["rule"]].leverage


def equity(case: Case, trade: Trade, time: int, price: float) -> float:
    """Money rules, 5, before it is solved for the price."""
    arrays, side, size = case.arrays, trade["side"], trade["size"]
    held = (arrays.settle_time > arrays.time[trade["entry_bar"]]) & (arrays.settle_time <= time)
    funding = -side * size * float((arrays.settle_mark * arrays.settle_rate)[held].sum())
    if arrays.spot and side < 0:
        years = (time - int(arrays.time[trade["entry_bar"]])) / (8760 * HOUR)
        funding -= (case.costs.borrow or 0.0) * float(trade["notional"]) * years
    profit = side * size * (price - trade["entry_price"])
    return float(trade["notional"] / leverage_of(case, trade) + funding + profit)


@settings(max_examples=examples(60))
@given(wild_cases())
def test_a_position_lives_as_long_as_its_equity_exceeds_maintenance(case: Case) -> None:
    arrays = case.arrays
    trades, _ = run_resolver(arrays, case.events, case.rules, case.costs)
    present = ~np.isnan(np.column_stack([arrays.open, arrays.high, arrays.low, arrays.close])).any(
        axis=1
    )
    for trade in trades:
        worst = arrays.liq_low if trade["side"] > 0 else arrays.liq_high
        for bar in range(trade["entry_bar"], trade["exit_bar"] + 1):
            price, time = float(worst[bar]), int(arrays.time[bar])
            needed = maintenance_at(case.costs, trade["size"], price)
            alive = equity(case, trade, time, price) > needed
            if bar == trade["exit_bar"]:
                assert not (alive and trade["reason"] == "liquidation")
            else:
                assert alive or not present[bar]


@settings(max_examples=examples(60))
@given(wild_cases())
def test_the_parts_of_a_trade_add_up(case: Case) -> None:
    trades, _ = run_resolver(case.arrays, case.events, case.rules, case.costs)
    for trade in trades:
        size, side = trade["size"], trade["side"]
        price = side * size * (trade["exit_price"] - trade["entry_price"])
        total = price + trade["funding"] - trade["fees"]
        near = 1e-9 * (trade["notional"] + abs(trade["funding"]) + abs(price))
        assert trade["pnl"] == pytest.approx(total, abs=near)
        assert trade["return"] == pytest.approx(trade["pnl"] / trade["notional"], rel=1e-12)
        if trade["reason"] == "liquidation":
            lost = trade["notional"] / leverage_of(case, trade) + trade["fees"]
            assert trade["pnl"] == pytest.approx(-lost, rel=1e-12)


@settings(max_examples=examples(60))
@given(cases())
def test_a_book_holds_one_position_at_a_time(case: Case) -> None:
    trades, _ = run_resolver(case.arrays, case.events, case.rules, case.costs)
    for before, after in pairwise(trades):
        at_open = before["reason"] in ("time", "opposite", "liquidation")
        assert after["entry_bar"] >= before["exit_bar"] + (not at_open)
        assert before["entry_bar"] <= before["exit_bar"]
