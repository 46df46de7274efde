"""The command line as a person or a script meets it, in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.workspace import find_workspace, init_workspace
from fadefollow.workspace.scaffold import write_signal, write_strategy

Here = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ["--placebo-draws", "100", "--bootstrap-draws", "200"]


def fadefollow(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from fadefollow.cli.app import main; main()", *words],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a small lab as its default."""
    root = tmp_path_factory.mktemp("workspace") / "mine"
    init_workspace(root)
    text = (root / "datasets" / "lab.toml").read_text()
    small = text.replace("years = 3", "years = 1").replace(
        'coins = ["IBEX", "LARK", "TARN", "WREN"]', 'coins = ["IBEX", "LARK"]'
    )
    assert small != text
    (root / "datasets" / "lab.toml").write_text(small)
    settings = root / "pyproject.toml"
    settings.write_text(settings.read_text().replace('"lab_market"', '"lab"'))
    return root


@pytest.fixture(scope="module")
def done(folder: Path) -> Path:
    """The folder of a finished run."""
    result = fadefollow("run", "fade_crowded_funding", *QUICK, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "report:" in result.stdout
    path = Path(result.stdout.rpartition("report:")[2].strip())
    assert path.is_file()
    return path.parent


def test_a_run_leaves_all_its_files(done: Path) -> None:
    names = {path.name for path in done.iterdir()}
    assert {
        "report.html",
        "result.json",
        "trades.parquet",
        "phases.parquet",
        "equity.parquet",
        "config.toml",
        "truth.parquet",
    } <= names
    assert (done.parent / "index.html").is_file()


def test_the_result_keeps_its_contract(done: Path) -> None:
    result = json.loads((done / "result.json").read_text())
    assert result["schema"] == 2
    assert {"version", "command", "dataset", "verdicts", "notes", "seconds"} <= set(result)
    assert {"name", "fingerprint", "coverage"} <= set(result["dataset"])
    assert [v["phase"] for v in result["verdicts"]] == ["crowded_long", "crowded_short"]
    for verdict in result["verdicts"]:
        assert verdict["fate"] in ("supported", "refuted", "open", "untestable")
        assert verdict["planted_bps"] is not None
        for stance in ("fade", "follow"):
            # two coins without BTC: nothing to hedge with
            assert verdict[stance]["hedged"] is None
            assert verdict[stance]["reason"]["hedged"]["code"] == "no_hedge"
            numbers = verdict[stance]["outright"]
            assert numbers["word"] in ("pays", "loses", "small", "open", "untestable")
            split = numbers["pnl"]
            assert set(split) == {"price", "funding", "fees", "slippage", "liquidation", "hedge"}
            low, high = numbers["ci_bps"]
            assert low < numbers["mean_net_bps"] < high


def test_trades_keep_their_contract_and_agree_with_the_result(done: Path) -> None:
    trades = pd.read_parquet(done / "trades.parquet")
    assert tuple(trades.columns) == (*TRADE_COLUMNS, "mae", "mfe")
    result = json.loads((done / "result.json").read_text())
    for verdict in result["verdicts"]:
        for stance in ("fade", "follow"):
            rows = trades[
                (trades["phase"] == verdict["phase"])
                & (trades["stance"] == stance)
                & (trades["exit_reason"] != "end")
            ]
            numbers = verdict[stance]["outright"]
            assert numbers["n_trades"] == len(rows)
            assert numbers["mean_net_bps"] == pytest.approx(1e4 * rows["return"].mean())
            assert sum(numbers["pnl"].values()) == pytest.approx(rows["pnl"].sum())


def test_the_smallest_edge_is_the_commands_then_the_strategys_then_the_workspaces(
    folder: Path, tmp_path: Path, fadefollow_here: Here
) -> None:
    root = tmp_path / "mine"
    shutil.copytree(folder, root, ignore=shutil.ignore_patterns("runs"))
    with (root / "pyproject.toml").open("a") as file:
        file.write("smallest_bps = 30.0\n")
    path = root / "strategies" / "fade_fuel.toml"
    path.write_text(path.read_text().replace("claim =", "smallest_bps = 12.5\nclaim =", 1))
    names = ("fade_crowded_funding", "fade_fuel")

    def stated(*words: str) -> tuple[dict[str, Any], dict[str, Any]]:
        done = fadefollow_here("run", *names, "--json", *QUICK, *words, cwd=root)
        assert done.returncode == 0, done.stderr
        newest = max((root / "reports" / "runs").glob("*/config.toml"))
        return json.loads(done.stdout)["assumptions"], tomllib.loads(newest.read_text())

    assumed, config = stated()
    assert assumed["smallest_bps"] == config["run"]["settings"]["smallest_bps"] == 30.0
    assert [assumed["strategies"][name]["smallest_bps"] for name in names] == [30.0, 12.5]
    assert [config["strategies"][name]["smallest_bps"] for name in names] == [30.0, 12.5]
    assert "smallest_bps" not in config["run"]
    assumed, config = stated("--smallest-bps", "5")
    assert (assumed["smallest_bps"], config["run"]["smallest_bps"]) == (5.0, 5.0)
    assert [assumed["strategies"][name]["smallest_bps"] for name in names] == [5.0, 5.0]
    assert [config["strategies"][name]["smallest_bps"] for name in names] == [5.0, 5.0]
    again = fadefollow_here("run", "--again", "latest", "--json", cwd=root)
    assert json.loads(again.stdout)["identical"], again.stdout
    refused = fadefollow_here("run", "--again", "latest", "--smallest-bps", "7", cwd=root)
    assert (refused.returncode, "--smallest-bps" in refused.stderr) == (2, True)


def test_equity_ends_where_the_trades_do(done: Path) -> None:
    trades = pd.read_parquet(done / "trades.parquet")
    equity = pd.read_parquet(done / "equity.parquet")
    for stance in ("fade", "follow"):
        pnl = trades.loc[trades["stance"] == stance, "pnl"].sum() / 100_000
        value = equity.loc[equity["stance"] == stance, "value"].iloc[-1]
        # two coins, both listed throughout
        assert value == pytest.approx(1 + pnl / 2, rel=1e-9)


def test_json_stands_alone_and_the_same_seed_gives_the_same_numbers(
    folder: Path, done: Path
) -> None:
    first = json.loads((done / "result.json").read_text())
    second = fadefollow("run", "fade_crowded_funding", "--json", *QUICK, cwd=folder)
    again = json.loads(second.stdout)
    assert first["verdicts"] == again["verdicts"]
    assert first["dataset"] == again["dataset"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "fade_crowded_fund"], "did you mean 'fade_crowded_funding'"),
        (["run", "--dataset", "labb"], "did you mean 'lab'"),
        (["run", "--symbols", "IBEXX"], "did you mean 'IBEX'"),
        (["run", "--symbols", "../../etc"], "coin"),
        (["run", "--symbols", "<script>"], "coin"),
        (["run", "--since", "2021-05-01", "--until", "2021-04-01"], "since must be before until"),
        (["run", "--since", "2051-05-01"], "no data since 2051-05-01"),
        (["run", "--since", "yesterdayish"], "--since must be a day or a time"),
        (["run", "--symbols", ""], "must name at least one"),
        (["run", "--seed", "-1"], "--seed"),
        (["run", "--missing-funding", "guess"], "must be error or skip"),
        (["run", "--placebo-draws", "3"], "placebo-draws"),
        (["run", "--smallest-bps", "0"], "--smallest-bps must be above 0 and at most 10000"),
        (["run", "--smallest-bps", "nan"], "--smallest-bps must be above 0"),
        (["run", "--smallest-bps", "1e5"], "at most 10000"),
        (["tune", "fade_fuel", "--smallest-bps", "-3"], "--smallest-bps must be above 0"),
        (["tune", "fade_fuel", "--book", "hegded"], "did you mean 'hedged'"),
        (["tune", "fade_fuel", "--book", "hedged"], "--book hedged needs trades"),
        (["run", "--no-such-option"], "No such option"),
        (["run", "--dataset", "binance_history"], "fadefollow data import binance_history"),
        (["data", "import", "binance_history", "--from", "/nowhere"], "/nowhere"),
        (["data", "import", "lab", "--from", "."], "lab"),
        (["data", "audit", "nothing"], "data set"),
        (["new", "signal", "../evil"], "lower-case"),
        (["new", "strategy", "x", "--signal", "fundin"], "did you mean 'funding'"),
        (["init", "."], "not empty"),
        (["init", "n" * 300], "File name too long"),
        (["report", "n" * 300], "File name too long"),
        (["new", "signal", "os"], "my_os"),
        (["new", "signal", "class"], "my_class"),
        (["new", "signal", "phases"], "my_phases"),
        (["run", "--seed", str(2**63)], "--seed"),
        (["run", "--bootstrap-draws", "99999999999999"], "1000000"),
        (["check", "fade_fuel", "--days", "inf"], "36500"),
        (["check", "fade_fuel", "--until", "0001-01-01"], "must lie between"),
        (["tune", "fade_fuel", "--jobs", "0"], "jobs must not be 0"),
        (["tune", "fade_fuel", "--jobs", "99999"], "at most 4,096"),
        (["tune", "fade_fuel", "--cluster", "tcp://localhost"], "tcp://10.0.0.1:8786"),
        (["run", "fade_fuel", "--cluster", "nonsense"], "tcp://10.0.0.1:8786"),
        (["run", "\x1b[31mred\x1b]0;title\x07"], "no strategy named '"),
        (["nonsense"], "nonsense"),
    ],
)
def test_bad_input_gets_one_plain_message_and_status_2(
    folder: Path, fadefollow_here: Here, words: list[str], says: str
) -> None:
    runs = folder / "reports" / "runs"
    before = set(runs.iterdir()) if runs.exists() else set()
    result = fadefollow_here(*words, cwd=folder)
    assert result.returncode == 2, result.stdout + result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stdout == ""
    assert (set(runs.iterdir()) if runs.exists() else set()) == before
    assert not (folder / "datasets" / "store").exists()


#: in `detect` of a signal that works otherwise → what is said of it
FAILURES = {
    "raise SystemExit": "SystemExit:",
    "raise SystemExit(3)": "SystemExit: 3",
    "raise type('Odd', (BaseException,), {})('odd')": "Odd: odd",
    "raise ValueError('\\x1b[31mred\\x1b]0;title\\x07 ' + 'x' * 5000)": "ValueError: red xxx",
    "raise MemoryError('Unable to allocate 9. TiB')": "allocate 9. TiB",
    "return self.detect(market)": "RecursionError",
}


@pytest.fixture
def failing(folder: Path) -> Iterator[Callable[[str], None]]:
    """Writes the strategy `failing`, whose signal runs a line of its own first."""
    write_signal(workspace := find_workspace(folder), "failing")
    write_strategy(workspace, "failing", "failing")
    path = folder / "signals" / "failing.py"
    text, line = path.read_text(), "        missing = self.lacking(market)\n"

    def write(own: str) -> None:
        path.write_text(text.replace(line, f"        {own}\n{line}"))
        importlib.invalidate_caches()
        for name in [n for n in sys.modules if n.startswith("signals")]:
            del sys.modules[name]

    yield write
    path.unlink()
    (folder / "strategies" / "failing.toml").unlink()


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("own", FAILURES)
def test_a_signal_that_raises_anything_is_named_with_status_2(
    folder: Path, failing: Callable[[str], None], fadefollow_here: Here, own: str, command: str
) -> None:
    failing(own)
    result = fadefollow_here(command, "failing", "--symbols", "IBEX", cwd=folder)
    assert result.returncode == 2
    assert FAILURES[own] in result.stderr
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    said = next(line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert len(said.partition("; got ")[2]) <= 200
    assert "failing.py, line 43" in said or "MemoryError" in own


def test_ctrl_c_in_a_signal_is_ctrl_c(
    folder: Path, failing: Callable[[str], None], fadefollow_here: Here
) -> None:
    failing("raise KeyboardInterrupt")
    assert fadefollow_here("run", "failing", cwd=folder).returncode == 130


def test_a_file_whose_name_no_strategy_may_have_is_named(
    folder: Path, fadefollow_here: Here
) -> None:
    odd = folder / "strategies" / "2x.toml"
    odd.write_text("")
    bare = folder / "datasets" / "My Data.toml"
    bare.write_text("")
    try:
        named = fadefollow_here("run", "2x", cwd=folder)
        every = fadefollow_here("run", "--dataset", "none", cwd=folder)
        listed = fadefollow_here("data", "list", "--json", cwd=folder)
    finally:
        odd.unlink()
        bare.unlink()
    assert named.returncode == 2
    assert "2x.toml: a name must be lower-case" in named.stderr
    assert every.stderr.startswith("note: strategies/2x.toml is left out: a name must be lower")
    assert listed.stderr.startswith("note: datasets/My Data.toml is left out")
    assert "lab" in {row["name"] for row in json.loads(listed.stdout)}


@pytest.mark.parametrize("folds", ["9999", "400"])
def test_tune_begins_no_study_before_its_folds_are_checked(
    folder: Path, fadefollow_here: Here, folds: str
) -> None:
    result = fadefollow_here("tune", "fade_fuel", "--folds", folds, cwd=folder)
    assert result.returncode == 2
    assert "fewer --folds" in result.stderr
    assert not (folder / "reports" / "runs" / "studies").exists()


@pytest.mark.parametrize("words", ["data list", "--help"])
def test_a_reader_that_goes_away_ends_it_quietly(folder: Path, words: str) -> None:
    code = "from fadefollow.cli import main; main()"
    call = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {words}"
    done = subprocess.run(
        ["bash", "-c", f"({call} 2>&3; echo $? >&3) 3>&2 | true"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    status = done.stderr.splitlines()[-1]
    assert status == "141"
    assert "BrokenPipe" not in done.stderr
    assert "Exception" not in done.stderr


def test_too_little_memory_says_what_is_needed(folder: Path) -> None:
    code = "from fadefollow.cli import main; main()"
    call = f"ulimit -v 2000000; {shlex.quote(sys.executable)} -c {shlex.quote(code)} run"
    done = subprocess.run(
        ["bash", "-c", call], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: `run` needs at least 2.5 GB")
    assert "a limit of 2.0 GB" in done.stderr


def test_ctrl_c_says_so_and_leaves_with_130(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from fadefollow.cli.app import main; main()", "run"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(8)  # past the imports, also where other work runs beside
    for _ in range(10):  # one that falls into the compiler's own callback is swallowed there
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=4)
        except subprocess.TimeoutExpired:
            continue
        break
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "report:" not in out


def test_output_that_cannot_show_a_minus_is_no_crash(folder: Path) -> None:
    done = fadefollow(
        "run",
        "fade_crowded_funding",
        "--symbols",
        "IBEX",
        *QUICK,
        cwd=folder,
        PYTHONIOENCODING="ascii",
    )
    assert done.returncode == 0, done.stderr


def test_until_a_day_includes_it(folder: Path) -> None:
    done = fadefollow(
        "run", "fade_crowded_funding", "--json", "--until", "2021-11-30", *QUICK, cwd=folder
    )
    coverage = json.loads(done.stdout)["dataset"]["coverage"]
    assert coverage["IBEX"]["perp"]["last"] == "2021-11-30 23:00"


def test_debug_shows_the_traceback(folder: Path) -> None:
    result = fadefollow("--debug", "run", "nothing", cwd=folder)
    assert "Traceback" in result.stderr


def test_a_strategy_with_a_broken_line_names_it(folder: Path, fadefollow_here: Here) -> None:
    path = folder / "strategies" / "broken.toml"
    path.write_text('title = "x"\nclaim = \n')
    try:
        result = fadefollow_here("run", "broken", cwd=folder)
    finally:
        path.unlink()
    assert result.returncode == 2
    assert "broken.toml" in result.stderr
    assert "line 2" in result.stderr


def test_an_empty_folder_uses_the_stock_workspace_and_writes_into_the_folder(
    tmp_path: Path,
) -> None:
    result = fadefollow(
        "run",
        "fade_crowded_funding",
        "--symbols",
        "C01",
        "--until",
        "2022-01-01",
        *QUICK,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "reports" / "runs").glob("*/report.html"))


def test_runs_in_a_folder_that_cannot_be_written_leave_nothing(folder: Path) -> None:
    runs = folder / "reports" / "runs"
    hidden = folder / "reports" / "hidden"
    if runs.exists():
        runs.rename(hidden)
    runs.write_text("a file is in the way")
    try:
        result = fadefollow("run", "fade_crowded_funding", *QUICK, cwd=folder)
    finally:
        runs.unlink()
        if hidden.exists():
            hidden.rename(runs)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr


def test_data_list_audit_and_sample_work_on_a_workspace(
    folder: Path, tmp_path: Path, fadefollow_here: Here
) -> None:
    rows = json.loads(fadefollow_here("data", "list", "--json", cwd=folder).stdout)
    assert {"lab", "binance_history", "binance_history_8h"} <= {row["name"] for row in rows}
    audit = json.loads(fadefollow_here("data", "audit", "lab", "--json", cwd=folder).stdout)
    assert {row["symbol"] for row in audit["coverage"]} == {"IBEX", "LARK"}
    out = tmp_path / "sample"
    assert fadefollow_here("data", "sample", str(out), cwd=folder).returncode == 0
    assert set(pd.read_parquet(out / "IBEX" / "perp.parquet")) >= {"time", "open", "available"}
    again = fadefollow_here("data", "sample", str(out), cwd=folder)
    assert again.returncode == 2
    assert "not empty" in again.stderr


def test_new_signal_and_strategy_run_as_they_are(folder: Path, fadefollow_here: Here) -> None:
    assert fadefollow_here("new", "signal", "big_move", cwd=folder).returncode == 0
    made = fadefollow_here("new", "strategy", "fade_big_move", "--signal", "big_move", cwd=folder)
    assert made.returncode == 0, made.stderr
    result = fadefollow("run", "fade_big_move", *QUICK, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "big_move_up" in result.stdout


def test_version_alone(folder: Path, fadefollow_here: Here) -> None:
    from fadefollow import __version__

    told = fadefollow_here("--version", cwd=folder)
    assert (told.returncode, told.stdout) == (0, f"{__version__}\n")


def test_outside_a_workspace_nobody_s_file_is_written(
    tmp_path: Path, fadefollow_here: Here
) -> None:
    from fadefollow.workspace import stock_root

    for words in (["signal", "my_own"], ["strategy", "my_own", "--signal", "funding"]):
        told = fadefollow_here("new", *words, cwd=tmp_path)
        assert told.returncode == 2
        assert "fadefollow init" in told.stderr
    assert list(tmp_path.iterdir()) == []
    assert not list(stock_root().glob("s*/my_own.*"))


def test_help_and_version_do_not_need_the_heavy_libraries(folder: Path) -> None:
    code = (
        "import sys; from fadefollow.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print(sorted({'vectorbt','numba','pandas','plotly','ccxt'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")
    assert "follow" in done.stdout


def test_a_calibration_writes_its_page_and_goes_on(folder: Path) -> None:
    words = [
        "calibrate",
        "--strategies",
        "fade_crowded_funding",
        "--coins",
        "1",
        "--years",
        "1",
        "--planted",
        "0",
        "--draws",
        "50",
        "--jobs",
        "1",
        "--json",
    ]
    for markets in ("1", "2"):
        result = fadefollow(*words, "--markets", markets, cwd=folder)
        assert result.returncode == 0, result.stderr
        said = json.loads(result.stdout)
        assert said["arms"][0]["false_tables"]["of"] == int(markets)
    notebook = folder / "reports" / "runs" / "calibration.jsonl"
    assert len(notebook.read_text().splitlines()) == 2
    assert len(list((folder / "reports" / "runs").glob("*-calibration*/report.html"))) == 2
