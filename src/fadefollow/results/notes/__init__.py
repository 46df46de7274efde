"""Notes in words: the one place that makes sentences of codes and figures."""

from fadefollow.results.notes.lines import (
    WORDINGS,
    Line,
    note_lines,
    note_record,
    note_text,
    stored_notes,
)

__all__ = ["WORDINGS", "Line", "note_lines", "note_record", "note_text", "stored_notes"]
