"""Places for studies: a file, SQLite, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from fadefollow.jobs.datasets import open_named
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.panel import Market
from fadefollow.workspace import Workspace, find_workspace
from tests.support.postgres import Server, binaries, running

_databases = itertools.count()


@pytest.fixture(scope="session")
def workspace() -> Workspace:
    """The repository's own; tests that write make one for themselves."""
    return find_workspace()


@pytest.fixture(scope="session")
def dataset(workspace: Workspace) -> Dataset:
    """Two coins of the lab."""
    return open_named(workspace, DataRequest(dataset="lab", symbols=("IBEX", "WREN")))


@pytest.fixture(scope="session")
def with_btc(dataset: Dataset) -> Dataset:
    """The same coins, the first under the name of the coin that hedges the other."""
    markets = {}
    for name, market in zip(("BTC", "WREN"), dataset.markets.values(), strict=True):
        tables = {stream: market.table(stream) for stream in market.streams}
        markets[name] = Market(name, bar=market.bar, tables=tables)
    return Dataset(
        name="two",
        title="Two coins",
        bar=dataset.bar,
        simulated=True,
        fingerprint="two",
        markets=markets,
    )


@pytest.fixture(autouse=True)
def _quiet_optuna() -> Iterator[None]:
    """Optuna does not tell of every study that it makes."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server; where there is none installed, the tests that need it skip."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install '.[postgres]'")
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    with running(folder) as found:
        yield found


@pytest.fixture
def database(server: Server) -> str:
    """The address of an empty PostgreSQL database."""
    name = f"tunes_{next(_databases)}"
    server.run(f"create database {name}")
    return server.url(name)


@pytest.fixture(params=["journal", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place of each kind."""
    places: dict[str, Callable[[], str]] = {
        "journal": lambda: str(tmp_path / "studies" / "tunes.log"),
        "sqlite": lambda: f"sqlite:///{tmp_path / 'studies' / 'tunes.db'}",
        "postgres": lambda: request.getfixturevalue("database"),
    }
    return places[request.param]()
