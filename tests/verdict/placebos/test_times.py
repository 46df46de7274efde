"""The placebo in time: shifts that all coins share, each coin on the circle of its own life."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fadefollow.engine.model import Costs, Events, Rules, RuleSets
from fadefollow.engine.resolver import resolve_returns
from fadefollow.errors import ParameterError
from fadefollow.phases import Stance
from fadefollow.verdict.estimates.days import day_of_bar
from fadefollow.verdict.placebos import Lengths, TimePlacebo, resolve_draws
from fadefollow.verdict.placebos.times import draw_shifts, life_at
from tests.support.placebo_cases import draws_of


def _rng(seed=0):
    return np.random.default_rng(seed)


def _placebo(plan, *, draws=10_000, seed=0):
    shifts, step = draw_shifts([plan], draws=draws, rng=_rng(seed))
    return TimePlacebo(plan, shifts, step)


def _moved(plan, stance, hours, *, coin=0, step=24):
    """One coin's events in the one draw of a placebo whose shift is `hours`, as `Events`."""
    moved = TimePlacebo(plan, np.array(hours), step).moved(coin, 0, len(hours))
    moved = moved if stance == "follow" else moved.mirrored()
    found = []
    for b in range(len(hours)):
        own = slice(moved.starts[b], moved.starts[b + 1])
        out = slice(moved.exit_starts[b], moved.exit_starts[b + 1])
        found.append(
            Events(
                moved.bar[own],
                moved.side[own],
                moved.code[own],
                moved.exit_bar[out],
                moved.exit_side[out],
                moved.rule[own],
            )
        )
    return found


@pytest.fixture
def plan(make_plan, make_arrays):
    """40 days of hours, held 24 h and detected over 48 h: three days are kept from the truth."""
    coin_arrays = [make_arrays(np.full(960, 100.0), symbol=s) for s in "XY"]
    return make_plan(coin_arrays, [[5, 300, 959], [17]], window_hours=48.0)


# ---------------------------------------------------------------------------- shifts and lives


def test_shifts_are_whole_days_as_many_as_the_oldest_coin_has_room_for(plan):
    shifts, step = draw_shifts([plan], draws=10_000, rng=_rng())
    # 40 days less the three kept on either side
    assert sorted(shifts.tolist()) == list(range(0, 34 * 24, 24))
    assert step == 24
    life = life_at(plan, 0, 24)
    assert (life.first, life.bars, life.gap, life.room) == (0, 960, 72, 816)


def test_moved_events_stay_holding_and_detection_away_from_their_own_time(plan):
    shifts, step = draw_shifts([plan], draws=10_000, rng=_rng())
    placebo = TimePlacebo(plan, shifts, step)
    moved = placebo.moved(1, 0, len(shifts))  # the coin with one event, at bar 17
    days = (moved.bar - 17) // 24
    assert (moved.bar % 24 == 17).all()
    assert sorted((days % 40).tolist()) == list(range(3, 37))


def test_shifts_of_phases_tied_to_weekdays_are_whole_weeks_for_all_plans(plan):
    weekly = replace(plan, strategy="t", weekly=True)
    shifts, step = draw_shifts([plan, weekly], draws=10_000, rng=_rng())
    # 40 days are a circle of 6 weeks; one week is kept on either side
    assert sorted(shifts.tolist()) == [0, 168, 336, 504]
    assert step == 168


def test_shifts_are_drawn_without_repetition_and_by_seed(plan):
    found = _placebo(plan, draws=20).shifts.tolist()
    assert len(set(found)) == 20
    assert found == _placebo(plan, draws=20).shifts.tolist()
    assert found != _placebo(plan, draws=20, seed=1).shifts.tolist()


def test_a_shorter_plan_of_the_run_goes_round_its_own_circle(plan, make_plan, make_arrays):
    shorter = make_plan([make_arrays(np.ones(480))], [[3]], strategy="short")
    shifts, step = draw_shifts([plan, shorter], draws=10_000, rng=_rng())
    assert shifts.max() == 33 * 24
    # held 24 h and no window: 20 days less one on either side, so that days 0 … 17 of the shift
    # are told apart, and day 18 is day 0 again
    first, again, second = _moved(shorter, "follow", [0, 18 * 24, 24], step=step)
    assert first.bar.tolist() == again.bar.tolist() == [3 + 24]
    assert second.bar.tolist() == [3 + 48]


def test_a_calendar_too_short_has_no_shifts(make_plan, make_arrays):
    placebo = _placebo(make_plan([make_arrays(np.ones(48))], [[3]]))
    assert placebo.draws == 0
    assert placebo.kept == 0.0


def test_all_coins_move_by_the_same_time(plan):
    (x,), (y,) = (_moved(plan, "follow", [24], coin=coin) for coin in (0, 1))
    # a day beyond the three that are kept: 96 bars; 959 goes round the circle of 960 bars
    assert x.bar.tolist() == [95, 101, 396]
    assert y.bar.tolist() == [113]


def test_sides_codes_rules_and_exits_move_with_their_bars(plan):
    plan = replace(
        plan,
        leans=(np.array([1, 1, -1]), np.array([1])),
        codes=(np.array([0, 1, 2]), np.array([0])),
        which=(np.array([1, 0, 1]), np.array([0])),
        exit_bars=(np.array([7, 950]), np.array([], np.int64)),
        exit_leans=(np.array([1, -1]), np.array([], np.int64)),
    )
    (events,) = _moved(plan, "fade", [24])
    assert events.side.tolist() == [1, -1, -1]
    assert events.code.tolist() == [2, 0, 1]
    assert events.rule is not None
    assert events.rule.tolist() == [1, 1, 0]
    assert events.exit_bar.tolist() == [86, 103]
    assert events.exit_side.tolist() == [1, -1]


@pytest.mark.parametrize("step", [24, 168])
def test_the_hour_of_day_or_week_stays_also_where_the_circle_closes(step, make_plan, make_arrays):
    n = 1000  # neither whole days nor whole weeks
    bars = np.arange(0, n, 37)
    plan = make_plan([make_arrays(np.ones(n))], [bars])
    for moved in _moved(plan, "follow", list(range(0, n, step)), step=step):
        assert set(moved.bar % step) <= set(bars % step)
        assert len(moved.bar) == len(bars)


def test_bars_of_eight_hours_move_by_three_a_day(make_plan, make_arrays):
    plan = make_plan([make_arrays(np.ones(90), bar_hours=8)], [[4]])
    # a day is kept and one is drawn
    assert _moved(plan, "follow", [24])[0].bar.tolist() == [10]


def test_bars_that_do_not_divide_the_day_are_refused(make_plan, make_arrays):
    plan = make_plan([make_arrays(np.ones(90), bar_hours=7)], [[4]])
    with pytest.raises(ParameterError, match="bars that divide 24 h; got 7 h"):
        draw_shifts([plan], draws=5, rng=_rng())


# ---------------------------------------------------------------------------- listings and deaths


@pytest.fixture
def late(make_plan, make_arrays):
    """Forty days: X lives throughout, Y from noon of day 20 on, Z dies at noon of day 10."""
    whole = np.full(960, 100.0)
    young, dead = whole.copy(), whole.copy()
    young[: 20 * 24 + 12] = np.nan
    dead[10 * 24 + 12 :] = np.nan
    coin_arrays = [
        make_arrays(c, symbol=s) for c, s in zip((whole, young, dead), "XYZ", strict=True)
    ]
    return make_plan(coin_arrays, [[30], [500, 700, 900], [100, 200]])


def test_a_coin_s_circle_is_its_own_life_from_midnight_to_midnight(late):
    lives = [life_at(late, coin, 24) for coin in range(3)]
    assert [(one.first, one.bars) for one in lives] == [(0, 960), (480, 480), (0, 264)]
    assert [one.room for one in lives] == [912, 432, 216]


def test_every_event_of_a_listed_or_dead_coin_is_kept_inside_its_life(late):
    placebo = _placebo(late)
    assert placebo.draws == 38
    for coin, (first, end, events) in enumerate([(0, 960, 1), (480, 960, 3), (0, 264, 2)]):
        moved = placebo.moved(coin, 0, placebo.draws)
        assert np.diff(moved.starts).tolist() == [events] * placebo.draws
        assert moved.bar.min() >= first
        assert moved.bar.max() < end
    assert placebo.kept == 1.0


def test_young_coins_are_moved_as_far_as_their_lives_allow(late):
    # X's event is 1 … 20 days away (38 shifts, both ways round 40 days), median 10.5; each of Y's
    # three at most 10 (circle of 20), each of Z's two at most 5 (circle of 11)
    only = {
        name: _placebo(
            replace(late, bars=tuple(b if k == n else b[:0] for k, b in enumerate(late.bars)))
        ).reach_days
        for n, name in enumerate("XYZ")
    }
    assert only["X"] == pytest.approx(10.5, abs=1.0)
    assert only["Y"] == pytest.approx(5.5, abs=1.0)
    assert only["Z"] == pytest.approx(3.0, abs=1.0)
    # over all six events the median lies between those of the coins
    assert only["Z"] < _placebo(late).reach_days < only["X"]


def test_days_of_two_coins_stay_together_until_one_has_gone_round(late):
    # X and Y share day 20 … 39; with a shift that takes neither round, both move alike
    plan = replace(late, bars=(np.array([500]), np.array([500]), late.bars[2]))
    (x,), (y,) = (_moved(plan, "follow", [24 * 5], coin=coin) for coin in (0, 1))
    assert x.bar.tolist() == y.bar.tolist() == [500 + 24 * 6]


def test_a_coin_younger_than_both_gaps_is_not_shifted(make_plan, make_arrays):
    young = np.full(960, 100.0)
    young[:-40] = np.nan  # two days, of which one is kept on either side
    coin_arrays = [make_arrays(np.full(960, 100.0), symbol="X"), make_arrays(young, symbol="Y")]
    plan = make_plan(coin_arrays, [[30, 60, 90], [940]])
    placebo = _placebo(plan)
    assert placebo.kept == 0.75
    assert not len(placebo.moved(1, 0, placebo.draws).bar)


# ---------------------------------------------------------------------------- resolved


def test_books_at_many_shifts_are_those_resolved_one_by_one(make_stormy):
    plan = make_stormy(_rng(3))
    day = day_of_bar(plan)
    hours = [0, 24, 24 * 77]
    found = draws_of(plan, "fade", TimePlacebo(plan, np.array(hours), 24), [1.0])
    for number in range(3):
        total = count = 0.0
        for coin, (arrays, costs) in enumerate(zip(plan.coin_arrays, plan.costs, strict=True)):
            one = _moved(plan, "fade", hours, coin=coin)[number]
            value = resolve_returns(arrays, one, rules=plan.rules, costs=costs).value
            known = ~np.isnan(value)
            assert known.sum() > 5
            total, count = total + value[known].sum(), count + known.sum()
        assert found.mean[number, 0] == pytest.approx(total / count, rel=1e-12)
    assert len(day) == len(plan.coin_arrays[0].time)


def test_shifted_events_are_resolved_with_the_same_costs_and_holding(make_plan, make_arrays):
    # 1 % an hour: 24 hours earn 1.01^24 − 1 wherever they are, less two fees of 10 bps
    growth = 1.01**24
    costs = Costs(fee=0.001, slippage=0.0, maintenance=0.0)
    plan = make_plan([make_arrays(1.01 ** np.arange(960))], [[50, 300, 500]], costs=costs)
    follow, fade = (
        draws_of(plan, stance, _placebo(plan), [2.0]).mean[:, 0] for stance in ("follow", "fade")
    )
    assert follow == pytest.approx(growth - 1 - 0.001 * (1 + growth))
    assert fade == pytest.approx(1 - growth - 0.001 * (1 + growth))


def test_each_draw_has_its_own_block_error(make_plan, make_arrays):
    close = np.full(960, 100.0)
    close[480:] = 110.0  # +10 % for what is held over day 20, else nothing
    plan = make_plan([make_arrays(close)], [[23 + 24 * d for d in range(0, 30, 10)]])
    found = draws_of(plan, "follow", _placebo(plan), [1.0])
    over = found.mean[:, 0] > 0
    # one of three trades wins: residuals (2, −1, −1)/30, error √6/30/3; where one of the three is
    # cut off by the end of data, one of two: (1, −1)/20, error √2/20/2
    three, two = (np.isclose(found.mean[:, 0], 0.1 / k) for k in (3, 2))
    assert (over == three | two).all()
    assert three.any()
    assert found.se[three, 0] == pytest.approx(np.sqrt(6) / 90)
    assert found.se[two, 0] == pytest.approx(np.sqrt(2) / 40)
    assert not (found.se[~over, 0] > 0.0).any()  # nothing varies


def test_phases_of_a_book_have_rows_of_their_own(make_plan, make_arrays):
    close = np.concatenate([np.full(480, 100.0), np.full(480, 50.0)])
    plan = make_plan(
        [make_arrays(close)], [[10, 400]], [[1, -1]], [[0, 1]], phases=("a", "b", "never")
    )
    found = draws_of(plan, "follow", _placebo(plan), np.ones(3))
    # NaN where the end of data cuts off the phase's only trade
    first, second = (found.mean[~np.isnan(found.mean[:, code]), code] for code in (0, 1))
    assert set(np.round(first, 9)) == {0.0, -0.5}
    assert set(np.round(second, 9)) == {0.0, 0.5}
    assert np.isnan(found.mean[:, 2]).all()


def test_a_plan_without_a_basket_has_no_hedged_draws(plan):
    found = draws_of(plan, "fade", _placebo(plan, draws=5), np.ones(1))
    assert np.isnan(found.hedged_mean).all()
    assert not (found.hedged_se > 0.0).any()


def test_each_event_is_resolved_by_its_own_rules(make_plan, make_arrays):
    # prices double each day; held 24 h a long makes 1, held 48 h 3
    price = 2.0 ** np.repeat(np.arange(24.0), 24)
    day, two = Rules(hold_hours=24.0, opposite=False), Rules(hold_hours=48.0, opposite=False)
    plan = make_plan([make_arrays(price)], [[60, 240]], codes=[[0, 1]], phases=("a", "b"))
    plan = replace(plan, rules=RuleSets((day, two)), which=(np.array([0, 1]),))
    found = draws_of(plan, "follow", _placebo(plan), np.ones(2))
    known = ~np.isnan(found.mean)
    assert set(np.round(found.mean[known[:, 0], 0], 9)) == {1.0}
    assert set(np.round(found.mean[known[:, 1], 1], 9)) == {3.0}


def test_progress_is_told_of_each_draw(plan):
    calls: list[int] = []
    lengths: dict[Stance, Lengths] = {"fade": Lengths(np.ones(1), None)}
    resolve_draws(plan, _placebo(plan, draws=5), lengths, first=0, last=5, progress=calls.append)
    assert sum(calls) == 5
