"""One stream of one coin out of the archive's files: which there are, joined, and what was seen.

Monthly files come first. A month that has none, or a damaged one, is made of its daily files; so
is a day that a monthly file lacks. Over the network, months before the first file are taken to be
before the listing, and after the last one daily files are looked for until a month has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.archives.layout import DAY, INTERVALS, Kind, Part, plan
from fadefollow.market.archives.parse import Piece, parse
from fadefollow.market.archives.source import Source, UnreachableError
from fadefollow.market.findings import Finding, Grade, when
from fadefollow.market.importing.zips import ZipLimits, read_csv_member

#: files of so recent days may not be there yet
RECENT = 3 * DAY


@dataclass(frozen=True)
class UsedFile:
    """One file that a table was made of, for the record."""

    path: str
    sha256: str
    verified: bool  #: by its checksum
    fetched: bool  #: now, over the network
    rows: int


@dataclass
class Reader:
    """Reads files of the archive, several at a time, and remembers what it saw."""

    source: Source
    now: pd.Timestamp
    workers: int = 8
    skip_damaged: bool = False
    limits: ZipLimits = field(default_factory=ZipLimits)
    progress: Callable[[str], None] | None = None
    used: list[UsedFile] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    absent: list[Part] = field(default_factory=list)
    damaged: list[tuple[Part, str]] = field(default_factory=list)

    def read(self, parts: Sequence[Part]) -> list[Piece | None]:
        """The pieces of these files, None for those that are absent or left out as damaged."""
        if not parts:
            return []
        pool = ThreadPoolExecutor(max_workers=self.workers)
        try:
            return [
                self._note(part, result)
                for part, result in zip(parts, pool.map(self._one, parts), strict=True)
            ]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, part: Part) -> tuple[Piece, UsedFile] | str | None:
        try:
            got = self.source.get(part.path)
            if got is None:
                return None
            name = part.path.rpartition("/")[2]
            piece = parse(part, read_csv_member(got.data, name, self.limits), name)
        except UnreachableError:
            raise
        except DataError as error:
            if not self.skip_damaged:
                raise
            return error.summary
        used = UsedFile(got.path, got.sha256, got.verified, got.fetched, len(piece.table))
        return piece, used

    def _note(self, part: Part, result: tuple[Piece, UsedFile] | str | None) -> Piece | None:
        if self.progress:
            self.progress(part.path)
        if result is None:
            self.absent.append(part)
            return None
        if isinstance(result, str):
            self.damaged.append((part, result))
            return None
        piece, used = result
        self.pieces.append(piece)
        self.used.append(used)
        return piece


@dataclass(frozen=True)
class Series:
    """One stream as the archive has it.

    Attributes:
        table: `time` (UTC) and the stream's columns, sorted, each time once; may be empty.
        findings: what was seen, of no coin yet.
    """

    table: pd.DataFrame
    findings: tuple[Finding, ...]


def gather(
    kind: Kind,
    symbol: str,
    interval: str,
    since: pd.Timestamp,
    until: pd.Timestamp,
    reader: Reader,
) -> Series:
    """All rows of a symbol in a range.

    Args:
        interval: of bars; ignored for other kinds.
        since, until: UTC: bars that open from since on and close by until; settlements and
            snapshots from since to until, both included.
        reader: a new one; it holds what was used afterwards.

    Raises:
        DataError: a file is damaged, has no checksum or another one, or the archive is
            unreachable.
    """
    first = plan(kind, symbol, interval, since, until, reader.now)
    reader.read(first)
    if kind.monthly and kind.daily:
        _absent_months(first, since, until, reader)
    gained = _holes(since, until, reader) if kind.bars and kind.daily else 0
    table, joined = _join(reader.pieces, kind)
    moment = _moments(table, kind)
    step = INTERVALS[interval] if kind.bars else pd.Timedelta(0)
    inside = (moment >= since) & (moment + step <= until)
    findings = [f for piece in reader.pieces for f in piece.findings]
    findings += joined
    findings += _about_files(kind, reader, gained)
    return Series(table[inside].reset_index(drop=True), tuple(findings))


def _absent_months(
    parts: Iterable[Part], since: pd.Timestamp, until: pd.Timestamp, reader: Reader
) -> None:
    """Daily files in place of monthly ones that are absent or damaged."""
    months = [part for part in parts if part.monthly]
    have = {piece.part.start for piece in reader.pieces if piece.part.monthly}
    bad = {part.start for part, _ in reader.damaged}
    first = min(have | bad, default=months[-1].start if months else None)
    last = max(have | bad, default=None)
    everywhere = reader.source.local
    for month in months:
        if month.start in have or not (everywhere or (first and month.start >= first)):
            continue
        found = reader.read(month.days(since, until))
        if not everywhere and last and month.start > last and not any(found):
            break


def _holes(since: pd.Timestamp, until: pd.Timestamp, reader: Reader) -> int:
    """Daily files for days that a monthly one lacks bars of; returns the bars gained."""
    tables = [piece.table["time"] for piece in reader.pieces if len(piece.table)]
    if not tables:
        return 0
    first, last = min(t.iloc[0] for t in tables), max(t.iloc[-1] for t in tables)
    wanted: list[Part] = []
    known: dict[pd.Timestamp, int] = {}
    for piece in reader.pieces:
        if not piece.part.monthly:
            continue
        step = INTERVALS[piece.part.interval]
        counts = piece.table.groupby(piece.table["time"].dt.floor("D")).size()
        start, end = max(since, first), min(until, last + step)
        for day in piece.part.days(start, end):
            expected = (min(day.end, end) - max(day.start, start)) // step
            have = int(counts.get(day.start, 0))
            if have < expected:
                wanted.append(day)
                known[day.start] = have
    absent = len(reader.absent)
    found = reader.read(wanted)
    del reader.absent[absent:]  # nothing is missing that the monthly file promised
    rows = [(p.part.start, len(p.table)) for p in found if p is not None]
    return sum(max(count - known[start], 0) for start, count in rows)


def _join(pieces: Sequence[Piece], kind: Kind) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """All rows, each time once: of two files the monthly one counts, which is made later."""
    if not pieces:
        return pd.DataFrame({"time": pd.Series(pd.DatetimeIndex([], tz="UTC").as_unit("ns"))}), ()
    order = sorted(pieces, key=lambda piece: (piece.part.monthly, piece.part.start))
    table = pd.concat([piece.table for piece in order], ignore_index=True)
    table = table.sort_values("time", kind="stable", ignore_index=True)
    moment = _moments(table, kind)
    twice = moment.duplicated(keep="last")
    same = table.drop(columns="time").assign(moment=moment).duplicated(keep=False)
    differ = twice & ~same
    kept = table[~twice].reset_index(drop=True)
    if not differ.any():
        return kept, ()
    at = when(moment[int(differ.to_numpy().argmax())])
    text = "rows that differ between two files; those of the later file are stored"
    return kept, (
        Finding("warning", "", kind.stream, "files disagree", int(differ.sum()), at, text),
    )


def _moments(table: pd.DataFrame, kind: Kind) -> pd.Series:
    """Times; of settlements without their jitter."""
    return table["time"].dt.round("min") if kind.stream == "funding" else table["time"]


def _about_files(kind: Kind, reader: Reader, gained: int) -> list[Finding]:
    """What was used, what was not there, what could not be trusted."""
    found: list[Finding] = []

    def add(grade: Grade, rule: str, count: int, where: str, text: str) -> None:
        if count:
            found.append(Finding(grade, "", kind.stream, rule, count, where, text))

    starts = [piece.part for piece in reader.pieces]
    if starts:
        months = sum(part.monthly for part in starts)
        verified = sum(file.verified for file in reader.used)
        text = (
            f"{months} monthly and {len(starts) - months} daily files, "
            f"{verified} checksums verified"
        )
        add("note", "archive files", len(starts), when(min(p.start for p in starts)), text)
    lost = _lost_days(reader)
    if lost:
        text = f"days without a file in the archive, the last one {when(lost[-1])}"
        add("warning", "missing files", len(lost), when(lost[0]), text)
    bare = [file for file in reader.used if not file.verified]
    if bare:
        add("warning", "unverified files", len(bare), "", f"no checksum for {_named(bare[0].path)}")
    if reader.damaged:
        part, why = reader.damaged[0]
        text = f"left out: {_named(part.path)}: {why}"
        add("warning", "damaged files", len(reader.damaged), when(part.start), text)
    text = "bars missing from monthly files, taken from daily files"
    add("note", "mended bars", gained, "", text)
    return found


def _lost_days(reader: Reader) -> list[pd.Timestamp]:
    """Days without any file between the first and the last that have one."""
    have = {
        day
        for piece in reader.pieces
        for day in pd.date_range(piece.part.start, piece.part.end, freq="D", inclusive="left")
    }
    if not have:
        return []
    absent = {
        day
        for part in reader.absent
        for day in pd.date_range(part.start, part.end, freq="D", inclusive="left")
    }
    return sorted(d for d in absent - have if min(have) < d < max(have))


def _named(path: str) -> str:
    return path.rpartition("/")[2]
