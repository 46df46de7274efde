"""From a venue to a verdict: a workspace's data set is fetched, then run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import tomli_w

from fadefollow.errors import DataError, ParameterError, UnknownNameError
from fadefollow.job import RunOptions, list_datasets, open_named, run_job
from fadefollow.market.fetch import VENUES, fetch_job, fetch_spec
from fadefollow.market.fetch.spec import dataset_toml
from fadefollow.workspace import Workspace, find_workspace, init_workspace, stock_root

sys.path.insert(0, str(Path(__file__).parents[1] / "exchange"))

from replay import Replay


@pytest.fixture(scope="module")
def exchange() -> Iterator[Replay]:
    running = Replay(days=240)
    yield running
    running.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init_workspace(tmp_path / "mine")
    return find_workspace(tmp_path / "mine")


def test_the_example_of_the_readme(exchange: Replay, workspace: Workspace) -> None:
    """`data fetch binance BTC PEPE --since …`, then `run --dataset binance`."""
    path = workspace.path("datasets", "binance")
    settings = tomli_w.dumps({"ccxt": exchange.settings("binance")})
    path.write_text(f"{path.read_text()}\n{settings}")
    with pytest.raises(DataError, match="fadefollow data fetch binance BTC ETH --since"):
        open_named(workspace, "binance")
    name, spec = fetch_spec(workspace.root / "datasets", "binance")
    fetch_job(spec, name, ["BTC", "PEPE"], workspace.store, since=pd.Timestamp("2023-01-01"))
    row = next(r for r in list_datasets(workspace) if r["name"] == "binance")
    assert (row["symbols"], row["state"]) == (["BTC", "PEPE"], "imported")
    options = RunOptions.of(
        workspace, dataset="binance", strategies=("fade_crowded_funding", "fade_doors"),
        placebo_draws=20, bootstrap_draws=50,
    )  # fmt: skip
    _, folder = run_job(workspace, options, step=lambda *_: None)
    result = json.loads((folder / "result.json").read_text())
    assert result["dataset"]["coverage"]["BTC"]["perp"]["rows"] == 240 * 24
    assert {v["strategy"] for v in result["verdicts"]} == {"fade_crowded_funding", "fade_doors"}
    assert sum(v["n_phases"] for v in result["verdicts"]) > 0
    assert len(pd.read_parquet(folder / "trades.parquet")) > 0


def test_open_interest_counts_some_minutes_later(exchange: Replay, workspace: Workspace) -> None:
    name, spec = fetch_spec(workspace.root / "datasets", "bybit")
    spec = spec.model_copy(update={"ccxt": exchange.settings("bybit")})
    streams = ["perp", "open_interest"]
    since = pd.Timestamp("2023-08-01")
    fetch_job(spec, name, ["BTC"], workspace.store, since=since, streams=streams)
    table = open_named(workspace, "bybit").markets["BTC"].table("open_interest")
    assert set(table["available"] - table["time"]) == {pd.Timedelta(minutes=15)}


def test_bars_of_another_size_are_a_data_set_of_their_own(workspace: Workspace) -> None:
    folder = workspace.root / "datasets"
    name, spec = fetch_spec(folder, "binance", "5min")
    assert (name, spec.bar, spec.venue) == ("binance_5min", pd.Timedelta("5min"), "binance")
    assert workspace.path("datasets", "binance_5min") == folder / "binance_5min.toml"
    assert fetch_spec(folder, "binance_5min")[1] == spec
    assert fetch_spec(folder, "binance", "1h")[0] == "binance"
    with pytest.raises(ParameterError, match="--bar must be that of the data set; got 1h"):
        fetch_spec(folder, "binance_5min", "1h")
    with pytest.raises(ParameterError, match='source = "fetch"'):
        fetch_spec(folder, "lab")
    with pytest.raises(UnknownNameError, match="did you mean 'binance'"):
        fetch_spec(folder, "binanse")


def test_every_venue_has_its_data_set() -> None:
    for venue in VENUES.values():
        path = stock_root() / "datasets" / f"{venue.name}.toml"
        assert path.read_text("utf-8") == dataset_toml(venue)
