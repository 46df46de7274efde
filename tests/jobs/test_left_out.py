"""One bad coin stops nothing: it is left out and named, everywhere, and again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.cli import app as cli
from fadefollow.jobs.datasets import open_named
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.store.store import Store
from fadefollow.workspace import Workspace
from tests.support.scan_cases import made_workspace, store_lab

Say = Callable[..., tuple[str, str]]
STRATEGY = "follow_spot_led"
QUICK = ("--placebo-draws", "100", "--bootstrap-draws", "100")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """BTC and ETH of half a year: in `spoilt` ETH's perp stands still, in `cut` a file is cut."""
    made = made_workspace(tmp_path_factory.mktemp("left_out") / "mine")
    store_lab(made, "spoilt", spoilt="ETH")
    store_lab(made, "cut")
    entry = Store(made.store).read("cut").tables["ETH"]["spot"]
    path = made.store / "cut" / entry.file
    path.write_bytes(path.read_bytes()[:-10])
    return made


@pytest.fixture
def say(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """What a command writes to standard output and error, at 80 columns."""

    def run(*words: str, status: int = 0) -> tuple[str, str]:
        monkeypatch.chdir(workspace.root)
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["fadefollow", *words])
        code = cli._main()
        out, err = capsys.readouterr()
        assert code == status, err
        return out, err

    return run


def latest(workspace: Workspace) -> Path:
    return max(path for path in workspace.runs.iterdir() if (path / "result.json").exists())


def test_a_run_names_the_coin_in_terminal_json_and_report_and_is_repeated(
    say: Say, workspace: Workspace
) -> None:
    out, _ = say("run", STRATEGY, "--dataset", "spoilt", *QUICK)
    assert "1 coin left out, as the data cannot be trusted: ETH (perp, stale-bars:" in " ".join(
        out.split()
    )
    assert max(map(len, (line for line in out.splitlines() if "report:" not in line))) <= 80
    folder = latest(workspace)
    record: dict[str, Any] = json.loads((folder / "result.json").read_text())
    assert list(record["dataset"]["coverage"]) == ["BTC"]
    ((coin, findings),) = record["dataset"]["left_out"].items()
    assert (coin, [f["code"] for f in findings]) == ("ETH", ["stale-bars"])
    (note,) = [n for n in record["notes"] if n["code"] == "coin-left-out"]
    assert note["about"] == {"coin": "ETH", "stream": "perp"}
    assert note["figures"]["finding"] == "stale-bars"
    assert (
        "1 coin left out, as the data cannot be trusted: ETH"
        in (folder / "report.html").read_text()
    )
    # the fingerprint is of all that is stored, whatever was left out
    asked = DataRequest(dataset="spoilt")
    assert record["dataset"]["fingerprint"] == open_named(workspace, asked).fingerprint
    again, _ = say("run", "--again", folder.name, "--json")
    assert json.loads(again)["identical"] is True


def test_a_strict_run_or_scan_stops_and_says_why(say: Say, workspace: Workspace) -> None:
    before = list(workspace.runs.iterdir()) if workspace.runs.exists() else []
    for command in ("run", "scan"):
        _, err = say(command, STRATEGY, "--dataset", "spoilt", "--strict", status=2)
        assert "spoilt: data audit failed: 1 finding in 1 coin" in err
        assert "- ETH perp, stale-bars: one price without range" in err
        assert "--accept stale-bars" in err
    _, err = say("run", STRATEGY, "--dataset", "spoilt", "--symbols", "ETH", status=2)
    assert "1 finding in 1 coin" in err  # no coin is left
    assert [p for p in workspace.runs.iterdir() if p not in before] == []


def test_a_coin_of_which_a_file_is_cut_is_left_out(say: Say, workspace: Workspace) -> None:
    say("run", STRATEGY, "--dataset", "cut", *QUICK)
    record = json.loads((latest(workspace) / "result.json").read_text())
    (finding,) = record["dataset"]["left_out"]["ETH"]
    assert (finding["code"], finding["stream"]) == ("unreadable", "spot")
    assert "a stored file is cut: " in finding["text"]
    out, _ = say("scan", STRATEGY, "--dataset", "cut", "--json")
    assert [(c["symbol"], c["kind"]) for c in json.loads(out)["untrusted"]] == [
        ("ETH", "untrusted")
    ]
    out, _ = say("data", "export", "cut", "exported", "--json")
    assert json.loads(out)["left_out"] == ["ETH"]
    assert not (workspace.root / "exported" / "ETH").exists()
    _, err = say("run", STRATEGY, "--dataset", "cut", "--symbols", "ETH", status=2)
    assert "a stored file is cut" in err
    _, err = say("run", STRATEGY, "--dataset", "cut", "--accept", "unreadable", status=2)
    assert "--accept takes codes of findings" in err  # there is nothing to go on with


def test_a_check_passes_over_a_coin_that_cannot_be_trusted(say: Say) -> None:
    words = ("check", STRATEGY, "--dataset", "spoilt", "--bars", "2", "--days", "60", "--json")
    made = json.loads(say(*words)[0])
    assert made["symbols"] == ["BTC"]
    assert [(n["code"], n["about"]["coin"]) for n in made["notes"]] == [("coin-left-out", "ETH")]
    both = json.loads(say(*words, "--accept", "stale-bars")[0])
    assert both["symbols"] == ["BTC", "ETH"]


def test_an_import_warns_of_the_coins_that_it_leaves_out(say: Say, workspace: Workspace) -> None:
    folder = workspace.root / "raw"
    folder.mkdir()
    times = pd.date_range("2024-01-01", periods=48, freq="h", tz="UTC")
    for coin, low in (("AAA", 99.0), ("BBB", -1.0)):
        columns = {"open": 100.0, "high": 101.0, "low": low, "close": 100.0}
        pd.DataFrame({"time": times, **columns}).to_csv(folder / f"{coin}.csv", index=False)
    files = 'title = "R"\nsource = "files"\nbar = "1h"\n[[files]]\nstream = "perp"\n'
    (workspace.root / "datasets" / "raw.toml").write_text(f'{files}path = "{{coin}}.csv"\n')
    words = ("data", "import", "raw", "--from", str(folder))
    _, err = say(*words, "--strict", status=2)
    assert "BBB.csv, row 1, column low" in err
    assert not (workspace.store / "raw").exists()
    out, err = say(*words, "--json")
    made = json.loads(out)
    assert (list(made["tables"]), list(made["left_out"])) == (["AAA"], ["BBB"])
    assert "warning: 1 coin of 2 left out: BBB" in err
    assert "- BBB.csv, row 1, column low: " in err
