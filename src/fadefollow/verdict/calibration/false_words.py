"""Which words and fates of a judged row are false, and what other rules would have said of it.

A word is false if the true expected net return contradicts it (DESIGN: verdict): `pays` where that
is zero or less, or where the phase knows nothing; `loses` where it is zero or more; `small` where
it is above the smallest edge worth trading. A fate is false if it rests on a false word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from fadefollow.engine.model import BOOKS, BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.words import Claim, Fate, Word

#: a disputed claim's `fade` and `follow` count as supported, its `neither` as refuted
FalseKind = Literal["pays", "loses", "small", "supported", "refuted"]
KINDS: tuple[FalseKind, ...] = ("pays", "loses", "small", "supported", "refuted")
#: independent blocks that the rule of version 1 asked for
OLD_BLOCKS = 30.0
_LEVEL = 0.05


@dataclass(frozen=True)
class Stand:
    """One stance of one row in one book, beside the truth; bps a trade. NaN where unknown."""

    stance: Stance
    book: BookName
    asked: bool  #: beforehand: claimed, or disputed
    word: Word
    n_trades: int
    blocks: float
    mean: float  #: net
    low: float  #: of its own interval
    high: float
    band_low: float  #: of the interval that holds for all questions
    band_high: float
    momentum_low: float  #: of the two-sided interval
    p_adjusted: float
    detectable: float
    truth: float  #: expected mean net return
    edge: float  #: what the phase adds to it, beyond the same trades at any time
    t_p: float  #: of a plain two-sided t-test against zero
    t_low: float  #: of its interval
    t_high: float

    @property
    def tested(self) -> bool:
        """Whether there were enough independent blocks for a word."""
        return self.word != "untestable"

    @property
    def covered(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.truth <= self.high

    @property
    def t_covered(self) -> bool:
        """Whether a plain t-interval holds it."""
        return self.t_low <= self.truth <= self.t_high

    @property
    def t_word(self) -> Word:
        """What a plain t-test at 5 % would say."""
        if not self.t_p < _LEVEL:
            return "open"
        return "pays" if self.mean > 0.0 else "loses"

    @property
    def old_pays(self) -> bool:
        """Whether the stance pays by the conditions of version 1, with today's placebos."""
        return (
            self.blocks >= OLD_BLOCKS
            and self.low > 0.0
            and self.p_adjusted < _LEVEL
            and self.momentum_low > 0.0
        )

    def contradicts(self, word: Word, smallest_bps: float) -> bool:
        """Whether the truth contradicts a word of this stance."""
        if word == "pays":
            return self.truth <= 0.0 or not self.edge > 0.0
        if word == "loses":
            return self.truth >= 0.0
        return word == "small" and self.truth > smallest_bps


@dataclass(frozen=True)
class Row:
    """One strategy × phase."""

    strategy: str
    phase: str
    claim: Claim
    fate: Fate
    fates: Mapping[BookName, Fate]
    stands: tuple[Stand, ...]

    def stand(self, stance: Stance, book: BookName) -> Stand | None:
        """One stance in one book, if it was traded."""
        return next((s for s in self.stands if (s.stance, s.book) == (stance, book)), None)

    def false(self, smallest_bps: float, *, asked: bool = True) -> set[FalseKind]:
        """The kinds of false words, and if they were asked for beforehand also of fates.

        Args:
            smallest_bps: the smallest edge worth trading.
            asked: words that were asked for beforehand, or the others.
        """
        found: set[FalseKind] = set()
        for stand in self.stands:
            word = stand.word
            if stand.asked == asked and stand.contradicts(word, smallest_bps):
                found |= {kind for kind in KINDS if kind == word}
        return found | self._false_fates(smallest_bps) if asked else found

    def _false_fates(self, smallest_bps: float) -> set[FalseKind]:
        found: set[FalseKind] = set()
        for book, fate in self.fates.items():
            if any(s.contradicts(s.word, smallest_bps) for s in self._rests_on(book, fate)):
                found.add("refuted" if fate in ("refuted", "neither") else "supported")
        return found

    def _rests_on(self, book: BookName, fate: Fate) -> list[Stand]:
        """The stances whose words make a fate."""
        found = {stance: self.stand(stance, book) for stance in STANCES}
        if fate in ("fade", "follow"):
            return _known(found[stance] for stance in STANCES if stance == fate)
        if fate == "neither":
            return _known(found.values())
        if fate not in ("supported", "refuted") or self.claim == "disputed":
            return []
        mine = found[self.claim]
        other = found["follow" if self.claim == "fade" else "fade"]
        speaks = mine is not None and mine.word in ("pays", "loses", "small")
        return _known([mine if speaks else other])

    @property
    def t_false(self) -> bool:
        """Whether a plain t-test of a stance that was asked for says what is not so."""
        return any(s.contradicts(s.t_word, 0.0) for s in self.stands if s.asked)

    @property
    def old_false(self) -> bool:
        """Whether the rule of version 1 names a stance wrongly, or both as losing."""
        mine = [s for stance in STANCES if (s := self.stand(stance, BOOKS[0])) is not None]
        paying = [s for s in mine if s.old_pays]
        if paying:
            return any(s.contradicts("pays", 0.0) for s in paying)
        neither = len(mine) == 2 and all(s.blocks >= OLD_BLOCKS and s.high < 0.0 for s in mine)
        return neither and any(s.truth >= 0.0 for s in mine)


def _known(stands: Iterable[Stand | None]) -> list[Stand]:
    return [stand for stand in stands if stand is not None]
