"""The open interest of all options of a coin as of now: what venues tell, and never of the past."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.market.fetch.client import Client
from fadefollow.market.fetch.pages import Values

#: the end of ccxt's symbol of an option, and the hour (UTC) at which the venues' options expire
_OPTION = re.compile(r"-(\d{6})-([\d.]+)-([CP])")
_EXPIRY_HOUR = 8
#: volatilities beyond are placeholders, of options that nobody quotes
_HIGHEST_IV = 10.0
CALL, PUT = 1.0, 0.0

#: ccxt's symbol, open interest in coins, implied volatility as a fraction a year
Row = tuple[str, float | None, float | None]


async def option_chain(client: Client, coin: str) -> Values:
    """All options of a coin with their open interest, by expiry, strike and right.

    Returns:
        Shape (n, 5): expiry in ms, strike in dollars, 1 for a call and 0 for a put, open interest
        in coins, volatility (NaN where there is none). Contracts that differ in nothing but the
        money that they settle in are taken together.
    """
    with client.plain_errors("options"):
        return _chain(await CHAINS[client.venue.name](client, coin))


def _chain(rows: Sequence[Row]) -> Values:
    named = [(_OPTION.search(symbol), held, iv) for symbol, held, iv in rows]
    table = pd.DataFrame(
        [
            (_expiry(m[1]), float(m[2]), CALL if m[3] == "C" else PUT, held, iv)
            for m, held, iv in named
            if m is not None
        ],
        columns=["expiry", "strike", "right", "open_interest", "iv"],
        dtype=np.float64,
    )
    table = table[table["open_interest"] >= 0]
    table["iv"] = table["iv"].where((table["iv"] > 0) & (table["iv"] <= _HIGHEST_IV))
    by = table.sort_values("open_interest", ascending=False, kind="stable")
    groups = by.groupby(["expiry", "strike", "right"], as_index=False)
    made = groups.agg({"open_interest": "sum", "iv": "first"})
    return made.to_numpy(np.float64)


def _expiry(text: str) -> int:
    day = pd.to_datetime(text, format="%y%m%d", utc=True)
    return int((day + pd.Timedelta(hours=_EXPIRY_HOUR)).value // 10**6)


async def _deribit(client: Client, coin: str) -> list[Row]:
    chain: Mapping[str, Any] = await client.call("fetch_option_chain", coin)
    # ccxt leaves out the volatility that the venue tells, in percent
    return [(s, o["openInterest"], _percent(o["info"].get("mark_iv"))) for s, o in chain.items()]


async def _bybit(client: Client, coin: str) -> list[Row]:
    chain: Mapping[str, Any] = await client.call("fetch_option_chain", coin)
    return [(s, o["openInterest"], o["impliedVolatility"]) for s, o in chain.items()]


async def _okx(client: Client, coin: str) -> list[Row]:
    family = {"uly": f"{coin}-USD", "instFamily": f"{coin}-USD"}
    held: Mapping[str, Any] = await client.call(
        "fetch_open_interests", None, {"instType": "OPTION", **family}
    )
    greeks: Mapping[str, Any] = await client.call("fetch_all_greeks", None, family)
    volatility = {symbol: item["markImpliedVolatility"] for symbol, item in greeks.items()}
    return [(s, item["baseVolume"], volatility.get(s)) for s, item in held.items()]


def _percent(value: object) -> float | None:
    return None if value is None else float(str(value)) / 100.0


#: by venue
CHAINS: Mapping[str, Callable[[Client, str], Awaitable[list[Row]]]] = {
    "deribit": _deribit,
    "bybit": _bybit,
    "okx": _okx,
}
