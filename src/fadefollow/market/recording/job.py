"""Recording from its start until it is stopped, as the command line calls it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch.client import FIRST_WAIT, Client
from fadefollow.market.fetch.markets import CoinMarkets, Listed, coin_named, find_coin
from fadefollow.market.fetch.venues import Venue, venue_named
from fadefollow.market.names import check_dataset_name
from fadefollow.market.recording.readers import READERS, recorded_by
from fadefollow.market.schema import canonical
from fadefollow.market.store.store import Manifest, Store, Update
from fadefollow.market.streams import stream

#: stored again only where they have changed; of the others each round is a record of its own
_VERSIONS = ("contract", "funding_terms", "brackets")
#: of these Binance answers account holders only
_SIGNED = {("binance", "brackets")}
_KEY, _SECRET = "FADEFOLLOW_{}_KEY", "FADEFOLLOW_{}_SECRET"

Tables = dict[str, dict[str, pd.DataFrame]]


@dataclass(frozen=True)
class RecordRequest:
    """What to record.

    Attributes:
        coins: names such as `BTC`.
        streams: only these; empty: all that can be recorded of the venue.
        every: from round to round, at multiples since 1970 UTC; None: one round, now.
    """

    coins: Sequence[str]
    streams: Sequence[str] = ()
    every: pd.Timedelta | None = None


@dataclass(frozen=True)
class Round:
    """One round.

    Attributes:
        taken: the venue's clock after the last answer, UTC: stamp of the round's records, which
            are available from then on; None where nothing was taken.
        records: rows that were stored, by coin and stream.
        unchanged: by coin the streams whose last version still holds.
        missed: a sentence for each coin and stream that could not be taken.
        next: when the next round is due, UTC; None where there is none.
    """

    taken: pd.Timestamp | None
    records: Mapping[str, Mapping[str, int]]
    unchanged: Mapping[str, tuple[str, ...]]
    missed: tuple[str, ...]
    next: pd.Timestamp | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "taken": None if self.taken is None else self.taken.isoformat(),
            "records": {coin: dict(rows) for coin, rows in self.records.items()},
            "unchanged": {coin: list(names) for coin, names in self.unchanged.items()},
            "missed": list(self.missed),
            "next": None if self.next is None else self.next.isoformat(),
        }


def record_job(
    spec: DatasetSpec,
    name: str,
    request: RecordRequest,
    store_root: Path,
    *,
    say: Callable[[str], None] | None = None,
    first_wait: float = FIRST_WAIT,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Round]:
    """Take what a venue says now into the store, round by round, until the caller stops.

    A round is one change of the store, so that a process that is killed leaves its rounds whole.
    One that is started again goes on with the next due round. Where a round fails, it is said and
    the next one tries again; the first round's failure is the caller's.

    Args:
        spec: a data set with `source = "fetch"`.
        name: its name in the store.
        request: coins, streams, rhythm.
        store_root: the store's folder.
        say: called with a sentence before each wait.
        first_wait: seconds before a failed request is repeated; later waits are longer.
        sleep: waits some seconds.

    Raises:
        ParameterError, UnknownNameError: a coin, stream or venue that cannot be.
        DataError: the venue refuses or does not answer in the first round.
        StoreError: the store cannot be written; the rounds before are whole.
    """
    recorder = _Recorder(spec, name, request, Store(Path(store_root)), say, first_wait)
    return recorder.rounds(sleep)


class _Recorder:
    def __init__(
        self,
        spec: DatasetSpec,
        name: str,
        request: RecordRequest,
        store: Store,
        say: Callable[[str], None] | None,
        first_wait: float,
    ) -> None:
        check_dataset_name(name)
        if spec.source != "fetch":
            rule = 'only data sets with source = "fetch" can be recorded'
            raise ParameterError(rule, got=spec.source, where=name)
        self.spec, self.name, self.store, self.first_wait = spec, name, store, first_wait
        self.venue = venue_named(spec.venue)
        self.coins = tuple(dict.fromkeys(coin_named(c) for c in request.coins))
        if not self.coins:
            raise ParameterError("a recorder needs at least one coin", got="none", where=name)
        self.keys = _keys(self.venue)
        self.streams = _streams(self.venue, request.streams, signed=bool(self.keys))
        self.every, self.say = request.every, say
        store.check_bar(name, spec.bar)

    def rounds(self, sleep: Callable[[float], None]) -> Iterator[Round]:
        if self.every is None:
            made, _ = asyncio.run(self._round(None))
            yield made
            return
        last, first = self._last(), True
        while True:
            try:
                made, now = asyncio.run(self._round(last))
            except DataError as error:
                if first:
                    raise
                now = pd.Timestamp.now(tz="UTC")
                made = Round(None, {}, {}, (str(error),), self._following(now))
            first, last = False, made.taken or last
            if made.taken is not None or made.missed:
                yield made
            following = self._following(now)
            self._say(f"next round at {following:%Y-%m-%d %H:%M} UTC")
            sleep((following - now).total_seconds())

    async def _round(self, last: pd.Timestamp | None) -> tuple[Round, pd.Timestamp]:
        """One round, unless `last` lies in the present one; and the venue's clock at its end."""
        client = Client(
            self.venue,
            self.spec.ccxt,
            first_wait=self.first_wait,
            on_message=self.say,
        )
        try:
            if last is not None and self.every is not None:
                now = await _now(client)
                if last.floor(self.every) == now.floor(self.every):
                    return Round(None, {}, {}, ()), now
            tables, missed = await self._tables(client)
            taken = await _now(client)
        finally:
            await client.close()
        records, unchanged = self._stored(tables, taken)
        following = None if self.every is None else self._following(taken)
        return Round(taken, records, unchanged, missed, following), taken

    async def _tables(self, client: Client) -> tuple[Tables, tuple[str, ...]]:
        """By coin and stream what the venue says; what could not be taken."""
        self._say(f"asking {self.venue.title}")
        markets = await client.markets()
        for field, value in self.keys.items():  # not before: with a key ccxt lists margin pairs too
            setattr(client.exchange, field, value)
        kind = self.spec.contracts or self.venue.contracts
        with client.plain_errors("markets"):
            listed = [
                find_coin(coin, markets, contracts=kind, where=self.venue.name)
                for coin in self.coins
            ]
        tables: Tables = {}
        errors: list[DataError] = []
        for coin in listed:
            for name in self.streams:
                perp = _perp(coin, name)
                if perp is None:
                    continue
                try:
                    with client.plain_errors(name):
                        reader = READERS[name][self.venue.name]
                        found = await reader(client, perp, markets.get(perp.symbol, {}))
                except DataError as error:
                    errors.append(error)
                    continue
                if len(found):
                    tables.setdefault(coin.coin, {})[name] = found
        if errors and not tables:
            raise errors[0]
        if not tables:
            raise DataError(
                f"{self.venue.title} has none of {', '.join(self.streams)}",
                got=", ".join(self.coins),
                where=self.name,
            )
        return tables, tuple(str(error) for error in errors)

    def _stored(
        self, tables: Tables, taken: pd.Timestamp
    ) -> tuple[dict[str, dict[str, int]], dict[str, tuple[str, ...]]]:
        """Append the round to the store; rows by coin and stream, and what had not changed."""
        records: dict[str, dict[str, int]] = {}
        unchanged: dict[str, tuple[str, ...]] = {}

        def change(old: Manifest | None) -> Update:
            fresh: Tables = {}
            for coin, streams in tables.items():
                for name, frame in streams.items():
                    whole = self._appended(old, coin, name, frame.assign(time=taken))
                    if whole is None:
                        unchanged[coin] = (*unchanged.get(coin, ()), name)
                        continue
                    records.setdefault(coin, {})[name] = len(frame)
                    fresh.setdefault(coin, {})[name] = whole
            if not fresh:
                raise _NothingNewError
            return Update(fresh, source=f"recorded from {self.venue.title}")

        try:
            self.store.update(self.name, change, bar=self.spec.bar)
        except _NothingNewError:
            return {}, unchanged
        return records, unchanged

    def _appended(
        self, old: Manifest | None, coin: str, name: str, frame: pd.DataFrame
    ) -> pd.DataFrame | None:
        """The stored table with the new records; None where they are those of the last stamp."""
        where = f"{self.venue.title}, {coin} {name}"
        new = canonical(frame, name, bar=self.spec.bar, where=where)
        entry = old.tables.get(coin, {}).get(name) if old else None
        if entry is None:
            return new
        table = self.store.table(self.name, entry)
        newest = table["time"].max()
        if newest >= new["time"].iloc[0]:
            raise DataError(
                "a record's time must lie after that of the last one",
                got=f"{new['time'].iloc[0]}, and the last of {newest}",
                where=where,
                hint=f"the clock of {self.venue.title} or an earlier one was wrong",
            )
        columns = [c for c in new.columns if c not in ("time", "available")]
        if name in _VERSIONS and set(columns) <= set(table.columns):
            before = table.loc[table["time"] == newest, columns].reset_index(drop=True)
            if before.equals(new[columns].reset_index(drop=True)):
                return None
        return pd.concat([table, new], ignore_index=True)

    def _last(self) -> pd.Timestamp | None:
        """The last stamp that the store has of what is recorded."""
        if self.name not in self.store.datasets():
            return None
        manifest = self.store.read(self.name)
        stamps = [
            self.store.table(self.name, entry)["time"].max()
            for coin in self.coins
            for name, entry in manifest.tables.get(coin, {}).items()
            if name in self.streams
        ]
        return max(stamps, default=None)

    def _following(self, now: pd.Timestamp) -> pd.Timestamp:
        assert self.every is not None
        return now.floor(self.every) + self.every

    def _say(self, text: str) -> None:
        if self.say:
            self.say(text)


class _NothingNewError(Exception):
    """All versions are those of the round before; the store stays as it is."""


async def _now(client: Client) -> pd.Timestamp:
    return pd.Timestamp(await client.now(), unit="ms", tz="UTC").as_unit("ns")


def _perp(coin: CoinMarkets, name: str) -> Listed | None:
    if name != "options":
        return coin.perp
    return Listed(coin.coin, f"{coin.coin} options", 1, 1.0, linear=True, active=True)


def _streams(venue: Venue, asked: Sequence[str], *, signed: bool) -> tuple[str, ...]:
    """The streams to record: those asked for, or all that can be."""
    known = recorded_by(venue.name)
    for name in asked:
        if stream(name).name not in known:
            raise ParameterError(
                f"{name} of {venue.title} cannot be recorded",
                where=venue.name,
                hint=f"{', '.join(known)} can",
            )
        if (venue.name, name) in _SIGNED and not signed:
            raise ParameterError(
                f"{venue.title} gives {name} to account holders only",
                got="no key",
                where=venue.name,
                hint=f"set {_named(_KEY, venue)} and {_named(_SECRET, venue)} in the environment, "
                "of a key that can only read",
            )
    open_to_all = tuple(n for n in known if signed or (venue.name, n) not in _SIGNED)
    return tuple(dict.fromkeys(asked)) or open_to_all


def _keys(venue: Venue) -> dict[str, str]:
    """A key to the venue from the environment, where there is one; it is stored nowhere."""
    key, secret = (os.environ.get(_named(text, venue), "") for text in (_KEY, _SECRET))
    return {"apiKey": key, "secret": secret} if key and secret else {}


def _named(text: str, venue: Venue) -> str:
    return text.format(venue.name.upper())
