"""The TOML of an inferred mapping, with the reasons as comments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.importing.file_spec import format_of
from fadefollow.market.infer.entries import InferredEntry
from fadefollow.market.infer.files import NO_COIN
from fadefollow.market.infer.names import thousands
from fadefollow.market.infer.reasons import LeftOut, Reason, doubt
from fadefollow.market.streams import stream


def text_of(
    entries: Sequence[InferredEntry],
    title: str,
    *,
    doubts: Sequence[Reason] = (),
    left: Sequence[LeftOut] = (),
    bar: pd.Timedelta | None = None,
) -> str:
    """The whole TOML.

    Args:
        entries: what it maps.
        title: of the data set.
        doubts: about the mapping as a whole.
        left: files and columns that it does not map, and why.
        bar: of the data set; by default the largest there is.
    """
    sizes = [bar_size(e.like.time.bar) for e in entries if e.like.is_bars and e.like.time.bar]
    bar = bar or max(sizes)
    lines = [
        "# Inferred from the files' names and values. Check what is marked with ? before you",
        "# import it, and delete what you do not want.",
        *(f"# {reason.comment}" for reason in doubts),
        f"title = {_quoted(title)}",
        'source = "files"',
        f'bar = "{bar_text(bar)}"',
    ]
    if sizes and min(sizes) < bar:
        lines[-1] += f"  # ? the largest there is; for {bar_text(min(sizes))} delete larger entries"
    daily = [e.like.stream for e in entries if stream(e.like.stream).kind == "interval"]
    if daily:
        lines += ["", "# ? how long after its day a record is published, hours"]
        lines += ["[publication_lag_hours]", *(f"{name} = 24" for name in dict.fromkeys(daily))]
    for entry in entries:
        lines += ["", *(f"# {reason.comment}" for reason in reasons_of(entry)), *_table(entry, bar)]
    if left:
        lines += ["", "# Left out:", *(f"#   {one}" for one in left)]
    return "\n".join(line.replace("\r", " ") for line in lines) + "\n"


def reasons_of(entry: InferredEntry) -> list[Reason]:
    """Why an entry is as it is, doubts last."""
    like = entry.like
    time = like.time
    reasons = [r for file in entry.files for r in file.content.reasons]
    reasons += [*time.doubts]
    if NO_COIN in entry.coins:
        reasons.append(doubt("no name says which coin this is: set coin, or delete the entry"))
    if like.symbols and like.symbols.format:
        reasons.append(Reason(f"{like.symbols.column} names the coin of each row"))
    if time.unit:
        reasons.append(
            Reason(f"time: {time.column}, numbers of the size of {time.unit} since 1970")
        )
    if time.naive and like.timezone == "UTC":
        reasons.append(doubt("the times have no zone and are assumed to be UTC"))
    if like.is_bars:
        reasons.append(Reason(f"bars of {time.bar}, from their spacing"))
        closes = any(word in time.column.lower() for word in ("close", "end"))
        text = "bars are assumed to be stamped with their open"
        if closes:
            text = (
                f"{time.column} looks like the time of the close, but an import takes it for the "
                "open: shift it by a bar first"
            )
        reasons.append(doubt(text))
    elif stream(like.stream).period is not None and time.step != pd.Timedelta(days=1):
        reasons.append(doubt("the rows are not a day apart"))
    reasons = list(dict.fromkeys(reasons))
    return sorted(reasons, key=lambda reason: reason.doubtful)


def doubts_of(entries: Sequence[InferredEntry]) -> list[Reason]:
    """Doubts about entries as a whole, beyond each for itself."""
    coins = {coin for entry in entries for coin in entry.coins}
    return [
        doubt(
            f"{many} and {one} may be one coin in two units; they are kept apart. To join them, "
            f'give the files of {one} coin = "{many}", the scale {size} for each of their prices, '
            f"and {1 / size:g} for their volume"
        )
        for many, one, size in thousands(coins)
    ]


def _table(entry: InferredEntry, bar: pd.Timedelta) -> list[str]:
    like, content, time = entry.like, entry.like.content, entry.like.time
    lines = ["[[files]]", f'stream = "{content.stream}"', f"path = {_quoted(entry.pattern)}"]
    lines += _coin_lines(entry)
    if format_of(entry.pattern) != like.kind:
        lines.append(f'format = "{like.kind}"')
    if like.decimal != ".":
        lines.append(f'decimal = "{like.decimal}"')
    column = "index" if time.column == "__index_level_0__" else time.column
    lines.append(f"time = {_quoted(column)}")
    if time.unit:
        lines.append(f'time_unit = "{time.unit}"')
    if time.format:
        lines.append(f"time_format = {_quoted(time.format)}")
    if like.timezone:
        lines.append(f"timezone = {_quoted(like.timezone)}")
    lines.append(f"columns = {_inline(content.columns)}")
    if content.scale:
        lines.append(f"scale = {_inline(content.scale)}")
    if content.difference:
        lines.append(f"difference = {_inline(content.difference)}")
    if like.name.expiry and like.name.expiry_format != "%y%m%d" and "{expiry}" in entry.pattern:
        lines.append(f"expiry_format = {_quoted(like.name.expiry_format)}")
    if like.overlap:
        lines.append(f'overlap = "{like.overlap}"')
    if like.is_bars and time.bar and bar_size(time.bar) != bar:
        lines.append(f'bar = "{time.bar}"')
    return lines


def _coin_lines(entry: InferredEntry) -> list[str]:
    symbols = entry.like.symbols
    listed = f"coins = [{', '.join(_quoted(c) for c in sorted(entry.coins))}]"
    if symbols is not None and symbols.format is not None:
        lines = [f"coin_column = {_quoted(symbols.column)}"]
        if symbols.format != "{coin}":
            lines.append(f"coin_format = {_quoted(symbols.format)}")
        some = any(set(f.coins) != set(f.symbols.coins) for f in entry.files if f.symbols)
        return [*lines, listed] if some else lines
    if "{coin}" in entry.pattern:
        return [listed]
    return [f"coin = {_quoted(entry.coins[0])}"]


def _inline(table: dict[str, Any]) -> str:
    pairs = ", ".join(
        f"{key} = {_quoted(value) if isinstance(value, str) else value}"
        for key, value in table.items()
    )
    return f"{{ {pairs} }}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
