"""The page of numbers says what the calibrations measured, and that is within its bounds."""

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
    spec = importlib.util.spec_from_file_location("numbers_page", DOCS / "numbers_figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return json.loads((DOCS / "calibration.json").read_text("utf-8"))


def test_the_figures_are_those_that_were_measured(script: ModuleType, found: Any) -> None:
    page = (DOCS / "numbers.md").read_text("utf-8")
    assert script.with_figures(page, found) == page


def test_every_kind_of_market_was_judged(found: Any) -> None:
    kinds = {(one["about"], arm["arm"]["kind"]) for one in found.values() for arm in one["arms"]}
    assert {("the lab", "null"), ("universes of the lab", "null")} <= kinds
    assert {"times", "coins", "costs"} <= {kind for _, kind in kinds}


def test_what_was_measured_breaks_no_promise(found: Any) -> None:
    for one in found.values():
        assert one["failures"] == []
        for arm in one["arms"]:
            assert arm["false_tables"]["low"] <= one["design"]["alpha"]
            for share in arm["covered"].values():
                assert not share["of"] or (share["low"] <= 0.97 and share["high"] >= 0.92)


def test_every_picture_is_there() -> None:
    page = (DOCS / "numbers.md").read_text("utf-8")
    pictures = [
        part.partition(")")[0] for part in page.split("](")[1:] if part.startswith("images")
    ]
    assert pictures
    for picture in pictures:
        assert (DOCS / picture).is_file()
