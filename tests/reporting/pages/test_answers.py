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


def rows_of(html: str) -> list[tuple[str, str]]:
    """The main rows of the table, each with its second line."""
    table = html[html.index('id="verdicts"') : html.index("</table>", html.index('id="verdicts"'))]
    return re.findall(
        r"(<tr class=\"\w+[^>]*data-group.*?</tr>)\s*(<tr class=\"more\">.*?</tr>)", table, re.S
    )


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
    for (row, _), record in zip(rows, tested, strict=True):
        assert f'data-group="{record["strategy"]}"' in row
        assert f'<span class="chip {record["fate"]}">{record["fate"]}</span>' in row
        assert f"claim: {record['claim']}" in text(row)
        assert lines(row, "book") == ["outright", "market"]
        for name in ("fade", "follow"):
            told = [record[name][book] for book in BOOKS]
            assert lines(row, name) == [
                f"{one['word']} {number(one['mean_net_bps'])} {pair(one['band_bps'])}"
                for one in told
            ]
        mine = [record[record["claim"]][book] for book in BOOKS]
        # 41.7 blocks of 6 days are 41 whole ones; judge's default asks for 20
        assert lines(row, "n blocks") == [
            f"{int(one['blocks'])} of 20 × {one['block_days']:.0f} d" for one in mine
        ]
        assert lines(row, "n detectable") == [
            number(one["detectable_bps"], sign=False) for one in mine
        ]


def test_second_line_says_which_book_speaks(html: str) -> None:
    (_, both), (_, refuted) = rows_of(html)
    assert text(both) == (
        "supported outright and against the market : outright, fade pays +42 bps [2.1, 83]; "
        "follow loses −70 bps [−111, −28]."
    )
    assert text(refuted) == (
        "refuted against the market, open outright : against the market, fade small −6.2 bps "
        "[−21, 9.1]; follow loses −22 bps [−37, −6.4]."
    )


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
    ((_, line),) = rows_of(page)
    assert text(line) == (
        "open . To settle it, fading outright: the mean is too uncertain to tell from nothing; at "
        "the edge as seen, 2.5 times this history (3.0 more years at this rate) would decide it; "
        "an edge of 36 bps would have been found."
    )


def test_a_run_without_a_hedged_book_has_no_line_for_it(cases: Cases) -> None:
    bare = tuple(
        settled(replace(v, hedged={}, hedged_difference_ci_bps=NOWHERE))
        for v in cases.plain.verdicts[:2]
    )
    page = render(replace(cases.plain, verdicts=bare), REPORTS)
    assert 'data-book="hedged"' not in page
    (row, _), _ = rows_of(page)
    assert lines(row, "fade") == ["pays +42 [2.1, 83]"]
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
    page = render(replace(cases.plain, verdicts=(lacking,)), REPORTS)
    table = page[page.index('id="untestable"') :]
    said = text(table[: table.index("</table>")])
    assert "No coin has open_interest." in said
    assert "To settle it: fadefollow data fetch, or data import, may bring open_interest." in said


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
    shown = [text(line) for _, line in rows_of(page)]
    said = [v.reason.detail for v in ordered(run.verdicts) if v.fate == "open"]
    assert said
    assert all(any(first.replace("-", "−")[:40] in line for line in shown) for first in said)
    assert not re.search(r"\b(nan|None)\b", text(page[page.index("<main") :]))
