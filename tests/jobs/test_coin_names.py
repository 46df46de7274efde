"""A coin called 币安人生, from the command line to the pages of a run."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.cells import cell_len

from fadefollow.workspace import init_workspace
from tests.support.html_page import Page

Here = Callable[..., subprocess.CompletedProcess[str]]
COIN = "币安人生"
TOML = f"""
title = "Two coins"
source = "lab"
bar = "4h"

[lab]
seed = 5
years = 1
families = ["crowd"]
coins = ["{COIN}", "LARK"]
"""
#: columns of the terminal; each letter of the name takes two
WIDTH = 100


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    init_workspace(root)
    (root / "datasets" / "named.toml").write_text(TOML, encoding="utf-8")
    return root


def test_a_run_on_such_a_coin_is_right_everywhere(workspace: Path, fadefollow_here: Here) -> None:
    words = ["--dataset", "named", "--placebo-draws", "100", "--bootstrap-draws", "200"]
    done = fadefollow_here("run", "fade_crowded_funding", "--symbols", COIN, *words, cwd=workspace)
    assert done.returncode == 0, done.stderr
    text = done.stdout.partition("report: ")[0]  # the path is not cut
    assert all(cell_len(line) <= WIDTH for line in text.splitlines())
    (folder,) = (workspace / "reports" / "runs").glob("*-*/")

    trades = pd.read_parquet(folder / "trades.parquet")
    phases = pd.read_parquet(folder / "phases.parquet")
    assert set(trades["symbol"]) == set(phases["symbol"]) == {COIN}
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert {tuple(v["symbols"]) for v in result["verdicts"]} == {(COIN,)}
    config = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    assert config["run"]["symbols"] == [COIN]

    html = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert COIN in page.text
    assert ("meta", {"charset": "utf-8"}) in page.tags
    # no tag carries the name where a browser would take it for something else
    assert all(COIN not in (a.get("href") or "") for _, a in page.tags)
    assert f'<th scope="row">run.symbols</th><td>{COIN}</td>' in html

    again = fadefollow_here(
        "run", "--dataset", "named", "--symbols", f"B\u202e{COIN}", cwd=workspace
    )
    assert again.returncode == 2
    assert "a coin's name must be 1 to 40 capital letters and digits" in again.stderr
    assert "\u202e" not in again.stderr
