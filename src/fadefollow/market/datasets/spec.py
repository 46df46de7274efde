"""What a `datasets/NAME.toml` says: where the data comes from and how it maps."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fadefollow.core.toml import build, read_toml
from fadefollow.errors import ParameterError, SpecError
from fadefollow.market.asof.universe_rule import UniverseSpec
from fadefollow.market.importing.file_spec import Bar, FileSpec
from fadefollow.market.names import nearest
from fadefollow.market.streams import STREAMS, stream

#: publication lag of daily records where none is declared: a day after the day's end
DEFAULT_LAG_HOURS = 24.0

__all__ = ["DEFAULT_LAG_HOURS", "DatasetSpec", "FileSpec", "load_spec"]


class DatasetSpec(BaseModel):
    """One data set. Read it with `load_spec(path)`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    title: str  #: as the report calls it
    source: Literal["fetch", "files", "lab"]  #: an exchange, files of yours, or simulated
    bar: Bar  #: size of the bars
    about: str = ""  #: a sentence or two on where it comes from
    #: stream → how long after its end a record is known; of daily records 24 by default
    publication_lag_hours: dict[str, Annotated[float, Field(ge=0, le=24 * 90)]] = Field(
        default_factory=dict
    )
    #: overrides per coin, as the engine reads them
    costs: dict[str, Any] = Field(default_factory=dict)
    #: charge and show the rate that follows from the premium where settlements are missing
    implied_funding: bool = False
    #: no run sees anything from this day (UTC) on, unless it opens the holdout
    holdout_from: dt.date | None = None
    files: tuple[FileSpec, ...] = ()  #: `source = "files"`: what they hold
    lab: dict[str, Any] = Field(default_factory=dict)  #: `source = "lab"`: what is simulated
    #: `source = "fetch"`: the exchange, by ccxt's name
    venue: str = ""
    #: streams to fetch; by default all that the venue gives
    streams: tuple[str, ...] = ()
    #: contracts margined in dollars (linear) or in the coin (inverse); the other kind where a coin
    #: has only that
    contracts: Literal["linear", "inverse"] | None = None
    #: which coins count when, e.g. the 50 largest by volume; by default all
    universe: UniverseSpec | None = None
    #: settings handed to ccxt as they are: `timeout`, `httpsProxy`, `urls`, …
    ccxt: dict[str, Any] = Field(default_factory=dict)

    def lag(self, stream_name: str) -> pd.Timedelta:
        """How long after its end a record of the stream is published."""
        default = DEFAULT_LAG_HOURS if stream(stream_name).kind == "interval" else 0.0
        return pd.Timedelta(hours=self.publication_lag_hours.get(stream_name, default))

    @property
    def holdout(self) -> pd.Timestamp | None:
        """When the holdout begins, UTC; None where there is none."""
        return None if self.holdout_from is None else pd.Timestamp(self.holdout_from, tz="UTC")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.source == "files" and not self.files:
            raise ParameterError('source = "files" needs at least one [[files]] table')
        if self.source == "lab" and self.files:
            raise ParameterError('source = "lab" takes no [[files]]')
        if self.source == "files" and self.lab:
            raise ParameterError('source = "files" takes no [lab]')
        if (self.source == "fetch") != bool(self.venue):
            raise ParameterError('source = "fetch" needs a venue, and no other source takes one')
        if self.source == "fetch" and (self.files or self.lab):
            raise ParameterError('source = "fetch" takes no [[files]] and no [lab]')
        if self.source != "fetch" and (self.streams or self.contracts or self.ccxt):
            raise ParameterError('streams, contracts and [ccxt] are for source = "fetch"')
        for name in self.streams:
            if name not in STREAMS:
                hint = nearest(name, list(STREAMS))
                raise ParameterError("unknown stream in streams", got=repr(name), hint=hint.strip())
        for name in self.publication_lag_hours:
            if name not in STREAMS or STREAMS[name].kind not in ("interval", "snapshot"):
                hint = nearest(name, list(STREAMS))
                raise ParameterError(
                    "publication_lag_hours is for daily records and snapshots",
                    got=repr(name),
                    hint=hint.strip(),
                )
        for item in self.files:
            if item.bar is not None and (item.bar > self.bar or self.bar % item.bar):
                raise ParameterError(f"bars of {item.path} must divide those of the data set")
        return self


def load_spec(path: Path) -> DatasetSpec:
    """Read `datasets/NAME.toml`.

    Raises:
        SpecError: not TOML (with the line), or a value of the wrong kind.
        UnknownNameError: an unknown key (with the nearest one).
        ParameterError: a value out of its bounds, or entries that contradict each other.
    """
    data = read_toml(Path(path))
    items = data.get("files", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise SpecError("files must be [[files]] tables", got=repr(items), where=str(path))
    where = [f"{path}, [[files]] number {n}" for n in range(1, len(items) + 1)]
    files = [build(FileSpec, item, where=w) for item, w in zip(items, where, strict=True)]
    rule = data.get("universe")
    if isinstance(rule, dict):
        data["universe"] = build(UniverseSpec, rule, where=f"{path}, [universe]")
    return build(DatasetSpec, {**data, "files": files}, where=str(path))
