from __future__ import annotations

import math
from dataclasses import replace

import pytest
from fadefollow.verdict.rule import decide, pays

from fadefollow.verdict.model import NotTraded, PnlSplit, StanceResult

NAN = math.nan
SHUT = NotTraded("no short is lent")


def _stance(mean=42.0, low=5.0, high=80.0, p=0.008, adjusted=0.01, momentum=(3.0, 70.0), n=300):
    return StanceResult(
        n_trades=n,
        mean_net_bps=mean,
        ci_bps=(low, high),
        anyhour_mean_bps=0.0,
        placebo_mean_bps=0.0,
        momentum_mean_bps=0.0,
        momentum_ci_bps=momentum,
        p_placebo=p,
        p_adjusted=adjusted,
        sharpe=1.0,
        max_drawdown=-0.1,
        breakeven_cost_bps=50.0,
        pnl=PnlSplit(0.0, 0.0, 0.0, 0.0, 0.0),
        n_liquidated=0,
        win_rate=0.5,
        mean_hold_hours=24.0,
    )


GOOD = _stance()
BAD = _stance(mean=-60.0, low=-100.0, high=-20.0, p=0.99, adjusted=0.99, momentum=(-90.0, -9.0))
VAGUE = _stance(mean=12.0, low=-8.0, high=32.0, p=0.2, adjusted=0.4)


def _decide(fade, follow, difference=(-1.0, 1.0), blocks=100.0, detectable=35.0):
    return decide(
        fade,
        follow,
        difference_ci_bps=difference,
        detectable_bps=detectable,
        blocks=blocks,
        alpha=0.05,
    )


@pytest.mark.parametrize(
    ("fade", "follow", "difference", "blocks", "word"),
    [
        (GOOD, BAD, (-90.0, -10.0), 100.0, "fade"),
        (BAD, GOOD, (10.0, 90.0), 100.0, "follow"),
        (GOOD, VAGUE, (-90.0, 10.0), 100.0, "fade"),
        (GOOD, GOOD, (-90.0, -10.0), 100.0, "fade"),
        (GOOD, GOOD, (10.0, 90.0), 100.0, "follow"),
        (GOOD, GOOD, (-10.0, 90.0), 100.0, "undecided"),
        (GOOD, GOOD, (NAN, NAN), 100.0, "undecided"),
        (BAD, BAD, (-1.0, 1.0), 100.0, "neither"),
        (BAD, VAGUE, (-1.0, 1.0), 100.0, "undecided"),
        (VAGUE, VAGUE, (-1.0, 1.0), 100.0, "undecided"),
        (GOOD, BAD, (-90.0, -10.0), 30.0, "fade"),
        (GOOD, BAD, (-90.0, -10.0), 29.9, "undecided"),
        (BAD, BAD, (-1.0, 1.0), 29.9, "undecided"),
        (GOOD, SHUT, (NAN, NAN), 100.0, "fade"),
        (SHUT, GOOD, (NAN, NAN), 100.0, "follow"),
        (BAD, SHUT, (NAN, NAN), 100.0, "neither"),
        (SHUT, SHUT, (NAN, NAN), 0.0, "undecided"),
    ],
)
def test_verdict_follows_intervals_blocks_and_difference(fade, follow, difference, blocks, word):
    found, why = _decide(fade, follow, difference, blocks)
    assert found == word
    assert why.startswith(word)


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({"ci_bps": (0.0, 80.0)}, "too uncertain"),
        ({"ci_bps": (-1.0, 80.0)}, "too uncertain"),
        ({"ci_bps": (NAN, NAN)}, "too uncertain"),
        ({"p_adjusted": NAN, "p_placebo": NAN}, "no placebo could be drawn"),
        ({"p_placebo": 0.12, "p_adjusted": 0.2}, "12 % of shifted placebos do as well"),
        ({"p_adjusted": 0.05}, "best of so many questions does as well in 5 %"),
        ({"momentum_ci_bps": (0.0, 70.0)}, "like momentum explains it"),
        ({"momentum_ci_bps": (NAN, NAN)}, "too little history of like momentum"),
    ],
)
def test_each_condition_is_needed_and_its_failure_named(changed, doubt):
    assert pays(GOOD, alpha=0.05)
    failing = replace(GOOD, **changed)
    assert not pays(failing, alpha=0.05)
    word, why = _decide(failing, VAGUE)
    assert word == "undecided"
    assert doubt in why


def test_a_stance_that_cannot_be_traded_does_not_pay():
    assert not pays(SHUT, alpha=0.05)


def test_a_winner_says_what_it_earns_and_beats():
    _, why = _decide(GOOD, BAD)
    assert why == (
        "fade: +42 bps a trade [+5, +80] after costs, better than 99.2 % of shifted placebos, "
        "and more than like momentum explains"
    )


def test_two_losers_are_both_shown():
    _, why = _decide(BAD, BAD)
    assert why == (
        "neither: fade: -60 bps a trade [-100, -20] after costs "
        "and follow: -60 bps a trade [-100, -20] after costs"
    )


def test_undecided_says_what_could_not_have_been_seen():
    assert _decide(VAGUE, BAD)[1].endswith("; an edge below 35 bps would likely go unseen")
    assert "unseen" not in _decide(VAGUE, BAD, detectable=NAN)[1]


@pytest.mark.parametrize(
    ("blocks", "text"),
    [(14.2, "14 independent blocks"), (1.0, "1 independent block,"), (29.8, "29 independent")],
)
def test_too_few_blocks_are_counted(blocks, text):
    assert text in _decide(GOOD, BAD, blocks=blocks)[1]


def test_no_trades_are_no_blocks_but_no_trades():
    none = _stance(n=0)
    assert _decide(none, none, blocks=0.0)[1] == "undecided: no trade came to its regular end"
