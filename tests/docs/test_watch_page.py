"""The page on watching says what was measured, and its example can be read."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("watch_page", DOCS / "watch_figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


def test_the_page_says_what_was_measured(script: ModuleType) -> None:
    found = json.loads((DOCS / "watch_calibration.json").read_text("utf-8"))
    page = (DOCS / "watch.md").read_text("utf-8")
    assert script.with_figures(page, found) == page


def test_the_picture_shows_one_band_that_closes_and_one_that_does_not(script: ModuleType) -> None:
    closes, stays = script.answers()
    assert (closes.word, stays.word) == ("confirmed", "open")
    assert closes.low[-1] > 0.0
    assert stays.low[-1] < 0.0 < stays.high[-1]


def test_the_freqtrade_example_puts_signals_on_its_candles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (DOCS / "watch.md").read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    base = ModuleType("freqtrade.strategy")
    base.IStrategy = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "freqtrade", ModuleType("freqtrade"))
    monkeypatch.setitem(sys.modules, "freqtrade.strategy", base)
    names: dict[str, Any] = {}
    exec(code, names)
    path = tmp_path / names["SIGNALS"]
    path.parent.mkdir(parents=True)
    path.write_text(
        "date,pair,enter_long,enter_short,enter_tag,exit_long,exit_short,exit_tag\n"
        "2024-01-01T01:00:00Z,BTC/USDT:USDT,0,1,mine,0,0,\n"
        "2024-01-01T02:00:00Z,ETH/USDT:USDT,1,0,mine,0,0,\n",
        "utf-8",
    )
    monkeypatch.chdir(tmp_path)
    candles = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC")})
    strategy = names["Watched"]()
    made = strategy.populate_indicators(candles, {"pair": "BTC/USDT:USDT"})
    made = strategy.populate_exit_trend(strategy.populate_entry_trend(made, {}), {})
    assert made["enter_short"].tolist() == [0, 1, 0]
    assert made["enter_long"].tolist() == [0, 0, 0]
    assert made["enter_tag"].tolist()[1] == "mine"
