"""One venue's ccxt client, made to fail loudly, wait politely, and say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import ccxt
import numpy as np
from aiohttp import ClientError, ClientSession, TraceConfig
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from fadefollow.core.printable import printable
from fadefollow.errors import DataError, FadeFollowError
from fadefollow.market.fetch.validation import (
    EARLIEST_MS,
    LATEST_MS,
    InvalidAnswer,
    MalformedAnswer,
    listed_in,
)
from fadefollow.market.fetch.venues import Venue

#: attempts at one request, and the first and longest waits between them, in seconds
ATTEMPTS, FIRST_WAIT, LONGEST_WAIT = 8, 1.0, 60.0
#: attempts where nothing has ever answered: there is no network, or no such address
UNHEARD_ATTEMPTS = 4
#: a venue that asks for a longer pause than this is not waited for
PATIENCE = 300.0

#: kinds of markets that ccxt is configured to request from every venue
_KINDS = {"spot", "swap", "linear", "inverse"}
_REGION_WORDS = ("restricted location", "block access from your country", "unavailable in your")


@dataclass
class Counts:
    """Requests, and those that had to be repeated."""

    requests: int = 0
    retried: int = 0


#: where the requests of the present task are counted as well
counted: ContextVar[Counts | None] = ContextVar("counted", default=None)
#: the JSON of the answers to the present call
_bodies: ContextVar[list[Any] | None] = ContextVar("_bodies", default=None)
#: what ccxt, or a reader of its answers, meets where an answer has another shape than it expects
_SHAPE = (TypeError, LookupError, ValueError, AttributeError, ArithmeticError, RecursionError)


class Throttled(ccxt.DDoSProtection):  # type: ignore[misc]
    """The venue asks for a pause of `wait` seconds (None: it does not say how long)."""

    wait: float | None = None


class RegionRefused(ccxt.PermissionDenied):  # type: ignore[misc]
    """The venue does not serve this place."""


class _Guard:
    """Hooks of ccxt's: what they raise goes through all of its calls."""

    id: str
    taker_places: tuple[int, int] | None = None  #: the venue's, see `Venue`
    _status = 200
    heard = False  #: whether there ever was an answer

    def open(self, lazy: bool = False) -> None:  # noqa: FBT001, FBT002 - ccxt's signature
        """A session that follows no redirection: what is there was not asked for."""
        first = self.session is None  # type: ignore[has-type]
        super().open(lazy)  # type: ignore[misc]
        if first and self.own_session:  # type: ignore[attr-defined]
            self.session.detach()  # type: ignore[has-type]
            self.session = ClientSession(
                connector=self.tcp_connector,  # type: ignore[attr-defined]
                trust_env=self.aiohttp_trust_env,  # type: ignore[attr-defined]
                trace_configs=[_no_redirection(self.id)],
            )

    def on_rest_response(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        *_: object,
    ) -> str:
        """Pauses and refusals by status; remember the status for `parse_json`."""
        self._status, self.heard = code, True
        text = f"{self.id} {method} {url.split('?')[0]} {code} {reason} {body[:200]}"
        if code in (418, 429):
            error = Throttled(text)
            error.wait = _seconds(headers)
            raise error
        if 300 <= code < 400:
            raise MalformedAnswer(f"an answer of status {code} {reason}")
        if code == 451 or (code == 403 and any(w in body.lower() for w in _REGION_WORDS)):
            raise RegionRefused(text)
        return body.strip()

    def parse_json(self, body: str) -> Any:
        """ccxt takes what is no JSON for text, and an empty page for an answer."""
        try:
            made = super().parse_json(body)  # type: ignore[misc]
        except RecursionError:
            made = None
        if made is None and self._status < 300:
            if "maintenance" in body.lower():
                raise ccxt.OnMaintenance(f"{self.id} {body[:200]}")
            raise MalformedAnswer(f"{self.id} answered with what is no JSON: {body[:80]!r}")
        if (bodies := _bodies.get()) is not None:
            bodies.append(made)
        return made

    def handle_http_status_code(
        self, code: int, reason: str, url: str, method: str, body: str
    ) -> None:
        """ccxt takes a status that it does not know for success."""
        super().handle_http_status_code(code, reason, url, method, body)  # type: ignore[misc]
        if not 200 <= code < 300:
            raise ccxt.ExchangeError(f"{self.id} {url.split('?')[0]} {code} {reason} {body[:200]}")

    def filter_by_since_limit(self, array: Any, *_: object, **__: object) -> Any:
        """All records: what is not of the time asked for must be noticed, not left out."""
        return array

    def filter_by_value_since_limit(
        self, array: Any, field: Any, value: Any = None, *_: object, **__: object
    ) -> Any:
        """All records; ccxt would leave out those of another market."""
        if any(value is not None and r.get(field) not in (value, None) for r in array):
            raise InvalidAnswer(f"expected records of {value}, got those of another market")
        return array

    async def whole_markets(self) -> dict[str, Any]:
        """All markets by symbol; ccxt takes a part that is missing for a part without markets."""
        found: dict[str, Any] = await self.load_markets(reload=True)  # type: ignore[attr-defined]
        asked = self.options.get("fetchMarkets")  # type: ignore[attr-defined]
        wanted = {"swap", *(asked.get("types", ()) if isinstance(asked, dict) else ())}
        there = {name for m in found.values() for name in _KINDS if m.get(name)}
        if lacking := (wanted & _KINDS) - there:
            raise MalformedAnswer(f"{self.id} lists no {', '.join(sorted(lacking))} markets")
        return found

    async def fetch_clock(self) -> int:
        """The venue's time in ms; seconds, microseconds and far futures are none."""
        clock = int(await self.fetch_time())  # type: ignore[attr-defined]
        if not EARLIEST_MS < clock < LATEST_MS:
            raise MalformedAnswer(f"{self.id} says that its clock is at {clock} ms")
        return clock

    def parse_ohlcv(self, ohlcv: Any, market: Any = None) -> list[Any]:
        """ccxt's bar, and after it the coins that takers bought, which ccxt leaves out."""
        row: list[Any] = super().parse_ohlcv(ohlcv, market)  # type: ignore[misc]
        if self.taker_places is not None:
            place = self.taker_places[bool(market and market.get("inverse"))]
            if isinstance(ohlcv, list) and len(ohlcv) > place:
                row.append(self.safe_number(ohlcv, place))  # type: ignore[attr-defined]
        return row

    def parse_ohlcvs(
        self,
        rows: Any,
        market: Any = None,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        tail: bool = False,  # noqa: FBT001, FBT002 - ccxt's signature
    ) -> Any:
        """ccxt's bars, but all rows at once.

        ccxt is asked for one made-up row which place goes where, and the page is taken apart as an
        array, ten times as fast.
        """
        columns = self._places(rows, market)
        try:
            if columns:
                cells = np.array(rows, dtype=object)[:, columns]
                numbers = cells.astype(np.float64)
                if not _has_booleans(cells, numbers):
                    return numbers
        except (TypeError, ValueError, IndexError):
            pass  # an odd row: ccxt knows what to do
        return super().parse_ohlcvs(rows, market, timeframe, since, limit, tail)  # type: ignore[misc]

    def _places(self, rows: Any, market: Any) -> list[int]:
        """Where in a row each of `parse_ohlcv`'s values stands; nothing where they are odd."""
        if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
            return []
        made_up = [str(place) for place in range(1, len(rows[0]) + 1)]
        told = self.parse_ohlcv(made_up, market)
        while told and told[-1] is None:
            told.pop()
        plain = all(isinstance(v, int | float) and v in range(1, len(made_up) + 1) for v in told)
        return [int(v) - 1 for v in told] if plain and len(told) >= 5 else []


def _has_booleans(cells: Any, numbers: Any) -> bool:
    """Whether a price is true or false, which numpy takes for 1 and 0."""
    suspects = cells[(numbers == 0) | (numbers == 1)]
    return any(isinstance(cell, bool) for cell in suspects.tolist())


def _no_redirection(venue: str) -> TraceConfig:
    async def refuse(_: object, __: object, met: Any) -> None:
        met.response.close()
        place = met.response.headers.get("Location", "nowhere")
        raise MalformedAnswer(f"{venue} sends one on, {met.response.status}, to {place}")

    config = TraceConfig()
    config.on_request_redirect.append(refuse)
    return config


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
        on_message: called with a sentence before each wait.
    """

    def __init__(
        self,
        venue: Venue,
        settings: Mapping[str, Any] | None = None,
        *,
        first_wait: float = FIRST_WAIT,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        from ccxt import async_support

        base = getattr(async_support, venue.name)
        kind = type(venue.name, (_Guard, base), {"taker_places": venue.taker_places})
        own = {"has": {"fetchCurrencies": False}, **venue.settings}
        self.venue = venue
        self.exchange = kind(base.deep_extend(own, dict(settings or {})))
        self.first_wait, self.on_message = first_wait, on_message
        self.counts = Counts()
        self._pause_until = 0.0

    async def call(self, method: str, *args: Any, read: Callable[[Any], Any] | None = None) -> Any:
        """One of ccxt's calls.

        Args:
            method: its name.
            args: its arguments.
            read: makes something else of the records that came. If it fails, the answer was of
                an odd shape, and the call is repeated.

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
            return await attempts(self._once, method, args, read)
        except ccxt.BaseError as error:
            raise user_error(error, self.venue) from error

    async def _once(
        self, method: str, args: tuple[Any, ...], read: Callable[[Any], Any] | None
    ) -> Any:
        clock = asyncio.get_running_loop().time
        while (left := self._pause_until - clock()) > 0:
            await asyncio.sleep(left)
        for counts in self._all_counts():
            counts.requests += 1
        bodies: list[Any] = []
        _bodies.set(bodies)
        with self.reading(method):
            found = await getattr(self.exchange, method)(*args)
            if read is None:
                return found
            listed_in(bodies[-1] if bodies else None, self.venue.rows)
            return read(found)

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Where answers are read: ccxt and others take their shape for granted.

        Raises:
            MalformedAnswer: in place of the error that another shape leads to.
        """
        try:
            yield
        except (InvalidAnswer, FadeFollowError):
            raise
        except _SHAPE as error:
            text = f"{self.venue.name} {what}: an answer in a format that ccxt does not know"
            raise MalformedAnswer(f"{text} ({type(error).__name__}: {error})") from error

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
        if self.on_message and state.outcome and state.next_action:
            name = type(state.outcome.exception()).__name__
            self.on_message(f"{self.venue.title}: {name}, again in {state.next_action.sleep:.0f} s")

    def _all_counts(self) -> tuple[Counts, ...]:
        mine = counted.get()
        return (self.counts,) if mine is None else (self.counts, mine)

    async def markets(self) -> dict[str, Any]:
        """All markets of the venue, by ccxt's symbol."""
        found: dict[str, Any] = await self.call("whole_markets")
        return found

    async def now(self) -> int:
        """The venue's own clock, ms since 1970; this machine's may be wrong."""
        clock: int = await self.call("fetch_clock")
        return clock

    @contextmanager
    def plain_errors(self, what: str) -> Iterator[None]:
        """Where several answers are put together: an odd one ends as a plain message.

        Raises:
            DataError: says which.
        """
        try:
            with self.reading(what):
                yield
        except MalformedAnswer as error:
            raise user_error(error, self.venue) from error

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


def user_error(error: ccxt.BaseError, venue: Venue) -> DataError:
    """The error a user meets: what the venue said, and what to do."""
    said = printable(str(error))
    again = "fetched pages are kept; rerun the same command later to resume"
    rule, hint = f"no valid answer from {venue.title}", again
    if isinstance(error, RegionRefused):
        rule = f"{venue.title} refuses requests from this region"
        hint = "fetch from another venue, from its public archive, or from a region that it serves"
    elif isinstance(error, InvalidAnswer):
        rule = f"an answer from {venue.title} does not match the request"
        hint = f"such answers are not stored; {again}"
    elif isinstance(error, Throttled):
        rule = f"{venue.title} has rate-limited this address"
        said = f"a pause of {error.wait:.0f} s" if error.wait else said
        hint = f"wait that long; {again}"
    elif isinstance(error, ccxt.OnMaintenance):
        rule, hint = f"{venue.title} is under maintenance", again
    elif isinstance(error, ccxt.BadSymbol):
        rule = f"{venue.title} has no history of this market"
        hint = "the coin may be delisted: leave it out, or try the public archive"
    elif isinstance(error, ccxt.AuthenticationError | ccxt.PermissionDenied):
        hint = "public data needs no key: take keys out of [ccxt] in the data set's TOML"
    elif isinstance(error, ccxt.BadRequest | ccxt.NotSupported):
        rule, hint = f"{venue.title} rejects the request", "ccxt may be out of date: update it"
    elif isinstance(error, ccxt.RequestTimeout | ccxt.ExchangeNotAvailable):
        hint = f"check the network and whether the venue is up; {again}"
    return DataError(rule, got=said, where=venue.name, hint=hint)
