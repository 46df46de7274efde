"""The table of words, the fate of a claim in a book, and across books."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fadefollow.verdict.words import (
    BookFacts,
    Claim,
    Fate,
    Word,
    fate_in_book,
    fate_of,
    word_of,
)

NAN = math.nan
#: pays: 42 bps within 5 … 80, better than its placebo and than like momentum
GOOD = BookFacts(mean=42.0, low=5.0, high=80.0, p_placebo=0.01, momentum_low=3.0, blocks=60.0)


def _word(facts: BookFacts, smallest_bps: float = 20.0):
    return word_of(facts, alpha=0.05, smallest_bps=smallest_bps, min_blocks=20.0)


def _facts(**changed: float) -> BookFacts:
    return replace(GOOD, **changed)


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (GOOD, "pays"),
        # all of the interval below zero: costs money, whatever placebo and momentum say
        (_facts(mean=-60.0, low=-100.0, high=-0.1), "loses"),
        (_facts(mean=-60.0, low=-100.0, high=-0.1, p_placebo=0.99, momentum_low=-90.0), "loses"),
        # no bound below zero, and at most 19.9 bps
        (_facts(mean=5.0, low=-10.0, high=19.9), "small"),
        (_facts(mean=-5.0, low=-10.0, high=0.0), "small"),
        # above zero and below the smallest edge: it pays if it knows something, else it is small
        (_facts(mean=10.0, low=1.0, high=19.0), "pays"),
        (_facts(mean=10.0, low=1.0, high=19.0, p_placebo=0.5), "small"),
        # neither excluded
        (_facts(mean=12.0, low=-8.0, high=20.0), "open"),
        (_facts(low=0.0), "open"),
        (_facts(p_placebo=0.05), "open"),
        (_facts(momentum_low=0.0), "open"),
        # nothing is known
        (_facts(low=NAN, high=NAN), "open"),
        (_facts(p_placebo=NAN), "open"),
        (_facts(momentum_low=NAN), "open"),
        (_facts(blocks=19.9), "untestable"),
        (_facts(mean=-60.0, low=-100.0, high=-20.0, blocks=19.9), "untestable"),
        (_facts(blocks=20.0), "pays"),
        (_facts(blocks=NAN), "untestable"),
    ],
)
def test_each_row_of_the_table(facts: BookFacts, word: Word) -> None:
    assert _word(facts)[0] == word


def test_the_smallest_edge_is_the_user_s() -> None:
    facts = _facts(mean=12.0, low=-8.0, high=32.0)
    assert [_word(facts, bps)[0] for bps in (20.0, 32.0, 32.1)] == ["open", "open", "small"]


@pytest.mark.parametrize(
    ("changed", "conditions"),
    [
        ({"low": -1.0}, ("mean",)),
        ({"p_placebo": 0.2}, ("placebo",)),
        ({"momentum_low": -1.0}, ("momentum",)),
        ({"low": -1.0, "p_placebo": NAN, "momentum_low": NAN}, ("mean", "placebo", "momentum")),
    ],
)
def test_an_open_word_names_the_conditions_that_fail(changed, conditions) -> None:
    word, reason = _word(_facts(**changed))
    assert word == "open"
    assert reason.code == "conditions"
    assert reason.conditions == conditions
    assert (reason.blocks, reason.needed) == (60.0, 20.0)


def test_too_few_blocks_are_counted() -> None:
    word, reason = _word(_facts(blocks=14.2))
    assert (word, reason.code, reason.conditions) == ("untestable", "few_blocks", ("blocks",))
    assert (reason.blocks, reason.needed) == (14.2, 20.0)


@pytest.mark.parametrize(
    ("claim", "fade", "follow", "fate"),
    [
        ("fade", "pays", "loses", "supported"),
        ("follow", "loses", "pays", "supported"),
        ("fade", "pays", "pays", "supported"),
        ("fade", "loses", "open", "refuted"),
        ("fade", "small", "open", "refuted"),
        ("fade", "loses", "loses", "refuted"),
        ("fade", "open", "pays", "refuted"),
        ("follow", "pays", "open", "refuted"),
        ("fade", "open", "loses", "open"),
        ("fade", "open", "small", "open"),
        ("fade", "open", "open", "open"),
        ("follow", "untestable", "untestable", "untestable"),
        ("fade", "untestable", "open", "untestable"),
        ("fade", "untestable", "pays", "refuted"),
        ("disputed", "pays", "loses", "fade"),
        ("disputed", "open", "pays", "follow"),
        ("disputed", "pays", "pays", "open"),
        ("disputed", "loses", "loses", "neither"),
        ("disputed", "small", "loses", "neither"),
        ("disputed", "small", "small", "neither"),
        ("disputed", "open", "loses", "open"),
        ("disputed", "untestable", "loses", "open"),
        ("disputed", "untestable", "untestable", "untestable"),
    ],
)
def test_fate_in_a_book(claim: Claim, fade: Word, follow: Word, fate: Fate) -> None:
    assert fate_in_book(claim, {"fade": fade, "follow": follow}) == fate


@pytest.mark.parametrize(
    ("claim", "word", "fate"),
    [
        ("fade", "loses", "refuted"),
        ("follow", "pays", "refuted"),
        ("follow", "loses", "untestable"),
        ("disputed", "loses", "neither"),
        ("disputed", "pays", "fade"),
        ("disputed", "open", "open"),
    ],
)
def test_fate_where_follow_cannot_be_traded(claim: Claim, word: Word, fate: Fate) -> None:
    assert fate_in_book(claim, {"fade": word}) == fate


@pytest.mark.parametrize(
    ("outright", "hedged", "fate", "speaks"),
    [
        ("supported", "refuted", "supported", "outright"),
        ("refuted", "supported", "supported", "hedged"),
        ("open", "supported", "supported", "hedged"),
        ("open", "refuted", "refuted", "hedged"),
        ("refuted", "open", "refuted", "outright"),
        ("open", "open", "open", "outright"),
        ("open", "untestable", "open", "outright"),
        ("untestable", "open", "open", "hedged"),
        ("untestable", "untestable", "untestable", "outright"),
    ],
)
def test_one_book_is_enough_to_support_and_one_to_refute(
    outright: Fate, hedged: Fate, fate: Fate, speaks: str
) -> None:
    assert fate_of("fade", {"outright": outright, "hedged": hedged}) == (fate, speaks)


@pytest.mark.parametrize(
    ("outright", "hedged", "fate"),
    [
        ("open", "follow", "follow"),
        ("neither", "fade", "fade"),
        ("open", "neither", "neither"),
        ("untestable", "open", "open"),
    ],
)
def test_fate_of_a_disputed_claim_across_books(outright: Fate, hedged: Fate, fate: Fate) -> None:
    assert fate_of("disputed", {"outright": outright, "hedged": hedged})[0] == fate


def test_without_a_book_nothing_can_be_tested() -> None:
    assert fate_of("fade", {}) == ("untestable", None)
