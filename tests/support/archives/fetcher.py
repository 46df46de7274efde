"""A fetch of all coins in a process of its own, to be killed: `fetcher.py '{"root": …, …}'`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from fadefollow.market.archives import ArchiveSettings, Universe, UniverseJob
from fadefollow.market.datasets.request import FetchRequest
from tests.support.archives.universe import MONTHS, NOW
from tests.support.exchange.fetcher import die_at


def main() -> None:
    """Fetch what the argument says, and tell the fingerprint."""
    wish = json.loads(sys.argv[1])
    die_at(wish.get("die_at", 0))
    job = UniverseJob(
        Universe(),
        FetchRequest((), pd.Timestamp(MONTHS[0]), streams=("perp", "spot", "funding")),
        Path(wish["root"]),
        "bn",
        settings=ArchiveSettings(binance_url=wish["url"], wait_seconds=0.0, workers=2),
        progress=lambda text, done: print(text, done, flush=True),
        now=NOW,
    )
    print("done", job.run(job.plan()).fingerprint, flush=True)


if __name__ == "__main__":
    main()
