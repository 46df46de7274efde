"""Runs with a holdout: closed by default, its opening told for ever; all trials counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.errors import StoreError
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import RunOptions, run_job
from fadefollow.market.datasets.request import DataRequest
from fadefollow.reporting import read_run
from fadefollow.workspace import Workspace, find_workspace, init_workspace
from fadefollow.workspace.trial_ledger import Opening, Trial
from fadefollow.workspace.trial_records import configuration

NAME = "fade_crowded_funding"
START = pd.Timestamp("2021-10-01", tz="UTC")


def run(workspace: Workspace, **changes) -> Path:
    asked = {
        "dataset": "lab",
        "strategies": (NAME,),
        "placebo_draws": 100,
        "bootstrap_draws": 100,
        **changes,
    }
    data, others = DataRequest.split(asked, command=asked.get("command", "fadefollow run"))
    options = RunOptions.of(workspace, data, **others)
    return run_job(workspace, options, step=lambda *_: None)[1]


def record(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    root = tmp_path_factory.mktemp("workspace") / "mine"
    init_workspace(root)
    path = root / "datasets" / "lab.toml"
    text = path.read_text().replace("years = 3", "years = 1")
    small = text.replace('coins = ["IBEX", "LARK", "TARN", "WREN"]', 'coins = ["IBEX", "LARK"]')
    path.write_text(small.replace("[lab]", "holdout_from = 2021-10-01\n\n[lab]", 1))
    return find_workspace(root)


@pytest.fixture(scope="module")
def closed(workspace) -> Path:
    return run(workspace, command="fadefollow run first")


@pytest.fixture(scope="module")
def opened(workspace, closed) -> Path:
    return run(workspace, command="fadefollow run second", open_holdout=True)


@pytest.fixture(scope="module")
def later(workspace, opened) -> Path:
    text = (workspace.root / "strategies" / f"{NAME}.toml").read_text()
    (workspace.root / "strategies" / "other.toml").write_text(
        text.replace("floor_bps = 1.5", "floor_bps = 1.4")
    )
    return run(workspace, strategies=("other",), command="fadefollow run third")


def test_nothing_of_a_closed_holdout_is_in_any_file_of_a_run(closed):
    for name in ("trades", "phases", "equity", "prices", "truth"):
        table = pd.read_parquet(closed / f"{name}.parquet")
        assert len(table), name
        for column in table.select_dtypes("datetimetz"):
            assert (table[column].dropna() <= START).all(), (name, column)
    for file in ("result.json", "report.json"):
        text = (closed / file).read_text()
        assert not [month for month in ("2021-11-", "2021-12-") if month in text]
    note = record(closed)["notes"][0]
    assert (note["code"], note["figures"]) == ("holdout-closed", {"from": "2021-10-01"})


def test_an_opened_holdout_is_seen_recorded_and_told(workspace, opened):
    prices = pd.read_parquet(opened / "prices.parquet")
    assert prices["time"].max() >= pd.Timestamp("2021-12-30", tz="UTC")
    open_, told = record(opened)["notes"][:2]
    assert (open_["code"], open_["figures"]) == ("holdout-open", {"from": "2021-10-01"})
    assert [command for _, command in told["figures"]["openings"]] == ["fadefollow run second"]
    rows = [row for row in workspace.ledger.lines() if isinstance(row, Opening)]
    assert [(row.dataset, row.holdout_from, row.command) for row in rows] == [
        ("lab", "2021-10-01T00:00:00Z", "fadefollow run second")
    ]


def test_every_later_report_tells_of_the_opening(later):
    closed_, told = record(later)["notes"][:2]
    assert (closed_["code"], told["code"]) == ("holdout-closed", "holdout-opened")
    assert [command for _, command in told["figures"]["openings"]] == ["fadefollow run second"]
    assert "The holdout was opened on" in (later / "report.html").read_text()


def test_the_deflation_counts_every_trial_once(closed, opened, later):
    # two phases in two stances; the second run is the first again; the third is another
    for folder, count in ((closed, 4), (opened, 4), (later, 8)):
        for verdict in record(folder)["verdicts"]:
            for stance in (verdict["fade"]["outright"], verdict["follow"]["outright"]):
                assert stance["n_trials_known"] == count
                assert 0.0 <= stance["deflated_sharpe"] <= 1.0


def test_the_deflated_ratio_is_in_the_report_and_comes_back(later):
    page = (later / "report.html").read_text()
    assert "Deflated Sharpe" in page
    assert "(8 trials)" in page
    numbers = record(later)["verdicts"][0]["fade"]["outright"]
    back = read_run(later).verdicts[0].fade
    assert (back.deflated_sharpe, back.n_trials_known) == (numbers["deflated_sharpe"], 8)
    assert back.n_days > 100
    assert back.daily_kurtosis > 1.0


def test_a_stored_run_of_before_still_reads(later, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(later, old)
    keys = ("deflated_sharpe", "n_trials_known", "n_days", "daily_skew", "daily_kurtosis")
    told = json.loads((old / "result.json").read_text())
    for verdict in told["verdicts"]:
        for stance in ("fade", "follow"):
            for key in keys:
                del verdict[stance]["outright"][key]
    (old / "result.json").write_text(json.dumps(told))
    assert read_run(old).verdicts[0].fade.n_trials_known == 0


def test_the_ledger_remembers_what_each_trial_saw(workspace, later):
    trials = [row for row in workspace.ledger.lines() if isinstance(row, Trial)]
    assert len(trials) == 12
    assert [t.seen_until for t in trials[::4]] == [
        "2021-10-01T00:00:00Z",
        "2022-01-01T00:00:00Z",
        "2021-10-01T00:00:00Z",
    ]
    assert trials[0].configuration == trials[4].configuration != trials[8].configuration


def test_a_holdout_declared_too_late_is_told(workspace, later):
    path = workspace.root / "datasets" / "lab.toml"
    text = path.read_text()
    # the opened run saw until January 2022, the closed ones until October
    (workspace.root / "datasets" / "again.toml").write_text(
        text.replace("2021-10-01", "2021-09-01")
    )
    notes = record(run(workspace, dataset="again"))["notes"]
    (early,) = [note["figures"] for note in notes if note["code"] == "holdout-seen-early"]
    assert (early["trials"], early["command"]) == (4, "fadefollow run first")


def test_other_commands_see_a_closed_holdout(workspace):
    data = open_named(workspace, "lab")
    assert data.markets["IBEX"].index[-1] + data.bar == START


def test_a_holdout_that_cannot_be_recorded_is_not_opened(workspace, tmp_path):
    (tmp_path / "reports").write_text("a file is in the way")
    blocked = Workspace(workspace.root, tmp_path, workspace.settings)
    with pytest.raises(StoreError, match="ledger"):
        open_named(blocked, DataRequest(dataset="lab", opened_by="fadefollow run"))


def test_a_configuration_is_what_decides_the_trades(workspace):
    strategy = workspace.strategy(NAME)
    signal = workspace.detector(strategy)

    def name(strategy=strategy, signal=signal, market=("BTC",), **choices) -> str:
        return configuration(strategy, signal, market={"symbols": market}, **choices)

    words = strategy.model_copy(update={"name": "x", "title": "y", "search": {}})
    filled = strategy.model_copy(update={"params": signal.model_dump()})
    assert name() == name(words) == name(filled)
    longer = strategy.trade.model_copy(update={"hold_hours": 71.0})
    different = [
        name(strategy.model_copy(update={"trade": longer})),
        name(strategy.model_copy(update={"phases": strategy.phases[:1]})),
        name(signal=signal.model_copy(update={"quantile": 0.91})),
        name(market=("ETH",)),
        name(since="2021-01-01"),
    ]
    assert len({name(), *different}) == 6


def test_comments_in_a_signal_are_no_other_configuration(workspace):
    strategy = workspace.strategy(NAME)
    signal = workspace.detector(strategy)
    path = workspace.root / "signals" / "funding.py"
    text = path.read_text()
    before = configuration(strategy, signal, market={})
    try:
        path.write_text(text + "\n# a comment\n")
        assert configuration(strategy, signal, market={}) == before
        path.write_text(text + "\nX = 1\n")
        assert configuration(strategy, signal, market={}) != before
    finally:
        path.write_text(text)
