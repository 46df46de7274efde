"""Events with different rules in one book: by hand, in numbers that oracle and resolver both meet.

Bars are hours, prices are 100 unless said otherwise, capital is 1,000 and costs are zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fadefollow.engine.draws import DrawSums, Everywhere, MovedEvents, add_draws, hedge_levels
from fadefollow.engine.model import Costs, Rules, RuleSets
from fadefollow.engine.resolver import outcomes, resolve, resolve_returns
from fadefollow.errors import ParameterError
from tests.support.dated_cases import make_dated, run_dated_oracle, run_dated_resolver
from tests.support.engine_cases import Prices, Run, make_arrays, make_events, run_resolver
from tests.support.oracle import Trade, oracle

FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
RULES = Rules(hold_hours=4, capital=1000.0, opposite=False)
FLAT: Prices = (100.0, 100.0, 100.0, 100.0)


@pytest.fixture(params=[oracle, run_resolver], ids=["oracle", "resolver"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


def sets(*changes: dict[str, Any]) -> RuleSets:
    return RuleSets(tuple(replace(RULES, **change) for change in changes))


def spans(result: tuple[list[Trade], int]) -> list[tuple[int, int, int, str]]:
    """(rule, entry bar, exit bar, reason) of each trade."""
    return [(t["rule"], t["entry_bar"], t["exit_bar"], t["reason"]) for t in result[0]]


# ---------------------------------------------------------------------------- holding


def test_position_held_into_the_next_rules_time_blocks_their_entries(run: Run) -> None:
    # in at 1 for 4 h by the first rules; the second ones' events at 2 and 3 find the book taken,
    # the one due at 5 enters as the book comes free, and leaves after its own hour
    events = make_events([(0, 1), (2, 1), (3, 1), (4, 1)], rules=[0, 1, 1, 1])
    result = run(make_arrays([FLAT] * 9), events, sets({}, {"hold_hours": 1}), FREE)
    assert spans(result) == [(0, 1, 5, "time"), (1, 5, 6, "time")]


def test_each_event_is_traded_by_its_own_rules(run: Run) -> None:
    events = make_events([(0, 1), (2, 1), (5, 1)], rules=[1, 0, 1])
    result = run(make_arrays([FLAT] * 9), events, sets({"hold_hours": 3}, {"hold_hours": 1}), FREE)
    assert spans(result) == [(1, 1, 2, "time"), (0, 3, 6, "time"), (1, 6, 7, "time")]


# ---------------------------------------------------------------------------- exits inside a bar


def test_each_position_has_its_own_stop(run: Run) -> None:
    # the low of 94 is beyond a stop of 5 % and not of 10 %: first loses 50, the second nothing
    dip: Prices = (100.0, 100.0, 94.0, 100.0)
    arrays = make_arrays([FLAT, dip, FLAT, FLAT, dip, FLAT, FLAT, FLAT])
    events = make_events([(0, 1), (2, 1)], rules=[1, 0])
    result = run(arrays, events, sets({"stop": 0.10, "hold_hours": 3}, {"stop": 0.05}), FREE)
    assert spans(result) == [(1, 1, 1, "stop"), (0, 3, 6, "time")]
    assert [t["pnl"] for t in result[0]] == pytest.approx([-50.0, 0.0])


def test_each_position_has_its_own_target_trail_and_leverage(run: Run) -> None:
    # target 10 % (+100); trail of 5 below the high of 112 (+70); at leverage 5 gone at 80 (−200)
    rise: Prices = (100.0, 112.0, 100.0, 100.0)
    fall: Prices = (100.0, 100.0, 80.0, 80.0)
    down: Prices = (110.0, 110.0, 104.0, 110.0)
    arrays = make_arrays([FLAT, rise, FLAT, rise, down, FLAT, fall, FLAT])
    events = make_events([(0, 1), (2, 1), (5, 1)], rules=[2, 1, 0])
    result = run(arrays, events, sets({"leverage": 5.0}, {"trail": 0.05}, {"target": 0.1}), FREE)
    assert spans(result) == [(2, 1, 1, "target"), (1, 3, 4, "trail"), (0, 6, 6, "liquidation")]
    assert [t["pnl"] for t in result[0]] == pytest.approx([100.0, 70.0, -200.0])


# ---------------------------------------------------------------------------- delays


def test_of_two_events_due_at_one_open_the_one_known_first_enters(run: Run) -> None:
    # known at 0 and waiting two bars, known at 2 and waiting none: both due at 3
    events = make_events([(0, 1), (2, -1)], rules=[0, 1], codes=[5, 6])
    result = run(make_arrays([FLAT] * 9), events, sets({"delay_bars": 2}, {}), FREE)
    assert spans(result) == [(0, 3, 7, "time")]
    assert (result[0][0]["signal_bar"], result[0][0]["code"]) == (0, 5)


def test_event_that_waits_less_overtakes_one_known_before(run: Run) -> None:
    # the later event is due at 2 and holds the book until 6; the earlier one, due at 4, is ignored
    events = make_events([(0, 1), (1, -1)], rules=[0, 1])
    result = run(make_arrays([FLAT] * 9), events, sets({"delay_bars": 3}, {}), FREE)
    assert spans(result) == [(1, 2, 6, "time")]
    assert result[0][0]["side"] == -1


def test_event_overtaken_by_a_short_trade_still_enters(run: Run) -> None:
    events = make_events([(0, 1), (1, -1)], rules=[0, 1])
    result = run(make_arrays([FLAT] * 9), events, sets({"delay_bars": 3}, {"hold_hours": 2}), FREE)
    assert spans(result) == [(1, 2, 4, "time"), (0, 4, 8, "time")]


def test_entries_due_on_a_missing_bar_are_dropped_by_their_own_delay(run: Run) -> None:
    # both are due at the missing bar 3 by their own delays; by another's they would not be
    arrays = make_arrays([FLAT, FLAT, FLAT, None, FLAT, FLAT])
    events = make_events([(0, 1), (2, 1)], rules=[0, 1])
    assert run(arrays, events, sets({"delay_bars": 2}, {}), FREE) == ([], 2)


def test_opposite_waits_for_the_delay_of_the_positions_own_rules(run: Run) -> None:
    # long by the first rules (delay 2) at 3; against it a phase at 4: it leaves at 4 + 1 + 2 = 7.
    # The short that the same phase opens by the second rules is due at 5, and finds the book taken
    events = make_events([(0, 1), (4, -1)], [(0, 1), (4, -1)], rules=[0, 1])
    rules = sets({"delay_bars": 2, "hold_hours": 50, "opposite": True}, {"opposite": True})
    assert spans(run(make_arrays([FLAT] * 12), events, rules, FREE)) == [(0, 3, 7, "opposite")]


def test_opposite_without_delay_leaves_before_the_delayed_entry_against_it(run: Run) -> None:
    # the other way round: out at 5 at once, the short of the slow rules comes in at 7
    events = make_events([(0, 1), (4, -1)], [(0, 1), (4, -1)], rules=[1, 0])
    rules = sets({"delay_bars": 2}, {"hold_hours": 50, "opposite": True})
    result = run(make_arrays([FLAT] * 12), events, rules, FREE)
    assert spans(result) == [(1, 1, 5, "opposite"), (0, 7, 11, "time")]


def test_only_positions_whose_rules_say_so_leave_by_opposite(run: Run) -> None:
    events = make_events([(0, 1), (6, 1)], [(2, -1), (8, -1)], rules=[0, 1])
    result = run(make_arrays([FLAT] * 12), events, sets({}, {"opposite": True}), FREE)
    assert spans(result) == [(0, 1, 5, "time"), (1, 7, 9, "opposite")]


# ---------------------------------------------------------------------------- money


def test_compounding_goes_on_across_rule_sets(run: Run) -> None:
    # 1,000 grows by 10 % to 1,100, with which the second position is opened
    up: Prices = (110.0, 110.0, 110.0, 110.0)
    arrays = make_arrays([FLAT, FLAT, up, up, up])
    rules = RuleSets(tuple(replace(RULES, hold_hours=h, compound=True) for h in (1, 2)))
    result = run(arrays, make_events([(0, 1), (1, 1)], rules=[0, 1]), rules, FREE)
    assert [t["notional"] for t in result[0]] == pytest.approx([1000.0, 1100.0])


@pytest.mark.parametrize("change", [{"capital": 5.0}, {"weight": 0.5}, {"compound": True}])
def test_rule_sets_share_one_account(change: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match="must share one account"):
        sets({}, change)


def test_no_rule_set_is_no_rules() -> None:
    with pytest.raises(ParameterError, match="got no set"):
        RuleSets(())


def test_hold_hours_of_several_is_the_longest() -> None:
    rules = sets({}, {"hold_hours": 72}, {"hold_hours": 24})
    assert (rules.hold_hours, rules.capital, rules.weight, rules.compound) == (72, 1000, 1, False)


def test_holding_time_of_every_set_must_be_whole_bars() -> None:
    with pytest.raises(ParameterError, match="multiple of the bar"):
        resolve(
            make_arrays([FLAT] * 4),
            make_events([(0, 1)], rules=[0]),
            rules=sets({}, {"hold_hours": 1.5}),
            costs=FREE,
        )


@pytest.mark.parametrize("rule", [-1, 2])
def test_event_must_name_a_rule_set_that_is_there(rule: int) -> None:
    events = make_events([(0, 1)], rules=[rule])
    with pytest.raises(ParameterError, match="place of one of 2 rule sets; got"):
        resolve(make_arrays([FLAT] * 4), events, rules=sets({}, {}), costs=FREE)


# ---------------------------------------------------------------------------- bare arrays, draws


def test_returns_say_by_which_rules_they_were_made() -> None:
    events = make_events([(0, 1), (2, 1), (5, 1)], rules=[1, 0, 1])
    rules = sets({"hold_hours": 3}, {"hold_hours": 1})
    found = resolve_returns(make_arrays([FLAT] * 9), events, rules=rules, costs=FREE)
    assert found.rule.tolist() == [1, 0, 1]
    assert found.exit_bar.tolist() == [2, 6, 7]


def test_moved_books_keep_each_events_rules() -> None:
    # prices double each bar: held 1 bar a long makes 1, held 2 bars 3; every bar is a day
    prices = [(2.0**i,) * 4 for i in range(24)]
    arrays, sums = make_arrays(prices), DrawSums.zeros((2, 1, 24))
    none, one = np.empty(0, np.int64), np.ones(4, np.int64)
    # in the first draw at bars 2 and 10; in the second at 0 and 16, where the slow one comes first
    moved = MovedEvents(
        starts=np.array([0, 2, 4]),
        bar=np.array([2, 10, 0, 16]),
        side=one,
        code=0 * one,
        rule=np.array([0, 1, 1, 0]),
        exit_starts=np.zeros(3, np.int64),
        exit_bar=none,
        exit_side=none,
    )
    rules = sets({"hold_hours": 1}, {"hold_hours": 2})
    add_draws(
        arrays,
        moved,
        rules=rules,
        costs=FREE,
        everywhere=Everywhere.of(
            {(1, k): outcomes(arrays, 1, rules=rules.sets[k], costs=FREE) for k in (0, 1)},
            hedge_levels(None, arrays.symbol, 24),
        ),
        hedge=hedge_levels(None, arrays.symbol, 24),
        day=np.arange(24),
        sums=sums,
    )
    made = [{day: x for day, x in enumerate(total) if x} for total in sums.outright[:, 0, :, 0]]
    assert made == [{3: 1.0, 11: 3.0}, {17: 1.0, 1: 3.0}]
    assert sums.outright[:, 0, :, 1].sum(axis=1).tolist() == [2.0, 2.0]
    assert (sums.hedged == 0.0).all()  # nothing is hedged


def test_events_of_rule_set_0_alone_are_those_without_one() -> None:
    arrays = make_arrays([FLAT] * 9)
    plain, named = make_events([(0, 1), (5, -1)]), make_events([(0, 1), (5, -1)], rules=[0, 0])
    one = resolve(arrays, plain, rules=RULES, costs=FREE).trades
    other = resolve(arrays, named, rules=sets({}, {"hold_hours": 1}), costs=FREE).trades
    assert one.equals(other)


# ---------------------------------------------------------------------------- dated futures


@pytest.fixture(params=[run_dated_oracle, run_dated_resolver], ids=["oracle", "resolver"])
def run_dated(request: pytest.FixtureRequest):
    return request.param


@pytest.mark.parametrize("spot", [None, [50.0] * 12], ids=["future", "carry"])
def test_dated_positions_live_by_their_own_rules(run_dated, spot: Sequence[float] | None) -> None:
    # slow rules: due at 3, out at 7; quick ones: due at 2, out at 3, where the slow ones come in
    arrays = make_dated([100.0] * 12, nearest=[0] * 12, leave=[12], spot=spot)
    events = make_events([(0, 1), (1, 1)], rules=[0, 1])
    legs, _ = run_dated(arrays, events, sets({"delay_bars": 2}, {"hold_hours": 1}), FREE)
    futures = [leg for leg in legs if leg["series"] == 0]
    found = [(leg["rule"], leg["entry_bar"], leg["exit_bar"], leg["reason"]) for leg in futures]
    assert found == [(1, 2, 3, "time"), (0, 3, 7, "time")]
    assert {leg["rule"] for leg in legs if leg["trade"] == 1} == {0}


def test_dated_positions_are_liquidated_by_their_own_leverage(run_dated) -> None:
    # the fall to 80 ends a position of leverage 5 (−200) and not one of leverage 2
    quotes: list[Any] = [
        100.0,
        100.0,
        (100.0, 100.0, 80.0, 100.0),
        100.0,
        100.0,
        (100.0, 100.0, 80.0, 100.0),
        100.0,
        100.0,
    ]
    arrays = make_dated(quotes, nearest=[0] * 8, leave=[8])
    events = make_events([(0, 1), (3, 1)], rules=[1, 0])
    rules = sets({"leverage": 2.0, "hold_hours": 2}, {"leverage": 5.0})
    legs, _ = run_dated(arrays, events, rules, FREE)
    found = [(leg["rule"], leg["exit_bar"], leg["reason"], leg["pnl"]) for leg in legs]
    assert found == [(1, 2, "liquidation", pytest.approx(-200.0)), (0, 6, "time", 0.0)]
