"""The real data, imported and run, gives the figures that its README states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Costs
from fadefollow.engine.plans.bar_arrays import bar_arrays, calendar
from fadefollow.engine.plans.plan import covered
from fadefollow.engine.resolver import outcomes
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.verdict.run.measure import Settings, measure
from fadefollow.workspace import find_workspace

pytestmark = pytest.mark.shared
FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.005)


@pytest.fixture(scope="module")
def history(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    store = tmp_path_factory.mktemp("store")
    spec = load_spec(find_workspace(Path(__file__).parent).path("datasets", "binance_history"))
    import_files(spec, "binance_history", shared_data, store)
    return open_dataset(spec, "binance_history", store)


def anyhour_bps(dataset: Dataset, symbol: str) -> float:
    """Mean return of a long entered at every hour and held 72 h, funding paid, no other costs."""
    market = dataset.markets[symbol]
    span = covered(market, "perp", "funding")
    time = calendar([span], market.bar)
    made = bar_arrays(market, time=time, start=span[0], end=span[1])
    rules = Trade(hold_hours=72).rules()
    return 1e4 * float(np.nanmean(outcomes(made, 1, rules=rules, costs=FREE).value))


@pytest.mark.parametrize(("symbol", "stated"), [("BTC", 35), ("ETH", 51), ("SOL", 105)])
def test_anyhour_baseline_is_what_the_domain_page_states(
    history: Dataset, symbol: str, stated: float
) -> None:
    assert anyhour_bps(history, symbol) == pytest.approx(stated, abs=3)


def test_coverage_is_what_the_readme_states(history: Dataset) -> None:
    cover = history.coverage()["BTC"]
    assert cover["perp"]["rows"] == 54_144
    assert cover["funding"]["rows"] == 6_741
    assert cover["funding"]["last"].startswith("2026-02-24 16:00")


def test_a_long_held_throughout_pays_the_mean_funding(history: Dataset) -> None:
    """Mean funding was 1.1477 bps per 8 h; a ledger on forward-filled hours would say 9.2."""
    market = history.markets["BTC"]
    span = covered(market, "perp", "funding")
    made = bar_arrays(market, time=calendar([span], market.bar), start=span[0], end=span[1])
    assert len(made.settle_rate) == 6_741
    assert 1e4 * made.settle_rate.mean() == pytest.approx(1.1477, abs=1e-4)
    assert not np.isnan(made.settle_mark[1:]).any()


def test_run_on_the_real_data_is_clipped_to_what_funding_covers(history: Dataset) -> None:
    workspace = find_workspace(Path(__file__).parent)
    strategy: Strategy = workspace.strategy("fade_crowded_funding")
    settings = Settings(placebo_draws=100, bootstrap_draws=200)
    found = measure(
        history,
        [(strategy, workspace.detector(strategy))],
        settings=settings,
        step=lambda *_: None,
    )
    (clipped,) = [note.figures for note in found.notes if note.code == "clipped"]
    assert clipped["last"] == "2026-02-24 16:00"
    assert found.trades["exit_time"].max() <= pd.Timestamp("2026-02-24 16:00", tz="UTC")
    assert {v.phase for v in found.verdicts} == {"crowded_long", "crowded_short"}
    for verdict in found.verdicts:
        assert verdict.n_phases > 100
        assert verdict.planted_bps is None
    # SOL settled every two hours in November 2022, and shorts were paid for holding
    sol = found.trades[(found.trades["symbol"] == "SOL") & (found.trades["side"] < 0)]
    assert (sol["funding"] != 0).any()
