"""Dated futures and carry against the oracle, and the portfolio against the legs, at random.

FADEFOLLOW_EXAMPLES=3000 pytest tests/engine/kernels/test_dated_agrees.py
takes that many fresh examples.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from fadefollow.engine.model import (
    AnyRules,
    Book,
    Costs,
    DatedBarArrays,
    Events,
    FloatArray,
    IntArray,
    Rules,
    RuleSets,
)
from fadefollow.engine.portfolio import FundedPortfolio, portfolio
from fadefollow.engine.resolver import outcomes, resolve, resolve_returns
from tests.support.bracket_cases import brackets
from tests.support.dated_cases import LEG_FLOATS, LEG_INTEGERS, run_dated_oracle, run_dated_resolver
from tests.support.dated_oracle import Leg, trades_of
from tests.support.engine_cases import HOUR, START

FRESH = "FADEFOLLOW_EXAMPLES" in os.environ
CAPITAL = 100_000.0


def examples(fixed: int) -> int:
    return settings().max_examples if FRESH else fixed


@dataclass(frozen=True, repr=False)
class Case:
    """One random call of the resolver."""

    seed: int
    arrays: DatedBarArrays
    events: Events
    rules: AnyRules
    costs: Costs

    def __repr__(self) -> str:
        """Without the arrays, which hide the rest."""
        kind = "carry" if self.arrays.carry else "future"
        return f"Case({kind}, {self.seed}, {len(self.arrays.time)}, {self.rules}, {self.costs})"

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """What hypothesis shows."""
        printer.text(repr(self))


# ---------------------------------------------------------------------------- random markets


def walk(rng: np.random.Generator, n: int, volatility: float) -> FloatArray:
    """Closes of a random walk with jumps, kept within reason."""
    steps = volatility * np.clip(rng.standard_t(3, n), -8, 8)
    steps += (rng.random(n) < 0.02) * rng.choice([-1.0, 1.0, 0.4, -0.4], n)
    return 100 * np.exp(np.clip(np.cumsum(steps), -4, 4))


def bars_around(
    rng: np.random.Generator, centre: FloatArray, apart: float, wick: float
) -> FloatArray:
    """Open, high, low, close of something that trades `apart` from these closes, shape (n, 4)."""
    n = len(centre)
    close = centre * np.exp(apart * rng.normal(size=n))
    open_ = np.r_[100.0, close[:-1]] * np.exp(apart * rng.normal(size=n) * (rng.random(n) < 0.5))
    high = np.maximum(open_, close) * (1 + wick * np.abs(rng.normal(size=n)))
    low = np.minimum(open_, close) / (1 + wick * np.abs(rng.normal(size=n)))
    return np.column_stack([open_, high, low, close])


def with_holes(rng: np.random.Generator, table: FloatArray, share: float) -> FloatArray:
    """Rows of NaN, alone and in stretches."""
    table, n = table.copy(), len(table)
    table[rng.random(n) < share] = np.nan
    if share > 0:
        start = rng.integers(0, n)
        table[start : start + rng.integers(1, 8)] = np.nan
    return table


def lives(rng: np.random.Generator, n: int, contracts: int) -> list[tuple[int, int, int]]:
    """Per contract its first bar, its leave bar and the bar after its last; the last may go on."""
    leaves = np.sort(rng.integers(5, n + n // (contracts + 1), contracts))
    made = []
    for number, leave in enumerate(leaves.tolist()):
        listed = 0 if number == 0 else max(0, leave - int(rng.integers(5, n)))
        # mostly it trades on for some bars, at times it ends before its leave bar
        ended = leave + int(rng.choice([3, 3, 10, 1, 0, -2, -6]))
        made.append((listed, min(leave, n), max(ended, listed + 1)))
    return made


def nearest_of(
    rng: np.random.Generator, spans: list[tuple[int, int, int]], n: int, margin: int
) -> IntArray:
    """The first contract that is listed and is to be left only after `margin` bars; some none."""
    out = np.full(n, -1, np.int64)
    for bar in range(n):
        fitting = [c for c, (first, leave, _) in enumerate(spans) if first <= bar < leave - margin]
        if fitting and rng.random() > 0.03:
            out[bar] = fitting[0]
    return out


def random_arrays(
    rng: np.random.Generator, n: int, *, volatility: float, share: float, carry: bool, margin: int
) -> DatedBarArrays:
    """Two or three contracts around one walk, spot too for a carry."""
    centre = walk(rng, n, volatility)
    own, spot, *tables = (
        with_holes(rng, bars_around(rng, centre, 0.3 * volatility, volatility), share)
        for _ in range(2 + int(rng.integers(2, 4)))
    )
    spans = lives(rng, n, len(tables))
    for table, (first, _, end) in zip(tables, spans, strict=True):
        table[:first] = np.nan
        table[end:] = np.nan
    if rng.random() < 0.2:
        spot[-int(rng.integers(1, n // 3)) :] = np.nan
    step = int(rng.choice([1, 4, 8])) * HOUR
    held: dict[str, Any] = {}
    if rng.random() < 0.5:
        own_close = np.stack([t[:, 3] for t in tables])
        held["dated_liq_high"] = np.minimum([t[:, 1] for t in tables], own_close * 1.01)
        held["dated_liq_low"] = np.maximum([t[:, 2] for t in tables], own_close / 1.01)
    names = ("open", "high", "low", "close")
    plain: dict[str, Any] = {name: own[:, i].copy() for i, name in enumerate(names)}
    plain |= {f"liq_{name}": own[:, i].copy() for i, name in enumerate(names[:3])}
    held |= {f"dated_{n}": np.stack([t[:, i] for t in tables]) for i, n in enumerate(names)}
    return DatedBarArrays(
        symbol="COIN",
        bar_ns=step,
        time=START + step * np.arange(n, dtype=np.int64),
        **plain,
        settle_time=np.empty(0, np.int64),
        settle_rate=np.empty(0),
        settle_mark=np.empty(0),
        carry=carry,
        contracts=tuple(f"future:{c}" for c in range(len(tables))),
        **held,
        spot_open=spot[:, 0].copy() if carry else np.empty(0),
        spot_close=spot[:, 3].copy() if carry else np.empty(0),
        nearest=nearest_of(rng, spans, n, margin),
        leave=np.array([leave for _, leave, _ in spans], np.int64),
    )


def random_events(rng: np.random.Generator, n: int, density: float, sets: int = 1) -> Events:
    """Events at about `density` a bar, several at one bar among them; own exits or others."""

    def draw() -> tuple[IntArray, IntArray]:
        bar = np.sort(rng.integers(0, n, rng.poisson(density * n)))
        return bar.astype(np.int64), rng.choice([-1, 1], len(bar)).astype(np.int64)

    bar, side = draw()
    exit_bar, exit_side = (bar, side) if rng.random() < 0.5 else draw()
    rule = rng.integers(0, sets, len(bar)) if sets > 1 else None
    return Events(bar, side, rng.integers(0, 4, len(bar)), exit_bar, exit_side, rule)


def fractions(*values: float) -> st.SearchStrategy[float | None]:
    return st.sampled_from([None, *values])


@st.composite
def cases(draw: st.DrawFn, longest: int = 120) -> Case:
    n = draw(st.integers(40, longest))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    arrays = random_arrays(
        rng,
        n,
        volatility=draw(st.sampled_from([0.005, 0.03, 0.1])),
        share=draw(st.sampled_from([0.0, 0.03, 0.2])),
        carry=draw(st.booleans()),
        margin=draw(st.sampled_from([0, 0, 3, -3])),
    )
    # an account that a liquidation empties to the last cent leaves the sign of 0 to rounding
    weight, compound = draw(st.sampled_from([0.97, 0.37])), draw(st.booleans())
    sets = tuple(
        Rules(
            hold_hours=draw(st.integers(1, 60)) * arrays.bar_ns / HOUR,
            delay_bars=draw(st.integers(0, 3)),
            stop=draw(fractions(0.0103, 0.0513, 0.217)),
            target=draw(fractions(0.0123, 0.057, 0.31)),
            trail=draw(fractions(0.013, 0.0531, 0.239)),
            opposite=draw(st.booleans()),
            leverage=draw(st.sampled_from([1.0, 1.0, 2.0, 3.7, 10.0, 20.0])),
            capital=CAPITAL,
            weight=weight,
            compound=compound,
        )
        for _ in range(draw(st.sampled_from([1, 2, 3])))
    )
    rules = sets[0] if len(sets) == 1 else RuleSets(sets)
    costs = Costs(
        fee=draw(st.sampled_from([0.0, 0.0005, 0.01])),
        slippage=draw(st.sampled_from([0.0, 0.0002, 0.003])),
        maintenance=draw(st.sampled_from([0.0, 0.005, 0.0123])),
        borrow=draw(fractions(0.07, 0.9)),
        brackets=draw(brackets()),
    )
    events = random_events(rng, n, draw(st.sampled_from([0.05, 0.2, 1.0])), len(sets))
    return Case(seed, arrays, events, rules, costs)


# ---------------------------------------------------------------------------- comparison


def expected_of(case: Case) -> tuple[list[Leg], int]:
    return run_dated_oracle(case.arrays, case.events, case.rules, case.costs)


def resolved(case: Case) -> Book:
    return resolve(case.arrays, case.events, rules=case.rules, costs=case.costs)


def assert_close(got: Leg, expected: Leg, names: tuple[str, ...]) -> None:
    """To 1e-9; sums of money to 1e-9 of what they are sums of."""
    money = max(abs(expected[name]) for name in ("notional", "fees", "slippage", "pnl"))
    for name in names:
        scale = {"entry_price": 0.0, "size": 0.0, "return": 1.0}.get(name, money)
        scale = expected["entry_price"] if name == "exit_price" else scale
        near = 1e-9 * max(scale, abs(expected[name]))
        assert abs(got[name] - expected[name]) <= near, (name, got, expected)


@settings(max_examples=examples(300))
@given(cases())
def test_legs_are_the_oracle_s(case: Case) -> None:
    expected, dropped = expected_of(case)
    got, got_dropped = run_dated_resolver(case.arrays, case.events, case.rules, case.costs)
    names = (*LEG_INTEGERS, "reason")
    found, wanted = (
        [tuple(leg[name] for name in names) for leg in legs] for legs in (got, expected)
    )
    assert found == wanted
    for one, other in zip(got, expected, strict=True):
        assert_close(one, other, LEG_FLOATS)
    assert got_dropped == dropped


@settings(max_examples=examples(100))
@given(cases())
def test_trades_are_the_legs_summed_up(case: Case) -> None:
    legs, _ = expected_of(case)
    expected = trades_of(legs, len(case.arrays.contracts))
    got: list[Any] = resolved(case).trades.to_dict("records")
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        for name in (
            "code",
            "rule",
            "side",
            "signal_bar",
            "entry_bar",
            "exit_bar",
            "reason",
            "hole",
        ):
            assert one[name] == other[name], (name, one, other)
        assert_close(one, other, (*LEG_FLOATS, "return"))


def value_of(trade: Leg) -> float:
    """The return; NaN if the data end before the trade."""
    return math.nan if trade["reason"] == "end" else float(trade["return"])


@settings(max_examples=examples(80))
@given(cases())
def test_returns_are_those_of_the_trades(case: Case) -> None:
    expected = trades_of(expected_of(case)[0], len(case.arrays.contracts))
    got = resolve_returns(case.arrays, case.events, rules=case.rules, costs=case.costs)
    for name in ("entry_bar", "exit_bar", "code", "rule", "side"):
        assert getattr(got, name).tolist() == [trade[name] for trade in expected], name
    value = np.array([value_of(trade) for trade in expected], float)
    np.testing.assert_allclose(got.value, value, rtol=1e-9, atol=1e-9)


@settings(max_examples=examples(40))
@given(cases(longest=60), st.sampled_from([-1, 1]))
def test_outcomes_are_those_of_single_events(case: Case, side: int) -> None:
    got = outcomes(case.arrays, side, rules=case.rules.sets[0], costs=case.costs)
    expected = [outcome(case, bar, side) for bar in range(len(case.arrays.time))]
    value, exit_bar = (np.array(column) for column in zip(*expected, strict=True))
    np.testing.assert_allclose(got.value, value, rtol=1e-9, atol=1e-9)
    assert got.exit_bar.tolist() == exit_bar.tolist()


def outcome(case: Case, entry_bar: int, side: int) -> tuple[float, int]:
    """What one event that enters at this bar returns, and when its trade ends."""
    rules = replace(case.rules.sets[0], opposite=False, compound=False)
    bar = np.array([entry_bar - 1 - rules.delay_bars], np.int64)
    none = np.empty(0, np.int64)
    events = Events(bar, np.array([side]), np.array([0]), none, none)
    legs, _ = run_dated_oracle(case.arrays, events, rules, case.costs)
    if not legs:
        return math.nan, -1
    trade = trades_of(legs, len(case.arrays.contracts))[0]
    return value_of(trade), trade["exit_bar"]


@settings(max_examples=examples(60))
@given(cases())
def test_a_book_holds_one_trade_at_a_time(case: Case) -> None:
    trades: list[Any] = resolved(case).trades.to_dict("records")
    for before, after in pairwise(trades):
        assert before["entry_bar"] <= before["exit_bar"] <= after["entry_bar"]


# ---------------------------------------------------------------------------- portfolio


@dataclass(frozen=True, repr=False)
class Universe:
    """Coins on one calendar, in one book."""

    cases: tuple[Case, ...]

    def __repr__(self) -> str:
        return f"Universe{self.cases}"


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    first = draw(cases())
    made = [first]
    for number in range(draw(st.integers(0, 2))):
        rng = np.random.default_rng(first.seed + number + 1)
        n, carry = len(first.arrays.time), first.arrays.carry
        arrays = random_arrays(rng, n, volatility=0.03, share=0.03, carry=carry, margin=0)
        arrays = replace(
            arrays, symbol=f"C{number}", bar_ns=first.arrays.bar_ns, time=first.arrays.time
        )
        made.append(
            replace(first, arrays=arrays, events=random_events(rng, n, 0.3, len(first.rules.sets)))
        )
    return Universe(tuple(made))


def portfolio_of(universe: Universe) -> tuple[FundedPortfolio, list[Book]]:
    made = [resolved(case) for case in universe.cases]
    coin_arrays = [case.arrays for case in universe.cases]
    return portfolio(coin_arrays, made, rules=universe.cases[0].rules), made


def scale_of(legs: pd.DataFrame) -> float:
    """What the sums of a coin's money are sums of."""
    return CAPITAL + float(legs["notional"].sum() + legs["pnl"].abs().sum())


def by_coin(found: object) -> FloatArray:
    """One value a coin; vectorbt drops the axis where there is one group."""
    return np.atleast_1d(np.asarray(found, float))


@settings(max_examples=examples(20))
@given(universes())
def test_profit_and_final_value_of_each_coin_are_its_legs(universe: Universe) -> None:
    found, made = portfolio_of(universe)
    profits, finals = by_coin(found.total_profit()), by_coin(found.final_value())
    lasts, returns = by_coin(found.value().iloc[-1]), by_coin(found.total_return())
    assert len(profits) == len(made)
    for coin, book in enumerate(made):
        assert book.legs is not None
        profit, near = float(book.legs["pnl"].sum()), 1e-9 * scale_of(book.legs)
        assert profits[coin] == pytest.approx(profit, abs=near)
        assert finals[coin] == pytest.approx(CAPITAL + profit, abs=near)
        assert lasts[coin] == pytest.approx(CAPITAL + profit, abs=near)
        assert returns[coin] == pytest.approx(profit / CAPITAL, abs=near / CAPITAL)
    borrowed = sum(float(book.legs["funding"].sum()) for book in made if book.legs is not None)
    assert found.funding.to_numpy().sum() == pytest.approx(borrowed, rel=1e-9, abs=1e-6)


@settings(max_examples=examples(20))
@given(universes())
def test_between_trades_the_value_is_the_capital_and_what_was_made(universe: Universe) -> None:
    found, made = portfolio_of(universe)
    values = np.asarray(found.value(), float).reshape(-1, len(made))
    for coin, book in enumerate(made):
        assert book.legs is not None
        legs, near = book.legs, 1e-9 * scale_of(book.legs)
        for bar, value in enumerate(values[:, coin]):
            over = legs["exit_bar"].to_numpy() <= bar
            if not ((legs["entry_bar"].to_numpy() <= bar) & ~over).any():
                expected = CAPITAL + float(legs["pnl"].to_numpy()[over].sum())
                assert value == pytest.approx(expected, abs=near), bar


@settings(max_examples=examples(10))
@given(universes())
def test_daily_returns_add_up_to_the_mean_profit(universe: Universe) -> None:
    found, made = portfolio_of(replace_rules(universe, compound=False))
    coins = [case.arrays.symbol for case in universe.cases]
    always = np.ones((len(universe.cases[0].arrays.time), len(coins)), bool)
    daily = found.daily_returns(pd.DataFrame(always, columns=coins))
    legs = pd.concat([book.legs for book in made])
    expected = float(legs["pnl"].sum()) / len(coins) / CAPITAL
    assert daily.sum() == pytest.approx(expected, abs=1e-9 * scale_of(legs) / CAPITAL)


def replace_rules(universe: Universe, **changes: object) -> Universe:
    def changed(rules: AnyRules) -> RuleSets:
        return RuleSets(tuple(replace(one, **changes) for one in rules.sets))  # type: ignore[arg-type]

    return Universe(tuple(replace(c, rules=changed(c.rules)) for c in universe.cases))
