"""`fadefollow check`: planted cheats are caught, with stream and bar; stock strategies pass."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.cli.render.console import show_check
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.phases import Signal
from fadefollow.verdict.lookahead import CheckError, CheckReport, CheckSettings, check_strategy
from fadefollow.verdict.lookahead.altered_future import Futures
from fadefollow.verdict.lookahead.files import opened_files
from fadefollow.workspace import Workspace, find_workspace, init_workspace
from fadefollow.workspace.scaffold import write_signal, write_strategy
from tests.support.paths import ROOT, SUPPORT

BAR = pd.Timedelta(hours=1)
QUICK = CheckSettings(bars=12, new_process=False, parameters=False)
#: the same with a process of its own
ELSEWHERE = CheckSettings(bars=12, parameters=False)
CHEATS = SUPPORT / "cheats"
STOCK = find_workspace(ROOT)


def lab(years: float, seed: int = 3) -> Dataset:
    made = simulate({"seed": seed, "years": years, "coins": 1}, bar=BAR)
    markets = {s: Market(s, bar=BAR, tables=tables) for s, tables in made.tables.items()}
    return Dataset("lab", "lab", BAR, simulated=True, fingerprint="", markets=markets)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return lab(0.4)


@pytest.fixture(scope="module")
def year() -> Dataset:
    return lab(1.0, seed=7)


@pytest.fixture(scope="module")
def cheats(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose signals cheat, a strategy each."""
    root = tmp_path_factory.mktemp("cheats") / "mine"
    init_workspace(root)
    workspace = find_workspace(root)
    for path in CHEATS.glob("*.py"):
        shutil.copy(path, root / "signals" / path.name)
    for path in CHEATS.glob("*.py"):
        if path.stem != "cheating":
            write_strategy(workspace, path.stem, path.stem)
    return workspace


def checked(
    workspace: Workspace, name: str, data: Dataset, settings: CheckSettings = QUICK
) -> CheckReport:
    strategy = workspace.strategy(name)
    return check_strategy(strategy, workspace.detector(strategy), data, settings=settings)


#: cheat → streams known too early, open time of the first bar, bars ahead
LOOK_AHEAD = {
    "next_close": (("perp",), "2021-01-01 00:00", 1),
    "next_close_in_events": (("perp",), "2021-01-01 00:00", 1),
    "smooth_slope": (("perp",), "2021-01-01 00:00", 1),
    # the first full window is centred on 12:00
    "centred_window": (("perp",), "2021-01-01 12:00", 12),
    # the second day's last close, stamped at its start
    "peeking_resample": (("perp",), "2021-01-02 00:00", 23),
    # a day's flow is published at noon of the next
    "netflow_of_today": (("netflow",), "2021-01-01 00:00", 35),
    "netflow_at_midnight": (("netflow",), "2021-01-02 00:00", 11),
    "liquidations_by_day": (("liquidations",), "2021-01-01 00:00", 23),
    # settled at 08:00, used from 01:00
    "next_funding": (("funding",), "2021-01-01 00:00", 7),
    "next_premium": (("spot", "perp"), "2021-01-01 00:00", 1),
}


@pytest.mark.parametrize("name", LOOK_AHEAD)
def test_a_cheat_is_caught_with_its_stream_its_bar_and_how_far_ahead_it_sees(
    name: str, cheats: Workspace, data: Dataset
) -> None:
    streams, bar, ahead = LOOK_AHEAD[name]
    errors = checked(cheats, name, data).errors
    assert {fault.kind for fault in errors} == {"look-ahead"}
    assert tuple(fault.stream for fault in errors) == streams
    assert {fault.bar for fault in errors} == {pd.Timestamp(bar, tz="UTC")}
    assert {fault.bars_ahead for fault in errors} == {ahead}


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("high_of_today", "perp"),
        ("full_sample_zscore", "funding"),
        ("full_sample_quantile", "perp"),
        ("joined_hash_rate", "hash_rate"),
    ],
)
def test_a_cheat_whose_reach_depends_on_the_data_is_caught_with_its_stream(
    name: str, stream: str, cheats: Workspace, data: Dataset
) -> None:
    (fault,) = checked(cheats, name, data).errors
    assert (fault.kind, fault.stream) == ("look-ahead", stream)
    assert fault.bar is not None
    assert fault.whole_sample == name.startswith("full_sample")
    assert ("all the data" in fault.hint()) == fault.whole_sample


def test_a_stream_read_by_its_time_is_caught_where_the_two_times_are_one(
    cheats: Workspace, data: Dataset
) -> None:
    (fault,) = checked(cheats, "funding_by_time", data).errors
    assert (fault.kind, fault.stream, fault.bars_ahead) == ("look-ahead", "funding", 1)
    assert fault.if_late
    assert "`available`" in fault.hint()


def test_the_length_of_the_data_is_no_stream(cheats: Workspace, data: Dataset) -> None:
    (fault,) = checked(cheats, "knows_the_end", data).errors
    assert (fault.kind, fault.stream, fault.bars_ahead) == ("look-ahead", "", 100)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("dice", "not repeatable"), ("by_position", "order"), ("written_down", "calendar")],
)
def test_other_ways_not_to_be_trusted(
    name: str, kind: str, cheats: Workspace, data: Dataset
) -> None:
    (fault,) = checked(cheats, name, data).errors
    assert (fault.kind, fault.stream) == (kind, "")
    assert fault.bar is not None


def test_a_statistic_that_is_kept_in_a_file_is_caught_by_the_file(
    cheats: Workspace, data: Dataset
) -> None:
    for _ in range(2):  # when the file is made, and ever after
        fault = checked(cheats, "cached_on_disk", data).errors[0]
        assert (fault.kind, fault.symbol) == ("opens files", "C01")
        assert fault.what == str(cheats.root / "signals" / "cached_on_disk.npy")


def test_an_archive_on_the_import_path_is_no_file_of_the_market(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, other = tmp_path / "python311.zip", tmp_path / "edges.csv"
    for path in (archive, other):
        path.write_bytes(b"")
    monkeypatch.syspath_prepend(str(archive))
    with opened_files("some_package") as opened:
        for path in (archive, other):
            path.open("rb").close()
    assert list(opened) == [str(other)]


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("json.loads(pathlib.Path(__file__).with_suffix('.json').read_text())", True),
        ("pathlib.Path(__file__).read_text()", False),  # source, as numba reads it
        ("pathlib.Path('/dev/null').read_text()", False),
        ("pathlib.Path(__file__ + '.nbi.tmp.1483f8').write_text('')", False),  # numba's cache
        ("importlib.import_module('this_is_slow_to_import')", False),
    ],
)
def test_what_a_module_opens_counts_unless_it_is_code(
    line: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "this_is_slow_to_import.py").write_text(
        f"open({str(tmp_path / 'licence.txt')!r}, 'w').close()"
    )
    (tmp_path / "opening_module.py").write_text(f"import importlib, json, pathlib\n{line}\n")
    (tmp_path / "opening_module.json").write_text("1")
    monkeypatch.delitem(sys.modules, "opening_module", raising=False)
    monkeypatch.delitem(sys.modules, "this_is_slow_to_import", raising=False)
    with opened_files("opening_module") as opened:
        importlib.import_module("opening_module")  # noqa: TID251 - made by the test
    assert list(opened) == ([str(tmp_path / "opening_module.json")] if counts else [])
    sys.modules.pop("opening_module", None)


def test_what_differs_from_process_to_process_is_caught(cheats: Workspace, data: Dataset) -> None:
    first = checked(cheats, "hashes", data, ELSEWHERE).errors[0]
    assert first.kind == "not repeatable"
    assert "another hash seed" in first.text


def test_a_cache_that_hides_the_future_is_caught_and_what_it_hides(
    cheats: Workspace, data: Dataset
) -> None:
    hidden, kept = checked(cheats, "leaking_cache", data, ELSEWHERE).errors
    assert (hidden.kind, hidden.stream, hidden.bars_ahead) == ("look-ahead", "perp", 1)
    assert kept.kind == "keeps state"


def test_the_message_names_stream_bar_and_record(cheats: Workspace, data: Dataset) -> None:
    report = checked(cheats, "netflow_at_midnight", data)
    with pytest.raises(CheckError) as raised:
        report.raise_errors()
    assert str(raised.value).splitlines() == [
        "signal netflow_at_midnight: the signal uses data that was not known at the bar's close: "
        "on C01, bar 2021-01-02 00:00, closed 2021-01-02 01:00, event cheat knew netflow in "
        "its record of 2021-01-01 00:00, available only at 2021-01-02 12:00, 11 bars later",
        "  hint: a record of netflow counts from its `available`, not from its `time`; "
        "`market.column` and `market.as_of` see to that",
    ]


@pytest.fixture(scope="module")
def done() -> dict[Signal, CheckReport]:
    """Reports by signal and parameters, which strategies share."""
    return {}


@pytest.mark.parametrize("name", STOCK.names("strategies"))
def test_stock_strategies_pass(name: str, year: Dataset, done: dict[Signal, CheckReport]) -> None:
    strategy = STOCK.strategy(name)
    signal = STOCK.detector(strategy)
    settings = CheckSettings(bars=6, new_process=False, parameters=False)
    if signal not in done:
        done[signal] = check_strategy(strategy, signal, year, settings=settings)
    report = done[signal]
    assert report.errors == ()
    assert report.bars_tried >= 6
    report.raise_errors()


def test_a_parameter_that_does_nothing_is_a_warning(cheats: Workspace, data: Dataset) -> None:
    path = write_signal(cheats, "idle")
    text = path.read_text()
    line = "    cooldown_hours:"
    path.write_text(text.replace(line, f"    unused: Annotated[float, Param(0, 1)] = 0.5\n{line}"))
    write_strategy(cheats, "idle", "idle")
    report = checked(cheats, "idle", data, CheckSettings(bars=3, new_process=False))
    (warning,) = report.warnings
    assert (warning.kind, warning.what) == ("idle parameter", "unused")
    assert warning.text == "parameter unused changes no event of these data between 0 and 1"
    assert report.errors == ()


def test_a_stream_that_is_read_but_not_declared_is_an_error(
    cheats: Workspace, data: Dataset
) -> None:
    text = write_signal(cheats, "unsaid").read_text()
    spot = '        close = market.column("spot", "close") + market.column("perp", "close")\n'
    changed = text.replace('        close = market.column("perp", "close")\n', spot)
    for name, reads in (("unsaid", "()"), ("said", '("spot",)')):
        path = cheats.root / "signals" / f"{name}.py"
        path.write_text(
            changed.replace("unsaid_up", f"{name}_up").replace("] = ()", f"] = {reads}")
        )
        write_strategy(cheats, name, name)
    quick = CheckSettings(bars=3, new_process=False, parameters=False)
    (fault,) = checked(cheats, "unsaid", data, quick).errors
    assert (fault.kind, fault.what) == ("undeclared read", "spot")
    assert checked(cheats, "said", data, quick).errors == ()


def test_a_phase_that_never_was_is_a_warning(cheats: Workspace, data: Dataset) -> None:
    path = cheats.root / "strategies" / "never.toml"
    text = (cheats.root / "strategies" / "fade_crowded_funding.toml").read_text()
    path.write_text(text.replace("floor_bps = 1.5", "floor_bps = 30"))
    report = checked(cheats, "never", data)
    assert {(w.kind, w.what) for w in report.warnings} >= {("not seen", "crowded_long")}


def test_infinite_days_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"at most 36,500; got inf"):
        CheckSettings(days=float("inf"))


def test_too_few_bars_are_refused(cheats: Workspace, data: Dataset) -> None:
    short = Dataset(
        "short",
        "",
        BAR,
        simulated=True,
        fingerprint="",
        markets={s: m.until(m.index[5]) for s, m in data.markets.items()},
    )
    with pytest.raises(DataError, match=r"at least 10 bars; got 5"):
        checked(cheats, "next_close", short)


@pytest.mark.parametrize("how", ["mirrored", "scrambled", "loud", "muted", "dropped"])
def test_another_future_keeps_the_past_and_valid_values(how, data: Dataset) -> None:
    market = data.markets["C01"]
    other = Futures(market, seed=1).changed(1000, how)
    known = market.index[1000] + BAR
    for name in market.streams:
        mine, theirs = market.table(name), other.table(name)
        past = mine["available"] <= known
        pd.testing.assert_frame_equal(theirs[theirs["available"] <= known], mine[past])
        if name in ("perp", "spot", "funding", "netflow"):
            value = "rate" if name == "funding" else mine.columns[1]
            same = theirs[value].reindex(mine.index)[~past] == mine[value][~past]
            assert same.mean() < 0.25  # of a rate that has a default, some stay
    bars = other.table("perp")
    inner = bars[["open", "close"]]
    assert (bars["low"] <= inner.min(axis=1) * (1 + 1e-12)).all()
    assert (bars["high"] >= inner.max(axis=1) * (1 - 1e-12)).all()
    assert np.isfinite(bars["close"]).all()


def fadefollow(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "from fadefollow.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_command_says_so_and_leaves_with_status_2(cheats: Workspace) -> None:
    small = (cheats.root / "datasets" / "lab.toml").read_text().replace("years = 3", "years = 0.5")
    (cheats.root / "datasets" / "small.toml").write_text(small.replace("quiet_days = 90", ""))
    words = ("--dataset", "small", "--bars", "4", "--symbols", "IBEX")
    cheat = fadefollow("check", "next_close", *words, "--json", cwd=cheats.root)
    assert cheat.returncode == 2
    assert cheat.stderr.startswith("error: signal next_close: the signal uses data that was not")
    assert "Traceback" not in cheat.stderr
    found = json.loads(cheat.stdout)
    assert found["clean"] is False
    assert found["faults"][0]["stream"] == "perp"
    assert found["faults"][0]["bar"] == "2021-01-01T00:00:00+00:00"


def test_the_terminal_shows_what_was_tried_and_found(
    cheats: Workspace, data: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    show_check(checked(cheats, "fade_crowded_funding", data))
    shown = " ".join(capsys.readouterr().out.split())
    assert "no look-ahead found" in shown
    assert "it reads perp, funding" in shown
    show_check(checked(cheats, "next_funding", data))
    shown = " ".join(capsys.readouterr().out.split())
    assert "C01 2021-01-01 00:00" in shown
    assert "no look-ahead found" not in shown
