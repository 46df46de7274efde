"""The pages that the browser opens: of runs through the whole engine, and of hostile ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import filelock
import pandas as pd

from fadefollow.jobs.report import compare_job
from fadefollow.jobs.run import RunOptions, run_job
from fadefollow.jobs.scan import ScanOptions, scan_job, scan_page
from fadefollow.jobs.tune import TuneOptions, tune_job
from fadefollow.market.datasets.request import DataRequest
from fadefollow.reporting import write_index, write_run
from fadefollow.reporting.pages.calibration import write_calibration
from fadefollow.tuning.model import TuneSettings
from fadefollow.tuning.settings import tune_settings
from fadefollow.verdict.calibration import Design, summarise
from fadefollow.verdict.run.measure import Settings
from fadefollow.workspace import find_workspace, init_workspace
from tests.support.calibration_cases import table_of
from tests.support.reporting_cases import REPORTS, make_cases
from tests.support.tuning_cases import hostile_tuning, tune, tuned_run

#: crowds, doors with numbers, two legs, and a disputed claim
STRATEGIES = ("fade_crowded_funding", "fade_doors", "fade_rich_carry_spread", "fade_flush")
COINS = ("IBEX", "LARK")
_LAB = """\
title = "A small lab"
source = "lab"
bar = "1h"

[lab]
seed = 5
start = 2021-01-01
years = 3
coins = ["IBEX", "LARK"]
quiet_days = 30
annual_drift = 0.15
annual_volatility = 0.6

[lab.plants.crowded_short]
drift_bps = -300
horizon_hours = 72
per_year = 12
"""
_DRAWS = 100


@dataclass(frozen=True)
class Reports:
    """Pages on disk; a run's folder is its page's parent."""

    real: Path  #: four strategies on two simulated coins, through the engine
    tuning: Path  #: a tuning job of one of them
    index: Path  #: the list of these two
    hostile: Path  #: a synthetic run in which every text is markup
    hostile_tuning: Path  #: a tuning job whose parameters, values and errors are markup
    two: Path  #: a tuning job with two objectives
    calibration: Path  #: a synthetic one
    comparison: Path  #: of the real run and its tuning job
    scan: Path  #: of the coins at a time when there is a phase
    hostile_index: Path  #: the list of the hostile ones


def made(folder: Path) -> Reports:
    """The pages below `folder`; whoever comes first makes them, the others wait."""
    folder.mkdir(exist_ok=True)
    said = folder / "made.json"
    with filelock.FileLock(folder / ".lock"):
        if not said.exists():
            found = {**_real(folder / "real"), **_synthetic(folder / "synthetic")}
            said.write_text(json.dumps({name: str(path) for name, path in found.items()}))
        return Reports(**{k: Path(path) for k, path in json.loads(said.read_text()).items()})


def _real(root: Path) -> dict[str, Path]:
    """A workspace with a run and a tuning job."""
    init_workspace(root)
    (root / "datasets" / "small.toml").write_text(_LAB)
    workspace = find_workspace(root)
    judging = Settings(placebo_draws=_DRAWS, bootstrap_draws=_DRAWS)
    options = RunOptions.of(
        workspace,
        DataRequest(dataset="small"),
        strategies=STRATEGIES,
        placebo_draws=_DRAWS,
        bootstrap_draws=_DRAWS,
    )
    _, run = run_job(workspace, options, step=_silent)
    name = STRATEGIES[0]
    settings = tune_settings(workspace.strategy(name), trials=12, folds=2, min_trades=5, batch=6)
    asked = TuneOptions(
        data=options.data, strategy=name, settings=settings, judging=judging, jobs=1
    )
    tuned = tune_job(workspace, asked, step=_silent).folder
    _, comparison = compare_job(workspace, [run, tuned], None, step=_silent)
    wanted = ScanOptions(
        data=DataRequest(dataset="small", until="2021-11-20"), strategies=STRATEGIES
    )
    scan = scan_page(workspace, scan_job(workspace, wanted, step=_silent))
    assert scan.page is not None
    write_index(workspace.runs, workspace.templates)
    return {
        "comparison": comparison,
        "scan": scan.page,
        "real": run / "report.html",
        "tuning": tuned / "report.html",
        "index": workspace.runs / "index.html",
    }


def _synthetic(runs: Path) -> dict[str, Path]:
    """Runs that no engine made: what cannot be had from one."""
    hostile, tuned = make_cases().hostile, tuned_run()
    both = TuneSettings("fade", trials=40, folds=2, objectives=("t", "calmar"), sampler="nsga2")
    bad = runs / "hostile"
    design = Design(markets=4, planted_markets=0)
    found = summarise(
        design, [table_of(k) for k in range(4)], strategies=(STRATEGIES[0],), key="abc"
    )
    started = pd.Timestamp("2026-03-05 12:00", tz="UTC")
    calibration = write_calibration(found, runs, REPORTS, command="", started=started)
    return {
        "calibration": calibration / "report.html",
        "hostile": write_run(hostile, bad, REPORTS) / "report.html",
        "hostile_tuning": write_run(tuned, bad, REPORTS, tuning=hostile_tuning()) / "report.html",
        "two": write_run(tuned, runs, REPORTS, tuning=tune(both)) / "report.html",
        "hostile_index": bad / "index.html",
    }


def _silent(text: str, done: float | None) -> None:
    """Progress is not shown."""
