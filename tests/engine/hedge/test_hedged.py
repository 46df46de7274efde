"""Hedged trades against an oracle of their own: random markets, real ones, and planted mutants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.engine.draws import (
    DrawSums,
    Everywhere,
    MovedEvents,
    add_draws,
    hedge_levels,
)
from fadefollow.engine.hedge import basket as basket_module
from fadefollow.engine.hedge.basket import (
    Basket,
    Constituent,
    HedgeReturns,
    form_basket,
    with_betas,
)
from fadefollow.engine.hedge.hedged import hedge_cash, hedged_pnl, with_hedge
from fadefollow.engine.model import Costs, Events, FloatArray, IntArray, Rules
from fadefollow.engine.resolver import outcomes, resolve
from tests.engine.kernels.test_oracle_agrees import examples
from tests.support.basket_cases import COSTS, DAY, basket_arrays, random_market
from tests.support.basket_oracle import Diary, beta_at, hedge_of, keep_diary
from tests.support.oracle import oracle

FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)


def _events(rng: np.random.Generator, bars: int, density: float) -> Events:
    """Events of three phases, which also end positions."""
    bar = np.sort(rng.integers(0, bars, rng.poisson(density * bars) + 1)).astype(np.int64)
    side = rng.choice([-1, 1], len(bar)).astype(np.int64)
    return Events(bar, side, rng.integers(0, 3, len(bar)), bar, side)


def _rules(rng: np.random.Generator) -> Rules:
    """Holding times of up to three days, now and then with what ends a trade inside a bar."""
    return Rules(
        hold_hours=float(8 * rng.integers(1, 10)),
        delay_bars=int(rng.integers(0, 2)),
        opposite=bool(rng.random() < 0.5),
        stop=None if rng.random() < 0.5 else 0.031,
        target=None if rng.random() < 0.5 else 0.047,
        trail=None if rng.random() < 0.7 else 0.053,
        leverage=float(rng.choice([1.0, 9.7])),
    )


def _assert_hedges(
    trades: pd.DataFrame, name: str, coins: dict[str, Constituent], diary: Diary, rows: list[Any]
) -> int:
    """Hold the hedges of one coin's trades to the oracle's; `rows` are the oracle's trades."""
    assert len(trades) == len(rows)
    hedged = 0
    columns = ["beta", "hedge_gross", "hedge_cost"]
    for got, row in zip(trades[columns].to_numpy(float), rows, strict=True):
        beta = beta_at(coins, diary, name, row["entry_bar"], window=60, fewest=20)
        expected = hedge_of(row, coins, diary, beta=beta)
        if expected is None:
            assert np.isnan(got).all(), row
            continue
        hedged += 1
        assert got[0] == pytest.approx(expected.beta, rel=1e-9)
        near = 1e-9 * row["notional"]
        assert got[1] == pytest.approx(expected.gross, abs=near, rel=1e-9)
        assert got[2] == pytest.approx(expected.cost, abs=near, rel=1e-9)
    return hedged


def agree(seed: int) -> int:
    """One random market, one coin's book in it; how many of its trades were hedged."""
    rng = np.random.default_rng(seed)
    coins = random_market(rng, coins=int(rng.integers(1, 6)), days=int(rng.integers(20, 90)))
    name = str(rng.choice(list(coins)))
    arrays, costs, rules = coins[name].arrays, coins[name].costs, _rules(rng)
    events = _events(rng, len(arrays.time), 0.1)
    book = with_hedge(
        resolve(arrays, events, rules=rules, costs=costs), arrays, form_basket(coins, kind="market")
    )
    rows, _ = oracle(arrays, events, rules, costs)
    return _assert_hedges(book.trades, name, coins, keep_diary(coins, min_days=30), rows)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_hedges_are_the_oracle_s(seed: int) -> None:
    agree(seed)


#: markets that mutants must be told from the rule in
SEEDS = range(40)


def test_the_markets_of_the_mutants_agree_as_long_as_nothing_is_planted() -> None:
    assert sum(agree(seed) for seed in SEEDS) > 250


# ---------------------------------------------------------------------------- mutants


def _peeks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The level of an open is that of its bar's close."""
    formed = form_basket

    def peeking(coins: Any, *, kind: Any) -> Basket:
        found = formed(coins, kind=kind)
        return replace(found, open_level=found.close_level)

    monkeypatch.setitem(globals(), "form_basket", peeking)


def _too_young(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coins are members from their first bar on."""
    monkeypatch.setattr(basket_module, "MEMBER_DAYS", 0)


def _stopped_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coin that stopped trading is held on at its last close."""

    def member(one: Constituent, first_bars: IntArray, age: int) -> Any:
        arrays = one.arrays
        traded = ~np.isnan(basket_module._carried(arrays.open)[first_bars])
        old = arrays.time[first_bars] - one.listed >= age
        return traded & old & (True if one.inside is None else one.inside[first_bars])

    monkeypatch.setattr(basket_module, "_member", member)


def _outside_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coins outside the universe are members."""
    known = basket_module._member
    monkeypatch.setattr(
        basket_module,
        "_member",
        lambda one, bars, age: known(one._replace(inside=None), bars, age),
    )


def _beta_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beta knows the returns of the day of the entry."""
    known = basket_module._betas

    def today(coin: FloatArray, market: FloatArray) -> FloatArray:
        return np.append(known(np.append(coin, np.nan), np.append(market, np.nan))[1:], [])

    monkeypatch.setattr(basket_module, "_betas", today)


def _unfunded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The basket pays no funding."""
    monkeypatch.setattr(basket_module, "funding_paid", lambda arrays: np.zeros(len(arrays.time)))


def _held_to_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trade that ends inside a bar leaves its hedge at that bar's open."""
    known = Basket.hedge

    def hedge(self: Basket, beta: Any, side: Any, entry: Any, exit_: Any, inside: Any) -> Any:
        return known(self, beta, side, entry, exit_, np.zeros_like(inside))

    monkeypatch.setattr(Basket, "hedge", hedge)


def _one_end_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hedge is closed at no cost."""
    known = Basket.hedge

    def hedge(self: Basket, *args: Any) -> HedgeReturns:
        found = known(self, *args)
        return found._replace(cost=-args[0] * self.cost[args[2]])

    monkeypatch.setattr(Basket, "hedge", hedge)


MUTANTS: list[Callable[[pytest.MonkeyPatch], None]] = [
    _peeks,
    _too_young,
    _stopped_stays,
    _outside_stays,
    _beta_of_today,
    _unfunded,
    _held_to_the_open,
    _one_end_free,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__[1:])
def test_planted_mutants_are_caught(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    for seed in SEEDS:
        try:
            agree(seed)
        except AssertionError:
            return
    pytest.fail(f"{len(SEEDS)} markets do not tell {mutant.__name__} from the rule")


# ---------------------------------------------------------------------------- by hand


def _two_coins() -> tuple[dict[str, Constituent], Basket]:
    """Two days of eight-hour bars. A rises by 10 % in each of the first two, B stands still."""
    a = basket_arrays("A", [100.0, 110.0, 121.0, 121.0, 121.0, 121.0, 121.0])
    b = basket_arrays("B", [10.0] * 7)
    coins = {
        "A": Constituent(a, COSTS, -40 * DAY),
        "B": Constituent(b, replace(COSTS, fee=0.0009), -40 * DAY),
    }
    return coins, form_basket(coins, kind="market")


def _book(coins: dict[str, Constituent], basket: Basket | None, name: str, rules: Rules) -> Any:
    none = np.empty(0, np.int64)
    events = Events(np.array([0]), np.array([1]), np.array([0]), none, none)
    arrays = coins[name].arrays
    return with_hedge(resolve(arrays, events, rules=rules, costs=FREE), arrays, basket)


def test_a_hedge_by_hand() -> None:
    coins, basket = _two_coins()
    (trade,) = _book(coins, basket, "A", Rules(hold_hours=16.0)).trades.to_dict("records")
    # in at 110, out at 121 two bars on: 10 % of 100,000. The basket's half in A rose from 0.55 to
    # 0.605 beside 0.5 in B: 1.105 / 1.05. Beta is 1 as there is no past
    assert trade["pnl"] == pytest.approx(10_000.0)
    assert trade["beta"] == 1.0
    assert trade["hedge_gross"] == pytest.approx(-100_000 * (1.105 / 1.05 - 1.0))
    # fees of 5 and 9 bps, slippage of 2: 9 bps at each end
    assert trade["hedge_cost"] == pytest.approx(-100_000 * 0.0018)


def test_a_trade_that_ends_inside_a_bar_closes_its_hedge_at_the_close() -> None:
    coins, basket = _two_coins()
    rules = Rules(hold_hours=16.0, target=0.05)
    (trade,) = _book(coins, basket, "A", rules).trades.to_dict("records")
    # the target of 115.5 is met in the bar that closes at 121
    assert (trade["reason"], trade["entry_bar"], trade["exit_bar"]) == ("target", 1, 1)
    assert trade["pnl"] == pytest.approx(5_000.0)
    assert trade["hedge_gross"] == pytest.approx(-100_000 * (1.105 / 1.05 - 1.0))


def test_a_coin_without_a_beta_is_not_hedged() -> None:
    coins, basket = _two_coins()
    for one in (None, replace(basket, betas={})):
        trades = _book(coins, one, "A", Rules(hold_hours=16.0)).trades
        assert trades[["beta", "hedge_gross", "hedge_cost"]].isna().all(axis=None)
        assert np.isnan(hedged_pnl(trades)).all()


def test_a_basket_on_a_shorter_calendar_hedges_alike() -> None:
    rng = np.random.default_rng(5)
    coins = random_market(rng, coins=4, days=80)
    whole = form_basket(coins, kind="market")
    inner = whole.on(whole.time[31:200])
    first = int(whole.day[31])
    np.testing.assert_array_equal(inner.open_level, whole.open_level[31:200])
    np.testing.assert_array_equal(inner.members, whole.members[31:200])
    bars = np.arange(169)
    for name in coins:
        np.testing.assert_array_equal(inner.beta(name, bars), whole.beta(name, bars + 31))
        days = whole.member_days(name)[first : first + int(inner.day[-1]) + 1]
        np.testing.assert_array_equal(inner.member_days(name), days)
    # beyond its own calendar nothing is known
    step = whole.time[1] - whole.time[0]
    later = whole.on(whole.time[-2] + step * np.arange(10))
    assert np.isnan(later.open_level[2:]).all()
    assert later.members[2:].tolist() == [0] * 8
    assert not later.member_days("C0")[1:].any()


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_cash_of_hedges_adds_up_and_draws_resolve_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    coins = random_market(rng, coins=3, days=int(rng.integers(40, 90)))
    basket, rules = form_basket(coins, kind="market"), _rules(rng)
    arrays, costs = coins["C0"].arrays, coins["C0"].costs
    events = _events(rng, len(arrays.time), 0.1)
    trades = with_hedge(resolve(arrays, events, rules=rules, costs=costs), arrays, basket).trades
    cash = hedge_cash(trades, basket)
    total = trades["hedge_gross"].sum() + trades["hedge_cost"].sum()
    assert cash.sum() == pytest.approx(total, abs=1e-6)
    sums, ends = DrawSums.zeros((1, 3, len(arrays.time))), np.array([0, len(events.bar)])
    moved = MovedEvents(
        starts=ends,
        bar=events.bar,
        side=events.side,
        code=events.code,
        rule=np.zeros(len(events.bar), np.int64),
        exit_starts=ends,
        exit_bar=events.exit_bar,
        exit_side=events.exit_side,
    )
    levels = hedge_levels(basket, "C0", len(arrays.time))
    kinds = {(int(side), 0) for side in events.side}
    add_draws(
        arrays,
        moved,
        rules=rules,
        costs=costs,
        everywhere=Everywhere.of(
            {(s, k): outcomes(arrays, s, rules=rules, costs=costs) for s, k in kinds}, levels
        ),
        hedge=levels,
        day=basket.day,
        sums=sums,
    )
    regular = trades[(trades["reason"] != "end") & trades["beta"].notna()]
    for code in range(3):
        mine = regular[regular["code"] == code]
        value = (hedged_pnl(mine) / mine["notional"]).sum()
        assert sums.hedged[0, code, :, 0].sum() == pytest.approx(value, abs=1e-9)
        assert sums.hedged[0, code, :, 1].sum() == len(mine)


def test_one_coin_as_the_basket_leaves_nothing_of_the_market() -> None:
    # a coin that moves as BTC does, held against it at the beta that its past gives: 1
    rng = np.random.default_rng(0)
    price = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, 3 * 60 + 1)))
    btc, other = basket_arrays("BTC", price), basket_arrays("X", 2.0 * price)
    alone = replace(form_basket({"BTC": Constituent(btc, COSTS, 0)}, kind="BTC"), betas={})
    basket = with_betas(alone, [other])
    none = np.empty(0, np.int64)
    events = Events(np.array([100]), np.array([1]), np.array([0]), none, none)
    for rules in (Rules(hold_hours=48.0), Rules(hold_hours=48.0, leverage=30.0)):
        book = with_hedge(resolve(other, events, rules=rules, costs=FREE), other, basket)
        (trade,) = book.trades.to_dict("records")
        assert trade["beta"] == pytest.approx(1.0)
        if trade["reason"] == "time":
            assert trade["hedge_gross"] == pytest.approx(-trade["pnl"])
        assert trade["hedge_cost"] == pytest.approx(-100_000 * 2 * 0.0007)
    unhedged = with_hedge(resolve(btc, events, rules=rules, costs=FREE), btc, basket).trades
    assert unhedged["beta"].isna().all()  # BTC cannot hedge itself
