"""Several coins at once: what each shows alone, and errors that name the coin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.errors import DataError, SignalError
from fadefollow.market import Market
from fadefollow.market.panel import FloatArray
from fadefollow.phases import Phases, Signal, detect_checked
from fadefollow.phases.batch import (
    BatchPhases,
    BatchSignal,
    CoinBatch,
    detect_marks,
    fire_beyond_past,
)
from fadefollow.phases.features import fire_on_records, past_quantiles
from fadefollow.workspace import find_workspace
from tests.support.market_tables import bars, funding

HOUR = pd.Timedelta(hours=1)
Funding = find_workspace().signal("funding")
#: few values, so that many tie; missing ones and infinities among them
VALUE = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-9, 9),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)


def coin(
    symbol: str, rates: list[float], every: int = 8, hours: int | None = None, *, late: Any = 0
) -> Market:
    """A flat perp, and a settlement of some bps each few hours, known so many hours `late`."""
    times = [float(every * i) for i in range(len(rates))]
    count = hours or (every * len(rates) + 2 if rates else 5)
    tables = {"perp": bars([100.0] * count, list(range(count)))}
    if rates:
        tables["funding"] = funding(times, [8.0] * len(rates)).assign(
            rate=np.array(rates) / 1e4,
            available=lambda table: table["time"] + pd.to_timedelta(late, unit="h"),
        )
    return Market(symbol, bar=HOUR, tables=tables)


def rate(market: Market) -> FloatArray:
    return 1e4 * market.table("funding")["rate"].to_numpy(np.float64)


#: each coin: settlements with the hours until they are known, and hours between them
COIN = st.tuples(
    st.lists(st.tuples(VALUE, st.sampled_from([0, 0, 0, 3, 30])), min_size=1, max_size=60),
    st.sampled_from([1, 4, 8]),
)


@settings(max_examples=200, deadline=None)
@given(
    given_coins=st.lists(COIN, min_size=1, max_size=4),
    q=st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)),
    days=st.floats(0.1, 9),
    floor=st.sampled_from([0.0, 0.5, 3.0]),
    cooldown=st.sampled_from([0.0, 5.0, 24.0]),
)
def test_coins_at_once_fire_where_each_fires_alone(
    given_coins: list[Any], q: float, days: float, floor: float, cooldown: float
) -> None:
    markets = list[Market]()
    for settled, every in given_coins:
        rates, late = zip(*settled, strict=True)
        hours = every * len(rates) + 32  # so that each coin has a record that is known
        markets.append(coin(f"C{len(markets)}", list(rates), every, hours, late=list(late)))
    high, low = fire_beyond_past(
        CoinBatch(markets),
        "funding",
        rate,
        quantile=q,
        days=days,
        floor=floor,
        cooldown_hours=cooldown,
    )
    first = 0
    for place, market in enumerate(markets):
        values = rate(market)
        table = market.table("funding")
        above, below = past_quantiles(
            table["time"], values, (q, 1 - q), days=days, available=table["available"]
        )
        for fired, bound, beyond in (
            (high, above, values > np.maximum(above, floor)),
            (low, below, values < np.minimum(below, -floor)),
        ):
            bar, at = fire_on_records(market, "funding", beyond, cooldown_hours=cooldown)
            mine = fired.coin == place
            np.testing.assert_array_equal(fired.bar[mine], bar)
            np.testing.assert_array_equal(fired.record[mine], first + at)
            np.testing.assert_array_equal(fired.threshold[mine], bound[at])
        first += len(values)


def test_a_value_beyond_the_past_and_the_floor_fires_once_until_it_is_not() -> None:
    calm = [1.0, -1.0] * 6
    one = coin("A", [*calm, 5.0, 6.0, 0.0, 7.0, -9.0], every=1)
    other = coin("B", [*calm, 2.0, -3.0], every=1)
    high, low = fire_beyond_past(
        CoinBatch([one, other]),
        "funding",
        rate,
        quantile=1.0,
        days=0.5,
        floor=2.5,
        cooldown_hours=2,
    )
    # bar k closes at hour k + 1; B's 2 is not beyond the floor
    assert [numbers.tolist() for numbers in high[:3]] == [[0, 0], [11, 14], [12, 15]]
    assert [numbers.tolist() for numbers in low[:3]] == [[0, 1], [15, 12], [16, 30]]
    assert high.threshold.tolist() == pytest.approx([1.0, 6.0])
    assert low.threshold.tolist() == pytest.approx([-1.0, -1.0])


def test_records_out_of_order_name_the_coin() -> None:
    table = funding([0, 8, 16], [1.0, 2.0, 3.0])
    table["time"] = table["time"].iloc[[1, 0, 2]].to_numpy()
    wrong = Market(
        "WRONG", bar=HOUR, tables={"perp": bars([1.0] * 30, list(range(30))), "funding": table}
    )
    for coins in ([wrong], [coin("RIGHT", [1.0, 2.0]), wrong]):
        with pytest.raises(DataError, match=r"WRONG: .*increasing order"):
            fire_beyond_past(
                CoinBatch(coins),
                "funding",
                rate,
                quantile=0.9,
                days=1,
                floor=0.0,
                cooldown_hours=1,
            )


def _crowds(symbol: str, seed: int, **more: Any) -> Market:
    rates = np.random.default_rng(seed).normal(0, 3, 120)
    return coin(symbol, [float(value) for value in rates], **more)


def _alone(signal: Signal, coins: list[Market]) -> set[tuple[Any, ...]]:
    return {
        (place, *mark)
        for place, market in enumerate(coins)
        for mark in zip(*detect_checked(signal, market).marks(*signal.phases), strict=True)
    }


def test_a_coin_without_the_stream_shows_nothing_and_the_others_what_they_show() -> None:
    coins = [_crowds("A", 1), coin("NONE", []), _crowds("B", 2, every=4), _crowds("C", 3)]
    signal = Funding(lookback_days=14, quantile=0.9)
    found = detect_marks(signal, CoinBatch(coins))
    together = set(zip(*found[:4], strict=True))
    assert together == _alone(signal, coins)
    assert {place for place, *_ in together} == {0, 2, 3}
    assert found.names == ("crowded_long", "crowded_short")
    nothing = detect_marks(signal, CoinBatch(coins[1:2]))
    assert all(len(numbers) == 0 for numbers in nothing[:4])


def test_events_count_only_while_the_coin_belongs_to_the_universe() -> None:
    start = pd.Timestamp("2024-01-01", tz="UTC")
    inside = [(start + pd.Timedelta(days=16), start + pd.Timedelta(days=25))]
    coins = [_crowds("A", 1), _crowds("B", 2).of_universe(inside), _crowds("C", 3)]
    signal = Funding(lookback_days=14, quantile=0.9)
    found = detect_marks(signal, CoinBatch(coins))
    together = set(zip(*found[:4], strict=True))
    assert together == _alone(signal, coins)
    whole = _alone(signal, [_crowds("A", 1), _crowds("B", 2), _crowds("C", 3)])
    assert together < whole


class Given(BatchSignal):
    """Finds the same in every batch, or fails where a coin is among those it fails on."""

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {"up": ("perp",), "down": ("perp",)}
    events: tuple[dict[str, Any], ...] = ()
    fails_on: tuple[str, ...] = ()
    fails_from: int = 1  # so many coins at once

    def detect_batch(self, coins: CoinBatch) -> BatchPhases:
        if len(coins) >= self.fails_from:
            for market in coins:
                if market.symbol in self.fails_on:
                    raise KeyError("close")
        return BatchPhases(coins, signal="given", events=self.events)


def event(coins: list[int], at: list[int], **more: Any) -> dict[str, Any]:
    given = {"phase": "up", "lean": 1, "actor": "crowd", "strength": np.ones(len(at))}
    return {"coin": np.array(coins), "bar": np.array(at), **given, **more}


def test_one_coin_of_a_batch_is_a_table_of_its_own() -> None:
    coins = CoinBatch([coin("A", []), coin("B", [])])
    events = (event([0, 1, 1], [2, 0, 3], size=np.array([1.0, 2.0, 3.0])),)
    found = Given(events=events).detect_batch(coins)
    assert isinstance(found.of(1), Phases)
    assert found.of(1).table[["symbol", "size"]].to_numpy().tolist() == [["B", 2.0], ["B", 3.0]]
    assert found.of(0).table["size"].tolist() == [1.0]
    assert [numbers.tolist() for numbers in found.marks(("up", "down"))[:4]] == [
        [0, 1, 1],
        [2, 0, 3],
        [1, 1, 1],
        [0, 0, 0],
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        event([1, 0], [2, 2]),  # coins fall
        event([0, 0], [3, 2]),  # bars fall
        event([0, 0], [2, 2]),  # twice on a bar
        event([0], [5]),  # no such bar
        event([2], [0]),  # no such coin
        event([-1], [0]),
        event([0], [0], lean=0),
        event([0], [0], strength=np.array([-1.0])),
        event([0], [0], strength=np.array([np.nan])),
        event([0], [0], phase="sideways"),
        event([0], [0], lean=np.array([2])),
        event([0, 0], [0, 1], strength=np.ones(1)),  # not one an event
        event([0], [0, 1]),
        event([0], [0]) | {"bar": np.array([0.5])},
    ],
)
def test_events_of_a_batch_are_held_to_what_phases_promise(wrong: dict[str, Any]) -> None:
    coins = CoinBatch([coin("A", []), coin("B", [])])
    with pytest.raises(SignalError, match="coin by coin"):
        Given(events=(wrong,)).detect_batch(coins).marks(("up", "down"))
    with pytest.raises(SignalError):
        detect_marks(Given(events=(wrong,)), coins)


def test_a_phase_is_given_at_once() -> None:
    coins = CoinBatch([coin("A", []), coin("B", [])])
    events = (event([0], [1]), event([0], [1]))
    with pytest.raises(SignalError, match="coin by coin"):
        Given(events=events).detect_batch(coins).marks(("up", "down"))


def test_a_batch_without_events_has_none() -> None:
    coins = CoinBatch([coin("A", []), coin("B", [])])
    found = detect_marks(Given(), coins)
    assert [numbers.tolist() for numbers in found[:4]] == [[], [], [], []]
    assert found.names == ("up", "down")


def test_marks_of_a_batch_are_wide_whatever_its_numbers_are() -> None:
    narrow = event([0], [1]) | {"coin": np.array([0], np.int32), "bar": np.array([1], np.int32)}
    found = detect_marks(Given(events=(narrow,)), CoinBatch([coin("A", [])]))
    assert {numbers.dtype for numbers in found[:4]} == {np.dtype(np.int64)}


def test_one_value_may_stand_for_all_events_and_each_may_have_its_own_lean() -> None:
    coins = CoinBatch([coin("A", []), coin("B", [])])
    events = (event([0, 1], [2, 3], strength=2.0, lean=np.array([1, -1])),)
    found = detect_marks(Given(events=events), coins)
    assert [numbers.tolist() for numbers in found[:4]] == [[0, 1], [2, 3], [1, -1], [0, 0]]
    alone = Given(events=events).detect_batch(coins).of(1)
    assert alone.table[["lean", "strength"]].to_numpy().tolist() == [[-1, 2.0]]


def test_a_failure_names_its_coin_also_if_only_the_batch_fails() -> None:
    coins = CoinBatch([coin("A", []), coin("B", []), coin("C", [])])
    with pytest.raises(SignalError, match=r"test_batch\.py, B: .*KeyError"):
        detect_marks(Given(fails_on=("B",)), coins)
    with pytest.raises(SignalError, match=r"test_batch\.py, 3 coins at once: .*KeyError"):
        detect_marks(Given(fails_on=("B",), fails_from=2), coins)


def test_a_plain_error_of_a_batch_stays_as_it_is() -> None:
    class Refuses(Given):
        def detect_batch(self, coins: CoinBatch) -> BatchPhases:
            if len(coins) > 1:
                raise DataError("two are too many", where="here")
            return super().detect_batch(coins)

    with pytest.raises(DataError, match="here: two are too many") as caught:
        detect_marks(Refuses(), CoinBatch([coin("A", []), coin("B", [])]))
    assert not isinstance(caught.value, SignalError)


def test_phases_of_different_needs_are_refused() -> None:
    with pytest.raises(SignalError, match="must all need the same streams"):

        class Mixed(Given):
            phases: ClassVar[Mapping[str, tuple[str, ...]]] = {"up": ("perp",), "down": ("spot",)}
