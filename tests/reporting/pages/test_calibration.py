"""The page of a calibration: complete, offline, and with the counts in words."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.cli.render.calibration import show_calibration
from fadefollow.reporting.pages.calibration import percent, write_calibration
from fadefollow.verdict.calibration import Calibration, Design, summarise
from fadefollow.verdict.calibration.proportions import Share
from tests.support.calibration_cases import table_of
from tests.support.paths import ROOT

TEMPLATES = ROOT / "reports"
STARTED = pd.Timestamp("2026-03-05 12:00", tz="UTC")


@pytest.fixture(scope="module")
def found() -> Calibration:
    design = Design(markets=20, planted_markets=10, effects_bps=(50.0, 150.0), lengths=(1.0,))
    still, small, large = design.arms
    tables = [table_of(k, "open", still) for k in range(20)]
    tables += [table_of(k, ["pays", "open"][k > 2], small, edge=45.0) for k in range(10)]
    tables += [table_of(k, ["pays", "open"][k > 8], large, edge=140.0) for k in range(10)]
    return summarise(design, tables, strategies=("fade_it",), key="abc")


def test_the_folder_holds_page_and_numbers(found: Calibration, tmp_path: Path) -> None:
    folder = write_calibration(found, tmp_path, TEMPLATES, command="fadefollow …", started=STARTED)
    assert folder.name == "20260305T120000Z-calibration"
    said = json.loads((folder / "calibration.json").read_text("utf-8"))
    (arm,) = said["arms"]
    assert arm["false_tables"]["count"] == 0
    assert arm["covered"]["hedged"]["value"] == 1.0
    assert [cell["found"]["count"] for cell in said["power"]] == [3, 3, 9, 9]
    page = (folder / "report.html").read_text("utf-8")
    assert "0.0 % [0.0, 16.8]" in page
    assert "crowded_long, fade, hedged" in page
    assert page.count("<svg") >= 3
    assert not re.search(r"(src|href)=\"https?:", page)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_second_one_of_the_same_second_has_a_name_of_its_own(
    found: Calibration, tmp_path: Path
) -> None:
    folders = {
        write_calibration(found, tmp_path, TEMPLATES, command="", started=STARTED).name
        for _ in range(2)
    }
    assert len(folders) == 2


def test_what_is_not_calibrated_stands_in_the_headline(tmp_path: Path) -> None:
    design = Design(markets=20, planted_markets=0)
    tables = [table_of(k, "pays") for k in range(20)]
    broken = summarise(design, tables, strategies=("fade_it",), key="abc")
    folder = write_calibration(broken, tmp_path, TEMPLATES, command="", started=STARTED)
    page = (folder / "report.html").read_text("utf-8")
    assert "Not calibrated: false tables; nothing planted, 3 coins, 2 years: 100.0 % [83.2" in page
    assert "<td><b>broken</b></td>" in page


def test_two_markets_keep_no_promise_on_page_terminal_or_in_json(tmp_path: Path, capsys) -> None:
    tables = [table_of(k) for k in range(2)]
    few = summarise(Design(markets=2, planted_markets=0), tables, strategies=("f",), key="abc")
    folder = write_calibration(few, tmp_path, TEMPLATES, command="", started=STARTED)
    page = (folder / "report.html").read_text("utf-8")
    show_calibration(few, folder)
    said = json.loads((folder / "calibration.json").read_text("utf-8"))
    assert [promise["state"] for promise in said["promises"]] == ["not yet shown"] * 3
    terminal = capsys.readouterr().out
    for shown in (page, terminal):
        assert "0.0 % [0.0, 84.2]" in shown
        assert "Not yet shown: 0 of 3 promises" in shown
        assert "keeps its promises" not in shown
        assert "nan" not in shown


def test_a_share_of_nothing_is_a_dash() -> None:
    assert percent(Share(0, 0, math.nan, math.nan)) == "–"
