"""The gallery shows examples as they are in their files, with what they print."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
PAGE = DOCS / "gallery.md"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_gallery", DOCS / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(name: str) -> str:
    """The block of an example."""
    begin = f"<!-- example-{name}: written by docs/gallery.py -->\n"
    return PAGE.read_text("utf-8").partition(begin)[2].partition("\n<!-- end -->")[0]


def test_ten_short_examples_stand_as_they_are_in_their_files(script: ModuleType) -> None:
    assert len(script.NAMES) == 10
    assert {path.stem for path in (DOCS / "examples" / "gallery").iterdir()} == set(script.NAMES)
    for name in script.NAMES:
        text, block = script.source(name).read_text("utf-8"), shown(name)
        assert len(text.splitlines()) <= 16
        assert len(block.splitlines()) > len(text.splitlines())  # it printed something
        if script.source(name).suffix == ".py":
            assert f"```python\n{text.strip()}\n```" in block
        else:
            assert re.findall(r"^\$ (.*)$", block, re.M) == text.splitlines()


def test_a_block_is_replaced_and_nothing_else(script: ModuleType) -> None:
    page = PAGE.read_text("utf-8")
    assert script.with_block(page, "scan", shown("scan")) == page
    changed = script.with_block(page, "scan", "```text\nanew\n```")
    assert "anew" in changed
    assert changed.replace("```text\nanew\n```", shown("scan")) == page
    with pytest.raises(SystemExit, match="no block"):
        script.with_block(page, "nothing", "")


def test_what_changes_from_run_to_run_is_taken_out(script: ModuleType) -> None:
    said = "/tmp/w/reports/20261130T032338Z-a  \nin 3.2 s\n20261130T040000Z-b 20261130T032338Z-a"
    assert script.plain(said, Path("/tmp/w")) == (
        "reports/20260101T120000Z-a\nin … s\n20260101T120100Z-b 20260101T120000Z-a\n"
    )


@pytest.mark.slow
def test_the_examples_print_what_is_shown(script: ModuleType, tmp_path: Path) -> None:
    workspace = script.prepared(tmp_path)
    for name in script.NAMES:
        assert script.block(name, script.output(name, workspace)) == shown(name), name


def test_the_first_page_says_what_was_answered_on_real_data() -> None:
    first = (DOCS / "index.md").read_text("utf-8")
    begin, end = re.findall(r':(?:start-after|end-before): "(.*)"', first)
    answers = (DOCS / "answers.md").read_text("utf-8")
    said = answers.partition(begin)[2].partition(end)[0]
    assert said.count("\n- **") == 3
    assert answers.count(begin) == answers.count(end) == 1
