"""Numbers as a reader sees them, and verdicts in words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import pytest

from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.answers import FAILS, fate_text, reason_text, settle_text
from fadefollow.reporting.text.sentences import (
    Truth,
    doubt,
    headline,
    rules,
    sentence,
    truth,
    truths_counted,
)
from fadefollow.verdict.model import NotTraded, StanceResult, Verdict
from fadefollow.verdict.words import CONTROLS, Claim, Fates, Reason, ReasonCode, Settle
from tests.support.reporting_cases import hedged, stance, verdict

T = "\u202f"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (42.3, f"+42{T}bps"),
        (-8.25, f"−8.2{T}bps"),
        (-0.04, f"0.0{T}bps"),
        (9.96, f"+10{T}bps"),
        (-12345.6, f"−12{T}346{T}bps"),
        (math.nan, "—"),
    ],
)
def test_basis_points_have_sign_unit_and_sensible_digits(value: float, shown: str) -> None:
    assert text.bps(value) == shown


def test_interval_shows_only_minus_signs() -> None:
    assert text.interval((-19.6, 44.4)) == "[−20, 44]"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(64231.5, f"64{T}232"), (1.23456, "1.2346"), (0.0000123456, "0.00001235"), (math.nan, "—")],
)
def test_price_has_about_five_digits(value: float, shown: str) -> None:
    assert text.price(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0002, "<0.001"), (0.0134, "0.013"), (0.412, "0.41"), (math.inf, "—")]
)
def test_probabilities_are_shown_with_two_digits(value: float, shown: str) -> None:
    assert text.chance(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(72.0, f"72{T}h"), (1.5, f"1.5{T}h"), (168.0, f"7{T}days")]
)
def test_whole_days_are_shown_as_days(value: float, shown: str) -> None:
    assert text.hours(value) == shown


def test_percent_and_money_carry_their_sign() -> None:
    assert text.percent(-0.1234) == f"−12.3{T}%"
    assert text.money(-1234.4) == f"−1{T}234"
    assert text.money(0.5) == "+0.50"


def test_missing_number_is_a_dash_with_its_reason() -> None:
    assert text.cell(text.bps, math.nan, why="no trades") == text.Cell("—", "no trades")


def test_sentences_from_elsewhere_get_the_style_of_the_report() -> None:
    said = "fade: -3 bps [-9.5, 2] since 2020-01-02"
    assert text.prose(said, lead="fade") == "−3 bps [−9.5, 2] since 2020-01-02."
    assert text.prose("runs are clipped.") == "Runs are clipped."


def test_plotly_text_cannot_be_markup() -> None:
    assert text.inert("<b>a</b>\n&lt;") == "&lt;b&gt;a&lt;/b&gt; &amp;lt;"


UP, DOWN = stance(42.3, (5.1, 80.4)), stance(-70.2, (-108.0, -31.0))
VAGUE, SMALL = stance(4.2, (-60.0, 68.0)), stance(-6.0, (-20.0, 8.0))
#: words of fade and follow
PAIRS: dict[str, tuple[StanceResult, StanceResult]] = {
    "fade pays": (UP, DOWN),
    "follow pays": (DOWN, UP),
    "open": (VAGUE, VAGUE),
    "both lose": (DOWN, DOWN),
    "fade is small": (SMALL, VAGUE),
    "follow loses": (VAGUE, DOWN),
}


def answer(pair: str, *, claim: Claim = "fade", **changes: Any) -> Verdict:
    return verdict("s", "crowded_short", claim, *PAIRS[pair], **changes)


def test_sentence_has_the_fate_and_what_its_word_is_read_from() -> None:
    # stance() sets the interval for all questions 3 bps wider than [5.1, 80.4]
    assert str(sentence(answer("fade pays"))) == (
        f"Fading crowded shorts on BTC, ETH, SOL: supported. Fading made +42{T}bps a trade after "
        "all costs [2.1, 83], over 132 trades: pays."
    )


def test_sentence_says_which_book_speaks_and_what_the_other_says() -> None:
    both = answer(
        "open", hedged={"fade": hedged(-6.2, (-18.4, 6.1)), "follow": hedged(-21.5, (-33.6, -9.4))}
    )
    assert both.fate == "refuted"
    assert str(sentence(both)) == (
        "Fading crowded shorts on BTC, ETH, SOL: refuted against the market, open outright. Fading "
        f"against the market made −6.2{T}bps a trade after all costs [−21, 9.1], over 132 trades: "
        f"small; outright it made +4.2{T}bps [−63, 71]: open."
    )


def test_books_that_agree_are_named_together() -> None:
    both = answer("fade pays", hedged={"fade": hedged(33.4, (18.2, 48.6)), "follow": DOWN})
    assert fate_text(both) == "supported outright and against the market"
    assert fate_text(answer("fade pays")) == "supported"


def test_a_disputed_claim_tells_both_stances() -> None:
    said = sentence(answer("follow pays", claim="disputed"))
    assert said.lead == "Fading or following crowded shorts on BTC, ETH, SOL: follow pays"
    assert f"Fading made −70{T}bps" in said.rest
    assert f"Following made +42{T}bps" in said.rest


def test_a_stance_that_was_not_traded_says_why() -> None:
    untraded = verdict("s", "crowded_short", "fade", NotTraded("no borrow rate"), UP)
    assert str(sentence(untraded)) == (
        "Fading crowded shorts on BTC, ETH, SOL: refuted. Fading was not traded (no borrow rate)."
    )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason("few_blocks", ("blocks",), (), 8.9, 20.0), "8 independent blocks, 20 are needed"),
        (Reason("few_blocks", ("blocks",), (), 1.2, 20.0), "1 independent block, 20 are needed"),
        (Reason("missing_streams", (), ("future", "spot")), "no coin has future, spot"),
        (Reason("never_seen", detail="2021-01-01 to 2022-01-01"), "2021-01-01 to 2022-01-01"),
        (Reason("no_trades"), "no trade came to its regular end"),
        (Reason("conditions", detail="undecided: p 0.3"), "undecided: p 0.3"),
    ],
)
def test_every_reason_is_worded(reason: Reason, said: str) -> None:
    assert said in reason_text(reason)


def test_what_would_settle_it_is_told_with_its_figures() -> None:
    known = Settle(
        conditions=("mean", "placebo"),
        stance="fade",
        book="hedged",
        blocks=41.7,
        blocks_needed=20.0,
        block_days=6.0,
        detectable_bps=36.0,
        multiple=2.5,
        years=3.0,
        coins=250,
    )
    assert settle_text(known) == (
        "fading against the market: the mean is too uncertain to tell from nothing; at the edge as "
        "seen, 2.5 times this history (3.0 more years at this rate or 250 coins) would decide it; "
        f"an edge of 36{T}bps would have been found"
    )
    far = replace(known, conditions=("momentum",), multiple=340.0)
    assert "momentum alone explains it; at the edge as seen it would take 340 times" in (
        settle_text(far)
    )
    few = Settle(conditions=("blocks",), multiple=1.6, years=1.8)
    assert (
        settle_text(few) == "1.6 times this history (1.8 more years at this rate) would be enough"
    )
    assert "may bring open_interest" in settle_text(Settle(streams=("open_interest",)))
    assert settle_text(None) == ""


def test_headline_counts_fates() -> None:
    paid, open_ = answer("fade pays"), answer("open")
    lead = "Fading crowded shorts on BTC, ETH, SOL: supported"
    assert headline((paid,)) == lead
    assert headline((paid, open_, open_)) == "Of 3 claims 1 is supported and 2 open"
    assert headline((answer("both lose"), answer("both lose", claim="disputed"))) == (
        "None of 2 claims is supported: 1 is refuted and 1 decided for neither"
    )
    assert headline((paid, answer("follow pays", claim="disputed"), open_)) == (
        "Of 3 claims 1 is supported, 1 decided for following and 1 open"
    )
    assert headline(()) == "Nothing was measured"


@pytest.mark.parametrize(
    ("planted", "pair", "kind", "said"),
    [
        (-60.0, "fade pays", "match", "match the planted truth"),
        (60.0, "follow pays", "match", "in the lean's direction, so following should pay"),
        (-60.0, "open", "missed", "Not enough evidence: missed"),
        (-60.0, "both lose", "wrong way", "said to lose: the wrong way"),
        (-60.0, "follow pays", "wrong way", "the wrong way"),
        (-60.0, "follow loses", "match", "Following is said to lose, which is right"),
        # a round trip costs 14 bps: 60 − 14 = 46 is above the smallest edge of 20, 30 − 14 not
        (-60.0, "fade is small", "missed", "said to be small"),
        (-30.0, "fade is small", "match", f"16{T}bps: small"),
        (0.0, "fade pays", "false alarm", "a false alarm"),
        (0.0, "open", "nothing planted", "claim nothing"),
        (0.0, "both lose", "match", "nothing is said to pay"),
        (-9.0, "open", "within costs", f"less than a round trip costs (14{T}bps)"),
    ],
)
def test_words_are_held_against_the_planted_truth(
    planted: float, pair: str, kind: str, said: str
) -> None:
    found = truth(answer(pair, planted_bps=planted, horizon_hours=72.0))
    assert found is not None
    assert found.kind == kind
    assert said in found.text


def test_what_could_not_be_tested_was_not_missed() -> None:
    row = answer("open", planted_bps=-60.0, horizon_hours=72.0)
    row = replace(row, fates=Fates("fade", "untestable", None), reason=Reason("few_blocks"))
    found = truth(row)
    assert found is not None
    assert found.kind == "not tested"
    assert "could not be tested" in found.text


def test_no_truth_is_claimed_where_none_is_known() -> None:
    assert truth(answer("fade pays")) is None
    assert truth(replace(answer("fade pays"), planted_bps=math.nan)) is None


@pytest.mark.parametrize(
    ("instrument", "named"), [("carry", "spread of future and spot"), ("future", "dated future")]
)
@pytest.mark.parametrize("planted", [-60.0, 0.0])
def test_a_labels_drift_says_nothing_of_other_instruments(
    instrument: str, named: str, planted: float
) -> None:
    found = truth(answer("fade pays", planted_bps=planted, planted_from="label"), instrument)
    assert found is not None
    assert (found.kind, found.planted) == ("unknown", "—")
    assert found.text.startswith("The lab plants the drift of the perp.")
    assert f"a position in the {named} was not simulated" in found.text


def test_a_simulated_truth_holds_for_its_instrument() -> None:
    found = truth(answer("fade pays", planted_bps=-60.0, planted_from="simulation"), "carry")
    assert found is not None
    assert (found.kind, found.planted) == ("match", "−60")
    assert found.text.startswith("What is planted was simulated for this very position")


def test_doubt_is_the_first_thing_that_is_wanting() -> None:
    few = replace(
        answer("open"),
        fates=Fates("fade", "untestable", None),
        reason=Reason("few_blocks", ("blocks",), (), 12.0, 20.0),
        settle=None,
    )
    like = replace(answer("open"), settle=Settle(conditions=("momentum",)))
    assert [doubt(v) for v in (few, like, answer("fade pays"))] == [
        "too few events",
        "like momentum",
        "",
    ]


@pytest.mark.parametrize("code", get_args(ReasonCode))
def test_every_reason_of_an_untestable_row_has_its_word(code: ReasonCode) -> None:
    row = replace(answer("open"), fates=Fates("fade", "untestable", None), reason=Reason(code))
    word = doubt(row)
    # a row is never untestable because it is decided, or for want of a hedge alone
    assert (word == "open") == (code in ("decided", "conditions", "no_hedge"))


def test_rules_say_what_is_traded() -> None:
    trade = {"instrument": "perp", "hold_hours": 72.0, "stop": 0.05, "target": None}
    said = f"trades the perp, holds 72{T}h at most, stop at 5.0{T}%"
    assert rules({"trade": trade}) == said
    assert rules({"leverage": 1.0}) == ""


def test_every_control_that_decides_can_be_worded() -> None:
    names = [one.name for one in CONTROLS]
    assert names == ["mean", "placebo", "momentum"]
    assert {*names, "blocks"} == set(FAILS)
    assert all(one.question.endswith("?") for one in CONTROLS)


def test_truths_are_counted_right_ones_first() -> None:
    found = [Truth("missed", ""), None, Truth("wrong way", ""), Truth("match", "")]
    counted = truths_counted([*found, Truth("missed", "")])
    assert list(counted.items()) == [("match", 1), ("missed", 2), ("wrong way", 1)]
