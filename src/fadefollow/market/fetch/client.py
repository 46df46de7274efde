"""One venue's ccxt client, made to fail loudly, wait politely, and say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import ccxt
import numpy as np
from aiohttp import ClientError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from fadefollow.errors import DataError
from fadefollow.market.fetch.venues import Venue

#: attempts at one request, and the first and longest waits between them, in seconds
ATTEMPTS, FIRST_WAIT, LONGEST_WAIT = 8, 1.0, 60.0
#: attempts where nothing has ever answered: there is no network, or no such address
UNHEARD_ATTEMPTS = 4
#: a venue that asks for a longer pause than this is not waited for
PATIENCE = 300.0

#: kinds of markets that every venue has of which ccxt is told to ask
_KINDS = {"spot", "swap", "linear", "inverse"}
_REGION_WORDS = ("restricted location", "block access from your country", "unavailable in your")


@dataclass
class Counts:
    """Requests, and those that had to be repeated."""

    requests: int = 0
    retried: int = 0


#: where the requests of the present task are counted as well
counted: ContextVar[Counts | None] = ContextVar("counted", default=None)


class Throttled(ccxt.DDoSProtection):  # type: ignore[misc]
    """The venue asks for a pause of `wait` seconds (None: it does not say how long)."""

    wait: float | None = None


class RegionRefused(ccxt.PermissionDenied):  # type: ignore[misc]
    """The venue does not serve this place."""


class OddAnswer(ccxt.ExchangeNotAvailable):  # type: ignore[misc]
    """An answer that is no JSON, or not what was asked for."""


class _Guard:
    """Hooks of ccxt's: what they raise goes through all of its calls."""

    id: str
    _status = 200
    heard = False  #: whether there ever was an answer

    def on_rest_response(
        self, code: int, reason: str, url: str, method: str, headers: Mapping[str, str], body: str,
        *_: object,
    ) -> str:  # fmt: skip
        """Pauses and refusals by status; remember the status for `parse_json`."""
        self._status, self.heard = code, True
        text = f"{self.id} {method} {url.split('?')[0]} {code} {reason} {body[:200]}"
        if code in (418, 429):
            error = Throttled(text)
            error.wait = _seconds(headers)
            raise error
        if code == 451 or (code == 403 and any(w in body.lower() for w in _REGION_WORDS)):
            raise RegionRefused(text)
        return body.strip()

    def parse_json(self, body: str) -> Any:
        """ccxt takes what is no JSON for text, and an empty page for an answer."""
        made = super().parse_json(body)  # type: ignore[misc]
        if made is None and self._status == 200:
            if "maintenance" in body.lower():
                raise ccxt.OnMaintenance(f"{self.id} {body[:200]}")
            raise OddAnswer(f"{self.id} answered with what is no JSON: {body[:80]!r}")
        return made

    async def whole_markets(self) -> dict[str, Any]:
        """All markets by symbol; ccxt takes a part that is missing for a part without markets."""
        found: dict[str, Any] = await self.load_markets(reload=True)  # type: ignore[attr-defined]
        asked = self.options.get("fetchMarkets")  # type: ignore[attr-defined]
        wanted = {"swap", *(asked.get("types", ()) if isinstance(asked, dict) else ())}
        there = {name for m in found.values() for name in _KINDS if m.get(name)}
        if lacking := (wanted & _KINDS) - there:
            raise OddAnswer(f"{self.id} lists no {', '.join(sorted(lacking))} markets")
        return found

    def parse_ohlcvs(
        self, rows: Any, market: Any = None, timeframe: str = "1m", since: int | None = None,
        limit: int | None = None, tail: bool = False,  # noqa: FBT001, FBT002 - ccxt's signature
    ) -> Any:  # fmt: skip
        """ccxt's bars, but all rows at once.

        ccxt is asked for one made-up row which place goes where, and the page is taken apart as an
        array, ten times as fast.
        """
        columns = self._places(rows, market)
        try:
            if columns:
                return np.array(rows, dtype=object)[:, columns].astype(np.float64)
        except (TypeError, ValueError, IndexError):
            pass  # an odd row: ccxt knows what to do
        return super().parse_ohlcvs(rows, market, timeframe, since, limit, tail)  # type: ignore[misc]

    def _places(self, rows: Any, market: Any) -> list[int]:
        """Where in a row each of time, open, high, low, close, volume stands; else nothing."""
        if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
            return []
        made_up = [str(place) for place in range(1, len(rows[0]) + 1)]
        told = self.parse_ohlcv(made_up, market)  # type: ignore[attr-defined]
        while told and told[-1] is None:
            told.pop()
        plain = all(isinstance(v, int | float) and v in range(1, len(made_up) + 1) for v in told)
        return [int(v) - 1 for v in told] if plain and len(told) >= 5 else []


def _seconds(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and value.strip().isdigit():
            return float(value)
    return None


class Client:
    """A venue's client. Calls are throttled by ccxt's own limiter, and repeated where that helps.

    Args:
        venue: from the registry.
        settings: ccxt's own settings, on top of the registry's: `urls`, `timeout`, proxies.
        first_wait: seconds before the second attempt; each further wait is twice as long.
        told: called with a sentence before each wait.
    """

    def __init__(
        self,
        venue: Venue,
        settings: Mapping[str, Any] | None = None,
        *,
        first_wait: float = FIRST_WAIT,
        told: Callable[[str], None] | None = None,
    ) -> None:
        from ccxt import async_support

        base = getattr(async_support, venue.name)
        kind = type(venue.name, (_Guard, base), {})
        own = {"has": {"fetchCurrencies": False}, **venue.settings}
        self.venue = venue
        self.exchange = kind(base.deep_extend(own, dict(settings or {})))
        self.first_wait, self.told = first_wait, told
        self.counts = Counts()
        self._pause_until = 0.0

    async def call(self, method: str, *args: Any, **named: Any) -> Any:
        """One of ccxt's calls.

        Raises:
            DataError: the venue refuses, or does not answer however often it is asked; with the
                way out.
        """
        attempts = AsyncRetrying(
            retry=retry_if_exception(_passes),
            stop=self._enough,
            wait=self._wait,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            return await attempts(self._once, method, *args, **named)
        except ccxt.BaseError as error:
            raise plain(error, self.venue) from error

    async def _once(self, method: str, *args: Any, **named: Any) -> Any:
        clock = asyncio.get_running_loop().time
        while (left := self._pause_until - clock()) > 0:
            await asyncio.sleep(left)
        for counts in self._all_counts():
            counts.requests += 1
        try:
            return await getattr(self.exchange, method)(*args, **named)
        except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
            # ccxt takes the shape of an answer for granted
            text = f"{self.venue.name} {method}: an answer of a shape that ccxt does not know"
            raise OddAnswer(f"{text} ({type(error).__name__}: {error})") from error

    def _enough(self, state: RetryCallState) -> bool:
        return state.attempt_number >= (ATTEMPTS if self.exchange.heard else UNHEARD_ATTEMPTS)

    def _wait(self, state: RetryCallState) -> float:
        backoff = min(self.first_wait * 2.0 ** (state.attempt_number - 1), LONGEST_WAIT)
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Throttled):
            pause = backoff if error.wait is None else max(error.wait, self.first_wait)
            # all of this venue's calls wait, not only this one
            until = asyncio.get_running_loop().time() + pause
            self._pause_until = max(self._pause_until, until)
            return pause
        return backoff

    def _before_sleep(self, state: RetryCallState) -> None:
        for counts in self._all_counts():
            counts.retried += 1
        if self.told and state.outcome and state.next_action:
            name = type(state.outcome.exception()).__name__
            self.told(f"{self.venue.title}: {name}, again in {state.next_action.sleep:.0f} s")

    def _all_counts(self) -> tuple[Counts, ...]:
        mine = counted.get()
        return (self.counts,) if mine is None else (self.counts, mine)

    async def markets(self) -> dict[str, Any]:
        """All markets of the venue, by ccxt's symbol."""
        found: dict[str, Any] = await self.call("whole_markets")
        return found

    async def now(self) -> int:
        """The venue's own clock, ms since 1970; this machine's may be wrong."""
        told = await self.call("fetch_time")
        if told is None:
            raise plain(OddAnswer(f"{self.venue.name} fetch_time: no time"), self.venue)
        return int(told)

    async def close(self) -> None:
        """Close the connections."""
        await self.exchange.close()


def _passes(error: BaseException) -> bool:
    """Whether asking again may help."""
    if isinstance(error, Throttled):
        return error.wait is None or error.wait <= PATIENCE
    if isinstance(error, ccxt.NetworkError):
        return not isinstance(error, RegionRefused)
    if type(error) is ccxt.ExchangeError:
        return True  # of no kind that ccxt knows: an answer of an odd shape, a passing trouble
    # a connection cut inside an answer, which ccxt takes for an error of the exchange
    return isinstance(error, ccxt.ExchangeError) and isinstance(error.__cause__, ClientError)


def plain(error: ccxt.BaseError, venue: Venue) -> DataError:
    """The error a user meets: what the venue said, and what to do."""
    said = str(error).replace("\n", " ")[:240]
    again = "what was fetched is kept: run the same command again later, it goes on from there"
    rule, hint = f"{venue.title} must answer", again
    if isinstance(error, RegionRefused):
        rule = f"{venue.title} must serve this place"
        hint = (
            "the venue refuses by region: fetch from another venue, from its public archive, or "
            "where it may be used"
        )
    elif isinstance(error, Throttled):
        rule = f"{venue.title} must not ask for a long pause"
        said = f"{error.wait:.0f} s" if error.wait else said
        hint = f"the address is banned for a while; {again}"
    elif isinstance(error, ccxt.OnMaintenance):
        rule, hint = f"{venue.title} must not be under maintenance", again
    elif isinstance(error, ccxt.BadSymbol):
        rule = f"{venue.title} must still have the market's history"
        hint = "the coin may have been delisted: leave it out, or look in the public archive"
    elif isinstance(error, ccxt.AuthenticationError | ccxt.PermissionDenied):
        hint = "public data needs no key: take keys out of [ccxt] in the data set's TOML"
    elif isinstance(error, ccxt.BadRequest | ccxt.NotSupported):
        rule, hint = f"{venue.title} must know the request", "this ccxt may be too old: update it"
    elif isinstance(error, ccxt.RequestTimeout | ccxt.ExchangeNotAvailable):
        hint = f"is there a network, and is the venue up? {again}"
    return DataError(rule, got=said, where=venue.name, hint=hint)
