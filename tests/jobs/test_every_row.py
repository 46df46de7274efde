"""All strategies on a small market: no row without a word for each stance, or what would settle it.

Two coins, one of them BTC, so that trades of the other have a hedged book; bars of 4 hours, so that
some signals find too little, and streams that the lab has not, so that some find nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from fadefollow.cli.render.run import show_run
from fadefollow.engine.model import BOOKS
from fadefollow.jobs.run import RunOptions, run_job
from fadefollow.market.datasets.request import DataRequest
from fadefollow.phases import STANCES
from fadefollow.reporting.text.answers import why_text
from fadefollow.results.stored_run import StoredRun
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult
from fadefollow.verdict.words import Word
from fadefollow.workspace import find_workspace, init_workspace

LAB = """\
title = "A small lab"
source = "lab"
bar = "4h"

[lab]
seed = 3
start = 2021-01-01
years = 2.5
coins = ["BTC", "IBEX"]
quiet_days = 90

[lab.plants.crowded_short]
drift_bps = -900
horizon_hours = 72
per_year = 30
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("every_row") / "mine"
    init_workspace(root)
    (root / "datasets" / "small.toml").write_text(LAB)
    workspace = find_workspace(root)
    options = RunOptions.of(
        workspace, DataRequest(dataset="small"), placebo_draws=200, bootstrap_draws=200
    )
    with pytest.MonkeyPatch.context() as patch:  # pages are drawn elsewhere
        patch.setattr("fadefollow.reporting.write.render", lambda *_: "a report")
        _, found = run_job(workspace, options, step=lambda *_: None)
    return found


@pytest.fixture(scope="module")
def run(folder: Path) -> RunResult:
    """The run as a reader has it."""
    return StoredRun(folder).result


def test_every_stance_has_a_word_in_each_book_or_the_reason_why_not(run: RunResult) -> None:
    assert len(run.verdicts) > 25
    seen: set[str] = set()
    for verdict in run.verdicts:
        for stance in STANCES:
            for book in BOOKS:
                one = verdict.result(stance, book)
                where = f"{verdict.strategy} {verdict.phase} {stance} {book}"
                if isinstance(one, NotTraded):
                    assert one.reason, where
                    seen.add(one.code)
                    continue
                assert one.word in get_args(Word), where
                seen.add(one.word)
                assert (one.word == "open") == (one.reason.code == "conditions"), where
                if one.word != "untestable":
                    low, high = one.band_bps
                    assert low <= one.mean_net_bps <= high, where
                    assert one.blocks >= 20, where
                    assert one.detectable_bps > 0, where
    assert {"pays", "loses", "open", "untestable", "no_hedge"} <= seen


def test_an_open_row_says_what_would_settle_it_and_an_untestable_one_why(run: RunResult) -> None:
    fates = set()
    for verdict in run.verdicts:
        where = f"{verdict.strategy} {verdict.phase}"
        fates.add(verdict.fate)
        assert why_text(verdict), where
        if verdict.fate == "open":
            settle = verdict.settle
            assert settle is not None, where
            assert settle.conditions, where
            assert settle.stance is not None, where
            assert settle.book is not None, where
            assert settle.multiple >= 1.0 or settle.detectable_bps > 0.0, where
            # at the present rate, the years that are missing follow from the multiple
            if settle.multiple > 1.0:
                assert settle.years > 0.0, where
        elif verdict.fate == "untestable":
            assert verdict.reason.code not in ("decided", "conditions"), where
            if verdict.reason.code == "missing_streams":
                assert verdict.settle is not None, where
                assert verdict.settle.streams == verdict.reason.streams, where
        else:
            assert verdict.settle is None, where
            assert verdict.fates.book is not None, where
    assert {"supported", "open", "untestable"} <= fates


def test_the_planted_claim_is_supported_in_both_books(run: RunResult) -> None:
    """Crowded shorts rise by 900 bps in 72 h; that is the coin's own, also against BTC."""
    (row,) = (
        v
        for v in run.verdicts
        if (v.strategy, v.phase) == ("fade_crowded_funding", "crowded_short")
    )
    assert row.fate == "supported"
    assert isinstance(row.fade, StanceResult)
    assert row.fade.word == "pays"
    assert set(row.fates.by_book) == {"outright", "hedged"}


def test_the_file_and_the_terminal_have_every_row(
    run: RunResult,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    assert [(v["strategy"], v["phase"], v["fate"]) for v in record["verdicts"]] == [
        (v.strategy, v.phase, v.fate) for v in run.verdicts
    ]
    assert "undecided" not in json.dumps(record["verdicts"])
    monkeypatch.setenv("COLUMNS", "200")
    show_run(run, folder)
    lines = capsys.readouterr().out.splitlines()
    told = [v for v in run.verdicts if v.fate != "untestable"]
    for verdict in told:
        named = f"{verdict.phase}: {verdict.claim} "
        assert any(verdict.strategy in line and named in line for line in lines), named
    apart = len(run.verdicts) - len(told)
    (said,) = (line for line in lines if line.startswith(f"{apart} not testable: "))
    counts = [int(part.rpartition(" ")[2]) for part in said.partition(": ")[2].split(", ")]
    assert sum(counts) == apart


def test_each_trade_of_the_file_is_in_a_book_that_has_a_word(run: RunResult) -> None:
    rows = {(v.strategy, v.phase): v.results for v in run.verdicts}
    for trades, book in zip((run.trades, run.hedged_trades), BOOKS, strict=True):
        assert set(trades["book"]) == {book}
        for key, mine in trades.groupby(["strategy", "phase", "stance"]):
            strategy, phase, stance = map(str, key)
            one = {(str(s), b): result for (s, b), result in rows[strategy, phase].items()}[
                stance, book
            ]
            regular = mine[mine["exit_reason"] != "end"]
            assert one.n_trades == regular["trade_id"].nunique()
            if not one.n_trades or len(set(mine["leg"])) > 1:  # a spread has a row a leg
                continue
            assert one.mean_net_bps == pytest.approx(1e4 * regular["return"].mean(), rel=1e-9)
