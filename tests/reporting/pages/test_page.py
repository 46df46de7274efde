"""The page: every section, nothing loaded from elsewhere, hostile text stays text."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from fadefollow.reporting import render
from tests.support.html_page import Page
from tests.support.reporting_cases import IMG, REPORTS, SCRIPT, Cases, build, many

SECTIONS = ["answer", "market", "coverage", "making", "glossary", "phases"]
#: those of the phases' pages and of the data; the market's are tested with it
CHARTS = {
    "coverage-1",
    "study-1",
    "study-2",
    "holding-1",
    "holding-2",
    "costs-1",
    "costs-2",
    "gains-1",
    "gains-2",
    "equity-1",
    "equity-3",
    "split-1",
    "split-2",
    "returns-1",
    "returns-2",
    "returns-3",
}


@pytest.fixture(scope="module")
def html(cases: Cases) -> str:
    return render(cases.plain, REPORTS)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def hostile(cases: Cases) -> Page:
    return Page(render(cases.hostile, REPORTS))


def test_every_section_and_chart_is_there(page: Page) -> None:
    assert set(SECTIONS) <= set(page.ids())
    assert {name for name in page.islands() if not name.startswith("market")} == CHARTS


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = page.ids()
    assert len(ids) == len(set(ids))
    inner = [a.get("href") or "" for t, a in page.tags if t == "a"]
    assert {href[1:] for href in inner if href.startswith("#")} <= set(ids)


def test_verdict_comes_first_in_words(page: Page) -> None:
    top = next(t for t, _ in page.tags if t in {"h1", "h2", "svg"})
    assert top == "h1"
    assert "Of 3 claims 1 is supported, 1 refuted and 1 not testable here" in page.text
    # the interval for all questions is 3 bps wider on either side than [5.1, 80.4]
    assert "made +42\u202fbps a trade after all costs [2.1, 83], over 132 trades" in page.text


def test_lab_says_simulated_and_holds_verdicts_against_the_truth(page: Page) -> None:
    assert "Simulated market:" in page.text
    assert "Against what fadefollow's lab planted: 2 verdicts right." in " ".join(page.text.split())
    assert "so fading should pay. The words match the planted truth." in page.text


def test_real_data_says_nothing_about_simulation(cases: Cases) -> None:
    dataset = {**cases.hostile.dataset, "simulated": False}
    bare = tuple(replace(v, planted_bps=None) for v in cases.hostile.verdicts)
    run = replace(cases.hostile, dataset=dataset, verdicts=bare, truth=None)
    text = Page(render(run, REPORTS)).text
    assert "Simulated market" not in text
    assert "planted" not in text.lower().replace(SCRIPT.lower(), "")


def test_no_number_is_shown_as_nan(page: Page) -> None:
    assert not re.search(r"\b(nan|None|inf|NaT)\b", page.text)
    reasons = [a["data-tip"] for _, a in page.tags if a.get("class") == "na" and "data-tip" in a]
    assert "no trades" in reasons
    assert "not traded: spot is sold short only where a borrow rate is given" in page.text


def test_page_has_its_numbers_findings_and_making(page: Page) -> None:
    for said in (
        "2 trades were dropped: their entry was due on a missing bar.",
        "basis: rich_carry could not be looked for; missing: future",
        "Settlements came every 2 to 4 hours for a time.",
        "9f2c1e7ab04d",
        "fadefollow run fade_crowded_funding --dataset lab --seed 7",
        "vectorbt",
        "hold_hours",
        "exits.hold_hours",
    ):
        assert said in page.text


def test_nothing_is_loaded_from_elsewhere(html: str, page: Page) -> None:
    for tag, attrs in page.tags:
        for name in ("src", "srcset", "data", "poster", "action"):
            assert name not in attrs, (tag, attrs)
        href = attrs.get("href")
        if href is not None:
            assert not re.match(r"(?i)[a-z]*:?//|javascript:|file:", href), href
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style is not None
    assert "@import" not in style[1]
    assert "url(" not in style[1]
    outside = "".join(t for a, t in page.scripts if a.get("id") != "plotly-source")
    assert not re.search(r"https?://", outside + page.text)


def test_page_is_small_and_plotly_embedded_once(html: str) -> None:
    assert len(html.encode()) <= 8_000_000
    assert html.count('id="plotly-source"') == 1
    packed = re.findall(r'id="plotly-source">([A-Za-z0-9+/=]+)</script>', html)
    assert gzip.decompress(base64.b64decode(packed[0])).lstrip().startswith(b"/**\n* plotly.js v")


def test_charts_are_valid_plotly(page: Page) -> None:
    for name in CHARTS:
        body = page.islands()[name]
        painted = json.loads(re.sub(r'"@[a-z]+(/[\d.]+)?"', '"#123456"', json.dumps(body)))
        figure = go.Figure(painted)
        assert len(figure.data) > 0, name


def test_every_chart_has_a_caption_and_a_table(page: Page) -> None:
    figures = [
        a
        for t, a in page.tags
        if t == "figure" and not (a["aria-labelledby"] or "").startswith("market")
    ]
    charts = [a for t, a in page.tags if "data-chart" in a and "data-figure" not in a]
    tables = [a for t, a in page.tags if t == "details" and a.get("class") == "data"]
    # without a chart: a split without trades, a study without events and what rests on them
    assert len(figures) == len(charts) + 4
    assert all(a["role"] == "group" and a["aria-label"] for a in charts)
    assert len(tables) >= len(charts)
    assert "Neither stance has a counted trade" in page.text


def test_phases_of_a_strategy_share_the_data_of_its_equity(page: Page) -> None:
    drawn = [a["data-chart"] for _, a in page.tags if "data-chart" in a]
    assert drawn.count("equity-1") == 2
    assert drawn.count("equity-3") == 1


def test_hostile_text_stays_text(hostile: Page, page: Page) -> None:
    def shape(p: Page) -> set[str]:
        return {tag for tag, _ in p.tags}

    assert shape(hostile) <= shape(page)
    assert not [a for _, a in hostile.tags if any(k.startswith("on") for k in a)]
    assert IMG in hostile.text
    assert SCRIPT in hostile.text
    assert "alert(1)" not in "".join(
        t for a, t in hostile.scripts if a.get("type") != "application/json"
    )


def test_hostile_text_is_inert_inside_charts(hostile: Page) -> None:
    def texts(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        inner = value.values() if isinstance(value, dict) else value
        return [t for v in inner for t in texts(v)] if isinstance(value, dict | list) else []

    drawn = {n: body for n, body in hostile.islands().items() if not n.startswith("market")}
    found = [t for body in drawn.values() for t in texts(body)]
    assert any("&lt;img" in t for t in found)
    allowed = re.compile(r"</?(b|br|extra)>")
    assert not [t for t in found if "<" in allowed.sub("", t)]


def test_island_cannot_end_its_script(cases: Cases) -> None:
    html = render(cases.hostile, REPORTS)
    for body in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.S):
        assert not re.search(r"[<>&\u2028\u2029]", body)


def test_empty_run_still_renders(cases: Cases) -> None:
    run = cases.plain
    columns = pd.MultiIndex.from_tuples([], names=["strategy", "stance"])
    empty = replace(
        run,
        verdicts=(),
        event_studies=(),
        trades=run.trades.iloc[:0],
        phases=run.phases.iloc[:0],
        equity=pd.DataFrame(index=run.equity.index, columns=columns),
        prices={},
        truth=None,
        notes=(),
        missing={},
        dataset={"name": "none"},
    )
    page = Page(render(empty, REPORTS))
    assert "Nothing was measured" in page.text
    assert page.islands() == {}


def test_coin_without_bars_or_trades_is_said(cases: Cases) -> None:
    run = cases.hostile
    first = next(iter(run.prices))
    bare = run.prices[first].iloc[:0]
    lonely = replace(run, prices={"NEW": bare, first: run.prices[first]})
    text = Page(render(lonely, REPORTS)).text
    assert "This coin has no bars in the range of the run." in text


def test_three_coins_and_six_years_stay_small() -> None:
    run = build(("BTC", "ETH", "SOL"), 2191, each=90, strategy="fade_crowded_funding")
    html = render(run, REPORTS)
    assert len(html.encode()) <= 8_000_000


@pytest.fixture(scope="module")
def large() -> str:
    return render(many(tuple(f"COIN{number}" for number in range(20)), 2191, 20), REPORTS)


def test_twenty_coins_six_years_and_twenty_strategies_are_within_eight_megabytes(
    large: str,
) -> None:
    assert len(large.encode()) <= 8_000_000


def test_many_answers_are_counted_and_few_are_named(large: str) -> None:
    page = Page(large)
    tiles = re.findall(r'<li class="tile[^>]* data-fate.*?</li>', large, re.S)
    assert [int(re.findall(r'"many">(\d+)<', tile)[0]) for tile in tiles] == [1, 0, 39, 0]
    assert "and 36 more" in tiles[2]
    pages = [a for t, a in page.tags if t == "article"]
    assert [a["id"] for a in pages] == [f"phase-{number}" for number in range(1, 41)]
    printed = [a["id"] for a in pages if "prints" in (a["class"] or "").split()]
    assert printed == ["phase-1"]  # of so many, only claims that hold


def test_report_shows_the_strategys_title_account_and_rules(large: str) -> None:
    text = Page(large).text
    assert "The strategy number 7" in text
    assert "Account A: number 7 is to be faded." in text
    assert "trades the perp, holds 72\u202fh at most" in text


def test_perps_drift_is_not_held_against_a_spread(cases: Cases) -> None:
    said = {"trade": {"instrument": "carry"}}
    names = {v.strategy for v in cases.plain.verdicts}
    run = replace(cases.plain, strategies=dict.fromkeys(names, said), prices={})
    page = Page(render(run, REPORTS))
    assert "2 verdicts not held against it" in page.text
    assert "unknown" in page.text
    tips = [
        a["data-tip"] or "" for _, a in page.tags if a.get("class") == "mark" and "data-tip" in a
    ]
    assert len(tips) == 2
    assert all(tip.startswith("The lab plants the drift of the perp.") for tip in tips)
