"""The column of somebody's file that says of which coin a row is: one long file, many coins."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fadefollow.market.infer.choice import words
from fadefollow.market.infer.names import coin_format, coins_of
from fadefollow.market.infer.preview import Preview

#: names of such columns
_NAMES = ("symbol", "coin", "ticker", "pair", "instrument", "inst", "asset", "base")


@dataclass(frozen=True)
class InferredSymbols:
    """A column of symbols, and how they are made of coins."""

    column: str
    symbols: tuple[str, ...]  #: that were seen
    coins: tuple[str, ...]  #: of them; empty where the symbols cannot be read
    format: str | None  #: `{coin}USDT`; None where the symbols cannot be read


def infer_symbols(seen: Preview) -> InferredSymbols | None:
    """The column of symbols, None if there is none."""
    for column in seen.columns:
        if set(words(column)) & set(_NAMES) and _is_text(seen.head[column]):
            both = pd.concat([seen.head[column], seen.tail[column]]).dropna().astype("str")
            symbols = tuple(dict.fromkeys(both.str.strip()))
            form = coin_format(symbols)
            return InferredSymbols(column, symbols, coins_of(symbols, form), form)
    return None


def of_one_symbol(seen: Preview, symbols: InferredSymbols) -> pd.DataFrame:
    """The first rows that are of the first symbol."""
    named = seen.head[symbols.column].astype("str").str.strip()
    rows: pd.DataFrame = seen.head[named == symbols.symbols[0]]
    return rows.reset_index(drop=True)


def _is_text(column: pd.Series) -> bool:
    values = column.dropna()
    if not len(values) or pd.api.types.is_datetime64_any_dtype(values.dtype):
        return False
    return bool(values.astype("str").str.contains(r"[^\W\d_a-z]", regex=True).all())
