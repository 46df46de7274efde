"""Answers that are not what was asked for: nothing of them is stored, and no range is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.errors import DataError
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import FetchReport, fetch_job
from fadefollow.market.store.store import Store
from tests.support.exchange.canned import Canned
from tests.support.exchange.fixtures import replayed
from tests.support.exchange.oddities import ODDITIES
from tests.support.exchange.replay import Replay

DAYS = 60
STREAMS = ("spot", "perp", "mark", "index", "premium_index", "funding")


running, exchange = replayed(days=DAYS, coins=["BTC"])


def fetch(exchange: Replay, root: Path, venue: str = "binance", **more: Any) -> FetchReport:
    spec = DatasetSpec(
        title=venue, source="fetch", bar="1h", venue=venue, ccxt=exchange.settings(venue)
    )
    request = FetchRequest(["BTC"], pd.Timestamp("2023-01-01"), streams=STREAMS)
    return fetch_job(spec, "data", replace(request, **more), root, first_wait=0.001)


@pytest.fixture(scope="module")
def whole(running: Replay, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Fingerprints of undisturbed fetches."""
    root = tmp_path_factory.mktemp("calm")
    running.calm()
    return {v: fetch(running, root / v, v).fingerprint for v in ("binance", "bybit")}


PATHS = ("api/v3/klines", "fapi/v1/klines", "markPrice", "indexPrice", "premium", "fundingRate")


@pytest.mark.parametrize("first", range(0, len(ODDITIES), len(PATHS)))
def test_answers_that_cannot_be_believed_leave_no_trace(
    first: int, exchange: Replay, whole: dict[str, str], tmp_path: Path
) -> None:
    """A kind for each stream, for as long as it is asked; then a healthy fetch."""
    kinds = ODDITIES[first : first + len(PATHS)]
    exchange.calm(fixed=[[path, kind, 1000] for path, kind in zip(PATHS, kinds, strict=False)])
    with pytest.raises(DataError) as caught:
        fetch(exchange, tmp_path)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600
    exchange.calm()
    assert fetch(exchange, tmp_path).fingerprint == whole["binance"]


@pytest.mark.slow
@pytest.mark.parametrize("venue", ["binance", "bybit"])
@pytest.mark.parametrize("fault", ODDITIES)
def test_an_answer_that_cannot_be_believed_leaves_no_trace(
    fault: str, venue: str, exchange: Replay, whole: dict[str, str], tmp_path: Path
) -> None:
    """Three times, and for as long as bars or settlements are asked for."""
    exchange.calm(fixed=[["line", fault, 3], ["unding", fault, 3]])
    assert fetch(exchange, tmp_path / "passing", venue).fingerprint == whole[venue]
    for path in ("line", "unding"):
        exchange.calm(fixed=[[path, fault, 1000]])
        root = tmp_path / path
        with pytest.raises(DataError):
            fetch(exchange, root, venue)
        exchange.calm()
        assert fetch(exchange, root, venue).fingerprint == whole[venue]


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_venue_that_gives_only_the_newest_of_a_window_loses_nothing(
    venue: str, exchange: Replay, whole: dict[str, str], tmp_path: Path
) -> None:
    exchange.calm(fixed=[["", "newest", 100_000]])
    assert fetch(exchange, tmp_path, venue).fingerprint == whole[venue]


def test_an_end_that_was_lost_is_asked_for_again(
    exchange: Replay, whole: dict[str, str], tmp_path: Path
) -> None:
    """As an empty answer twice in a row leaves it: covered, though the venue has records."""
    exchange.calm(fixed=[["line", "empty", 1000]])
    with pytest.raises(DataError, match="no data of BTC"):
        fetch(exchange, tmp_path, streams=("perp",))
    exchange.calm()
    fetch(exchange, tmp_path, until=pd.Timestamp("2023-02-09"))
    exchange.calm(fixed=[["line", "empty", 1000]])
    fetch(exchange, tmp_path)
    exchange.calm()
    assert fetch(exchange, tmp_path).fingerprint == whole["binance"]
    assert (
        len(Store(tmp_path).load("data", "BTC", manifest=Store(tmp_path).read("data"))["perp"])
        == DAYS * 24
    )


@pytest.mark.parametrize(
    "body",
    [
        5,
        [],
        {},
        [None],
        {"result": None},
        {"retCode": 0, "result": {"list": [{}]}},
        {"retCode": 10001, "retMsg": "\x1b[2Jbad \x1b]0;title\x07" + "x" * 5000},
    ],
)
def test_any_body_ends_in_one_plain_message(body: Any, tmp_path: Path) -> None:
    """Whatever is asked for, markets and the clock among it."""
    venue = Canned({"": body})
    settings = {"urls": {"api": {"public": venue.root}}, "enableRateLimit": False}
    spec = DatasetSpec(title="x", source="fetch", bar="1h", venue="bybit", ccxt=settings)
    request = FetchRequest(["BTC"], pd.Timestamp("2023-01-01"))
    with pytest.raises(DataError) as caught:
        fetch_job(spec, "data", request, tmp_path, first_wait=0.0001)
    venue.close()
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value.got)) <= 200
