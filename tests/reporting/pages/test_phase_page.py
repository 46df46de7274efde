"""The table of verdicts and the page of each phase: what they hold, and what stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from fadefollow.core.notes import Note, text_note
from fadefollow.reporting import render
from fadefollow.reporting.charts.performance import ClosedTrades, trade_lists
from fadefollow.verdict.model import RunResult
from tests.support.html_page import Page
from tests.support.reporting_cases import IMG, REPORTS, SCRIPT, Cases


@pytest.fixture(scope="module")
def run(cases: Cases) -> RunResult:
    said = {
        "title": "Fade crowded funding",
        "account": "lore says: fade whoever pays",
        "claim": "fade",
        "trade": {"instrument": "perp", "hold_hours": 72.0},
        "params": {"quantile": 0.95, "lookback_days": 90.0},
        "signal_about": "who pays to hold on is crowded",
    }
    return replace(
        cases.plain,
        strategies={"fade_crowded_funding": said},
        notes=(
            text_note("2 trades were dropped: their entry was due on a missing bar."),
            Note("events-outside", {"strategy": "fade_crowded_funding"}, {"events": 13}),
        ),
    )


@pytest.fixture(scope="module")
def html(run: RunResult) -> str:
    return render(run, REPORTS)


@pytest.fixture(scope="module")
def first(html: str) -> Page:
    """The page of the first phase."""
    return Page(html[html.index('id="phase-1"') - 40 : html.index('id="phase-2"') - 40])


def flat(page: Page) -> str:
    """Its text with every space plain and single."""
    return " ".join(page.text.split())


def test_rows_carry_what_they_are_sorted_and_filtered_by(html: str) -> None:
    rows = re.findall(r'<tr class="(\w+)" data-fate(.*?)</tr>', html, re.S)
    assert [row[0] for row in rows] == ["supported", "refuted"]
    cells = [re.findall(r'data-value="([^"]*)"', row[1]) for row in rows]
    assert cells == [
        # the means are those of the book that speaks: outright, then hedged; both are decided
        ["Crowded shorts", "0", "42.3", "-70.2", "41.7", "14.5", "-60", "0"],
        ["Crowded longs", "3", "-6.2", "-21.5", "44.2", "14.5", "0", "0"],
    ]
    assert [" data-traded" in row[1] for row in rows] == [True, True]
    names = r'(?: data-|)(?:fate|claim|instrument)="(\w+)"'
    assert [re.findall(names, f"fate{row[1]}") for row in rows] == [
        ["supported", "fade", "perp"],
        ["refuted", "fade", "perp"],
    ]


def test_what_cannot_be_tested_stands_below_with_its_reason(html: str) -> None:
    table = html[html.index('id="untestable"') :]
    cells = Page(table[: table.index("</table>")])
    assert "Never seen" in cells.text
    assert "Crowded shorts" in cells.text


def test_table_asks_to_be_sorted_and_filtered(html: str) -> None:
    tags = {a.get("id"): a for t, a in Page(html).tags if t == "table"}
    table = tags["verdicts"]
    assert "data-sort" in table
    assert table["data-filter"] == "Find a strategy or phase"
    assert (table["data-picks"], table["data-only"]) == ("fate claim instrument", "traded")
    head = html[html.index('id="verdicts"') : html.index("</thead>", html.index('id="verdicts"'))]
    assert re.findall(r'data-kind="(\w+)"', head) == ["text"] + ["number"] * 7


def test_reason_of_an_untraded_stance_is_behind_two_words(html: str) -> None:
    page = html[html.index('id="numbers-3"') :]
    assert "not traded: spot is sold short only where a borrow rate is given" in page


def test_notes_on_the_data_are_no_warnings(html: str) -> None:
    top = html[: html.index('id="answer"')]
    assert "1 warning</b>, to be read before the numbers" in top
    assert "2 trades were dropped" in top
    assert "fell outside" not in top
    notes = Page(html[html.index('id="coverage-notes"') : html.index("What the audit found")])
    assert "1 note on what the data covers" in notes.text
    assert "Fade crowded funding: 13 events fell outside the time traded." in notes.text


def test_page_tells_the_story_then_the_answer(first: Page) -> None:
    said = flat(first)
    order = [
        "Fade crowded funding · phase 1 of 3",
        "Crowded shorts supported",
        "Fading crowded shorts on BTC, ETH, SOL: supported outright and against the market. Fading",
        "Fade outright: pays",
        "Lore says: fade whoever pays.",
        "Who pays to hold on is crowded.",
        "The leanCrowd, short: fading buys, following sells short",
        "The claimFading pays",
        "Seen171 times on BTC, ETH, SOL",
        "Rulestrades the perp, holds 72 h at most",
        "Parametersquantile 0.95, lookback days 90",
        "13 events fell outside the time traded.",
        "What price did after the phase",
        "Holding-time curve",
        "Cost curve",
        "This phase's own trades",
        "The strategy's account",
        "Of the whole strategy, its 2 phases together. Gain on fixed capital",
        "All numbers",
        "Month by month",
        "The trades",
        "The best and the worst",
        "Regimes and other splits",
    ]
    places = [said.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_page_has_months_and_a_card_for_each_best_and_worst_trade(first: Page) -> None:
    months = [a["data-stance"] for t, a in first.tags if a.get("class") == "months"]
    assert months == ["fade", "follow"] * 2  # outright, and folded against the market
    drawings = [a for t, a in first.tags if t == "svg" and (a.get("class") or "")[:6] == "trade "]
    assert [a["class"] for a in drawings] == 6 * ["trade fade"] + 6 * ["trade follow"]
    assert all(re.search(r" net, funding .+\.$", a["aria-label"] or "") for a in drawings)
    heads = [a["id"] for t, a in first.tags if t == "h3" and (a.get("id") or "").endswith("st")]
    assert heads == [f"phase-1-{s}-{k}" for s in ("fade", "follow") for k in ("best", "worst")]


def test_best_come_from_the_top_and_worst_from_the_bottom(run: RunResult) -> None:
    trades, verdict = ClosedTrades(run), run.verdicts[0]
    every = trades.of(verdict, "fade")["return"].sort_values()
    found = trade_lists(trades, verdict, "fade")
    assert found.best["return"].tolist() == every.iloc[[-1, -2, -3]].tolist()
    assert found.worst["return"].tolist() == every.iloc[[0, 1, 2]].tolist()


def test_headings_are_in_order(html: str) -> None:
    for part in html.split("<article ")[1:]:
        levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", part)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_phase_pages_link_to_previous_and_next(html: str) -> None:
    middle = html[html.index('id="phase-2"') : html.index('id="phase-3"')]
    assert set(re.findall(r'rel="(\w+)" href="#([\w-]+)"', middle)) == {
        ("prev", "phase-1"),
        ("next", "phase-3"),
    }


def test_method_says_how_to_repeat_it(html: str) -> None:
    assert "fadefollow run --again 20260305T120007Z-fade_crowded_funding" in html


def test_hostile_names_stay_text_on_a_page(cases: Cases) -> None:
    hostile = cases.hostile
    name = hostile.verdicts[0].strategy
    said = {
        "title": SCRIPT,
        "account": IMG,
        "claim": SCRIPT,
        "params": {IMG: SCRIPT},
        "signal_about": SCRIPT,
    }
    run = replace(
        hostile,
        strategies={name: said},
        trades=hostile.trades.assign(exit_reason=f'"{IMG}'),
        notes=(Note("not-measured", {"strategy": name}, {"error": IMG}),),
    )
    html = render(run, REPORTS)
    page = Page(html)
    assert not [a for _, a in page.tags if any(key.startswith("on") for key in a)]
    assert not [t for t, _ in page.tags if t == "img"]
    labels = [a["aria-label"] or "" for t, a in page.tags if (a.get("class") or "") == "trade fade"]
    assert labels
    assert any(f'"{IMG}' in label for label in labels)
    assert SCRIPT in page.text
