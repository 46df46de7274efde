"""Which words and fates are false, against a truth that is known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.calibration_cases import row_of, stand_of


@pytest.mark.parametrize(
    ("word", "truth", "edge", "false"),
    [
        ("pays", 5.0, 20.0, False),
        ("pays", 0.0, 20.0, True),  # nothing is left after costs
        ("pays", 30.0, 0.0, True),  # the market's drift, of which the phase knows nothing
        ("loses", -0.1, 0.0, False),
        ("loses", 0.0, 0.0, True),
        ("small", 20.0, 0.0, False),  # no more than the smallest edge worth trading
        ("small", 20.1, 0.0, True),
        ("open", -500.0, 0.0, False),
        ("untestable", 500.0, 0.0, False),
    ],
)
def test_a_word_is_false_if_the_truth_contradicts_it(word, truth, edge, false):
    stand = stand_of(word=word, truth=truth, edge=edge)
    assert stand.contradicts(word, 20.0) is false
    assert row_of(stand).false(20.0) == ({word} if false else set())


def test_words_that_were_not_asked_for_are_counted_apart():
    asked = stand_of("fade", word="open")
    other = stand_of("follow", word="loses", truth=3.0, asked=False)
    row = row_of(asked, other)
    assert row.false(20.0) == set()
    assert row.false(20.0, asked=False) == {"loses"}


@pytest.mark.parametrize(
    ("claim", "fate", "fade", "follow", "kinds"),
    [
        ("fade", "supported", ("pays", 9.0, 9.0), ("open", 0.0, 0.0), set()),
        ("fade", "supported", ("pays", -9.0, 9.0), ("open", 0.0, 0.0), {"pays", "supported"}),
        ("fade", "refuted", ("small", 30.0, 0.0), ("open", 0.0, 0.0), {"small", "refuted"}),
        # the claimed stance speaks first, and it is right
        ("fade", "refuted", ("loses", -30.0, 0.0), ("pays", -1.0, 0.0), set()),
        # only the opposite stance speaks, which was not asked for
        ("fade", "refuted", ("open", 0.0, 0.0), ("pays", -1.0, 0.0), {"refuted"}),
        ("disputed", "follow", ("open", 0.0, 0.0), ("pays", -1.0, 0.0), {"pays", "supported"}),
        ("disputed", "neither", ("loses", -9.0, 0.0), ("small", 25.0, 0.0), {"small", "refuted"}),
        ("disputed", "open", ("open", 0.0, 0.0), ("loses", -9.0, 0.0), set()),
    ],
)
def test_a_fate_is_false_if_it_rests_on_a_false_word(claim, fate, fade, follow, kinds):
    stands = [
        stand_of(
            stance,
            word=word,
            truth=truth,
            edge=edge,
            asked=claim in ("disputed", stance),
        )
        for stance, (word, truth, edge) in (("fade", fade), ("follow", follow))
    ]
    assert row_of(*stands, claim=claim, fates={"outright": fate}).false(20.0) == kinds


def test_fates_of_a_book_rest_on_the_words_of_that_book():
    outright = stand_of("fade", "outright", word="loses", truth=-10.0)
    hedged = stand_of("fade", "hedged", word="loses", truth=10.0)
    row = row_of(outright, hedged, fates={"outright": "refuted"})
    assert row.false(20.0) == {"loses"}  # the hedged book has no fate here
    row = row_of(outright, hedged, fates={"outright": "refuted", "hedged": "refuted"})
    assert row.false(20.0) == {"loses", "refuted"}


def test_a_t_test_takes_a_bull_market_for_an_edge():
    long = stand_of(truth=30.0, edge=0.0, t_p=0.01, mean=40.0)
    assert long.t_word == "pays"
    assert row_of(long).t_false
    assert not row_of(stand_of(truth=30.0, edge=25.0, t_p=0.01, mean=40.0)).t_false
    assert row_of(stand_of(truth=1.0, t_p=0.01, mean=-40.0)).t_false
    assert not row_of(stand_of(truth=30.0, t_p=0.06, mean=40.0)).t_false


def test_the_rule_of_version_1_needs_thirty_blocks_and_looks_outright_only():
    claims: dict[str, Any] = {"low": 5.0, "p_adjusted": 0.01, "momentum_low": 1.0}
    assert row_of(stand_of(blocks=30.0, **claims)).old_false
    assert not row_of(stand_of(blocks=29.9, **claims)).old_false
    assert not row_of(stand_of("fade", "hedged", blocks=30.0, **claims)).old_false
    both = [stand_of(stance, low=-50.0, high=-1.0, truth=2.0) for stance in ("fade", "follow")]
    assert row_of(*both).old_false  # `neither`, where one is worth something
    assert not row_of(both[0]).old_false
