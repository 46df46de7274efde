"""The page of numbers says what the calibration measured, and that is within its bounds."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("numbers_page", DOCS / "numbers_figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_figures_are_those_that_were_measured(script: ModuleType) -> None:
    page = (DOCS / "numbers.md").read_text("utf-8")
    found = json.loads((DOCS / "calibration.json").read_text("utf-8"))
    assert script.with_figures(page, found) == page


def test_what_was_measured_is_what_was_promised() -> None:
    found = json.loads((DOCS / "calibration.json").read_text("utf-8"))
    assert found["false_tables"]["of"] >= 200
    assert found["design"]["coins"] >= 3
    assert found["design"]["years"] >= 2
    assert found["false_tables"]["low"] <= 0.05
    assert 0.92 <= found["covered"]["value"] <= 0.97
    assert all(at["power"][2] >= 0.8 for at in found["detectable"])
    assert found["failures"] == []


def test_every_picture_is_there() -> None:
    page = (DOCS / "numbers.md").read_text("utf-8")
    pictures = [
        part.partition(")")[0] for part in page.split("](")[1:] if part.startswith("images")
    ]
    assert pictures
    for picture in pictures:
        assert (DOCS / picture).is_file()
