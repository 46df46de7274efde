"""From DataFrames to a verdict: a planted edge is found, three trades agree with arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fadefollow as ff
from fadefollow.errors import DataError, ParameterError, UnknownNameError
from fadefollow.market.datasets.frames import dataset_of_frames
from fadefollow.phases.given import GivenEvents, given_events
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult
from fadefollow.workspace import init_workspace

HOURS = 30 * 24
INDEX = pd.date_range("2024-01-01", periods=HOURS, freq="h")
FEW: dict[str, Any] = {"placebo_draws": 100, "bootstrap_draws": 100}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is no workspace, so that the stock one counts."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bars(opens: np.ndarray, coin: str = "SOL") -> pd.DataFrame:
    """Bars that close where the next one opens."""
    close = np.append(opens[1:], opens[-1])
    high, low = np.maximum(opens, close) + 0.01, np.minimum(opens, close) - 0.01
    return pd.DataFrame(
        {"time": INDEX, "symbol": coin, "open": opens, "high": high, "low": low, "close": close}
    )


def rising(slope: float = 0.01) -> np.ndarray:
    """100, 100.01, 100.02, …."""
    return 100.0 + slope * np.arange(HOURS)


def at(*hours: float, coin: str = "SOL", lean: object = 1) -> pd.DataFrame:
    time = INDEX[0] + pd.to_timedelta(list(hours), unit="h")
    return pd.DataFrame({"time": time, "symbol": coin, "lean": lean})


def follow(result: RunResult) -> StanceResult:
    found = result["event"].follow
    assert isinstance(found, StanceResult)
    return found


# ---- the numbers ----


def test_net_returns_of_three_trades_by_hand() -> None:
    result = ff.study(at(99.5, 299.5, 499.5), bars(rising()), hold="10h", **FEW)
    trades = result.trades[result.trades["stance"] == "follow"]
    # known at the closes of bars 99, 299, 499; in at the opens of bars 100, 300, 500; ten hours
    assert trades["entry_time"].dt.tz_convert(None).tolist() == list(INDEX[[100, 300, 500]])
    assert trades["exit_time"].dt.tz_convert(None).tolist() == list(INDEX[[110, 310, 510]])
    # opens 101 → 101.1, 103 → 103.1, 105 → 105.1. Slippage of 5 bps moves both fills: the price
    # part is 0.1 / open, each end costs 5 bps of its open, and a fee of 5 bps of its fill
    nets = []
    for begin in (101.0, 103.0, 105.0):
        entry, leave = begin * 1.0005, (begin + 0.1) * 0.9995
        nets.append((leave - entry - 0.0005 * (entry + leave)) / entry)
    np.testing.assert_allclose(trades["return"], nets, rtol=1e-9)
    assert follow(result).mean_net_bps == pytest.approx(1e4 * np.mean(nets), rel=1e-9)
    (row,) = result.table.query("stance == 'follow'").to_dict("records")
    assert (row["n_trades"], row["strategy"], row["book"]) == (3, "study", "outright")
    assert row["mean_net_bps"] == pytest.approx(1e4 * np.mean(nets), rel=1e-9)
    parts = ("price", "funding", "fees", "slippage", "liquidation", "hedge")
    assert sum(row[f"{part}_bps"] for part in parts) == pytest.approx(row["mean_net_bps"])


def test_funding_is_charged_and_its_absence_is_told() -> None:
    settled = pd.date_range("2024-01-01", INDEX[-1], freq="8h")
    funding = pd.DataFrame({"time": settled, "symbol": "SOL", "rate": 0.0003})
    flat = bars(100 + 0.001 * (np.arange(HOURS) % 2))
    free = ff.study(at(99), flat, hold="24h", **FEW)
    paid = ff.study(at(99), flat, funding=funding, hold="24h", **FEW)
    # held from the open of bar 100 to that of bar 124: settlements of bars 104, 112 and 120
    cost = follow(free).mean_net_bps - follow(paid).mean_net_bps
    assert cost == pytest.approx(3 * 3.0, abs=0.02)
    assert [n.code for n in free.notes][:1] == ["free-funding"]
    assert "free-funding" not in {n.code for n in paid.notes}


def test_a_planted_edge_is_found() -> None:
    rng = np.random.default_rng(5)
    moves = rng.normal(0.0, 0.003, (2, HOURS))
    events = np.arange(30, HOURS - 40, 23)
    for start in events:
        # in at the open of bar start + 1, out at that of start + 7: 240 bps over six hours
        moves[:, start + 2 : start + 8] += 0.004
    prices = pd.concat(
        [bars(100 * np.exp(np.cumsum(m)), c) for m, c in zip(moves, ("SOL", "ADA"), strict=True)]
    )
    asked = pd.concat([at(*events, coin="SOL"), at(*events, coin="ADA")])
    result = ff.study(asked, prices, hold=6, claim="follow", seed=3, **FEW)
    found = follow(result)
    assert found.n_trades == 2 * len(events)
    # 240 less 20 of costs, ± 1.96 × 30 × √6 / √(2 × 29) ≈ 19
    assert found.mean_net_bps == pytest.approx(220.0, abs=25.0)
    fade = result["event"].fade
    assert isinstance(fade, StanceResult)
    assert fade.mean_net_bps < -200


# ---- the forms that frames may have ----


def test_all_forms_of_prices_are_one_data_set() -> None:
    long = pd.concat([bars(rising(), "SOL"), bars(rising(0.02), "ADA")], ignore_index=True)
    wide = long.pivot_table(index="time", columns="symbol", values=["open", "high", "low", "close"])
    forms: dict[str, Any] = {
        "long": long,
        "shuffled": long.sample(frac=1.0, random_state=1),
        "aware": long.assign(time=long["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")),
        "index": long.set_index("time").rename(columns=str.upper),
        "levels": long.set_index(["time", "symbol"]),
        "wide": wide,
        "coins first": wide.swaplevel(axis=1),
        "by coin": {c: f.drop(columns="symbol") for c, f in long.groupby("symbol")},
        "by price": {name: wide[name] for name in ("open", "high", "low", "close")},
    }
    prints = {name: ff.dataset(frames).fingerprint for name, frames in forms.items()}
    assert len(set(prints.values())) == 1, prints


def test_a_coin_that_is_listed_later_has_fewer_bars_in_a_wide_frame() -> None:
    long = pd.concat([bars(rising(), "SOL"), bars(rising(), "ADA").iloc[100:]])
    wide = long.pivot_table(index="time", columns="symbol", values=["open", "high", "low", "close"])
    markets = ff.dataset(wide).markets
    assert {coin: len(market) for coin, market in markets.items()} == {"ADA": 620, "SOL": 720}


def test_wide_rates_and_records_are_available_from_their_stamps() -> None:
    rates = pd.DataFrame({"SOL": 0.0001}, index=INDEX[::8])
    interest = pd.DataFrame({"time": INDEX, "symbol": "SOL", "open_interest": 1e6})
    made = ff.dataset(bars(rising()), funding=rates, streams={"open_interest": interest})
    funding = made.markets["SOL"].table("funding")
    assert funding["interval_hours"].unique().tolist() == [8.0]
    assert (funding["available"] == funding["time"]).all()
    perp = made.markets["SOL"].table("perp")
    assert (perp["available"] - perp["time"] == pd.Timedelta("1h")).all()
    assert made.markets["SOL"].streams == ("perp", "open_interest", "funding")


def test_a_market_from_a_frame_takes_a_signal() -> None:
    made = ff.market(bars(rising()), funding=pd.DataFrame({"time": INDEX[::8], "rate": 1e-4}))
    assert repr(made).startswith("Market(SOL, 720 bars of 1h")
    assert len(ff.detect("funding", made)) == 0
    with pytest.raises(DataError, match="a market must be made of a DataFrame"):
        ff.market([1.0, 2.0])  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="one coin"):
        ff.market(pd.concat([bars(rising()), bars(rising(), "ADA")]))


def test_phases_are_events() -> None:
    given = dataset_of_frames(bars(rising()))
    phases = ff.detect(GivenEvents.of(given_events(_utc(at(99, 299)), ["SOL"])), given)
    result = ff.study(phases, given, hold=10, **FEW)
    assert result["event"].n_phases == 2


def _utc(events: pd.DataFrame) -> pd.DataFrame:
    return events.assign(time=events["time"].dt.tz_localize("UTC"))


# ---- when an event is known ----


@pytest.mark.parametrize(("hour", "bar"), [(100.0, 100), (100.4, 100), (100.999, 100)])
def test_an_event_is_known_at_the_close_of_the_bar_that_contains_it(hour: float, bar: int) -> None:
    made = dataset_of_frames(bars(rising()))
    signal = GivenEvents.of(given_events(_utc(at(hour)), ["SOL"]))
    assert signal.detect(made.markets["SOL"]).table["time"].tolist() == [
        INDEX[bar].tz_localize("UTC")
    ]


# ---- what is refused ----


@pytest.mark.parametrize(
    ("events", "kind", "said"),
    [
        (at(10, 10), DataError, "two events of a phase must not lie in one bar"),
        (at(10.2, 10.7), DataError, "two events of a phase must not lie in one bar"),
        (at(-3), DataError, "events must lie within the bars"),
        (at(720), DataError, "2024-01-31 00:00 UTC, bars from 2024-01-01 00:00"),
        (at(10, coin="SOLL"), UnknownNameError, "did you mean 'SOL'"),
        (at(10, lean=2), DataError, "lean of an event must be"),
        (at(10, lean=float("nan")), DataError, "time, coin and lean; got none in 1 of 1 rows"),
        (at(10).assign(time=pd.to_datetime(["NaT"])), DataError, "every row must have a time"),
        (at(10).assign(time="noon"), DataError, "times must be time stamps"),
        (at(10).drop(columns="lean"), DataError, "events need the column lean"),
        (at(), DataError, "at least one event"),
    ],
)
def test_events_that_cannot_be(events: pd.DataFrame, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        ff.study(events, bars(rising()), hold=10, **FEW)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        (bars(rising()).drop(columns="close"), "perp needs the column close"),
        (bars(rising()).assign(close=np.nan), "close must have a value"),
        (pd.concat([bars(rising())] * 2), "times must not repeat"),
        (bars(rising()).drop(columns="time"), "need their times"),
        (bars(rising()).iloc[:0], "must have records"),
    ],
)
def test_prices_that_cannot_be(prices: pd.DataFrame, said: str) -> None:
    with pytest.raises(DataError, match=said):
        ff.study(at(10), prices, hold=10, **FEW)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hold": "10x"}, "hold must be a time above zero"),
        ({"hold": 0}, "hold must be a time above zero"),
        ({"hold": 1.5}, "multiple of the bar"),
        ({"hedge": "btc"}, "needs BTC among the prices"),
        ({"hedge": "eth"}, "hedge must be 'auto' or 'btc' or 'none'"),
        ({"claim": "both"}, "claim must be"),
        ({"seed": "one"}, "seed must be a whole number or None"),
        ({"placebo": 3}, "did you mean 'placebo_draws'"),
        ({"trade": {"stop": 2.0}}, "trade"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises((ParameterError, UnknownNameError, ValueError), match=said):
        ff.study(at(10), bars(rising()), **options)


# ---- hedges, the ledger and the report ----


def test_a_hedge_may_be_left_out() -> None:
    prices = pd.concat([bars(rising(), "SOL"), bars(rising(0.02), "BTC")])
    hedged = ff.study(at(199), prices, hold=10, **FEW)
    assert {row.book for row in hedged.table.itertuples()} == {"outright", "hedged"}
    alone = ff.study(at(199), prices, hold=10, hedge="none", **FEW)
    assert {row.book for row in alone.table.itertuples()} == {"outright"}
    unhedged = alone["event"].hedged["fade"]
    assert isinstance(unhedged, NotTraded)
    assert unhedged.reason == "no hedge was asked for"


def test_nothing_is_written_but_in_a_workspace(elsewhere: Path) -> None:
    ff.study(at(99), bars(rising()), hold=10, **FEW)
    assert list(elsewhere.iterdir()) == []


def test_a_study_is_a_trial_and_may_be_a_report(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = elsewhere / "mine"
    init_workspace(mine)
    monkeypatch.chdir(mine)
    first = ff.study(at(99), bars(rising()), hold=10, **FEW)
    other = ff.study(at(299), bars(rising()), hold=10, report=True, **FEW)
    assert (follow(first).n_trials_known, follow(other).n_trials_known) == (2, 4)
    assert other.folder is not None
    assert (other.folder / "report.html").is_file()
    again = ff.read_run("latest")
    assert repr(again["event"].follow) == repr(other["event"].follow)
