"""The figures of docs/cases.md, one test a statement, from the real data and the default signals.

No default is chosen by these cases: where one changes, what is seen here may change, and the page
with it (`python docs/cases.py` draws its pictures anew).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.core.notes import Note
from fadefollow.engine.costs import CostSettings
from fadefollow.engine.plans.plan import Prepared, prepare
from fadefollow.engine.plans.trading import books, trade_table
from fadefollow.engine.resolver import outcomes
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.market import Market
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.phases import STANCES, Phases
from fadefollow.phases.dated_contracts import constant_maturity_basis, usable_rows
from fadefollow.phases.features import spot_premium_bps
from fadefollow.results.notes import note_text
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.prepare import detect
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

pytestmark = pytest.mark.shared
WORKSPACE = find_workspace(Path(__file__).parent)
PAGE = ROOT / "docs" / "cases.md"


@pytest.fixture(scope="module")
def history(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return _imported("binance_history", shared_data, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def btc(history: Dataset) -> Market:
    return history.markets["BTC"]


@pytest.fixture(scope="module")
def sol(history: Dataset) -> Market:
    return history.markets["SOL"]


def _imported(name: str, source: Path, store: Path, *streams: str) -> Dataset:
    spec = load_spec(WORKSPACE.path("datasets", name))
    if streams:
        files = tuple(file for file in spec.files if file.stream in streams)
        spec = spec.model_copy(update={"files": files})
    import_files(spec, name, source, store)
    return open_dataset(spec, name, store)


def _plan(dataset: Dataset, name: str) -> Prepared:
    strategy = WORKSPACE.strategy(name)
    found = detect(dataset.markets, WORKSPACE.detector(strategy))
    return prepare(strategy, dataset.markets, found, costs=CostSettings())


def _sold_spread(market: Market, known: str) -> Prepared:
    """The future sold against spot for 28 days, after the bar that opened at `known`."""
    strategy = Strategy(
        name="sold_spread",
        title="",
        claim="fade",
        account="C",
        signal="basis",
        phases=("rich_carry",),
        trade=Trade(instrument="carry", hold_hours=672),
    )
    bar = market.index.get_loc(_utc(known))
    event = {"bar": bar, "phase": "rich_carry", "lean": 1, "actor": "crowd", "strength": 1.0}
    found = Phases.of(market, signal="basis", events=[event])
    return prepare(strategy, {market.symbol: market}, found, costs=CostSettings())


def _events(
    market: Market, signal: str, first: str, last: str, **params: float
) -> list[tuple[str, str]]:
    """Phases and the times at which they became known, from `first` to before `last`."""
    table = WORKSPACE.signal(signal)(**params).detect(market).table
    known = table["time"] + market.bar
    inside = (known >= _utc(first)) & (known < _utc(last))
    rows = zip(table.loc[inside, "phase"], known[inside], strict=True)
    return [(phase, f"{time:%Y-%m-%d %H:%M}") for phase, time in rows]


def _records(market: Market, stream: str, column: str, scale: float = 1.0) -> pd.Series:
    return market.table(stream).set_index("time")[column] * scale


def _column(market: Market, stream: str, column: str) -> pd.Series:
    return pd.Series(market.column(stream, column), index=market.index)


def _utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


# ---- 1. BTC, 10 to 20 April 2021


def test_reserves_of_april_2021_are_of_another_level_and_rise_less_than_the_account_says(
    btc: Market,
) -> None:
    reserve = _records(btc, "netflow", "reserve_coins", 1e-6)
    assert reserve["2021-04-11 00:00"] == pytest.approx(3.097, abs=0.0005)
    assert reserve["2021-04-16 00:00"] == pytest.approx(3.106, abs=0.0005)
    rise = reserve["2021-04-16 00:00"] - reserve["2021-04-11 00:00"]
    assert 1e3 * rise == pytest.approx(8.7, abs=0.05)
    flow = _records(btc, "netflow", "netflow_coins", 1e-3)["2021-04-11":"2021-04-18"].round(1)
    assert flow.tolist() == [-3.2, 7.3, 2.1, 7.1, -2.3, -5.4, -1.4, -9.5]
    assert flow["2021-04-12":"2021-04-14"].sum() == pytest.approx(16.5)


def test_inflows_of_april_2021_are_no_streak(btc: Market) -> None:
    """Three days of four, and half of what would have been large; known on the 16th."""
    table = btc.table("netflow").set_index("time")
    assert table.loc[_utc("2021-04-14"), "available"] == _utc("2021-04-16")
    found = WORKSPACE.signal("netflow")().features(btc)
    at = btc.index.get_loc(_utc("2021-04-16 00:00"))
    assert found["days_in"][at] == 3
    assert found["sum_pct_of_reserve"][at] == pytest.approx(0.43, abs=0.005)
    assert 0.7 < found["large_pct_of_reserve"][at] < 1.2
    assert "inflow_streak" not in dict(_events(btc, "netflow", "2021-04-10", "2021-04-21"))


def test_selloff_watch_of_april_2021_cannot_be_looked_for_and_says_why(btc: Market) -> None:
    signal: Any = WORKSPACE.signal("stress")()
    assert signal.factors >= 2  # one of the six can be observed
    assert signal.lacking(btc) == {
        "selloff_watch": ("news", "future.volume", "options", "hash_rate")
    }
    found = pd.DataFrame(signal.features(btc), index=btc.index)["2021-04-10":"2021-04-20"]
    assert (found["netflow"] == 0).all()
    blind = ["listing", "carry_attack", "gamma", "hash_rate", "bad_news"]
    assert found[blind].isna().all(axis=None)
    crowded = found.index[found["crowded"] == 1]
    # known at the bars' closes: from 08:00 on the 10th to 23:00 on the 19th
    assert crowded[0] == _utc("2021-04-10 07:00")
    assert crowded[-1] == _utc("2021-04-19 22:00")
    assert _events(btc, "stress", "2021-04-10", "2021-04-21", factors=1) == []


@pytest.mark.parametrize("marked", ["2021-04-14", "2021-04-15"])
def test_the_listing_marked_by_hand_is_seen_by_the_16th(btc: Market, marked: str) -> None:
    """At either end of its day, as the account gives no hour."""
    time = pd.Series([_utc(marked)]).dt.as_unit("ns")
    news = pd.DataFrame({"time": time, "kind": "listing", "text": "Coinbase", "available": time})
    tables = {name: btc.table(name) for name in btc.streams} | {"news": news}
    market = Market("BTC", bar=btc.bar, tables=tables)
    signal = WORKSPACE.signal("stress")
    table = signal(factors=1).detect(market).table.set_index("time")["2021-04-10":"2021-04-20"]
    assert len(table) == 1
    assert _utc("2021-04-14 12:00") < table.index[0] < _utc("2021-04-16 12:00")
    event = table.iloc[0]
    assert event["seen"] == "listing"
    assert event["not_seen"] == "netflow, bad_news"
    assert event["unobservable"] == "carry_attack, gamma, hash_rate"
    assert not len(signal(factors=2).detect(market).table.set_index("time")["2021-04-10":"2021-05"])


def test_funding_of_april_2021_was_below_januarys_peaks_and_above_its_mean(btc: Market) -> None:
    rate = _records(btc, "funding", "rate", 1e4)
    jump = rate["2021-04-10 00:00":"2021-04-10 08:00"].round(1).tolist()
    assert jump == [1.3, 14.9]
    assert rate["2021-04-17 08:00":"2021-04-18 16:00"].round(1).tolist() == [
        5.4,
        8.8,
        8.2,
        5.8,
        1.0,
    ]
    before = rate["2021-04-10 08:00":"2021-04-18 00:00"]
    assert before.max() == pytest.approx(14.9, abs=0.05)
    assert before.mean() == pytest.approx(9.8, abs=0.05)
    assert rate["2021-01"].max() == pytest.approx(23.6, abs=0.05)
    assert rate["2021-01"].mean() == pytest.approx(6.4, abs=0.05)
    assert rate["2021-02"].max() == pytest.approx(24.9, abs=0.05)


def test_funding_of_other_coins_in_april_2021_against_january(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store8")
    universe = _imported("binance_history_8h", shared_data, store, "perp", "funding")
    above: dict[str, tuple[bool, bool]] = {}
    for coin, market in universe.markets.items():
        rate = _records(market, "funding", "rate", 1e4)
        april = rate["2021-04-10 08:00":"2021-04-18 00:00"]
        january = rate["2021-01-01":"2021-01-31"]
        if len(april):
            above[coin] = (april.max() > january.max(), april.mean() > january.mean())
    assert len(above) == 9
    assert {coin for coin, (peak, _) in above.items() if peak} == {"ADA", "ATOM", "LTC", "UNI"}
    assert all(mean for _, mean in above.values())


def test_open_interest_of_april_2021_peaks_with_the_account_and_rises_in_the_crash(
    btc: Market,
) -> None:
    oi = _column(btc, "open_interest", "open_interest")
    peak: Any = oi["2021-02-10":"2021-04-17"]
    assert peak.idxmax() + btc.bar == _utc("2021-04-14 19:00")
    assert peak.max() == pytest.approx(7_246, abs=0.5)
    in_usd = (oi * _column(btc, "perp", "close"))[peak.idxmax()]
    assert in_usd == pytest.approx(0.45e9, abs=0.005e9)
    assert oi["2021-02-09":].iloc[:24].max() > peak.max()
    assert oi["2021-04-18 02:00"] == pytest.approx(6_603, abs=0.5)
    assert oi["2021-04-18 03:00"] == pytest.approx(8_758, abs=0.5)


def test_liquidations_of_april_2021(btc: Market) -> None:
    longs, shorts = (_records(btc, "liquidations", c) for c in ("long_coins", "short_coins"))
    assert longs["2021-04-18 00:00"] == pytest.approx(17_836, abs=0.5)
    week = slice("2021-04-11", "2021-04-18")
    assert longs[week].sum() == pytest.approx(25_630, abs=0.5)
    price = _column(btc, "perp", "close").resample("D").mean()
    assert (longs * price)[week].sum() == pytest.approx(1.48e9, abs=0.005e9)
    assert (shorts * price)[week].sum() == pytest.approx(0.31e9, abs=0.005e9)
    assert (longs * price)[_utc("2021-04-18")] == pytest.approx(1.00e9, abs=0.005e9)
    known = WORKSPACE.signal("liquidations")().features(btc)["longs_times_usual"]
    first = btc.index.get_loc(_utc("2021-04-19 23:00"))
    assert known[first - 1] == pytest.approx(1.1, abs=0.05)
    assert known[first] == pytest.approx(14.3, abs=0.05)


def test_price_in_the_hour_of_the_crash(btc: Market) -> None:
    hour = _utc("2021-04-18 03:00")
    assert _column(btc, "perp", "open")[hour] == pytest.approx(58_911, abs=1)
    assert _column(btc, "perp", "low")[hour] == 50_050


def test_crowded_longs_of_april_2021_were_named_eight_days_early(btc: Market) -> None:
    crowd = [e for e in _events(btc, "funding", "2021-04-09", "2021-04-21") if "crowded" in e[0]]
    assert crowd == [("crowded_long", "2021-04-10 08:00")]


def test_a_spot_led_fall_half_a_day_before_is_one_of_about_fifty_a_year(btc: Market) -> None:
    before = _events(btc, "doors", "2021-04-17", "2021-04-18 03:30")
    assert [phase for phase, _ in before] == ["spot_led_down"]
    assert "2021-04-17 12:00" <= before[0][1] <= "2021-04-17 18:00"
    year = [phase for phase, _ in _events(btc, "doors", "2021-01-01", "2022-01-01")]
    assert 40 <= year.count("spot_led_down") <= 65


def test_no_flush_of_longs_was_seen_in_the_fall(btc: Market) -> None:
    assert "long_flush" not in dict(
        _events(btc, "liquidations", "2021-04-17 12:00", "2021-04-19 12:00")
    )


def test_the_short_of_crowded_longs_ended_before_the_fall(history: Dataset) -> None:
    plan = _plan(history.select("BTC"), "fade_crowded_funding").plan
    legs = trade_table(plan, {"fade": books(plan, "fade")}).set_index("entry_time")
    trade = legs.loc[_utc("2021-04-10 08:00")]
    assert trade["exit_time"] == _utc("2021-04-13 08:00")
    assert 1e4 * trade["return"] == pytest.approx(-12.2, abs=0.05)
    assert 1e4 * trade["funding"] / trade["notional"] == pytest.approx(87.4, abs=0.05)


# ---- 2. SOL, November 2022


def test_sol_settled_every_two_to_four_hours_at_up_to_two_percent(sol: Market) -> None:
    table = sol.table("funding").set_index("time")
    fast = table[table["interval_hours"] < 8]
    assert (fast.index[0], fast.index[-1]) == (_utc("2022-11-09 20:00"), _utc("2022-11-18 08:00"))
    assert fast["interval_hours"].value_counts().to_dict() == {2.0: 98, 4.0: 3}
    assert table["rate"].min() == -0.02
    capped = table.index[table["rate"] == -0.02]
    assert len(capped) == 7
    assert (capped[0], capped[-1]) == (_utc("2022-11-09 20:00"), _utc("2022-11-10 12:00"))
    storm = table.loc[_utc("2022-11-09") : _utc("2022-11-18 08:00"), "rate"]
    assert len(storm) == 104
    assert storm.sum() == pytest.approx(-0.3212, abs=5e-5)


# ---- a print of the last price: ETH, 13 March 2020


def _short_of_eth(history: Dataset, **trade: float) -> tuple[Prepared, pd.DataFrame]:
    """Sold after the bar of 2020-03-12 20:00, held for 24 h."""
    market = history.markets["ETH"]
    strategy = Strategy(
        name="short",
        title="",
        claim="follow",
        account="",
        signal="doors",
        phases=("spot_led_down",),
        trade=Trade(hold_hours=24, **trade),
    )
    bar = market.index.get_loc(_utc("2020-03-12 20:00"))
    event = {"bar": bar, "phase": "spot_led_down", "lean": -1, "actor": "crowd", "strength": 1.0}
    found = Phases.of(market, signal="doors", events=[event])
    made = prepare(strategy, {"ETH": market}, found, costs=CostSettings())
    return made, trade_table(made.plan, {"follow": books(made.plan, "follow")})


def test_a_print_of_323_at_a_mark_of_112_liquidates_no_short(history: Dataset) -> None:
    made, trades = _short_of_eth(history)
    (arrays,) = made.plan.coin_arrays
    at = int(np.searchsorted(arrays.time, _utc("2020-03-13 02:00").value))
    assert arrays.high[at] == 323.0
    assert arrays.liq_high[at] == pytest.approx(1.03 * 120.20)  # spot's high
    assert trades["exit_reason"].tolist() == ["time"]


def test_a_stop_that_the_print_filled_is_named(history: Dataset) -> None:
    made, trades = _short_of_eth(history, stop=0.5)
    assert trades["exit_reason"].tolist() == ["stop"]
    notes: list[Note] = []
    books_of(made.plan, "follow", "error", notes)
    assert ["ETH 2020-03-13 02:00 (stop)" in note_text(note) for note in notes] == [True]


def test_the_gap_of_sol_was_no_wick_but_a_state_of_hours(sol: Market) -> None:
    gap = _column(sol, "perp", "close") / _column(sol, "spot", "close") - 1
    assert gap.idxmin() == _utc("2022-11-09 20:00")
    assert gap.min() == pytest.approx(-0.239, abs=5e-4)
    wide = gap["2022-11-08":"2022-11-11"]
    wide = wide[wide < -0.10]
    assert (wide.index[0], wide.index[-1]) == (_utc("2022-11-09 08:00"), _utc("2022-11-10 02:00"))
    assert (len(wide), wide.max() < -0.10) == (19, True)
    low = _column(sol, "perp", "low")["2022-11-09"]
    assert low.min() == 9.423
    assert low.idxmin() == _utc("2022-11-09 21:00")


def test_open_interest_of_sol_doubled_while_price_halved(sol: Market) -> None:
    oi = _column(sol, "open_interest", "open_interest")
    assert oi["2022-11-08 23:00"] == pytest.approx(2.67e6, abs=5e3)
    assert oi["2022-11-09":"2022-11-10"].max() == pytest.approx(5.74e6, abs=5e3)
    close = _column(sol, "perp", "close")
    assert close["2022-11-08 23:00"] == 23.82
    assert close["2022-11-09 21:00"] == 9.992
    fired = _events(sol, "liquidations", "2022-11-09", "2022-11-10 06:00")
    assert "long_flush" not in dict(fired)


def test_crowded_shorts_of_sol_were_named_once_before_the_extreme(sol: Market) -> None:
    assert _events(sol, "funding", "2022-11-05", "2022-11-22") == [
        ("crowded_short", "2022-11-08 00:00"),
        ("crowded_short", "2022-11-11 00:00"),
        ("crowded_short", "2022-11-12 06:00"),
        ("crowded_short", "2022-11-14 02:00"),
    ]
    table = WORKSPACE.signal("funding")().detect(sol).table.set_index("time")
    event = table.loc[_utc("2022-11-07 23:00")]
    assert event["rate_bps_per_8h"] == pytest.approx(-3.5, abs=0.05)
    assert event["threshold_bps_per_8h"] == pytest.approx(-2.1, abs=0.05)


def test_no_other_stream_of_sol_can_show_a_selloff_or_a_basis(sol: Market) -> None:
    lacks = WORKSPACE.signal("stress")().lacking(sol)["selloff_watch"]
    assert {"netflow", "news", "options", "hash_rate"} <= set(lacks)
    assert WORKSPACE.signal("basis")().lacking(sol)["rich_carry"] == ("future",)
    assert _events(sol, "campaign", "2022-11-01", "2022-12-01") == []


@pytest.mark.parametrize(
    ("stance", "day", "by_price", "funding", "costs", "net"),
    [
        ("fade", "2022-11-08 00:00", -40_440, 11_387, 159, -29_212),
        ("follow", "2022-11-08 00:00", 40_480, -11_398, 160, 28_922),
        ("fade", "2022-11-11 00:00", -25_464, 5_527, 174, -20_112),
        ("follow", "2022-11-11 00:00", 25_490, -5_532, 175, 19_783),
        ("fade", "2022-11-14 02:00", 15_753, 2_372, 216, 17_910),
        ("follow", "2022-11-14 02:00", -15_769, -2_375, 216, -18_359),
    ],
)
def test_ledger_of_the_sol_trades(
    history: Dataset, stance: str, day: str, by_price: int, funding: int, costs: int, net: int
) -> None:
    plan = _plan(history.select("SOL"), "fade_crowded_funding").plan
    legs = trade_table(plan, {s: books(plan, s) for s in STANCES})
    row = legs[(legs["stance"] == stance) & (legs["entry_time"] == _utc(day))].iloc[0]
    paid = row["fees"] + row["slippage"]
    assert row["exit_time"] - row["entry_time"] == pd.Timedelta(hours=72)
    assert row["funding"] == pytest.approx(funding, abs=0.51)
    assert paid == pytest.approx(costs, abs=0.51)
    assert row["pnl"] == pytest.approx(net, abs=0.51)
    assert row["pnl"] - row["funding"] + paid == pytest.approx(by_price, abs=0.51)


# ---- 3. Basis and carry on BTC and ETH, 2023 to 2025


@pytest.mark.parametrize(
    ("coin", "first", "last", "median", "highest", "lowest", "share"),
    [
        ("BTC", "2023-06-26", "2025-03-11", 10.0, 34.1, 3.3, 31.0),
        ("ETH", "2023-06-26", "2025-03-12", 9.4, 33.7, 1.9, 29.2),
    ],
)
def test_basis_level_is_what_the_page_states(
    history: Dataset,
    coin: str,
    first: str,
    last: str,
    median: float,
    highest: float,
    lowest: float,
    share: float,
) -> None:
    market = history.markets[coin]
    basis = pd.Series(constant_maturity_basis(market, usable_rows(market)), index=market.index)
    known = 100 * basis.dropna()
    assert [f"{t:%Y-%m-%d}" for t in (known.index[0], known.index[-1])] == [first, last]
    assert known.median() == pytest.approx(median, abs=0.05)
    assert known.max() == pytest.approx(highest, abs=0.05)
    assert known.idxmax() == _utc("2024-03-31 23:00")
    assert known.min() == pytest.approx(lowest, abs=0.05)
    assert 100 * (known > 12).mean() == pytest.approx(share, abs=0.05)
    holes = basis[known.index[0] : known.index[-1]].isna()
    assert (holes.sum(), holes.idxmax()) == (100, _utc("2023-08-15 08:00"))


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_rich_carry_fired_in_two_stretches_and_nothing_else_did(
    history: Dataset, coin: str
) -> None:
    market = history.markets[coin]
    found = _events(market, "basis", "2023-01-01", "2026-01-01")
    assert {phase for phase, _ in found} == {"rich_carry"}
    stretches = [("2023-12", "2024-05"), ("2024-11", "2025-01")]
    assert all(any(a <= time < b for a, b in stretches) for _, time in found)
    lacks = WORKSPACE.signal("basis")().lacking(market)
    assert lacks == {"carry_attack": ("future.volume",)}


@pytest.mark.parametrize(
    ("coin", "hours", "mean_bps"),
    [
        ("BTC", [3730, 5874, 3633, 979], [-20, 16, 99, 322]),
        ("ETH", [5509, 4378, 3337, 1016], [-15, 12, 109, 321]),
    ],
)
def test_the_richer_the_carry_sold_the_more_it_paid(
    history: Dataset, coin: str, hours: list[int], mean_bps: list[float]
) -> None:
    """28 days from every hour, by the basis known before: under 8, to 12, to 20, over 20 % a year.

    Both legs with their costs. The hours overlap.
    """
    market = history.markets[coin]
    plan = _sold_spread(market, "2024-03-31 23:00").plan
    arrays, costs = plan.coin_arrays[0], plan.costs[0]
    value = 1e4 * outcomes(arrays, -1, rules=plan.rules, costs=costs).value  # type: ignore[arg-type]
    basis = pd.Series(constant_maturity_basis(market, usable_rows(market)), index=market.index)
    known = 100 * basis.shift(1).reindex(pd.to_datetime(arrays.time, utc=True)).to_numpy()
    both = np.isfinite(value) & np.isfinite(known)
    bucket = np.digitize(known[both], [8, 12, 20])
    groups = pd.Series(value[both]).groupby(bucket)
    assert groups.size().tolist() == hours
    assert groups.mean().round(0).tolist() == mean_bps


def test_ledger_of_the_carry_sold_at_its_highest(history: Dataset) -> None:
    """Chosen with hindsight, to show both legs: BTC, the hour after 31 March 2024 23:00."""
    plan = _sold_spread(history.markets["BTC"], "2024-03-31 23:00").plan
    legs = trade_table(plan, {"fade": books(plan, "fade")}).set_index("leg")
    assert legs.index.tolist() == ["future:240628", "spot"]
    assert legs["side"].tolist() == [-1, 1]
    assert (legs["funding"] == 0).all()
    assert legs["pnl"].round(0).tolist() == [16_696, -10_699]
    assert legs[["fees", "slippage"]].sum().round(0).tolist() == [179, 71]
    assert 1e4 * legs["return"].sum() == pytest.approx(599.7, abs=0.05)


def test_the_other_side_of_carry_is_refused_without_a_borrow_rate(history: Dataset) -> None:
    found = _sold_spread(history.markets["BTC"], "2024-03-31 23:00")
    assert "borrow" in found.plan.refused["follow"]


# ---- 4. Doors on BTC around 106,000


@pytest.mark.parametrize("hours", [3, 4, 6, 8, 12, 24])
def test_no_door_opened_on_the_weekend_and_monday_of_may_2025(btc: Market, hours: float) -> None:
    found = _events(btc, "doors", "2025-05-17", "2025-05-20", window_hours=hours)
    assert found or hours == 24
    assert {phase for phase, _ in found} <= {"spot_led_up", "spot_led_down"}


def test_the_premium_stayed_flat_while_price_fell_on_that_monday(btc: Market) -> None:
    close = _column(btc, "perp", "close")
    premium = pd.Series(spot_premium_bps(btc), index=btc.index)["2025-05-17":"2025-05-19"]
    assert (premium.min(), premium.max()) == pytest.approx((2.5, 6.3), abs=0.05)
    fall = premium["2025-05-18 23:00":"2025-05-19 06:00"]
    assert (fall.iloc[0], fall.iloc[-1]) == pytest.approx((4.4, 4.1), abs=0.05)
    assert close["2025-05-18 23:00"] == 106_407.6
    assert close["2025-05-19 06:00"] == 102_166.4


def test_that_weekend_was_not_quiet(btc: Market) -> None:
    high, low = (_column(btc, "perp", c) for c in ("high", "low"))
    day = (high.index - _utc("1970-01-05")).days  # a Monday
    weekend = day % 7 >= 5
    week = day[weekend] // 7
    height = np.log(high[weekend].groupby(week).max() / low[weekend].groupby(week).min())
    usual = height.rolling(12).median().shift()
    this = (_utc("2025-05-18") - _utc("1970-01-05")).days // 7
    assert 1e4 * height[this] == pytest.approx(391, abs=0.5)
    assert 1e4 * usual[this] == pytest.approx(335, abs=0.5)
    table = WORKSPACE.signal("doors")(window_hours=6).detect(btc).table
    monday = table[table["time"].dt.strftime("%Y-%m-%d") == "2025-05-19"]
    assert len(monday)
    assert not monday["quiet_weekend"].any()


@pytest.fixture(scope="module")
def at_level(btc: Market) -> pd.DataFrame:
    """The events of `doors` whose bar closes within 2 % of 106,000, and the 24 h after."""
    close = _column(btc, "perp", "close")
    table = WORKSPACE.signal("doors")().detect(btc).table
    ahead = 1e4 * (close.shift(-24) / close - 1)
    table["ahead_bps"] = table["lean"] * ahead.reindex(table["time"]).to_numpy()
    table["close"] = close.reindex(table["time"]).to_numpy()
    return table[(table["close"] / 106_000 - 1).abs() < 0.02]


def test_doors_at_the_level_are_a_handful_and_the_rest_is_led_by_spot(
    btc: Market, at_level: pd.DataFrame
) -> None:
    close = _column(btc, "perp", "close")
    hours = (close / 106_000 - 1).abs() < 0.02
    assert hours.sum() == 1_284
    assert [f"{t:%Y-%m}" for t in (hours[hours].index[0], hours[hours].index[-1])] == [
        "2024-12",
        "2025-11",
    ]
    drift = 1e4 * (close.shift(-24) / close - 1)[hours].mean()
    assert drift == pytest.approx(-16.5, abs=0.05)
    premium = pd.Series(spot_premium_bps(btc), index=btc.index)
    assert premium.diff(24)[hours].abs().median() == pytest.approx(0.8, abs=0.05)
    doors = at_level["phase"].str.contains("door")
    assert doors.sum() < 7
    assert at_level.loc[doors, "door_number"].max() <= 2 or not doors.any()
    led = at_level["phase"].str.startswith("spot_led")
    assert 15 <= led.sum() <= 45
    assert led.sum() + doors.sum() >= len(at_level) - 2


def test_no_kind_of_move_at_the_level_goes_on_or_turns_beyond_chance(
    at_level: pd.DataFrame,
) -> None:
    for phase, bps in at_level.groupby("phase")["ahead_bps"]:
        if len(bps) >= 5:
            assert abs(bps.mean()) < 2 * bps.std() / np.sqrt(len(bps)), phase
            assert abs(bps.mean()) < 60, phase


# ---- the page


def test_pictures_of_the_page_are_there_and_small() -> None:
    named = re.findall(r"\]\((images/[a-z0-9_]+\.png)\)", PAGE.read_text("utf-8"))
    assert len(named) == 4
    for name in named:
        assert 10_000 < (PAGE.parent / name).stat().st_size < 150_000, name
