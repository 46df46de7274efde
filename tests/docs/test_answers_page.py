"""The page of answers says what the stored figures of the runs say, and every row has a word."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> Any:
    sys.path.insert(0, str(DOCS))  # it takes its theme from its neighbour
    try:
        spec = importlib.util.spec_from_file_location("answers_page", DOCS / "answers_figures.py")
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DOCS))
    return module


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DOCS / "answers.json").read_text("utf-8"))
    return read


def test_the_figures_are_those_of_the_runs(script: Any, found: dict[str, Any]) -> None:
    page = (DOCS / "answers.md").read_text("utf-8")
    assert page.count("<!-- end -->") >= 8
    assert script.with_figures(page, found) == page


def test_every_claim_that_was_traded_has_words_and_what_would_settle_it(
    script: Any, found: dict[str, Any]
) -> None:
    for run in found.values():
        assert len(run["rows"]) == 28
        for row in run["rows"]:
            if not script._traded(row):
                continue
            words = [one["word"] for s in ("fade", "follow") for one in row.get(s, {}).values()]
            assert set(words) <= {"pays", "loses", "small", "open", "untestable"}
            assert row["fate"] in ("supported", "refuted", "open", "untestable", "fade", "follow")
            assert row["settle"] or row["fate"] != "open", row["phase"]


def test_each_account_has_its_claims(script: Any, found: dict[str, Any]) -> None:
    count = {"a": 0, "b": 0, "c": 0, "other": 0}
    for row in found["universe_4h"]["rows"]:
        count[script.account(row)] += 1
    # A: its steps and the flushes; B: doors, spot and fuel; C: basis, flows, gamma, sell-off
    assert count == {"a": 8, "b": 8, "c": 9, "other": 3}


def test_every_picture_is_there() -> None:
    page = (DOCS / "answers.md").read_text("utf-8")
    pictures = [part.partition(")")[0] for part in page.split("](images/")[1:]]
    assert len(pictures) == 2
    for picture in pictures:
        assert (DOCS / "images" / picture).is_file()
