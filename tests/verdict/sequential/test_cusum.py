"""The alarm: its steps by hand, its threshold from history, and false alarms as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fadefollow.verdict.calibration.proportions import Share
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.cusum import FALSE_ALARMS, Alarm, Spread, spread_of


def sums(total: list[float], count: list[float]) -> DaySums:
    return DaySums(np.array(total), np.array(count))


def test_the_path_by_hand() -> None:
    alarm = Alarm(mean=0.02, spread=Spread(0.0016, 0.0), threshold=3.0)
    # one trade: deviation 0.04, shift 0.5; s = 0: y = −0.25, step log 2 − log(1 + e^−0.5), 0.21907;
    # an empty block changes nothing; then volatility is 1 + (0.25 − 1) / 20 = 0.9625
    path = alarm.path(sums([0.0, 0.0, 0.04, 0.02], [1.0, 0.0, 1.0, 1.0]))
    assert path[:2].tolist() == pytest.approx([0.219070, 0.219070], abs=1e-6)
    # s = 2·μ: y = 0.25 / 0.9625 = 0.25974, step log 2 − log(1 + e^0.51948) = −0.29310, held above
    # zero; s = μ: y = 0 changes nothing
    assert path[2:].tolist() == [0.0, 0.0]


def test_a_crash_counts_as_the_log_of_two_and_no_more() -> None:
    alarm = Alarm(mean=0.02, spread=Spread(0.0016, 0.0), threshold=3.0)
    for crash in (-0.6, -6.0):
        assert alarm.path(sums([crash], [1.0]))[0] == pytest.approx(math.log(2.0), abs=1e-3)


@pytest.mark.parametrize("apart", [0.01, 0.1, 1.0])
def test_a_block_on_either_side_alike_is_a_fair_bet_whatever_its_size(apart: float) -> None:
    alarm = Alarm(mean=0.02, spread=Spread(0.0016, 0.0), threshold=3.0)
    # a sum that is high already, so that it is not held at zero: 40 blocks on the lower side
    before = [-0.6] * 40
    low, high = (
        alarm.path(sums([*before, 0.02 + side], [1.0] * 41))[-2:] for side in (-apart, apart)
    )
    bets = [math.exp(path[1] - path[0]) for path in (low, high)]
    assert np.mean(bets) == pytest.approx(1.0)


def test_a_block_with_more_trades_counts_for_no_more_than_it_says() -> None:
    # all of the variance is shared: nine trades say what one says
    alarm = Alarm(mean=0.02, spread=Spread(0.0, 0.0016), threshold=3.0)
    steps = [alarm.path(sums([0.0], [n]))[0] for n in (1.0, 9.0)]
    assert steps == pytest.approx([0.219070, 0.219070], abs=1e-6)


def test_the_spread_tells_own_from_shared_variance() -> None:
    # means of blocks: ±0.05 with one trade (0.0025), ±0.03 with four (0.0009):
    # own + shared = 0.0025, own/4 + shared = 0.0009: own = 0.0016 · 4/3, shared = 0.0011/3
    found = spread_of(sums([0.05, -0.05, 0.12, -0.12], [1.0, 1.0, 4.0, 4.0]))
    assert found.own == pytest.approx(0.0064 / 3.0)
    assert found.shared == pytest.approx(0.0011 / 3.0)
    assert found.of(np.array([4.0]))[0] == pytest.approx(16 * 0.0009)


def test_where_history_earned_nothing_there_is_no_alarm() -> None:
    assert Alarm.of(sums([0.01, -0.03], [1.0, 1.0]), blocks_a_year=60, rate=0.1) is None
    assert Alarm.of(sums([0.01], [1.0]), blocks_a_year=60, rate=0.1) is None


def test_the_stated_rate_is_the_share_of_draws_in_which_it_rings() -> None:
    rng = np.random.default_rng(5)
    count = np.ones(150)
    history = sums((0.03 + 0.04 * rng.normal(size=150)).tolist(), count.tolist())
    often, rarely = (Alarm.of(history, blocks_a_year=60, rate=rate) for rate in (0.5, 0.05))
    assert often is not None
    assert rarely is not None
    assert (often.mean, often.spread) == (rarely.mean, rarely.spread)
    # exp(h) is a fair bet's gain within 120 blocks: of 9.5 % of draws at most 120 / 0.095 (Doob)
    assert often.threshold < rarely.threshold < math.log(120 / 0.095)


@pytest.mark.slow
@pytest.mark.parametrize("storm", [1.0, 3.0])
def test_false_alarms_come_at_the_stated_rate_and_a_lost_edge_is_noticed(storm: float) -> None:
    rng = np.random.default_rng([3, int(storm)])

    def years(edge: float, blocks: int, volatility: float) -> DaySums:
        count = rng.poisson(2.0, blocks).astype(np.float64)
        spread = volatility * 0.04 * np.sqrt(count) * rng.standard_t(4, blocks) / math.sqrt(2.0)
        return DaySums(spread + edge * count, count)

    false, delays = [], []
    for _ in range(200):
        # history's mean is off by its own luck; volatility is other than in history
        alarm = Alarm.of(years(0.03, 180, 1.0), blocks_a_year=60, rate=FALSE_ALARMS)
        assert alarm is not None
        false.append(bool((alarm.path(years(0.03, 120, storm)) >= alarm.threshold).any()))
        rang = alarm.path(years(0.0, 120, 1.0)) >= alarm.threshold
        delays.append(int(np.argmax(rang)) if rang.any() else 999)
    assert Share.exact(false).low < 1.0 - math.exp(-2.0 * FALSE_ALARMS)  # 18.1 %
    assert np.median(delays) < 20
