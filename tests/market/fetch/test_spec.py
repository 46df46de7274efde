"""The data sets of a workspace that a fetch fills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError, UnknownNameError
from fadefollow.jobs.datasets import open_named
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.fetch import VENUES, fetch_job, fetch_spec
from fadefollow.market.fetch.spec import archive_spec, dataset_toml
from fadefollow.workspace import Workspace, find_workspace, init_workspace, stock_root
from tests.support.exchange.replay import Replay


@pytest.fixture(scope="module")
def exchange() -> Iterator[Replay]:
    running = Replay(days=60)
    yield running
    running.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init_workspace(tmp_path / "mine")
    return find_workspace(tmp_path / "mine")


def test_a_data_set_that_is_not_fetched_yet_says_how(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="fadefollow data fetch binance BTC ETH --since"):
        open_named(workspace, "binance")


def test_open_interest_counts_some_minutes_later(exchange: Replay, workspace: Workspace) -> None:
    name, spec = fetch_spec(workspace.root / "datasets", "bybit")
    spec = spec.model_copy(update={"ccxt": exchange.settings("bybit")})
    streams = ["perp", "open_interest"]
    since = pd.Timestamp("2023-02-01")
    fetch_job(spec, name, FetchRequest(["BTC"], since, streams=streams), workspace.store)
    table = open_named(workspace, "bybit").markets["BTC"].table("open_interest")
    assert set(table["available"] - table["time"]) == {pd.Timedelta(minutes=15)}


def test_bars_of_another_size_are_a_data_set_of_their_own(workspace: Workspace) -> None:
    folder = workspace.root / "datasets"
    name, spec = fetch_spec(folder, "binance", "5min")
    assert (name, spec.bar, spec.venue) == ("binance_5min", pd.Timedelta("5min"), "binance")
    assert workspace.path("datasets", "binance_5min") == folder / "binance_5min.toml"
    assert fetch_spec(folder, "binance_5min")[1] == spec
    assert fetch_spec(folder, "binance", "1h")[0] == "binance"
    with pytest.raises(ParameterError, match="5min, as in the data set; got 1h"):
        fetch_spec(folder, "binance_5min", "1h")
    with pytest.raises(ParameterError, match='source = "fetch"'):
        fetch_spec(folder, "lab")
    with pytest.raises(UnknownNameError, match="did you mean 'binance'"):
        fetch_spec(folder, "binanse")


def test_every_venue_has_its_data_set() -> None:
    for venue in VENUES.values():
        path = stock_root() / "datasets" / f"{venue.name}.toml"
        assert path.read_text("utf-8") == dataset_toml(venue)


def test_an_archive_goes_into_data_sets_of_its_venue(workspace: Workspace) -> None:
    folder = workspace.root / "datasets"
    assert archive_spec(folder, "binance-archive", "binance")[0] == "binance"
    assert archive_spec(folder, "coinmetrics", "bybit")[1].venue == "bybit"
    name, spec = archive_spec(folder, "binance-archive", "mine", "8h")
    assert (name, spec.bar, spec.venue) == ("mine", pd.Timedelta("8h"), "binance")
    assert workspace.path("datasets", "mine") == folder / "mine.toml"
    assert archive_spec(folder, "binance-archive", "mine")[1] == spec
    with pytest.raises(ParameterError, match="8h, as in the data set; got 1h"):
        archive_spec(folder, "binance-archive", "mine", "1h")
    with pytest.raises(ParameterError, match="must be binance; got bybit"):
        archive_spec(folder, "binance-archive", "bybit")
    with pytest.raises(ParameterError, match="lower-case letters"):
        archive_spec(folder, "binance-archive", "Mine")
