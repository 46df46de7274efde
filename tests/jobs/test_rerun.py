"""A stored run repeated: identical, or what changed; nothing overwritten, nothing counted twice."""

from __future__ import annotations

import json
import math
import re
import shutil
import statistics
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.engine.costs import CoinCosts
from fadefollow.errors import FadeFollowError
from fadefollow.jobs.provenance import asked_for
from fadefollow.jobs.rerun import Again, again_job
from fadefollow.jobs.rerun_config import read_recipe
from fadefollow.jobs.rerun_inputs import Input
from fadefollow.jobs.run import RunOptions, run_job
from fadefollow.jobs.tune import TuneOptions, tune_job
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.reporting import read_run
from fadefollow.tuning.settings import tune_settings
from fadefollow.verdict.run.measure import Settings
from fadefollow.workspace import Workspace, find_workspace, init_workspace
from fadefollow.workspace.trial_ledger import Opening

NAME = "fade_crowded_funding"
LAB = """\
title = "A small lab"
source = "lab"
bar = "1h"

[lab]
seed = 5
start = 2021-01-01
years = 0.6
coins = ["IBEX"]
quiet_days = 30
annual_drift = 0.15
annual_volatility = 0.6
"""
AGAIN = "fadefollow run --again"


def again(workspace: Workspace, run: Path) -> Again:
    return again_job(workspace, run, step=lambda *_: None, command=AGAIN)


def fresh_run(workspace: Workspace, **changes) -> Path:
    asked: dict[str, Any] = {"strategies": (NAME,), "dataset": "small"}
    asked |= {"placebo_draws": 100, "bootstrap_draws": 100, **changes}
    data, others = DataRequest.split(asked, command=asked.get("command", "fadefollow run"))
    return run_job(workspace, RunOptions.of(workspace, data, **others), step=lambda *_: None)[1]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module", autouse=True)
def _plain_pages():
    """Reports are drawn elsewhere; here they take time only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fadefollow.reporting.write.render", lambda *_: "a report")
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Workspace:
    """A workspace that nothing is changed in, with one run."""
    root = tmp_path_factory.mktemp("base") / "mine"
    init_workspace(root)
    (root / "datasets" / "small.toml").write_text(LAB)
    strategy = root / "strategies" / f"{NAME}.toml"
    edit(strategy, "low = 30, high = 180", "low = 14, high = 60")
    edit(strategy, "lookback_days = 90", "lookback_days = 30")
    return find_workspace(root)


@pytest.fixture(scope="module")
def done(base) -> Path:
    return fresh_run(base)


@pytest.fixture
def copied(base, done, tmp_path) -> tuple[Workspace, Path]:
    """A workspace and its run, to be changed."""
    shutil.copytree(base.root, tmp_path / "mine")
    workspace = find_workspace(tmp_path / "mine")
    return workspace, workspace.runs / done.name


@pytest.fixture
def folder(done, tmp_path) -> Path:
    """The run's folder elsewhere, to be changed; the workspace stays as it is."""
    return Path(shutil.copytree(done, tmp_path / "sent"))


# ---- identical ----


def test_a_run_repeated_is_identical_and_leaves_nothing(base, done) -> None:
    before = files(base.root)
    found = again(base, done)
    assert found.numbers.identical
    assert found.inputs == ()
    assert found.folder is None
    assert files(base.root) == before
    rows = {part.what: part.rows_now for part in found.numbers.parts}
    run = read_run(done)
    assert rows == {
        "verdicts": 2,
        "trades": len(run.trades),
        "phases": len(run.phases),
        "equity": run.equity.size,
        "splits": len(run.splits),
        "event studies": 2,
        "prices": sum(map(len, run.prices.values())),
    } | ({"best book": 1} if run.spa is not None else {})
    # every trade has 23 fields, of which 6 name it; only beta is unknown, as nothing is hedged
    assert next(p.values for p in found.numbers.parts if p.what == "trades") == 18 * len(run.trades)


def test_trials_of_others_since_then_do_not_count(copied) -> None:
    workspace, run = copied
    edit(run / "config.toml", "[ledger]", "[ledger]  # as of then")
    known = read_recipe(run, command="").known
    assert known is not None
    assert known.count == 4
    for number in range(3):
        row = workspace.ledger.lines()[0]
        workspace.ledger.record([replace(row, configuration=f"other {number}", daily_sharpe=0.3)])
    assert workspace.ledger.trials(read_recipe(run, command="").fingerprint).count == 7
    found = again(workspace, run)
    assert found.numbers.identical
    assert len(workspace.ledger.lines()) == 4 + 3


def test_without_the_trials_of_then_only_what_they_decide_differs(copied) -> None:
    workspace, run = copied
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(re.sub(r"\[ledger\]\n(.+\n)+", "", text))
    row = workspace.ledger.lines()[0]
    workspace.ledger.record([replace(row, configuration="other", daily_sharpe=0.3)])
    found = again(workspace, run)
    assert [one.what for one in found.inputs] == ["trials that Sharpe ratios are deflated by"]
    (part,) = (part for part in found.numbers.parts if not part.identical)
    assert part.what == "verdicts"
    # the number of trials known, and the ratio deflated by it, of two phases in two stances
    assert part.differing == 2 * 2 * 2
    assert found.numbers.answers == ()


def test_a_strategy_changed_since_is_told_and_not_used(copied) -> None:
    workspace, run = copied
    path = workspace.root / "strategies" / f"{NAME}.toml"
    edit(path, "hold_hours = 72", "hold_hours = 48")
    found = again(workspace, run)
    assert found.numbers.identical
    what = f"strategies/{NAME}.toml, trade.hold_hours"
    assert found.inputs == (Input(what, "72.0", "48.0", informational=True),)
    path.unlink()
    assert again(workspace, run).inputs == (
        Input(f"strategies/{NAME}.toml", "there", "gone", informational=True),
    )


def test_costs_are_those_of_the_run_whatever_the_defaults_are_now(copied, monkeypatch) -> None:
    workspace, run = copied
    config = tomllib.loads((run / "config.toml").read_text())
    ibex = {"taker_fee_bps": 5.0, "slippage_bps": 5.0, "maintenance_rate": 0.02}
    assert config["costs"] == {"coins": {"IBEX": ibex}}
    assert json.loads((run / "result.json").read_text())["assumptions"] == {
        "alpha": 0.05,
        "smallest_bps": 20.0,
        "strategies": {
            NAME: {
                "smallest_bps": 20.0,
                "instrument": "perp",
                "leverage": 1.0,
                "weight": 1.0,
                "capital": 100_000.0,
                "compound": False,
                "costs": {"IBEX": ibex},
            }
        },
    }
    monkeypatch.setattr(
        "fadefollow.engine.costs.OTHER",
        CoinCosts(taker_fee_bps=5.0, slippage_bps=9.0, maintenance_rate=0.02),
    )
    edit(workspace.root / "datasets" / "small.toml", "[lab]", "[costs]\ntaker_fee_bps = 4\n\n[lab]")
    found = again(workspace, run)
    assert found.numbers.identical
    assert [one for one in found.inputs if not one.informational] == []
    assert [(one.what, one.then, one.now) for one in found.inputs] == [
        ("costs of IBEX.taker_fee_bps", "5.0", "4.0"),
        ("costs of IBEX.slippage_bps", "5.0", "9.0"),
    ]
    assert len(workspace.ledger.lines()) == 4  # nothing was tried anew
    # a run of an earlier version did not keep them
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(re.sub(r"\[costs\.coins\.IBEX\]\n(.+\n)+", "", text))
    found = again(workspace, run)
    assert [one.what for one in found.inputs] == ["datasets/small.toml, costs.taker_fee_bps"]
    assert not found.numbers.identical


def test_rerun_lists_changed_package_versions(base, folder) -> None:
    report = json.loads((folder / "report.json").read_text())
    report["versions"] |= {"pandas": "2.9.9"}
    (folder / "report.json").write_text(json.dumps(report))
    found = again(base, folder)
    assert found.numbers.identical
    assert found.inputs == (Input("version of pandas", "2.9.9", pd.__version__),)


def test_an_opened_holdout_is_opened_and_recorded_again(copied) -> None:
    workspace, _ = copied
    edit(workspace.root / "datasets" / "small.toml", "[lab]", "holdout_from = 2021-07-01\n\n[lab]")
    run = fresh_run(workspace, open_holdout=True, command="fadefollow run first")
    found = again(workspace, run)
    assert found.numbers.identical
    assert found.inputs == ()
    assert (found.numbers.notes_gone, found.numbers.notes_added) == ((), ())
    openings = [row for row in workspace.ledger.lines() if isinstance(row, Opening)]
    assert [row.command for row in openings] == ["fadefollow run first", AGAIN]


def test_choices_of_a_run_are_those_of_its_repeat(copied) -> None:
    workspace, _ = copied
    run = fresh_run(
        workspace,
        fragility=True,
        since="2021-01-10",
        until="2021-06-30",
        symbols=("IBEX",),
        seed=9,
        missing_funding="skip",
        accept=("stale-bars",),
        universe=0,
        revised=True,
        strict=True,
    )
    asked = read_recipe(run, command="x").options
    assert asked.command == "x"
    assert asked_for(asked) == {
        "dataset": "small",
        "strategies": (NAME,),
        "symbols": ("IBEX",),
        "since": "2021-01-10",
        "until": "2021-06-30",
        "settings": asdict(Settings("skip", 0.05, 100, 100, 9)),
        "open_holdout": False,
        "fragility": True,
        "accept": ("stale-bars",),
        "universe": 0,
        "revised": True,
        "strict": True,
    }
    found = again(workspace, run)
    assert found.numbers.identical
    assert "fragility" in [part.what for part in found.numbers.parts]


# ---- not identical ----


def test_other_data_are_told_with_what_they_change(copied) -> None:
    workspace, run = copied
    before = files(run)
    edit(workspace.root / "datasets" / "small.toml", "seed = 5", "seed = 6")
    found = again(workspace, run)
    assert not found.numbers.identical
    assert found.folder is not None
    prints = [read_run(path).dataset["fingerprint"] for path in (run, found.folder)]
    assert prints[0] != prints[1]
    assert found.inputs == (
        Input("data fingerprint", *prints),
        Input("datasets/small.toml, lab.seed", "5", "6"),
    )
    assert {"verdicts", "trades"} <= {p.what for p in found.numbers.parts if not p.identical}
    assert found.numbers.answers
    # its own folder, as any run, and the one that was repeated is as it was
    assert found.folder.parent == run.parent
    assert read_run(found.folder).command == AGAIN
    assert (found.folder / "report.html").read_text() == "a report"
    assert files(run) == before
    # which is a run of its own, and can be repeated
    assert again(workspace, found.folder).numbers.identical


def test_one_price_of_a_store_is_found(copied, tmp_path) -> None:
    from fadefollow.jobs.export import export_job

    workspace, _ = copied
    source = tmp_path / "files"
    export_job(workspace, "small", source, format="parquet", step=lambda *_: None)
    shutil.move(source / "small_export.toml", workspace.root / "datasets" / "stored.toml")
    spec = load_spec(workspace.root / "datasets" / "stored.toml")
    import_files(spec, "stored", source, workspace.store)
    run = fresh_run(workspace, dataset="stored")
    trade = read_run(run).trades.iloc[0]
    (path,) = source.rglob("*perp*.parquet")
    prices = pd.read_parquet(path)
    column = next(c for c in prices.columns if pd.api.types.is_datetime64_any_dtype(prices[c]))
    at = prices[column] == trade["entry_time"]
    assert at.sum() == 1
    middle = (prices.loc[at, "open"] + prices.loc[at, "close"]) / 2
    prices.loc[at, "open"] = middle
    prices.to_parquet(path)
    import_files(spec, "stored", source, workspace.store)
    found = again(workspace, run)
    assert [one.what for one in found.inputs] == ["data fingerprint"]
    changed = {part.what: part for part in found.numbers.parts if not part.identical}
    # phases are of funding alone
    assert {"verdicts", "trades", "equity"} <= set(changed)
    assert "phases" not in changed
    # entered by fade and by follow at this price, and the same rows as before
    assert (changed["trades"].gone, changed["trades"].added) == (0, 0)
    assert found.folder is not None


def test_a_signal_whose_code_changed_is_told(copied) -> None:
    workspace, run = copied
    path = workspace.root / "signals" / "funding.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    found = again(workspace, run)
    assert found.numbers.identical
    assert [one.what for one in found.inputs] == ["code of signals/funding.py"]
    edit(path, "floor=self.floor_bps", "floor=99.0")
    for name in [name for name in sys.modules if name.startswith("signals")]:
        del sys.modules[name]
    found = again(workspace, run)
    assert not found.numbers.identical
    phases = next(part for part in found.numbers.parts if part.what == "phases")
    assert (phases.gone, phases.added) == (len(read_run(run).phases), 0)
    assert phases.gone > 0
    assert phases.gone_example.startswith("funding × crowded_long × IBEX × 2021-")


def test_a_stored_number_that_is_one_bit_off_is_found(copied) -> None:
    workspace, folder = copied
    result = json.loads((folder / "result.json").read_text())
    fade = result["verdicts"][0]["fade"]["outright"]
    told = fade["mean_net_bps"]
    fade["mean_net_bps"] = math.nextafter(told, math.inf)
    (folder / "result.json").write_text(json.dumps(result))
    found = again(workspace, folder)
    assert found.numbers.differing == 1
    (part,) = (part for part in found.numbers.parts if not part.identical)
    assert (part.what, part.largest.row, part.largest.field) == (
        "verdicts",
        f"{NAME} × crowded_long",
        "fade.mean_net_bps",
    )
    assert part.largest.relative == pytest.approx(2.2e-16, rel=0.6)
    assert part.largest.now == told


# ---- tuning jobs ----


@pytest.fixture(scope="module")
def tuned(base, tmp_path_factory) -> tuple[Workspace, Path]:
    root = tmp_path_factory.mktemp("tuned") / "mine"
    shutil.copytree(base.root, root)
    workspace = find_workspace(root)
    settings = tune_settings(
        workspace.strategy(NAME), trials=6, folds=2, min_trades=2, batch=3, seed=7
    )
    options = TuneOptions(
        data=DataRequest(dataset="small"),
        strategy=NAME,
        settings=settings,
        jobs=1,
        judging=Settings(placebo_draws=100, bootstrap_draws=100),
        command="fadefollow tune",
    )
    return workspace, tune_job(workspace, options, step=lambda *_: None).folder


def test_a_tuning_job_is_repeated_in_a_study_of_its_own(tuned) -> None:
    workspace, run = tuned
    before = files(workspace.root)
    assert any(name.startswith("reports/runs/studies/") for name in before)
    found = again(workspace, run)
    assert found.numbers.identical
    assert found.inputs == ()
    rows = {part.what: part.rows_now for part in found.numbers.parts}
    assert (rows["trials"], rows["folds"]) == (18, 3)
    # neither study nor ledger nor tuned strategy nor any other file was touched
    assert files(workspace.root) == before


def test_a_tuning_job_on_other_data_is_written_without_a_strategy(tuned, tmp_path) -> None:
    workspace, run = tuned
    shutil.copytree(workspace.root, tmp_path / "mine")
    workspace = find_workspace(tmp_path / "mine")
    strategies, studies = (
        files(workspace.root / p) for p in ("strategies", "reports/runs/studies")
    )
    edit(workspace.root / "datasets" / "small.toml", "seed = 5", "seed = 6")
    found = again(workspace, workspace.runs / run.name)
    assert [one.what for one in found.inputs] == [
        "data fingerprint",
        "datasets/small.toml, lab.seed",
    ]
    assert {"trials", "folds"} <= {p.what for p in found.numbers.parts if not p.identical}
    assert files(workspace.root / "strategies") == strategies
    assert files(workspace.root / "reports/runs/studies") == studies
    assert found.folder is not None
    options = read_recipe(found.folder, command="").options
    assert options == read_recipe(workspace.runs / run.name, command="").options
    tuning = json.loads((found.folder / "result.json").read_text())["tuning"]
    assert (tuning["tuned"], tuning["storage"]) == (None, "a file that was not kept")


# ---- refused ----


def configured(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "config.toml", old, new)


def recorded(name: str, **changes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        record = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**record, **changes}))

    return change


def removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (removed("config.toml"), "no config.toml"),
        (removed("report.json"), "no report.json"),
        (removed("trades.parquet"), "there is nothing to compare with"),
        (recorded("result.json", verdicts=[{}]), "cannot read the run"),
        (recorded("result.json", schema=3), "this version knows 2\n  hint: update fadefollow"),
        (recorded("report.json", schema="x"), "schema 'x'"),
        (configured("[run]", "[run"), "not valid TOML"),
        (configured("[run]", "[ran]"), "did you mean 'run'"),
        (configured("[run.settings]", "[tune]\n[run.settings]"), "one table [run] or [tune]"),
        (configured("seed = 1", "seed = -1"), "key 'settings.seed'"),
        (configured("seed = 1", 'seed = "one"'), "key 'settings.seed'"),
        (configured("seed = 1", "sed = 1"), "did you mean 'seed'"),
        (configured("placebo_draws = 100", "placebo_draws = 0"), "key 'settings.placebo_draws'"),
        (configured("alpha = 0.05", "alpha = nan"), "key 'settings.alpha'"),
        (configured("smallest_bps = 20.0", "smallest_bps = 0"), "smallest_bps"),
        (configured('"skip"', '"guess"'), "key 'settings.missing_funding'"),
        (configured("revised = false", "universe = -3"), "universe: --universe must be a rule"),
        (configured("revised = false", 'universe = "age=9-8"'), "lower end must not exceed"),
        (configured("revised = false", 'accept = ["nothing"]'), "nothing"),
        (configured("revised = false", 'since = "noon"'), "--since must be a day or a time"),
        (configured("revised = false", 'symbols = ["TARN"]'), "no coin named"),
        (configured('dataset = "small"', 'dataset = "smal"'), "did you mean 'small'"),
        (configured('"small"', '"binance_history"'), "fadefollow data import binance_history"),
        (configured('"small"', '"../small"'), "no data set named"),
        (configured(f'"{NAME}"', '"other"'), "no table for strategy 'other'"),
        (configured("hold_hours = 72.0", "hold_hours = -1.0"), "key 'trade.hold_hours'"),
        (configured('signal = "funding"', 'signal = "gone"'), "no signal named"),
        (configured('"crowded_long"', '"crowded_lng"'), "did you mean 'crowded_long'"),
        (configured("quantile = 0.95", "quantille = 0.95"), "did you mean 'quantile'"),
        (configured("fingerprint =", "finger ="), "did you mean 'fingerprint'"),
        (configured("lines = 4", "lines = -4"), "key 'ledger.lines'"),
    ],
)
def test_what_cannot_be_repeated_is_refused(base, folder, change, says) -> None:
    before = files(base.root)
    change(folder)
    with pytest.raises(FadeFollowError, match=re.escape(says)):
        again(base, folder)
    assert files(base.root) == before


def test_a_signal_that_no_longer_takes_its_parameters_is_named(copied) -> None:
    workspace, run = copied
    path = workspace.root / "signals" / "funding.py"
    path.write_text(path.read_text().replace("cooldown_hours", "rest_hours"))
    says = r"no key named 'cooldown_hours'[^$]*signals/funding.py changed since the run"
    with pytest.raises(FadeFollowError, match=says):
        again(workspace, run)


# ---- the command ----


def cli(monkeypatch, capsys, root: Path, *words: str) -> tuple[int, str, str]:
    from fadefollow.cli import app as module

    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["fadefollow", "run", *words])
    monkeypatch.setenv("COLUMNS", "80")
    status = module._main()
    said = capsys.readouterr()
    return status, said.out, said.err


def test_rerun_prints_its_answer_on_the_first_line(copied, monkeypatch, capsys) -> None:
    workspace, run = copied
    status, out, _ = cli(monkeypatch, capsys, workspace.root, "--again", "latest")
    assert status == 0
    assert out.startswith("identical: all ")
    assert "2 verdicts, " in out.splitlines()[0]
    assert "no new run folder written" in out
    edit(workspace.root / "datasets" / "small.toml", "seed = 5", "seed = 6")
    status, out, _ = cli(monkeypatch, capsys, workspace.root, "--again", run.name)
    assert status == 0
    assert out.startswith("not identical: ")
    assert all(len(line) <= 80 for line in out.splitlines() if "report" not in line)
    for words in ("data fingerprint", "lab.seed", "rows gone", "crowded_long", "report.html"):
        assert words in out


def test_rerun_prints_nothing_but_json_with_json(copied, monkeypatch, capsys) -> None:
    workspace, run = copied
    edit(workspace.root / "datasets" / "small.toml", "seed = 5", "seed = 6")
    status, out, err = cli(monkeypatch, capsys, workspace.root, "--json", "--again", run.name)
    told = json.loads(out)
    assert (status, err) == (0, "")
    assert told["identical"] is False
    assert told["inputs"][0]["what"] == "data fingerprint"
    assert Path(told["folder"]).is_dir()
    verdicts = told["numbers"][0]
    assert (verdicts["what"], verdicts["rows_then"], verdicts["rows_now"]) == ("verdicts", 2, 2)
    assert set(verdicts["largest"]) == {"row", "field", "then", "now", "relative"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((NAME, "--again", "latest"), "got strategies"),
        (("--again", "latest", "--seed", "1"), "got --seed"),
        (("--again", "latest", "--open-holdout", "--since", "2021"), "got --open-holdout, --since"),
        (("--again", "latest", "--point-in-time"), "got --revised"),
        (("--again", "nothing"), "no run named 'nothing'"),
        (("--again",), "requires an argument"),
    ],
)
def test_options_that_change_the_run_are_refused_with_again(
    base, done, monkeypatch, capsys, words, says
) -> None:
    status, out, err = cli(monkeypatch, capsys, base.root, *words)
    assert (status, out) == (2, "")
    assert says in err


def test_what_the_ledger_knew_is_in_the_folder(done) -> None:
    recipe = read_recipe(done, command="")
    assert recipe.lines == 4
    assert recipe.known is not None
    assert recipe.known.count == 4
    stances = [stance for v in read_run(done).verdicts for stance in (v.fade, v.follow)]
    daily = [stance.sharpe / math.sqrt(365) for stance in stances]
    assert recipe.known.variance == pytest.approx(statistics.variance(daily), rel=1e-12)
