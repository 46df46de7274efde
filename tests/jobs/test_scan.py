"""`fadefollow scan` on stored data, as a person or a script meets it."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.cli import app as cli
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.scan import ScanOptions, scan_job
from fadefollow.workspace import Workspace
from tests.support.scan_cases import HOUR, made_workspace, put_run, store_lab, verdict

THEN = pd.Timestamp("2024-05-20 17:00", tz="UTC")
Scan = Callable[..., str]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two coins of half a year: `whole`, `then` as it was known at THEN, and more."""
    made = made_workspace(tmp_path_factory.mktemp("scan") / "mine")
    store_lab(made, "whole")
    store_lab(made, "then", until=THEN)
    store_lab(made, "held", more="holdout_from = 2024-05-20")
    store_lab(made, "spoilt", spoilt="ETH")
    rows = (verdict("follow_spot_led", phase) for phase in ("spot_led_up", "spot_led_down"))
    put_run(made, "20240801T000000Z-whole", *rows, dataset="whole", last="2024-06-30 23:00")
    return made


@pytest.fixture
def scan(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Scan:
    """What a scan prints; it must end with the status given and leave the other stream empty."""

    def run(*words: str, status: int = 0, columns: int = 80) -> str:
        monkeypatch.chdir(workspace.root)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["fadefollow", "scan", *words])
        assert cli._main() == status
        out, err = capsys.readouterr()
        assert (err if status == 0 else out).strip() == ""
        return out if status == 0 else err

    return run


def told(scan: Scan, *words: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(scan(*words, "--json"))
    return made


def test_json_has_the_fields_that_are_promised(scan: Scan) -> None:
    made = told(scan, "--dataset", "whole")
    assert list(made) == [
        "schema",
        "time",
        "dataset",
        "title",
        "bar_hours",
        "simulated",
        "live",
        "rows",
        "untrusted",
        "quiet",
        "unseen",
        "notes",
    ]
    assert (made["schema"], made["simulated"], made["live"]) == (2, False, False)
    assert made["time"] == "2024-07-02T00:00:00+00:00"
    rows = made["rows"]
    assert rows
    assert {row["symbol"] for row in rows} | set(made["quiet"]) == {"BTC", "ETH"}
    assert [row["known"] for row in rows] == sorted((r["known"] for r in rows), reverse=True)
    (led, *_) = (h for row in rows for h in row["history"] if h["run"])
    assert (led["claim"], led["fate"], led["fate_book"]) == ("follow", "supported", "outright")
    assert (led["follow"]["outright"]["word"], led["follow"]["hedged"]) == ("pays", None)
    for row in rows:
        known = pd.Timestamp(row["known"])
        assert row["age_hours"] == (pd.Timestamp(made["time"]) - known) / HOUR
        assert row["hours_left"] == max(h["hours_left"] for h in row["history"]) > 0
        assert row["history"][0]["hold_hours"] == row["age_hours"] + row["history"][0]["hours_left"]
        assert row["lean"] in (1, -1)
        assert row["strength"] >= 0
        assert row["stronger_than"] is None or 0 <= row["stronger_than"] <= 1


def test_until_shows_what_would_have_been_shown_then(scan: Scan) -> None:
    """Beside its own name nothing differs from data that end there."""
    cut = told(scan, "--dataset", "then")
    back = told(scan, "--dataset", "whole", "--until", str(THEN))
    assert back["time"] == cut["time"] == THEN.isoformat()
    assert len(back["rows"]) >= 3

    def plain(made: dict[str, Any]) -> Any:
        # not the runs: the one there is saw more than was known then
        rows = [{k: v for k, v in row.items() if k != "history"} for row in made["rows"]]
        bets = [[(h["strategy"], h["hours_left"]) for h in row["history"]] for row in made["rows"]]
        return rows, bets, made["quiet"], made["unseen"], made["untrusted"]

    assert plain(back) == plain(cut)
    led = [h for row in back["rows"] for h in row["history"] if h["run"]]
    assert all(
        "hindsight: it saw data until 2024-02-09" not in c for h in led for c in h["caveats"]
    )


def test_a_holdout_stays_closed(scan: Scan, workspace: Workspace) -> None:
    made = told(scan, "--dataset", "held")
    assert made["time"] == "2024-05-20T00:00:00+00:00"
    (closed,) = [note for note in made["notes"] if note["code"] == "holdout-closed"]
    assert closed["figures"] == {"from": "2024-05-20"}
    assert made["rows"] == told(scan, "--dataset", "held", "--until", "2024-06-10")["rows"]
    assert workspace.ledger.openings("", "held") == []
    assert "no data since" in scan("--dataset", "held", "--until", "2023-01-01", "--json", status=2)


def test_a_time_after_the_end_of_the_data_is_said(scan: Scan) -> None:
    notes = told(scan, "--dataset", "whole", "--until", "2030-01-01")["notes"]
    (end,) = [note for note in notes if note["code"] == "data-end-before"]
    assert end["figures"] == {"last": "2024-07-02 00:00"}


def test_a_coin_whose_data_ended_long_ago_is_not_called_quiet(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*args: Any, **options: Any) -> Any:
        data = open_named(*args, **options)
        old = data.markets["ETH"].until(pd.Timestamp("2024-03-01", tz="UTC"))
        return dataclasses.replace(data, markets={**data.markets, "ETH": old})

    monkeypatch.setattr("fadefollow.jobs.scan.open_named", cut)
    made = told(scan, "--dataset", "whole", "follow_spot_led")
    assert "ETH" not in {*made["quiet"], *(row["symbol"] for row in made["rows"])}
    assert [u["symbols"] for u in made["unseen"]] == [["ETH"]]


def test_of_a_coin_that_cannot_be_trusted_only_that_is_shown(scan: Scan) -> None:
    made = told(scan, "--dataset", "spoilt")
    assert [(c["symbol"], c["kind"]) for c in made["untrusted"]] == [("ETH", "untrusted")]
    assert "stale-bars" in made["untrusted"][0]["why"]
    assert {row["symbol"] for row in made["rows"]} | set(made["quiet"]) == {"BTC"}
    assert "untrusted ETH: perp, stale-bars" in scan("--dataset", "spoilt")
    took = told(scan, "--dataset", "spoilt", "--accept", "ETH:stale-bars")
    assert took["untrusted"] == []
    assert {row["symbol"] for row in took["rows"]} | set(took["quiet"]) == {"BTC", "ETH"}
    assert {
        (n["about"]["coin"], n["figures"]["finding"])
        for n in took["notes"]
        if n["code"] == "accepted-finding"
    } == {("ETH", "stale-bars")}
    only = told(scan, "--dataset", "spoilt", "--symbols", "ETH")
    assert (only["rows"], only["quiet"], len(only["untrusted"])) == ([], [], 1)


def test_a_simulated_data_set_is_called_simulated(workspace: Workspace, scan: Scan) -> None:
    small = 'title = "L"\nsource = "lab"\nbar = "1h"\n[lab]\nyears = 0.3\ncoins = ["IBEX"]\n'
    (workspace.root / "datasets" / "small.toml").write_text(small)
    made = told(scan, "--dataset", "small", "follow_spot_led", "fade_doors")
    assert made["simulated"] is True
    assert all(h["run"] is None for row in made["rows"] for h in row["history"])
    out = scan("--dataset", "small", "follow_spot_led")
    assert "simulated coins, as of" in out


@pytest.mark.parametrize("columns", [80, 120, 160])
def test_scan_output_fits_the_terminals_width(scan: Scan, columns: int) -> None:
    out = scan("--dataset", "whole", "--until", "2024-05-20T17:00", columns=columns)
    assert max(map(len, out.splitlines())) <= columns
    assert "Present phases, newest first" in out
    assert "spot_led_up" in out
    assert "20240801T000000Z-whole: whole, BTC, 2024-01-01 to 2024-06-30" in out
    assert "* measured without ETH" in out
    assert "* hindsight: it saw data until" in out
    assert re.search(r"(?m)^ BTC +spot_led_up .*supported\* *$", out)
    assert "pays +12 [1, 24]" in out
    assert "not traded" in out
    assert "Nothing here is advice." in out
    assert not re.search(r"\b(buy|sell)\b", out, re.IGNORECASE)
    assert "not measured; this would: fadefollow run" in " ".join(out.split())


def test_the_run_asked_for_speaks(scan: Scan) -> None:
    words = ("--dataset", "whole", "--until", "2024-05-20T17:00", "follow_spot_led")
    made = told(scan, *words, "--history", "Z-whole")
    runs = {h["run"] for row in made["rows"] for h in row["history"]}
    assert runs == {"20240801T000000Z-whole"}
    included = {row["symbol"]: row["history"][0]["includes_coin"] for row in made["rows"]}
    assert all(value == (coin == "BTC") for coin, value in included.items())
    assert "no run named 'nope'" in scan(*words, "--history", "nope", status=2)


def test_a_page_is_written_beside_the_runs_or_where_it_is_wanted(
    scan: Scan, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("follow_spot_led", "--dataset", "whole", "--until", "2024-05-20T17:00")
    out = scan(*words, "--page")
    page = workspace.runs / "scan-whole.html"
    assert f"page: {page}" in out.replace("\n", "")
    assert 'href="20240801T000000Z-whole/report.html"' in page.read_text("utf-8")
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    target = tmp_path / "deep" / "now.html"
    scan(*words, "--to", str(target), "--open", "--json")
    assert opened == [target.as_uri()]
    assert "20240801T000000Z-whole/report.html" in target.read_text("utf-8")
    (tmp_path / "file").write_text("")
    said = scan(*words, "--to", str(tmp_path / "file" / "x.html"), status=2)
    assert "cannot write the page of the scan" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fade_nothing"], "no strategy named"),
        (["--dataset", "whale"], "did you mean 'whole'"),
        (["--dataset", "binance"], "has not been imported"),
        (["--dataset", "whole", "--symbols", "DOGE"], "no coin named"),
        (["--dataset", "whole", "--symbols", ","], "a list must name at least one thing"),
        (["--dataset", "whole", "--until", "soon"], "--until must be a day or a time"),
        (["--dataset", "whole", "--accept", "stale"], "--accept takes codes of findings"),
        (["--top", "5"], "--top needs --live"),
        (["--days", "5"], "--days needs --live"),
        (["--venue", "okx"], "--venue needs --live"),
        (["--live", "--dataset", "whole"], "--live takes no --dataset"),
        (["--live", "--until", "2024-01-01"], "--live takes no --until"),
        (["--live", "--top", "5", "--symbols", "BTC"], "--top and --symbols exclude each other"),
        (["--live", "--top", "0"], "Invalid value for '--top'"),
        (["--live", "--venue", "binanse"], "did you mean 'binance'"),
        (["--live", "--venue", "whole"], 'must have source = "fetch"'),
        (["--live", "--symbols", "b!d"], "a coin's name must be"),
        (["--live", "follow_inflows"], "Binance lacks streams that the strategies need"),
    ],
)
def test_bad_input_gets_one_plain_message(scan: Scan, words: list[str], said: str) -> None:
    message = scan(*words, status=2)
    assert said in message
    assert "Traceback" not in message


def test_a_data_set_of_ones_own_is_not_taken_for_live_scans(
    scan: Scan, workspace: Workspace
) -> None:
    path = workspace.root / "datasets" / "bybit_scan.toml"
    path.write_text((workspace.root / "datasets" / "bybit.toml").read_text("utf-8"))
    assert "their own data set" in scan("--live", "--venue", "bybit", status=2)
    path.unlink()


def test_no_strategy_is_plain(workspace: Workspace, tmp_path: Path) -> None:
    bare = made_workspace(tmp_path / "bare")
    for path in (bare.root / "strategies").glob("*.toml"):
        path.unlink()
    with pytest.raises(Exception, match="no strategy to look for"):
        scan_job(bare, ScanOptions(), step=lambda text, done: None)


def test_hostile_words_stay_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A phase, an actor and a title that are markup of the terminal or of the page."""
    made = made_workspace(tmp_path / "mine")
    store_lab(made, "whole", years=0.2, coins=("BTC",))
    evil = "[red]<img src=x onerror=alert(1)>[/]"
    (made.root / "signals" / "evil.py").write_text(f'''
"""Evil."""
from typing import ClassVar
from fadefollow.phases import Phases, Signal

class Evil(Signal):
    """Evil."""
    phases: ClassVar = {{"{evil}": ("perp",)}}
    def features(self, market):
        return {{}}
    def detect(self, market):
        event = {{"bar": len(market) - 2, "phase": "{evil}", "lean": 1, "actor": "[/]<b>",
                  "strength": 1.0}}
        return Phases.of(market, signal="evil", events=[event])
''')
    (made.root / "strategies" / "bad.toml").write_text(f'''
title = "x"
claim = "fade"
account = "x"
signal = "evil"
phases = ["{evil}"]
[trade]
hold_hours = 24
''')
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["fadefollow", "scan", "bad", "-d", "whole", "--page"])
    assert cli._main() == 0
    out, _ = capsys.readouterr()
    assert "[red]<img src" in out
    assert "[/]<b>" in out
    page = (made.runs / "scan-whole.html").read_text("utf-8")
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert "[/]&lt;b&gt;" in page
