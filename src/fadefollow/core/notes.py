"""Notes: what a result says besides its numbers, as a code, what it is about, and its figures.

Rooms make notes and never sentences; `fadefollow.results.notes` words each code, once, when it
is shown. So what decides on a note looks at its code and figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: what a note can be about
ABOUT = ("strategy", "stance", "signal", "phase", "coin", "stream")
#: the code of a note of which only the words are known, in the figure `text`
TEXT = "text"


@dataclass(frozen=True)
class Note:
    """One thing to say of a result.

    Attributes:
        code: what kind of thing.
        about: some of `ABOUT`, by name; empty for a note on the whole result.
        figures: plain values by name: text, numbers, tuples of those; None for NaN. Times are
            text in UTC.
    """

    code: str
    about: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "about", dict(self.about))
        object.__setattr__(self, "figures", {k: _plain(v) for k, v in self.figures.items()})

    def __hash__(self) -> int:
        return hash((self.code, *sorted(self.about.items()), *sorted(self.figures)))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {"code": self.code, "about": dict(self.about), "figures": dict(self.figures)}


def text_note(text: str) -> Note:
    """A note of which only the words are known, as runs of schema 1 have them."""
    return Note(TEXT, figures={"text": text})


def _plain(value: Any) -> Any:
    """A value as it comes back from JSON."""
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    if hasattr(value, "item"):  # numpy's
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value
