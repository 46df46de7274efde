"""Fetching and reading: bars that a venue's answers become, and a coin read from the store."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest, FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import fetch_job
from tests.support.exchange.replay import Replay

YEARS = 3
BARS = ("spot", "perp", "mark", "index", "premium_index")
START = pd.Timestamp("2023-01-01")


def main() -> Iterator[tuple[str, str]]:
    """Hourly bars of three years; the venue is a replay server that shares the cores."""
    exchange = Replay(days=YEARS * 365)
    try:
        settings = {**exchange.settings("binance"), "timeout": 10_000}
        spec = DatasetSpec(title="x", source="fetch", bar="1h", venue="binance", ccxt=settings)
        with tempfile.TemporaryDirectory() as folder:
            best = 0.0
            for attempt in range(5):
                asked = FetchRequest(["BTC", "PEPE"], START, streams=BARS)
                report = fetch_job(spec, "data", asked, Path(folder) / str(attempt))
                best = max(best, report.records / report.seconds)
            yield "fetching two coins: bars a second, best of 5", f"{best:,.0f}"
            root = Path(folder) / "all"
            fetch_job(spec, "data", FetchRequest(["BTC"], START), root)
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                open_dataset(spec, "data", root, DataRequest(symbols=("BTC",)))
                seconds.append(time.perf_counter() - start)
            yield "reading one coin, all streams, best of 5", f"{min(seconds):.2f} s"
    finally:
        exchange.close()
