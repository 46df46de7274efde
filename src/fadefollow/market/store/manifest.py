"""One version of a data set: what the store's manifest says."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fadefollow.errors import ParameterError
from fadefollow.market.findings import Finding
from fadefollow.market.names import check_symbol

SCHEMA = 1
_FILE = re.compile(r"(.+)-[a-z_]{1,40}-[0-9a-f]{20}\.parquet")


def _of_a_coin(file: str) -> str:
    """The name of a table's file, if it begins with a coin's name and leads nowhere else."""
    found = _FILE.fullmatch(file)
    if not found or check_symbol(found[1]) != found[1]:
        raise ParameterError("a table's file must be COIN-stream-hash.parquet", got=ascii(file))
    return file


class Entry(BaseModel):
    """One stored table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Annotated[str, AfterValidator(_of_a_coin)]
    rows: int
    first: str  #: time of the first record, ISO, UTC
    last: str
    size: int  #: bytes of the file
    sha256: str  #: of the file's bytes
    content: str  #: hash of the values, whatever the file's layout
    source: str = ""  #: where it came from


class Listing(BaseModel):
    """When a coin was traded on its venue, as far as that is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listed: str | None = None  #: ISO, UTC
    delisted: str | None = None

    @property
    def listed_at(self) -> pd.Timestamp | None:
        """When trading began, UTC."""
        return None if self.listed is None else pd.Timestamp(self.listed)

    @property
    def delisted_at(self) -> pd.Timestamp | None:
        """When trading ended, UTC."""
        return None if self.delisted is None else pd.Timestamp(self.delisted)


class Fetched(BaseModel):
    """What of one table a venue was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    market: str  #: the venue's market, by ccxt's name
    #: ranges of time [from, to) in ms since 1970 that were asked for and answered, in order
    covered: tuple[tuple[int, int], ...] = ()
    #: pages that are in the table; files of these names may still lie in the staging area
    folded: tuple[str, ...] = ()
    #: hours from settlement to settlement, as the venue said at the last fetch; it may have been
    #: otherwise before
    interval_hours: float | None = None


class Manifest(BaseModel):
    """One version of a data set: what `current.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: int = Field(SCHEMA, alias="schema")
    dataset: str
    bar: str
    fingerprint: str  #: hash of all values, the same on every machine
    findings: tuple[Finding, ...] = ()
    tables: dict[str, dict[str, Entry]]
    #: files of the version before, which readers may still have open
    previous: tuple[str, ...] = ()
    #: coin → when it was traded
    listings: dict[str, Listing] = Field(default_factory=dict)
    #: coin → part of a fetch (a stream, or one contract of it) → what was asked for
    fetched: dict[str, dict[str, Fetched]] = Field(default_factory=dict)
    #: coin → stream → records that the venue has revised, as they were before, in the order in
    #: which they were superseded (see `fadefollow.market.asof.vintages`); never in `tables`
    revised: dict[str, dict[str, tuple[Entry, ...]]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, said: Any) -> Any:
        """Without what earlier versions wrote and nobody reads: when daily records had come."""
        if isinstance(said, dict):
            return {key: value for key, value in said.items() if key != "arrivals"}
        return said

    def of_streams(self, names: Collection[str]) -> Manifest:
        """The same version with some streams of each coin, for those who read no others."""
        tables = {
            coin: {name: entry for name, entry in streams.items() if name in names}
            for coin, streams in self.tables.items()
        }
        return self.model_copy(update={"tables": tables})

    @property
    def files(self) -> set[str]:
        """The names of all files of this version."""
        old = {e.file for coin in self.revised.values() for es in coin.values() for e in es}
        return old | {entry.file for coin in self.tables.values() for entry in coin.values()}
