"""The tiles of a phase's page agree with result.json, figure by figure, and say their scope."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from fadefollow.reporting.phase.tiles import tiles_of
from fadefollow.reporting.write import write_run
from fadefollow.verdict.exploratory import BookRatios
from fadefollow.verdict.model import StanceResult
from tests.support.reporting_cases import REPORTS, Cases

T = "\u202f"


def ratios_of(strategy: str, stance: str = "fade", book: str = "outright") -> BookRatios:
    return BookRatios(
        strategy=strategy,
        stance=stance,
        book=book,
        gain_a_year=0.084,
        growth_a_year=0.072,
        sharpe=1.12,
        sortino=1.61,
        calmar=0.44,
        beta=-0.2,
        best_day=0.031,
        worst_day=-0.042,
        days_in_market=0.36,
    )


def test_every_tile_is_that_of_the_record(cases: Cases, tmp_path: Path) -> None:
    folder = write_run(cases.plain, tmp_path, REPORTS)
    html = (folder / "report.html").read_text("utf-8")
    record = json.loads((folder / "result.json").read_text("utf-8"))["verdicts"][0]
    page = html[html.index('id="phase-1"') : html.index('id="phase-1-study"')]
    panels = page.split('<div class="panel" data-panel="phase-1-tiles"')[1:]
    assert len(panels) == 4
    # the claimed stance in the book that speaks is first
    for panel, (stance, book) in zip(
        panels,
        [("fade", "outright"), ("fade", "hedged"), ("follow", "outright"), ("follow", "hedged")],
        strict=True,
    ):
        one = record[stance][book]
        found = re.findall(r'data-term="(\w+)" data-scope="(\w+)"><b class="many">(.*?)</b>', panel)
        shown = {term: unescape(re.sub(r"<[^>]+>", "", text)) for term, _, text in found}
        assert {scope for _, scope, _ in found} == {"phase"}
        sign = "−" if one["mean_net_bps"] < 0 else "+"
        size = abs(one["mean_net_bps"])
        digits = 1 if size < 9.95 else 0
        assert shown["mean"] == f"{sign}{size:.{digits}f}{T}bps"
        assert shown["a_year"] == f"{one['trades_a_year']:.0f}"
        assert shown["in_market"] == f"{100 * one['time_in_market']:.1f}{T}%"
        assert shown["drawdown"] == f"−{100 * abs(one['max_drawdown']):.1f}{T}%"
        assert shown["win_rate"] == f"{100 * one['win_rate']:.0f}{T}%"
        # bps a trade × trades a year, over the capitals of three coins
        gain = one["mean_net_bps"] / 1e4 * one["trades_a_year"] / 3
        assert shown["gain_a_year"] == f"{sign}{100 * abs(gain):.1f}{T}%"


def test_the_whole_strategy_has_a_tile_of_its_own(cases: Cases) -> None:
    verdict = cases.plain.verdicts[0]
    run = replace(cases.plain, ratios=(ratios_of(verdict.strategy),))
    first = tiles_of(run, verdict)[0]
    last = first.tiles[-1]
    assert (last.scope, last.value.text) == ("strategy", f"+8.4{T}%")
    assert all(one.scope == "phase" for one in first.tiles[:-1])


@pytest.mark.parametrize(
    ("fall", "shown", "note"),
    [
        (-0.184, f"−18.4{T}%", ""),
        (-1.522, f"−152.2{T}%", "account gone, fixed capital"),
    ],
)
def test_a_fall_beyond_the_capital_says_what_it_means(
    cases: Cases, fall: float, shown: str, note: str
) -> None:
    verdict = cases.plain.verdicts[0]
    assert isinstance(verdict.fade, StanceResult)
    gone = replace(verdict, fade=replace(verdict.fade, max_drawdown=fall))
    (tile,) = [t for t in tiles_of(cases.plain, gone)[0].tiles if t.term == "drawdown"]
    assert (tile.value.text, tile.note) == (shown, note)
