"""Fetch a venue's largest coins into a data set for live scans.

The coins are chosen by 24-hour volume, streams come through the same client, engine and merge as
`fadefollow data fetch`: pages are durable as they come, and the next scan asks only for what is
new. A coin on which the venue fails is left out and said; three in a row for reasons that are not
the coin's own end the scan, and what came is kept.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ccxt
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.errors import DataError, FadeFollowError, ParameterError, StoreError
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch.client import FIRST_WAIT, Client
from fadefollow.market.fetch.engine import Engine, Progress
from fadefollow.market.fetch.markets import CoinMarkets, Listed, coin_named, find_coin
from fadefollow.market.fetch.merge import merge_pages
from fadefollow.market.fetch.requests import Part
from fadefollow.market.fetch.venues import Venue, venue_named
from fadefollow.market.store.store import Manifest, Store

#: coins that are asked for at the same time; the venue's own limit spaces their requests
AT_ONCE = 6
#: so many coins in a row fail for reasons that are not theirs: the venue is given up
GIVE_UP = 3
#: coins whose pages become tables in one update of the store
FOLD_COINS = 20
_DAY_MS = 86_400_000
_DOLLARS = ("USDT", "USDC", "USD")


@dataclass
class Fetched:
    """What a live fetch brought.

    Attributes:
        time: the venue's clock when it began, UTC.
        coins: all that were to be fetched, by volume where they were chosen by it.
        failed: those of them that have nothing to show, and why.
        notes: what there is to say besides.
    """

    time: pd.Timestamp
    coins: tuple[str, ...]
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def good(self) -> tuple[str, ...]:
        """The coins that came."""
        return tuple(coin for coin in self.coins if coin not in self.failed)


@dataclass(frozen=True, kw_only=True)
class LiveRequest:
    """What to fetch of a venue's present.

    Attributes:
        streams: the venue must give them.
        days: of the past, whole ones, from a midnight (UTC) on, for a coin that has these streams.
        coins: by name; if there is none,
        top: so many perps, the largest by the dollars traded in 24 hours.
    """

    streams: Sequence[str]
    days: Callable[[Collection[str]], int]
    coins: Sequence[str] = ()
    top: int = 0


def fetch_live(
    spec: DatasetSpec,
    name: str,
    store_root: Path,
    request: LiveRequest,
    *,
    progress: Progress,
    first_wait: float = FIRST_WAIT,
) -> Fetched:
    """Fetch the missing part of the last days of some coins.

    Args:
        spec: a data set with `source = "fetch"`: venue, bars, contracts, ccxt's settings.
        name: of the data set in the store.
        store_root: the store's folder.
        request: which coins, streams and days.
        progress: told what is being done.
        first_wait: seconds before a failed request is repeated; later waits are longer.

    Raises:
        DataError: the venue refuses or does not answer; what was fetched until then is kept.
        ParameterError: a name that no coin can have, or a venue that does not tell its volumes.
        StoreError: the store cannot be written.
    """
    venue, store = venue_named(spec.venue), Store(Path(store_root))
    named = tuple(dict.fromkeys(coin_named(coin) for coin in request.coins))
    store.check_bar(name, spec.bar)
    job = _Job(spec, name, venue, store, progress)
    fetched, parts = asyncio.run(job.run(replace(request, coins=named), first_wait))
    progress("storing", None)
    job.fold(parts, fetched)
    if job.stop is not None:
        raise job.stop
    there = store.read(name).tables if name in store.datasets() else {}
    for coin in fetched.good:
        if not {"perp", "spot"} & set(there.get(coin, {})):
            fetched.failed[coin] = f"{venue.title} has no bars of it in the last days"
    return fetched


class _Job:
    def __init__(
        self, spec: DatasetSpec, name: str, venue: Venue, store: Store, progress: Progress
    ) -> None:
        self.spec, self.name, self.venue, self.store = spec, name, venue, store
        self.progress = progress
        self.kind = spec.contracts or venue.contracts
        self.stop: FadeFollowError | None = None
        self._in_a_row = self._done = 0

    async def run(
        self, request: LiveRequest, first_wait: float
    ) -> tuple[Fetched, dict[str, list[Part]]]:
        """Ask for all that is missing; the pages are in the staging area then."""
        self.progress(f"asking {self.venue.title} for its markets", None)
        client = Client(
            self.venue,
            self.spec.ccxt,
            first_wait=first_wait,
            on_message=lambda text: self.progress(text, None),
        )
        try:
            markets = await client.markets()
            now = await client.now()
            made = Fetched(pd.Timestamp(now, unit="ms", tz="UTC"), tuple(request.coins))
            if not request.coins:
                tickers = await self._tickers(client)
                made.coins = self.largest(markets, tickers, request.top, made.notes)
            parts: dict[str, list[Part]] = {}
            gate = asyncio.Semaphore(AT_ONCE)

            async def one(coin: str) -> None:
                async with gate:
                    if self.stop is None:
                        await self._coin(coin, client, markets, request, now, made, parts)

            async with asyncio.TaskGroup() as group:
                for coin in made.coins:
                    group.create_task(one(coin))
        finally:
            await client.close()
        return made, parts

    async def _tickers(self, client: Client) -> Mapping[str, Mapping[str, Any]]:
        """All perps of the wanted kind, by ccxt's symbol, with their last 24 hours."""
        self.progress(f"asking {self.venue.title} which coins are traded most", None)
        wish = {"type": "swap", "subType": self.kind}
        try:
            found: Mapping[str, Mapping[str, Any]] = await client.call("fetch_tickers", None, wish)
        except DataError as error:
            if isinstance(error.__cause__, ccxt.ArgumentsRequired | ccxt.NotSupported):
                raise ParameterError(
                    f"{self.venue.title} does not list the volumes of all coins",
                    got=str(error.got),
                    hint="name the coins: --symbols BTC,ETH",
                ) from error
            raise
        return found

    def largest(
        self,
        markets: Mapping[str, Mapping[str, Any]],
        tickers: Mapping[str, Mapping[str, Any]],
        top: int,
        notes: list[Note],
    ) -> tuple[str, ...]:
        """The coins of the `top` active perps by dollars traded in 24 hours, the largest first.

        Args:
            markets, tickers: ccxt's, by symbol.
            top: so many coins.
            notes: gets one where a coin's name cannot be stored.

        Raises:
            DataError: no perp of the wanted kind is traded.
        """
        volumes: dict[str, float] = {}
        for symbol, ticker in tickers.items():
            item = markets.get(symbol, {})
            right = item.get("swap") and item.get("quote") in _DOLLARS
            linear = bool(item.get("linear")) == (self.kind == "linear")
            if right and linear and item.get("active") is not False:
                volumes[symbol] = _dollars(ticker, item)
        coins: list[str] = []
        for symbol in sorted(volumes, key=lambda s: (-volumes[s], s)):
            if len(coins) == top:
                break
            try:
                coin = _coin(markets[symbol])
            except ParameterError:
                notes.append(Note("name-not-stored", {}, {"symbol": symbol}))
                continue
            if volumes[symbol] > 0 and coin not in coins:
                coins.append(coin)
        if not coins:
            raise DataError(
                f"{self.venue.title} must have {self.kind} perps that are traded",
                got="none",
                where=self.venue.name,
            )
        return tuple(coins)

    async def _coin(
        self,
        coin: str,
        client: Client,
        markets: Mapping[str, Mapping[str, Any]],
        request: LiveRequest,
        now: int,
        made: Fetched,
        parts: dict[str, list[Part]],
    ) -> None:
        """One coin's streams; what goes wrong with it is noted."""
        try:
            listed = find_coin(coin, markets, contracts=self.kind, where=self.venue.name)
            mine = [
                Part.of(self.venue, stream, market, self.spec.bar)
                for stream in request.streams
                for market in self._markets(listed, stream)
            ]
            if not any(part.stream in ("perp", "spot") for part in mine):
                raise DataError("the venue must trade the coin's perp", got=f"no market of {coin}")
            engine = Engine(
                client,
                self.store,
                self.name,
                self._present(),
                progress=lambda text, _done: self._say(text, made),
            )
            # from a midnight on: signals that sample a past of days see the same samples then
            back = request.days({part.stream for part in mine})
            first = now // _DAY_MS * _DAY_MS - back * _DAY_MS
            errors = await engine.run(mine, first, 2**53, now)
        except FadeFollowError as error:
            errors = [error]
        self._done += 1
        if not errors:
            self._in_a_row = 0
            parts[coin] = mine
            return
        worst = errors[0]
        made.failed[coin] = str(worst).split("\n", 1)[0]
        if isinstance(worst, StoreError):
            self.stop = worst  # a disk that is full is full for all
        elif isinstance(worst, FadeFollowError) and not _of_the_coin(worst):
            self._in_a_row += 1
            if self._in_a_row >= GIVE_UP:
                self.stop = worst

    def _markets(self, coin: CoinMarkets, stream: str) -> list[Listed]:
        """The markets behind one stream of a coin that are still traded."""
        found: tuple[Listed | None, ...] = (coin.spot if stream == "spot" else coin.perp,)
        if stream == "future":
            found = coin.futures
        if stream == "options":
            found = (Listed(coin.coin, f"{coin.coin} options", 1, 1.0, linear=True, active=True),)
        only = self.venue.fact(stream).linear_only
        return [m for m in found if m is not None and m.active and (m.linear or not only)]

    def fold(self, parts: Mapping[str, list[Part]], made: Fetched) -> None:
        """Pages into tables, many coins at a time; one by one where a coin's cannot be stored."""
        coins = list(parts)
        for first in range(0, len(coins), FOLD_COINS):
            some = coins[first : first + FOLD_COINS]
            try:
                self._fold([part for coin in some for part in parts[coin]])
            except DataError:
                for coin in some:
                    try:
                        self._fold(parts[coin])
                    except DataError as error:
                        made.failed[coin] = str(error).split("\n", 1)[0]

    def _fold(self, parts: Sequence[Part]) -> None:
        merge_pages(self.store, self.name, self.spec, parts)

    def _present(self) -> Manifest | None:
        return self.store.read(self.name) if self.name in self.store.datasets() else None

    def _say(self, text: str, made: Fetched) -> None:
        what = text.partition(",")[0]  # the rest is of this coin only
        self.progress(
            f"{what}, {self._done} of {len(made.coins)} coins done", self._done / len(made.coins)
        )


def _coin(item: Mapping[str, Any]) -> str:
    """The coin of a perp; Hyperliquid's kPEPE is 1,000 PEPE, of which ccxt makes KPEPE.

    Raises:
        ParameterError: its name cannot be a coin's.
    """
    own = (item.get("info") or {}).get("name")
    base = str(item.get("base"))
    many = isinstance(own, str) and own.startswith("k") and own.upper() == base
    return coin_named(base[1:] if many else base)


def _dollars(ticker: Mapping[str, Any], item: Mapping[str, Any]) -> float:
    """Dollars traded in 24 hours, as reported or as contracts × price; 0 if unknown."""
    told = ticker.get("quoteVolume")
    if told is None:
        amount, last = ticker.get("baseVolume"), ticker.get("last") or ticker.get("close")
        told = (amount or 0.0) * (last or 0.0) * float(item.get("contractSize") or 1.0)
    volume = float(told)
    return volume if math.isfinite(volume) else 0.0


def _of_the_coin(error: FadeFollowError) -> bool:
    """Whether an error is about one coin's markets or records, and not about the venue."""
    cause = error.__cause__
    return cause is None or isinstance(cause, ccxt.BadSymbol | ccxt.BadRequest | ccxt.NotSupported)
