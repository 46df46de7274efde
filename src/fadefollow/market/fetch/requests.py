"""One request: what ccxt answers for a range, as arrays in the project's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.market.bars import bar_text
from fadefollow.market.fetch.client import Client
from fadefollow.market.fetch.markets import Listed
from fadefollow.market.fetch.pages import Values
from fadefollow.market.fetch.time_ranges import Range, Times
from fadefollow.market.fetch.venues import CALLS, COLUMNS, SNAPSHOTS, Venue, timeframe_ms
from fadefollow.market.stamps import JITTER

_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_HOURS = 24
#: a window of settlements is so long that a page would be half full
_FILL = 0.5


@dataclass(frozen=True)
class Part:
    """What is fetched as one series: a stream of a coin, or one contract of it."""

    coin: str
    stream: str
    market: Listed
    period: str  #: ccxt's timeframe
    step: int  #: ms between records on a grid; the longest interval of settlements
    page: int  #: records that one answer holds

    @staticmethod
    def of(venue: Venue, stream: str, market: Listed, bar: pd.Timedelta) -> Part:
        """The part of a data set with bars of this size."""
        period, page = "", venue.page(stream)
        step = venue.settles_hours * _HOUR_MS
        if stream == "liquidations":
            period, step = "1h", _DAY_MS
        elif stream in SNAPSHOTS:
            step = 1
        elif stream != "funding":
            period = venue.period(stream, bar_text(bar).replace("min", "m"))
            step = timeframe_ms(period)
        return Part(market.coin, stream, market, period, step, page)

    @property
    def name(self) -> str:
        """The stream's name, and of dated futures the expiry."""
        if self.market.expiry is None:
            return self.stream
        return f"{self.stream}-{self.market.expiry:%Y%m%d%H%M}"

    @property
    def snapshot(self) -> bool:
        """Whether it is a snapshot of now, which has no past."""
        return self.stream in SNAPSHOTS

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a page's columns."""
        return COLUMNS[self.stream]

    @property
    def grid(self) -> int | None:
        """Distance of the records, where they are on a grid."""
        return None if self.stream == "funding" else self.step

    def span(self, venue: Venue) -> int:
        """The longest range to ask for at once, ms."""
        fill = 1.0 if self.grid else _FILL
        whole = int(self.page * fill) * self.step
        longest = venue.fact(self.stream).longest
        return whole if longest is None else min(whole, int(longest / pd.Timedelta("1ms")))


@dataclass(frozen=True)
class Answer:
    """The records of one range."""

    times: Times  #: ms, ascending, once each, inside the range
    values: Values  #: shape (n, k), by the part's columns, in the units of its stream
    broken: Times  #: times of records that cannot be right


async def ask(client: Client, part: Part, window: Range) -> Answer:
    """Ask for the records in a range; whatever else comes is left out."""
    if CALLS[part.stream][0].endswith("OHLCV"):
        rows = await _bars(client, part, window)
    else:
        rows = await _records(client, part, window)
    width = len(part.columns)
    table = np.array(rows, dtype=np.float64) if len(rows) else np.empty((0, 1 + width))
    table = table[np.isfinite(table[:, 0])]  # what has no time is no record
    times, values = table[:, 0].astype(np.int64), table[:, 1 : 1 + width]
    if part.stream == "funding":
        times = _on_the_minute(times)
    inside = (times >= window[0]) & (times < window[1])
    times, last = _once(times[inside])
    values = _units(client.venue, part, values[inside][last])
    good = _sound(part.stream, values)
    return Answer(times[good], values[good], times[~good])


async def _bars(client: Client, part: Part, window: Range) -> list[Sequence[Any]]:
    price = CALLS[part.stream][1]
    params = {"until": window[1] - 1, **({"price": price} if price else {})}
    rows: list[Sequence[Any]] = await client.call(
        "fetch_ohlcv", part.market.symbol, part.period, window[0], part.page, params
    )
    return rows


async def _records(client: Client, part: Part, window: Range) -> list[Sequence[Any]]:
    facts, low, symbol = client.venue.fact(part.stream), window[0], part.market.symbol
    params = {facts.until: window[1] - 1} if facts.until else {}
    if facts.start:
        params[facts.start] = low
    if part.stream == "funding":
        found = await client.call("fetch_funding_rate_history", symbol, low, part.page, params)
        if facts.hourly:
            return [(r["timestamp"], r["info"][facts.hourly]) for r in found]
        return [(r["timestamp"], r["fundingRate"]) for r in found]
    if part.stream == "liquidations":
        hours = _HOURS * (window[1] - low) // _DAY_MS
        found = await client.call(
            "fetch_open_interest_history", symbol, part.period, low, hours, params
        )
        return _days([(r["timestamp"], *(r["info"].get(f) for f in facts.fields)) for r in found])
    if part.stream == "open_interest":
        call, field = "fetch_open_interest_history", facts.amount
    else:
        call, field = "fetch_long_short_ratio_history", "longShortRatio"
    found = await client.call(call, symbol, part.period, low, part.page, params)
    return [(r["timestamp"], r[field]) for r in found]


def _days(hours: list[Sequence[Any]]) -> list[Sequence[Any]]:
    """Sums over the days (UTC) of which there are all hours; of a part of a day there is no sum."""
    table = np.array(hours, dtype=np.float64) if hours else np.empty((0, 2))
    table = table[np.isfinite(table).all(axis=1)]
    _, first = np.unique(table[:, 0] // _HOUR_MS, return_index=True)
    table = table[first]
    days = table[:, 0] // _DAY_MS
    whole = [d for d, count in zip(*np.unique(days, return_counts=True), strict=True)
             if count == _HOURS]  # fmt: skip
    return [(d * _DAY_MS, *table[days == d, 1:].sum(axis=0)) for d in whole]


def _on_the_minute(times: Times) -> Times:
    """Stamps rounded to the minute that they are milliseconds away from."""
    rounded = (times + _MINUTE_MS // 2) // _MINUTE_MS * _MINUTE_MS
    near = np.abs(times - rounded) <= JITTER // pd.Timedelta("1ms")
    return np.where(near, rounded, times)


def _once(times: Times) -> tuple[Times, Times]:
    """Ascending times, and for each the last place where it stood."""
    unique, places = np.unique(times[::-1], return_index=True)
    return unique, len(times) - 1 - places


def _units(venue: Venue, part: Part, values: Values) -> Values:
    """Prices of one coin, amounts in coins, rates as they are."""
    many, made = part.market.multiplier, values.copy()
    amount = many * (part.market.contract if venue.fact(part.stream).contracts else 1.0)
    if part.stream in ("open_interest", "liquidations"):
        return made * amount
    if part.stream in ("spot", "perp", "mark", "index", "future"):
        made[:, :4] /= many
        made[:, 4:] *= amount
    return made


def _sound(stream: str, values: Values) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Records that can be right: finite, above zero where they must be, high above low."""
    good = np.asarray(np.isfinite(values).all(axis=1))
    if values.shape[1] >= 4:
        high, low = values[:, 1], values[:, 2]
        body = values[:, [0, 3]]
        good &= (high >= body.max(axis=1)) & (low <= body.min(axis=1))
        if stream != "premium_index":
            good &= low > 0
    if stream == "liquidations":
        good &= (values >= 0).all(axis=1)
    if stream in ("open_interest", "long_short") or values.shape[1] == 5:
        good &= values[:, -1] >= 0
    return good
