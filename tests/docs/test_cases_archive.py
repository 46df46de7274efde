"""April 2021 from the archive: its dated contracts make rich carry and the attack observable."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.market import Market
from fadefollow.market.archives import ArchiveSettings, archive_job
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.workspace import find_workspace
from tests.support.archives.packing import Packed, metric_lines
from tests.support.paths import ROOT

JUNE = "BTCUSD_210625"
EXPIRY = pd.Timestamp("2021-06-25 08:00", tz="UTC")
START, END = pd.Timestamp("2020-12-25", tz="UTC"), pd.Timestamp("2021-04-21", tz="UTC")
RISE, PEAK = pd.Timestamp("2021-04-08", tz="UTC"), pd.Timestamp("2021-04-14", tz="UTC")
LABELS = ("2020-12", "2021-01", "2021-02", "2021-03", "2021-04")
SIGNAL: Any = find_workspace().signal("basis")()


def cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_cases", ROOT / "docs" / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bars(close: np.ndarray) -> pd.DataFrame:
    times = pd.date_range(START, END, freq="1h", inclusive="left").as_unit("ns")
    wick = np.where(np.arange(len(close)) % 2, 1.001, 1.0012)
    prices = {"open": close, "high": close * wick, "low": close / wick, "close": close}
    return pd.DataFrame({"time": times, **prices, "volume": 500.0})


def story() -> Packed:
    """The account's April, planted: 12 % a year, from the 8th on up to 45 % on the 14th.

    On the 14th the dated contract trades five times as much as before, spot and perp as always, and
    open interest is at its peak; on the 15th it is a tenth lower.
    """
    packed = Packed()
    spot = bars(100 * np.exp(0.002 * np.sin(np.arange((END - START) // pd.Timedelta("1h")))))
    ramp = ((spot["time"] - RISE) / (PEAK - RISE)).clip(0, 1)
    left = (EXPIRY - spot["time"] - pd.Timedelta("1h")) / pd.Timedelta("365D")
    june = bars((spot["close"] * (1 + (0.12 + 0.33 * ramp) * left)).to_numpy())
    coins = np.where(june["time"].dt.floor("D") == PEAK, 5000.0, 1000.0)
    june = june.assign(contracts=coins * june["close"] / 100, volume=coins)
    for label in LABELS:
        for stream in ("spot", "perp"):
            packed.bars(stream, spot, label)
        packed.bars("coin_future", june, label, symbol=JUNE)
    steps = dict(zip(range(11, 15), (10_400.0, 10_900.0, 11_500.0, 12_200.0), strict=True))
    for day in range(1, 21):
        level = steps.get(day, 10_000.0 if day < 11 else 11_000.0)
        label = f"2021-04-{day:02d}"
        packed.metrics(label, metric_lines(label, "00:05", level))
    packed.metrics("2021-04-14", metric_lines("2021-04-14", "00:05", 6000.0, symbol=JUNE), JUNE)
    return packed


@pytest.fixture(scope="module")
def btc(tmp_path_factory: pytest.TempPathFactory) -> Market:
    root = tmp_path_factory.mktemp("april")
    archive_job(
        "binance-archive",
        FetchRequest(("BTC",), START, END, ("perp", "spot", "open_interest", "future")),
        store_root=root / "store",
        dataset="april_2021",
        settings=ArchiveSettings(mirror=story().write(root / "mirror")),
        now=pd.Timestamp("2021-05-02 10:00", tz="UTC"),
    )
    spec = DatasetSpec(title="Binance", source="fetch", venue="binance", bar="1h")
    return open_dataset(spec, "april_2021", root / "store").markets["BTC"]


def test_nothing_that_the_phases_need_is_missing(btc: Market) -> None:
    assert SIGNAL.lacking(btc) == {}


def test_the_planted_april_is_seen_day_by_day(btc: Market) -> None:
    table = cases().dated_april_2021(btc)
    assert table.index[0] == pd.Timestamp("2021-04-10", tz="UTC")
    assert len(table) == 11
    day = table.loc["2021-04-14"]
    # the mean of a day at 45 % a year, of a contract whose hour-end basis is exact
    assert day["basis_pct_per_year"] == pytest.approx(45.0, abs=0.3)
    assert day["future_volume_times"] == 5.0
    assert day["spot_volume_times"] == day["perp_volume_times"] == 1.0
    # the last bar's snapshot is the day's highest
    assert day["oi_to_peak"] == 1.0
    assert table.loc["2021-04-15", "oi_to_peak"] == pytest.approx(11_287 / 12_487, abs=0.006)
    # 6,287 contracts of 100 dollars at the last close of the 14th
    june = btc.table("future").set_index("time")["close"]
    close = june[pd.Timestamp("2021-04-14 23:00", tz="UTC")]
    assert day["dated_oi"] == pytest.approx(628_700 / close, abs=0.01)
    assert "carry_attack" in day["phases"]
    assert [d.day for d in table.index[table["phases"].str.contains("carry_attack")]] == [14]
    assert [d.day for d in table.index[table["phases"].str.contains("rich_carry")]] == [12]


def test_the_page_states_the_defaults_that_decide() -> None:
    page = Path(ROOT / "docs" / "cases.md").read_text("utf-8")
    section = page.partition("### What the dated contracts would show")[2].partition("\n## ")[0]
    assert f"above {SIGNAL.surge_times:g}, and above twice both others" in section
    assert f"at least {1 - SIGNAL.peak_slack:g} of its peak" in section
    assert f"below {SIGNAL.floor_pct:g}: then `rich_carry` has no event" in section
    assert "fadefollow data fetch binance-archive BTC --since 2020-06-01" in section
