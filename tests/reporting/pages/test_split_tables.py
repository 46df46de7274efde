"""Splits, fragility and the test of the best book: stored, read back and laid out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from fadefollow.reporting import read_run, render
from fadefollow.reporting.pages.split_tables import MOST, fragility_tables, split_tables
from fadefollow.results.record import write_records, write_tables
from fadefollow.verdict.exploratory import CoinCapacity, FragilityRow, SpaTest, SplitCell
from fadefollow.verdict.model import RunResult, StanceResult
from tests.support.html_page import unpacked
from tests.support.reporting_cases import REPORTS, Cases

NAN = math.nan
STRATEGY, PHASE = "fade_crowded_funding", "crowded_short"


def _cell(stance: str, split: str, cell: str, mean: float, q: float, note: str = "") -> SplitCell:
    low, high = (NAN, NAN) if note else (mean - 50.0, mean + 50.0)
    return SplitCell(
        STRATEGY, PHASE, stance, split, cell, 40, 30.0, mean, low, high, 5.0, q / 2, q, note
    )


@pytest.fixture(scope="module")
def run(cases: Cases) -> RunResult:
    cells = (
        _cell("fade", "coin", "BTC", 80.0, 0.01),
        _cell("fade", "coin", "ETH", 12.0, NAN, "too few"),
        _cell("follow", "coin", "BTC", -95.0, 0.2),
    )
    flips = (
        FragilityRow(STRATEGY, PHASE, "as run", "fade", "fade", 42.3, 132, flips=False),
        FragilityRow(STRATEGY, PHASE, "costs doubled", "undecided", "fade", 28.0, 132, flips=True),
        FragilityRow(STRATEGY, PHASE, "no funding", "", "", NAN, 0, flips=False, note="no bars"),
    )
    spa = SpaTest(4, STRATEGY, PHASE, "fade", 0.01, 0.02, 0.03, 999, 0.004, "The best of 4 books")
    first = cases.plain.verdicts[0]
    assert isinstance(first.fade, StanceResult)
    fade = replace(
        first.fade,
        p_adjusted_error=0.004,
        capacity_quote=1.25e6,
        capacity_median_quote=2e6,
        capacity_by_coin=(CoinCapacity("BTC", 4e6), CoinCapacity("ETH", NAN)),
    )
    verdicts = (replace(first, fade=fade), *cases.plain.verdicts[1:])
    return replace(cases.plain, verdicts=verdicts, splits=cells, fragility=flips, spa=spa)


def test_splits_fragility_and_spa_survive_storing(run: RunResult, tmp_path: Path) -> None:
    write_tables(run, tmp_path)
    write_records(run, tmp_path)
    back = read_run(tmp_path)
    assert repr(back.splits) == repr(run.splits)
    assert repr(back.fragility) == repr(run.fragility)
    assert back.spa == run.spa
    assert repr(back.verdicts[0].fade) == repr(run.verdicts[0].fade)


def test_one_table_a_phase_with_both_stances_in_a_row(run: RunResult) -> None:
    table = split_tables(run)[STRATEGY, PHASE]
    assert table.summary == "2 cells large enough, 1 unlike any hour of the same cell"
    btc, eth = table.rows
    assert (btc.label, btc.fade.mean, btc.fade.interval) == ("BTC", "+80", "[30, 130]")
    assert (btc.fade.marked, btc.follow.marked, btc.drawn) == (True, False, True)
    assert (eth.fade.interval, eth.fade.q, eth.follow.trades) == ("too few", "—", "—")
    assert not eth.drawn


def test_flips_are_named(run: RunResult) -> None:
    table = fragility_tables(run)[STRATEGY, PHASE]
    assert table.summary == "1 flip: costs doubled: undecided"
    assert [row.flips for row in table.rows] == [False, True, False]
    assert table.rows[2].note == "No bars."


def test_splits_and_fragility_are_on_their_phases_page(run: RunResult) -> None:
    html = unpacked(render(replace(run, prices={}), REPORTS))
    of_first = html[html.index('id="phase-1"') : html.index('id="phase-2"')]
    assert "2 cells large enough, 1 unlike any hour of the same cell." in of_first
    assert "1 flip: costs doubled: undecided." in of_first
    assert "There were too few trades to be split." in html[html.index('id="phase-2"') :]


def test_of_many_cells_those_that_stand_out_and_the_largest_are_shown(run: RunResult) -> None:
    coins = [
        replace(_cell("fade", "coin", f"C{k}", 10.0, 0.5), n_trades=100 + k)
        for k in range(MOST + 5)
    ]
    coins[1] = replace(coins[1], q=0.01)
    years = [_cell("fade", "year", "2021", 1.0, 0.5), _cell("fade", "year", "2022", 1.0, 0.5)]
    table = split_tables(replace(run, splits=(*coins, *years)))[STRATEGY, PHASE]
    # C1 is marked; C0 and C2 to C5 have the fewest trades
    kept = ["C1", *(f"C{k}" for k in range(6, MOST + 5))]
    assert [row.label for row in table.rows] == [*kept, "2021", "2022"]
    assert table.summary == f"{MOST + 7} cells large enough, 1 unlike any hour of the same cell"
    assert table.left_out == "30 of 35 by coin"
    html = unpacked(render(replace(run, splits=tuple(coins), prices={}), REPORTS))
    assert "Shown are 30 of 35 by coin: those that stand out" in html
    assert split_tables(run)[STRATEGY, PHASE].left_out == ""
