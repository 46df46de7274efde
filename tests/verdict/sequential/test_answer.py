"""Words of a claim: which comes first, what a past is, when an edge is gone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.answer import Answer, Past


def blocks(edge: float, number: int, *, seed: int = 1, spread: float = 0.04) -> DaySums:
    rng = np.random.default_rng(seed)
    return DaySums(rng.normal(edge, spread, number), np.ones(number))


PAST = Past.of(blocks(0.02, 120), blocks_a_year=60.0, hold_hours=72.0, false_alarms=0.1)


def answer(sums: DaySums, past: Past = PAST) -> Answer:
    return Answer.of(sums, past, alpha=0.05, smallest=0.002)


def test_the_past_is_that_of_the_blocks() -> None:
    history = DaySums(np.array([0.03, 0.0, 0.01]), np.array([2.0, 0.0, 2.0]))
    past = Past.of(history, blocks_a_year=60.0, hold_hours=72.0, false_alarms=0.1)
    # 0.04 / 4 = 1 %; residuals 0.01, 0, −0.01: √(0.0002 / 3)
    assert (past.blocks, past.trades) == (3, 4.0)
    assert past.rate == pytest.approx(4 / 3)
    assert past.rate2 == pytest.approx(8 / 3)
    assert past.mean == pytest.approx(0.01)
    assert past.spread == pytest.approx(math.sqrt(0.0002 / 3))
    # ρ² = 8 / (σ² · 120 blocks in two years)
    assert past.rho2 == pytest.approx(8.0 / (0.0002 / 3 * 120.0))


def test_without_history_a_trade_varies_as_trades_do() -> None:
    none = DaySums(np.zeros(0), np.zeros(0))
    past = Past.of(none, blocks_a_year=180.0, hold_hours=18.0, false_alarms=0.1)
    assert past.spread == pytest.approx(0.04)  # 8 % over three days, a quarter of the time
    assert math.isnan(past.detectable(0.05, years=1.0))
    assert past.alarm is None


def test_no_block_no_answer() -> None:
    found = answer(blocks(0.0, 0))
    assert (found.word, found.decided, found.gone, len(found)) == ("open", None, None, 0)


def test_an_edge_is_confirmed_and_stays_so() -> None:
    found = answer(blocks(0.03, 120, seed=2))
    assert found.word == "confirmed"
    assert found.decided is not None
    k = found.decided
    assert found.e_value[k] >= 20.0 > found.e_value[k - 1]
    assert found.low[k] > 0.0 >= found.low[k - 1]
    later = DaySums(
        np.concatenate([blocks(0.03, 120, seed=2).total, np.full(60, -0.05)]), np.ones(180)
    )
    assert answer(later).word == "confirmed"
    assert answer(later).decided == k


def test_a_loss_is_refuted() -> None:
    found = answer(blocks(-0.03, 120, seed=3))
    assert found.word == "refuted"
    assert found.decided is not None
    assert found.high[found.decided] < 0.002


def test_nothing_stays_open() -> None:
    assert answer(blocks(0.001, 120, seed=4)).word == "open"


def test_both_words_at_once_are_a_refutation() -> None:
    # +10 bps with hardly any spread: above zero for sure, and below 20 bps for sure
    quiet = Past.of(
        blocks(0.001, 60, spread=1e-5), blocks_a_year=60.0, hold_hours=72.0, false_alarms=0.1
    )
    assert answer(blocks(0.001, 60, seed=5, spread=1e-5), quiet).word == "refuted"


def test_a_confirmed_edge_that_goes_sets_off_the_alarm() -> None:
    lived, dead = blocks(0.03, 120, seed=2), blocks(0.0, 90, seed=6)
    both = DaySums(np.concatenate([lived.total, dead.total]), np.ones(210))
    found = answer(both)
    assert found.word == "confirmed"
    assert found.gone is not None
    assert 120 <= found.gone < 200
    assert np.isnan(found.alarm[: (found.decided or 0) + 1]).all()
    assert answer(lived).gone is None
    assert answer(both, replace(PAST, alarm=None)).gone is None


def test_the_detectable_edge_is_found_in_80_of_100() -> None:
    edge = PAST.detectable(0.05, years=1.0)
    found = [
        Answer.of(blocks(edge, 60, seed=100 + n), PAST, alpha=0.05, smallest=0.002).word
        for n in range(200)
    ]
    share = found.count("confirmed") / 200
    # looks before the last add a little to the approximation: 80 % and its error of 3 points
    assert 0.74 <= share <= 0.92


def test_an_answer_knows_nothing_of_later_blocks() -> None:
    whole = blocks(0.02, 100, seed=7)
    known = answer(DaySums(whole.total[:60], whole.count[:60]))
    assert np.array_equal(known.e_value, answer(whole).e_value[:60])
    assert np.array_equal(known.low, answer(whole).low[:60])
