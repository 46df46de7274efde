"""Fetching is limited by the venue's rate limit, not by us."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest, FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import fetch_job
from tests.support.exchange.replay import Replay

YEARS = 3
BARS = ("spot", "perp", "mark", "index", "premium_index")


@pytest.mark.slow
def test_sixty_thousand_bars_a_second_and_a_quick_read(tmp_path: Path) -> None:
    """Two coins' bars of three years, parsed and stored safely; the server shares the two cores."""
    exchange = Replay(days=YEARS * 365)
    try:
        settings = {**exchange.settings("binance"), "timeout": 10_000}
        spec = DatasetSpec(title="x", source="fetch", bar="1h", venue="binance", ccxt=settings)
        best = 0.0
        for attempt in range(5):
            report = fetch_job(
                spec,
                "data",
                FetchRequest(["BTC", "PEPE"], pd.Timestamp("2023-01-01"), streams=BARS),
                tmp_path / str(attempt),
            )
            assert report.records >= 2 * len(BARS) * YEARS * 8760 - 12
            best = max(best, report.records / report.seconds)
        assert best >= 60_000, f"{best:,.0f} bars a second"
        root = tmp_path / "all"
        fetch_job(spec, "data", FetchRequest(["BTC"], pd.Timestamp("2023-01-01")), root)
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            market = open_dataset(spec, "data", root, DataRequest(symbols=("BTC",))).markets["BTC"]
            seconds.append(time.perf_counter() - began)
        assert len(market) == YEARS * 365 * 24
        assert min(seconds) < 0.3, f"{min(seconds):.2f} s"
    finally:
        exchange.close()
