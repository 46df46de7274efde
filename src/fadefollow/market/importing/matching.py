"""Which files a `[[files]]` entry means, and what their names say: the coin and the expiry."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.importing.file_spec import FileSpec
from fadefollow.market.names import check_symbol

#: years in which a contract may expire, both included
FIRST_YEAR, LAST_YEAR = 1970, 2199

_PARTS = re.compile(r"(\{coin\}|\{expiry\}|\*)")
_DIRECTIVE = re.compile(r"(%.)")


@dataclass(frozen=True)
class Match:
    """One file of an entry."""

    path: Path
    where: str  #: path relative to the source folder, for messages
    coin: str | None  #: None where a column names the coins
    expiry: pd.Timestamp | None
    spec: FileSpec


def find_files(item: FileSpec, source: Path) -> list[Match]:
    """The files of an entry, in the order of their names.

    Raises:
        DataError: there are none, or none for a coin that is asked for.
        ParameterError: a name holds what can be no coin.
    """
    found = _matches(item, source)
    if item.optional:
        return found
    if "{coin}" in item.path and (absent := set(item.coins) - {m.coin for m in found}):
        coins = ", ".join(sorted(absent))
        raise DataError(f"no files {item.path} for {coins}", where=str(source))
    if not found:
        raise DataError(
            f"no files for {item.stream} match {item.path}",
            where=str(source),
            hint="is --from the right folder? optional = true makes the files optional",
        )
    return found


def path_pattern(item: FileSpec) -> re.Pattern[str]:
    """The pattern that a file's path must match as a whole; what comes twice must be equal."""
    kinds = {"{coin}": "[^/_]+", "{expiry}": _expiry_pattern(item.expiry_format)}
    pattern, seen = "", set[str]()
    for piece in _PARTS.split(item.path):
        name = piece.strip("{}")
        if piece in seen:
            pattern += f"(?P={name})"
        elif piece in kinds:
            pattern += f"(?P<{name}>{kinds[piece]})"
            seen.add(piece)
        else:
            pattern += "[^/]*" if piece == "*" else re.escape(piece)
    return re.compile(pattern)


def _expiry_pattern(written: str) -> str:
    """What an expiry may look like in a name: digits, and letters where a month has a name."""
    pieces = [
        ("[A-Za-z]+" if piece in ("%b", "%B") else r"\d+")
        if piece.startswith("%")
        else re.escape(piece)
        for piece in _DIRECTIVE.split(written)
        if piece
    ]
    return re.sub(r"(?:\\d\+)+", r"\\d+", "".join(pieces))


def _matches(item: FileSpec, source: Path) -> list[Match]:
    pattern = path_pattern(item)
    found = []
    for path in sorted(source.glob(re.sub(r"\{.*?\}", "*", item.path))):
        where = path.relative_to(source).as_posix()
        match = pattern.fullmatch(where)
        if match is None or not path.is_file():
            continue
        groups = match.groupdict()
        name = groups.get("coin")
        name = None if name is None else unicodedata.normalize("NFC", name)
        if name is not None and item.coins and name not in item.coins:
            continue
        if name in item.skip:
            continue
        coin = item.coin if name is None else _coin(name, where)
        found.append(Match(path, where, coin, _expiry(groups.get("expiry"), item, where), item))
    return found


def _coin(name: str, where: str) -> str:
    try:
        return check_symbol(name)
    except ParameterError as error:
        hint = 'rename the file, or leave it out: skip = ["NAME"] in its [[files]] table'
        raise ParameterError(error.rule, got=error.got, where=where, hint=hint) from None


def _expiry(text: str | None, item: FileSpec, where: str) -> pd.Timestamp | None:
    if text is None:
        return None
    try:
        day = pd.to_datetime(text, format=item.expiry_format, utc=True)
    except (ValueError, OverflowError):
        rule = f"the file's name must contain an expiry as {item.expiry_format}"
        hint = "expiry_format says how it is written: %y%m%d is 250328, %d%b%y is 28MAR25"
        raise DataError(rule, got=text, where=where, hint=hint) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        rule = f"the expiry must lie between {FIRST_YEAR} and {LAST_YEAR}"
        raise DataError(rule, got=text, where=where)
    return pd.Timestamp(day + pd.Timedelta(hours=item.expiry_hour)).as_unit("ns")
