"""What a `datasets/NAME.toml` says: where the data comes from and how it maps."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from fadefollow.errors import ParameterError, SpecError, UnknownNameError
from fadefollow.market.bars import bar_size
from fadefollow.market.names import check_symbol, nearest
from fadefollow.market.streams import STREAMS, stream
from fadefollow.market.universe import UniverseSpec
from fadefollow.spec import build, read_toml

#: publication lag of daily records where none is declared: a day after the day's end
DEFAULT_LAG_HOURS = 24.0

_PLACEHOLDER = re.compile(r"\{(.*?)\}")


def _size(value: object) -> object:
    return bar_size(value) if isinstance(value, str) else value


Bar = Annotated[pd.Timedelta, BeforeValidator(_size)]


class FileSpec(BaseModel):
    """One `[[files]]` entry: files of one stream and how their columns map."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    stream: str  #: what kind of table the files hold
    #: relative to the folder given at import; `*`, `{coin}` and `{expiry}` match parts of a name
    path: str
    coin: str | None = None  #: for paths without `{coin}`
    coins: tuple[str, ...] = ()  #: only these of the coins found; by default all
    format: Literal["parquet", "csv"] | None = None  #: by default from the file's suffix
    time: str = "time"  #: column of the stamps; `index` for an unnamed Parquet index
    timezone: str | None = None  #: zone of stamps that carry none or another than UTC
    time_format: str | None = None  #: strptime format of textual stamps, by default ISO 8601
    time_unit: Literal["s", "ms", "us", "ns"] | None = None  #: of stamps that are numbers
    columns: dict[str, str] = Field(default_factory=dict)  #: stream's column → file's column
    scale: dict[str, float] = Field(default_factory=dict)  #: factors into the stream's units
    difference: dict[str, str] = Field(default_factory=dict)  #: column → column to difference
    bar: Bar | None = None  #: size of the file's bars; smaller ones are resampled
    since: dt.date | None = None  #: leave out what is older (UTC)
    expiry_format: str = "%y%m%d"  #: of `{expiry}` in the path
    expiry_hour: int = Field(8, ge=0, le=23)  #: UTC
    optional: bool = False  #: the files may be absent
    skip: tuple[str, ...] = ()  #: names in place of `{coin}` that are left out
    implied: bool = False  #: of funding: rates implied from the premium, not settled ones
    caveat: str = ""  #: a sentence that goes with the data into every report

    @property
    def kind(self) -> str:
        """`parquet` or `csv`."""
        return self.format or ("csv" if self.path.lower().endswith(".csv") else "parquet")

    @field_validator("stream")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return stream(value).name
        except UnknownNameError as error:  # not a ValueError: pydantic would not name the key
            raise ParameterError(error.rule, got=error.got, hint=error.hint) from None

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or not value.strip() or "\\" in value:
            raise ParameterError("a path must be relative, with /, and stay inside the folder")
        odd = set(_PLACEHOLDER.findall(value)) - {"coin", "expiry"}
        if odd:
            raise ParameterError(f"a path may hold {{coin}} and {{expiry}}, not {{{min(odd)}}}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        schema = stream(self.stream)
        if ("{coin}" in self.path) == (self.coin is not None):
            raise ParameterError("either the path holds {coin}, or coin names it")
        if self.stream == "future" and "{expiry}" not in self.path and "expiry" not in self.columns:
            raise ParameterError("futures need {expiry} in the path, or a column mapped to expiry")
        if self.implied and self.stream != "funding":
            raise ParameterError("implied is for funding", got=self.stream)
        if self.bar is not None and schema.kind != "bars":
            raise ParameterError(f"{self.stream} has no bars; leave out bar")
        for coin in (self.coin, *self.coins):
            if coin is not None:
                check_symbol(coin)
        for name in (*self.columns, *self.scale, *self.difference, *self.difference.values()):
            if name not in schema.columns and name != "available":
                hint = nearest(name, list(schema.columns))
                raise ParameterError(
                    f"the column must be one of {self.stream}",
                    got=repr(name),
                    hint=f"{hint}known: {', '.join(schema.columns)}",
                )
        return self


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
                raise ParameterError("streams must be known", got=repr(name), hint=hint.strip())
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
