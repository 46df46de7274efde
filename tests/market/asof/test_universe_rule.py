"""A universe's rule in one line, with and without that of a data set."""

from __future__ import annotations

import pytest

from fadefollow.errors import FadeFollowError, ParameterError
from fadefollow.market.asof.universe_rule import UniverseSpec, combined_rule

DECLARED = UniverseSpec(largest=50, over_days=7, every="7D", min_age_days=30)


@pytest.mark.parametrize(
    ("written", "fields"),
    [
        (50, {"largest": 50}),
        ("50", {"largest": 50}),
        ("20-100", {"ranks": (20, 100)}),
        ("age=30-", {"min_age_days": 30}),
        ("age=-365", {"max_age_days": 365}),
        (
            " 20-100, age=30-365 , perp_to_spot=2.5-",
            {
                "ranks": (20, 100),
                "min_age_days": 30,
                "max_age_days": 365,
                "min_perp_to_spot": 2.5,
            },
        ),
    ],
)
def test_a_rule_in_one_line(written, fields):
    assert combined_rule(None, written) == UniverseSpec(**fields)


def test_each_part_replaces_what_the_data_set_says_of_it_and_keeps_the_rest():
    assert combined_rule(DECLARED, None) == DECLARED
    assert combined_rule(DECLARED, 0) is combined_rule(DECLARED, "0") is None
    assert combined_rule(DECLARED, "20-100") == UniverseSpec(
        ranks=(20, 100), over_days=7, every="7D", min_age_days=30
    )
    assert combined_rule(DECLARED, "age=-90,perp_to_spot=-3") == UniverseSpec(
        largest=50, over_days=7, every="7D", max_age_days=90, max_perp_to_spot=3
    )


@pytest.mark.parametrize(
    "written",
    [
        -1,
        "",
        "x",
        "0-5",
        "20-",
        "age=30",
        "age=-",
        "age=",
        "size=3-",
        "50,20-100",
        "0,age=3-",
        "1e3",
    ],
)
def test_what_is_no_rule_is_refused_with_an_example(written):
    with pytest.raises(ParameterError, match="a rule of membership") as error:
        combined_rule(None, written)
    assert "20-100, age=30-365" in str(error.value)


@pytest.mark.parametrize("written", ["100-20", "age=9-8"])
def test_ends_in_the_wrong_order_are_refused(written):
    with pytest.raises(FadeFollowError, match="lower end must not exceed the upper"):
        combined_rule(None, written)


def test_the_rule_in_words():
    rule = combined_rule(None, "20-100,age=30-,perp_to_spot=3-50")
    assert rule is not None
    assert rule.words == (
        "the coins of rank 20 to 100 by volume over 30 days, listed for at least 30 days, "
        "with 3 to 50 times as much perp as spot volume, formed every 30 days"
    )
    young = combined_rule(None, "age=-90")
    assert young is not None
    assert young.words == "all coins, listed for at most 90 days, formed every 30 days"
