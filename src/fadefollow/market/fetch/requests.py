"""One request: what ccxt answers for a range, as arrays in the project's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.market.bars import bar_text
from fadefollow.market.fetch.client import Client
from fadefollow.market.fetch.markets import Listed
from fadefollow.market.fetch.pages import Values
from fadefollow.market.fetch.proof import Answer
from fadefollow.market.fetch.time_ranges import Range, Times
from fadefollow.market.fetch.validation import Fields, InvalidAnswer, check_times, once, rows_of
from fadefollow.market.fetch.venues import CALLS, SNAPSHOTS, Facts, Venue, timeframe_ms
from fadefollow.market.stamps import JITTER

_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_HOURS = 24
_JITTER_MS = int(JITTER / pd.Timedelta("1ms"))


@dataclass(frozen=True)
class Part:
    """What is fetched as one series: a stream of a coin, or one contract of it."""

    coin: str
    stream: str
    market: Listed
    period: str  #: ccxt's timeframe
    step: int  #: ms between records on a grid; the longest interval of settlements
    page: int  #: records that one answer holds
    columns: tuple[str, ...]  #: names of a page's columns

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
        return Part(market.coin, stream, market, period, step, page, venue.columns(stream))

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
    def funding_hours(self) -> float | None:
        """From settlement to settlement, as the venue says now; None for other streams too."""
        if self.stream != "funding":
            return None
        return 1.0 if self.step == _HOUR_MS else self.market.funding_hours

    @property
    def grid(self) -> int | None:
        """Distance of the records, where they are on a grid."""
        return None if self.stream == "funding" else self.step

    def span(self, venue: Venue) -> int:
        """The longest range to ask for at once, ms."""
        # of settlements the one before comes again, and stamps may be a little off
        room = self.page if self.grid else max(self.page - 3, 1)
        whole = room * self.step
        longest = venue.fact(self.stream).longest
        return whole if longest is None else min(whole, int(longest / pd.Timedelta("1ms")))


async def ask(client: Client, part: Part, window: Range) -> Answer:
    """The records in a range.

    Raises:
        DataError: the venue does not answer, or with what cannot be believed, however often it
            is asked.
    """
    facts = client.venue.fact(part.stream)
    method, arguments = _request(part, facts, window)

    def read(found: object) -> Answer:
        table = rows_of(found, _fields(part, facts), width=len(part.columns))
        if part.stream == "liquidations":
            table = _days(table)
        return _answer(client.venue, part, window, table)

    answer: Answer = await client.call(method, *arguments, read=read)
    return answer


def _request(part: Part, facts: Facts, window: Range) -> tuple[str, tuple[Any, ...]]:
    """ccxt's method and its arguments."""
    (call, price), symbol, (low, high) = CALLS[part.stream], part.market.symbol, window
    if call.endswith("OHLCV"):
        params = {"until": high - 1, **({"price": price} if price else {})}
        return "fetch_ohlcv", (symbol, part.period, low, part.page, params)
    if part.stream == "funding":
        # a settlement may be stamped some milliseconds before or after its minute
        low, high = low - _JITTER_MS, high + _JITTER_MS
        params = {facts.until: high - 1}
        return "fetch_funding_rate_history", (symbol, low, part.page, params)
    params = {facts.until: high - 1} if facts.until else {}
    if facts.start:
        params[facts.start] = low
    page = part.page
    if part.stream == "liquidations":
        page = _HOURS * -(-(high - low) // _DAY_MS)
    method = "fetch_long_short_ratio_history"
    if call == "fetchOpenInterestHistory":
        method = "fetch_open_interest_history"
    return method, (symbol, part.period, low, page, params)


def _fields(part: Part, facts: Facts) -> Fields:
    """How the columns of a page are read from one of ccxt's records; None for its bars."""
    if CALLS[part.stream][0].endswith("OHLCV"):
        return None
    if part.stream == "liquidations":
        return lambda r: tuple(r["info"].get(name) for name in facts.fields)
    if part.stream == "funding" and facts.hourly:
        return lambda r: (r["info"][facts.hourly],)
    field = {"funding": "fundingRate", "open_interest": facts.amount}
    name = field.get(part.stream, "longShortRatio")
    return lambda r: (r[name],)


def _answer(venue: Venue, part: Part, window: Range, table: Values) -> Answer:
    """A page as records of a range.

    Raises:
        InvalidAnswer: it is not what was asked for.
    """
    times, values = table[:, 0].astype(np.int64), table[:, 1:]
    if part.stream == "funding":
        times = _on_the_minute(times)
    if venue.fact(part.stream).endless:  # no end could be asked for
        times, values = times[times < window[1]], values[times < window[1]]
    if part.stream == "funding" and len(times) and (times % _HOUR_MS != 0).all():
        raise InvalidAnswer("expected settlements on the hour, got none")
    check_times(times, window, part.span(venue), step=part.grid or 1)
    span = (int(times.min()), int(times.max())) if len(times) else None
    inside = (times >= window[0]) & (times < window[1])
    times, values = once(times[inside], values[inside])
    values = _units(venue, part, values)
    good = _sound(part.stream, values)
    return Answer(times[good], values[good], times[~good], span)


def _days(hours: Values) -> Values:
    """Sums over the days (UTC) of which there are all hours; of a part of a day there is no sum."""
    hours = hours[np.isfinite(hours).all(axis=1)]
    _, first = np.unique(hours[:, 0] // _HOUR_MS, return_index=True)
    hours = hours[first]
    days = hours[:, 0] // _DAY_MS
    whole = [
        d for d, count in zip(*np.unique(days, return_counts=True), strict=True) if count == _HOURS
    ]
    sums = [(d * _DAY_MS, *hours[days == d, 1:].sum(axis=0)) for d in whole]
    return np.array(sums, np.float64).reshape(len(sums), hours.shape[1])


def _on_the_minute(times: Times) -> Times:
    """Stamps rounded to the minute that they are milliseconds away from."""
    rounded = (times + _MINUTE_MS // 2) // _MINUTE_MS * _MINUTE_MS
    near = np.abs(times - rounded) <= _JITTER_MS
    return np.where(near, rounded, times)


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
    bars = stream in ("spot", "perp", "future")
    # what takers bought may be missing
    good = np.asarray(np.isfinite(values[:, :5] if bars else values).all(axis=1))
    if values.shape[1] >= 4:
        high, low = values[:, 1], values[:, 2]
        body = values[:, [0, 3]]
        good &= (high >= body.max(axis=1)) & (low <= body.min(axis=1))
        if stream != "premium_index":
            good &= low > 0
    if stream == "liquidations":
        good &= (values >= 0).all(axis=1)
    if stream in ("open_interest", "long_short"):
        good &= values[:, -1] >= 0
    if bars:
        volume, bought = values[:, 4], values[:, 5:]
        good &= (volume >= 0) & ~((bought < 0) | (bought > volume[:, None])).any(axis=1)
    return good
