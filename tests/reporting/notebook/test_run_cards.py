"""Runs, verdicts and tuning jobs in a cell of a notebook say what the report says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from IPython.lib.pretty import pretty

import fadefollow.reporting.notebook  # noqa: F401 - registers the cards
from fadefollow.core.notes import text_note
from fadefollow.tuning.model import TuneSettings
from fadefollow.verdict.model import EventStudy, NotTraded, RunResult, Verdict
from fadefollow.verdict.words import Reason
from tests.support.reporting_cases import NAN, Cases, settled, stance, study, verdict
from tests.support.tuning_cases import hostile_tuning, tune

TAGS = {"div", "span", "strong", "table", "caption", "thead", "tbody", "tr", "th", "td"}


def rows(html: str | None) -> list[list[str]]:
    """The cells of its tables as text."""
    found = re.findall(r"<tr.*?</tr>", html or "")
    return [[text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in found]


def text(html: str | None) -> str:
    return re.sub(r"<[^>]*>", "", html or "")


def tags(html: str) -> set[str]:
    return {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z!?][\w-]*)", html)}


@pytest.fixture(scope="module")
def pays() -> Verdict:
    return verdict(
        "fade_crowded_funding",
        "crowded_short",
        "fade",
        stance(61.0, (24.0, 98.0)),
        stance(-75.0, (-112.0, -38.0)),
        planted_bps=-80.0,
        horizon_hours=72.0,
    )


@pytest.fixture(scope="module")
def run(cases: Cases, pays: Verdict) -> RunResult:
    idle = verdict(
        "fade_doors",
        "dump",
        "fade",
        NotTraded("no short"),
        NotTraded("no long"),
        planted_bps=None,
    )
    idle = replace(idle, reason=Reason("not_tradable", detail="neither stance can be traded"))
    strategies = {"fade_crowded_funding": {"trade": {"instrument": "perp"}}}
    return replace(
        cases.plain,
        verdicts=(idle, pays),
        strategies=strategies,
        notes=(text_note("a"), text_note("b")),
    )


def test_a_run_begins_with_the_answer(run: RunResult) -> None:
    shown = text(run._repr_html_())
    assert shown.startswith("Of 2 claims 1 is supported and 1 not testable here.")
    assert "2022-01-01 00:00 to " in shown
    assert "Note: a" in shown


def test_what_pays_comes_first_with_its_numbers(run: RunResult) -> None:
    head, first, second = rows(run._repr_html_())
    assert head == [
        "strategy",
        "phase",
        "claim",
        "fate",
        "fade: net a trade [interval], bps",
        "follow: net a trade [interval], bps",
        "trades",
        "what would settle it",
        "planted, bps",
        "words and truth",
    ]
    # the interval for all questions is 3 bps wider on either side than [24, 98]
    assert first == [
        "fade_crowded_funding",
        "crowded_short",
        "fade",
        "supported",
        "pays +61 [21, 101]",
        "loses −75 [−115, −35]",
        "132",
        "",
        "−80",
        "match",
    ]
    assert second[:5] == [
        "fade_doors",
        "dump",
        "fade",
        "not testable here not tradable",
        "not traded",
    ]


def test_a_truth_that_was_not_simulated_is_not_claimed(run: RunResult) -> None:
    future = {"fade_crowded_funding": {"trade": {"instrument": "future"}}}
    shown = rows(replace(run, strategies=future)._repr_html_())
    assert shown[1][-2:] == ["—", "unknown"]


def test_real_data_have_no_column_of_truth(run: RunResult) -> None:
    real = replace(run, verdicts=tuple(replace(v, planted_bps=None) for v in run.verdicts))
    assert rows(real._repr_html_())[0][-1] == "what would settle it"


def test_many_verdicts_and_notes_are_cut(run: RunResult) -> None:
    many = replace(run, verdicts=run.verdicts * 30, notes=tuple(map(text_note, "abcdefghi")))
    shown = text(many._repr_html_())
    assert "… and 20 more verdicts; all of them: run.verdicts" in shown
    assert "… and 5 more notes: run.notes" in shown


def test_the_report_is_named_as_seen_from_here(
    run: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inside = replace(run, folder=tmp_path / "reports" / "runs" / "one")
    assert "Report: reports/runs/one/report.html" in text(inside._repr_html_())
    outside = replace(run, folder=tmp_path.parent / "one")
    assert f"Report: {tmp_path.parent}/one/report.html" in text(outside._repr_html_())
    assert "Report:" not in text(run._repr_html_())


def test_a_verdict_has_its_stances_side_by_side(pays: Verdict) -> None:
    html = pays._repr_html_()
    table = {row[0]: row[1:] for row in rows(html)}
    assert table["measure"] == ["fade", "follow"]
    assert table["word"] == ["pays", "loses"]
    assert table["net a trade [95 % interval], bps"] == ["+61 [24, 98]", "−75 [−112, −38]"]
    assert table["interval for all questions, bps"] == ["[21, 101]", "[−115, −35]"]
    # stance() sets price = mean + 13.5, with an interval of ci + 13 … ci + 14
    assert table["of it price [interval], bps"] == ["+74 [37, 112]", "−62 [−99, −24]"]
    assert table["of it funding [interval], bps"] == ["+2.1 [0.7, 3.5]"] * 2
    assert table["P&amp;L: fees and slippage"] == ["−1\u202f848", "−1\u202f848"]
    assert table["deepest drawdown"] == ["−18.4\u202f%", "−18.4\u202f%"]
    assert "Fading crowded shorts on BTC, ETH, SOL: supported. Fading made +61\u202fbps" in text(
        html
    )
    assert "Follow less fade: [−131, −22] bps a trade." in text(html)
    assert "Planted by the lab: −80\u202fbps over 72\u202fh in the lean&#39;s direction." in text(
        html
    )


def test_a_stance_that_was_not_traded_says_why(pays: Verdict) -> None:
    html = replace(pays, follow=NotTraded("spot cannot be sold short"))._repr_html_()
    assert {row[0]: row[1:] for row in rows(html)}["trades"] == ["132", "—"]
    assert "Following was not traded: spot cannot be sold short." in text(html)


def test_a_verdict_without_trades_has_no_table(run: RunResult) -> None:
    html = run.verdicts[0]._repr_html_()
    assert rows(html) == []
    assert "not testable here: neither stance can be traded." in text(html)


def test_both_books_stand_side_by_side_with_what_would_settle_it(cases: Cases) -> None:
    refuted = cases.plain.verdicts[1]
    table = {row[0]: row[1:] for row in rows(refuted._repr_html_())}
    assert table["measure"] == [
        "fade outright",
        "fade against the market",
        "follow outright",
        "follow against the market",
    ]
    assert table["word"] == ["open", "small", "loses", "loses"]
    still = settled(replace(refuted, hedged={}))
    assert "What would settle it: fading outright: the mean is too uncertain" in (
        text(still._repr_html_())
    )


def test_an_event_study_shows_some_hours_and_the_last() -> None:
    hours = tuple(float(h) for h in range(-24, 73))
    flat = tuple(10.0 for _ in hours)
    path = EventStudy("s", "dump", hours, flat, flat, tuple(-x for x in flat), flat, 12)
    shown = rows(path._repr_html_())
    assert [row[0] for row in shown[1:]][:2] == ["−24", "−15"]
    assert shown[-1] == ["72", "+10", "[−10, 10]"]
    assert str(path) == "s: after 12 events of dump, −24 to 72 h"
    assert rows(replace(path, n_events=0)._repr_html_()) == []


def test_a_tuning_job_shows_its_folds() -> None:
    job = tune(TuneSettings("fade", trials=30, folds=2))
    html = job._repr_html_()
    assert [row[0] for row in rows(html)] == ["search", "Fold 1", "Fold 2", "Next"]
    assert [row[3] for row in rows(html)[1:]] == ["30", "30", "30"]
    assert "account is above zero: 81\u202f%." in text(html)
    assert str(job) == "Tuning of fade_crowded_funding, fade: 90 trials in 2 folds"


def test_hostile_names_stay_text(cases: Cases) -> None:
    run = replace(cases.hostile, folder=Path("<img src=x onerror=alert(1)>"))
    shown: list[Any] = [run, *run.verdicts, *run.event_studies, hostile_tuning()]
    pages = [one._repr_html_() for one in shown]
    assert all(tags(html) <= TAGS for html in pages)
    assert all("&lt;img" in html for html in (pages[0], pages[1], pages[-1]))


def test_in_a_terminal_a_run_is_a_few_lines(run: RunResult) -> None:
    assert repr(run).splitlines() == [
        f"RunResult({run.name} on {run.dataset['name']}: 1 untestable, 1 supported)",
        "  dump: untestable; fade not traded (no short); follow not traded (no long)",
        "  crowded_short: supported; fade pays, +61 bps [24, 98], 132 trades; "
        "follow loses, −75 bps [−112, −38], 132 trades",
    ]
    assert repr(replace(run, verdicts=run.verdicts * 10)).endswith("… and 8 more: verdicts")


def test_in_a_terminal_a_verdict_is_a_line(pays: Verdict) -> None:
    assert str(pays) == (
        "fade_crowded_funding, crowded_short on BTC, ETH, SOL: supported; "
        "fade pays, +61 bps [24, 98], 132 trades; follow loses, −75 bps [−112, −38], 132 trades"
    )
    shown = [
        pays,
        pays.fade,
        NotTraded("x"),
        study("s", "dump", 0.1),
        tune(TuneSettings("fade", trials=9)),
    ]
    assert [pretty(one) for one in shown] == [str(one) for one in shown]
    few = replace(stance(5.0, (NAN, NAN)), mean_net_bps=NAN, n_trades=1)
    assert str(few) == "open, 1 trade"
