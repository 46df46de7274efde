"""From a coin's name to a venue's markets: spot, swap and dated futures of that coin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.fetch.validation import EARLIEST_MS, LATEST_MS
from fadefollow.market.names import SYMBOL_CHARACTER, check_symbol, nearest

#: contracts on multiples of a coin: 1000PEPE, 1MBABYDOGE, kSHIB; KAVA is a coin of its own
_MULTIPLE = re.compile(rf"(1000000|100000|10000|1000|1M|k)({SYMBOL_CHARACTER}+)")
_MANY = {"1M": 1_000_000, "k": 1000}
#: fields of Bybit (minutes) and Gate (seconds), and their number per hour
_FUNDING_UNITS = {"fundingInterval": 60, "funding_interval": 3600}
#: dollars, dearest to data first
_DOLLARS = ("USDT", "USDC", "USD")


@dataclass(frozen=True)
class Listed:
    """One market of a coin."""

    coin: str
    symbol: str  #: ccxt's
    multiplier: int  #: coins in one unit of the market: 1000 for 1000PEPE
    contract: float  #: units in one contract
    linear: bool
    active: bool
    expiry: pd.Timestamp | None = None
    created: pd.Timestamp | None = None
    funding_hours: float | None = None  #: from settlement to settlement, as the venue says now


@dataclass(frozen=True)
class CoinMarkets:
    """What a venue lists of one coin."""

    coin: str
    spot: Listed | None
    perp: Listed | None
    futures: tuple[Listed, ...]


def coin_named(text: str) -> str:
    """A coin's name as stored: `1000PEPE` is PEPE.

    Raises:
        ParameterError: it cannot be a coin.
    """
    name = check_symbol(text.strip().upper())
    match = _MULTIPLE.fullmatch(name) if name[0].isdigit() else None
    return match[2] if match else name


def find_coin(
    coin: str,
    markets: Mapping[str, Mapping[str, Any]],
    *,
    contracts: Literal["linear", "inverse"],
    where: str,
) -> CoinMarkets:
    """The markets of one coin.

    Args:
        coin: a name from `coin_named`.
        markets: ccxt's, by symbol.
        contracts: the kind to prefer.
        where: the venue, for messages.

    Raises:
        DataError: the venue lists nothing of that coin; the message has the nearest names.
    """
    mine = [made for item in markets.values() if (made := _listed(coin, item)) is not None]
    kinds = {m.symbol: markets[m.symbol]["type"] for m in mine}
    linear = contracts == "linear"

    def best(kind: str) -> Listed | None:
        found = [m for m in mine if kinds[m.symbol] == kind]
        return min(found, key=lambda m: _rank(m, markets, linear=linear), default=None)

    dated = [m for m in mine if kinds[m.symbol] == "future" and m.expiry is not None]
    right = [m for m in dated if m.linear == linear] or dated
    money = min((_dollars(markets[m.symbol]) for m in right), default=0)
    futures = sorted(
        (m for m in right if _dollars(markets[m.symbol]) == money),
        key=lambda m: (m.expiry, m.symbol),
    )
    if not mine:
        names = sorted({_coin_of(_base(m))[0] for m in markets.values()})
        raise DataError(
            f"the venue does not list {coin}",
            where=where,
            hint=f"{nearest(coin, names)}delisted coins may be in the public archive",
        )
    return CoinMarkets(coin, best("spot"), best("swap"), tuple(futures))


def _listed(coin: str, item: Mapping[str, Any]) -> Listed | None:
    if item.get("type") not in ("spot", "swap", "future") or item.get("quote") not in _DOLLARS:
        return None
    base, many = _base(item), 1
    if base != coin:
        base, many = _coin_of(base)
    if base != coin:
        return None
    # Deribit's swaps expire in the year 3000
    expiry = item.get("expiry") if item["type"] == "future" else None
    return Listed(
        coin,
        str(item["symbol"]),
        many,
        float(item.get("contractSize") or 1.0),
        bool(item.get("linear", True)) or item["type"] == "spot",
        item.get("active") is not False,
        _stamp(expiry),
        _stamp(item.get("created")),
        _funding_hours(item.get("info") or {}),
    )


def _stamp(value: Any) -> pd.Timestamp | None:
    """A time in ms, where there is one that can be."""
    known = isinstance(value, int | float) and EARLIEST_MS < value < LATEST_MS
    return pd.Timestamp(int(value), unit="ms", tz="UTC") if known else None


def _funding_hours(info: Mapping[str, Any]) -> float | None:
    """From one settlement to the next, where a venue lists it with its contracts."""
    for field, units in _FUNDING_UNITS.items():
        if str(info.get(field, "")).isdigit() and int(info[field]) > 0:
            return int(info[field]) / units
    return None


def _base(item: Mapping[str, Any]) -> str:
    """The coin as the venue writes it: ccxt makes capitals of Hyperliquid's kPEPE."""
    base, own = str(item.get("base")), (item.get("info") or {}).get("name")
    return own if isinstance(own, str) and own[:1] == "k" and own.upper() == base else base


def _coin_of(base: str) -> tuple[str, int]:
    match = _MULTIPLE.fullmatch(base)
    if match is None:
        return base, 1
    return match[2], _MANY.get(match[1]) or int(match[1])


def _rank(
    item: Listed, markets: Mapping[str, Mapping[str, Any]], *, linear: bool
) -> tuple[Any, ...]:
    # a delisted market only where there is no other, one of many coins only where none is of one
    return (
        not item.active,
        item.multiplier,
        item.linear != linear,
        _dollars(markets[item.symbol]),
        item.symbol,
    )


def _dollars(item: Mapping[str, Any]) -> int:
    return _DOLLARS.index(str(item["quote"]))
