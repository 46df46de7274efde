"""The notes of a run told apart: what must be read before the numbers, and what the data covers."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass

#: what the notes say that only tell which data and events were there to be used
_COVERAGE = (
    re.compile(r"^runs are clipped to "),
    re.compile(r"^the holdout is closed: "),
    re.compile(r"^share of its time in which each needed stream was known: "),
    re.compile(r"^without .+ could not be looked for: "),
    re.compile(r": \d+ events? fell outside that time$"),
    re.compile(r": .+ is left out, it lacks "),
    re.compile(r": \d+ events? leans? against another on the same bar"),
    re.compile(r": \d+ (entries|entry) fell on missing bars$"),
)


@dataclass(frozen=True)
class Note:
    """One note; `strategy` is the one that it is about, empty for a note on the whole run."""

    text: str
    strategy: str = ""


@dataclass(frozen=True)
class Notes:
    """All notes of a run, in its order."""

    warnings: tuple[Note, ...]  #: to be read before the numbers; all that is not known to be less
    coverage: tuple[Note, ...]  #: what was clipped, left out, or could not be looked for

    def about(self, strategy: str) -> tuple[Note, ...]:
        """Those that name one strategy."""
        return tuple(n for n in (*self.warnings, *self.coverage) if n.strategy == strategy)


def told_apart(notes: Iterable[str], strategies: Container[str] = ()) -> Notes:
    """The notes in two kinds.

    Args:
        notes: as the run gives them.
        strategies: names that a note may begin with: `NAME: …` or `NAME, fade: …`.
    """
    warnings: list[Note] = []
    coverage: list[Note] = []
    for said in notes:
        of_data = any(pattern.search(said) for pattern in _COVERAGE)
        (coverage if of_data else warnings).append(_note(said, strategies))
    return Notes(tuple(warnings), tuple(coverage))


def _note(said: str, strategies: Container[str]) -> Note:
    head, colon, rest = said.partition(": ")
    name, comma, stance = head.partition(", ")
    if colon and name in strategies:
        return Note(f"{stance}: {rest}" if comma else rest, name)
    return Note(said)
