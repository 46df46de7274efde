"""Whose rows these are: files of many coins taken apart, and files of one coin held to be that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.importing.file_spec import FileSpec
from fadefollow.market.importing.numbers import as_text
from fadefollow.market.names import check_symbol
from fadefollow.market.stamps import row_error, row_numbers
from fadefollow.market.streams import Stream

#: names of columns that say which coin or contract a row is of, without case, spaces, _ and -
_SYMBOL_NAMES = frozenset(
    (
        "symbol",
        "coin",
        "pair",
        "ticker",
        "instrument",
        "instrumentname",
        "instrumentid",
        "instid",
        "contract",
        "contractname",
        "market",
        "asset",
        "base",
        "baseasset",
        "basecurrency",
        "product",
        "productid",
        "token",
        "currencypair",
        "underlying",
        "uly",
    )
)
#: what contracts of a coin add to its name
_CONTRACT = re.compile(r"[-_/:].*")
_QUOTES = ("USDT", "USDC", "USD", "PERP")


def is_symbol_column(name: str) -> bool:
    """Whether a column of this name says which coin a row is of."""
    return re.sub(r"[\s_-]", "", name.lower()) in _SYMBOL_NAMES


def symbols_of(raw: pd.DataFrame, item: FileSpec, schema: Stream, where: str) -> dict[str, str]:
    """The one value of each symbol-like column of a file that is one coin's.

    Columns that the entry maps are left alone; of contracts, only the part that names the coin
    counts.

    Raises:
        DataError: a column holds several values: the file is of several coins.
    """
    made = {}
    for name in map(str, raw.columns):
        if not is_symbol_column(name) or name in item.columns.values():
            continue
        if pd.api.types.is_numeric_dtype(raw[name].dtype):
            continue
        values = as_text(raw[name]).dropna()
        if schema.key:
            values = values.str.replace(_CONTRACT, "", regex=True)
        several = list(values.unique())
        if len(several) > 1:
            raise DataError(
                "a file without coin_column must contain a single coin",
                got=f"{_listed(several)} in the column {name}",
                where=where,
                hint=_hint(name, several),
            )
        if several:
            made[name] = several[0]
    return made


def by_coin(
    frame: pd.DataFrame, names: pd.Series, item: FileSpec, where: str
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each coin of a file of many, and its rows under their old row numbers.

    Args:
        frame: rows of all coins.
        names: what `coin_column` says of each row.
        item: the entry; with `coins`, rows of others are left out.
        where: the file, for messages.

    Raises:
        DataError: a row names no coin, or none that `coin_format` and a coin's name allow.
    """
    texts = as_text(names)
    if texts.isna().any():
        at = int(texts.isna().to_numpy().argmax())
        rows, count = row_numbers(frame), int(texts.isna().sum())
        raise row_error(
            "every row must name its coin", "none", where, rows[at], str(names.name), count
        )
    before, after = item.coin_format.split("{coin}")
    pattern = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    coins = {text: _coin(text, pattern, item, where) for text in texts.unique()}
    named = texts.map(coins)
    for coin in dict.fromkeys(coin for coin in coins.values() if coin is not None):
        yield coin, frame[(named == coin).to_numpy()]


def _coin(text: str, pattern: re.Pattern[str], item: FileSpec, where: str) -> str | None:
    """The coin that a value names; None if it is not wanted."""
    match = pattern.fullmatch(text)
    coin = unicodedata.normalize("NFC", match[1].upper()) if match else ""
    if item.coins:
        return coin if coin in item.coins else None
    try:
        return check_symbol(coin)
    except ParameterError:
        raise DataError(
            f"{item.coin_column} must contain coins as {item.coin_format}",
            got=repr(text),
            where=where,
            hint='coin_format says how, such as "{coin}-USDT-SWAP"; with coins = ["BTC"], other '
            "rows are left out",
        ) from None


def _listed(values: list[str]) -> str:
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    return ", ".join(value[:40] for value in values[:3]) + more


def _hint(name: str, values: list[str]) -> str:
    end = next((q for q in _QUOTES if all(v.endswith(q) and v != q for v in values)), "")
    form = f' with coin_format = "{{coin}}{end}"' if end else ""
    return f'instead of coin, declare coin_column = "{name}"{form}'
