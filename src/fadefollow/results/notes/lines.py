"""Notes as they are shown and stored: one line a kind, what must be read first before the rest."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fadefollow.core.notes import TEXT, Note, text_note
from fadefollow.results.notes.of_choices import CHOICES
from fadefollow.results.notes.of_claims import CLAIMS
from fadefollow.results.notes.of_data import DATA
from fadefollow.results.notes.of_scans import SCANS
from fadefollow.results.notes.of_trades import TRADES
from fadefollow.results.notes.wording import Wording

#: by code
WORDINGS: dict[str, Wording] = {
    TEXT: Wording(lambda note: str(note.figures["text"])),
    **DATA,
    **TRADES,
    **CHOICES,
    **SCANS,
    **CLAIMS,
}
#: what stands before a line where all its notes are about the same
_LEADS = ("strategy", "stance")


@dataclass(frozen=True)
class Line:
    """All notes of one kind, in one line."""

    code: str
    count: int  #: notes
    lead: str  #: the strategy, and the stance, that all of them are about; may be empty
    body: str
    first: bool  #: whether it must be read before the numbers

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.lead}: {self.body}" if self.lead else self.body


def note_lines(
    notes: Iterable[Note], titles: Mapping[str, str] | None = None, *, of: str | None = None
) -> tuple[Line, ...]:
    """One line a kind of note, in the order in which the kinds come first.

    Args:
        notes: of a result.
        titles: what strategies are called, by name; others are called by their name.
        of: only the notes on this strategy, whose name is then left out.
    """
    groups: dict[Hashable, list[Note]] = {}
    for note in dict.fromkeys(notes):
        if of is None or note.about.get("strategy") == of:
            several = WORDINGS[note.code].several is not None
            groups.setdefault(note.code if several else note, []).append(note)
    named = titles or {}
    return tuple(
        _line(
            [_without(note, "strategy") if of is not None else _titled(note, named) for note in one]
        )
        for one in groups.values()
    )


def note_text(note: Note) -> str:
    """One note in words."""
    return _line([note]).text


def note_record(note: Note) -> dict[str, Any]:
    """A note as `result.json` and `--json` have it: `code`, `about`, `figures`, `text`."""
    return {**note.to_dict(), "text": note_text(note)}


def stored_notes(record: Mapping[str, Any]) -> tuple[Note, ...]:
    """The notes of a `result.json`; of earlier versions the words of its `warnings`.

    A note of a code that this version does not know, or with other figures, keeps its words.
    """
    if "notes" in record:
        return tuple(_stored(one) for one in record["notes"])
    return tuple(text_note(str(text)) for text in record["warnings"])


def _stored(record: Mapping[str, Any]) -> Note:
    note = Note(record["code"], record["about"], record["figures"])
    try:
        note_text(note)
    except (LookupError, TypeError, ValueError):
        return text_note(str(record["text"]))
    return note


def _line(notes: Sequence[Note]) -> Line:
    wording = WORDINGS[notes[0].code]
    shared = [k for k in _LEADS if len({note.about.get(k) for note in notes}) == 1]
    lead = ", ".join(notes[0].about[k] for k in shared if k in notes[0].about)
    bare = [_without(note, *shared) for note in notes]
    if len(bare) == 1 or wording.several is None:
        body = wording.one(bare[0])
    else:
        body = wording.several(bare)
    return Line(notes[0].code, len(notes), lead, body, wording.first)


def _without(note: Note, *names: str) -> Note:
    return replace(note, about={k: v for k, v in note.about.items() if k not in names})


def _titled(note: Note, titles: Mapping[str, str]) -> Note:
    strategy = note.about.get("strategy")
    if strategy is None:
        return note
    return replace(note, about={**note.about, "strategy": titles.get(strategy, strategy)})
