"""Plans that follow each other in time: which events each gives, and what may not be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.costs import CostSettings
from fadefollow.engine.model import BarArrays, Costs, Rules, RuleSets, Span
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.plans.concatenate import joined
from fadefollow.engine.plans.plan import prepare
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.plans.trading import books
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import DataError, ParameterError
from fadefollow.market import Market
from fadefollow.phases import Phases
from tests.support.engine_cases import HOUR, START, make_arrays
from tests.support.market_tables import bars, funding

FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
SLOW, QUICK = Rules(hold_hours=4), Rules(hold_hours=1, delay_bars=1, stop=0.1)
BARS = 24


def hours(first: int, last: int) -> Span:
    """From an hour's open to another's, counted from the arrays' start."""
    start, end = (pd.Timestamp(START + h * HOUR, tz="UTC") for h in (first, last))
    return start, end


def flat(symbol: str) -> BarArrays:
    return replace(make_arrays([(100.0, 100.0, 100.0, 100.0)] * BARS), symbol=symbol)


TAPES = (flat("A"), flat("B"))


def plan_of(
    bars: Sequence[Sequence[int]],
    *,
    rules: Rules = SLOW,
    leans: Sequence[Sequence[int]] | None = None,
    codes: Sequence[Sequence[int]] | None = None,
    exit_bars: Sequence[Sequence[int]] | None = None,
) -> Plan:
    def ints(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, ...]:
        return tuple(np.array(row, np.int64) for row in rows)

    ones = [[1] * len(row) for row in bars]
    ends = bars if exit_bars is None else exit_bars
    return Plan(
        "mine",
        "signal",
        ("a", "b"),
        CoinArrays(TAPES),
        (FREE, FREE),
        ints(bars),
        ints(leans or ones),
        ints(codes or [[0] * len(row) for row in bars]),
        ints(ends),
        ints([[-1] * len(row) for row in ends]),
        rules,
    )


def lists(arrays: Sequence[np.ndarray] | None) -> list[list[int]]:
    assert arrays is not None
    return [array.tolist() for array in arrays]


# ---------------------------------------------------------------------------- joined


def test_each_part_gives_the_events_known_in_its_own_span() -> None:
    # an event of bar t is known at t + 1: bar 9 belongs to the span that begins at 10
    every = list(range(BARS - 1))
    first = plan_of([every, [3, 8]], codes=[[0] * 23, [1, 0]], leans=[[1] * 23, [1, -1]])
    second = plan_of(
        [[8, 9, 12, 19], [9, 18]], codes=[[0] * 4, [0, 1]], leans=[[-1] * 4, [1, 1]], rules=QUICK
    )
    made = joined([(first, hours(2, 10)), (second, hours(10, 20))])
    assert lists(made.bars) == [[1, 2, 3, 4, 5, 6, 7, 8, 9, 12], [3, 8, 9, 18]]
    assert lists(made.leans) == [[1] * 8 + [-1] * 2, [1, -1, 1, 1]]
    assert lists(made.codes) == [[0] * 10, [1, 0, 0, 1]]
    assert lists(made.which) == [[0] * 8 + [1] * 2, [0, 0, 1, 1]]
    assert made.rules == RuleSets((SLOW, QUICK))


def test_phases_that_end_positions_are_cut_by_the_same_clock() -> None:
    first = plan_of([[1], []], exit_bars=[[4, 8, 9], [8]])
    second = plan_of([[11], []], exit_bars=[[8, 9, 19], []], rules=QUICK)
    made = joined([(first, hours(0, 10)), (second, hours(10, 20))])
    assert lists(made.exit_bars) == [[4, 8, 9], [8]]
    assert lists(made.exit_leans) == [[-1] * 3, [-1]]


def test_equal_rules_become_one_set() -> None:
    parts = [plan_of([[n], []], rules=r) for n, r in ((1, SLOW), (6, QUICK), (11, SLOW))]
    made = joined(list(zip(parts, [hours(0, 5), hours(5, 10), hours(10, 15)], strict=True)))
    assert made.rules == RuleSets((SLOW, QUICK))
    assert lists(made.which) == [[0, 1, 0], []]


def test_one_rule_set_in_all_parts_is_a_plain_plan() -> None:
    parts = [(plan_of([[1], [2]]), hours(0, 5)), (plan_of([[8], [7]]), hours(5, 24))]
    made = joined(parts)
    assert made.rules is SLOW
    assert made.which is None
    assert lists(made.bars) == [[1, 8], [2, 7]]


def test_joining_joined_plans_renumbers_their_rules() -> None:
    third = Rules(hold_hours=2)
    one, two, three = (plan_of([[n], []], rules=r) for n, r in ((1, SLOW), (6, QUICK), (11, third)))
    late = joined([(two, hours(5, 10)), (three, hours(10, 15))])
    made = joined([(one, hours(0, 5)), (late, hours(5, 15))])
    assert made.rules == RuleSets((SLOW, QUICK, third))
    assert lists(made.which) == [[0, 1, 2], []]


def test_longest_window_weekdays_and_refusals_of_any_part_hold_for_all() -> None:
    first = replace(plan_of([[1], []]), window_hours=48.0, refused={"fade": "no borrow"})
    second = replace(plan_of([[8], []]), window_hours=24.0, weekly=True)
    made = joined([(first, hours(0, 5)), (second, hours(5, 10))])
    assert (made.window_hours, made.weekly, made.refused) == (48.0, True, {"fade": "no borrow"})


def test_a_position_lives_by_its_own_rules_into_the_next_span() -> None:
    # in at 9 by the slow rules, until 13; the quick ones' event of bar 9 would be due at 11, that
    # of bar 11 is due at 13, as the book comes free, and leaves an hour later
    first = plan_of([[8], []], exit_bars=[[], []])
    second = plan_of([[9, 11], [9]], exit_bars=[[], []], rules=QUICK)
    made = joined([(first, hours(0, 10)), (second, hours(10, 20))])
    one, other = (book.trades for book in books(made, "follow"))
    assert one[["rule", "entry_bar", "exit_bar"]].to_numpy().tolist() == [[0, 9, 13], [1, 13, 14]]
    assert other[["rule", "entry_bar", "exit_bar"]].to_numpy().tolist() == [[1, 11, 12]]


def test_a_phase_of_the_next_span_ends_a_position_of_the_one_before() -> None:
    rules = replace(SLOW, hold_hours=10)
    first = plan_of([[8], []], rules=rules)
    second = plan_of([[], []], exit_bars=[[10], []], rules=QUICK)
    made = joined([(first, hours(0, 10)), (second, hours(10, 20))])
    (trade,) = books(made, "follow")[0].trades.to_dict("records")
    assert (trade["exit_bar"], trade["reason"]) == (11, "opposite")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"strategy": "other"}, "share strategy; got mine and other"),
        ({"signal": "other"}, "share signal"),
        ({"phases": ("a",)}, "share phases"),
        ({"costs": (FREE, replace(FREE, fee=0.1))}, "share costs"),
        ({"coin_arrays": TAPES[:1]}, "share their coin_arrays"),
        (
            {"coin_arrays": (TAPES[0], replace(TAPES[1], close=TAPES[1].close + 1.0))},
            "share their coin_arrays",
        ),
        (
            {"coin_arrays": (TAPES[0], replace(TAPES[1], volume=TAPES[1].close))},
            "share their coin_arrays",
        ),
        ({"coin_arrays": (TAPES[0], replace(TAPES[1], symbol="C"))}, "share their coin_arrays"),
        ({"rules": replace(SLOW, capital=1.0)}, "share one account"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change: dict[str, object], says: str) -> None:
    part = plan_of([[8], []])
    other = replace(part, **change)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=says):
        joined([(part, hours(0, 5)), (other, hours(5, 10))])


def test_bar_arrays_are_compared_by_what_they_hold() -> None:
    gap = replace(TAPES[1], close=np.where(np.arange(BARS) == 3, np.nan, TAPES[1].close))
    copy = replace(gap, close=gap.close.copy())
    one, other = (
        replace(plan_of([[1], []]), coin_arrays=CoinArrays([TAPES[0], arrays]))
        for arrays in (gap, copy)
    )
    assert joined([(one, hours(0, 5)), (other, hours(5, 10))]).coin_arrays == one.coin_arrays


@pytest.mark.parametrize(
    "spans",
    [
        [hours(0, 6), hours(5, 10)],
        [hours(5, 10), hours(0, 5)],
        [hours(0, 5), hours(5, 5)],
        [hours(3, 1)],
    ],
)
def test_spans_must_follow_each_other(spans: list[Span]) -> None:
    with pytest.raises(ParameterError, match=r"without overlap; got 2024-01-01 0\d:00 to"):
        joined([(plan_of([[1], []]), span) for span in spans])


def test_spans_may_leave_gaps() -> None:
    parts = [plan_of([[1, 7, 12], []]), plan_of([[1, 7, 12], []], rules=QUICK)]
    made = joined([(parts[0], hours(0, 5)), (parts[1], hours(10, 15))])
    assert lists(made.bars) == [[1, 12], []]


def test_joining_no_plans_is_refused() -> None:
    with pytest.raises(ParameterError, match="at least one part"):
        joined([])


# ---------------------------------------------------------------------------- within


STRATEGY = Strategy(
    name="mine",
    title="t",
    claim="fade",
    account="a",
    signal="s",
    phases=("p",),
    trade=Trade(hold_hours=2),
)


def market(symbol: str, first: int, last: int, paid: Sequence[float] = ()) -> Market:
    """Hours from `first` to before `last`, each opening at 100 plus its number."""
    rows = list(range(first, last))
    times = list(paid) or [float(h) for h in range(first, last + 1, 4)]
    perp = bars([100.0 + h for h in rows], rows)
    return Market(
        symbol,
        bar=pd.Timedelta(hours=1),
        tables={"perp": perp, "funding": funding(times, [4.0] * len(times))},
    )


def phases(*events: tuple[str, int]) -> Phases:
    """Long-leaning phases of coins, by hour."""
    time = [pd.Timestamp(START + hour * HOUR, tz="UTC") for _, hour in events]
    table = pd.DataFrame(
        {"time": pd.DatetimeIndex(time, tz="UTC"), "symbol": [s for s, _ in events]}
    )
    table = table.assign(signal="s", phase="p", lean=1, actor="x", strength=1.0)
    return Phases(table, {}, {})


def prepared(markets: Sequence[Market], *events: tuple[str, int], within: Span | None = None):
    coins = {m.symbol: m for m in markets}
    return prepare(STRATEGY, coins, phases(*events), costs=CostSettings(), within=within)


def test_within_leaves_no_bar_and_no_event_outside() -> None:
    coins = [market("A", 0, 24), market("B", 8, 24)]
    events = [("A", 3), ("A", 4), ("A", 11), ("A", 12), ("B", 9)]
    made = prepared(coins, *events, within=hours(4, 12))
    coin_arrays = made.plan.coin_arrays
    assert [arrays.time.tolist() for arrays in coin_arrays] == [
        [START + h * HOUR for h in range(4, 12)]
    ] * 2
    assert coin_arrays[0].open.tolist() == [104, 105, 106, 107, 108, 109, 110, 111]
    np.testing.assert_array_equal(coin_arrays[1].open, [np.nan] * 4 + [108, 109, 110, 111])
    assert lists(made.plan.bars) == [[0, 7], [5]]
    assert made.spans == {"A": hours(4, 12), "B": hours(8, 12)}
    assert made.outside == 0  # all events lie in the time that their coin's streams cover


def test_within_all_of_the_data_changes_nothing() -> None:
    coins, events = [market("A", 0, 24), market("B", 8, 24)], [("A", 3), ("B", 9), ("B", 2)]
    plain, all_ = (prepared(coins, *events, within=w) for w in (None, hours(-5, 99)))
    assert plain.outside == all_.outside == 1
    assert plain.spans == all_.spans
    assert joined([(plain.plan, hours(0, 12)), (all_.plan, hours(12, 24))]).coin_arrays
    assert lists(plain.plan.bars) == lists(all_.plan.bars) == [[3], [9]]


def test_coins_without_time_within_are_left_out() -> None:
    made = prepared([market("A", 0, 24), market("B", 16, 24)], ("B", 20), within=hours(4, 12))
    assert [arrays.symbol for arrays in made.plan.coin_arrays] == ["A"]
    assert len(made.plan.costs) == len(made.plan.bars) == 1
    assert set(made.spans) == {"A"}


def test_a_coin_whose_streams_never_meet_is_left_out() -> None:
    """B's funding ends before its first bar; of coins that fail alike the message tells once."""
    early = market("B", 0, 12, [-8, -4])
    made = prepared([market("A", 0, 24), early], ("A", 3))
    assert [arrays.symbol for arrays in made.plan.coin_arrays] == ["A"]
    assert made.left_out == {"B": ("a common time of perp and funding",)}
    bare = [
        Market(coin, bar=pd.Timedelta(HOUR), tables={"perp": bars([1.0], [0])})
        for coin in "CDEFGHI"
    ]
    with pytest.raises(DataError, match=r"got C, D, E, F, G and 2 more lack funding; B lacks a"):
        prepared([*bare, early])


def test_no_coin_within_is_an_error() -> None:
    with pytest.raises(DataError, match="covered within the time asked for; got none from"):
        prepared([market("A", 0, 24)], within=hours(30, 40))


def test_edges_between_bars_are_moved_inwards() -> None:
    half = pd.Timedelta(minutes=30)
    within = hours(4, 12)[0] - half, hours(4, 12)[1] + half
    assert prepared([market("A", 0, 24)], within=within).spans == {"A": hours(4, 12)}


def test_a_hole_that_reaches_in_from_before_is_still_one() -> None:
    # paid at 0, 4 and 16: nothing is known of funding between 4 and 16
    coin = market("A", 0, 24, [0, 4, 16, 20, 24])
    made = prepared([coin], ("A", 9), within=hours(8, 24))
    (book,) = books(made.plan, "follow", missing_funding="skip")
    assert book.trades["hole"].tolist() == [0]
