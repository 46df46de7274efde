"""The real files beside the project give the figures that their README states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.audit.audit import audit
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from tests.support.paths import ROOT

pytestmark = pytest.mark.shared
DATASETS = ROOT / "datasets"
HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def hourly(shared_data, tmp_path_factory) -> Dataset:
    return imported("binance_history", shared_data, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def eight(shared_data, tmp_path_factory) -> Dataset:
    return imported("binance_history_8h", shared_data, tmp_path_factory.mktemp("store"))


def imported(name: str, source: Path, store: Path) -> Dataset:
    spec = load_spec(DATASETS / f"{name}.toml")
    report = import_files(spec, name, source, store)
    data = open_dataset(spec, name, store)
    assert data.fingerprint == report.fingerprint
    return data


def rules(data: Dataset, symbol: str, stream: str) -> dict[str, tuple[int, str]]:
    chosen = [f for f in audit(data).findings if (f.symbol, f.stream) == (symbol, stream)]
    return {f.rule: (f.count, f.where) for f in chosen}


def test_bars_and_settlements_agree_with_the_readme(hourly):
    btc = hourly.markets["BTC"]
    assert np.isfinite(btc.column("perp", "close")).sum() == 54_144
    rate = btc.table("funding")["rate"] * 1e4
    assert len(rate) == 6_741
    assert rate.mean() == pytest.approx(1.1477, abs=5e-5)
    assert rate.min() == pytest.approx(-30.0, abs=1e-6)
    assert hourly.symbols == ("BTC", "ETH", "SOL")


def test_the_spot_premium_agrees_with_the_readme(hourly):
    btc = hourly.markets["BTC"]
    premium = 1e4 * (btc.column("spot", "close") / btc.column("perp", "close") - 1)
    low, middle, high = np.nanquantile(premium, [0.01, 0.5, 0.99])
    assert (low, middle, high) == pytest.approx((-17.1, 3.5, 8.4), abs=0.05)


def test_nothing_is_filled_where_spot_is_missing(hourly):
    spot = hourly.markets["BTC"].column("spot", "close")
    index = hourly.markets["BTC"].index
    assert np.isnan(spot).sum() == 31
    outage = (index >= "2020-02-19 12:00Z") & (index < "2020-02-19 17:00Z")
    assert np.isnan(spot[outage]).all()
    assert index[-1] == pd.Timestamp("2026-03-05 23:00Z")


def test_settlements_fall_on_whole_hours_and_sol_changed_its_interval(hourly):
    table = hourly.markets["SOL"].table("funding").set_index("time")
    assert (table.index == table.index.floor("h")).all()
    short = table[table["interval_hours"] < 8]
    assert short["interval_hours"].value_counts().to_dict() == {2.0: 98, 4.0: 3}
    assert short.index[0] == pd.Timestamp("2022-11-09 20:00Z")
    assert short.index[-1] == pd.Timestamp("2022-11-18 08:00Z")
    assert table["rate"].min() == -0.02


def test_contracts_end_before_their_expiry(hourly):
    table = hourly.markets["BTC"].table("future")
    assert (table["time"] < table["expiry"]).all()
    assert sorted(table["expiry"].unique())[0] == pd.Timestamp("2023-09-29 08:00Z")
    assert table["expiry"].nunique() == 8
    assert rules(hourly, "BTC", "future")["rows after expiry"][0] == 1_444


def test_netflow_is_known_two_days_after_its_day_begins(hourly):
    table = hourly.markets["BTC"].table("netflow")
    assert (table["available"] - table["time"] == pd.Timedelta(hours=48)).all()
    jump = table.set_index("time").loc["2019-10-14 00:00Z"]
    assert jump["netflow_coins"] == pytest.approx(-116_178.298)
    assert rules(hourly, "BTC", "netflow")["reserve jumps"][1] == "2019-10-14 00:00"


def test_known_defects_are_findings(hourly):
    assert rules(hourly, "BTC", "funding")["jitter"][0] == 2_979
    assert rules(hourly, "BTC", "funding")["ends early"] == (1, "2026-02-24 16:00")
    assert rules(hourly, "BTC", "spot")["missing bars"][0] == 31
    assert rules(hourly, "BTC", "perp")["rows without values"] == (17, "2026-03-06 00:00")
    assert rules(hourly, "SOL", "perp")["missing bars"] == (120, "2022-02-26 00:00")
    assert rules(hourly, "SOL", "perp")["perp–spot divergence"][1] == "2021-01-05 18:00"
    assert rules(hourly, "BTC", "liquidations")["level change"][1].startswith("2021-04")
    assert audit(hourly).worst == "warning"
    (wick,) = [
        f for f in audit(hourly).findings if f.symbol == "SOL" and f.rule == "perp–spot divergence"
    ]
    assert wick.grade == "note"
    assert wick.text.endswith("perp 23.9 % below spot on 2022-11-09 20:00")
    (late,) = [f for f in hourly.findings if (f.symbol, f.rule) == ("BTC", "rows after expiry")]
    assert late.contracts[:2] == ("230929", "231229")


def test_ten_coins_at_eight_hours(eight):
    assert eight.symbols == ("ADA", "ARB", "ATOM", "BTC", "DOT", "ETH", "LINK", "LTC", "SOL", "UNI")
    assert {c: len(m.table("funding")) for c, m in eight.markets.items()}["ARB"] == 3_209
    assert eight.coverage()["BTC"]["perp"]["rows"] == 54_144 // 8


def test_resampled_bars_are_those_of_their_hours(eight, hourly):
    big = eight.markets["ETH"].table("perp").set_index("time").loc["2021-05-19 08:00Z"]
    small = hourly.markets["ETH"].table("perp").set_index("time")
    hours = small.loc["2021-05-19 08:00Z":"2021-05-19 15:00Z"]
    assert len(hours) == 8
    assert big["open"] == hours["open"].iloc[0]
    assert big["close"] == hours["close"].iloc[-1]
    assert (big["high"], big["low"]) == (hours["high"].max(), hours["low"].min())
    assert big["volume"] == pytest.approx(hours["volume"].sum())
    marks = hourly.markets["ETH"].table("mark").set_index("time")["close"]
    mark = eight.markets["ETH"].table("mark").set_index("time")["close"]
    assert mark["2021-05-19 08:00Z"] == marks["2021-05-19 15:00Z"]
