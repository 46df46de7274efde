"""The README's watch example, end to end against the replay exchange, killed in the middle."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tomli_w

from fadefollow.cli import app as cli
from fadefollow.workspace import init_workspace
from tests.support.exchange.replay import Replay
from tests.support.paths import ROOT

#: days of history, and by how many the exchange's clock is set forward
DAYS, LATER = 100, 40
#: the day after the history, as the exchange's clock is not this machine's
START = "2023-04-12"
Typed = Callable[..., str]


def example() -> list[list[str]]:
    """The commands of the README's example."""
    text = (ROOT / "README.md").read_text("utf-8")
    part = text.partition("## Watch a claim")[2].partition("\n## ")[0]
    lines = re.findall(r"^ +\.venv/bin/fadefollow ([^#\n]+)", part, flags=re.MULTILINE)
    return [line.split() for line in lines]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """What a command prints, in this process; it must end with the status given."""

    def run(root: Path, *words: str, status: int = 0) -> str:
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, "argv", ["fadefollow", *words])
        assert cli._main() == status
        out, err = capsys.readouterr()
        assert (err if status == 0 else out).strip() == ""
        return out if status == 0 else err

    return run


@pytest.fixture
def exchange() -> Iterator[Replay]:
    running = Replay(days=DAYS, ahead_days=LATER + 1, coins=["BTC", "ETH"])
    yield running
    running.close()


def claims_file(root: Path) -> Path:
    return root / "reports" / "runs" / "claims.jsonl"


def test_the_readmes_example_killed_in_the_middle_leaves_the_same_claims_file(
    exchange: Replay, typed: Typed, tmp_path: Path
) -> None:
    root = tmp_path / "whole"
    init_workspace(root)
    path = root / "datasets" / "binance.toml"
    settings = tomli_w.dumps({"ccxt": exchange.settings("binance")})
    path.write_text(f"{path.read_text('utf-8')}\n{settings}", "utf-8")
    fetch, add, update, show, export = example()
    typed(root, *fetch)
    said = typed(root, *add, "--start", START)
    assert "registered fade_crowded_funding-crowded_long-fade-hedged" in said
    assert "part of its data could have been seen" in " ".join(said.split())
    killed = tmp_path / "killed"
    shutil.copytree(root, killed)
    exchange.control(hours=24 * LATER)

    said = typed(root, *update)
    whole = claims_file(root).read_bytes()
    # to the 21st of May, 00:00: 39 days; a block of 6 counts 4 days after its end: 5 of them
    assert "5 new blocks" in " ".join(said.split())
    assert whole.count(b'"kind": "block"') == 5

    # killed while it fetches
    exchange.calm(fixed=[["premiumIndexKlines", "timeout", 1000]])
    process = subprocess.Popen(
        [sys.executable, "-c", "from fadefollow.cli.app import main; main()", *update],
        cwd=killed,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pages, deadline = killed / "datasets" / "store" / "binance" / "pages", time.monotonic() + 120
    while not list(pages.rglob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    assert list(pages.rglob("*.parquet"))
    assert claims_file(killed).read_bytes().count(b"\n") == 1
    exchange.calm()
    typed(killed, *update)
    assert claims_file(killed).read_bytes() == whole
    # and killed while it writes, in the middle of the third block
    lines = whole.splitlines(keepends=True)
    claims_file(killed).write_bytes(b"".join(lines[:3]) + lines[3][:40])
    typed(killed, *[word for word in update if word != "--fetch"])
    assert claims_file(killed).read_bytes() == whole

    shown = json.loads(typed(root, *show, "--json"))
    assert (shown["word"], len(shown["blocks"]), shown["late"]) == ("open", 5, True)
    assert shown["history"]["run"] is None
    listed = json.loads(typed(root, "watch", "list", "--json"))
    assert listed["last_hash"] == json.loads(lines[-1])["hash"]
    typed(root, *export)
    first = (root / "orders" / "signals.csv").read_text("utf-8").splitlines()[0]
    assert first.startswith("claim,trade_id,symbol,action,side,position,state,known_at,due_at")

    claims_file(root).write_bytes(whole.replace(b'"stance": "fade"', b'"stance": "fado"'))
    message = typed(root, *update, status=2)
    assert "claims.jsonl, line 1: a line of the claims file was changed" in message
