"""Binance's public interfaces: spot (api/v3), USDT futures (fapi/v1), coin futures (dapi/v1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tests.support.exchange.history import HOUR, Instrument
from tests.support.exchange.rows import Book, RefusedError, joined

KLINES = {
    "klines": "bars",
    "markPriceKlines": "mark",
    "indexPriceKlines": "index",
    "premiumIndexKlines": "premium",
}
ROOMS = {"api/v3": "spot", "fapi/v1": "linear", "dapi/v1": "inverse"}
_MONTH = 30 * 24 * HOUR
#: dollars of one coin-margined contract
CONTRACT = 100


class Binance:
    """Answers by path, in the venue's own format."""

    def __init__(self, book: Book) -> None:
        self.book, self.history = book, book.history
        self.by_id = {(i.kind, self.name(i)): i for i in self.history.instruments}

    @staticmethod
    def name(item: Instrument) -> str:
        """The venue's name of a market."""
        base = f"{item.multiplier if item.multiplier > 1 else ''}{item.coin}"
        pair = f"{base}{'USD' if item.kind == 'inverse' else 'USDT'}"
        if item.contract == "QUARTER":
            return f"{pair}_{pd.Timestamp(item.expiry, unit='ms'):%y%m%d}"
        return f"{pair}_PERP" if item.kind == "inverse" else pair

    def answer(self, path: str, query: dict[str, str], fault: str) -> bytes:
        """The body of an answer."""
        room, _, call = path.removesuffix("/24hr").rpartition("/")
        if room == "futures/data":
            return self._statistics(call, query, fault)
        if room not in ROOMS:
            raise RefusedError(404, {"code": -1, "msg": f"no such path {path}"})
        kind = ROOMS[room]
        if call == "time":
            return json.dumps({"serverTime": self.history.now}).encode()
        if call == "exchangeInfo":
            return self._info(kind)
        if call == "ticker":
            return self._tickers(kind)
        if call == "fundingInfo":
            return self._changed_terms()
        if call == "leverageBracket":
            return self._brackets(query)
        if call == "fundingRate":
            limit = _number(query, "limit", 100, most=1000)
            return self._page(kind, "funding", query, limit, fault, write=_funding)
        if call in KLINES:
            if query.get("interval") != "1h":
                raise RefusedError(400, {"code": -1120, "msg": "Invalid interval."})
            limit = _number(query, "limit", 500, most=1000 if kind == "spot" else 1500)
            return self._page(kind, KLINES[call], query, limit, fault, write=_kline)
        raise RefusedError(404, {"code": -1, "msg": f"no such path {path}"})

    def _changed_terms(self) -> bytes:
        return json.dumps(
            [
                {
                    "symbol": name,
                    "adjustedFundingRateCap": "0.02000000",
                    "adjustedFundingRateFloor": "-0.02000000",
                    "fundingIntervalHours": hours,
                    "disclaimer": False,
                }
                for name, hours in self.history.changed_hours.items()
            ]
        ).encode()

    def _brackets(self, query: dict[str, str]) -> bytes:
        """Of account holders only: a request must be signed."""
        if not query.get("signature"):
            raise RefusedError(401, {"code": -2014, "msg": "API-key format invalid."})
        brackets = [
            {
                "bracket": place,
                "initialLeverage": leverage,
                "notionalCap": cap,
                "notionalFloor": floor,
                "maintMarginRatio": rate,
                "cum": deduction,
            }
            for place, (floor, cap, rate, deduction, leverage) in enumerate(
                self.history.brackets, 1
            )
        ]
        perps = [i for i in self.history.instruments if i.kind == "linear" and not i.delisted]
        return json.dumps([{"symbol": self.name(i), "brackets": brackets} for i in perps]).encode()

    def _tickers(self, kind: str) -> bytes:
        """Sums over the last 24 bars that have closed."""
        made = []
        for item in self.history.instruments:
            if item.kind != kind or item.delisted:
                continue
            bars = item.series["bars"]
            closed = int(np.searchsorted(bars.times, self.history.now - HOUR, side="right"))
            day = bars.rows[max(closed - 24, 0) : closed]
            if not len(day):
                continue  # a quarter that is not listed yet
            coins, last = day[:, 4].sum(), day[-1, 3]
            made.append(
                {
                    "symbol": self.name(item),
                    "lastPrice": repr(float(last)),
                    "volume": repr(float(coins)),
                    "quoteVolume": repr(float(coins * last)),
                    "openTime": self.history.now - 24 * HOUR,
                    "closeTime": self.history.now,
                }
            )
        return json.dumps(made).encode()

    def _page(
        self, kind: str, series: str, query: dict[str, str], limit: int, fault: str, write: Any
    ) -> bytes:
        item = self._find(kind, query)
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", 2**53))
        if kind == "inverse" and series != "funding" and end - start > 200 * 24 * HOUR and start:
            raise RefusedError(400, {"code": -4108, "msg": "interval must be within 200 days"})
        return joined(
            self.book.page(
                item,
                series,
                write,
                low=start,
                high=end,
                limit=limit,
                newest="startTime" not in query,
                backwards=False,
                fault=fault,
                name="binance",
            )
        )

    def _statistics(self, call: str, query: dict[str, str], fault: str) -> bytes:
        kinds = {"openInterestHist": "oi", "globalLongShortAccountRatio": "ratio"}
        if call not in kinds:
            raise RefusedError(404, {"code": -1, "msg": f"no such path {call}"})
        if int(query.get("startTime", self.history.now)) < self.history.now - _MONTH:
            raise RefusedError(400, {"code": -1130, "msg": "parameter 'startTime' is invalid."})
        item = self._find("linear", query)
        page = self.book.page(
            item,
            kinds[call],
            _interest if kinds[call] == "oi" else _ratio,
            low=int(query.get("startTime", 0)),
            high=int(query.get("endTime", 2**53)),
            limit=_number(query, "limit", 30, most=500),
            newest=True,
            backwards=False,
            fault=fault,
            name="binance",
        )
        return joined(page)

    def _find(self, kind: str, query: dict[str, str]) -> Instrument:
        name = query.get("symbol") or query.get("pair", "")
        if "pair" in query and kind == "inverse":
            name += "_PERP"
        item = self.by_id.get((kind, name))
        if item is None or (item.delisted and kind != "spot"):
            raise RefusedError(400, {"code": -1121, "msg": "Invalid symbol."})
        return item

    def _info(self, kind: str) -> bytes:
        mine = [i for i in self.history.instruments if i.kind == kind]
        symbols = [self._symbol(i) for i in mine if kind == "spot" or not i.delisted]
        return json.dumps({"timezone": "UTC", "symbols": symbols}).encode()

    def _symbol(self, item: Instrument) -> dict[str, Any]:
        name, quote = self.name(item), "USD" if item.kind == "inverse" else "USDT"
        many = str(item.multiplier) if item.multiplier > 1 else ""
        base = item.coin if item.kind == "spot" else f"{many}{item.coin}"
        made: dict[str, Any] = {
            "symbol": name,
            "baseAsset": base,
            "quoteAsset": quote,
            "filters": [],
            "status": "BREAK" if item.delisted else "TRADING",
        }
        if item.kind == "spot":
            made["symbol"] = name = f"{item.coin}USDT"
            return {**made, "permissions": ["SPOT"], "isSpotTradingAllowed": True}
        made |= {
            "pair": f"{base}{quote}",
            "onboardDate": item.listed or self.history.start,
            "contractType": "CURRENT_QUARTER" if item.expiry else "PERPETUAL",
            "deliveryDate": item.expiry or 4133404800000,
            "marginAsset": item.coin if item.kind == "inverse" else "USDT",
            "quantityPrecision": 3,
            "pricePrecision": 8,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "stepSize": "0.001"},
            ],
        }
        if item.kind == "inverse":
            made |= {"contractStatus": made.pop("status"), "contractSize": CONTRACT}
        return made


def _number(query: dict[str, str], name: str, default: int, *, most: int) -> int:
    return min(int(query.get(name, default)), most)


def _kline(item: Instrument, time: int, values: Sequence[float]) -> str:
    prices = ",".join(f'"{v!r}"' for v in values[:4])
    coins = values[4] if len(values) > 4 else 0.0
    bought = round(coins * (0.3 + time // HOUR % 7 / 20), 3)  # by takers, 30 to 60 %
    volume, other, taken, rest = coins, coins * values[3], bought, bought * values[3]
    if item.kind == "inverse":
        volume, other = round(coins * values[3] / CONTRACT), coins
        taken, rest = round(bought * values[3] / CONTRACT), bought
    return (
        f'[{time},{prices},"{volume!r}",{time + HOUR - 1},"{other!r}",308,'
        f'"{taken!r}","{rest!r}","0"]'
    )


def _funding(item: Instrument, time: int, values: Sequence[float]) -> str:
    rate = f"{values[0]:.8f}"
    name = Binance.name(item)
    return f'{{"symbol":"{name}","fundingRate":"{rate}","fundingTime":{time},"markPrice":"1"}}'


def _interest(item: Instrument, time: int, values: Sequence[float]) -> str:
    name = Binance.name(item)
    return (
        f'{{"symbol":"{name}","sumOpenInterest":"{values[0]!r}",'
        f'"sumOpenInterestValue":"0","timestamp":{time}}}'
    )


def _ratio(item: Instrument, time: int, values: Sequence[float]) -> str:
    name = Binance.name(item)
    return f'{{"symbol":"{name}","longShortRatio":"{values[0]!r}","timestamp":{time}}}'
