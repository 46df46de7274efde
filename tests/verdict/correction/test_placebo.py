from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fadefollow.verdict.correction.placebo import (
    bars_per_hours,
    circle_bars,
    draw_shifts,
    kept_share,
    placebo,
)

from fadefollow.engine.model import Costs, Rules
from fadefollow.engine.resolver import add_shifted, resolve, resolve_returns, shifted
from fadefollow.errors import ParameterError
from fadefollow.verdict.estimates.days import day_of_bar


def _rng(seed=0):
    return np.random.default_rng(seed)


def _shifts(*plans, draws=10_000, seed=0):
    return draw_shifts(plans, draws=draws, rng=_rng(seed))


def _moved(plan, stance, hours, *, coin=0, step=24):
    bars = hours // step * bars_per_hours(plan, step)
    n, circle = len(plan.tapes[coin].time), circle_bars(plan, step)
    return shifted(plan.events(coin, stance), bars, circle, n)


def test_books_at_many_shifts_are_those_resolved_one_by_one(make_stormy):
    plan = make_stormy(_rng(3))
    day = day_of_bar(plan)
    shifts, circle = np.array([0, 24, 24 * 77]), circle_bars(plan, 24)
    for coin, (tape, costs) in enumerate(zip(plan.tapes, plan.costs, strict=True)):
        events, sums = plan.events(coin, "fade"), np.zeros((3, 2, len(plan.phases), day[-1] + 1))
        add_shifted(
            tape,
            events,
            rules=plan.rules,
            costs=costs,
            shifts=shifts,
            circle=circle,
            day=day,
            sums=sums,
        )
        for number, shift in enumerate(shifts):
            one = shifted(events, int(shift), circle, len(tape.time))
            found = resolve_returns(tape, one, rules=plan.rules, costs=costs)
            known = ~np.isnan(found.value)
            assert known.sum() > 5
            expected = np.bincount(
                day[found.entry_bar[known]], weights=found.value[known], minlength=day[-1] + 1
            )
            np.testing.assert_allclose(sums[number, 0].sum(axis=0), expected, atol=1e-15)
            assert sums[number, 1].sum() == known.sum()


@pytest.fixture
def plan(make_plan, make_tape):
    """40 days of hours, held 24 h and detected over 48 h: shifts are longer than 72 h."""
    tapes = [make_tape(np.full(960, 100.0), symbol=s) for s in "XY"]
    return make_plan(tapes, [[5, 300, 959], [17]], window_hours=48.0)


def test_shifts_are_whole_days_farther_than_holding_and_detection(plan):
    found = _shifts(plan)
    assert sorted(found.hours.tolist()) == list(range(96, 865, 24))
    assert found.possible == 33
    assert found.step == 24


def test_shifts_of_phases_tied_to_weekdays_are_whole_weeks_for_all_plans(plan):
    found = _shifts(plan, replace(plan, strategy="t", weekly=True))
    assert sorted(found.hours.tolist()) == [168, 336, 504, 672, 840]
    assert found.step == 168


def test_shifts_are_drawn_without_repetition_and_by_seed(plan):
    found = _shifts(plan, draws=20)
    assert len(set(found.hours.tolist())) == 20
    assert found.hours.tolist() == _shifts(plan, draws=20).hours.tolist()
    assert found.hours.tolist() != _shifts(plan, draws=20, seed=1).hours.tolist()


def test_shifts_must_suit_every_plan_of_the_run(plan, make_plan, make_tape):
    shorter = make_plan([make_tape(np.ones(480))], [[3]], strategy="short")
    assert max(_shifts(plan, shorter).hours) == 480 - 96


def test_a_calendar_too_short_has_no_shifts(make_plan, make_tape):
    found = _shifts(make_plan([make_tape(np.ones(48))], [[3]]))
    assert len(found.hours) == 0
    assert found.possible == 0


def test_all_coins_move_by_the_same_time(plan):
    x, y = (_moved(plan, "follow", 96, coin=coin) for coin in (0, 1))
    assert x.bar.tolist() == [95, 101, 396]  # 959 goes round the circle of 960 bars
    assert y.bar.tolist() == [113]


def test_sides_codes_and_exits_move_with_their_bars(plan):
    plan = replace(
        plan,
        leans=(np.array([1, 1, -1]), np.array([1])),
        codes=(np.array([0, 1, 2]), np.array([0])),
        exit_bars=(np.array([7, 950]), np.array([], np.int64)),
        exit_leans=(np.array([1, -1]), np.array([], np.int64)),
    )
    events = _moved(plan, "fade", 96)
    assert events.side.tolist() == [1, -1, -1]
    assert events.code.tolist() == [2, 0, 1]
    assert events.exit_bar.tolist() == [86, 103]
    assert events.exit_side.tolist() == [1, -1]


@pytest.mark.parametrize(("step", "unit"), [(24, 24), (168, 168)])
def test_the_hour_of_day_or_week_stays_also_where_the_circle_closes(
    step, unit, make_plan, make_tape
):
    n = 1000  # neither whole days nor whole weeks
    bars = np.arange(0, n, 37)
    plan = make_plan([make_tape(np.ones(n))], [bars])
    for hours in range(step, n, step):
        moved = _moved(plan, "follow", hours, step=step).bar
        assert set(moved % unit) <= set(bars % unit)
        assert (moved < n).all()
        assert len(moved) >= len(bars) - unit / 37 - 1


def test_bars_of_eight_hours_move_by_three_a_day(make_plan, make_tape):
    plan = make_plan([make_tape(np.ones(90), bar_hours=8)], [[4]])
    assert _moved(plan, "follow", 48).bar.tolist() == [10]


def test_bars_that_do_not_divide_the_day_are_refused(make_plan, make_tape):
    plan = make_plan([make_tape(np.ones(90), bar_hours=7)], [[4]])
    with pytest.raises(ParameterError, match="bars that divide 24 h; got 7 h"):
        _shifts(plan)


@pytest.fixture
def late(make_plan, make_tape):
    """Ten days, listed after five; events every ten hours from then on, held for an hour."""
    close = np.full(240, 100.0)
    close[:120] = np.nan
    rules = Rules(hold_hours=1.0, opposite=False)
    return make_plan([make_tape(close)], [range(130, 230, 10)], rules=rules)


def test_share_kept_counts_entries_on_present_bars(late):
    # forward: those that leave the calendar come back before the listing
    assert kept_share(late, np.array([24, 48, 192, 216]), 24) == pytest.approx([0.9, 0.7, 0.6, 0.8])


def test_shifts_that_keep_less_than_80_percent_are_not_used(late):
    found = _shifts(late)
    assert sorted(found.hours.tolist()) == [24, 216]
    assert found.kept == pytest.approx(0.8)


def test_events_before_the_listing_are_dropped(late):
    events = _moved(late, "follow", 216)
    book = resolve(late.tapes[0], events, rules=late.rules, costs=late.costs[0])
    assert book.dropped == 2
    assert len(book.trades) == 8


def test_shifted_events_are_resolved_with_the_same_costs_and_holding(make_plan, make_tape):
    # 1 % an hour: 24 hours earn 1.01^24 − 1 wherever they are, less two fees of 10 bps
    growth = 1.01**24
    costs = Costs(fee=0.001, slippage=0.0, maintenance=0.0)
    plan = make_plan([make_tape(1.01 ** np.arange(960))], [[50, 300, 500]], costs=costs)
    follow, fade = (
        placebo(plan, stance, _shifts(plan), lengths=np.array([2.0])).mean[:, 0]
        for stance in ("follow", "fade")
    )
    assert follow == pytest.approx(growth - 1 - 0.001 * (1 + growth))
    assert fade == pytest.approx(1 - growth - 0.001 * (1 + growth))


def test_statistic_is_the_mean_over_its_block_error(make_plan, make_tape):
    close = np.full(960, 100.0)
    close[480:] = 110.0  # +10 % for what is held over day 20, else nothing
    plan = make_plan([make_tape(close)], [[23 + 24 * d for d in range(0, 30, 10)]])
    shifts = _shifts(plan)
    found = placebo(plan, "follow", shifts, lengths=np.array([1.0]))
    over = found.mean[:, 0] > 0
    # one of three trades wins: mean 1/30, residuals (2, −1, −1)/30, error √6/30/3
    assert found.mean[over, 0] == pytest.approx(0.1 / 3)
    assert found.t[over, 0] == pytest.approx(3 / np.sqrt(6))
    assert np.isnan(found.t[~over, 0]).all()  # nothing varies


def test_phases_of_a_book_have_rows_of_their_own(make_plan, make_tape):
    close = np.concatenate([np.full(480, 100.0), np.full(480, 50.0)])
    plan = make_plan(
        [make_tape(close)], [[10, 400]], [[1, -1]], [[0, 1]], phases=("a", "b", "never")
    )
    found = placebo(plan, "follow", _shifts(plan), lengths=np.ones(3))
    # NaN where the end of data cuts off the phase's only trade
    first, second = (found.mean[~np.isnan(found.mean[:, code]), code] for code in (0, 1))
    assert set(np.round(first, 9)) == {0.0, -0.5}
    assert set(np.round(second, 9)) == {0.0, 0.5}
    assert np.isnan(found.mean[:, 2]).all()


def test_progress_is_told_of_each_draw(plan):
    calls: list[int] = []
    placebo(
        plan,
        "fade",
        _shifts(plan, draws=5),
        lengths=np.ones(1),
        progress=calls.append,
    )
    assert sum(calls) == 5
