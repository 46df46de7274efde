"""The alarm: its steps by hand, its threshold from history, and false alarms as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.cusum import Alarm, Spread, spread_of


def sums(total: list[float], count: list[float]) -> DaySums:
    return DaySums(np.array(total), np.array(count))


def test_the_path_by_hand() -> None:
    alarm = Alarm(mean=0.02, spread=Spread(0.0016, 0.0), threshold=3.0)
    # one trade: deviation 0.04, shift 0.5; s = 0: z = −0.5, step 0.25 − 0.125 = 0.125;
    # an empty block changes nothing; then volatility is 1 + (0.25 − 1) / 20 = 0.9625
    path = alarm.path(sums([0.0, 0.0, 0.02], [1.0, 0.0, 1.0]))
    assert path[:2].tolist() == pytest.approx([0.125, 0.125])
    # s = μ: z = 0, step −0.5² / (2 · 0.9625) = −0.12987, and it is held above zero
    assert path[2] == 0.0


def test_a_crash_counts_as_two_deviations_and_no_more() -> None:
    alarm = Alarm(mean=0.02, spread=Spread(0.0016, 0.0), threshold=3.0)
    for crash in (-0.061, -0.6):  # 0.5 · 2 − 0.125 = 0.875
        assert alarm.path(sums([crash], [1.0]))[0] == pytest.approx(0.875)


def test_a_block_with_more_trades_counts_for_no_more_than_it_says() -> None:
    # all of the variance is shared: nine trades say what one says
    alarm = Alarm(mean=0.02, spread=Spread(0.0, 0.0016), threshold=3.0)
    steps = [alarm.path(sums([0.0], [n]))[0] for n in (1.0, 9.0)]
    assert steps == pytest.approx([0.125, 0.125])


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


@pytest.mark.slow
def test_false_alarms_come_at_the_stated_rate_and_a_lost_edge_is_noticed() -> None:
    rng = np.random.default_rng(3)

    def years(edge: float, blocks: int) -> DaySums:
        count = rng.poisson(2.0, blocks).astype(np.float64)
        spread = 0.04 * np.sqrt(count) * rng.standard_t(4, blocks) / math.sqrt(2.0)
        return DaySums(spread + edge * count, count)

    false, delays = [], []
    for _ in range(120):
        history = years(0.03, 180)
        history = DaySums(history.total + (0.03 - history.mean) * history.count, history.count)
        alarm = Alarm.of(history, blocks_a_year=60, rate=0.15)
        assert alarm is not None
        false.append(bool((alarm.path(years(0.03, 120)) >= alarm.threshold).any()))
        rang = alarm.path(years(0.0, 120)) >= alarm.threshold
        delays.append(int(np.argmax(rang)) if rang.any() else 999)
    # at most 1 − exp(−0.3) = 26 %; the threshold is set for 1 − exp(−0.1) = 10 %
    assert 0.01 < np.mean(false) < 0.26
    assert np.median(delays) < 20
