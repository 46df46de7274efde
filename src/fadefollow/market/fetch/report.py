"""What a fetch asked for and stored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fadefollow.market.fetch.client import Counts
from fadefollow.market.findings import Finding


@dataclass
class PartCounts(Counts):
    """What was asked for one stream of a coin, all its contracts together."""

    records: int = 0
    mended: int = 0  #: records that the first answer lacked
    regained: int = 0  #: those among them that an earlier fetch had not been given
    began: float = 0.0
    ended: float = 0.0

    def start(self) -> None:
        """Note the time of the first request."""
        self.began = self.began or time.monotonic()

    def stored(self, records: int) -> None:
        """Note a page."""
        self.records += records
        self.ended = time.monotonic()

    @property
    def seconds(self) -> float:
        """From the first request to the last page."""
        return max(self.ended - self.began, 0.0)


@dataclass(frozen=True)
class PartReport:
    """One stream of one coin: what the store has now, and what this fetch did."""

    coin: str
    stream: str
    rows: int  #: in the store
    first: str  #: time of the first record in the store, ISO, UTC; empty if there is none
    last: str
    records: int  #: fetched, those among them that were known before
    requests: int
    retried: int  #: requests that had to be repeated
    mended: int  #: records that the first answer lacked
    revised: int  #: values that the venue has changed since they were fetched
    seconds: float  #: from the first request to the last page; streams share the time


@dataclass(frozen=True)
class FetchReport:
    """What a fetch asked for and stored."""

    dataset: str
    venue: str
    fingerprint: str
    requests: int  #: those for the venue's markets and clock among them
    retried: int  #: requests that had to be repeated
    records: int  #: fetched, those among them that were known before
    mended: int  #: records that a venue's first answer lacked
    seconds: float
    tables: Mapping[str, Mapping[str, int]]  #: rows in the store by coin and stream
    parts: tuple[PartReport, ...]
    findings: tuple[Finding, ...]  #: worst first: revisions, streams that a coin does not have

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        nested = ("tables", "parts", "findings")
        plain = {k: v for k, v in vars(self).items() if k not in nested}
        return plain | {
            "tables": {coin: dict(rows) for coin, rows in self.tables.items()},
            "parts": [asdict(part) for part in self.parts],
            "findings": [f.to_dict() for f in self.findings],
        }
