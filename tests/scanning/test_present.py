"""Which phases are present: by hand on small markets, and with less data than all."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from fadefollow.core.notes import Note
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import DataError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.panel import Market
from fadefollow.market.schema import canonical
from fadefollow.phases import Phases, Signal
from fadefollow.scanning.model import ScanRow
from fadefollow.scanning.needs import days_needed, past_hours, seen_with, streams_needed
from fadefollow.scanning.present import Present, present_phases
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
#: events as (coin, bar, phase, lean, strength)
Event = tuple[str, int, str, int, float]


class Planted(Signal):
    """A signal that finds what the test wrote down."""

    phases: ClassVar = {
        "up": ("perp",),
        "down": ("perp",),
        "paid": ("perp", "funding"),
        "either": ("perp", "liquidations|open_interest"),
    }
    written: ClassVar[list[Event]] = []
    version: int = 1

    def features(self, market: Market) -> dict:
        return {}

    def detect(self, market: Market) -> Phases:
        rows = [
            {"bar": bar, "phase": phase, "lean": lean, "actor": "crowd", "strength": strength}
            for coin, bar, phase, lean, strength in self.written
            if coin == market.symbol and bar < len(market)
        ]
        return Phases.of(market, signal="planted", events=rows)


def at(hours: float) -> pd.Timestamp:
    return START + hours * HOUR


def market(coin: str, bars: int = 100, *, funding: int = 0) -> Market:
    """Closes are 101, 102, …: the bar that opens at hour h closes at 101 + h."""
    close = 101.0 + pd.RangeIndex(bars).to_numpy(float)
    perp = pd.DataFrame(
        {
            "time": pd.date_range(START, periods=bars, freq="1h"),
            "open": close - 1,
            "high": close + 1,
            "low": close - 2,
            "close": close,
            "volume": 1.0,
        }
    )
    tables = {"perp": canonical(perp, "perp", bar=HOUR, where="test")}
    if funding:
        times = pd.date_range(START, periods=funding, freq="8h")
        paid = pd.DataFrame({"time": times, "rate": 1e-4, "interval_hours": 8.0})
        tables["funding"] = canonical(paid, "funding", bar=HOUR, where="test")
    return Market(coin, bar=HOUR, tables=tables)


def strategy(
    name: str = "fade_up", *phases: str, symbols: object = None, **trade: object
) -> Strategy:
    rules = Trade(**{"hold_hours": 24.0, **trade})
    return Strategy(
        name=name,
        title=name,
        claim="fade",
        account="a",
        signal="planted",
        phases=phases or ("up", "down"),
        symbols=symbols,
        trade=rules,
    )


def scan(
    events: list[Event], *strategies: Strategy, hours: float = 100, coins: tuple[Market, ...] = ()
) -> Present:
    markets = {m.symbol: m for m in coins or (market("BTC"), market("ETH"))}
    data = Dataset("demo", "Demo", HOUR, simulated=False, fingerprint="", markets=markets)
    Planted.written = events
    bets = [(one, Planted()) for one in strategies or (strategy(),)]
    return present_phases(data, bets, at(hours), step=lambda text, done: None)


def test_a_coin_on_which_the_signal_fails_is_named_and_the_others_are_shown():
    found = scan([("BTC", 90, "up", 1, math.inf), ("ETH", 90, "up", 1, 2.0)])
    assert [row.symbol for row in found.rows] == ["ETH"]
    (note,) = found.notes
    assert (note.code, note.about["coin"]) == ("signal-failed", "BTC")


def only(found: Present) -> ScanRow:
    assert len(found.rows) == 1
    return found.rows[0]


# -------------------------------------------------------------------------- how long it is there


def test_an_event_is_known_at_the_close_of_its_bar() -> None:
    row = only(scan([("BTC", 89, "up", 1, 2.0)]))
    assert (row.known, row.age_hours, row.hours_left) == (at(90), 10.0, 14.0)
    assert (row.symbol, row.phase, row.lean, row.actor) == ("BTC", "up", 1, "crowd")
    assert (row.first, row.times) == (at(90), 1)
    newest = only(scan([("BTC", 99, "up", 1, 2.0)]))
    assert (newest.age_hours, newest.hours_left) == (0.0, 24.0)


@pytest.mark.parametrize(
    ("bar", "delay", "left"),
    [
        (76, 0, 1.0),  # known at 77, held until 101
        (75, 0, None),  # held until 100: the exit is due at this very open
        (75, 1, 1.0),  # entered a bar later, so held a bar longer
        (74, 1, None),
    ],
)
def test_it_is_present_until_the_hold_is_over(bar: int, delay: int, left: float | None) -> None:
    found = scan([("BTC", bar, "up", 1, 2.0)], strategy(delay_bars=delay))
    assert [row.hours_left for row in found.rows] == ([] if left is None else [left])


@pytest.mark.parametrize(
    ("against", "trade", "present"),
    [
        (("BTC", 95, "down", -1, 1.0), {}, ["down"]),
        (("BTC", 95, "down", -1, 1.0), {"opposite": False}, ["down", "up"]),
        (("BTC", 95, "down", 1, 1.0), {}, ["down", "up"]),  # it leans the same way
        (("BTC", 90, "down", -1, 1.0), {}, ["down", "up"]),  # known at the same moment
        (("ETH", 95, "down", -1, 1.0), {}, ["down", "up"]),  # of another coin
        (("BTC", 95, "down", -1, 1.0), {"exit_on": ("paid",)}, ["down", "up"]),
        (("BTC", 95, "paid", -1, 1.0), {"exit_on": ("paid",)}, []),
        (("BTC", 95, "paid", -1, 1.0), {}, ["up"]),  # no phase of the strategy
    ],
)
def test_what_points_the_other_way_ends_it(
    against: Event, trade: dict[str, Any], present: list[str]
) -> None:
    found = scan([("BTC", 90, "up", 1, 2.0), against], strategy(**trade))
    assert sorted(row.phase for row in found.rows) == present


def test_of_several_events_the_newest_is_shown_and_the_others_counted() -> None:
    events: list[Event] = [("BTC", bar, "up", 1, 1.0) for bar in (60, 80, 85, 90)]
    row = only(scan(events))
    # the one known at 61 lies further back than the longest hold
    assert (row.known, row.first, row.times, row.n_before) == (at(91), at(81), 3, 3)


# ---------------------------------------------------------------------------- strength, move, bets


def test_strength_stands_among_all_earlier_events_of_the_phase_in_all_coins() -> None:
    events: list[Event] = [
        ("BTC", 10, "up", 1, 1.0),
        ("BTC", 20, "up", 1, 5.0),
        ("ETH", 30, "up", 1, 2.0),
        ("ETH", 40, "up", -1, 3.0),
        ("BTC", 50, "down", 1, 0.5),
        ("BTC", 90, "up", 1, 3.0),
        ("ETH", 90, "paid", 1, 9.0),
        ("ETH", 95, "up", -1, 0.1),
    ]
    btc = next(row for row in scan(events).rows if row.symbol == "BTC")
    # of 1, 5, 2 and 3 before, 1 and 2 are weaker; an equal one is not
    assert (btc.strength, btc.n_before, btc.stronger_than) == (3.0, 4, 0.5)
    first = only(scan([("BTC", 90, "up", 1, 3.0)]))
    assert first.n_before == 0
    assert math.isnan(first.stronger_than)


@pytest.mark.parametrize("lean", [1, -1])
def test_the_move_is_from_the_close_at_which_it_was_known_in_the_leans_direction(lean: int) -> None:
    row = only(scan([("BTC", 98, "up", lean, 1.0)]))
    # known at the close 199; the last close is 200
    assert row.move_bps == pytest.approx(lean * 1e4 * (200 / 199 - 1))
    assert (row.price, row.price_time) == (200.0, at(100))


def test_strategies_on_the_same_signal_share_a_row() -> None:
    long, short = strategy("long", hold_hours=48), strategy("short", hold_hours=12)
    other = strategy("other", hold_hours=12, symbols=("ETH",))
    row = only(scan([("BTC", 79, "up", 1, 1.0)], short, other, long))
    assert [(b.strategy, b.hold_hours, b.hours_left) for b in row.bets] == [("long", 48.0, 28.0)]
    row = only(scan([("BTC", 94, "up", 1, 1.0)], short, other, long))
    assert [(b.strategy, b.hours_left) for b in row.bets] == [("long", 43.0), ("short", 7.0)]


def test_other_parameters_are_another_row() -> None:
    Planted.written = [("BTC", 90, "up", 1, 1.0)]
    data = Dataset(
        "demo", "Demo", HOUR, simulated=False, fingerprint="", markets={"BTC": market("BTC")}
    )
    bets = [(strategy("a"), Planted()), (strategy("b"), Planted(version=2))]
    found = present_phases(data, bets, at(100), step=lambda text, done: None)
    assert [(r.params["version"], r.bets[0].strategy) for r in found.rows] == [(1, "a"), (2, "b")]


def test_the_newest_comes_first() -> None:
    events: list[Event] = [
        ("ETH", 90, "up", 1, 1.0),
        ("BTC", 90, "up", 1, 1.0),
        ("BTC", 95, "down", 1, 1.0),
    ]
    assert [(r.symbol, r.phase) for r in scan(events).rows] == [
        ("BTC", "down"),
        ("BTC", "up"),
        ("ETH", "up"),
    ]


# -------------------------------------------------------------------------------- what is not seen


def test_missing_and_ended_streams_are_told_with_their_phases() -> None:
    bet = strategy("s", "up", "paid", "either")
    coins = (market("BTC", funding=13), market("ETH", funding=5), market("XRP"))
    found = scan([], bet, coins=coins)
    told = {u.text() for u in found.unseen}
    assert told == {
        # the settlement of hour 32 counts for 25 hours
        "ETH: funding ended 2024-01-02 08:00 UTC, so paid cannot be seen",
        "XRP: funding missing, so paid cannot be seen",
        "BTC, ETH, XRP: liquidations|open_interest missing, so either cannot be seen",
    }


def test_a_coin_whose_bars_have_ended_is_told() -> None:
    found = scan(
        [("OLD", 49, "up", 1, 1.0)],
        strategy(hold_hours=72),
        coins=(market("BTC"), market("OLD", 50)),
    )
    row = only(found)
    assert (row.age_hours, row.price, row.price_time) == (50.0, 150.0, at(50))
    assert [u.text() for u in found.unseen] == [
        "OLD: perp ended 2024-01-03 02:00 UTC, so down, up cannot be seen"
    ]


def test_a_strategy_for_other_coins_is_told() -> None:
    found = scan([("BTC", 90, "up", 1, 1.0)], strategy("mine", symbols=("DOGE",)))
    assert found.rows == ()
    assert found.notes == (Note("coins-absent", {"strategy": "mine"}, {"coins": ("DOGE",)}),)


def test_a_signal_that_cannot_look_at_these_bars_stops_only_where_it_is_alone() -> None:
    class Wide(Planted):
        def detect(self, market: Market) -> Phases:
            raise DataError("too wide")

    data = Dataset(
        "demo", "Demo", HOUR, simulated=False, fingerprint="", markets={"BTC": market("BTC")}
    )
    bets = [(strategy("wide"), Wide(version=3)), (strategy("fits"), Planted())]
    Planted.written = [("BTC", 90, "up", 1, 1.0)]
    found = present_phases(data, bets, at(100), step=lambda text, done: None)
    assert [bet.strategy for row in found.rows for bet in row.bets] == ["fits"]
    assert found.notes == (Note("not-looked-for", {"strategy": "wide"}, {"error": "too wide"}),)
    with pytest.raises(DataError, match="too wide"):
        present_phases(data, bets[:1], at(100), step=lambda text, done: None)


# ----------------------------------------------------------------------------------- what is needed


def test_needs_are_those_that_the_phases_declare() -> None:
    bet = (strategy("s", "up", "either"), Planted())
    assert streams_needed([bet]) == ("perp", "liquidations", "open_interest")
    paid = (strategy("p", "paid"), Planted())
    assert seen_with([bet, paid], ["perp"]) == (bet,)
    assert seen_with([bet, paid], ["perp", "funding"]) == (bet, paid)
    # no parameter that is a time: the 24 hours in which an event builds up, and the hold
    assert (past_hours(Planted()), days_needed([bet])) == (24.0, 2)


def test_the_days_that_a_live_scan_fetches_show_what_all_days_would(tmp_path: Path) -> None:
    """Every stock strategy, shortly after its last event: the same row from its last days alone."""
    workspace = find_workspace(ROOT)
    names = [name for name in workspace.names("strategies") if not workspace.is_tuned(name)]
    bets = [(s, workspace.detector(s)) for s in map(workspace.strategy, names)]
    text = workspace.path("datasets", "lab").read_text("utf-8")
    (tmp_path / "lab.toml").write_text(
        text.replace("years = 3", "years = 1.5").replace(', "LARK", "TARN", "WREN"', "")
    )
    data = open_dataset(load_spec(tmp_path / "lab.toml"), "lab", tmp_path)
    whole, seen = data.markets["IBEX"], set[str]()
    for bet in {repr(signal): (strategy, signal) for strategy, signal in bets}.values():
        table = bet[1].detect(whole).select(*bet[0].phases).table
        if table.empty:
            continue
        time = table["time"].iloc[-1] + 4 * HOUR
        first = time.floor("D") - pd.Timedelta(days=days_needed([bet]))
        assert first > whole.index[0] + pd.Timedelta(days=30)
        tables = {name: whole.table(name) for name in whole.streams}
        part = {name: t[t["time"] >= first].reset_index(drop=True) for name, t in tables.items()}
        lab = Dataset("lab", "", HOUR, simulated=True, fingerprint="", markets={})
        rows = [
            [
                (r.phase, r.lean, r.known, r.bets, r.move_bps, round(r.strength, 9))
                for r in present_phases(
                    dataclasses.replace(lab, markets={"IBEX": one.until(time)}),
                    [bet],
                    time,
                    step=lambda text, done: None,
                ).rows
            ]
            for one in (whole, Market("IBEX", bar=HOUR, tables=part))
        ]
        assert rows[0] == rows[1] != [], bet[0].name
        seen.update(row[0] for row in rows[0])
    assert len(seen) >= 7
