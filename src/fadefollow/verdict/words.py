"""The answer to one question: words of stances in books, the fate of a claim, what would settle it.

A word says what is known of one stance in one book; a fate what that means for the claim. Both
carry codes and figures and no sentences: `fadefollow.reporting.text` words them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fadefollow.engine.model import BookName
from fadefollow.phases import Stance

Word = Literal["pays", "loses", "small", "open", "untestable"]
#: the last three are those of a disputed claim
Fate = Literal["supported", "refuted", "open", "untestable", "fade", "follow", "neither"]
Claim = Literal["fade", "follow", "disputed"]
#: what must hold of a stance that pays, in the order in which a reader asks
Condition = Literal["blocks", "mean", "placebo", "momentum"]

ReasonCode = Literal[
    "decided",  #: the words decide
    "conditions",  #: open: `conditions` fail
    "few_blocks",  #: too few independent blocks
    "never_seen",  #: no event in the time that was looked at
    "no_trades",  #: events, but no trade that came to its regular end
    "missing_streams",  #: `streams` are not there
    "not_tradable",  #: the stance cannot be traded, see `detail`
    "no_hedge",  #: the book has no hedge, see `detail`
    "no_data",  #: no coin can be traded, see `detail`
]


@dataclass(frozen=True)
class Reason:
    """Why something is as it is: a code and its figures."""

    code: ReasonCode
    conditions: tuple[Condition, ...] = ()  #: those that fail
    streams: tuple[str, ...] = ()
    blocks: float = math.nan
    needed: float = math.nan  #: blocks that may decide
    detail: str = ""  #: what a library or a setting says, for people


@dataclass(frozen=True)
class Settle:
    """What would settle an open row.

    Multiples are of the history at hand, at the edge as seen and the present rate of events.
    """

    conditions: tuple[Condition, ...] = ()  #: that fail
    stance: Stance | None = None  #: the one that is nearest to an answer
    book: BookName | None = None
    blocks: float = math.nan
    blocks_needed: float = math.nan
    block_days: float = math.nan
    detectable_bps: float = math.nan
    multiple: float = math.nan  #: of this history at which the edge as seen would be decided
    years: float = math.nan  #: so many more at the present rate
    coins: float = math.nan  #: or so many coins in all; NaN where more coins do not help
    streams: tuple[str, ...] = ()  #: that are missing


@dataclass(frozen=True)
class BookFacts:
    """What the rule looks at, of one stance in one book; returns in bps."""

    mean: float
    low: float  #: of the interval that holds for all questions asked
    high: float
    p_placebo: float  #: corrected
    momentum_low: float  #: one-sided
    blocks: float


@dataclass(frozen=True)
class Control:
    """One thing that a stance which pays is held against."""

    name: Condition
    question: str  #: that a reader asks
    holds: Callable[[BookFacts, float], bool]  #: facts, alpha → whether it is answered yes


#: in the order in which a reader asks; the rule, and what the report says of it, read this table
CONTROLS: tuple[Control, ...] = (
    Control(
        "mean",
        "Is its mean above zero, by an interval that holds for all questions?",
        lambda facts, _: facts.low > 0.0,
    ),
    Control(
        "placebo",
        "Does it earn more than the same trades at other times or on other coins?",
        lambda facts, alpha: facts.p_placebo < alpha,
    ),
    Control(
        "momentum",
        "Is anything left beyond bars that had moved as much before?",
        lambda facts, _: facts.momentum_low > 0.0,
    ),
)


def word_of(
    facts: BookFacts, *, alpha: float, smallest_bps: float, min_blocks: float
) -> tuple[Word, Reason]:
    """The word of one stance in one book.

    `pays` needs three conditions at one-sided alpha each; all must hold, so that none needs more
    (Berger 1982, Technometrics 24(4)). `loses` and `small` are read off the same interval.
    """
    if not facts.blocks >= min_blocks:
        return "untestable", Reason("few_blocks", ("blocks",), (), facts.blocks, min_blocks)
    if facts.high < 0.0:
        return "loses", Reason("decided")
    failing = tuple(one.name for one in CONTROLS if not one.holds(facts, alpha))
    if not failing:
        return "pays", Reason("decided")
    if facts.high < smallest_bps:
        return "small", Reason("decided")
    return "open", Reason("conditions", failing, (), facts.blocks, min_blocks)


def fate_in_book(claim: Claim, words: Mapping[Stance, Word]) -> Fate:
    """What the words of one book mean for the claim.

    Args:
        claim: what the account says pays.
        words: of the stances that can be traded. Where both pay, words do not say which is better,
            and a disputed claim stays open.
    """
    known = {stance: word for stance, word in words.items() if word != "untestable"}
    if claim == "disputed":
        paying = [stance for stance, word in known.items() if word == "pays"]
        if len(paying) == 1:
            return paying[0]
        if not known:
            return "untestable"
        lost = all(word in ("loses", "small") for word in words.values())
        return "neither" if lost else "open"
    opposite: Stance = "follow" if claim == "fade" else "fade"
    mine, other = words.get(claim, "untestable"), words.get(opposite, "untestable")
    if mine == "pays":
        return "supported"
    if mine in ("loses", "small") or other == "pays":
        return "refuted"
    return "untestable" if mine == "untestable" else "open"


def fate_of(claim: Claim, by_book: Mapping[BookName, Fate]) -> tuple[Fate, BookName | None]:
    """The fate of a row, and the book that speaks.

    A claim is supported if one book supports it, else refuted if one refutes it, else open.
    """
    order: tuple[Fate, ...] = ("supported", "refuted", "open", "untestable")
    if claim == "disputed":
        order = ("fade", "follow", "neither", "open", "untestable")
    for fate in order:
        for book, mine in by_book.items():
            if mine == fate:
                return fate, book
    return "untestable", None


@dataclass(frozen=True)
class Fates:
    """The fate of a claim, by book and in all."""

    claim: Claim
    fate: Fate
    book: BookName | None  #: the one that speaks
    by_book: Mapping[BookName, Fate] = field(default_factory=dict)
