"""How far back venues answer: the table, what is said of it, and a fetch that asks for more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.market.archives.layout import KINDS
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import VENUES, fetch_job, reach_notes
from fadefollow.market.fetch.spec import ARCHIVES
from fadefollow.market.fetch.venues import REACHES, reach_of
from fadefollow.market.store.store import Store
from tests.support.exchange.replay import Replay

NOW = pd.Timestamp("2026-11-30 12:00", tz="UTC")


@pytest.fixture(scope="module")
def exchange() -> Iterator[Replay]:
    running = Replay(days=50, coins=["BTC"])
    yield running
    running.close()


def spec(venue: str, bar: str = "1h", **more: Any) -> DatasetSpec:
    return DatasetSpec(title=venue, source="fetch", bar=bar, venue=venue, **more)


def notes(venue: str, since: str, bar: str = "1h", streams: tuple[str, ...] = ()) -> dict[str, str]:
    request = FetchRequest(["BTC"], pd.Timestamp(since), streams=streams)
    found = reach_notes(spec(venue, bar), request, now=NOW)
    assert {(f.grade, f.code, f.symbol) for f in found} <= {("note", "beyond-reach", "")}
    return {f.stream: f.where for f in found}


def test_the_table_is_about_streams_that_there_are_and_names_each_once() -> None:
    for reach in REACHES:
        assert set(reach.streams) <= set(VENUES[reach.venue].streams)
        assert (reach.days is None) != (reach.records is None)
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", reach.as_of)
        if reach.archive:
            assert reach.archive in ARCHIVES
            since = {KINDS[stream].since for stream in reach.streams}
            assert since == {reach.archive_since}
    named = [(reach.venue, stream) for reach in REACHES for stream in reach.streams]
    assert len(set(named)) == len(named)
    assert reach_of("bybit", "perp") is None


def test_each_stream_that_a_venue_gives_for_less_than_was_asked_is_named() -> None:
    # 180 days before 2026-11-30; 10,000 bars of an hour are 416 days and 16 h
    assert notes("gate", "2021-01-01") == {
        "spot": "2025-10-09",
        "perp": "2025-10-09",
        "mark": "2025-10-09",
        "index": "2025-10-09",
        "funding": "2026-06-03",
        "open_interest": "2026-06-03",
        "liquidations": "2026-06-03",
    }
    assert notes("gate", "2026-07-01") == {}
    assert notes("gate", "2026-01-01", streams=("perp", "funding")) == {"funding": "2026-06-03"}
    assert notes("bybit", "2021-01-01") == {}
    assert notes("binance", "2021-01-01") == dict.fromkeys(
        ("open_interest", "long_short"), "2026-11-01"
    )


def test_a_number_of_records_reaches_as_far_as_their_size_says() -> None:
    # 1,440 snapshots: of an hour 60 days, and so for bars of 4 h; of five minutes 5 days
    assert notes("okx", "2026-09-01", streams=("open_interest",)) == {"open_interest": "2026-10-01"}
    four = notes("okx", "2026-09-01", "4h", streams=("open_interest",))
    assert four == {"open_interest": "2026-10-01"}
    five = notes("okx", "2026-09-01", "5min", streams=("open_interest",))
    assert five == {"open_interest": "2026-11-25"}
    # 5,000 bars of an hour are 208 days and 8 h, of four hours 833 days and 8 h
    assert notes("hyperliquid", "2024-01-01", streams=("perp",)) == {"perp": "2026-05-06"}
    assert notes("hyperliquid", "2024-01-01", "4h", streams=("perp",)) == {"perp": "2024-08-19"}


def test_what_has_more_is_named() -> None:
    request = FetchRequest(["BTC"], pd.Timestamp("2021-01-01"), streams=("long_short",))
    (note,) = reach_notes(spec("binance"), request, now=NOW)
    assert note.sentence == (
        "Binance gives 29 days of it, as of 2026-08: fetched from 2026-11-01 on; older ones: "
        "fadefollow data fetch binance-archive has them since 2020-09-01"
    )
    request = FetchRequest(["BTC"], pd.Timestamp("2021-01-01"), streams=("liquidations",))
    (note,) = reach_notes(spec("gate"), request, now=NOW)
    assert note.sentence.endswith("older ones: no archive is known")
    request = FetchRequest(["BTC"], pd.Timestamp("2026-01-01"), streams=("open_interest",))
    (note,) = reach_notes(spec("okx", "8h"), request, now=NOW)
    assert note.sentence.startswith("OKX gives the last 1,440 records of it at 1h, as of 2025-06")


def test_a_fetch_says_so_before_it_asks_and_takes_what_there_is(
    exchange: Replay, tmp_path: Path
) -> None:
    said: list[tuple[str, int]] = []

    def step(text: str, done: float | None) -> None:
        said.append((text, len(exchange.control()["log"])))

    exchange.calm()
    report = fetch_job(
        spec("binance", ccxt=exchange.settings("binance")),
        "data",
        FetchRequest(["BTC"], pd.Timestamp("2022-12-01"), streams=("perp", "open_interest")),
        tmp_path,
        progress=step,
        first_wait=0.01,
    )
    text, requests = said[0]
    assert text.startswith("open_interest: Binance gives 29 days of it, as of 2026-08")
    assert requests == 0
    # the exchange's clock stands at 2023-02-20 00:25; 29 days before that is 2023-01-22 00:25
    (note,) = [f for f in report.findings if f.code == "beyond-reach"]
    assert (note.stream, note.where) == ("open_interest", "2023-01-22")
    manifest = Store(tmp_path).read("data")
    tables = Store(tmp_path).load("data", "BTC", manifest=manifest)
    first = {name: table["time"].iloc[0] for name, table in tables.items()}
    assert first["open_interest"] == pd.Timestamp("2023-01-22 01:00", tz="UTC")
    assert first["perp"] == pd.Timestamp("2023-01-01", tz="UTC")


def test_a_coin_that_is_younger_than_the_reach_lacks_nothing(
    exchange: Replay, tmp_path: Path
) -> None:
    month = 30 * 24
    exchange.control(hours=-month)
    try:
        report = fetch_job(
            spec("binance", ccxt=exchange.settings("binance")),
            "data",
            # listed on 2023-01-01, 20 days before the exchange's present
            FetchRequest(["BTC"], pd.Timestamp("2022-12-01"), streams=("perp", "open_interest")),
            tmp_path,
            first_wait=0.01,
        )
    finally:
        exchange.control(hours=month)
    assert "beyond-reach" not in {f.code for f in report.findings}
