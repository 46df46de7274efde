"""Tuning jobs as a user meets them: killed, resumed, refused, interrupted, their files run."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.errors import StoreError
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.rerun import again_job
from fadefollow.jobs.tune import TuneDone, TuneOptions, tune_job
from fadefollow.jobs.tune_ledger import Job, identity
from fadefollow.market.datasets.request import DataRequest
from fadefollow.reporting import read_run, read_tuning
from fadefollow.tuning.settings import tune_settings
from fadefollow.tuning.space import Space
from fadefollow.verdict.run.measure import Settings
from fadefollow.workspace import Workspace, find_workspace, init_workspace

DATASET = """\
title = "A small lab"
source = "lab"
bar = "1h"

[lab]
seed = 5
start = 2021-01-01
years = 1
coins = ["IBEX"]
quiet_days = 30
annual_drift = 0.15
annual_volatility = 0.6
"""
#: what a result says of the moment and not of the data
_OF_THE_MOMENT = ("seconds", "command")


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("template") / "mine"
    init_workspace(root)
    (root / "datasets" / "small.toml").write_text(DATASET)
    path = root / "strategies" / "fade_crowded_funding.toml"
    text = path.read_text().replace("low = 30, high = 180", "low = 14, high = 60")
    path.write_text(text.replace("lookback_days = 90", "lookback_days = 30"))
    return root


@pytest.fixture
def workspace(template: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(template, tmp_path / "mine")
    return find_workspace(tmp_path / "mine")


def options(workspace: Workspace, **changes) -> TuneOptions:
    choices: dict[str, Any] = {"trials": 30, "folds": 2, "min_trades": 5, "batch": 5}
    choices |= {
        k: changes.pop(k) for k in list(changes) if k in ("trials", "seed", "sampler", "book")
    }
    settings = tune_settings(workspace.strategy("fade_crowded_funding"), **choices)
    asked = {"dataset": "small", "jobs": 1, "command": "fadefollow tune", **changes}
    data, others = DataRequest.split(asked, command=asked["command"])
    return TuneOptions(
        data=data,
        strategy="fade_crowded_funding",
        settings=settings,
        judging=Settings(placebo_draws=100, bootstrap_draws=100, missing_funding="skip"),
        **others,
    )


def tune(workspace: Workspace, **changes) -> TuneDone:
    return tune_job(workspace, options(workspace, **changes), step=lambda text, done: None)


def told(folder: Path) -> dict:
    """What a run's files say, without the moment."""
    result = json.loads((folder / "result.json").read_text())
    for name in _OF_THE_MOMENT:
        result.pop(name, None)
    result["tuning"].pop("seconds", None)
    result["tuning"].pop("storage")
    tables = {p.name: pd.read_parquet(p) for p in sorted(folder.glob("*.parquet"))}
    return {"result": result, "tables": tables}


def same(one: Path, other: Path) -> None:
    a, b = told(one), told(other)
    assert a["result"] == b["result"]
    assert list(a["tables"]) == list(b["tables"])
    for name, table in a["tables"].items():
        pd.testing.assert_frame_equal(table, b["tables"][name], check_exact=True)


@pytest.fixture(scope="module")
def undisturbed(template: Path, tmp_path_factory) -> TuneDone:
    root = tmp_path_factory.mktemp("undisturbed") / "mine"
    shutil.copytree(template, root)
    return tune(find_workspace(root))


def in_a_child(workspace: Workspace, seconds: float, **changes) -> bool:
    """Run the job in a process that is killed after some time; whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            tune(workspace, **changes)
        except BaseException:
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            return True
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def kill_and_go_on(workspace: Workspace, *, kills: int, longest: float, seed: int) -> list[int]:
    """Kill the job at random moments; how many trials each killed process left."""
    rng, left = random.Random(seed), []
    for _ in range(kills):
        if in_a_child(workspace, rng.uniform(0.1, longest)):
            break
        logs = list((workspace.runs / "studies").glob("*.log"))
        left.append(logs[0].read_bytes().count(b'"op_code":4') if logs else 0)
    return left


def cli(workspace: Workspace, *words: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("fadefollow")), *words],
        cwd=workspace.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,
    )


def at_work(workspace: Workspace, *words: str) -> subprocess.Popen:
    """The command, once it has kept some batches of trials."""
    job = cli(workspace, *words, start_new_session=True)
    log = workspace.runs / "studies" / "fade_crowded_funding-small.log"
    for _ in range(6000):
        if log.exists() and log.stat().st_size > 20_000:
            break
        assert job.poll() is None, job.stderr.read()
        time.sleep(0.01)
    return job


def test_killed_at_any_moment_it_ends_with_the_same_result(workspace, undisturbed) -> None:
    begin = time.monotonic()
    shutil.copytree(workspace.root, workspace.root.parent / "timed")
    tune(find_workspace(workspace.root.parent / "timed"))
    whole = time.monotonic() - begin
    left = kill_and_go_on(workspace, kills=5, longest=whole, seed=7)
    assert any(0 < trials < 90 for trials in left)  # in the middle of the search
    done = tune(workspace)
    same(undisturbed.folder, done.folder)
    folders = [p for p in workspace.runs.glob("*-tune-*") if p.is_dir()]
    assert all((p / "report.html").exists() for p in folders)  # nothing half-written


@pytest.mark.slow
def test_killed_with_its_workers_at_work_it_goes_on(workspace, undisturbed) -> None:
    words = [
        "tune",
        "fade_crowded_funding",
        "-d",
        "small",
        "--trials",
        "30",
        "--folds",
        "2",
        "--min-trades",
        "5",
        "--batch",
        "5",
        "--jobs",
        "2",
    ]
    job = at_work(workspace, *words)
    job.kill()
    job.communicate()
    assert gone(job.pid)  # the workers end by themselves
    done = tune(workspace)
    assert 0 < done.kept < 90
    same(undisturbed.folder, done.folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_often_it_ends_with_the_same_result(workspace, undisturbed, seed: int) -> None:
    kill_and_go_on(workspace, kills=20, longest=4.0, seed=seed)
    same(undisturbed.folder, tune(workspace).folder)


def test_a_half_written_line_costs_nothing(workspace, undisturbed) -> None:
    tune(workspace)
    log = next((workspace.runs / "studies").glob("*.log"))
    data = log.read_bytes()
    log.write_bytes(data[: len(data) * 2 // 3])
    done = tune(workspace)
    assert 0 < done.kept < 90
    same(undisturbed.folder, done.folder)


def test_a_finished_job_is_told_again_at_once(workspace, undisturbed) -> None:
    first = tune(workspace)
    again = tune(workspace)
    assert (first.kept, again.kept) == (0, 90)
    same(first.folder, again.folder)
    assert first.folder != again.folder


def test_more_trials_go_on_from_those_there_are(workspace) -> None:
    tune(workspace)
    more = tune(workspace, trials=45)
    assert more.kept == 90
    assert sum(t.fold == 1 for t in more.tuning.trials) == 45


def test_a_changed_strategy_is_refused_and_the_way_out_works(workspace) -> None:
    tune(workspace)
    path = workspace.root / "strategies" / "fade_crowded_funding.toml"
    path.write_text(path.read_text().replace("cooldown_hours = 24", "cooldown_hours = 48"))
    with pytest.raises(StoreError, match=r"(?s)started with other settings.*--fresh"):
        tune(workspace)
    fresh = tune(workspace, fresh=True)
    assert fresh.kept == 0
    assert tune(workspace).kept == 90  # the new one is what the name means now


def test_changed_data_are_refused(workspace) -> None:
    tune(workspace)
    path = workspace.root / "datasets" / "small.toml"
    path.write_text(path.read_text().replace("seed = 5", "seed = 6"))
    with pytest.raises(StoreError, match=r"data\.fingerprint: .* → "):
        tune(workspace)
    assert tune(workspace, study="other").kept == 0


def test_a_changed_signal_is_refused_but_not_a_comment(workspace) -> None:
    tune(workspace)
    path = workspace.root / "signals" / "funding.py"
    source = path.read_text()
    path.write_text("# a comment\n" + source)
    _forget_signals()
    assert tune(workspace).kept == 90
    changed = source.replace("floor=self.floor_bps", "floor=2 * self.floor_bps")
    assert changed != source
    path.write_text(changed)
    _forget_signals()
    with pytest.raises(StoreError, match=r"signal\.code: "):
        tune(workspace)


def _forget_signals() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "signals"]:
        del sys.modules[name]


def test_every_trial_is_remembered_by_the_ledger(workspace) -> None:
    done = tune(workspace)
    evaluated = sum(t.state != "failed" for t in done.tuning.trials)
    lines = (workspace.runs / "trials.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    searched = [row for row in rows if row["phase"] == "all"]
    assert len(searched) == 2 * evaluated > 120  # when asked for, and with its Sharpe ratio
    distinct = {(t.fold, *sorted(t.params.items())) for t in done.tuning.trials}
    known = workspace.ledger.trials(done.result.dataset["fingerprint"])
    assert known.count == len(distinct) + len(rows) - len(searched)
    size = (workspace.runs / "trials.jsonl").stat().st_size
    tune(workspace)  # nothing new is told
    assert (workspace.runs / "trials.jsonl").stat().st_size == size


def test_an_open_holdout_is_another_study(workspace) -> None:
    path = workspace.root / "datasets" / "small.toml"
    path.write_text(path.read_text().replace('bar = "1h"', 'bar = "1h"\nholdout_from = 2021-10-01'))
    closed = tune(workspace)
    with pytest.raises(StoreError, match=r"data\.shown\.IBEX"):
        tune(workspace, open_holdout=True)
    opened = tune(workspace, open_holdout=True, study="opened")
    assert opened.kept == 0
    assert opened.tuning.folds[-1].train[1] > closed.tuning.folds[-1].train[1]
    with pytest.raises(StoreError, match=r"data\.shown\.IBEX"):
        tune(workspace, study="opened")


@pytest.mark.slow  # the hedged book out of sample is also that of test_walk_forward.py
def test_another_book_is_another_study_that_goes_on_and_is_repeated(workspace) -> None:
    """BTC hedges IBEX; the study, the folder and the ledger say which book was scored."""
    text = DATASET.replace('coins = ["IBEX"]', 'coins = ["BTC", "IBEX"]')
    (workspace.root / "datasets" / "two.toml").write_text(text)
    few: dict[str, Any] = {"dataset": "two", "trials": 10}
    one = tune(workspace, **few)
    assert one.tuning.settings.book == "outright"

    def stop(trial) -> None:
        if trial.number == 7:
            raise KeyboardInterrupt

    asked = options(workspace, book="hedged", **few)
    with pytest.raises(KeyboardInterrupt):
        tune_job(workspace, asked, step=lambda text, share: None, on_trial=stop)
    two = tune(workspace, book="hedged", **few)
    assert (two.kept, two.tuning.settings.book) == (10, "hedged")  # whole batches of 5
    assert (one.tuning.study, two.tuning.study) == (
        "fade_crowded_funding-two",
        "fade_crowded_funding-two-hedged",
    )
    assert [t.scores for t in one.tuning.trials] != [t.scores for t in two.tuning.trials]
    assert tune(workspace, book="hedged", **few).kept == 30
    with pytest.raises(StoreError, match=r"settings\.book: "):
        tune(workspace, book="hedged", study=one.tuning.study, **few)
    config = tomllib.loads((two.folder / "config.toml").read_text())
    assert config["tune"]["settings"]["book"] == "hedged"
    back = read_tuning(two.folder)
    assert back is not None
    assert back.settings.book == "hedged"
    # the joined figures are of the hedged trades, which the verdict has too
    for verdict in read_run(two.folder).verdicts:
        assert {book for _, book in verdict.results} == {"outright", "hedged"}
    hedged = read_run(two.folder).hedged_trades
    mine = hedged[(hedged["stance"] == "fade") & (hedged["exit_reason"] != "end")]
    assert two.tuning.joined["fade"].n_trades == len(mine)
    rows = [json.loads(line) for line in (workspace.runs / "trials.jsonl").read_text().splitlines()]
    assert {row["book"] for row in rows if row["phase"] == "all"} == {"outright", "hedged"}
    again = again_job(workspace, two.folder, step=lambda *_: None, command="again")
    assert again.numbers.identical, [part for part in again.numbers.parts if not part.identical]


def test_a_study_of_the_outright_book_is_known_by_what_earlier_versions_wrote(workspace) -> None:
    """They knew no other book, and no smallest edge; another one is no other search."""
    done = options(workspace)
    strategy = workspace.strategy("fade_crowded_funding")
    signal, dataset = workspace.detector(strategy), open_named(workspace, done.data)
    space = Space.of(strategy, signal, bar_hours=1.0)
    known = identity(Job(workspace, done, dataset, strategy, signal, space))
    assert "book" not in known["settings"]
    assert "smallest_bps" not in known["strategy"]
    stated = strategy.model_copy(update={"smallest_bps": 3.0})
    assert identity(Job(workspace, done, dataset, stated, signal, space)) == known
    hedged = replace(done, settings=replace(done.settings, book="hedged"))
    other = identity(Job(workspace, hedged, dataset, strategy, signal, space))
    assert other["settings"] == {**known["settings"], "book": "hedged"}


def test_other_folds_are_other_trials_to_the_ledger(workspace) -> None:
    one = tune(workspace)
    known = workspace.ledger.trials(one.result.dataset["fingerprint"], without_phase=None).count
    other = options(workspace, study="other")
    settings = replace(other.settings, folds=3)
    done = tune_job(workspace, replace(other, settings=settings), step=lambda text, share: None)
    found = workspace.ledger.trials(one.result.dataset["fingerprint"]).count
    searched = {(t.fold, *sorted(t.params.items())) for t in done.tuning.trials}
    books = 4  # two phases in two stances of another book
    assert found == known + len(searched) + books


def test_a_search_that_is_given_up_is_remembered(workspace) -> None:
    def stop(trial) -> None:
        if trial.number == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_job(workspace, options(workspace), step=lambda text, share: None, on_trial=stop)
    rows = [json.loads(line) for line in (workspace.runs / "trials.jsonl").read_text().splitlines()]
    assert len(rows) == 15  # whole batches
    assert {row["daily_sharpe"] for row in rows} == {None}


def test_the_joined_book_is_deflated_by_all_books_looked_at(workspace) -> None:
    first = tune(workspace)
    assert {v.fade.n_trials_known for v in first.result.verdicts} == {4}
    second = tune(workspace, seed=7, study="again")
    assert {v.fade.n_trials_known for v in second.result.verdicts} == {8}
    assert tune(workspace).result.verdicts[0].fade.n_trials_known == 8  # told again, not new


def test_fewer_trials_are_deflated_by_those_there_are(workspace) -> None:
    tune(workspace)
    fewer = tune(workspace, trials=10)
    assert [fold.past.n_trials for fold in fewer.tuning.folds] == [30, 30, 30]
    assert len(fewer.tuning.trials) == 30


def test_a_tuned_file_of_another_data_set_is_kept(workspace) -> None:
    tune(workspace)
    text = (workspace.root / "datasets" / "small.toml").read_text()
    (workspace.root / "datasets" / "tiny.toml").write_text(text.replace("seed = 5", "seed = 9"))
    done = tune_job(workspace, options(workspace, dataset="tiny"), step=lambda text, share: None)
    assert done.tuning.tuned in (None, "strategies/fade_crowded_funding_tuned_2.toml")
    assert workspace.strategy("fade_crowded_funding_tuned").tuned.dataset == "small"


def test_a_run_of_all_strategies_leaves_the_tuned_ones_out(workspace) -> None:
    from fadefollow.jobs.run import RunOptions

    tune(workspace)
    assert "fade_crowded_funding_tuned" in workspace.names("strategies")
    assert "fade_crowded_funding_tuned" not in RunOptions.of(workspace).strategies


def test_another_order_of_the_search_is_another_search(workspace) -> None:
    tune(workspace)
    path = workspace.root / "strategies" / "fade_crowded_funding.toml"
    lines = path.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith('"params.'))
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreError, match=r"strategy\.order_of_search"):
        tune(workspace)


def test_the_tuned_strategy_runs_and_is_said_to_be_in_sample(workspace) -> None:
    from fadefollow.jobs.run import RunOptions, run_job

    done = tune(workspace)
    assert done.tuning.tuned == "strategies/fade_crowded_funding_tuned.toml"
    strategy = workspace.strategy("fade_crowded_funding_tuned")
    last = done.tuning.folds[-1]
    signal = workspace.detector(strategy)
    for name, value in last.params.items():
        table, _, key = name.partition(".")
        assert getattr(signal if table == "params" else strategy.trade, key) == value
    result, _ = run_job(
        workspace,
        RunOptions.of(
            workspace,
            DataRequest(dataset="small"),
            strategies=(strategy.name,),
            placebo_draws=100,
            bootstrap_draws=100,
        ),
        step=lambda text, share: None,
    )
    (tuned,) = [note for note in result.notes if note.code == "tuned-on"]
    assert tuned.figures["same_data"]
    assert result.verdicts[0].fade.n_trades > 0


def test_a_tuned_file_that_was_changed_by_hand_is_kept(workspace) -> None:
    tune(workspace)
    path = workspace.root / "strategies" / "fade_crowded_funding_tuned.toml"
    path.write_text(path.read_text().replace("(tuned)", "(mine)"))
    again = tune(workspace)
    assert again.tuning.tuned == "strategies/fade_crowded_funding_tuned_2.toml"
    assert "(mine)" in path.read_text()
    assert tune(workspace).tuning.tuned == again.tuning.tuned


def test_two_jobs_on_one_study_do_not_mix(workspace) -> None:
    child = os.fork()
    if child == 0:
        job = options(workspace)
        try:
            tune_job(
                workspace, job, step=lambda text, done: None, on_trial=lambda t: time.sleep(0.2)
            )
        finally:
            os._exit(0)
    log = workspace.runs / "studies" / "fade_crowded_funding-small.log"
    try:
        for _ in range(1000):
            if log.exists() and log.stat().st_size > 2000:
                break
            time.sleep(0.02)
        with pytest.raises(StoreError, match=r"in use|another"):
            tune(workspace)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert tune(workspace).kept > 0


def test_ctrl_c_tells_the_best_and_how_to_go_on(workspace, undisturbed) -> None:
    words = [
        "tune",
        "fade_crowded_funding",
        "-d",
        "small",
        "--trials",
        "3000",
        "--folds",
        "2",
        "--min-trades",
        "5",
        "--batch",
        "5",
        "--jobs",
        "2",
    ]
    job = at_work(workspace, *words)
    os.killpg(job.pid, signal.SIGINT)
    out, err = job.communicate(timeout=60)
    assert job.returncode == 130, err
    assert out == ""
    assert "of 9000 trials are kept; best of fold 1, in sample: t " in err
    assert f"resume with: fadefollow {' '.join(words)}" in err
    assert "Traceback" not in err
    assert gone(job.pid)  # no worker is left behind
    assert tune(workspace, trials=10).kept == 10  # the same search, only shorter


def gone(group: int) -> bool:
    """Whether all processes of a group end within some seconds."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_a_password_in_the_storage_is_told_nowhere(workspace) -> None:
    url = "postgresql://trader:s3cr%40t-word@127.0.0.1:1/studies"
    words = ("--debug", "tune", "fade_crowded_funding", "-d", "small", "--storage", url)
    for debug in (True, False):
        job = cli(workspace, *(words if debug else words[1:]))
        out, err = job.communicate(timeout=120)
        assert job.returncode in (1, 2), err
        assert "127.0.0.1" in err
        for text in (out, err):
            assert "s3cr" not in text
            assert "t-word" not in text


def test_json_is_alone_on_standard_output(workspace) -> None:
    job = cli(
        workspace,
        "tune",
        "fade_crowded_funding",
        "-d",
        "small",
        "--trials",
        "10",
        "--folds",
        "2",
        "--min-trades",
        "5",
        "--jobs",
        "1",
        "--json",
    )
    out, err = job.communicate(timeout=120)
    assert job.returncode == 0, err
    assert err == ""
    result = json.loads(out)
    assert len(result["tuning"]["folds"]) == 3
    assert result["verdicts"][0]["strategy"] == "fade_crowded_funding"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stance", "fad"], "did you mean 'fade'"),
        (["--objective", "sharpe"], "known: bps, calmar, psr, t"),
        (["--objective", "t,bps", "--sampler", "cmaes"], "takes one objective"),
        (["--objective", "t,t"], "two different ones"),
        (["--sampler", "grid"], "known: cmaes, nsga2, qmc, random, tpe"),
        (["--folds", "300"], "fewer --folds"),
        (["--storage", "mysql://u:p@h/d"], "must be postgresql://"),
        (["--study", "../x"], "letters, digits"),
        (["--cluster", "tcp://127.0.0.1:1"], "127.0.0.1:1"),
    ],
)
def test_bad_tune_options_end_with_status_2_and_no_folder(
    workspace, fadefollow_here, words, said
) -> None:
    words = ("tune", "fade_crowded_funding", "-d", "small", *words)
    result = fadefollow_here(*words, cwd=workspace.root)
    assert result.returncode == 2, result.stderr
    assert said in result.stderr
    assert result.stdout == ""
    assert not list(workspace.runs.glob("*-tune-*"))
