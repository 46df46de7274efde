"""`fadefollow data fetch` as a person meets it, against the replay exchange."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tomli_w

from fadefollow.cli import app as cli
from fadefollow.market.fetch import fetch_job
from fadefollow.market.store.store import Store
from fadefollow.workspace import init_workspace
from tests.support.archives.packing import Packed
from tests.support.exchange.fixtures import replayed
from tests.support.exchange.replay import Replay

DAYS = 150
FETCH = ("data", "fetch", "binance", "BTC", "ETH", "--since", "2023-01-01")
QUICK = ("--placebo-draws", "100", "--bootstrap-draws", "200")


running, exchange = replayed(days=DAYS, coins=["BTC", "ETH"])


def workspace(exchange: Replay, root: Path, **ccxt: Any) -> Path:
    """One whose data sets point ccxt to the replay exchange, by their own `[ccxt]`."""
    init_workspace(root)
    for venue in ("binance", "bybit"):
        path = root / "datasets" / f"{venue}.toml"
        settings = tomli_w.dumps({"ccxt": {**exchange.settings(venue), **ccxt}})
        path.write_text(f"{path.read_text('utf-8')}\n{settings}", "utf-8")
    return root


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from fadefollow.cli.app import main; main()", *words],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fadefollow(*words: str, cwd: Path) -> str:
    """What a command prints; it must end well and complain of nothing."""
    process = start(*words, cwd=cwd)
    out, err = process.communicate(timeout=180)
    assert (process.returncode, err.strip()) == (0, "")
    return out


def fingerprint(root: Path, name: str = "binance") -> str:
    return Store(root / "datasets" / "store").read(name).fingerprint


@pytest.fixture(scope="module")
def fetched(running: Replay, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The README's example, fetched undisturbed; and what it printed."""
    running.calm()
    root = workspace(running, tmp_path_factory.mktemp("calm") / "mine")
    return root, fadefollow(*FETCH, cwd=root)


def test_the_result_says_what_came_and_what_to_do_next(fetched: tuple[Path, str]) -> None:
    _, out = fetched
    assert max(map(len, out.splitlines())) <= 80
    # before anything was asked for: what Binance does not give since then, and who does
    assert out.startswith("open_interest: Binance gives 29 days of it, as of 2026-08")
    assert "fadefollow data fetch binance-archive has them since" in " ".join(out.split())
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    # stream, from, to, records, …; the last closed bar is the last of the 30th of May
    assert rows["perp"][:3] == ["2023-01-01", "2023-05-30", f"{DAYS * 24:,}"]
    # and the last settlement that of the midnight after
    assert rows["funding"][:3] == ["2023-01-01", "2023-05-31", f"{DAYS * 3:,}"]
    columns = ["from", "to", "records", "asked", "again", "mended", "revised", "s"]
    assert rows["stream"] == columns
    assert "next: fadefollow run --dataset binance" in out


def test_the_example_of_the_readme_ends_in_a_report(fetched: tuple[Path, str]) -> None:
    root, _ = fetched
    out = fadefollow("run", "fade_crowded_funding", "--dataset", "binance", *QUICK, cwd=root)
    report = Path(out.rpartition("report:")[2].strip())
    assert report.stat().st_size > 100_000
    result = json.loads((report.parent / "result.json").read_text("utf-8"))
    assert result["dataset"]["fingerprint"] == fingerprint(root)
    assert result["dataset"]["coverage"]["ETH"]["perp"]["rows"] == DAYS * 24
    assert sum(v["n_phases"] for v in result["verdicts"]) > 0


def test_ctrl_c_then_the_same_command(
    exchange: Replay, fetched: tuple[Path, str], tmp_path: Path
) -> None:
    root = workspace(exchange, tmp_path / "mine")
    exchange.calm(fixed=[["premiumIndexKlines", "timeout", 1000]])
    process, pages = start(*FETCH, cwd=root), root / "datasets" / "store" / "binance" / "pages"
    deadline = time.monotonic() + 60
    while len(list(pages.rglob("*.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "rerun the same command to resume" in err
    assert "Traceback" not in err
    kept = len(list(pages.rglob("*.parquet")))
    assert kept >= 5
    assert Store(root / "datasets" / "store").datasets() == ()
    exchange.calm()
    told = json.loads(fadefollow(*FETCH, "--json", cwd=root))
    assert told["fingerprint"] == fingerprint(root) == fingerprint(fetched[0])
    assert not list(pages.rglob("*.parquet"))
    # what was there is not fetched again
    rows = sum(count for streams in told["tables"].values() for count in streams.values())
    assert 0 < told["records"] < rows - kept * 100


def quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path, *words: str
) -> str:
    """What a command that ends well prints, in this process."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["fadefollow", *words])
    assert cli._main() == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_json_has_each_stream_of_each_coin(
    fetched: tuple[Path, str],
    exchange: Replay,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, _ = fetched
    words = (*FETCH, "--streams", "perp,spot", "--json")
    told = json.loads(quietly(monkeypatch, capsys, root, *words))
    assert [(p["coin"], p["stream"]) for p in told["parts"]] == [
        ("BTC", "perp"),
        ("BTC", "spot"),
        ("ETH", "perp"),
        ("ETH", "spot"),
    ]
    part = told["parts"][0]
    assert (part["rows"], part["records"], part["requests"]) == (DAYS * 24, 0, 0)
    # the outages of spot are asked for again, in one request
    assert (told["parts"][1]["requests"], told["parts"][1]["rows"]) == (1, DAYS * 24 - 6)
    listed = json.loads(quietly(monkeypatch, capsys, root, "data", "list", "--json"))
    row = next(r for r in listed if r["name"] == "binance")
    assert (row["symbols"], row["first"][:10]) == (["BTC", "ETH"], "2023-01-01")


def test_spot_alone_is_listed(
    exchange: Replay,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = workspace(exchange, tmp_path / "mine")
    for wish in ("data fetch bybit BTC --since 2023-05-01 --streams spot", "data list"):
        assert "bybit" in quietly(monkeypatch, capsys, root, *wish.split())


# --- what cannot be fetched ------------------------------------------------------------------


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path, *words: str
) -> str:
    """The message of a command that ends with 2, in this process."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["fadefollow", "data", "fetch", *words])
    assert cli._main() == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert not out or "gives 29 days of it" in out  # a venue's reach is told before it is asked
    return err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["binanse", "BTC"], "did you mean 'binance'"),
        (["<b>x</b>", "BTC"], "a data set's name must be 1 to 64 letters"),
        (["../../etc/passwd", "BTC"], "a data set's name must be 1 to 64 letters"),
        (["lab", "BTC"], 'the data set must have source = "fetch"'),
        (["binance", "<script>"], "a coin's name must be 1 to 40 capital letters and digits"),
        (["binance", "BTD"], "the venue does not list BTD"),
        (["binance", "BTC", "--streams", "netflow"], "Binance does not provide netflow"),
        (["binance", "BTC", "--streams", "prep"], "did you mean 'perp'"),
        (["binance", "BTC", "--streams", " ,"], "a list must name at least one thing"),
        (["binance", "BTC", "--since", "0001-01-01"], "must lie between 1970 and 2262"),
        (["binance", "BTC", "--until", "2262-04-12"], "must lie between 1970 and 2262"),
        (["binance", "BTC", "--since", "2199-01-01"], "--since must lie in the past"),
        (["binance", "BTC", "--since", "2024-01-01"], "since must be in the past; got 2024"),
        (["binance", "BTC", "--until", "2022-12-30"], "--since must lie before --until"),
        (["binance", "BTC", "--since", "yesterday-ish"], "--since must be a day or a time"),
        (["binance", "BTC", "--bar", "7x"], "bar"),
        (["bybit", "BTC", "--bar", "8h"], "a size that Bybit provides; got 8h"),
        (["binance", "BTC", "--mirror", "."], "--mirror needs an archive"),
        (["binance-archive", "BTC", "--into", "bybit"], "must be binance; got bybit"),
        (
            ["binance-archive", "BTC", "--into", "My-Set"],
            "must be lower-case letters, digits and _",
        ),
        (
            ["binance-archive", "BTC", "--mirror", "nowhere"],
            "the mirror has no folder data/",
        ),
        (["coinmetrics", "BTC", "--into", "lab"], 'the data set must have source = "fetch"'),
    ],
)
def test_ugly_input_gets_one_plain_message(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    exchange: Replay,
    ugly: Path,
) -> None:
    words = words if "--since" in words else [*words, "--since", "2023-01-01"]
    assert said in refused(monkeypatch, capsys, ugly, *words)
    assert Store(ugly / "datasets" / "store").datasets() == ()


@pytest.fixture(scope="module")
def ugly(running: Replay, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = workspace(running, tmp_path_factory.mktemp("ugly") / "mine")
    path = root / "datasets" / "bybit_8h.toml"
    path.write_text((root / "datasets" / "bybit.toml").read_text("utf-8").replace('"1h"', '"8h"'))
    return root


def test_a_server_that_is_not_there(
    exchange: Replay,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nowhere = {"api": {"public": "http://127.0.0.1:9/bybit"}}
    root = workspace(exchange, tmp_path / "mine", urls=nowhere)
    assert fetch_job.__kwdefaults__ is not None
    monkeypatch.setitem(fetch_job.__kwdefaults__, "first_wait", 0.01)
    said = refused(monkeypatch, capsys, root, "bybit", "BTC", "--since", "2023-01-01")
    assert "no valid answer from Bybit" in said
    assert "check the network" in said


# --- archives --------------------------------------------------------------------------------


def test_an_archive_goes_into_a_data_set_with_a_toml_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    init_workspace(tmp_path / "mine")
    times = pd.date_range("2024-11-01", periods=30 * 24, freq="1h", tz="UTC")
    table = pd.DataFrame({"time": times}).assign(
        open=100.0, high=103.0, low=99.0, close=101.0, volume=7.0
    )
    packed = Packed()
    packed.bars("perp", table, "2024-11")
    mirror = packed.write(tmp_path / "mirror")
    out = quietly(
        monkeypatch,
        capsys,
        tmp_path / "mine",
        "data",
        "fetch",
        "binance-archive",
        "BTC",
        "--since",
        "2024-11-01",
        "--until",
        "2024-11-30",
        "--streams",
        "perp",
        "--into",
        "from_files",
        "--mirror",
        str(mirror),
    )
    assert "1 files, 1 of them verified by their checksums" in out
    assert "next: fadefollow data audit from_files" in out
    store = Store(tmp_path / "mine" / "datasets" / "store")
    assert store.read("from_files").tables["BTC"]["perp"].rows == 30 * 24
    assert 'venue = "binance"' in (tmp_path / "mine" / "datasets" / "from_files.toml").read_text()
