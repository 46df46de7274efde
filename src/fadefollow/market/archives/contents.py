"""What an archive lists of one kind of one symbol: from when to when, files, bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from fadefollow.market.archives.layout import DAY, Kind, files_folder, period_of
from fadefollow.market.archives.listing import ListedFile
from fadefollow.market.archives.source import Source

_Dated = tuple[pd.Timestamp, pd.Timestamp, ListedFile]


@dataclass(frozen=True)
class Contents:
    """The files that a range needs."""

    first: pd.Timestamp  #: UTC, at midnight: the start of the first file there is
    end: pd.Timestamp  #: UTC: the end of the last one
    files: int
    size: int  #: bytes
    digest: str  #: changes with any of these files

    @property
    def days(self) -> int:
        """Days from the first file to the last; a month counts whole."""
        return int((self.end - self.first) / DAY)


def contents(
    source: Source,
    kind: Kind,
    symbol: str,
    interval: str,
    since: pd.Timestamp,
    until: pd.Timestamp,
) -> Contents | None:
    """What there is, and what of it a range needs: months, and days that no month covers.

    Args:
        interval: of bars; ignored for other kinds.
        since, until: the range, UTC.

    Returns:
        None where the archive has no file in the range.

    Raises:
        UnreachableError, StoreError: the archive cannot be listed.
    """
    interval = interval if kind.bars else ""
    months: list[_Dated] = []
    if kind.monthly:
        folder = files_folder(kind, symbol, interval, monthly=True)
        months = _periods(source.listing(folder).files)
    days: list[_Dated] = []
    if kind.daily:
        folder = files_folder(kind, symbol, interval, monthly=False)
        covered = max((end for _, end, _ in months), default=since)
        marker = f"{folder}{symbol}-{interval or kind.folder}-{covered:%Y-%m-%d}"
        days = [one for one in _periods(source.listing(folder, marker).files) if one[0] >= covered]
    needed = [one for one in (*months, *days) if one[1] > since and one[0] < until]
    if not needed:
        return None
    lines = "\n".join(f"{file.path} {file.size} {file.mark}" for _, _, file in needed)
    return Contents(
        min(start for start, _, _ in (*months, *days)),
        max(end for _, end, _ in (*months, *days)),
        len(needed),
        sum(file.size for _, _, file in needed),
        hashlib.sha256(lines.encode()).hexdigest(),
    )


def _periods(files: Iterable[ListedFile]) -> list[_Dated]:
    """The zip files with their periods; checksums and strange names are left out."""
    found = ((period_of(file.name), file) for file in files)
    return [(*period, file) for period, file in found if period is not None]
