"""What is missing, what to ask, which market: the parts of a fetch that need no exchange."""

from __future__ import annotations

from typing import Any

import ccxt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.fetch.client import Client
from fadefollow.market.fetch.markets import coin_named, find_coin
from fadefollow.market.fetch.time_ranges import cut, holes, joined, without
from fadefollow.market.fetch.venues import VENUES

H = 3_600_000
RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def inside(ranges: Any) -> set[int]:
    return {t for low, high in ranges for t in range(low, high)}


@given(RANGES, st.integers(0, 30), st.integers(31, 60), st.integers(1, 20))
def test_ranges_mean_the_time_in_them(ranges: Any, low: int, high: int, span: int) -> None:
    whole = (low, high)
    assert inside(joined(ranges)) == inside(ranges)
    assert inside(without(whole, ranges)) == set(range(low, high)) - inside(ranges)
    pieces = cut(joined(ranges), span)
    assert inside(pieces) == inside(ranges)
    assert all(b - a <= span for a, b in pieces)


@given(st.sets(st.integers(0, 40)))
def test_holes_of_a_grid_are_what_is_not_there(there: set[int]) -> None:
    times = np.array(sorted(there), np.int64) * H
    found = holes(times, (0, 41 * H), H)
    assert {t // H for low, high in found for t in range(low, high, H)} == set(range(41)) - there


def test_holes_between_settlements_are_judged_by_their_neighbours() -> None:
    every8 = np.arange(0, 80, 8) * H
    assert holes(every8, (0, 80 * H), None) == ()
    assert holes(np.delete(every8, 4), (0, 80 * H), None) == ((24 * H + 1, 40 * H),)
    assert holes(every8[2:], (0, 80 * H), None) == ((0, 16 * H),)
    assert holes(every8[:-2], (0, 80 * H), None) == ((56 * H + 1, 80 * H),)
    assert holes(np.arange(0, 8) * H, (0, 8 * H), None) == ()
    assert holes(np.empty(0, np.int64), (0, 8 * H), None) == ((0, 8 * H),)


def test_names_of_multiplier_coins() -> None:
    names = ["btc", "1000PEPE", "1MBABYDOGE", "1000000MOG", "1INCH", "10000COQ"]
    found = [coin_named(n) for n in names]
    assert found == ["BTC", "PEPE", "BABYDOGE", "MOG", "1INCH", "COQ"]
    with pytest.raises(ParameterError, match="capital letters and digits"):
        coin_named("../BTC")


def market(symbol: str, **more: Any) -> dict[str, Any]:
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    kind = "future" if "-" in settle else "swap" if settle else "spot"
    linear = settle.startswith(quote) if settle else None
    return {
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "type": kind,
        "linear": linear,
        "active": True,
        "contractSize": 1.0,
        **more,
    }


def found(*markets: dict[str, Any], coin: str = "BTC", contracts: Any = "linear") -> Any:
    return find_coin(coin, {m["symbol"]: m for m in markets}, contracts=contracts, where="x")


def test_the_dearest_market_of_a_coin_is_taken() -> None:
    expiry = pd.Timestamp("2027-03-26 08:00", tz="UTC")
    ms = expiry.value // 10**6
    listed = [
        market("BTC/USD:BTC"),
        market("BTC/USDC:USDC"),
        market("BTC/USDT:USDT"),
        market("BTC/EUR"),
        market("BTC/USDC"),
        market("BTC/USDT", active=False),
        market("BTC/USD:BTC-270326", expiry=ms),
        market("BTC/USDT:USDT-270326", expiry=ms),
        market("ETH/USDT"),
        market("BTC/USDT:USDT-270326-90000-C", type="option"),
    ]
    made = found(*listed)
    assert made.spot.symbol == "BTC/USDC"  # the other is no longer traded
    assert made.perp.symbol == "BTC/USDT:USDT"
    assert [(f.symbol, f.expiry) for f in made.futures] == [("BTC/USDT:USDT-270326", expiry)]
    inverse = found(*listed, contracts="inverse")
    assert inverse.perp.symbol == "BTC/USD:BTC"
    assert [f.symbol for f in inverse.futures] == ["BTC/USD:BTC-270326"]
    assert found(market("BTC/USD:BTC")).perp.symbol == "BTC/USD:BTC"  # better than nothing
    with pytest.raises(DataError, match="did you mean 'BTC'"):
        found(*listed, coin="BTX")


@pytest.mark.parametrize(
    ("base", "coin", "many"),
    [
        ("1000PEPE", "PEPE", 1000),
        ("kPEPE", "PEPE", 1000),
        ("1000000MOG", "MOG", 1_000_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("10000COQ", "COQ", 10_000),
        ("KAVA", "KAVA", 1),
        ("1INCH", "1INCH", 1),
    ],
)
def test_multiplier_markets(base: str, coin: str, many: int) -> None:
    made = found(market(f"{base}/USDT:USDT"), coin=coin)
    assert (made.coin, made.perp.multiplier) == (coin, many)


def test_a_coin_that_begins_with_k_is_not_a_thousand_of_another() -> None:
    spot, perp = market("AVA/USDT"), market("KAVA/USDT:USDT")
    made = found(spot, perp, coin="AVA")
    assert (made.spot.symbol, made.perp) == ("AVA/USDT", None)
    with pytest.raises(DataError, match="does not list"):
        found(market("KLAY/USDT"), coin="LAY")
    capital = {**market("KPEPE/USDC:USDC"), "info": {"name": "kPEPE"}}  # ccxt's Hyperliquid
    assert found(capital, coin="PEPE").perp.multiplier == 1000


@pytest.mark.parametrize(
    ("info", "hours"),
    [
        ({"fundingInterval": 60}, 1.0),
        ({"fundingInterval": "480"}, 8.0),
        ({"funding_interval": 14400}, 4.0),
        ({"fundingInterval": None}, None),
        ({"fundingInterval": "x"}, None),
        ({}, None),
    ],
)
def test_the_interval_of_settlements_as_the_venue_lists_it(info: Any, hours: Any) -> None:
    assert found(market("BTC/USDT:USDT", info=info)).perp.funding_hours == hours


@pytest.mark.parametrize("created", [1_600_000_000, 1_600_000_000_000_000, True, "x", 10**400])
def test_a_listing_at_an_impossible_time_is_not_known(created: Any) -> None:
    assert found(market("BTC/USDT:USDT", created=created)).perp.created is None


def test_a_market_of_one_coin_comes_before_one_of_a_thousand() -> None:
    made = found(market("1000PEPE/USDT:USDT"), market("PEPE/USDT:USDT"), coin="PEPE")
    assert made.perp.symbol == "PEPE/USDT:USDT"


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx", "gate"])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("broken", ["", None, "x"])
def test_pages_taken_apart_at_once_are_what_ccxt_makes_of_them(
    venue: str, inverse: bool, broken: Any
) -> None:
    client = Client(VENUES[venue])
    theirs: Any = getattr(ccxt, venue)()
    item = {"symbol": "BTC/USDT:USDT", "type": "swap", "inverse": inverse, "spot": False}
    rows: list[list[Any]] = [
        [1_700_000_000_000 + i * H, *(f"{100.1 + i + k}" for k in range(7))] for i in range(5)
    ]
    for page in (rows, [*rows[:2], [*rows[2][:4], broken, *rows[2][5:]]]):
        mine = client.exchange.parse_ohlcvs(page, item)
        right = theirs.parse_ohlcvs(page, item)
        np.testing.assert_array_equal(np.array(mine, float), np.array(right, float))
