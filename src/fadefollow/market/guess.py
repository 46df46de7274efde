"""A first mapping of somebody's files, for them to check: nothing is imported.

What cannot be told from names and values is marked `?` in the comments of the TOML that comes out.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.errors import DataError, FadeFollowError
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.guess_columns import StreamGuess, guess_streams
from fadefollow.market.guess_names import NameGuess, guess_name
from fadefollow.market.guess_times import TimeGuess, guess_time
from fadefollow.market.peek import SUFFIXES, Peek, peek
from fadefollow.market.spec import DatasetSpec
from fadefollow.market.streams import stream
from fadefollow.spec import build

#: so many files are looked at, spread over all there are
MOST_FILES = 2000


@dataclass(frozen=True)
class Guess:
    """A mapping that was guessed.

    Attributes:
        text: the data set's TOML, with comments.
        streams: coins by stream.
        doubts: what to check, worst first; also in `text`.
        left_out: files and columns that it does not map, and why.
        source: the folder to which its paths are relative.
    """

    text: str
    streams: dict[str, tuple[str, ...]]
    doubts: tuple[str, ...]
    left_out: tuple[str, ...]
    source: Path

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "streams": {name: list(coins) for name, coins in self.streams.items()},
            "doubts": list(self.doubts), "left_out": list(self.left_out),
            "source": str(self.source), "text": self.text,
        }  # fmt: skip


@dataclass
class _Entry:
    """One `[[files]]` table to be: files that are mapped alike."""

    name: NameGuess
    kind: str
    time: TimeGuess
    found: StreamGuess
    coins: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    size: int = 0

    @property
    def is_bars(self) -> bool:
        return stream(self.found.stream).kind == "bars"


def guess(source: Path, *, title: str) -> Guess:
    """Look at a file, or at all files of a folder, and guess how they map.

    Args:
        source: a CSV, Parquet or zip file, or a folder of them. Only read.
        title: of the data set.

    Raises:
        DataError: there is nothing that could be market data; it says why, file by file.
    """
    source = Path(source)
    files, folder = _files_of(source)
    entries: dict[Any, _Entry] = {}
    left: list[str] = []
    for path in files:
        where = path.relative_to(folder).as_posix()
        try:
            _look(peek(path, where), entries, left)
        except FadeFollowError as error:
            left.append(f"{where}: {error.rule}; got {error.got}")
    kept = _without_doubles(_with_coins(list(entries.values()), left), left)
    kept = _with_bars(kept, left)
    if not kept:
        more = f"; and {len(left) - 5} more" if len(left) > 5 else ""
        raise DataError(
            "there must be files that can be told to be market data",
            got="; ".join(left[:5]) + more or "none", where=str(source),
            hint="a coin needs bars of its perp or spot: time, open, high, low, close",
        )  # fmt: skip
    text = _text(kept, left, title)
    build(DatasetSpec, tomllib.loads(text), where="the guessed mapping")
    streams: dict[str, list[str]] = {}
    for entry in kept:
        streams.setdefault(entry.found.stream, []).extend(entry.coins)
    doubts = dict.fromkeys(
        f"{e.found.stream}: {r[2:]}" for e in kept for r in _reasons(e) if r.startswith("?")
    )
    listed = {name: tuple(dict.fromkeys(coins)) for name, coins in streams.items()}
    return Guess(text, listed, tuple(doubts), tuple(left), folder)


def _files_of(source: Path) -> tuple[list[Path], Path]:
    if source.is_file():
        return [source], source.parent
    if not source.is_dir():
        raise DataError("there must be a file or a folder", got="nothing", where=str(source))
    files = sorted(
        p for p in source.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in p.relative_to(source).parts)
    )  # fmt: skip
    if len(files) > MOST_FILES:
        files = files[:: -(-len(files) // MOST_FILES)]
    return files, source


def _look(seen: Peek, entries: dict[Any, _Entry], left: list[str]) -> None:
    """Add what a file holds to the entries."""
    time = guess_time(seen.head)
    if time is None:
        left.append(f"{seen.where}: no column holds times")
        return
    name = guess_name(seen.where)
    found, reasons = guess_streams(seen, time, dated=name.expiry)
    left += [f"{seen.where}: {reason}" for reason in reasons]
    if not found and not reasons:
        left.append(f"{seen.where}: no column that a stream needs")
    for one in found:
        bars = stream(one.stream).kind == "bars"
        if bars and time.bar is None:
            left.append(f"{seen.where}: its spacing is no size of bars")
            continue
        mapping = (*one.columns.items(), *one.scale.items())
        key: tuple[Any, ...] = (
            name.pattern,
            one.stream,
            seen.kind,
            time.key,
            time.bar if bars else None,
            mapping,
        )
        if "{coin}" not in name.pattern:
            key = (*key, name.coin)
        entry = entries.setdefault(key, _Entry(name, seen.kind, time, one))
        entry.files.append(seen.where)
        entry.size += seen.size
        if name.coin and name.coin not in entry.coins:
            entry.coins.append(name.coin)


def _with_coins(entries: list[_Entry], left: list[str]) -> list[_Entry]:
    """Give entries whose files name no coin the likeliest one."""
    all_coins = sorted({coin for entry in entries for coin in entry.coins})
    for entry in entries:
        if not entry.coins:
            only = all_coins[0] if len(all_coins) == 1 else "BTC"
            entry.coins.append(only)
            reason = f"? no file name says which coin this is: {only} is a guess"
            entry.found = _also(entry.found, reason)
    return entries


def _without_doubles(entries: list[_Entry], left: list[str]) -> list[_Entry]:
    """One entry a coin and stream: of several that would overlap, the one with most data."""
    taken: dict[tuple[str, str], str] = {}
    kept = []
    for entry in sorted(entries, key=lambda e: -e.size):
        free = [c for c in entry.coins if (c, entry.found.stream) not in taken]
        for coin in set(entry.coins) - set(free):
            other = taken[coin, entry.found.stream]
            left.append(f"{entry.files[0]}: {coin} has its {entry.found.stream} from {other}")
        if free:
            entry.coins = free
            taken |= {(coin, entry.found.stream): entry.files[0] for coin in free}
            kept.append(entry)
    order = list(dict.fromkeys(("perp", "spot", "mark", "index", "premium_index", "funding")))
    place = {name: at for at, name in enumerate(order)}
    return sorted(kept, key=lambda e: (place.get(e.found.stream, 99), e.found.stream, e.files[0]))


def _with_bars(entries: list[_Entry], left: list[str]) -> list[_Entry]:
    """Without coins that have neither perp nor spot, which an import refuses."""
    there = {c for e in entries if e.found.stream in ("perp", "spot") for c in e.coins}
    kept = []
    for entry in entries:
        without = [c for c in entry.coins if c not in there]
        if without:
            left.append(f"{entry.name.pattern}: no bars of {', '.join(without)} to go with it")
        entry.coins = [c for c in entry.coins if c in there]
        if entry.coins:
            kept.append(entry)
    return kept


def _also(found: StreamGuess, reason: str) -> StreamGuess:
    return StreamGuess(
        found.stream, found.columns, found.scale, found.difference, (*found.reasons, reason)
    )


def _reasons(entry: _Entry) -> list[str]:
    """Why an entry is as it is, doubts last."""
    time = entry.time
    reasons = [*entry.found.reasons, *time.doubts]
    if time.unit:
        reasons.append(f"time: {time.column}, numbers of the size of {time.unit} since 1970")
    if time.naive:
        reasons.append("? the times carry no zone and are taken to be UTC")
    if not time.sorted:
        reasons.append("? the rows are not sorted by time: sort the file, an import refuses it")
    if entry.is_bars:
        reasons.append(f"bars of {time.bar}, from their spacing")
        closes = any(word in time.column.lower() for word in ("close", "end"))
        reasons.append(
            f"? {time.column} looks like the time of the close: an import takes it for the open, "
            "so shift it by a bar first"
            if closes
            else "? bars are taken to be stamped with their open"
        )
    elif stream(entry.found.stream).period is not None and time.step != pd.Timedelta(days=1):
        reasons.append("? the rows are not a day apart")
    certain = [r for r in reasons if not r.startswith("?")]
    return certain + [r for r in reasons if r.startswith("?")]


def _text(entries: Sequence[_Entry], left: Sequence[str], title: str) -> str:
    sizes = [bar_size(e.time.bar) for e in entries if e.is_bars and e.time.bar]
    bar = max(sizes)
    lines = [
        "# Guessed from the files' names and values. Check what is marked with ? before you",
        "# import it, and delete what you do not want.",
        f"title = {_quoted(title)}",
        'source = "files"',
        f'bar = "{bar_text(bar)}"',
    ]
    if min(sizes) < bar:
        lines[-1] += f"  # ? the largest there is; for {bar_text(min(sizes))} delete larger entries"
    daily = [e.found.stream for e in entries if stream(e.found.stream).kind == "interval"]
    if daily:
        lines += ["", "# ? how long after its day a record is published, hours"]
        lines += ["[publication_lag_hours]", *(f"{name} = 24" for name in dict.fromkeys(daily))]
    for entry in entries:
        lines += ["", *(f"# {reason}" for reason in _reasons(entry)), *_table(entry, bar)]
    if left:
        lines += ["", "# Left out:", *(f"#   {reason}" for reason in left)]
    return "\n".join(line.replace("\r", " ") for line in lines) + "\n"


def _table(entry: _Entry, bar: pd.Timedelta) -> list[str]:
    found, time = entry.found, entry.time
    lines = ["[[files]]", f'stream = "{found.stream}"', f"path = {_quoted(entry.name.pattern)}"]
    if "{coin}" in entry.name.pattern:
        lines.append(f"coins = [{', '.join(_quoted(c) for c in sorted(entry.coins))}]")
    else:
        lines.append(f"coin = {_quoted(entry.coins[0])}")
    if not entry.name.pattern.lower().endswith(f".{entry.kind}"):
        lines.append(f'format = "{entry.kind}"')
    column = "index" if time.column == "__index_level_0__" else time.column
    lines.append(f"time = {_quoted(column)}")
    if time.unit:
        lines.append(f'time_unit = "{time.unit}"')
    if time.format:
        lines.append(f"time_format = {_quoted(time.format)}")
    if time.naive:
        lines.append('timezone = "UTC"')
    lines.append(f"columns = {_inline(found.columns)}")
    if found.scale:
        lines.append(f"scale = {_inline(found.scale)}")
    if found.difference:
        lines.append(f"difference = {_inline(found.difference)}")
    if entry.is_bars and time.bar and bar_size(time.bar) != bar:
        lines.append(f'bar = "{time.bar}"')
    return lines


def _inline(table: dict[str, Any]) -> str:
    pairs = ", ".join(
        f"{key} = {_quoted(value) if isinstance(value, str) else value}"
        for key, value in table.items()
    )
    return f"{{ {pairs} }}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
