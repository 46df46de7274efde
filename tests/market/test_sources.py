"""What gets a missing stream: the commands, and that their sources do give it."""

from __future__ import annotations

from typing import Any

import pytest

from fadefollow.market.archives import coinmetrics
from fadefollow.market.archives.layout import KINDS
from fadefollow.market.fetch.venues import VENUES
from fadefollow.market.sources import GIVEN_BY, source_of
from fadefollow.market.streams import STREAMS


def source(name: str, dataset: str, **settings: Any) -> tuple[str, str]:
    found = source_of(
        name, dataset=dataset, settings=settings, coins=["BTC", "ETH"], since="2021-01-01"
    )
    return found.command, found.note


def test_every_source_gives_its_streams() -> None:
    assert set(GIVEN_BY) <= set(STREAMS)
    for stream, name in GIVEN_BY.items():
        match name:
            case "binance-archive":
                assert stream in KINDS
            case "coinmetrics":
                assert stream in coinmetrics.STREAMS
            case _:
                assert stream in VENUES[name].streams


@pytest.mark.parametrize(
    ("stream", "dataset", "venue", "command"),
    [
        (
            "open_interest",
            "binance",
            "binance",
            "binance-archive BTC ETH --since 2021-01-01 --streams open_interest --into binance",
        ),
        (
            "netflow.netflow_coins",
            "okx",
            "okx",
            "coinmetrics BTC ETH --since 2021-01-01 --streams netflow --into okx",
        ),
        ("funding", "okx", "okx", "okx BTC ETH --since 2021-01-01 --streams funding"),
        ("options", "deribit", "deribit", "deribit BTC ETH --since 2021-01-01 --streams options"),
    ],
)
def test_fetched_data_sets_are_told_what_to_fetch(
    stream: str, dataset: str, venue: str, command: str
) -> None:
    assert source(stream, dataset, source="fetch", venue=venue)[0] == (
        f"fadefollow data fetch {command}"
    )


def test_another_venues_stream_is_a_data_set_of_its_own() -> None:
    command, note = source("liquidations", "okx", source="fetch", venue="okx")
    assert command == "fadefollow data fetch gate BTC ETH --since 2021-01-01 --streams liquidations"
    assert note == "as a data set of its own, not into okx"


def test_files_are_mapped_before_they_are_imported() -> None:
    command, note = source("hash_rate", "mine", source="files")
    assert command == "fadefollow data import mine --from FOLDER"
    assert note == "coinmetrics publishes it; map a file of it in datasets/mine.toml first"
    assert source("news", "mine", source="files")[1] == (
        "map a file of it in datasets/mine.toml first"
    )


def test_a_lab_says_where_it_is_set() -> None:
    assert source("options", "lab", source="lab") == (
        "",
        "datasets/lab.toml says what the lab simulates",
    )
