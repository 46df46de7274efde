"""Sweeps, changed strategies, lists, figures, and wrong types."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fadefollow as ff
from fadefollow.errors import FadeFollowError, ParameterError, UnknownNameError
from fadefollow.reporting.notebook.plots import COLOURS
from fadefollow.workspace import find_workspace, init_workspace
from tests.support.paths import ROOT

FEW: dict[str, Any] = {"placebo_draws": 100, "bootstrap_draws": 100}
NAME = "fade_crowded_funding"
#: the same without its types, to be called wrongly
UNTYPED: Any = ff


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine") / "workspace"
    init_workspace(folder)
    (folder / "datasets" / "short.toml").write_text(
        'title = "A short lab"\nsource = "lab"\nbar = "1h"\n\n'
        '[lab]\nseed = 1\nyears = 0.5\ncoins = ["IBEX", "LARK"]\n'
    )
    return folder


@pytest.fixture(autouse=True)
def inside(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workspace)
    return workspace


@pytest.fixture(scope="module")
def swept(workspace: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace)
        values: dict[str, list[float]] = {"hold_hours": [24, 72], "quantile": [0.85, 0.97]}
        return ff.sweep(NAME, values, dataset="short", **FEW)


def trials(workspace: Path) -> list[dict[str, Any]]:
    lines = (workspace / "reports" / "runs" / "trials.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_sweep_is_one_run_with_every_trial_in_the_ledger(swept: Any, workspace: Path) -> None:
    assert swept.grid.to_dict("list") == {
        "hold_hours": [24, 24, 72, 72],
        "quantile": [0.85, 0.97, 0.85, 0.97],
    }
    own = [row for row in trials(workspace) if row["command"].startswith("ff.sweep(")]
    assert swept.run.name == f"sweep-{NAME}"
    # four combinations × two phases × two stances, outright
    assert len(own) == 16
    assert len({row["configuration"] for row in own}) == 4
    held = swept.table.query("stance == 'fade'").groupby("hold_hours")["mean_hold_hours"].max()
    assert held[24] <= 24.0 < held[72] <= 72.0
    counts = swept.table.query("stance == 'fade' and phase == 'crowded_long' and hold_hours == 24")
    wide, strict = counts.set_index("quantile")["n_trades"][[0.85, 0.97]]
    assert wide > strict > 0  # what is rarer fires less
    assert len(swept.run.verdicts) == 8  # one run, so that all are corrected together


def test_a_sweep_shows_itself(swept: Any) -> None:
    assert repr(swept) == (
        f"Sweep({NAME}: hold_hours [24, 72], quantile [0.85, 0.97]; 4 combinations)"
    )
    assert "hold_hours" in swept._repr_html_()
    figure = swept.plot(phase="crowded_short", stance="fade")
    assert [list(trace.x) for trace in figure.data] == [["24", "72"], ["24", "72"]]
    with pytest.raises(UnknownNameError, match="no phase named 'crowded'"):
        swept.plot(phase="crowded")


def test_a_run_with_changed_settings_is_that_of_a_strategy_that_has_them(workspace: Path) -> None:
    strategy = find_workspace().strategy(NAME)
    changed = strategy.model_copy(
        update={
            "params": {**strategy.params, "quantile": 0.9},
            "trade": strategy.trade.model_copy(update={"hold_hours": 24.0}),
        }
    )
    by_name = ff.run(NAME, dataset="short", params={"quantile": 0.9}, hold_hours=24, **FEW)
    by_object = ff.run(changed, dataset="short", **FEW)
    pd.testing.assert_frame_equal(
        by_name.table.drop(columns=["deflated_sharpe", "n_trials_known"]),
        by_object.table.drop(columns=["deflated_sharpe", "n_trials_known"]),
    )
    assert by_name.command == (
        f"ff.run('{NAME}', dataset='short', params={{'quantile': 0.9}}, hold_hours=24, "
        "placebo_draws=100, bootstrap_draws=100)"
    )
    assert by_name.strategies[NAME]["trade"]["hold_hours"] == 24.0


def test_a_run_on_frames_agrees_with_that_on_the_data_set_they_come_from() -> None:
    lab = ff.open_dataset("short")
    tables = {
        name: {coin: market.table(name) for coin, market in lab.markets.items()}
        for name in ("perp", "funding", "mark", "spot")
    }
    bars, funding = tables.pop("perp"), tables.pop("funding")
    frames = ff.dataset(bars, funding=funding, streams=tables, name="mine")
    stored = ff.run(NAME, dataset="short", **FEW)
    handed = ff.run(NAME, dataset=frames, **FEW)
    columns = ["phase", "stance", "word", "n_trades", "mean_net_bps", "funding_bps", "p_placebo"]
    pd.testing.assert_frame_equal(stored.table[columns], handed.table[columns])
    assert handed.folder is not None
    assert ff.read_run(str(handed.folder)).dataset["name"] == "mine"
    with pytest.raises(ParameterError, match="since is for data sets by name"):
        ff.run(NAME, dataset=frames, since="2021-02-01")


def test_verdicts_by_name_and_as_tables(swept: Any) -> None:
    run = swept.run
    first = run[f"{NAME}_01", "crowded_long"]
    assert (first.strategy, first.phase) == (f"{NAME}_01", "crowded_long")
    with pytest.raises(ParameterError, match="several verdicts have this name"):
        run["crowded_long"]
    with pytest.raises(UnknownNameError, match="did you mean 'crowded_long'"):
        run["crowded_lon"]
    rows = first.to_frame().set_index("stance")
    assert rows.loc["fade", "mean_net_bps"] == first.fade.mean_net_bps
    assert rows.loc["fade", ["ci_low_bps", "ci_high_bps"]].tolist() == list(first.fade.ci_bps)
    assert len(run.table) == 16
    study = run.event_studies[0]
    assert study.to_frame()["mean_bps"].tolist() == pytest.approx(study.mean_bps, nan_ok=True)


def test_figures_hold_the_numbers(swept: Any) -> None:
    run = swept.run
    verdict = run[f"{NAME}_01", "crowded_long"]
    figure = verdict.plot()
    by_name = {trace.name: trace for trace in figure.data}
    assert by_name["fade"].x[0] == verdict.fade.mean_net_bps
    # with so few blocks there is no interval for all questions, and the row's own is drawn
    assert np.isnan(verdict.fade.band_bps).all()
    low, high = verdict.fade.ci_bps
    assert by_name["fade"].x[0] + by_name["fade"].error_x.array[0] == pytest.approx(high)
    assert by_name["fade"].x[0] - by_name["fade"].error_x.arrayminus[0] == pytest.approx(low)
    equity = run.plot("equity", strategy=f"{NAME}_01")
    assert {trace.name for trace in equity.data if trace.showlegend is None} == {
        "Fade",
        "Follow",
        "holding the same coins",
    }
    with pytest.raises(ParameterError, match="one strategy at a time"):
        run.plot("equity")
    assert len(run.event_studies[0].plot().data) >= 4
    assert "@" not in equity.to_json() + figure.to_json()


def test_phases_are_drawn_on_a_price() -> None:
    lab = ff.open_dataset("short")
    phases = ff.detect("funding", lab)
    plain = phases.plot()
    assert sum(len(trace.x) for trace in plain.data) == len(phases)
    market = lab.markets["IBEX"]
    line, *marks = phases.plot(market).data
    assert list(line.y[-3:]) == market.column("perp", "close")[-3:].tolist()
    assert sum(len(trace.x) for trace in marks) == (phases.table["symbol"] == "IBEX").sum()


def test_colours_are_those_of_the_report() -> None:
    css = (ROOT / "reports" / "theme" / "colours.css").read_text()
    light = css.partition("}")[0]
    assert [name for name, code in COLOURS.items() if f"--{name}: {code};" not in light] == []


def test_what_there_is() -> None:
    assert ff.strategies().loc[NAME, ["claim", "signal"]].tolist() == ["fade", "funding"]
    assert "crowded_long" in ff.signals().loc["funding", "phases"]
    assert ff.datasets().loc["short", "state"] == "simulated when used"


def test_a_scan_and_a_search(workspace: Path) -> None:
    scan = ff.scan(NAME, dataset="short")
    assert scan.dataset == "short"
    found = ff.tune(NAME, dataset="short", trials=10, folds=2, min_trades=5, jobs=1)
    assert found.strategy == NAME
    assert len(found.trials) == 30  # two folds, and the search for what to trade next


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: UNTYPED.open_dataset(5), "name must be text or None; got int 5"),
        (lambda: UNTYPED.open_dataset("short", symbols=5), "symbols must be text, several of text"),
        (lambda: UNTYPED.open_dataset("short", since=2021), "since must be text or None"),
        (lambda: UNTYPED.open_dataset("short", symbol="IBEX"), "did you mean 'symbols'"),
        (lambda: UNTYPED.signal(None), "name must be text"),
        (lambda: UNTYPED.signal(), "missing a required argument: 'name'"),
        (
            lambda: UNTYPED.detect("funding", "short"),
            "where must be a Dataset, a Market or",
        ),
        (lambda: UNTYPED.detect("funding", 3), "where must be"),
        (lambda: UNTYPED.detect("funding", ["IBEX"]), "where must be"),
        (lambda: UNTYPED.indicator(3), "signal must be text or a class of Signal"),
        (lambda: UNTYPED.run(5), "strategies must be text or a Strategy"),
        (lambda: UNTYPED.run(NAME, seed="one"), "seed must be a whole number or None"),
        (lambda: UNTYPED.run(NAME, placebo_draws=True), "placebo_draws must be a whole number"),
        (lambda: UNTYPED.run(NAME, hold_hours="3d"), "hold_hours must be a number or None"),
        (lambda: UNTYPED.run(NAME, params=[1]), "params must be a mapping"),
        (
            lambda: UNTYPED.run(NAME, dataset="short", params={"quantil": 0.9}),
            "did you mean 'quantile'",
        ),
        (lambda: UNTYPED.run(NAME, placebos=5), "did you mean 'placebo_draws'"),
        (lambda: UNTYPED.read_run(3), "run must be text"),
        (lambda: UNTYPED.sweep(NAME, {"hold_hours": 24}), "values must be a mapping of several"),
        (lambda: UNTYPED.sweep(NAME, {}), "1 to 60 combinations"),
        (lambda: UNTYPED.sweep(NAME, {"hold_hour": [24]}), "did you mean 'hold_hours'"),
        (lambda: UNTYPED.tune(NAME, trials="many"), "trials must be a whole number"),
        (lambda: UNTYPED.tune(NAME, stance="both"), "stance must be 'fade' or 'follow' or None"),
        (lambda: UNTYPED.scan(NAME, live="yes"), "live must be True or False or None"),
        (lambda: UNTYPED.dataset(3), "prices must be a DataFrame or a mapping"),
        (lambda: UNTYPED.study(3, 4), "events must be a DataFrame or a Phases"),
        (lambda: UNTYPED.study(), "missing a required argument: 'events'"),
    ],
)
def test_a_wrong_argument_is_one_plain_message(call: Any, said: str) -> None:
    with pytest.raises(FadeFollowError) as caught:
        call()
    assert said in str(caught.value)


def test_signatures_name_every_option() -> None:
    names = set(inspect.signature(ff.run).parameters)
    assert {"strategies", "dataset", "seed", "placebo_draws", "params", "hold_hours"} <= names
    assert "options" not in names
