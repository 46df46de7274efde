"""Plans whose events have rules of their own: every measure takes each trade by its own rules."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import DAY_NS, Costs, Events, Rules, RuleSets
from fadefollow.engine.plans.concatenate import joined
from fadefollow.engine.portfolio import portfolio
from fadefollow.engine.resolver import resolve_returns
from fadefollow.verdict import JudgeSettings, judge
from fadefollow.verdict.capacity import capacity
from fadefollow.verdict.correction.spa import spa_of_run
from fadefollow.verdict.estimates.anyhour import all_outcomes, anyhour_mean
from fadefollow.verdict.estimates.bootstrap import Resampling
from fadefollow.verdict.estimates.daily import daily_pnl
from fadefollow.verdict.estimates.days import regular_trades, sample
from fadefollow.verdict.estimates.estimates import estimate
from fadefollow.verdict.estimates.momentum import all_cells, momentum_days, trailing_decile
from fadefollow.verdict.placebos import TimePlacebo
from fadefollow.verdict.placebos.times import draw_shifts
from fadefollow.verdict.splits import split_cells
from fadefollow.verdict.study import event_study, momentum_paths
from tests.support.placebo_cases import draws_of

FEES = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)
FEW = JudgeSettings(placebo_draws=99, bootstrap_draws=200)
DAY, TWO = Rules(hold_hours=24.0, opposite=False), Rules(hold_hours=48.0, opposite=False)


def _rng(seed=0):
    return np.random.default_rng(seed)


def _with_rules(plan, sets, which):
    return replace(
        plan, rules=RuleSets(tuple(sets)), which=tuple(np.asarray(w, np.int64) for w in which)
    )


def _shuffled(plan, sets, seed=0):
    """Every event by one of the rule sets, at random."""
    rng = _rng(seed)
    return _with_rules(plan, sets, [rng.integers(0, len(sets), len(b)) for b in plan.bars])


def _table(plan):
    """The plan's events as a signal would have told them."""
    columns = zip(plan.coin_arrays, plan.bars, plan.leans, strict=True)
    rows = [(t.time[b], t.symbol, x) for t, bars, leans in columns for b, x in zip(bars, leans)]  # noqa: B905
    table = pd.DataFrame(rows, columns=["time", "symbol", "lean"])
    table["time"] = pd.to_datetime(table["time"], utc=True)
    return table.assign(signal="sig", phase="a", strength=np.arange(len(table), dtype=float))


def _assert_same(one, other):
    """Results equal but for rounding."""
    if is_dataclass(one):
        assert type(one) is type(other)
        for f in fields(one):
            _assert_same(getattr(one, f.name), getattr(other, f.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            _assert_same(a, b)
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-9, abs=1e-9, nan_ok=True)
    else:
        assert one == other


def _halves(plan, rules=None):
    """The plan's two halves in time, the second by other rules where they are given."""
    time = pd.to_datetime(plan.coin_arrays[0].time, utc=True)
    start, middle, end = time[0], time[len(time) // 2], time[-1] + (time[1] - time[0])
    second = plan if rules is None else replace(plan, rules=rules)
    return [(plan, (start, middle)), (second, (middle, end))]


# ---------------------------------------------------------------------------- nothing changes


def test_parts_with_equal_rules_are_judged_as_the_plain_plan(make_stormy, make_books):
    plan = make_stormy(_rng(1), days=500, costs=FEES)
    both = joined(_halves(plan))
    _assert_same(*(judge([p], make_books(p), settings=FEW) for p in (both, plan)))


@pytest.fixture
def twins(make_stormy):
    """A plan, and the same with two rule sets that say the same."""
    plan = make_stormy(_rng(2), days=900, edge=0.03, costs=FEES)
    return plan, _shuffled(plan, (plan.rules, plan.rules))


def test_equal_rule_sets_give_the_same_verdicts(twins, make_books):
    plain, twin = ((judge([p], make_books(p), settings=FEW)) for p in twins)
    assert plain[0].follow.n_trades > 30
    _assert_same(plain, twin)


def test_equal_rule_sets_give_the_same_further_measures(twins, make_books):
    found = []
    for plan in twins:
        books = make_books(plan)
        verdicts = judge([plan], books, settings=FEW)
        follow = books["s", "follow"]
        plan = replace(
            plan,
            coin_arrays=tuple(
                replace(t, volume=np.full(len(t.time), 1e6)) for t in plan.coin_arrays
            ),
        )
        found.append(
            (
                tuple(split_cells(plan, books, _table(plan), draws=50)),
                spa_of_run([plan], books, verdicts, draws=50),
                event_study(plan, rng=_rng(), draws=20),
                capacity(plan, follow, 0),
                tuple(daily_pnl(plan, follow).tolist()),
                float(portfolio(plan.coin_arrays, follow, rules=plan.rules).total_profit().sum()),
            )
        )
    splits, spa, *_ = found[0]
    assert splits
    assert spa is not None
    _assert_same(*found)


# ---------------------------------------------------------------------------- any hour, momentum


@pytest.fixture
def rising(make_plan, make_arrays):
    """1 % an hour; two trades held a day, one held two: all that is earned is known."""
    plan = make_plan([make_arrays(1.01 ** np.arange(600))], [[100, 200, 300]])
    return _with_rules(plan, (DAY, TWO), [[0, 1, 0]])


def _sample(plan, make_books):
    return sample(plan, regular_trades(make_books(plan)["s", "follow"], 0))


def test_any_hour_is_the_mean_over_the_trades_of_their_own_rules(rising, make_books):
    trades = _sample(rising, make_books)
    assert trades.rule.tolist() == [0, 1, 0]
    day, two = 1.01**24 - 1.0, 1.01**48 - 1.0
    assert trades.value == pytest.approx([day, two, day])
    by_bar = all_outcomes(rising)["outright"]
    assert set(by_bar) == {(0, 1, 0), (0, -1, 0), (0, 1, 1), (0, -1, 1)}
    # at the first bar alone the open is the close, so that entering there earns an hour less
    first = (1.01**23 - day - 1.0, 1.01**47 - two - 1.0)
    means = day + first[0] / 576, two + first[1] / 552
    assert anyhour_mean(trades, by_bar) == pytest.approx((2 * means[0] + means[1]) / 3)


def test_outcomes_are_made_for_the_rules_that_a_coin_uses(make_plan, make_arrays):
    coin_arrays = [make_arrays(1.01 ** np.arange(100), symbol=s) for s in "XY"]
    plan = _with_rules(make_plan(coin_arrays, [[3], [5]], [[1], [-1]]), (DAY, TWO), [[0], [1]])
    assert set(all_outcomes(plan)["outright"]) == {(0, 1, 0), (0, -1, 0), (1, 1, 1), (1, -1, 1)}


def test_momentum_compares_with_entries_by_the_same_rules(rising, make_books):
    cells = all_cells(rising, all_outcomes(rising)["outright"])
    days = momentum_days(rising, _sample(rising, make_books), cells)
    assert days.count.sum() == 3
    assert days.mean == pytest.approx(0.0, abs=1e-12)


def test_trailing_return_is_over_each_rule_sets_own_holding_and_delay(make_stormy):
    plan = make_stormy(_rng(3), days=100)
    sets = (replace(DAY, delay_bars=2), TWO)
    plan = _shuffled(plan, sets)
    cells = all_cells(plan, all_outcomes(plan)["outright"])
    for (coin, _, rule), cell in cells.items():
        bars, delay = ((6, 2), (12, 0))[rule]
        expected = trailing_decile(plan.coin_arrays[coin], bars=bars, delay=delay)
        assert cell.decile.tolist() == expected.tolist()


def test_any_hour_of_a_split_has_the_mix_of_its_own_trades(make_plan, make_arrays, make_books):
    # one coin rises by 1 % a day, the other falls; longs of one and two days alternate in both
    hours = np.arange(24 * 300)
    coin_arrays = [
        make_arrays(100.0 * np.exp(sign * 0.01 * (hours + 1) / 24), symbol=name)
        for sign, name in ((1, "UP"), (-1, "DOWN"))
    ]
    bars = 23 + 72 * np.arange(96)
    plan = make_plan(coin_arrays, [bars, bars])
    plan = _with_rules(plan, (DAY, TWO), [np.arange(96) % 2, np.arange(96) % 4 == 0])
    cells = split_cells(plan, make_books(plan), _table(plan), draws=50)
    found = {c.cell: c for c in cells if c.split == "coin" and c.stance == "follow"}
    for name, sign, share in (("UP", 1, 0.5), ("DOWN", -1, 0.25)):
        day, two = (math.exp(sign * 0.01 * d) - 1.0 for d in (1, 2))
        earned = 1e4 * ((1 - share) * day + share * two)
        assert found[name].n_trades == 96
        assert found[name].mean_net_bps == pytest.approx(earned)
        assert found[name].anyhour_mean_bps == pytest.approx(earned, abs=0.02)


# ---------------------------------------------------------------------------- placebo, blocks


@pytest.fixture
def still(make_plan, make_arrays):
    """40 days of hours at one price."""
    coin_arrays = [make_arrays(np.full(960, 100.0), symbol=s) for s in "XY"]
    plan = make_plan(coin_arrays, [[5, 300, 959], [17]], window_hours=48.0)
    return _with_rules(plan, (DAY, replace(DAY, hold_hours=72.0)), [[0, 0, 0], [1]])


def test_shifts_are_farther_than_the_longest_holding_and_detection(still):
    # 72 h of holding and 48 h of detection: five days are kept on either side of 40
    shifts, step = draw_shifts([still], draws=10_000, rng=_rng())
    moved = TimePlacebo(still, shifts, step).moved(1, 0, len(shifts))
    assert sorted(((moved.bar - 17) // 24 % 40).tolist()) == list(range(5, 35))


def test_placebo_resolves_each_event_by_its_own_rules(make_stormy):
    plan = make_stormy(_rng(4), days=200)
    quick = Rules(hold_hours=24.0, delay_bars=2, stop=0.02, leverage=3.0)
    plan = _shuffled(plan, (plan.rules, quick))
    placebo = TimePlacebo(plan, *draw_shifts([plan], draws=5, rng=_rng()))
    lengths = np.array([6.0])
    draws = draws_of(plan, "fade", placebo, lengths, last=5)
    means = []
    for draw in range(5):
        values = []
        for coin, (arrays, costs) in enumerate(zip(plan.coin_arrays, plan.costs, strict=True)):
            moved = placebo.moved(coin, draw, draw + 1).mirrored()
            events = Events(
                moved.bar, moved.side, moved.code, moved.exit_bar, moved.exit_side, moved.rule
            )
            found = resolve_returns(arrays, events, rules=plan.rules, costs=costs)
            assert set(found.rule) == {0, 1}
            values.append(found.value[~np.isnan(found.value)])
        means.append(np.concatenate(values).mean())
    assert draws.mean[:, 0] == pytest.approx(means)


def test_blocks_are_twice_the_longest_holding_time(make_stormy, make_books):
    plan = make_stormy(_rng(5), days=300, events_a_year=20.0)
    plan = _shuffled(plan, (DAY, replace(DAY, hold_hours=480.0)))
    n_days = len(plan.coin_arrays[0].time) // 6
    days = Resampling(int(plan.coin_arrays[0].time[0] // DAY_NS), n_days, draws=20, seed=0)
    (phase,) = estimate(plan, make_books(plan), all_outcomes(plan), resampling=days, alpha=0.05)
    # held for 20 days at most, so that the blocks are 40: more than the 30 of the upper bound
    assert phase.stances["follow"]["outright"].length == 40.0


def test_study_compares_over_the_longest_holding_time(make_stormy):
    plan, offsets = make_stormy(_rng(6), days=100), np.array([-6, 0, 12, 42])
    longest = momentum_paths(replace(plan, rules=TWO), offsets)
    np.testing.assert_array_equal(momentum_paths(_shuffled(plan, (DAY, TWO)), offsets), longest)
    assert not np.allclose(momentum_paths(replace(plan, rules=DAY), offsets), longest)


# ---------------------------------------------------------------------------- two folds


def test_two_folds_with_different_rules_are_judged_together(make_stormy, make_books):
    plan = make_stormy(_rng(7), days=900, costs=FEES)
    made = joined(_halves(plan, Rules(hold_hours=24.0, delay_bars=1, stop=0.05)))
    books = make_books(made)
    (verdict,) = judge([made], books, settings=FEW)
    trades = regular_trades(books["s", "follow"], 0)
    assert set(trades["rule"]) == {0, 1}
    assert set(trades.loc[trades["rule"] == 0, "reason"]) == {"time", "opposite"}
    assert verdict.follow.n_trades == len(trades)
    by_bar: Any = all_outcomes(made)["outright"]
    counts = trades.groupby(["coin", "side", "rule"]).size()
    weighted = sum(k * np.nanmean(by_bar[kind]) for kind, k in counts.items()) / len(trades)
    assert verdict.follow.anyhour_mean_bps == pytest.approx(1e4 * weighted)
    # money adds up over both folds, day by day, trade by trade and in the portfolio
    pnl = sum(float(book.trades["pnl"].sum()) for book in books["s", "follow"])
    daily = daily_pnl(made, books["s", "follow"])
    assert daily.sum() == pytest.approx(pnl / 3 / 100_000)
    found = portfolio(made.coin_arrays, books["s", "follow"], rules=made.rules)
    assert found.total_profit().sum() == pytest.approx(pnl)
