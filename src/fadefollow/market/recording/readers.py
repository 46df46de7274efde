"""What each venue says now: ccxt's answers as raw tables in the project's units."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import ccxt
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.fetch.client import Client
from fadefollow.market.fetch.markets import Listed
from fadefollow.market.fetch.options import CALL, CHAINS, option_chain
from fadefollow.market.fetch.venues import VENUES

#: the perp of a coin (of options only its name counts), ccxt's market of it → one row a record
Reader = Callable[[Client, Listed, Mapping[str, Any]], Awaitable[pd.DataFrame]]

#: of contracts that Binance does not list as changed
_BINANCE_HOURS = 8.0
#: a margin rate × its leverage, as a fraction and in percent
_FRACTION, _PERCENT = 1.0, 100.0


async def options(client: Client, perp: Listed, _: Mapping[str, Any]) -> pd.DataFrame:
    """The whole chain: every strike and expiry that the venue lists."""
    chain = await option_chain(client, perp.coin)
    return pd.DataFrame(
        {
            "expiry": pd.to_datetime(chain[:, 0], unit="ms", utc=True).as_unit("ns"),
            "strike": chain[:, 1],
            "right": ["call" if right == CALL else "put" for right in chain[:, 2]],
            "open_interest": chain[:, 3],
            "iv": chain[:, 4],
        }
    )


async def contract(client: Client, perp: Listed, market: Mapping[str, Any]) -> pd.DataFrame:
    """The specification that the venue lists its perp with."""
    in_ticks = client.exchange.precisionMode == ccxt.TICK_SIZE
    limits = market.get("limits") or {}
    size = perp.contract * perp.multiplier
    tick = (market.get("precision") or {}).get("price") if in_ticks else None
    smallest = (limits.get("amount") or {}).get("min")
    return pd.DataFrame(
        [
            {
                "size": size,
                "inverse": float(not perp.linear),
                "tick": _number(tick) / perp.multiplier,
                "smallest": _number(smallest) * size,
                "leverage": _number((limits.get("leverage") or {}).get("max")),
            }
        ]
    )


async def _terms_binance(client: Client, perp: Listed, _: Mapping[str, Any]) -> pd.DataFrame:
    told: Mapping[str, Any] = await client.call("fetch_funding_intervals")
    item = told.get(perp.symbol)
    if item is None:  # the call lists only contracts whose terms were changed
        return _terms(_BINANCE_HOURS, None, None)
    info = item["info"]
    return _terms(
        info["fundingIntervalHours"],
        info.get("adjustedFundingRateCap"),
        info.get("adjustedFundingRateFloor"),
    )


async def _terms_bybit(_: Client, perp: Listed, market: Mapping[str, Any]) -> pd.DataFrame:
    info = market["info"]
    return _terms(perp.funding_hours, info.get("upperFundingRate"), info.get("lowerFundingRate"))


async def _terms_okx(client: Client, perp: Listed, _: Mapping[str, Any]) -> pd.DataFrame:
    item: Mapping[str, Any] = await client.call("fetch_funding_interval", perp.symbol)
    info = item["info"]
    hours = (int(info["nextFundingTime"]) - int(info["fundingTime"])) / 3_600_000
    return _terms(hours, info.get("maxFundingRate"), info.get("minFundingRate"))


async def _brackets_binance(client: Client, perp: Listed, _: Mapping[str, Any]) -> pd.DataFrame:
    try:
        tiers: Mapping[str, Any] = await client.call("fetch_leverage_tiers", [perp.symbol])
    except DataError as error:
        if isinstance(error.__cause__, ccxt.AuthenticationError | ccxt.PermissionDenied):
            raise DataError(
                "Binance refuses the key that asks for maintenance brackets",
                got=error.got,
                where="binance",
                hint="it needs permission to read, and this address on its list",
            ) from error
        raise
    return _brackets(
        (t["minNotional"], t["maintenanceMarginRate"], t["info"]["cum"]) for t in tiers[perp.symbol]
    )


async def _brackets_bybit(client: Client, perp: Listed, _: Mapping[str, Any]) -> pd.DataFrame:
    tiers: Sequence[Any] = await client.call("fetch_market_leverage_tiers", perp.symbol)
    first = tiers[0]["info"]
    unit = float(first["initialMargin"]) * float(first["maxLeverage"])
    scale = next((s for s in (_FRACTION, _PERCENT) if math.isclose(unit, s, rel_tol=0.05)), None)
    if scale is None:
        raise ValueError(f"an initial margin of {first['initialMargin']} at {first['maxLeverage']}")
    return _brackets(
        (
            t["minNotional"],
            float(t["maintenanceMarginRate"]) / scale,
            t["info"].get("mmDeduction") or 0,
        )
        for t in tiers
    )


async def _brackets_okx(client: Client, perp: Listed, _: Mapping[str, Any]) -> pd.DataFrame:
    asked = {"marginMode": "isolated"}
    tiers: Sequence[Any] = await client.call("fetch_market_leverage_tiers", perp.symbol, asked)
    by_size = sorted(tiers, key=_least_contracts)
    coins = perp.contract * perp.multiplier
    # a tier's own lower end is a hundredth above the end of the one before
    floors = [0.0, *(float(tier["maxNotional"]) * coins for tier in by_size[:-1])]
    rates = [tier["maintenanceMarginRate"] for tier in by_size]
    rows = ((f, rate, 0.0) for f, rate in zip(floors, rates, strict=True))
    return _brackets(rows, in_coins=perp.linear)


def _least_contracts(tier: Mapping[str, Any]) -> float:
    return float(tier["minNotional"])


def _brackets(rows: Any, *, in_coins: bool = False) -> pd.DataFrame:
    numbers = [[float(value) for value in row] for row in rows]
    made = pd.DataFrame(numbers, columns=["floor", "rate", "deduction"])
    return made.assign(in_coins=float(in_coins)).sort_values("floor", ignore_index=True)


def _terms(hours: Any, cap: Any, floor: Any) -> pd.DataFrame:
    values = {"interval_hours": float(hours), "cap": _number(cap), "floor": _number(floor)}
    return pd.DataFrame([values])


def _number(value: Any) -> float:
    """A number; NaN where the venue says nothing."""
    return math.nan if value in (None, "") else float(value)


#: stream → venue → how it is read
READERS: Mapping[str, Mapping[str, Reader]] = {
    "options": dict.fromkeys(CHAINS, options),
    "contract": dict.fromkeys(VENUES, contract),
    "funding_terms": {
        "binance": _terms_binance,
        "bybit": _terms_bybit,
        "okx": _terms_okx,
    },
    "brackets": {
        "binance": _brackets_binance,
        "bybit": _brackets_bybit,
        "okx": _brackets_okx,
    },
}


def recorded_by(venue: str) -> tuple[str, ...]:
    """The streams that can be recorded of a venue."""
    return tuple(stream for stream, by in READERS.items() if venue in by)
