"""Notes: typed where they are made, worded in one place, one line a kind."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest

from fadefollow.core.notes import ABOUT, Note, text_note
from fadefollow.results.notes import (
    WORDINGS,
    Line,
    note_lines,
    note_record,
    note_text,
    stored_notes,
)

SRC = Path(__file__).resolve().parents[3] / "src"
DOORS, FUEL = {"strategy": "fade_doors"}, {"strategy": "fade_fuel"}
FADE = {**DOORS, "stance": "fade"}
TIME = {"streams": ["perp", "funding"], "first": "2020-01-01 00:00", "last": "2026-02-24 16:00"}
UNIVERSE = {
    "fewest": 2,
    "most": 3,
    "dates": 5,
    "first": "2024-01-01",
    "different": 4,
    "mean_by_year": [[2024, 2.5]],
    "rule": "the 3 largest coins",
}
REVISED = {
    "column": "netflow_coins",
    "unit": "coins",
    "records": 4,
    "revised": 2,
    "mean": 5.5,
    "largest": 6.0,
}
KNOWN = {"share": 0.755, "least": 0.42, "coin": "SOL", "short": [], "least_known": 0.5}
LONE = {"total": 7, "trades": [["SOL", "2024-01-01 08:00", "stop"]]}
CHOSEN = {"dataset": "lab", "until": "2024-01-01", "trials": 200, "same_data": True}
EARLY = {"from": "2024-01-01", "trials": 4, "first": "2024-01-02 10:00", "command": "fadefollow x"}
#: one note of each code
NOTES = (
    text_note("words of an earlier version"),
    Note("universe", {}, UNIVERSE),
    Note("universe-empty", {}, {"rule": "the 3 largest coins"}),
    Note("universe-unranked", {}, {"coins": ["BIG"]}),
    Note("universe-unrated", {}, {"coins": ["BIG"]}),
    Note("first-vintages"),
    Note("last-vintages"),
    Note("revised-records", {"coin": "BTC", "stream": "netflow"}, REVISED),
    Note("implied-settlements", {}, {"implied": 30, "settlements": 100, "coins": ["BTC"]}),
    Note(
        "coin-left-out",
        {"coin": "ZKJ", "stream": "perp"},
        {"finding": "unit-change", "records": 1, "first": "2025-06-15 12:00", "text": "0.15 times"},
    ),
    Note(
        "accepted-finding",
        {"coin": "BTC", "stream": "spot"},
        {"finding": "stale-bars", "records": 41, "first": "2024-01-05 04:00"},
    ),
    Note("accepted-funding-hole"),
    Note("known-share", {"stream": "perp"}, KNOWN),
    Note("clipped", {}, {**TIME, "last_coin_first": None}),
    Note("coin-lacks-streams", {**DOORS, "coin": "SOL"}, {"streams": ["future"]}),
    Note("stream-missing", {"stream": "options"}, {"coins": ["BTC"], "phases": ["short_gamma_up"]}),
    Note("not-measured", DOORS, {"error": "too wide"}),
    Note("signal-failed", {"signal": "doors", "coin": "BTC"}, {"error": "no bars"}),
    Note("events-outside", DOORS, {"events": 13}),
    Note("opposite-leans", DOORS, {"events": 2}),
    Note("entries-on-missing-bars", FADE, {"entries": 2}),
    Note("trades-over-funding-holes", FADE, {"trades": 7}),
    Note("lone-prints", FADE, LONE),
    Note("charged-implied-funding", DOORS, {"trades": 3, "total": 10}),
    Note("tuned-on", DOORS, CHOSEN),
    Note("holdout-open", {}, {"from": "2024-01-01"}),
    Note("holdout-closed", {}, {"from": "2024-01-01"}),
    Note("holdout-opened", {}, {"openings": [["2024-01-02 10:00", "fadefollow run x"]]}),
    Note("holdout-seen-early", {}, EARLY),
    Note("nothing-chosen"),
    Note("no-workspace"),
    Note("choice-without-gain", {}, {"objective": "sharpe", "score": -0.25}),
    Note("tuned-not-written", {}, {"error": "no room"}),
    Note("data-end-long-ago", {}, {"days": 9}),
    Note("data-end-before", {}, {"last": "2024-01-02 10:00"}),
    Note("live-source", {}, {"venue": "Binance", "days": 43}),
    Note("live-days-short", {}, {"days": 40, "needed": 85}),
    Note("live-unbound", {}, {"dataset": "binance"}),
    Note("stream-short", {"stream": "perp"}, {"days": 29.4, "phases": ["fuel_above"]}),
    Note("name-not-stored", {}, {"symbol": "H"}),
    Note("not-looked-for", DOORS, {"error": "too wide"}),
    Note("coins-absent", DOORS, {"coins": ["DOGE"]}),
    Note("run-unreadable", {}, {"run": "x", "error": "no schema"}),
    Note("claim-restated", {}, {"claim": "mine", "blocks": 2}),
)
#: only these say what the data covers; all else is to be read before the numbers
COVERAGE = {
    "known-share",
    "clipped",
    "coin-lacks-streams",
    "stream-missing",
    "events-outside",
    "opposite-leans",
    "entries-on-missing-bars",
    "holdout-closed",
}


def test_every_code_is_worded_and_says_whether_it_is_read_first() -> None:
    assert [note.code for note in NOTES] == list(WORDINGS)
    assert {line.code for line in note_lines(NOTES) if not line.first} == COVERAGE


def test_every_code_that_is_made_has_its_words() -> None:
    made = set()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Note":
                code = node.args[0]
                either = (code.body, code.orelse) if isinstance(code, ast.IfExp) else (code,)
                made |= {n.value for n in either if isinstance(n, ast.Constant)}
    assert made <= set(WORDINGS)
    assert len(made) > 30


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.code)
def test_a_note_comes_back_from_json_and_is_worded_whole(note: Note) -> None:
    record = json.loads(json.dumps(note_record(note), allow_nan=False))
    assert list(record) == ["code", "about", "figures", "text"]
    assert set(record["about"]) <= set(ABOUT)
    assert stored_notes({"notes": [record]}) == (note,)
    assert not {"{", "}", "None", "nan"} & set(record["text"].replace("(", " ").split())
    several = WORDINGS[note.code].several
    # in a line of several nothing that tells them apart is lost
    assert several is None or all(name in several([note, note]) for name in note.about.values())


def test_a_note_holds_plain_values_and_is_a_key() -> None:
    note = Note("known-share", {}, {"share": np.float64("nan"), "coins": [["BTC", np.int64(3)]]})
    assert note.figures == {"share": None, "coins": (("BTC", 3),)}
    assert len({note, Note("known-share", {}, {"share": math.nan, "coins": [("BTC", 3)]})}) == 1


def test_many_coins_are_one_line_with_their_number() -> None:
    lacks = [
        Note("coin-lacks-streams", {**DOORS, "coin": f"C{n}"}, {"streams": ("future",)})
        for n in range(537)
    ]
    (line,) = note_lines(lacks)
    assert (line.code, line.count, line.lead) == ("coin-lacks-streams", 537, "fade_doors")
    assert "537 coins (C0, C1, C2, C3, C4 and 532 more)" in line.body
    assert "C5" not in line.body
    figures = {"coins": [note.about["coin"] for note in lacks], "phases": ["rich_carry"]}
    unseen = Note("stream-missing", {"stream": "future"}, figures)
    assert "537 coins" in note_text(unseen)
    assert len(note_text(unseen)) < 120


def test_strategies_that_fail_alike_are_told_with_one_reason() -> None:
    notes = [
        Note("not-measured", about, {"error": why})
        for about, why in (
            (DOORS, "too wide"),
            (FUEL, "no future"),
            ({"strategy": "x"}, "too wide"),
        )
    ]
    (line,) = note_lines(notes)
    assert line.text == "could not be measured: fade_doors, x (too wide); fade_fuel (no future)"


def test_coins_that_are_left_out_are_one_line_by_reason() -> None:
    def bad(coin: str, code: str, stream: str = "perp") -> Note:
        figures = {"finding": code, "records": 1, "first": "", "text": "it is bad"}
        return Note("coin-left-out", {"coin": coin, "stream": stream}, figures)

    notes = [bad("AAA", "unit-change"), bad("BBB", "stale-bars"), bad("CCC", "unit-change")]
    (line,) = note_lines([*notes, bad("AAA", "duplicates", "spot")])
    assert line.first
    assert line.text == (
        "3 coins left out, as the data cannot be trusted: AAA, CCC (perp, unit-change: a level "
        "that shifts by a factor from one record to the next, for good); BBB (perp, stale-bars: "
        "one price without range or volume for 24 hours on end)"
    )
    (line,) = note_lines([bad(f"C{n}", "stale-bars") for n in range(100)])
    assert line.text.startswith("100 coins left out")
    assert "C38 and 61 more (perp" in line.text


def test_notes_of_several_strategies_are_one_line_that_names_them() -> None:
    notes = [
        Note("events-outside", DOORS, {"events": 13}),
        next(note for note in NOTES if note.code == "clipped"),
        Note("events-outside", FUEL, {"events": 1}),
    ]
    events, clipped = note_lines(notes, {"fade_doors": "Fade doors"})
    assert (events.lead, events.count, clipped.code) == ("", 2, "clipped")
    assert events.body.endswith(": 13 of Fade doors, 1 of fade_fuel")
    (own,) = note_lines(notes, of="fade_fuel")
    assert (own.lead, own.body) == ("", "1 event fell outside the time traded")


def test_what_all_notes_of_a_line_are_about_stands_before_it() -> None:
    follow = {**DOORS, "stance": "follow"}
    both = [Note("trades-over-funding-holes", about, {"trades": 7}) for about in (FADE, follow)]
    assert [line.lead for line in note_lines(both[:1])] == ["fade_doors, fade"]
    (line,) = note_lines(both, of="fade_doors")
    assert line.lead == ""
    assert line.body.endswith(": 7 of fade, 7 of follow")


def test_the_same_note_is_told_once_and_words_alone_are_never_merged() -> None:
    lines = note_lines([text_note("a"), text_note("b"), text_note("a")])
    assert lines == (Line("text", 1, "", "a", first=True), Line("text", 1, "", "b", first=True))


def test_runs_of_earlier_versions_keep_their_words() -> None:
    assert stored_notes({"warnings": ["a", "b"]}) == (text_note("a"), text_note("b"))


@pytest.mark.parametrize(
    "record",
    [
        {"code": "of-a-later-version", "about": {}, "figures": {"x": 1}},
        {"code": "events-outside", "about": {}, "figures": {"number": 13}},
        {"code": "known-share", "about": {}, "figures": {**KNOWN, "share": None}},
    ],
)
def test_a_note_that_cannot_be_worded_keeps_its_words(record: dict) -> None:
    assert stored_notes({"notes": [{**record, "text": "said then"}]}) == (text_note("said then"),)
