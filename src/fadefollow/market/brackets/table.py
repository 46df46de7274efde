"""Bracket table: the maintenance that a venue asks of one coin's positions, by their size."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fadefollow.core.toml import build, read_toml
from fadefollow.errors import ParameterError, unknown

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"([a-z]+)(?:@(\d{4}-\d{2}-\d{2}))?")
#: the coins of a stock table that are not listed by name
_OTHERS = "*"
#: the name under which a data set's own brackets are used
RECORDED = "recorded"

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Rate = Annotated[float, Field(ge=0, lt=1)]
Row = tuple[_Amount, _Rate, _Amount]


class BracketTable(BaseModel):
    """Maintenance of one coin: rate × notional − deduction, by the bracket of the position."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  #: of the venue or the data set
    date: dt.date  #: from when it was in force, or was seen
    source: str  #: where it comes from
    in_coins: bool = False  #: floors are sizes in coins; else notionals in the quote currency
    rows: tuple[Row, ...] = Field(min_length=1)  #: floor, rate and deduction of each bracket

    @model_validator(mode="after")
    def _rows_rise(self) -> Self:
        floors = [row[0] for row in self.rows]
        if floors[0] != 0 or any(low >= high for low, high in pairwise(floors)):
            rule = "floors of brackets must rise from 0"
            raise ParameterError(rule, got=", ".join(f"{floor:g}" for floor in floors))
        if self.rows[0][2] != 0:
            rule = "the first bracket has no deduction"
            raise ParameterError(rule, got=f"{self.rows[0][2]:g}")
        return self

    @property
    def words(self) -> str:
        """`Binance's of 2024-09-27`."""
        return f"{self.name}'s of {self.date}"

    @classmethod
    def recorded(cls, name: str, table: pd.DataFrame) -> BracketTable | None:
        """The last version in a coin's stream `brackets`; None where there is none.

        Args:
            name: of the data set.
            table: canonical, as `Market.table` gives it.
        """
        if table.empty:
            return None
        last = table[table["time"] == table["time"].max()].sort_values("floor")
        rows = last[["floor", "rate", "deduction"]].to_numpy(np.float64).tolist()
        return cls.model_validate(
            {
                "name": name,
                "date": last["time"].iloc[0].date(),
                "source": "fadefollow data record",
                "in_coins": bool(last["in_coins"].iloc[0]),
                "rows": rows,
            }
        )


class _Stock(BaseModel):
    """A stock table as its file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    date: dt.date
    in_coins: bool = False
    coins: dict[str, tuple[Row, ...]]


def bracket_table(
    written: str, symbol: str, recorded: Mapping[str, BracketTable], *, where: str
) -> BracketTable:
    """The brackets of a coin by the name that a `[costs]` table gives.

    Args:
        written: `binance`, the newest stock table of that venue; `binance@2024-12-31`, the newest
            by that date; `recorded`, the data set's own.
        symbol: the coin.
        recorded: by coin, the data set's own.
        where: the setting, for messages.

    Raises:
        UnknownNameError: no stock table is called so.
        ParameterError: it cannot be read, is older than all tables, or has nothing of the coin.
    """
    if written == RECORDED:
        if symbol not in recorded:
            raise ParameterError(
                "no maintenance brackets of the coin were recorded",
                got=symbol,
                where=where,
                hint="fadefollow data record VENUE COIN --streams brackets --once",
            )
        return recorded[symbol]
    return _of_coin(_version(written, where), symbol, where)


def dated_name(written: str, *, where: str) -> str:
    """The name with the date of the stock table that it stands for; `recorded` as it is."""
    if written == RECORDED:
        return written
    return f"{written.partition('@')[0]}@{_version(written, where).date}"


def _version(written: str, where: str) -> _Stock:
    """The stock table of a name."""
    match = _NAME.fullmatch(written)
    if match is None:
        raise ParameterError(
            "brackets must name a venue", got=repr(written), where=where, hint=_HINT
        )
    versions = stock().get(match[1])
    if versions is None:
        raise unknown("table of maintenance brackets", match[1], [*stock(), RECORDED], where=where)
    by = dt.date.max if match[2] is None else _date(match[2], where)
    known = [version for version in versions if version.date <= by]
    if not known:
        raise ParameterError(
            f"the oldest maintenance brackets of {match[1]} are of {versions[0].date}",
            got=written,
            where=where,
        )
    return known[-1]


def _of_coin(version: _Stock, symbol: str, where: str) -> BracketTable:
    rows = version.coins.get(symbol, version.coins.get(_OTHERS))
    if rows is None:
        raise ParameterError(
            f"the stock brackets of {version.title} are of {', '.join(version.coins)}",
            got=symbol,
            where=where,
            hint="record the venue's own (fadefollow data record), or set a maintenance_rate",
        )
    return BracketTable(
        name=version.title,
        date=version.date,
        source=version.source,
        in_coins=version.in_coins,
        rows=rows,
    )


@cache
def stock() -> dict[str, tuple[_Stock, ...]]:
    """The stock tables by venue, each venue's by date."""
    found: dict[str, list[_Stock]] = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        data: dict[str, Any] = read_toml(path)
        venue = path.stem.partition("-")[0]
        found.setdefault(venue, []).append(build(_Stock, data, where=str(path)))
    return {venue: tuple(sorted(own, key=_by_date)) for venue, own in found.items()}


_HINT = "binance, binance@2024-12-31 (the newest by that day) or recorded"


def _by_date(version: _Stock) -> dt.date:
    return version.date


def _date(text: str, where: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ParameterError("no such day", got=text, where=where, hint=_HINT) from None
