"""What other venues answer, by their documentation, through ccxt's parsers into our tables.

The samples have the fields and units that the venues document; the numbers are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import fetch_job
from fadefollow.market.store.store import Store
from tests.support.exchange import deribit
from tests.support.exchange.canned import Canned
from tests.support.exchange.deribit import COMMON

START = pd.Timestamp("2026-11-20 00:00", tz="UTC")
HOUR = 3_600_000
T0 = START.value // 10**6
NOW = T0 + 100 * HOUR
Fetch = Callable[..., dict[str, pd.DataFrame]]


@pytest.fixture
def fetched(tmp_path: Path) -> Iterator[Fetch]:
    """Fetch BTC for three hours from canned answers; the tables by stream."""
    running: list[Canned] = []

    def make(
        venue: str,
        answers: dict[str, Any],
        urls: Callable[[str], dict[str, Any]],
        *coins: str,
        streams: tuple[str, ...] | None = None,
        hours: int = 3,
    ) -> dict[str, pd.DataFrame]:
        running.append(exchange := Canned(answers))
        settings = {"urls": {"api": urls(exchange.root)}, "enableRateLimit": False}
        spec = DatasetSpec(title=venue, source="fetch", bar="1h", venue=venue, ccxt=settings)
        fetch_job(
            spec,
            venue,
            FetchRequest(
                coins or ("BTC",), START, START + pd.Timedelta(hours=hours), streams or ()
            ),
            tmp_path,
            first_wait=0.01,
        )
        store = Store(tmp_path)
        return store.load(venue, (coins or ("BTC",))[0], manifest=store.read(venue))

    yield make
    for exchange in running:
        exchange.close()


def hours(table: pd.DataFrame) -> list[int]:
    return [int((t - START) / pd.Timedelta(hours=1)) for t in table["time"]]


def okx_instrument(kind: str, name: str, **more: str) -> dict[str, str]:
    return {
        "instType": kind,
        "instId": name,
        "state": "live",
        "listTime": "1606468572000",
        "tickSz": "0.1",
        "lotSz": "1",
        "minSz": "1",
        "lever": "100",
        **more,
    }


def test_okx_answers_become_tables(fetched: Fetch) -> None:
    expiry = T0 + 30 * 24 * HOUR
    contract = {
        "uly": "BTC-USDT",
        "instFamily": "BTC-USDT",
        "settleCcy": "USDT",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": "BTC",
        "ctType": "linear",
    }
    swap = okx_instrument("SWAP", "BTC-USDT-SWAP", **contract)
    future = okx_instrument(
        "FUTURES", "BTC-USDT-261220", expTime=str(expiry), alias="quarter", **contract
    )
    spot = okx_instrument("SPOT", "BTC-USDT", baseCcy="BTC", quoteCcy="USDT")
    # ts, o, h, l, c, vol in contracts, volCcy in coins, volCcyQuote, confirm; newest first
    bars = [
        [str(T0 + i * HOUR), "100", "103", "99", str(101 + i), "7000", "70", "7000", "1"]
        for i in (2, 1, 0)
    ]
    marks = [[str(T0 + i * HOUR), "100", "103", "99", str(100.5 + i), "1"] for i in (2, 1, 0)]
    funding = [
        {
            "fundingRate": "0.00012",
            "realizedRate": "0.0001",
            "fundingTime": str(T0),
            "instId": "BTC-USDT-SWAP",
            "instType": "SWAP",
        }
    ]
    # ts, oi in contracts, oiCcy in coins, oiUsd
    interest = [[str(T0 + i * HOUR), "5000", str(50 + i), "5000"] for i in (2, 1, 0)]
    ratios = [[str(T0 + i * HOUR), str(1.5 + i)] for i in (2, 1, 0)]

    def ok(data: Any) -> dict[str, Any]:
        return {"code": "0", "msg": "", "data": data}

    tables = fetched(
        "okx",
        {
            "public/time": ok([{"ts": str(NOW)}]),
            "instruments?instType=SPOT": ok([spot]),
            "instruments?instType=SWAP": ok([swap]),
            "instruments?instType=FUTURES": ok([future]),
            "market/mark-price-candles": ok(marks),
            "market/index-candles": ok(marks),
            "market/history-mark-price-candles": ok(marks),
            "market/history-index-candles": ok(marks),
            "instId=BTC-USDT&": ok(bars),
            "market/candles": ok(bars),
            "market/history-candles": ok(bars),
            "public/funding-rate-history": ok(funding),
            "rubik/stat/contracts/open-interest-history": ok(interest),
            "rubik/stat/contracts/long-short-account-ratio": ok(ratios),
        },
        lambda root: {"rest": root},
    )
    assert set(tables) == {
        "spot",
        "perp",
        "mark",
        "index",
        "funding",
        "open_interest",
        "long_short",
        "future",
    }
    perp = tables["perp"]
    assert hours(perp) == [0, 1, 2]
    assert perp["close"].tolist() == [101.0, 102.0, 103.0]
    assert perp["volume"].tolist() == [70.0] * 3  # coins, not contracts
    assert tables["mark"]["close"].tolist() == [100.5, 101.5, 102.5]
    assert tables["funding"]["rate"].tolist() == [0.0001]  # what was paid, not what was forecast
    assert tables["open_interest"]["open_interest"].tolist() == [50.0, 51.0, 52.0]
    assert tables["long_short"]["ratio"].tolist() == [1.5, 2.5, 3.5]
    assert set(tables["future"]["expiry"]) == {pd.Timestamp(expiry, unit="ms", tz="UTC")}


def test_deribit_answers_become_tables(fetched: Fetch) -> None:
    def instrument(name: str, kind: str, **more: Any) -> dict[str, Any]:
        return {**COMMON, "instrument_name": name, "kind": kind, **more}

    expiry = T0 + 30 * 24 * HOUR + 8 * HOUR
    perp = instrument(
        "BTC-PERPETUAL",
        "future",
        settlement_period="perpetual",
        expiration_timestamp=32503708800000,
    )
    future = instrument(
        "BTC-20DEC26", "future", settlement_period="month", expiration_timestamp=expiry
    )
    chart = {
        "ticks": [T0, T0 + HOUR, T0 + 2 * HOUR],
        "open": [100.0, 101.0, 102.0],
        "high": [103.0] * 3,
        "low": [99.0] * 3,
        "close": [101.0, 102.0, 103.0],
        "volume": [1.5, 2.5, 3.5],
        "cost": [150.0] * 3,
        "status": "ok",
    }
    hourly = [
        {
            "timestamp": T0 + i * HOUR,
            "index_price": 100.0,
            "prev_index_price": 100.0,
            "interest_8h": 0.0008,
            "interest_1h": 0.0001 * (i + 1),
        }
        for i in range(3)
    ]

    def ok(result: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2}

    tables = fetched(
        "deribit",
        {
            "public/get_time": ok(NOW),
            "public/get_currencies": ok([{"currency": "BTC", "currency_long": "Bitcoin"}]),
            "public/get_instruments": ok([perp, future]),
            "public/get_tradingview_chart_data": ok(chart),
            "public/get_funding_rate_history": ok(hourly),
        },
        lambda root: {"rest": root},
    )
    assert set(tables) == {"perp", "funding", "future"}
    assert tables["perp"]["close"].tolist() == [101.0, 102.0, 103.0]
    assert tables["perp"]["volume"].tolist() == [1.5, 2.5, 3.5]
    # the hour's own rate: charging that of 8 hours each hour would charge eight times too much
    assert tables["funding"]["rate"].tolist() == pytest.approx([0.0001, 0.0002, 0.0003])
    assert tables["funding"]["interval_hours"].tolist() == [1.0] * 3


def test_hyperliquid_answers_become_tables(fetched: Fetch) -> None:
    universe = [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 50},
        {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10},
    ]
    context = {
        "funding": "0.0000125",
        "openInterest": "31000",
        "prevDayPx": "100",
        "markPx": "101",
        "dayNtlVlm": "1",
        "premium": "0",
        "oraclePx": "101",
        "midPx": "101",
    }
    tokens = [
        {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0},
        {"name": "PURR", "szDecimals": 0, "weiDecimals": 5, "index": 1},
    ]
    pair = {"name": "PURR/USDC", "tokens": [1, 0], "index": 0, "isCanonical": True}
    candles = [
        {
            "t": T0 + i * HOUR,
            "T": T0 + (i + 1) * HOUR - 1,
            "s": "kPEPE",
            "i": "1h",
            "o": "0.01",
            "c": str(0.01 + i / 1000),
            "h": "0.02",
            "l": "0.005",
            "v": "4000",
            "n": 3,
        }
        for i in range(3)
    ]
    settled = [
        {
            "coin": "kPEPE",
            "fundingRate": "0.0000125",
            "premium": "0.0001",
            "time": T0 + i * HOUR + 37,
        }
        for i in range(3)
    ]
    tables = fetched(
        "hyperliquid",
        {
            '"exchangeStatus"': {"time": NOW, "specialStatuses": None},
            '"candleSnapshot"': candles,
            '"fundingHistory"': settled,
            '"metaAndAssetCtxs"': [{"universe": universe}, [context, context]],
            '"spotMetaAndAssetCtxs"': [
                {"universe": [pair], "tokens": tokens},
                [
                    {
                        "prevDayPx": "0.2",
                        "dayNtlVlm": "1",
                        "markPx": "0.2",
                        "midPx": "0.2",
                        "circulatingSupply": "1",
                        "coin": "PURR/USDC",
                    }
                ],
            ],
        },
        lambda root: {"public": root, "private": root},
        "PEPE",
    )
    assert set(tables) == {"perp", "funding"}
    # kPEPE is a thousand of them
    assert tables["perp"]["close"].tolist() == [0.01 / 1000, 0.011 / 1000, 0.012 / 1000]
    assert tables["perp"]["volume"].tolist() == [4_000_000.0] * 3
    assert hours(tables["funding"]) == [0, 1, 2]
    assert tables["funding"]["rate"].tolist() == [0.0000125] * 3
    assert tables["funding"]["interval_hours"].tolist() == [1.0] * 3


GATE_CONTRACT = {
    "name": "BTC_USDT",
    "type": "direct",
    "quanto_multiplier": "0.0001",
    "mark_price": "101",
    "order_price_deviate": "0.5",
    "order_size_min": 1,
    "order_size_max": 1000000,
    "leverage_min": "1",
    "leverage_max": "100",
    "maker_fee_rate": "-0.0001",
    "taker_fee_rate": "0.0005",
    "funding_interval": 28800,
    "in_delisting": False,
    "create_time": 1546905600,
    "order_price_round": "0.1",
}
GATE_PAIR = {
    "id": "BTC_USDT",
    "base": "BTC",
    "quote": "USDT",
    "fee": "0.2",
    "precision": 1,
    "amount_precision": 6,
    "trade_status": "tradable",
    "buy_start": 0,
    "sell_start": 0,
    "min_base_amount": "0.0001",
    "min_quote_amount": "3",
}


def test_gate_answers_become_tables(fetched: Fetch) -> None:
    seconds = T0 // 1000
    swap = [
        {
            "t": seconds + i * 3600,
            "o": "100",
            "h": "103",
            "l": "99",
            "c": str(101 + i),
            "v": 20000,
            "sum": "202",
        }
        for i in range(3)
    ]
    mark = [{k: v for k, v in row.items() if k not in ("v", "sum")} for row in swap]
    # time, quote volume, close, high, low, open, base volume, closed
    spot = [
        [str(seconds + i * 3600), "700", str(102 + i), "105", "98", "100", "7.5", "true"]
        for i in range(3)
    ]
    stats = [
        {
            "time": seconds + i * 3600,
            "open_interest": 50000 + i,
            "open_interest_usd": 1.0,
            "lsr_account": 1.5,
        }
        for i in range(3)
    ]
    tables = fetched(
        "gate",
        {
            "spot/time": {"server_time": NOW},
            "spot/currency_pairs": [GATE_PAIR],
            "margin/currency_pairs": [],
            "futures/usdt/contracts": [GATE_CONTRACT],
            "futures/btc/contracts": [],
            "delivery/": [],
            "contract=mark_BTC_USDT": mark,
            "contract=index_BTC_USDT": mark,
            "futures/usdt/candlesticks": swap,
            "spot/candlesticks": spot,
            "futures/usdt/funding_rate": [{"t": seconds, "r": "0.0001"}],
            "futures/usdt/contract_stats": stats,
        },
        lambda root: {
            "public": dict.fromkeys(
                ("wallet", "futures", "margin", "delivery", "spot", "options"), root
            )
        },
    )
    assert set(tables) == {"spot", "perp", "mark", "index", "funding", "open_interest"}
    assert tables["perp"]["volume"].tolist() == [2.0] * 3  # 20,000 contracts of 0.0001 coins
    assert tables["open_interest"]["open_interest"].tolist() == pytest.approx([5, 5.0001, 5.0002])
    assert tables["spot"]["close"].tolist() == [102.0, 103.0, 104.0]
    assert tables["spot"]["volume"].tolist() == [7.5] * 3
    assert tables["funding"]["rate"].tolist() == [0.0001]


def test_gate_liquidations_are_sums_of_whole_days(fetched: Fetch) -> None:
    seconds = T0 // 1000
    swap = [
        {
            "t": seconds + i * 3600,
            "o": "100",
            "h": "103",
            "l": "99",
            "c": "101",
            "v": 20000,
            "sum": "202",
        }
        for i in range(72)
    ]
    # 72 hours but one: the second day is not whole
    stats = [
        {
            "time": seconds + i * 3600,
            "open_interest": "50000",
            "open_interest_usd": "1",
            "long_liq_size": "1000" if i < 24 else "500",
            "short_liq_size": str(i // 24),
            "lsr_account": "1.5",
        }
        for i in range(72)
        if i != 30
    ]
    tables = fetched(
        "gate",
        {
            "spot/time": {"server_time": NOW},
            "spot/currency_pairs": [GATE_PAIR],
            "margin/currency_pairs": [],
            "futures/usdt/contracts": [GATE_CONTRACT],
            "futures/btc/contracts": [],
            "delivery/": [],
            "futures/usdt/candlesticks": swap,
            "futures/usdt/contract_stats": stats,
        },
        lambda root: {
            "public": dict.fromkeys(
                ("wallet", "futures", "margin", "delivery", "spot", "options"), root
            )
        },
        streams=("perp", "liquidations"),
        hours=72,
    )
    found = tables["liquidations"]
    assert hours(found) == [0, 48]
    # contracts of 0.0001 coins: 24 × 1000 and 24 × 500 of them
    assert found["long_coins"].tolist() == pytest.approx([2.4, 1.2])
    assert found["short_coins"].tolist() == pytest.approx([0.0, 48 * 0.0001])
    # a day counts from a day after its end
    assert found["available"].iloc[0] == START + pd.Timedelta(days=2)


def option_rows(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    names = ["expiry", "strike", "right", "open_interest", "iv"]
    return [tuple(row) for row in table[names].to_numpy().tolist()]


def test_deribit_options_answers_become_tables(fetched: Fetch) -> None:
    option = {
        **deribit.PERPETUAL,
        "instrument_name": "BTC-25DEC26-90000-C",
        "kind": "option",
        "strike": 90000.0,
        "option_type": "call",
        "settlement_period": "month",
        "quote_currency": "BTC",
        "expiration_timestamp": pd.Timestamp("2026-12-25 08:00", tz="UTC").value // 10**6,
        "contract_size": 1.0,
    }
    chart = {
        "ticks": [T0 + i * HOUR for i in range(101)],
        "open": [100.0] * 101,
        "high": [103.0] * 101,
        "low": [99.0] * 101,
        "close": [101.0] * 101,
        "volume": [1.5] * 101,
        "cost": [150.0] * 101,
        "status": "ok",
    }

    def summary(name: str, **more: Any) -> dict[str, Any]:
        return {
            "instrument_name": name,
            "base_currency": "BTC",
            "quote_currency": "BTC",
            "underlying_price": 88000.0,
            "mark_price": 0.04,
            "volume": 4.0,
            "creation_timestamp": NOW,
            **more,
        }

    tables = fetched(
        "deribit",
        {
            "public/get_time": deribit.answer(NOW),
            "public/get_instruments": deribit.answer([deribit.PERPETUAL, option]),
            "public/get_tradingview_chart_data": deribit.answer(chart),
            "public/get_book_summary_by_currency": deribit.answer(
                [
                    summary("BTC-25DEC26-90000-C", open_interest=364.1, mark_iv=52.5),
                    # listed a moment ago: not among the markets yet
                    summary("BTC-27NOV26-80000-P", open_interest=10.0, mark_iv=0.0),
                ]
            ),
        },
        lambda root: {"rest": root},
        streams=("perp", "options"),
        hours=200,
    )
    found = tables["options"]
    assert option_rows(found) == [
        (
            pd.Timestamp("2026-11-27 08:00", tz="UTC"),
            80000.0,
            "put",
            10.0,
            pytest.approx(float("nan"), nan_ok=True),
        ),
        (pd.Timestamp("2026-12-25 08:00", tz="UTC"), 90000.0, "call", 364.1, 0.525),
    ]
    # a snapshot counts from when it was taken, and never before
    taken = pd.Timestamp(NOW, unit="ms", tz="UTC")
    assert (found["time"] > taken).all()
    assert (found["time"] < taken + pd.Timedelta(minutes=2)).all()
    assert (found["available"] == found["time"]).all()


def test_bybit_options_answers_become_tables(fetched: Fetch) -> None:
    def ok(result: Any) -> dict[str, Any]:
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": NOW}

    perp = {
        "symbol": "BTCUSDT",
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1584230400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "fundingInterval": 480,
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.1", "maxPrice": "1999999", "tickSize": "0.1"},
        "lotSizeFilter": {"maxOrderQty": "1190", "minOrderQty": "0.001", "qtyStep": "0.001"},
        "unifiedMarginTrade": True,
    }
    spot = {
        "symbol": "BTCUSDT",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "status": "Trading",
        "marginTrading": "both",
        "priceFilter": {"tickSize": "0.01"},
        "lotSizeFilter": {
            "basePrecision": "0.000001",
            "quotePrecision": "0.0000001",
            "minOrderQty": "0.00001",
            "maxOrderQty": "83",
        },
    }
    inverse = {
        **perp,
        "symbol": "BTCUSD",
        "contractType": "InversePerpetual",
        "quoteCoin": "USD",
        "settleCoin": "BTC",
    }
    bars = [[str(T0 + i * HOUR), "100", "103", "99", "101", "7", "700"] for i in range(100, -1, -1)]

    def ticker(symbol: str, held: str, iv: str) -> dict[str, str]:
        return {
            "symbol": symbol,
            "openInterest": held,
            "markIv": iv,
            "bid1Price": "0",
            "ask1Price": "0",
            "lastPrice": "1",
            "markPrice": "1",
            "indexPrice": "1",
            "underlyingPrice": "1",
            "change24h": "0",
            "volume24h": "0",
        }

    tables = fetched(
        "bybit",
        {
            "market/time": ok({"timeSecond": str(NOW // 1000), "timeNano": str(NOW * 10**6)}),
            "market/kline": ok({"list": bars}),
            "market/tickers": ok(
                {
                    "category": "option",
                    "list": [
                        ticker("BTC-25DEC26-90000-C", "1.5", "0.52"),
                        # the same in another money
                        ticker("BTC-25DEC26-90000-C-USDT", "2.5", "0.5"),
                        ticker("BTC-25DEC26-80000-P-USDT", "7", "0"),
                    ],
                }
            ),
            "category=spot": ok({"category": "spot", "list": [spot]}),
            "category=linear": ok({"category": "linear", "list": [perp]}),
            "category=inverse": ok({"category": "inverse", "list": [inverse]}),
        },
        lambda root: {"public": root},
        streams=("perp", "options"),
        hours=200,
    )
    expiry = pd.Timestamp("2026-12-25 08:00", tz="UTC")
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert option_rows(tables["options"]) == [
        (expiry, 80000.0, "put", 7.0, nan),
        (expiry, 90000.0, "call", 4.0, 0.5),
    ]


def test_okx_options_answers_become_tables(fetched: Fetch) -> None:
    def ok(data: Any) -> dict[str, Any]:
        return {"code": "0", "msg": "", "data": data}

    swap = okx_instrument(
        "SWAP",
        "BTC-USDT-SWAP",
        uly="BTC-USDT",
        instFamily="BTC-USDT",
        settleCcy="USDT",
        ctVal="0.01",
        ctMult="1",
        ctValCcy="BTC",
        ctType="linear",
    )
    spot = okx_instrument("SPOT", "BTC-USDT", baseCcy="BTC", quoteCcy="USDT")
    bars = [
        [str(T0 + i * HOUR), "100", "103", "99", "101", "7000", "70", "7000", "1"]
        for i in range(100, -1, -1)
    ]
    held = {
        "instId": "BTC-USD-261225-90000-C",
        "instType": "OPTION",
        "oi": "300",
        "oiCcy": "3",
        "oiUsd": "3",
        "ts": str(NOW),
    }
    greeks = {
        "instId": "BTC-USD-261225-90000-C",
        "instType": "OPTION",
        "uly": "BTC-USD",
        "markVol": "0.59",
        "delta": "0.5",
        "gamma": "-0.1",
        "theta": "0",
        "vega": "0",
        "askVol": "0",
        "bidVol": "0",
        "ts": str(NOW),
    }
    tables = fetched(
        "okx",
        {
            "public/time": ok([{"ts": str(NOW)}]),
            "instruments?instType=SPOT": ok([spot]),
            "instruments?instType=SWAP": ok([swap]),
            "instruments?instType=FUTURES": ok([]),
            "market/candles": ok(bars),
            "market/history-candles": ok(bars),
            "public/open-interest?instType=OPTION": ok([held]),
            "public/opt-summary": ok([greeks]),
        },
        lambda root: {"rest": root},
        streams=("perp", "options"),
        hours=200,
    )
    # coins, not contracts
    assert option_rows(tables["options"]) == [
        (pd.Timestamp("2026-12-25 08:00", tz="UTC"), 90000.0, "call", 3.0, 0.59)
    ]
