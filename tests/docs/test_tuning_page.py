"""The page of tuning says what its calibration measured, and that is within its bounds."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tuning_page", DOCS / "tuning_figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DOCS / "tuning_calibration.json").read_text("utf-8"))
    return read


def test_the_figures_are_those_that_were_measured(script: ModuleType, found) -> None:
    page = (DOCS / "tuning.md").read_text("utf-8")
    assert script.with_figures(page, found) == page
    assert (DOCS / "images" / "tuning_promised.png").is_file()


def test_tuner_calibration_stays_within_its_bounds(found) -> None:
    still, *planted = found["arms"]
    assert still["arm"]["effect_bps"] == 0.0
    assert still["markets"] >= 60
    assert still["any_named"]["low"] <= 0.05
    assert still["last"]["deflated"]["low"] <= 0.05
    assert still["psr"]["low"] <= 0.05
    # what the past promised, and what came of it: the costs
    assert still["in_sample"]["low"] > 0.0
    assert still["out_of_sample"]["high"] < 0.0
    assert {arm["stance"] for arm in planted} == {"fade", "follow"}
    assert sum(arm["markets"] for arm in planted) >= 20
    assert all(arm["earned"]["value"] >= 0.8 for arm in planted)
    assert found["failures"] == []
