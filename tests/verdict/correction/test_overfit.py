"""Sharpe ratios less luck and selection: published figures, closed forms, simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.verdict.correction.overfit import (
    TrackRecord,
    cscv,
    deflated_sharpe,
    expected_max_sharpe,
    probabilistic_sharpe,
)

#: the deflated Sharpe ratio paper: 5 years of 250 days, an annualised 2.5
DAILY = 2.5 / math.sqrt(250)
VARIANCE = 0.5 / 250


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "published"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_the_papers_deflated_sharpe_ratios(trials, skew, kurtosis, published):
    record = TrackRecord(1250, DAILY, skew, kurtosis)
    found = deflated_sharpe(record, n_trials=trials, variance=VARIANCE)
    assert found == pytest.approx(published, abs=5e-5)


def test_the_papers_expected_maximum():
    assert expected_max_sharpe(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)


def test_the_papers_hedge_fund():
    # 24 monthly returns, 0.458 a month
    assert probabilistic_sharpe(TrackRecord(24, 0.458)) == pytest.approx(0.982, abs=5e-4)
    skewed = TrackRecord(24, 0.458, -2.448, 10.164)
    assert probabilistic_sharpe(skewed) == pytest.approx(0.913, abs=5e-4)


def test_the_record_of_returns_by_hand():
    record = TrackRecord.of(np.array([0.0, 0.0, 0.0, 4.0]))
    # mean 1, deviations −1 −1 −1 3: s² = 12/3, m2 = 3, m3 = 24/4, m4 = 84/4
    assert (record.n, record.sharpe) == (4, 0.5)
    assert record.skew == pytest.approx(6 / 3**1.5)
    assert record.kurtosis == pytest.approx(21 / 9)


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, 0.1, 0.1], [0.0, 0.0]])
def test_returns_that_do_not_vary_have_no_sharpe_ratio(returns):
    record = TrackRecord.of(np.array(returns))
    assert math.isnan(record.sharpe)
    assert math.isnan(probabilistic_sharpe(record))
    assert math.isnan(deflated_sharpe(record, n_trials=10, variance=0.01))


def test_excess_kurtosis_is_noticed():
    with pytest.raises(ParameterError, match=r"at least 1 \+ skew².*\n.*kurtosis 3 here, not 0"):
        TrackRecord(100, 0.1, 0.0, 0.0)


def test_one_trial_is_not_deflated():
    record = TrackRecord(400, 0.05)
    assert expected_max_sharpe(1, 0.3) == 0.0
    assert deflated_sharpe(record, n_trials=1, variance=0.3) == probabilistic_sharpe(record)
    with pytest.raises(ParameterError, match="n_trials must be at least 1; got 0"):
        expected_max_sharpe(0, 0.1)
    with pytest.raises(ParameterError, match="variance must be at least 0"):
        expected_max_sharpe(2, -0.1)


@pytest.mark.parametrize(("trials", "within"), [(10, 0.05), (100, 0.03), (1000, 0.02)])
def test_the_expected_maximum_is_that_of_simulated_normals(trials, within):
    draws = np.random.default_rng(1).normal(0.0, 0.3, (10_000, trials)).max(axis=1)
    assert expected_max_sharpe(trials, 0.09) == pytest.approx(draws.mean(), rel=within)


def test_the_probability_is_uniform_where_there_is_no_skill():
    rng = np.random.default_rng(2)
    returns = rng.standard_t(5, (2000, 300))
    found = np.array([probabilistic_sharpe(TrackRecord.of(row)) for row in returns])
    for level in (0.05, 0.5, 0.95):
        assert (found < level).mean() == pytest.approx(level, abs=0.02)


@pytest.mark.slow
def test_the_best_of_many_without_skill_is_seldom_believed():
    rng = np.random.default_rng(3)
    believed = plain = 0
    for _ in range(200):
        records = [TrackRecord.of(row) for row in rng.normal(size=(40, 250))]
        best = max(records, key=lambda r: r.sharpe)
        variance = float(np.var([r.sharpe for r in records], ddof=1))
        believed += deflated_sharpe(best, n_trials=40, variance=variance) > 0.95
        plain += probabilistic_sharpe(best) > 0.95
    assert believed <= 8
    assert plain >= 160


def test_cross_validation_by_hand():
    # two blocks of two: trial 0 wins the first half, trial 1 the second, each loses the other
    table = np.array([[3.0, -2.0], [1.0, -4.0], [-2.0, 3.0], [-4.0, 1.0]])
    found = cscv(table, blocks=2)
    sharpe = 2.0 / math.sqrt(2.0)
    assert found.winners.tolist() == [0, 1]
    assert found.in_sample == pytest.approx([sharpe, sharpe])
    assert found.out_of_sample == pytest.approx([-1.5 * sharpe] * 2)
    # last of two: rank 1, relative rank 1/3
    assert found.logits == pytest.approx([math.log(0.5)] * 2)
    assert (found.pbo, found.p_loss) == (1.0, 1.0)
    assert math.isnan(found.slope)


def test_cross_validation_agrees_with_the_definition_written_out():
    rng = np.random.default_rng(4)
    table = rng.normal(0.02, 1.0, (67, 5)) * [0.5, 1, 2, 1, 1] + [0.0, 0.1, 0.2, 0.0, 0.0]
    found = cscv(table, blocks=6)
    parts = np.split(table[1:], 6)  # 67 = 1 + 6 · 11
    expected = []
    for chosen in itertools.combinations(range(6), 3):
        inside, outside = (
            np.concatenate([p for i, p in enumerate(parts) if (i in chosen) is wanted])
            for wanted in (True, False)
        )
        a, b = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in (inside, outside))
        best = int(a.argmax())
        rank = sorted(b).index(b[best]) + 1
        expected.append((best, a[best], b[best], math.log(rank / (6 - rank))))
    winners, inside, outside, logits = (np.array(x) for x in zip(*expected, strict=True))
    assert found.winners.tolist() == winners.tolist()
    assert found.in_sample == pytest.approx(inside)
    assert found.out_of_sample == pytest.approx(outside)
    assert found.logits == pytest.approx(logits)
    assert found.pbo == (logits <= 0).mean()
    slope, intercept = np.polyfit(inside, outside, 1)
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept))


def test_on_noise_the_winner_is_as_good_as_any():
    rng = np.random.default_rng(5)
    found = [cscv(rng.standard_t(4, (400, 20)), blocks=8) for _ in range(150)]
    assert np.mean([f.pbo for f in found]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([f.p_loss for f in found]) == pytest.approx(0.5, abs=0.08)


def test_a_truly_better_trial_is_found_and_stays_better():
    table = np.random.default_rng(6).normal(size=(960, 50))
    table[:, 7] += 0.3
    found = cscv(table)
    assert len(found.logits) == 12_870
    assert set(found.winners.tolist()) == {7}
    assert found.pbo < 0.001
    assert found.p_loss < 0.001


def test_pbo_is_high_where_luck_lies_in_single_blocks():
    rng = np.random.default_rng(7)
    table = rng.normal(size=(800, 16))
    for trial in range(16):  # each trial has one lucky block and pays for it in the others
        table[:, trial] -= 0.15
        table[trial * 50 : trial * 50 + 50, trial] += 2.4
    found = cscv(table)
    assert found.pbo > 0.9
    assert found.slope < 0.0


def test_a_large_table_gives_what_a_small_memory_gives(monkeypatch):
    table = np.random.default_rng(8).normal(size=(120, 30))
    whole = cscv(table, blocks=10)
    monkeypatch.setattr("fadefollow.verdict.correction.overfit._CHUNK", 1000)
    parts = cscv(table, blocks=10)
    assert parts.winners.tolist() == whole.winners.tolist()
    assert parts.logits == pytest.approx(whole.logits)


def test_equal_trials_share_their_rank():
    column = np.random.default_rng(9).normal(size=(64, 1))
    found = cscv(np.repeat(column, 4, axis=1), blocks=4)
    assert found.logits == pytest.approx(np.zeros(6))  # rank 2.5 of 4


def test_a_trial_that_never_traded_has_ratio_zero():
    table = np.random.default_rng(10).normal(-1.0, 1.0, (64, 3))
    table[:, 1] = 0.0
    found = cscv(table, blocks=4)
    assert set(found.winners.tolist()) == {1}
    assert found.out_of_sample.tolist() == [0.0] * 6


def test_ranks_do_not_depend_on_the_unit():
    table = np.random.default_rng(11).normal(0.05, 1.0, (160, 6))
    small = cscv(table * 1e-7, blocks=8)
    assert small.logits == pytest.approx(cscv(table, blocks=8).logits)


@pytest.mark.parametrize("blocks", [0, 3, 22])
def test_blocks_that_cannot_be_halved_are_refused(blocks):
    with pytest.raises(ParameterError, match=f"blocks must be even, 2 to 20; got {blocks}"):
        cscv(np.ones((100, 3)), blocks=blocks)


def test_tables_that_say_nothing_are_refused():
    with pytest.raises(DataError, match=r"got shape \(100, 1\) for 16 blocks"):
        cscv(np.ones((100, 1)))
    with pytest.raises(DataError, match=r"got shape \(31, 2\) for 16 blocks"):
        cscv(np.ones((31, 2)))
    table = np.ones((100, 3))
    table[4, 1] = np.nan
    with pytest.raises(DataError, match="returns must be finite; got 1 are not"):
        cscv(table)
