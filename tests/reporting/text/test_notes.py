"""Notes of a run: what must be read before the numbers, and what only says what the data covers."""

from __future__ import annotations

import pytest

from fadefollow.reporting.text.notes import Note, told_apart
from fadefollow.verdict.measure import CLIPPED

COVERAGE = (
    f"{CLIPPED} the time that perp and funding cover: from 2020-01-01 00:00 to 2026-02-24 UTC",
    "fade_doors: 13 events fell outside that time",
    "fade_doors: 1 event fell outside that time",
    "fade_doors: SOL is left out, it lacks future",
    "fade_doors, fade: 2 entries fell on missing bars",
    "without options (BTC, ETH) could not be looked for: short_gamma_up, short_gamma_down",
    "the holdout is closed: nothing from 2026-01-01 on is in this run",
)
WARNINGS = (
    "the holdout is open: this run sees data from 2026-01-01 on, which is no longer unseen",
    "the holdout was opened on 2026-01-03 10:00 UTC by `fadefollow run`",
    "accepted missing-funding: trades held over a hole in funding are left out",
    "fade_doors was tuned on lab until 2024-01-01 (200 trials): what it earned before is in sample",
    "something new that nobody has thought of",
)


@pytest.mark.parametrize("said", COVERAGE)
def test_what_the_data_covers_is_a_mere_note(said: str) -> None:
    notes = told_apart([said], {"fade_doors"})
    assert (len(notes.warnings), len(notes.coverage)) == (0, 1)


@pytest.mark.parametrize("said", WARNINGS)
def test_all_else_is_to_be_read_first(said: str) -> None:
    notes = told_apart([said], {"fade_doors"})
    assert notes.warnings == (Note(said),)
    assert notes.coverage == ()


def test_a_note_knows_its_strategy() -> None:
    notes = told_apart(
        ["fade_doors: 13 events fell outside that time", "fade_doors, fade: 7 trades were cut",
         "other: 1 event fell outside that time"],
        {"fade_doors"},
    )  # fmt: skip
    assert notes.about("fade_doors") == (
        Note("fade: 7 trades were cut", "fade_doors"),
        Note("13 events fell outside that time", "fade_doors"),
    )
    assert notes.coverage[1] == Note("other: 1 event fell outside that time")
