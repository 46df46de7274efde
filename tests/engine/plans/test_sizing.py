"""Sizing by risk: the share of a position, what is known of it at entry, and its setting."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.core.toml import build
from fadefollow.engine.costs import CostSettings
from fadefollow.engine.model import Costs, Rules
from fadefollow.engine.plans.plan import prepare
from fadefollow.engine.plans.sizing import risk_shares
from fadefollow.engine.portfolio import portfolio
from fadefollow.engine.resolver import outcomes, resolve
from fadefollow.engine.strategy import Trade
from fadefollow.errors import ParameterError, SpecError
from tests.engine.hedge.test_hedging import _phases, _strategy, _universe
from tests.support.engine_cases import FLAT, HOUR, START, make_arrays, make_events

DAY = 24 * HOUR
FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)


def _shares(close, *, hours=8, target=0.5, start=START):
    close = np.asarray(close, float)
    time = start + hours * HOUR * np.arange(len(close), dtype=np.int64)
    return risk_shares(time, close, target=target)


def share_in_words(close, time, bar, target):
    """Money rules, 9, once more: the last close of each of the 31 UTC days before the entry's."""
    last: dict[int, float] = {}
    for when, price in zip(time, close, strict=True):
        if when // DAY < time[bar] // DAY and not math.isnan(price):
            last[int(when // DAY)] = float(price)
    today = int(time[bar] // DAY)
    returns = [
        last[d] / last[d - 1] - 1.0 for d in range(today - 30, today) if d in last and d - 1 in last
    ]
    if len(returns) < 10:
        return math.nan
    middle = sum(returns) / len(returns)
    variance = sum((r - middle) ** 2 for r in returns) / (len(returns) - 1)
    yearly = math.sqrt(365 * variance)
    return 1.0 if yearly <= target else target / yearly


def test_a_share_by_hand() -> None:
    # closes of 100 and 110 in turn: returns of +10 % and −1/11; the eleventh day knows ten of them
    close = np.repeat(np.where(np.arange(13) % 2, 110.0, 100.0), 3)
    found = _shares(close)
    assert np.isnan(found[: 11 * 3]).all()
    up, down = 0.1, -1 / 11
    # five of each: mean half way, and the squares of half the distance, over 9
    spread = math.sqrt(10 * ((up - down) / 2) ** 2 / 9)
    assert found[33:36] == pytest.approx(0.5 / (spread * math.sqrt(365)))


def test_quiet_coins_have_their_full_size() -> None:
    found = _shares(100.0 + 0.001 * np.arange(60))
    assert found[-1] == 1.0
    assert _shares(np.full(60, 100.0))[-1] == 1.0  # nothing moves


def test_twice_the_target_is_twice_the_share() -> None:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.05, 200)))
    one, two = (_shares(close, target=t) for t in (0.1, 0.2))
    known = ~np.isnan(one)
    assert known.sum() > 150
    assert two[known] == pytest.approx(2 * one[known])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_shares_are_those_of_the_rule_in_words(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(40, 200))
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, rng.choice([0.005, 0.05]), n)))
    close[rng.random(n) < rng.choice([0.0, 0.1, 0.5])] = np.nan
    if rng.random() < 0.5:
        close[: int(rng.integers(0, n // 2))] = np.nan
    time = START + (int(rng.integers(0, 24)) + 8 * np.arange(n)) * HOUR
    found = risk_shares(time, close, target=0.5)
    for bar in rng.integers(0, n, 12):
        expected = share_in_words(close, time, int(bar), 0.5)
        assert found[bar] == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_a_future_that_is_altered_changes_no_share() -> None:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.05, 300)))
    whole = _shares(close)
    for bar in (90, 151, 200):
        other = close.copy()
        other[bar:] *= np.linspace(1.0, 9.0, 300 - bar)
        np.testing.assert_array_equal(_shares(other)[: bar + 1], whole[: bar + 1])


# ---------------------------------------------------------------------------- in a book


def test_a_position_has_its_share_of_the_capital_and_none_where_it_is_not_known() -> None:
    arrays = replace(
        make_arrays([FLAT] * 9), share=np.array([1, 0.5, 1, np.nan, 1, 0.25, 1, 1, 1.0])
    )
    rules = Rules(hold_hours=1, capital=1000.0, opposite=False)
    book = resolve(arrays, make_events([(0, 1), (2, 1), (4, -1)]), rules=rules, costs=FREE)
    # entries at bars 1, 3 and 5
    assert book.trades["entry_bar"].tolist() == [1, 5]
    assert book.trades["notional"].tolist() == [500.0, 250.0]
    assert book.dropped == 1


def test_a_compounding_account_gives_the_share_of_what_it_is_worth() -> None:
    up = (110.0, 110.0, 110.0, 110.0)
    arrays = replace(make_arrays([FLAT, FLAT, up, up, up]), share=np.full(5, 0.5))
    rules = Rules(hold_hours=1, capital=1000.0, opposite=False, compound=True)
    book = resolve(arrays, make_events([(0, 1), (2, 1)]), rules=rules, costs=FREE)
    # 500 earn 50; half of 1,050
    assert book.trades["notional"].tolist() == [500.0, 525.0]


def test_outcomes_are_on_the_notional_and_unknown_where_the_share_is() -> None:
    prices = [(100.0 * 1.1**i,) * 4 for i in range(6)]
    plain = make_arrays(prices)
    arrays = replace(plain, share=np.array([0.5, 0.5, np.nan, 0.1, 1.0, 1.0]))
    rules = Rules(hold_hours=1, opposite=False)
    found = outcomes(arrays, 1, rules=rules, costs=FREE)
    assert found.value == pytest.approx([0.1, 0.1, np.nan, 0.1, 0.1, np.nan], nan_ok=True)
    assert found.exit_bar.tolist() == [1, 2, -1, 4, 5, 5]


def test_the_portfolio_earns_what_the_sized_trades_do() -> None:
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, 400)))
    opened = np.concatenate([close[:1], close[:-1]])
    bars = np.column_stack([opened, np.fmax(opened, close), np.fmin(opened, close), close])
    arrays = make_arrays([(a, b, c, d) for a, b, c, d in bars.tolist()])
    arrays = replace(arrays, share=risk_shares(arrays.time, arrays.close, target=0.5))
    rules = Rules(hold_hours=12, opposite=False)
    events = make_events([(int(b), 1 if b % 2 else -1) for b in range(5, 380, 9)])
    book = resolve(arrays, events, rules=rules, costs=Costs(0.001, 0.0005, 0.005))
    assert book.dropped > 10  # of the first eleven days
    assert 0.0 < book.trades["notional"].max() < 100_000.0
    made = portfolio([arrays], [book], rules=rules)
    assert float(made.total_profit().sum()) == pytest.approx(book.trades["pnl"].sum())


# ---------------------------------------------------------------------------- the setting


def test_the_setting_is_resolved_and_shown_only_where_it_is_made() -> None:
    plain, risk, own = (
        Trade.model_validate({"hold_hours": 24, **given})
        for given in (
            {},
            {"size_by": "risk"},
            {"size_by": "risk", "target_volatility": 0.8},
        )
    )
    assert "size_by" not in plain.model_dump()
    assert "target_volatility" not in plain.model_dump()
    assert (risk.size_by, risk.target_volatility) == ("risk", 0.5)
    assert risk.model_dump()["target_volatility"] == 0.5
    assert own.target_volatility == 0.8
    assert Trade.model_validate(risk.model_dump()) == risk


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target_volatility": 0.5}, 'belongs to size_by = "risk"; got size_by "notional"'),
        ({"size_by": "risk", "instrument": "carry"}, 'for perp and spot; got instrument "carry"'),
        ({"size_by": "risk", "instrument": "future"}, 'for perp and spot; got instrument "future"'),
    ],
)
def test_what_does_not_fit_is_refused(given, message) -> None:
    with pytest.raises(ParameterError, match=message):
        build(Trade, {"hold_hours": 24, **given}, where="[trade]")


@pytest.mark.parametrize(
    "given", [{"size_by": "luck"}, {"size_by": "risk", "target_volatility": 0}]
)
def test_values_out_of_bounds_are_refused(given) -> None:
    with pytest.raises(SpecError, match=f"trade.*{list(given)[-1]}"):
        build(Trade, {"hold_hours": 24, **given}, where="[trade]")


def test_a_plan_by_risk_has_the_shares_of_its_coins() -> None:
    markets = _universe(3)
    plan = prepare(
        _strategy(size_by="risk"), markets, _phases(markets, 20), costs=CostSettings()
    ).plan
    for arrays in plan.coin_arrays:
        expected = risk_shares(arrays.time, arrays.close, target=0.5)
        np.testing.assert_array_equal(arrays.share, expected)
        known = expected[~np.isnan(expected)]
        # 2 % a bar of four hours are 94 % a year
        assert np.median(known) == pytest.approx(0.5 / 0.94, rel=0.15)
    plain = prepare(_strategy(), markets, _phases(markets, 20), costs=CostSettings()).plan
    assert all(arrays.share is None for arrays in plain.coin_arrays)
