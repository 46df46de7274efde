"""result.json has its documented fields, and a stored run comes back as it was."""

from __future__ import annotations

import json
import math
import shutil
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.errors import SpecError, StoreError
from fadefollow.reporting import read_run, read_tuning, write_run
from fadefollow.results.record import config_text, result_record
from fadefollow.tuning.model import TuneSettings
from fadefollow.verdict.model import NotTraded, StanceResult
from fadefollow.verdict.words import Settle
from tests.support.reporting_cases import REPORTS, Cases, stance, verdict
from tests.support.tuning_cases import tune, tuned_run

VERDICT_KEYS = [
    "strategy",
    "signal",
    "phase",
    "claim",
    "split",
    "symbols",
    "n_phases",
    "blocks",
    "block_days",
    "fate",
    "fate_book",
    "fates",
    "reason",
    "settle",
    "fade",
    "follow",
    "difference_ci_bps",
]
#: DESIGN names these of a stance in a book
STANCE_KEYS = {
    "word",
    "reason",
    "n_trades",
    "mean_net_bps",
    "ci_bps",
    "band_bps",
    "parts_bps",
    "price_ci_bps",
    "funding_ci_bps",
    "shrunken_bps",
    "shrunken_ci_bps",
    "anyhour_mean_bps",
    "placebo",
    "momentum_mean_bps",
    "momentum_ci_bps",
    "detectable_bps",
    "sharpe",
    "max_drawdown",
    "breakeven_cost_bps",
    "pnl",
    "n_liquidated",
    "trades_a_year",
    "time_in_market",
    "blocks",
    "block_days",
    "deflated_sharpe",
    "n_trials_known",
    "capacity_quote",
    "capacity_median_quote",
    "capacity_by_coin",
}


@pytest.fixture(scope="module")
def stored(cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(cases.plain, tmp_path_factory.mktemp("runs"), REPORTS)


@pytest.fixture(scope="module")
def record(stored: Path) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    loaded: dict[str, Any] = json.loads(
        (stored / "result.json").read_text("utf-8"), parse_constant=refuse
    )
    return loaded


def test_top_level_schema(record: dict[str, Any]) -> None:
    assert list(record) == [
        "schema",
        "version",
        "command",
        "dataset",
        "assumptions",
        "verdicts",
        "notes",
        "seconds",
    ]
    assert record["schema"] == 2
    assert list(record["dataset"]) == ["name", "fingerprint", "coverage", "left_out", "audit"]
    assert record["seconds"] == {"data": 1.31, "signals": 0.42, "engine": 2.5, "verdict": 6.75}


def test_verdict_schema(record: dict[str, Any]) -> None:
    first = record["verdicts"][0]
    truth = ["planted_bps", "horizon_hours", "planted_from"]
    assert list(first) == [*VERDICT_KEYS, *truth]
    assert list(first["fade"])[:2] == list(first["follow"])[:2] == ["outright", "hedged"]
    outright = first["fade"]["outright"]
    assert set(outright) >= STANCE_KEYS
    assert list(outright["pnl"]) == [
        "price",
        "funding",
        "fees",
        "slippage",
        "liquidation",
        "hedge",
    ]
    assert (outright["word"], outright["mean_net_bps"], outright["ci_bps"]) == (
        "pays",
        42.3,
        [5.1, 80.4],
    )
    assert first["follow"]["outright"]["word"] == "loses"
    assert first["symbols"] == ["BTC", "ETH", "SOL"]
    assert first["fade"]["hedged"]["placebo"]["kind"] == "coins"
    assert (first["claim"], first["fate"], first["fate_book"]) == ("fade", "supported", "outright")
    assert first["fates"] == {"outright": "supported", "hedged": "supported"}
    second = record["verdicts"][1]
    assert (second["fate"], second["fate_book"]) == ("refuted", "hedged")
    assert second["fates"] == {"outright": "open", "hedged": "refuted"}
    assert (first["planted_bps"], first["horizon_hours"]) == (-60.0, 72.0)


def test_an_open_row_says_what_would_settle_it(cases: Cases) -> None:
    settle = Settle(("mean",), "fade", "outright", detectable_bps=58.0, multiple=2.5, years=4.5)
    still = verdict(
        "fade_x", "up", "fade", stance(11.6, (-20.0, 44.0)), stance(-5.0, (-30.0, 40.0))
    )
    run = replace(cases.plain, verdicts=(replace(still, settle=settle), cases.plain.verdicts[0]))
    told, decided = result_record(run)["verdicts"]
    assert (told["fate"], decided["settle"]) == ("open", None)
    assert told["settle"] == {
        "conditions": ["mean"],
        "stance": "fade",
        "book": "outright",
        "blocks": None,
        "blocks_needed": None,
        "block_days": None,
        "detectable_bps": 58.0,
        "multiple": 2.5,
        "years": 4.5,
        "coins": None,
        "streams": [],
    }


def test_a_book_that_was_not_made_is_null_with_its_reason(record: dict[str, Any]) -> None:
    third = record["verdicts"][2]
    assert third["follow"]["hedged"] is None
    assert third["follow"]["reason"] == {
        "hedged": {"reason": "only perps are hedged", "code": "no_hedge", "streams": []}
    }


def test_untraded_stance_is_null_with_its_reason(record: dict[str, Any]) -> None:
    third = record["verdicts"][2]
    assert third["fade"]["outright"] is None
    assert third["fade"]["reason"]["outright"] == {
        "reason": "spot is sold short only where a borrow rate is given",
        "code": "not_tradable",
        "streams": [],
    }
    assert "planted_bps" not in third


def test_nan_is_null(record: dict[str, Any]) -> None:
    third = record["verdicts"][2]
    follow = third["follow"]["outright"]
    assert follow["mean_net_bps"] is None
    assert follow["ci_bps"] == [None, None]
    assert follow["n_trades"] == 0
    assert follow["detectable_bps"] is None
    assert third["difference_ci_bps"]["outright"] == [None, None]


def test_infinity_and_numpy_are_plain_json(cases: Cases) -> None:
    run = replace(
        cases.plain,
        dataset={
            "name": "x",
            "coverage": {
                "a": np.int64(3),
                "b": (np.float64("nan"), math.inf),
                "c": pd.Timestamp("2026-01-01", tz="UTC"),
                "d": pd.NaT,
                "e": np.bool_(True),
            },
        },
    )
    assert result_record(run)["dataset"] == {
        "name": "x",
        "fingerprint": None,
        "coverage": {
            "a": 3,
            "b": [None, None],
            "c": "2026-01-01T00:00:00+00:00",
            "d": None,
            "e": True,
        },
        "left_out": {},
        "audit": [],
    }


def test_parquet_files(cases: Cases, stored: Path) -> None:
    trades = pd.read_parquet(stored / "trades.parquet")
    assert tuple(trades.columns) == TRADE_COLUMNS
    assert str(trades["entry_time"].dt.tz) == "UTC"
    outright, hedged = (trades[trades["book"] == book] for book in ("outright", "hedged"))
    assert_frame_equal(outright, cases.plain.trades)
    assert_frame_equal(hedged.reset_index(drop=True), cases.plain.hedged_trades, check_like=True)
    assert_frame_equal(pd.read_parquet(stored / "phases.parquet"), cases.plain.phases)
    equity = pd.read_parquet(stored / "equity.parquet")
    assert list(equity.columns) == ["time", "strategy", "stance", "book", "value"]
    assert list(pd.read_parquet(stored / "truth.parquet").columns) == [
        "symbol",
        "phase",
        "start",
        "end",
        "planted_bps",
        "horizon_hours",
    ]


def test_no_truth_is_written_for_real_data(cases: Cases, tmp_path: Path) -> None:
    path = write_run(replace(cases.hostile, truth=None), tmp_path, REPORTS)
    assert not (path / "truth.parquet").exists()
    assert read_run(path).truth is None


def test_stored_run_comes_back(cases: Cases, stored: Path) -> None:
    run, back = cases.plain, read_run(stored)
    assert back.verdicts[:2] == run.verdicts[:2]
    assert back.verdicts[2].fade == NotTraded(
        "spot is sold short only where a borrow rate is given"
    )
    follow = back.verdicts[2].follow
    assert isinstance(follow, StanceResult)
    assert follow.n_trades == 0
    assert math.isnan(follow.mean_hold_hours)
    assert back.event_studies == run.event_studies
    for name in ("name", "command", "started", "version", "dataset", "strategies", "config"):
        assert getattr(back, name) == getattr(run, name), name
    for name in ("missing", "seconds", "versions", "notes"):
        assert getattr(back, name) == getattr(run, name), name
    assert_frame_equal(back.equity, run.equity, check_freq=False, check_names=False)
    assert list(back.prices) == list(run.prices)
    for coin, frame in run.prices.items():
        assert_frame_equal(back.prices[coin], frame, check_freq=False)
    assert back.truth is not None


def test_a_stored_run_renders_to_the_same_page(stored: Path, tmp_path: Path) -> None:
    again = write_run(read_run(stored), tmp_path, REPORTS)
    first, second = (p / "report.html" for p in (stored, again))
    assert first.read_bytes() == second.read_bytes()


def test_hostile_config_is_valid_toml(cases: Cases) -> None:
    text = config_text(cases.hostile)
    assert tomllib.loads(text) == cases.hostile.config


def test_config_leaves_out_what_is_absent(cases: Cases, stored: Path) -> None:
    config = tomllib.loads((stored / "config.toml").read_text("utf-8"))
    told = {"signal": "funding", "hold_hours": 72}
    assert config == {
        "dataset": "lab",
        "seed": 7,
        "alpha": 0.05,
        "symbols": ["BTC", "ETH", "SOL"],
        "strategies": {"fade_crowded_funding": told},
    }


def test_command_cannot_break_out_of_its_comment(cases: Cases) -> None:
    run = replace(cases.plain, command="fadefollow run\nseed = 8\x07")
    assert tomllib.loads(config_text(run))["seed"] == 7


def test_empty_value_in_a_list_is_refused(cases: Cases) -> None:
    run = replace(cases.plain, config={"symbols": ["BTC", None]})
    with pytest.raises(SpecError, match=r"config\.symbols: a list in a configuration"):
        config_text(run)


def test_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"not the folder of a run: no result\.json"):
        read_run(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"schema": 0}', '{"schema": "1"}', "[]", "{}"])
def test_damaged_run_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(text, "utf-8")
    with pytest.raises(StoreError, match="cannot read the run"):
        read_run(tmp_path)


def test_a_run_of_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"schema": 3}', "utf-8")
    with pytest.raises(StoreError, match=r"result\.json: .*\n?.*schema 3.*\n.*update fadefollow"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("trades.parquet", "remove", "no trades.parquet"),
        ("report.json", "remove", "no report.json"),
        ("equity.parquet", "cut", "Parquet magic bytes not found"),
        ("trades.parquet", "column", "trades.parquet: no column return"),
        ("report.json", "key", "nothing called 'coins'"),
    ],
)
def test_what_is_lost_from_a_run_is_named(
    name: str, spoil: str, said: str, stored: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(stored, tmp_path / "run"))
    path = folder / name
    if spoil == "remove":
        path.unlink()
    elif spoil == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif spoil == "column":
        pd.read_parquet(path).drop(columns="return").to_parquet(path)
    else:
        known = json.loads(path.read_text("utf-8"))
        del known["coins"]
        path.write_text(json.dumps(known), "utf-8")
    with pytest.raises(StoreError) as caught:
        read_run(folder)
    assert said in str(caught.value)
    assert "the first line of its config.toml" in str(caught.value)


def test_where_the_planted_truth_came_from_is_kept(cases: Cases, tmp_path: Path) -> None:
    first, *others = cases.hostile.verdicts
    known = replace(first, planted_from="simulation")
    path = write_run(replace(cases.hostile, verdicts=(known, *others)), tmp_path, REPORTS)
    assert [v.planted_from for v in read_run(path).verdicts] == ["simulation", None, None]


def test_trials_by_state_are_kept_however_they_were_counted(tmp_path: Path) -> None:
    job = tune(TuneSettings("fade", trials=20, folds=2))
    counted = tuple(replace(fold, counts=Counter(fold.counts)) for fold in job.folds)
    path = write_run(tuned_run(), tmp_path, REPORTS, tuning=replace(job, folds=counted))
    again = read_tuning(path)
    assert again is not None
    assert [fold.counts for fold in again.folds] == [dict(fold.counts) for fold in job.folds]

    # an earlier version wrote the pairs as keys
    record = json.loads((path / "result.json").read_text("utf-8"))
    for fold in record["tuning"]["folds"]:
        fold["counts"] = {str(pair): 1 for pair in fold["counts"].items()}
    (path / "result.json").write_text(json.dumps(record), "utf-8")
    mended = read_tuning(path)
    assert mended is not None
    there = [{s: n for s, n in fold.counts.items() if n} for fold in job.folds]
    assert [fold.counts for fold in mended.folds] == there
