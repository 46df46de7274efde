"""What a `[[files]]` entry of a data set's TOML says: which files, and how their columns map."""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self, get_args

import pandas as pd
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from fadefollow.core.utc import as_utc
from fadefollow.errors import ParameterError, UnknownNameError
from fadefollow.market.bars import bar_size
from fadefollow.market.names import CoinName, check_timezone, nearest
from fadefollow.market.streams import Stream, stream

Format = Literal["csv", "parquet", "feather", "json"]

#: what a file is, by its extension; `.gz` may follow
EXTENSIONS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".zip": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".ft": "feather",
    ".json": "json",
}

_PLACEHOLDER = re.compile(r"\{(.*?)\}")
#: what a date of expiry needs
_DAY, _MONTH, _YEAR = ("%d",), ("%m", "%b", "%B"), ("%y", "%Y")


def format_of(name: str) -> Format | None:
    """The format of a file by its extension; None if that does not tell."""
    path = PurePosixPath(name.lower())
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    return EXTENSIONS.get(suffix)


def _size(value: object) -> object:
    return bar_size(value) if isinstance(value, str) else value


Bar = Annotated[pd.Timedelta, BeforeValidator(_size)]
Moment = dt.datetime | dt.date


class FileSpec(BaseModel):
    """One `[[files]]` entry: files of one stream and how their columns map."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    stream: str  #: what kind of table the files hold
    #: relative to the folder given at import; `*`, `{coin}` and `{expiry}` match parts of a name
    path: str
    coin: CoinName | None = None  #: for paths without `{coin}`
    #: column that names each row's coin, in files of many coins; instead of `coin` and `{coin}`
    coin_column: str | None = None
    coin_format: str = "{coin}"  #: how `coin_column` writes a coin, e.g. `{coin}USDT`
    coins: tuple[CoinName, ...] = ()  #: only these of the coins found; by default all
    format: Format | None = None  #: by default from the file's extension
    delimiter: str | None = None  #: between the fields of a CSV; by default from its first line
    decimal: Literal[".", ","] = "."  #: decimal mark of numbers that are written as text
    time: str = "time"  #: column of the stamps; `index` for an unnamed index
    timezone: str | None = None  #: IANA zone, or UTC+08:00, of stamps that carry none
    time_format: str | None = None  #: strptime format of textual stamps, by default ISO 8601
    time_unit: Literal["s", "ms", "us", "ns"] | None = None  #: of stamps that are numbers
    #: stream's column → file's column. `"2"` is the second one, where no column is called so
    columns: dict[str, str] = Field(default_factory=dict)
    scale: dict[str, float] = Field(default_factory=dict)  #: factors into the stream's units
    difference: dict[str, str] = Field(default_factory=dict)  #: column → column to difference
    bar: Bar | None = None  #: size of the file's bars; smaller ones are resampled
    since: Moment | None = None  #: leave out what is older: a day or a time, UTC
    until: Moment | None = None  #: leave out this day or time (UTC) and what is later
    #: which file's record counts where two files differ, in the order of the entries and then of
    #: the files' names; by default a difference is an error
    overlap: Literal["first", "last"] | None = None
    expiry_format: str = "%y%m%d"  #: of `{expiry}` in the path; `%d%b%y` reads 28MAR25 and 7FEB25
    expiry_hour: int = Field(8, ge=0, le=23)  #: UTC
    optional: bool = False  #: the files may be absent
    skip: tuple[str, ...] = ()  #: names in place of `{coin}` that are left out
    implied: bool = False  #: of funding: rates implied from the premium, not settled ones
    caveat: str = ""  #: a sentence that goes with the data into every report

    @property
    def kind(self) -> Format | None:
        """The format of the files; None if each file's extension tells."""
        return self.format or format_of(self.path)

    @property
    def since_utc(self) -> pd.Timestamp | None:
        """The first time that is wanted."""
        return None if self.since is None else as_utc(self.since)

    @property
    def until_utc(self) -> pd.Timestamp | None:
        """The first time that is not wanted any more."""
        return None if self.until is None else as_utc(self.until)

    @field_validator("stream")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return stream(value).name
        except UnknownNameError as error:  # not a ValueError: pydantic would not name the key
            raise ParameterError(error.summary, hint=error.hint) from None

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or not value.strip() or "\\" in value:
            raise ParameterError("path must be relative, use / and stay inside the folder")
        odd = set(_PLACEHOLDER.findall(value)) - {"coin", "expiry"}
        if odd:
            raise ParameterError(f"path may contain {{coin}} and {{expiry}}, not {{{min(odd)}}}")
        return value

    @field_validator("coin_format")
    @classmethod
    def _one_coin(cls, value: str) -> str:
        if _PLACEHOLDER.findall(value) != ["coin"]:
            raise ParameterError("coin_format must contain {coin} exactly once", got=repr(value))
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_sign(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or value.isalnum() or value in '\r\n".+-'):
            raise ParameterError(
                "delimiter must be a single character, such as ; or a tab", got=repr(value)
            )
        return value

    @field_validator("timezone")
    @classmethod
    def _there(cls, value: str | None) -> str | None:
        return None if value is None else check_timezone(value)

    @field_validator("expiry_format")
    @classmethod
    def _a_date(cls, value: str) -> str:
        for parts in (_DAY, _MONTH, _YEAR):
            if sum(value.count(part) for part in parts) != 1:
                rule = f"expiry_format must contain {' or '.join(parts)} exactly once"
                raise ParameterError(rule, got=repr(value))
        return value

    @field_validator("scale")
    @classmethod
    def _a_factor(cls, value: dict[str, float]) -> dict[str, float]:
        for name, factor in value.items():
            if not math.isfinite(factor) or factor == 0:
                rule = f"the scale of {name} must be a number other than 0"
                raise ParameterError(rule, got=f"{factor:g}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        schema = stream(self.stream)
        _check_coin(self)
        if self.stream == "future" and "{expiry}" not in self.path and "expiry" not in self.columns:
            raise ParameterError("futures need {expiry} in the path, or a column mapped to expiry")
        if self.implied and self.stream != "funding":
            raise ParameterError("implied applies to funding only", got=self.stream)
        if self.bar is not None and schema.kind != "bars":
            raise ParameterError(f"bar applies to streams of bars only, not to {self.stream}")
        if self.kind not in (None, "csv") and self.delimiter is not None:
            raise ParameterError("delimiter applies to CSV files only", got=f"{self.kind} files")
        since, until = self.since_utc, self.until_utc
        if since is not None and until is not None and since >= until:
            raise ParameterError("since must be before until", got=f"{self.since}")
        _check_columns(self, schema)
        return self


def formats() -> tuple[str, ...]:
    """The known file formats."""
    return get_args(Format)


def _check_coin(item: FileSpec) -> None:
    """One of three says which coin: the path, `coin` or `coin_column`."""
    if item.coin_column is not None:
        if "{coin}" in item.path or item.coin is not None:
            raise ParameterError(
                "with coin_column, path must not contain {coin} and coin must not be set"
            )
    elif ("{coin}" in item.path) == (item.coin is not None):
        raise ParameterError(
            "path must contain {coin}, or coin must be set",
            hint="for files of many coins, coin_column names the column of the coin",
        )


def _check_columns(item: FileSpec, schema: Stream) -> None:
    for name in (*item.columns, *item.scale, *item.difference, *item.difference.values()):
        if name not in schema.columns and name != "available":
            hint = nearest(name, list(schema.columns))
            raise ParameterError(
                f"the column must be one of {item.stream}",
                got=repr(name),
                hint=f"{hint}known: {', '.join(schema.columns)}",
            )
