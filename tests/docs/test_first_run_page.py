"""The first run decides several claims, and no word of it contradicts the truth."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> Any:
    path = DOCS / "first_run_figures.py"
    spec = importlib.util.spec_from_file_location("first_run_page", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DOCS / "first_run.json").read_text("utf-8"))
    return read


def test_the_figures_are_those_of_the_run(script: Any, found: dict[str, Any]) -> None:
    page = (DOCS / "first-run.md").read_text("utf-8")
    assert script.with_figures(page, found) == page


def test_the_run_is_of_the_data_set_as_it_is(script: Any, found: dict[str, Any]) -> None:
    assert script.market("lab_market") == found["market"]


def test_it_shows_the_product_at_work(found: dict[str, Any]) -> None:
    assert found["dataset"] == "lab_market"
    fates = [row["fate"] for row in found["rows"]]
    assert len(fates) == 28
    assert fates.count("supported") >= 3
    assert fates.count("refuted") >= 3
    assert fates.count("open") >= 3
    decided = [row for row in found["rows"] if row["fate"] in ("supported", "refuted")]
    assert {row["fate_book"] for row in decided} == {"outright", "hedged"}


def test_no_word_is_false(script: Any, found: dict[str, Any]) -> None:
    assert script.false_words(found) == []


def test_a_word_that_the_truth_contradicts_is_found(script: Any) -> None:
    said = {"word": "pays", "mean": 30.0, "band": [1.0, 60.0]}
    row: dict[str, Any] = {
        "strategy": "s",
        "phase": "p",
        "fade": {"outright": said, "hedged": None},
        "follow": {"outright": None, "hedged": None},
    }
    true: dict[str, Any] = {"strategy": "s", "phase": "p", "stance": "fade", "book": "outright"}
    for mean, word, false in (
        (-30.0, "pays", 1),
        (-10.0, "pays", 0),  # within two standard errors of zero
        (30.0, "loses", 1),
        (45.0, "small", 1),
        (25.0, "small", 0),
        (-30.0, "open", 0),
    ):
        said["word"] = word
        found = {"smallest": 20.0, "rows": [row], "truth": [{**true, "mean": mean, "se": 8.0}]}
        assert len(script.false_words(found)) == false
