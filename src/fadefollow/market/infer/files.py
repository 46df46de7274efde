"""What one of somebody's files holds: a stream each, with its coins, its times and its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pandas as pd

from fadefollow.market.infer.columns import InferredStream, infer_streams
from fadefollow.market.infer.names import InferredName
from fadefollow.market.infer.preview import Preview
from fadefollow.market.infer.reasons import LeftOut, Reason, doubt
from fadefollow.market.infer.symbols import InferredSymbols, infer_symbols, of_one_symbol
from fadefollow.market.infer.times import InferredTime, infer_time, spoilt, until
from fadefollow.market.streams import stream

#: placeholder for a coin that only the files' owner knows
NO_COIN = "?"
_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


@dataclass(frozen=True)
class InferredFile:
    """One stream in one file."""

    where: str  #: the file's path in its folder
    name: InferredName
    kind: str  #: of container
    time: InferredTime
    content: InferredStream
    coins: tuple[str, ...]
    size: int  #: bytes
    symbols: InferredSymbols | None = None  #: if a column says of which coin a row is
    decimal: str = "."
    timezone: str | None = None
    overlap: str | None = None  #: which of two files counts where they overlap

    @property
    def stream(self) -> str:
        """The name of the stream that the file holds."""
        return self.content.stream

    @property
    def is_bars(self) -> bool:
        """Whether the stream is one of bars."""
        return stream(self.stream).kind == "bars"

    @property
    def form(self) -> tuple[object, ...]:
        """What files share that one entry maps."""
        columns, symbols = self.content, self.symbols
        mapping = (*columns.columns.items(), *columns.scale.items(), *columns.difference.items())
        alone = () if "{coin}" in self.name.pattern else self.coins
        return (
            *(self.name.pattern, self.name.expiry_format, self.stream, self.kind, self.decimal),
            *(self.time.key, self.time.bar if self.is_bars else None, mapping, alone),
            *(self.timezone, self.overlap),
            (symbols.column, symbols.format) if symbols else None,
        )


def look(seen: Preview, name: InferredName) -> tuple[list[InferredFile], list[LeftOut]]:
    """The streams of a file, and what of it is left out."""
    made, reasons = _streams_of(seen, name)
    return made, [LeftOut(seen.where, reason) for reason in reasons]


def _streams_of(seen: Preview, name: InferredName) -> tuple[list[InferredFile], list[str]]:
    seen, decimal = _with_numbers(seen)
    symbols = infer_symbols(seen)
    shown = replace(seen, head=of_one_symbol(seen, symbols)) if symbols else seen
    time = infer_time(shown.head)
    reason = spoilt(shown.head)
    if time is None or reason:
        return [], [reason or "no column holds times"]
    if symbols and len(symbols.symbols) > 1 and symbols.format is None:
        return [], [f"{symbols.column} writes coins in several ways: {_few(symbols.symbols)}"]
    contents, left = infer_streams(shown, time, dated=name.expiry)
    time = until(time, seen.tail)
    if not contents and not left:
        left = ["no column that a stream needs"]
    made = []
    for content in contents:
        zone = "UTC" if time.naive else None
        plain = InferredFile(seen.where, name, seen.kind, time, content, (), seen.size)
        made.append(_named(replace(plain, decimal=decimal, timezone=zone), symbols))
    return made, left


def _named(file: InferredFile, symbols: InferredSymbols | None) -> InferredFile:
    """With the coins that its symbols or its name say."""
    name, content = file.name, file.content
    if symbols and symbols.coins and (len(symbols.symbols) > 1 or name.coin is None):
        if len(symbols.symbols) > 1:
            many = f"{symbols.column} names {_few(symbols.symbols)}"
            text = f"{many}: each is a separate coin, renamed ones too"
            content = _also(content, doubt(text))
        exact = replace(name, pattern=name.pattern.replace("{coin}", name.coin or "{coin}"))
        return replace(file, name=exact, content=content, coins=symbols.coins, symbols=symbols)
    coin = name.coin or NO_COIN
    content = content if name.doubt is None else _also(content, name.doubt)
    if symbols and symbols.coins and symbols.coins != (coin,):
        both = f"{symbols.column} says {symbols.coins[0]}, the file's name {coin}"
        content = _also(content, doubt(f"{both}: assumed to be {coin}"))
    return replace(file, content=content, coins=(coin,))


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def with_reason(file: InferredFile, reason: Reason) -> InferredFile:
    """The file with one more reason."""
    return replace(file, content=_also(file.content, reason))


def _also(content: InferredStream, reason: Reason) -> InferredStream:
    return replace(content, reasons=(*content.reasons, reason))


def _with_numbers(seen: Preview) -> tuple[Preview, str]:
    """The look with decimal commas read, and the decimal mark."""
    commas = [c for c in seen.columns if _has_commas(seen.head[c])]
    if not commas or seen.separator == ",":
        return seen, "."
    frames = []
    for frame in (seen.head, seen.tail):
        made = frame.copy()
        for column in commas:
            text = made[column].astype("str").str.replace(",", ".", regex=False)
            made[column] = pd.to_numeric(text, errors="coerce")
        frames.append(made)
    return replace(seen, head=frames[0], tail=frames[1]), ","


def _has_commas(column: pd.Series) -> bool:
    """Whether it holds numbers, some of them with a decimal comma."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    texts = column.dropna().astype("str")
    fits = texts.str.fullmatch(_COMMA)
    plain = texts.str.fullmatch(r"\s*[+-]?\d+\s*")
    return bool(fits.any() and (fits | plain).all())
