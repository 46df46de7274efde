"""One small real fetch a venue, where the network allows it."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import VENUES, fetch_job
from fadefollow.market.store.store import Store

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(
        os.environ.get("FADEFOLLOW_NETWORK") != "1",
        reason="asks real exchanges: set FADEFOLLOW_NETWORK=1 where they may be reached",
    ),
]


@pytest.mark.parametrize("venue", list(VENUES))
def test_two_days_of_a_venue(venue: str, tmp_path: Path) -> None:
    end = pd.Timestamp.now(tz="UTC").floor("D")
    spec = DatasetSpec(title=venue, source="fetch", bar="1h", venue=venue)
    fetch_job(spec, venue, FetchRequest(["BTC"], end - pd.Timedelta(days=2), end), tmp_path)
    store = Store(tmp_path)
    tables = store.load(venue, "BTC", manifest=store.read(venue))
    assert len(tables["perp"]) == 48
    assert set(tables) >= {"perp", "funding"}
    assert tables["funding"]["rate"].abs().max() < 0.01
