"""Foreign text made safe for a terminal: names, and messages of venues and of users' modules."""

from __future__ import annotations

import re
import unicodedata

#: escape sequences of terminals: CSI, OSC and the other strings (also unfinished), two characters
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
#: kinds of characters that a terminal acts upon, or that turn the direction of what follows
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str, *, limit: int = 200) -> str:
    """One line of at most `limit` characters that does nothing to a terminal but show letters.

    Args:
        text: whatever a file, a venue or a module says.
        limit: longer text is cut and ends in `…`.
    """
    shown = _SEQUENCE.sub("", text[: 20 * limit])
    letters = (" " if c.isspace() else c for c in shown if c.isspace() or _visible(c))
    line = " ".join("".join(letters).split(" ")).strip()
    line = re.sub(r" {2,}", " ", line)
    return line if len(line) <= limit and len(text) <= 20 * limit else f"{line[: limit - 1]}…"


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN
