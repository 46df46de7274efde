"""Numbers as a reader sees them, and verdicts in words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from fadefollow.verdict.rule import decide

from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.sentences import doubt, headline, rules, sentence, summary, truth
from fadefollow.verdict.model import NotTraded, Verdict
from tests.support.reporting_cases import stance, verdict

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


def answer(word: str, **changes: Any) -> Verdict:
    up, down = stance(42.3, (5.1, 80.4)), stance(-70.2, (-108.0, -31.0))
    return replace(verdict("s", "crowded_short", word, up, down), **changes)


def test_sentence_of_a_stance_that_pays() -> None:
    assert str(sentence(answer("fade"))) == (
        f"Fading crowded shorts on BTC, ETH, SOL pays: +42{T}bps a trade after all costs "
        f"[5.1, 80], over 132 trades held 68{T}h on average."
    )


def test_sentence_of_an_undecided_phase_says_what_could_have_been_seen() -> None:
    said = str(sentence(answer("undecided", fade=NotTraded("no borrow rate"))))
    assert said == (
        "Undecided: crowded shorts on BTC, ETH, SOL. Fading was not traded (no borrow rate) and "
        f"following made −70{T}bps a trade [−108, −31]. The smallest effect that this sample "
        f"would reliably show is 36{T}bps."
    )


def test_headline_counts_verdicts() -> None:
    fade, open_, neither = answer("fade"), answer("undecided"), answer("neither")
    lead = "Fading crowded shorts on BTC, ETH, SOL pays"
    assert headline((fade,)) == lead
    assert headline((fade, open_, open_)) == f"{lead}; 2 more undecided"
    assert headline((open_, neither)) == (
        "None of the 2 phases asked about pays: 1 undecided, 1 where neither stance pays"
    )
    assert headline((fade, answer("follow"), open_)) == (
        "2 of the 3 phases asked about pay: 1 to fade, 1 to follow; 1 more undecided"
    )
    assert headline((fade, fade)) == "2 of the 2 phases asked about pay: 2 to fade"
    assert headline(()) == "Nothing was measured"


@pytest.mark.parametrize(
    ("planted", "word", "kind", "said"),
    [
        (-60.0, "fade", "match", "matches the planted truth"),
        (60.0, "follow", "match", "in the lean's direction, so following should pay"),
        (-60.0, "undecided", "missed", "Not enough evidence: missed"),
        (-60.0, "neither", "missed", "neither: missed"),
        (-60.0, "follow", "wrong way", "the wrong way"),
        (0.0, "fade", "false alarm", "a false alarm"),
        (0.0, "undecided", "nothing planted", "claims nothing"),
        (0.0, "neither", "match", "claims nothing"),
        (-9.0, "undecided", "within costs", f"less than a round trip costs (14{T}bps)"),
    ],
)
def test_verdict_is_held_against_the_planted_truth(
    planted: float, word: str, kind: str, said: str
) -> None:
    found = truth(answer(word, planted_bps=planted, horizon_hours=72.0))
    assert found is not None
    assert found.kind == kind
    assert said in found.text


def test_no_truth_is_claimed_where_none_is_known() -> None:
    assert truth(answer("fade")) is None
    assert truth(replace(answer("fade"), planted_bps=math.nan)) is None


@pytest.mark.parametrize(
    ("instrument", "named"), [("carry", "spread of future and spot"), ("future", "dated future")]
)
@pytest.mark.parametrize("planted", [-60.0, 0.0])
def test_a_labels_drift_says_nothing_of_other_instruments(
    instrument: str, named: str, planted: float
) -> None:
    found = truth(answer("fade", planted_bps=planted, planted_from="label"), instrument)
    assert found is not None
    assert (found.kind, found.planted) == ("unknown", "—")
    assert found.text.startswith("The lab plants the drift of the perp.")
    assert f"a position in the {named} was not simulated" in found.text


def test_a_simulated_truth_holds_for_its_instrument() -> None:
    found = truth(answer("fade", planted_bps=-60.0, planted_from="simulation"), "carry")
    assert found is not None
    assert (found.kind, found.planted) == ("match", "−60")
    assert found.text.startswith("What is planted was simulated for this very position")


def test_summary_counts_the_undecided_by_their_reason() -> None:
    few = answer("undecided", why="undecided: 12 independent blocks, at least 30 are needed")
    vague = answer("undecided", why="undecided: fade: +1 bps, too uncertain to tell from nothing")
    like = answer("undecided", why="undecided: fade: +9 bps, but like momentum explains it")
    assert str(summary((answer("fade"), few, few, vague, like))) == (
        "4 more are undecided: 2 with too few independent events, 1 too uncertain to tell from "
        "nothing and 1 that like momentum explains."
    )
    assert str(summary((few,))) == "1 is undecided: 1 with too few independent events."
    assert summary((answer("fade"), answer("neither"))) is None
    assert [doubt(v) for v in (few, like, answer("fade"))] == [
        "too few events",
        "like momentum",
        "",
    ]


@pytest.mark.parametrize("mean_lower", [float("nan"), -1.0, 1.0])
@pytest.mark.parametrize("p_placebo", [0.001, 0.4])
@pytest.mark.parametrize("p_adjusted", [0.01, 0.3, float("nan")])
@pytest.mark.parametrize("momentum_lower", [float("nan"), -1.0, 1.0])
@pytest.mark.parametrize("blocks", [12.0, 90.0])
def test_every_reason_of_the_rule_has_its_word(
    mean_lower: float, p_placebo: float, p_adjusted: float, momentum_lower: float, blocks: float
) -> None:
    up = stance(
        9.0,
        (mean_lower, 20.0),
        p_placebo=p_placebo,
        p_adjusted=p_adjusted,
        momentum_ci_bps=(momentum_lower, 9.0),
    )
    nothing = NotTraded("no borrow rate")
    for fade, follow in ((up, up), (up, nothing), (nothing, nothing)):
        word, why = decide(
            fade,
            follow,
            difference_ci_bps=(-1.0, 1.0),
            detectable_bps=9.0,
            blocks=blocks,
            alpha=0.05,
        )
        said = doubt(answer(word, why=why))
        assert (said not in ("", "undecided")) == (word == "undecided"), why


def test_rules_say_what_is_traded() -> None:
    trade = {"instrument": "perp", "hold_hours": 72.0, "stop": 0.05, "target": None}
    said = f"trades the perp, holds 72{T}h at most, stop at 5.0{T}%"
    assert rules({"trade": trade}) == said
    assert rules({"leverage": 1.0}) == ""
