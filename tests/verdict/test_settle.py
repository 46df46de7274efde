"""What would settle a row: the nearest stance, the failing condition, and how much more history."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fadefollow.verdict.model import NotTraded, PnlSplit, StanceResult, Verdict
from fadefollow.verdict.settle import History, Needs, settle
from fadefollow.verdict.words import Fates, Reason

NAN = math.nan
#: errors of 10 bps; 2.5 of them to tell the mean, 3 to beat the placebo, 2 beyond momentum
NEEDS = Needs(se=10.0, mean_t=2.5, placebo_t=3.0, momentum_se=10.0, momentum_t=2.0)


def _stance(word="open", mean=20.0, placebo=0.0, momentum=20.0, blocks=60.0, n_trades=300):
    return StanceResult(
        n_trades=n_trades,
        mean_net_bps=mean,
        ci_bps=(NAN, NAN),
        anyhour_mean_bps=0.0,
        placebo_mean_bps=placebo,
        momentum_mean_bps=momentum,
        momentum_ci_bps=(NAN, NAN),
        p_placebo=0.1,
        p_adjusted=0.2,
        sharpe=1.0,
        max_drawdown=-0.1,
        breakeven_cost_bps=50.0,
        pnl=PnlSplit(0.0, 0.0, 0.0, 0.0, 0.0),
        n_liquidated=0,
        win_rate=0.5,
        mean_hold_hours=24.0,
        word=word,
        reason=Reason("conditions", ("mean",)),
        blocks=blocks,
        block_days=6.0,
        detectable_bps=35.0,
    )


def _verdict(fade, follow, *, hedged=None, claim="fade", fate="open", reason=None):
    return Verdict(
        strategy="s",
        signal="sig",
        phase="a",
        split=None,
        symbols=("X",),
        n_phases=300,
        fade=fade,
        follow=follow,
        difference_ci_bps=(NAN, NAN),
        claim=claim,
        fates=Fates(claim, fate, "outright"),
        reason=reason or Reason("decided"),
        hedged=hedged or {},
    )


def _settled(verdict, **needs):
    by_key = {key: needs.get(key[1], NEEDS) for key in verdict.results}
    found = settle(
        verdict, needs=by_key, smallest_bps=20.0, history=History(4.0, 30), min_blocks=20.0
    )
    assert replace(found, settle=None) == replace(verdict, settle=None)
    return found.settle


@pytest.mark.parametrize("fate", ["supported", "refuted", "fade", "follow", "neither"])
def test_what_is_decided_needs_nothing(fate) -> None:
    assert _settled(_verdict(_stance("pays"), _stance("loses"), fate=fate)) is None


def test_the_condition_that_needs_most_decides_how_much_history() -> None:
    # mean (2.5 · 10 / 20)² = 1.5625, placebo (3 · 10 / 20)² = 2.25, momentum (2 · 10 / 20)² = 1
    found = _settled(_verdict(_stance(), _stance("loses")))
    assert (found.stance, found.book) == ("fade", "outright")
    assert found.multiple == pytest.approx(2.25)
    assert found.years == pytest.approx(4.0 * 1.25)
    assert math.isnan(found.coins)  # more coins hardly help outright
    assert found.conditions == ("mean",)
    assert (found.blocks, found.blocks_needed, found.block_days) == (60.0, 20.0, 6.0)
    assert found.detectable_bps == 35.0


def test_an_edge_is_measured_from_its_placebo_and_beyond_momentum() -> None:
    # placebo: 12 of 20 left: (3 · 10 / 12)² = 6.25; momentum: (2 · 10 / 5)² = 16
    assert _settled(_verdict(_stance(placebo=8.0), _stance("loses"))).multiple == 6.25
    assert _settled(_verdict(_stance(momentum=5.0), _stance("loses"))).multiple == 16.0


def test_a_small_edge_is_settled_as_small() -> None:
    # 10 bps: to pay (3 · 10 / 10)² = 9; to be small, 10 below 20: (2.5 · 10 / 10)² = 6.25
    assert _settled(_verdict(_stance(mean=10.0), _stance())).multiple == pytest.approx(6.25)
    # −5 bps: small long before it loses, (2.5 · 10 / 25)² = 1: at least this history
    assert _settled(_verdict(_stance(mean=-5.0), _stance())).multiple == 1.0


def test_no_history_settles_what_is_large_and_no_better_than_its_placebo() -> None:
    found = _settled(_verdict(_stance(mean=80.0, placebo=90.0), _stance("loses")))
    assert math.isnan(found.multiple)
    assert math.isnan(found.years)
    assert found.stance == "fade"


def test_too_few_blocks_need_more_of_them_and_the_edge_besides() -> None:
    few = _stance("untestable", blocks=5.0)
    # four times as many blocks; the edge alone would be told at 2.25
    found = _settled(_verdict(few, _stance("untestable"), fate="untestable"))
    assert found.multiple == 4.0
    # 10 bps: 4 for the blocks, 6.25 to be small
    few = replace(few, mean_net_bps=10.0)
    assert _settled(_verdict(few, few, fate="untestable")).multiple == pytest.approx(6.25)
    none = replace(few, blocks=0.0)
    assert math.isnan(_settled(_verdict(none, none, fate="untestable")).multiple)


def test_only_stances_without_a_word_are_waited_for() -> None:
    # disputed: fading is known to lose, so that following is what is open
    found = _settled(_verdict(_stance("loses", mean=-90.0), _stance(), claim="disputed"))
    assert found.stance == "follow"
    assert found.multiple == pytest.approx(2.25)


def test_the_nearer_book_speaks_and_coins_help_the_hedged_one() -> None:
    hedged = {"fade": _stance(mean=22.0, momentum=22.0), "follow": _stance("loses")}
    verdict = _verdict(_stance(), _stance("loses"), hedged=hedged)
    near = replace(NEEDS, se=9.0, momentum_se=9.0)
    found = _settled(verdict, hedged=near)
    # (3 · 9 / 22)² = 1.506 of 30 coins are 45.2
    assert (found.stance, found.book) == ("fade", "hedged")
    assert found.multiple == pytest.approx((27 / 22) ** 2)
    assert found.coins == 46


def test_claimed_stance_alone_is_waited_for() -> None:
    found = _settled(_verdict(_stance(mean=20.0), _stance(mean=60.0, momentum=60.0)))
    assert found.stance == "fade"


def test_missing_streams_are_what_it_needs() -> None:
    no = NotTraded("no liquidations", "missing_streams", ("liquidations",))
    reason = Reason("missing_streams", streams=("liquidations",))
    found = _settled(_verdict(no, no, fate="untestable", reason=reason))
    assert found.streams == ("liquidations",)
    assert found.stance is None


def test_unknown_conditions_settle_nothing_but_smallness() -> None:
    unknown = replace(NEEDS, placebo_t=NAN)
    assert math.isnan(_settled(_verdict(_stance(), _stance()), outright=unknown).multiple)
    small = _settled(_verdict(_stance(mean=10.0), _stance()), outright=unknown)
    assert small.multiple == pytest.approx(6.25)
