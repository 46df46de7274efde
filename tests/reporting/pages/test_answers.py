"""The table of answers and the numbers of each phase agree with result.json, in both books."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from fadefollow.reporting import render
from fadefollow.reporting.pages.answers import answers_of, ordered
from fadefollow.reporting.pages.first_screen import tiles
from fadefollow.reporting.write import write_run
from fadefollow.results.stored_run import read_run
from fadefollow.verdict.model import NOWHERE
from fadefollow.verdict.words import Fates, Reason, Settle
from tests.support.paths import ROOT
from tests.support.reporting_cases import REPORTS, Cases, hedged, settled, stance

BOOKS = ("outright", "hedged")
T = "\u202f"


@pytest.fixture(scope="module")
def stored(cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(cases.plain, tmp_path_factory.mktemp("runs"), REPORTS)


@pytest.fixture(scope="module")
def html(stored: Path) -> str:
    return (stored / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def records(stored: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The verdicts of result.json by strategy and phase."""
    rows = json.loads((stored / "result.json").read_text("utf-8"))["verdicts"]
    return {(row["strategy"], row["phase"]): row for row in rows}


def text(cell: str) -> str:
    """What a reader sees of some HTML, spaces plain and single."""
    seen = re.sub(r'<span class="(sr|phone)">.*?</span>', "", cell, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", seen)).replace(T, " ").split())


def number(value: float, *, sign: bool = True) -> str:
    """bps as the report writes them: one decimal below ten, none above, a true minus."""
    size = f"{abs(value):.1f}" if abs(value) < 9.95 else f"{abs(value):.0f}"
    return ("−" if value < 0 else "+" if sign and value > 0 else "") + size


def pair(values: list[float]) -> str:
    return f"[{number(values[0], sign=False)}, {number(values[1], sign=False)}]"


def rows_of(html: str) -> list[str]:
    """The rows of the table."""
    table = html[html.index('id="verdicts"') : html.index("</table>", html.index('id="verdicts"'))]
    return re.findall(r"<tr class=\"\w+\" data-fate.*?</tr>", table, re.S)


def lines(row: str, cell: str) -> list[str]:
    """The lines of one cell of a row, one a book."""
    found = re.search(rf'<td class="{cell}".*?</td>', row, re.S)
    assert found is not None
    return [text(part) for part in re.split(r'(?=<span class="line")', found.group())[1:]]


def test_every_cell_of_the_table_is_that_of_the_record(
    html: str, records: dict[tuple[str, str], dict[str, Any]]
) -> None:
    rows = rows_of(html)
    tested = [record for record in records.values() if record["fate"] != "untestable"]
    assert len(rows) == len(tested) == 2
    for row, record in zip(rows, tested, strict=True):
        assert f'<span class="chip {record["fate"]}">{record["fate"]}</span>' in row
        assert f"claim: {record['claim']}" in text(row)
        assert lines(row, "book") == ["outright", "market"]
        for name in ("fade", "follow"):
            told = [record[name][book] for book in BOOKS]
            asked = " asked" if name == record["claim"] else ""
            assert lines(row, f"{name}{asked}") == [
                f"{one['word']} {number(one['mean_net_bps'])} {pair(one['band_bps'])}"
                for one in told
            ]
        mine = [record[record["claim"]][book] for book in BOOKS]
        # 41.7 blocks of 6 days are 41 whole ones, more than are needed
        assert lines(row, "n blocks") == [
            f"{int(one['blocks'])} × {one['block_days']:.0f} d" for one in mine
        ]
        assert lines(row, "n detectable") == [
            number(one["detectable_bps"], sign=False) for one in mine
        ]


def test_tiles_count_the_fates_of_the_record_and_name_their_phases(
    html: str, records: dict[tuple[str, str], dict[str, Any]]
) -> None:
    fates = [record["fate"] for record in records.values()]
    tiles = re.findall(r'<li class="tile (\w+)( none)?" data-fate', html)
    assert [kind for kind, _ in tiles] == ["supported", "refuted", "open", "untestable"]
    shown = re.findall(r'<li class="tile[^>]* data-fate.*?</li>', html, re.S)
    for (kind, none), tile in zip(tiles, shown, strict=True):
        many = re.search(r'<b class="many">(\d+)</b>', tile)
        assert many is not None
        assert int(many[1]) == fates.count(kind) == len(re.findall('href="#phase-', tile))
        assert bool(none) == (kind not in fates)
    assert "Crowded shorts" in text(shown[0])
    assert "Crowded longs" in text(shown[1])


def test_a_tile_says_for_which_side_a_dispute_is_decided(cases: Cases) -> None:
    pays, refuted, _ = cases.plain.verdicts
    dispute = settled(replace(pays, claim="disputed", hedged={}))
    lost = replace(refuted, claim="disputed", strategy="lost", hedged={})
    neither = settled(replace(lost, fade=stance(-40.0, (-70.0, -9.0))))
    answers, _ = answers_of(replace(cases.plain, verdicts=(neither, dispute)))
    found = {tile.fate: [(one.title, one.note) for one in tile.named] for tile in tiles(answers)}
    assert found["supported"] == [("Crowded shorts", "fade")]
    assert found["refuted"] == [("Crowded longs", "neither")]


def test_a_tile_tells_strategies_of_one_phase_apart(cases: Cases) -> None:
    pays = cases.plain.verdicts[0]
    other = replace(pays, strategy="other")
    answers, _ = answers_of(replace(cases.plain, verdicts=(pays, other)))
    found = {(one.title, one.note) for one in tiles(answers)[0].named}
    assert found == {("Crowded shorts", "Fade crowded funding"), ("Crowded shorts", "Other")}


def test_rows_say_what_settles_them(html: str) -> None:
    both, refuted = rows_of(html)
    assert text(both[both.index('class="settle"') - 4 :]) == "fading pays"
    # small: its interval for all questions ends at +9.1 bps
    assert text(refuted[refuted.index('class="settle"') - 4 :]) == "fading earns at most +9.1 bps"
    assert "refuted outright: open" in text(refuted)


def test_numbers_of_a_phase_are_those_of_the_record(
    html: str, records: dict[tuple[str, str], dict[str, Any]]
) -> None:
    for at, key in ((1, "crowded_short"), (2, "crowded_long")):
        record = records["fade_crowded_funding", key]
        start = html.index(f'id="numbers-{at}"')
        table = html[start : html.index("</table>", start)]
        found = re.findall(r'<tr data-term="(\w+)">(.*?)</tr>', table, re.S)
        shown = {
            term: [text(c) for c in re.findall(r"<td>(.*?)</td>", r, re.S)] for term, r in found
        }
        told = [record[name][book] for name in ("fade", "follow") for book in BOOKS]
        assert shown["word"] == [one["word"] for one in told]
        assert shown["trades"] == [str(one["n_trades"]) for one in told]
        assert shown["mean"] == [f"{number(one['mean_net_bps'])} bps" for one in told]
        assert shown["ci"] == [f"{pair(one['ci_bps'])} bps" for one in told]
        assert shown["band"] == [f"{pair(one['band_bps'])} bps" for one in told]
        assert shown["part_funding"] == [
            f"{number(one['parts_bps']['funding'])} bps {pair(one['funding_ci_bps'])}"
            for one in told
        ]
        parts = [one["parts_bps"] for one in told]
        price = [f"{number(one['price'])} bps" for one in parts]
        whole = [f"{number(one['price'] + one['hedge'])} bps" for one in parts]
        ends = [pair(one["price_ci_bps"]) for one in told]
        # outright the interval is that of the price, hedged that of price and hedge together
        assert shown["part_price"] == [
            f"{price[0]} {ends[0]}",
            price[1],
            f"{price[2]} {ends[2]}",
            price[3],
        ]
        assert [shown["part_market"][n] for n in (1, 3)] == [
            f"{whole[n]} {ends[n]}" for n in (1, 3)
        ]
        assert shown["shrunken"] == [
            f"{number(one['shrunken_bps'])} bps {pair(one['shrunken_ci_bps'])}" for one in told
        ]
        kinds = {"time": "shifted in time", "coins": "given to other coins"}
        assert [one.split(", ")[1] for one in shown["placebo"]] == [
            kinds[one["placebo"]["kind"]] for one in told
        ]
        assert all(one.endswith("of 6 questions") for one in shown["p_adjusted"])
        assert shown["reach"][:2] == [
            "188 days, 93 % of the events could be moved",
            "the event's own hour",
        ]
        assert shown["detectable"] == [
            f"{number(one['detectable_bps'], sign=False)} bps" for one in told
        ]


def test_an_open_row_says_what_would_settle_it(cases: Cases) -> None:
    first = cases.plain.verdicts[1]
    still = settled(replace(first, hedged={}))
    page = render(replace(cases.plain, verdicts=(still,)), REPORTS)
    (row,) = rows_of(page)
    assert text(row[row.index('class="settle"') - 4 :]) == (
        "2.5 × this history (3.0 more years) fading outright: too uncertain"
    )
    assert (
        "What would settle it: fading outright: the mean is too uncertain to tell from nothing; at "
        "the edge as seen, 2.5 times this history (3.0 more years at this rate) would decide it; "
        "an edge of 36 bps would have been found."
    ) in text(page)


def test_a_run_without_a_hedged_book_has_no_line_for_it(cases: Cases) -> None:
    bare = tuple(
        settled(replace(v, hedged={}, hedged_difference_ci_bps=NOWHERE))
        for v in cases.plain.verdicts[:2]
    )
    page = render(replace(cases.plain, verdicts=bare), REPORTS)
    assert 'data-book="hedged"' not in page
    row, _ = rows_of(page)
    assert lines(row, "fade asked") == ["pays +42 [2.1, 83]"]
    assert "Not measured against the market: no hedged book." in text(page)


def test_claims_that_hold_come_first_and_what_cannot_be_tested_last(cases: Cases) -> None:
    pays, refuted, few = cases.plain.verdicts
    dispute = settled(replace(refuted, strategy="other", claim="disputed", hedged={}))
    neither = settled(replace(dispute, fade=stance(-40.0, (-70.0, -9.0)), strategy="lost"))
    assert [dispute.fate, neither.fate] == ["open", "neither"]
    shown = ordered((few, dispute, refuted, neither, pays))
    assert [v.fate for v in shown] == ["supported", "refuted", "neither", "open", "untestable"]


def test_missing_streams_say_how_to_get_them(cases: Cases) -> None:
    lacking = replace(
        cases.plain.verdicts[2],
        fates=Fates("follow", "untestable", None),
        reason=Reason("missing_streams", (), ("open_interest",)),
        settle=Settle(streams=("open_interest",)),
    )
    config = {"dataset": {"settings": {"source": "files"}}}
    run = replace(cases.plain, verdicts=(lacking,), config=config)
    page = render(replace(run, dataset={**run.dataset, "name": "mine"}), REPORTS)
    table = page[page.index('id="untestable"') :]
    said = text(table[: table.index("</details>")])
    assert "1 claim cannot be tested here : no open interest (1)" in said
    assert "No open interest Crowded shorts fadefollow data import mine --from FOLDER" in said
    assert "binance-archive publishes it; map a file of it in datasets/mine.toml first" in said


def test_a_mean_beyond_the_scale_is_an_arrow_with_its_number(cases: Cases) -> None:
    first = cases.plain.verdicts[0]
    usual = [settled(replace(first, strategy=f"s{n}", hedged={})) for n in range(4)]
    far = settled(
        replace(first, strategy="far", hedged={}, follow=stance(-900.0, (-1000.0, -800.0)))
    )
    page = render(replace(cases.plain, verdicts=(*usual, far)), REPORTS)
    assert page.count('class="beyond"') == 1
    arrow = page[page.index('class="beyond"') - 80 : page.index('class="beyond"') + 120]
    # at the left edge of the drawing, with its number beside it
    assert '<path class="mean" d="M10.0 29.0l7 -4v8z"/>' in arrow
    assert ">−900</text>" in arrow


def test_both_books_share_the_scale_of_the_small_charts(cases: Cases) -> None:
    answers, scale = answers_of(cases.plain)
    first = answers[0].forest
    assert [(row.stance, row.book) for row in first] == [
        ("fade", "outright"),
        ("fade", "hedged"),
        ("follow", "outright"),
        ("follow", "hedged"),
    ]
    wide, narrow = first[0], first[1]
    assert wide.low is not None
    assert wide.high is not None
    assert narrow.low is not None
    assert narrow.high is not None
    # [2.1, 83.4] outright and [15.2, 51.6] hedged: 81.3 against 36.4 bps wide
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(
        81.3 / 36.4, rel=0.01
    )
    assert scale.zero == 130.0  # the middle of 260


def test_a_stored_run_comes_back_with_both_books(stored: Path, cases: Cases) -> None:
    again = read_run(stored)
    assert [v.fate for v in again.verdicts] == ["supported", "refuted", "untestable"]
    one = again.verdicts[0].result("fade", "hedged")
    assert repr(one) == repr(hedged(33.4, (18.2, 48.6)))
    assert len(again.hedged_trades) == len(cases.plain.hedged_trades)


def test_a_run_of_the_first_schema_is_shown_with_what_it_said() -> None:
    run = read_run(ROOT / "tests" / "results" / "run_of_schema_1")
    page = render(run, REPORTS)
    assert 'data-book="hedged"' not in page
    shown = [text(row) for row in rows_of(page)]
    said = [v.reason.detail for v in ordered(run.verdicts) if v.fate == "open"]
    assert said
    assert all(any(first[:40] in row for row in shown) for first in said)
    assert not re.search(r"\b(nan|None)\b", text(page[page.index("<main") :]))
