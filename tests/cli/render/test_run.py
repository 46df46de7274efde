"""A run in the terminal: the surest answer first, names whole, what cannot be tested in a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fadefollow.cli.render.run import settle_line, show_run, untested
from fadefollow.core.notes import text_note
from fadefollow.phases import Stance
from fadefollow.verdict.model import NOWHERE, NotTraded, RunResult, StanceResult, Verdict
from fadefollow.verdict.words import Fate, Fates, Reason, Settle, Word
from tests.support.reporting_cases import IMG, Cases, stance

FOLDER = Path("reports/runs/x")
#: a name of the longest kind, which a person types
LONG = "fade_crowded_positioning_of_all_coins"


def one(word: Word, mean: float, half: float, **changes: Any) -> StanceResult:
    """A stance with a band of ± half around its mean."""
    band = (mean - half, mean + half)
    known = {"blocks": 32.4, "block_days": 7.0, "detectable_bps": 36.0, **changes}
    return replace(stance(mean, band), word=word, band_bps=band, **known)


def row(
    phase: str, fate: Fate, fade: StanceResult, follow: StanceResult, **changes: Any
) -> Verdict:
    """A row of a claim to fade, outright only."""
    made = Verdict(
        strategy="fade_x",
        signal="funding",
        phase=phase,
        split=None,
        symbols=("BTC",),
        n_phases=40,
        fade=fade,
        follow=follow,
        difference_ci_bps=NOWHERE,
        claim="fade",
        fates=Fates("fade", fate, "outright", {"outright": fate}),
    )
    return replace(made, **changes)


def unknown(code: Any, *streams: str) -> Verdict:
    """A row that could not be tested."""
    no = NotTraded("no such data", code, streams)
    made = row("unseen", "untestable", one("untestable", 0, 1), one("untestable", 0, 1))
    fates = Fates("fade", "untestable", None)
    return replace(made, fade=no, follow=no, fates=fates, reason=Reason(code, streams=streams))


SETTLE = Settle(("mean", "placebo"), "fade", "outright", multiple=1.64, years=1.9)
SURE = row("sure", "supported", one("pays", 42, 10), one("loses", -60, 10))
LESS = row("less_sure", "supported", one("pays", 42, 40), one("open", -60, 70))
WRONG = row("wrong", "refuted", one("loses", -43, 28), one("open", 12, 30))
NEAR = row("near", "open", one("open", 30, 40), one("open", -50, 60), settle=SETTLE)
FAR = row(
    "far",
    "open",
    one("open", 2, 40),
    one("open", -9, 60),
    settle=replace(SETTLE, multiple=900.0, years=2697.0),
)


def shown(
    run: RunResult, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    show_run(run, FOLDER)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    return [line.rstrip() for line in lines]


@pytest.fixture
def run(cases: Cases) -> RunResult:
    rows = (FAR, LESS, unknown("missing_streams", "options"), WRONG, NEAR, SURE)
    named = tuple(replace(v, strategy=LONG) if v is NEAR else v for v in rows)
    more = (*[unknown("few_blocks")] * 3, unknown("missing_streams", "options"))
    return replace(cases.plain, verdicts=(*named, *more))


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_surest_answer_comes_first_and_every_name_is_whole(
    run, width, capsys, monkeypatch
) -> None:
    lines = shown(run, width, capsys, monkeypatch)
    text = "\n".join(lines)
    assert lines[1] == "10 claims: 2 supported, 1 refuted, 2 open, 5 not testable here"
    places = [
        next(n for n, line in enumerate(lines) if f" {phase}" in f" {line}")
        for phase in ("sure", "less_sure", "wrong", "near", "far")
    ]
    assert places == sorted(places)
    assert LONG in text
    assert "pays +42 [+32, +52]" in text
    assert "loses −43 [−71, −15]" in text
    assert "32 × 7 d" in text  # blocks, whole ones
    assert "5 not testable: too few independent blocks 3, options 2" in text
    assert text.endswith(f"report: {FOLDER / 'report.html'}")


def test_eighty_columns_give_each_row_its_lines(run, capsys, monkeypatch) -> None:
    lines = shown(run, 80, capsys, monkeypatch)
    at = next(n for n, line in enumerate(lines) if line.startswith("near "))
    assert lines[at].split(maxsplit=2)[:2] == ["near", "open"]
    below = " ".join(line.strip() for line in lines[at + 1 : at + 5])
    assert below.startswith(
        f"{LONG}, claims fade; blocks 32 × 7 d; detects 36 bps "
        "too uncertain, like placebo; 1.6 × this history (1.9 more years) would decide it"
    )
    assert all(line.startswith("  ") for line in lines[at + 1 : at + 4])


def test_lines_end_between_parts_so_that_figures_stay_whole(run, capsys, monkeypatch) -> None:
    lines = [line.strip() for line in shown(run, 52, capsys, monkeypatch)]
    # 71 signs with both: the second part stands on a line of its own
    assert "too uncertain, like placebo;" in lines
    assert not any(line.endswith(("32", "32 ×", "blocks", "detects")) for line in lines)


def test_wide_terminals_have_a_column_for_what_would_settle_it(run, capsys, monkeypatch) -> None:
    lines = shown(run, 200, capsys, monkeypatch)
    head = next(line for line in lines if "what would settle it" in line)
    assert [*head.split("  ")[0].split(), "detects" in head] == ["strategy", True]
    near = next(line for line in lines if " near: fade " in line)
    assert near.startswith(f" {LONG} ")
    assert "too uncertain, like placebo; 1.6 × this history" in near


def test_the_book_that_speaks_is_shown_and_the_other_told(run, capsys, monkeypatch) -> None:
    """Refuted against the market; outright nothing is known, and is not what the figures say."""
    hedged: dict[Stance, StanceResult | NotTraded] = {
        "fade": one("loses", -9, 5),
        "follow": one("open", 1, 5),
    }
    fates = Fates("fade", "refuted", "hedged", {"outright": "open", "hedged": "refuted"})
    both = replace(NEAR, hedged=hedged, fates=fates, settle=None)
    lines = shown(replace(run, verdicts=(both,)), 80, capsys, monkeypatch)
    text = "\n".join(lines)
    assert "loses −9 [−14, −4]" in text
    assert "+30" not in text
    assert "refuted against the market, open outright" in " ".join(text.split())


def test_notes_come_last_and_are_counted(run, capsys, monkeypatch) -> None:
    notes = (text_note("one thing"), text_note("another thing"))
    lines = shown(replace(run, notes=notes), 80, capsys, monkeypatch)
    assert lines[-4:-1] == ["2 notes", "  one thing", "  another thing"]


def test_a_hostile_title_is_no_markup(cases: Cases, capsys, monkeypatch) -> None:
    lines = shown(cases.hostile, 200, capsys, monkeypatch)
    assert IMG in lines[0]


def test_a_run_without_rows_says_so(run, capsys, monkeypatch) -> None:
    lines = shown(replace(run, verdicts=(), notes=()), 80, capsys, monkeypatch)
    assert lines[1] == "0 claims"


def test_what_cannot_be_tested_is_counted_by_its_reason() -> None:
    rows = [
        unknown("missing_streams", "options"),
        unknown("missing_streams", "options"),
        unknown("missing_streams", "future", "future_volume", "news", "hash_rate"),
        unknown("few_blocks"),
        unknown("few_blocks"),
        unknown("few_blocks"),
        unknown("never_seen"),
    ]
    assert untested(rows) == (
        "too few independent blocks 3, options 2, "
        "future and future volume and 2 more streams 1, never seen 1"
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "too uncertain, like placebo; 1.6 × this history (1.9 more years) would decide it"),
        (
            {"coins": 120.0},
            "too uncertain, like placebo; "
            "1.6 × this history (1.9 more years or 120 coins) would decide it",
        ),
        (
            {"multiple": 1.004, "years": 0.02, "coins": 25.0},
            "too uncertain, like placebo; a little more history would decide it",
        ),
        ({"multiple": 212.0}, "too uncertain, like placebo; it would take 212 × this history"),
        (
            {"conditions": ("momentum",), "multiple": 1.0, "detectable_bps": 36.4},
            "like momentum; an edge of 36 bps would likely have been found",
        ),
        ({"conditions": (), "multiple": float("nan"), "streams": ("news",)}, "needs news"),
    ],
)
def test_what_would_settle_a_row_is_one_line(changes: dict[str, Any], says: str) -> None:
    assert settle_line(replace(SETTLE, **changes)) == says
