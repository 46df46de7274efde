"""The job of a calibration: which markets, with which settings, in which log."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fadefollow.jobs import calibrate as module
from fadefollow.jobs.calibrate import CalibrationRequest, calibrate_verdicts
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.verdict.calibration import RealDesign, UniverseDesign
from fadefollow.workspace import Workspace, find_workspace
from tests.support.paths import ROOT

BAR = pd.Timedelta("4h")
FEW = {"markets": 1, "draws": 50, "years": 1.0}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The project's strategies and signals, with runs of its own."""
    for name in ("strategies", "signals", "reports", "datasets", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "reports").unlink()
    (tmp_path / "reports" / "runs").mkdir(parents=True)
    return find_workspace(tmp_path)


def dataset_of(coins: int) -> Dataset:
    made = simulate({"years": 1, "coins": coins, "universe": {"listings": "start"}}, bar=BAR)
    markets = {coin: Market(coin, bar=BAR, tables=t) for coin, t in made.tables.items()}
    return Dataset(name="mine", title="", bar=BAR, simulated=True, fingerprint="1", markets=markets)


def test_windows_are_made_long_enough_for_the_bars(workspace):
    hourly, _ = module._fitting(workspace, "fade_doors", pd.Timedelta("1h"))
    assert hourly.params["window_hours"] == 8
    slow, signal = module._fitting(workspace, "fade_doors", BAR)
    assert slow.params["window_hours"] == 24  # six bars; two would not do
    assert signal.model_dump()["window_hours"] == 24
    funding, _ = module._fitting(workspace, "fade_crowded_funding", BAR)
    assert "window_hours" not in funding.params


@pytest.mark.parametrize(
    ("coins", "kinds", "taken"), [(3, ("times",), 3), (45, ("times", "coins"), 40)]
)
def test_a_data_set_of_many_coins_gives_its_events_to_other_coins_too(coins, kinds, taken):
    design = module._design(CalibrationRequest(real="mine"), dataset_of(coins))
    assert isinstance(design, RealDesign)
    assert (design.kinds, design.coins, design.bar, design.about) == (kinds, taken, "4h", "mine")
    assert {arm.kind for arm in design.arms} == set(kinds)


def test_settings_replace_those_of_the_design():
    design = module._design(CalibrationRequest(universe=True, settings={"markets": 7}), None)
    assert isinstance(design, UniverseDesign)
    assert [len(design.seeds(arm)) for arm in design.arms[:4]] == [7, 7, 4, 4]


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (CalibrationRequest(universe=True, settings=FEW | {"planted_markets": 0}), "universe"),
        (CalibrationRequest(real="mine", settings=FEW), "mine"),
    ],
)
def test_each_kind_of_market_has_a_log_of_its_own(workspace, base, name, monkeypatch):
    monkeypatch.setattr(module, "open_named", lambda *_: dataset_of(8))
    small = {"coins": 8} | ({"few_coins": 4} if name == "universe" else {})
    asked = CalibrationRequest(
        base.universe,
        base.real,
        ("fade_crowded_funding",),
        dict(base.settings) | small,
    )
    found = calibrate_verdicts(workspace, asked, jobs=1, step=lambda *_: None)
    log = workspace.runs / f"calibration-{name}.jsonl"
    assert len(log.read_text().splitlines()) == sum(arm.markets for arm in found.arms)
    assert found.about in ("universes of the lab", "mine")
    assert {arm.false_tables.count for arm in found.arms} <= {0, 1}
    again = calibrate_verdicts(workspace, asked, jobs=1, step=lambda *_: None)
    assert repr(again.arms) == repr(found.arms)
