"""Wording: how the notes of one code are said, and the small words that wordings share.

A wording says one note, and several of its code in one line. What all of them are about, the
strategy and the stance, stands before the line (see `fadefollow.results.notes.lines`) and is not
in `about` any more; what is left there differs among them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fadefollow.core.notes import Note
from fadefollow.core.text import listed

#: names and items of a line; of more there is only the count
FEW = 6


@dataclass(frozen=True)
class Wording:
    """How notes of one code are shown."""

    one: Callable[[Note], str]
    #: None: each is a line of its own
    several: Callable[[Sequence[Note]], str] | None = None
    #: whether it must be read before the numbers; else it only says what the data covers
    first: bool = True


def of_each(what: str, figure: str) -> Callable[[Sequence[Note]], str]:
    """`what: 13 of fade_doors, 22 of follow_spot_led`."""

    def several(notes: Sequence[Note]) -> str:
        said = [f"{n.figures[figure]:,}{f' of {who(n)}' if who(n) else ''}" for n in notes]
        return f"{what}: {listed(said, FEW)}"

    return several


def with_reason(what: str, figure: str = "error") -> Callable[[Sequence[Note]], str]:
    """`what: fade_doors, fade_fuel (why); fade_flush (why)`: each reason once."""

    def several(notes: Sequence[Note]) -> str:
        named: dict[str, list[str]] = {}
        for note in notes:
            named.setdefault(str(note.figures[figure]), []).append(who(note))
        return f"{what}: {semicolons(f'{listed(n, FEW)} ({why})' for why, n in named.items())}"

    return several


def who(note: Note) -> str:
    """The strategy and the stance, as far as they do not stand before the line."""
    return ", ".join(note.about[k] for k in ("strategy", "stance") if k in note.about)


def place(note: Note) -> str:
    """The coin and the stream, as far as the note is about them."""
    return " ".join(note.about[k] for k in ("coin", "stream") if k in note.about)


def many(number: int, noun: str) -> str:
    """`1 trade`, `1,204 trades`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def coins_of(names: Iterable[str]) -> str:
    """Coins by name; of a long list how many, and the first."""
    known = list(dict.fromkeys(names))
    return listed(known) if len(known) <= FEW else f"{len(known):,} coins ({listed(known)})"


def semicolons(items: Iterable[str]) -> str:
    """The first few items, and how many more there are."""
    known = list(items)
    more = f"; and {len(known) - FEW} more" if len(known) > FEW else ""
    return "; ".join(known[:FEW]) + more


def percent(share: float) -> str:
    """`97.4 %`, rounded down."""
    return f"{math.floor(1000 * share) / 10:g} %"  # 100 % is all of it


def grouped(several: Callable[[Sequence[Note]], str], *, first: bool = True) -> Wording:
    """A wording that says one note as it says several."""
    return Wording(lambda note: several([note]), several, first=first)


def single(text: str) -> Wording:
    """A sentence with figures at their names; there is one such note a result."""
    return Wording(lambda note: text.format(**note.figures))
