"""How far back venues answer, as known when, and what has older records.

Venues shorten what they give without notice, and an answer that begins late looks like a coin that
was listed late. So what is known is written down here with its month; the documentation's page of
venues is made from it, and a fetch that asks for more says so before it begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from fadefollow.market.bars import bar_text
from fadefollow.market.findings import Finding

_MS = pd.Timedelta("1ms")


@dataclass(frozen=True)
class Reach:
    """How far back one venue gives some streams, by `days` or by `records`."""

    venue: str  #: ccxt's name
    streams: tuple[str, ...]
    as_of: str  #: month from which this is known, as `2026-11`
    days: int | None = None
    records: int | None = None  #: bars or snapshots, whatever their size
    archive: str = ""  #: of `fadefollow data fetch`, which has more
    archive_since: str = ""  #: first day that it has
    elsewhere: str = ""  #: who else has more: what one would import

    def earliest(self, now: int, step: int) -> int:
        """Time of the oldest record that the venue gives, ms.

        Args:
            now: ms.
            step: distance of the records, ms.
        """
        if self.days is not None:
            return now - self.days * (pd.Timedelta(days=1) // _MS)
        return now - (self.records or 0) * step

    @property
    def span(self) -> str:
        """`180 days`, or `the last 5,000 records`."""
        if self.days is not None:
            return f"{self.days} days"
        return f"the last {self.records:,} records"

    @property
    def more(self) -> str:
        """Who has older records, as a phrase."""
        if self.archive:
            return f"fadefollow data fetch {self.archive} has them since {self.archive_since}"
        return self.elsewhere or "no archive is known"


_GATE_FILES = "the files of Gate's historical data page, by fadefollow data import"
REACHES = (
    # a month by the documentation; what begins at its edge is refused. In August 2026 a public
    # recorder got 31 days and was refused 60
    Reach(
        "binance",
        ("open_interest", "long_short"),
        "2026-08",
        days=29,
        archive="binance-archive",
        archive_since="2020-09-01",
    ),
    # three months by the documentation, as quoted on 2025-06-14 (rosssaunders/ccrxt, issue 85)
    Reach(
        "okx",
        ("funding",),
        "2025-06",
        days=90,
        elsewhere="the files of OKX's historical data page, by fadefollow data import",
    ),
    # by the documentation of trading statistics; its month is from memory
    Reach("okx", ("open_interest", "long_short"), "2025-06", records=1440),
    # by the documentation; also freqtrade, issue 11270 (2025-01), and on 2026-01-03
    # FrequentHippos/freqtrade_hyperliquid_download-data, issue 2: of candles alone, not of funding
    Reach(
        "hyperliquid",
        ("spot", "perp"),
        "2026-01",
        records=5000,
        elsewhere="prices in the asset contexts of Hyperliquid's bucket, for which the reader pays",
    ),
    # ccxt, issue 27861: futures refuse more since 2026-02-06; issue 27887: spot. Mark and index are
    # the same call as the perp
    Reach(
        "gate",
        ("spot", "perp", "mark", "index"),
        "2026-02",
        records=10_000,
        elsewhere=_GATE_FILES,
    ),
    Reach("gate", ("funding",), "2026-11", days=180, elsewhere=_GATE_FILES),
    # both are the contract's statistics, which answer "from time exceeds 180-day limit"
    Reach("gate", ("open_interest", "liquidations"), "2026-11", days=180),
)


def reach_of(venue: str, stream: str) -> Reach | None:
    """How far back a venue gives a stream; None where nothing is known against all of it."""
    return next((r for r in REACHES if r.venue == venue and stream in r.streams), None)


def short_of(reach: Reach, title: str, stream: str, *, first: int, step: int) -> Finding:
    """What to say where more was asked for than a venue gives.

    Args:
        reach: of the stream.
        title: the venue's name for people.
        first: time of the oldest record that it gives, ms.
        step: distance of the records, ms.
    """
    size = f" at {bar_text(pd.Timedelta(step, 'ms'))}" if reach.records is not None else ""
    day = f"{pd.Timestamp(first, unit='ms'):%Y-%m-%d}"
    text = (
        f"{title} gives {reach.span} of it{size}, as of {reach.as_of}: fetched from {day} on; "
        f"older ones: {reach.more}"
    )
    return Finding("note", "", stream, "beyond reach", 1, day, text)


def reach_table(titles: Iterable[tuple[str, str]]) -> str:
    """All of it as a table in Markdown.

    Args:
        titles: of each venue ccxt's name and the one for people, in order.
    """
    lines = ["| venue | streams | how far back | as of | older ones |", "|---|---|---|---|---|"]
    for name, title in titles:
        lines += [
            f"| {title} | {', '.join(r.streams)} | {r.span} | {r.as_of} | {r.more} |"
            for r in REACHES
            if r.venue == name
        ]
    return "\n".join(lines)
