"""Bybit's public market interface, v5: newest first, and the newest where there is too much."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tests.support.exchange.history import HOUR, Instrument
from tests.support.exchange.rows import Book, RefusedError, joined

KLINES = {
    "kline": "bars",
    "mark-price-kline": "mark",
    "index-price-kline": "index",
    "premium-index-price-kline": "premium",
}


class Bybit:
    """Answers by path, in the venue's own format."""

    def __init__(self, book: Book) -> None:
        self.book, self.history = book, book.history
        self.by_id = {(i.kind, self.name(i)): i for i in self.history.instruments}

    @staticmethod
    def name(item: Instrument) -> str:
        """The venue's name of a market."""
        many = str(item.multiplier) if item.multiplier > 1 else ""
        if item.kind == "inverse":
            return f"{item.coin}USD"
        if item.contract == "QUARTER":
            return f"{item.coin}USDT-{pd.Timestamp(item.expiry, unit='ms'):%d%b%y}".upper()
        return f"{item.coin}USDT" if item.kind == "spot" else f"{many}{item.coin}USDT"

    def answer(self, path: str, query: dict[str, str], fault: str) -> bytes:
        """The body of an answer."""
        call = path.removeprefix("v5/market/")
        if call == "time":
            seconds = self.history.now // 1000
            body = {"timeSecond": str(seconds), "timeNano": str(self.history.now * 10**6)}
            return self._wrapped(json.dumps(body).encode())
        if call == "instruments-info":
            return self._info(query)
        item = self.by_id.get((query.get("category", ""), query.get("symbol", "")))
        if item is None or item.delisted:
            raise RefusedError(
                200,
                {
                    "retCode": 10001,
                    "retMsg": "params error: Symbol Is Invalid",
                    "result": {},
                    "time": self.history.now,
                },
            )
        if call == "risk-limit":
            return self._brackets(item)
        ranges = ("start", "end") if call in KLINES else ("startTime", "endTime")
        low, high = (int(query.get(k, d)) for k, d in zip(ranges, (0, 2**53), strict=True))
        kinds: dict[str, tuple[str, Any, int, int]] = {
            "funding/history": ("funding", _funding, 200, 200),
            "open-interest": ("oi", _interest, 50, 200),
            "account-ratio": ("ratio", _ratio, 50, 500),
        }
        kinds |= {name: (series, _kline, 200, 1000) for name, series in KLINES.items()}
        if call not in kinds:
            raise RefusedError(404, {"retCode": 404, "retMsg": f"no such path {path}"})
        series, write, usual, most = kinds[call]
        rows = self.book.page(
            item,
            series,
            write,
            low=low,
            high=high,
            limit=min(int(query.get("limit", usual)), most),
            newest=True,
            backwards=True,
            fault=fault,
            name="bybit",
        )
        head = f'"category":"{item.kind}","symbol":"{self.name(item)}","nextPageCursor":""'
        return self._wrapped(f'{{{head},"list":'.encode() + joined(rows) + b"}")

    def _brackets(self, item: Instrument) -> bytes:
        rows = [
            {
                "id": place,
                "symbol": self.name(item),
                "riskLimitValue": str(cap),
                "maintenanceMargin": str(rate),
                "initialMargin": str(1 / leverage),
                "isLowestRisk": int(place == 1),
                "maxLeverage": str(leverage),
                "mmDeduction": str(deduction) if deduction else "",
            }
            for place, (_, cap, rate, deduction, leverage) in enumerate(self.history.brackets, 1)
        ]
        body = {"category": item.kind, "list": rows, "nextPageCursor": ""}
        return self._wrapped(json.dumps(body).encode())

    def _wrapped(self, result: bytes) -> bytes:
        head = f'{{"retCode":0,"retMsg":"OK","time":{self.history.now},"result":'
        return head.encode() + result + b"}"

    def _info(self, query: dict[str, str]) -> bytes:
        kind = query["category"]
        mine = [i for i in self.history.instruments if i.kind == kind and not i.delisted]
        if query.get("status") == "PreLaunch":
            mine = []
        body = {"category": kind, "list": [self._symbol(i) for i in mine], "nextPageCursor": ""}
        return self._wrapped(json.dumps(body).encode())

    def _symbol(self, item: Instrument) -> dict[str, Any]:
        many = str(item.multiplier) if item.multiplier > 1 and item.kind != "spot" else ""
        quote = "USD" if item.kind == "inverse" else "USDT"
        made: dict[str, Any] = {
            "symbol": self.name(item),
            "baseCoin": f"{many}{item.coin}",
            "quoteCoin": quote,
            "status": "Trading",
            "lotSizeFilter": {"minOrderQty": "1", "basePrecision": "0.001"},
            "priceFilter": {"tickSize": "0.01"},
        }
        if item.kind == "spot":
            return made
        kind = "Inverse" if item.kind == "inverse" else "Linear"
        return made | {
            "contractType": f"{kind}{'Futures' if item.expiry else 'Perpetual'}",
            "launchTime": str(item.listed or self.history.start),
            "deliveryTime": str(item.expiry),
            "fundingInterval": 480,
            "upperFundingRate": "0.005",
            "lowerFundingRate": "-0.005",
            "settleCoin": item.coin if item.kind == "inverse" else "USDT",
        }


def _kline(item: Instrument, time: int, values: Sequence[float]) -> str:
    prices = ",".join(f'"{v!r}"' for v in values[:4])
    if len(values) < 5:
        return f'["{time}",{prices}]'
    coins = values[4]
    volume, turnover = coins, coins * values[3]
    if item.kind == "inverse":
        volume, turnover = turnover, coins
    return f'["{time}",{prices},"{volume!r}","{turnover!r}"]'


def _funding(item: Instrument, time: int, values: Sequence[float]) -> str:
    whole = time // HOUR * HOUR
    return (
        f'{{"symbol":"{Bybit.name(item)}","fundingRate":"{values[0]:.8f}",'
        f'"fundingRateTimestamp":"{whole}"}}'
    )


def _interest(item: Instrument, time: int, values: Sequence[float]) -> str:
    return f'{{"openInterest":"{values[0]!r}","timestamp":"{time}"}}'


def _ratio(item: Instrument, time: int, values: Sequence[float]) -> str:
    long = values[0] / (1 + values[0])
    return (
        f'{{"symbol":"{Bybit.name(item)}","buyRatio":"{long!r}","sellRatio":"{1 - long!r}",'
        f'"timestamp":"{time}"}}'
    )
