"""What the site's pages say is what was measured, captured or computed, and can be typed."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt

from fadefollow.cli.app import app
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.lab.settings import LabSettings
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
OUTSIDE = re.compile(r"(?:[a-z]+:)?//|[a-z]+:", re.IGNORECASE)


@pytest.fixture(scope="module")
def scripts() -> dict[str, ModuleType]:
    """The scripts that write pages, by name."""
    return {name: _script(name) for name in ("captured", "tutorials", "concepts_figures")}


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_the_tutorials_say_what_the_runs_found(scripts: dict[str, ModuleType], name: str) -> None:
    found = json.loads((DOCS / "tutorials.json").read_text("utf-8"))
    page = (DOCS / "tutorials" / f"account-{name}.md").read_text("utf-8")
    assert scripts["tutorials"].with_figures(page, found, name) == page
    assert page.count("written by docs/tutorials.py") >= 1
    for run, command in scripts["captured"].RUNS.items():
        assert found[run]["command"] == command


def test_the_sentences_of_the_tutorials_hold() -> None:
    """What their prose says of the figures, beyond the blocks that are written by the script."""
    found = json.loads((DOCS / "tutorials.json").read_text("utf-8"))
    rows = {name: {r["phase"]: r for r in run["rows"]} for name, run in found.items()}
    # account A: real data cannot say; in the lab, what was planted is found, and its neighbours
    assert {row["fate"] for row in rows["a"].values()} == {"untestable"}
    assert {row["reason"] for row in rows["a"].values()} == {"few_blocks"}
    lab = rows["a_lab"]
    assert (lab["ignition"]["fate"], lab["distribution"]["fate"]) == ("supported", "supported")
    assert (lab["ignition"]["claim"], lab["distribution"]["claim"]) == ("fade", "follow")
    assert (lab["ignition"]["planted_bps"], lab["distribution"]["planted_bps"]) == (-900.0, 900.0)
    assert (lab["squeeze"]["fate"], lab["dump"]["fate"]) == ("supported", "supported")
    assert (lab["squeeze"]["planted_bps"], lab["dump"]["planted_bps"]) == (0.0, 0.0)
    # account B: nothing is supported; one changed assumption makes many more events
    assert {row["fate"] for row in rows["b"].values()} == {"open", "refuted"}
    assert rows["b"]["spot_led_down"]["fate"] == rows["b"]["long_door"]["fate"] == "refuted"
    late = next(
        r
        for r in found["b"]["fragility"]
        if (r["phase"], r["change"]) == ("long_door", "spot a bar later")
    )
    assert late["n_trades"] > 3 * rows["b"]["long_door"]["fade"]["outright"]["n_trades"]
    # account C: fading crowded longs lost, and among so many questions the claim is still open;
    # alone it is refuted
    crowd = rows["c"]["crowded_long"]
    assert crowd["fade"]["outright"]["ci_bps"][1] < 0.0 < crowd["fade"]["outright"]["band_bps"][1]
    assert 20.0 < crowd["fade"]["outright"]["blocks"] < 30.0
    assert crowd["fate"] == "open"
    alone = (DOCS / "captured" / "real.txt").read_text("utf-8")
    assert "refuted outright, open against the market" in " ".join(alone.split())


def test_the_concepts_examples_are_what_the_code_gives(scripts: dict[str, ModuleType]) -> None:
    script = scripts["concepts_figures"]
    assert set(script.EXAMPLES) == {"money", "deflated", "pbo"}
    for name in script.EXAMPLES:
        page = (DOCS / "concepts" / f"{name}.md").read_text("utf-8")
        assert script.with_example(page, name) == page


def test_what_is_shown_was_captured(scripts: dict[str, ModuleType]) -> None:
    steps = {step.name: step for step in scripts["captured"].STEPS}
    shown = {
        name
        for page in DOCS.rglob("*.md")
        for name in re.findall(r"captured/(\w+)\.txt", page.read_text("utf-8"))
    }
    assert shown
    assert shown <= set(steps)
    for name in shown:
        text = (DOCS / "captured" / f"{name}.txt").read_text("utf-8")
        typed, _, said = re.sub(r" \\\n +", " ", text).partition("\n")
        assert typed == f"$ {steps[name].command}"
        assert said


def test_a_captured_output_is_still_what_is_printed(
    scripts: dict[str, ModuleType], tmp_path: Path
) -> None:
    step = next(step for step in scripts["captured"].STEPS if step.name == "init")
    text = (DOCS / "captured" / "init.txt").read_text("utf-8")
    assert scripts["captured"].captured(step, tmp_path) == text


def shown_commands() -> list[tuple[str, str]]:
    """Every `fadefollow` line in a code block of the site and the repository's pages."""
    found = []
    for path in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for token in MarkdownIt().parse(path.read_text("utf-8")):
            if token.type in ("fence", "code_block"):
                found += [(path.name, line) for line in _typed(token.content)]
    for path in (DOCS / "captured").glob("*.txt"):
        found += [(path.name, line) for line in _typed(path.read_text("utf-8"))]
    return found


def _typed(block: str) -> list[str]:
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    typed = (re.match(r"\s*(?:\$ )?(?:\.venv/bin/)?fadefollow ([^#>]*)", line) for line in lines)
    # words in brackets are a summary of usage, not something to type
    return [m[1].strip() for m in typed if m and not re.search(r"[\[|…]", m[1])]


def test_every_command_that_is_shown_can_be_typed() -> None:
    shown = shown_commands()
    assert len(shown) > 30
    wrong = []
    for where, line in shown:
        node: Any = typer.main.get_command(app)
        words, name = shlex.split(line), "fadefollow"
        while words and words[0] in getattr(node, "commands", {}):
            name = words.pop(0)
            node = node.commands[name]
        try:
            node.make_context(name, words)
        except Exception as error:  # typer brings its own copy of click's errors
            wrong.append(f"{where}: fadefollow {line}: {type(error).__name__} {error}")
    assert wrong == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_repositorys_pages_lead_to_files(name: str) -> None:
    inline = [t for t in MarkdownIt().parse((ROOT / name).read_text("utf-8")) if t.children]
    targets = [
        str(child.attrs[key])
        for token in inline
        for child in token.children or ()
        for key in ("href", "src")
        if key in child.attrs
    ]
    inside = [t.partition("#")[0] for t in targets if not OUTSIDE.match(t)]
    assert [t for t in inside if t and not (ROOT / t).exists()] == []


def test_the_example_market_is_a_data_set() -> None:
    spec = load_spec(DOCS / "examples" / "account_a" / "lab_pumps.toml")
    settings = LabSettings.read(spec.lab)
    assert {n: p.drift_bps for n, p in settings.plants.items()} == {
        "ignition": -900.0,
        "distribution": 900.0,
    }
