"""The gate: data that cannot be trusted stops a run that uses it; real episodes do not."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.core.notes import Note
from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.data_gate import known_notes, known_shares, streams_used, trusted
from fadefollow.jobs.run import RunOptions
from fadefollow.market.audit import drift
from fadefollow.market.audit.audit import audit
from fadefollow.market.audit.gate import ERRORS, Passed, accepted, pass_gate, stopping
from fadefollow.market.audit.units import unit_changes
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.market.panel import Market
from fadefollow.market.streams import stream
from fadefollow.verdict.run.prepare import detect, traded_coins
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
N = 24 * 90
K = 24 * 45 + 7  #: 2024-02-15 07:00


def bars(count: int = N) -> pd.DataFrame:
    """Hourly bars that wander by about 1 %, with a volume that follows its own rhythm."""
    step = np.arange(count)
    close = 100.0 * np.exp(0.01 * np.sin(step * 1.3))
    open_ = np.append(close[0], close[:-1])
    times = pd.date_range(START, periods=count, freq="h").as_unit("ns")
    frame = pd.DataFrame({"time": times, "open": open_})
    frame["high"] = np.maximum(open_, close) * 1.001
    frame["low"] = np.minimum(open_, close) * 0.999
    frame["close"], frame["volume"] = close, 5.0 + 4.0 * np.sin(step * 0.7)
    return frame.assign(available=times + HOUR)


def funding(rate: float = 1e-4) -> pd.DataFrame:
    times = pd.date_range(START, periods=N // 8 + 1, freq="8h").as_unit("ns")
    rates = rate * (1 + 0.1 * np.sin(np.arange(len(times))))
    return pd.DataFrame({"time": times, "rate": rates, "interval_hours": 8.0, "available": times})


def dataset(**tables: pd.DataFrame) -> Dataset:
    market = Market("BTC", bar=HOUR, tables={"perp": bars(), "funding": funding(), **tables})
    return Dataset("demo", "Demo", HOUR, simulated=False, fingerprint="0", markets={"BTC": market})


def errors(**tables: pd.DataFrame) -> list[tuple[str, str, int, str]]:
    found = audit(dataset(**tables)).of("error")
    return [(f.code, f.stream, f.count, f.where) for f in found]


ALL = {"BTC": ("perp", "spot", "mark", "index", "funding", "open_interest", "netflow")}


def test_clean_data_has_no_errors_and_passes():
    data = dataset(spot=bars(), mark=bars().drop(columns="volume"))
    assert audit(data).of("error") == ()
    assert pass_gate(audit(data), ALL) == Passed({}, ())


@pytest.mark.parametrize("factor", [1000.0, 0.01, 1 / 0.001**2])
def test_a_volume_in_another_unit_is_found_at_its_first_bar(factor):
    table = bars()
    table.loc[K:, "volume"] *= factor
    assert errors(spot=table) == [("unit-change", "spot", 1, "2024-02-15 07:00")]


def test_a_volume_there_and_back_is_two_changes():
    table = bars()
    table.loc[727 : 727 + 24 * 32, "volume"] *= 1000
    assert errors(spot=table) == [("unit-change", "spot", 2, "2024-01-31 07:00")]


def test_a_pump_is_no_change_of_unit():
    """A hundredfold volume with ranges that widen tenfold: the coin is pumped, for weeks."""
    table = bars()
    table.loc[K:, "volume"] *= 100
    middle = table[["open", "close"]].mean(axis=1)
    for name in ("high", "low"):
        table.loc[K:, name] = (middle + 10 * (table[name] - middle)).loc[K:]
    assert unit_changes("BTC", table, stream("spot")) == []


def test_a_price_a_thousand_times_as_large_is_found_but_a_slow_rise_is_not():
    table, slow = bars(), bars()
    prices = ["open", "high", "low", "close"]
    table.loc[K:, prices] *= 1000
    assert [f.where for f in unit_changes("BTC", table, stream("perp"))] == ["2024-02-15 07:00"]
    slow[prices] = slow[prices].mul(np.exp(np.arange(N) / N * np.log(1000)), axis=0)
    assert unit_changes("BTC", slow, stream("perp")) == []


@pytest.mark.parametrize("factor", [1000.0, 8.0])
def test_open_interest_in_another_unit(factor):
    times = pd.date_range(START, periods=N, freq="h").as_unit("ns")
    coins = (1000 + 50 * np.sin(np.arange(N))) * np.where(np.arange(N) >= K, factor, 1.0)
    table = pd.DataFrame({"time": times, "open_interest": coins, "available": times})
    assert errors(open_interest=table) == [("unit-change", "open_interest", 1, "2024-02-15 07:00")]


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_funding_from_fractions_to_percent(factor):
    table = funding(1e-5)
    table.loc[135:, "rate"] *= factor
    assert errors(funding=table) == [("unit-change", "funding", 1, "2024-02-15 00:00")]


def test_funding_per_hour_called_per_eight_hours_is_found_by_its_default_rate():
    table = funding().assign(rate=1e-4)
    table.loc[135:, "rate"] /= 8
    assert errors(funding=table) == [("unit-change", "funding", 1, "2024-02-15 00:00")]


def test_ten_days_of_extreme_funding_are_no_change_of_unit():
    table = funding()
    table.loc[135:165, "rate"] *= -100
    assert errors(funding=table) == []


def test_netflow_in_dollars():
    times = pd.date_range(START - 200 * 24 * HOUR, periods=290, freq="D").as_unit("ns")
    flow = 500 * np.sin(np.arange(290) * 2.0) + 30
    reserve = 2e6 + flow.cumsum()
    flow[200:] *= 60_000
    columns = {"netflow_coins": flow, "reserve_coins": reserve, "available": times + 48 * HOUR}
    assert errors(netflow=pd.DataFrame({"time": times, **columns})) == [
        ("unit-change", "netflow", 1, "2024-01-01 00:00")
    ]


def test_prices_that_creep_apart_are_found_and_a_short_dislocation_is_not():
    creeping, torn = bars(), bars()
    prices = ["open", "high", "low", "close"]
    creeping[prices] = creeping[prices].mul(1 + 0.10 * np.arange(N) / N, axis=0)
    ((code, pair, count, where),) = errors(spot=creeping)
    assert (code, pair) == ("prices-drift", "perp/spot")
    # 2 % of 10 % after a fifth of 90 days, on day 18; all bars from there on
    assert (where, count) == ("2024-01-19 00:00", 24 * 72)
    torn.loc[K : K + 24 * 5, prices] *= 0.8
    assert errors(spot=torn) == []
    assert [f.code for f in audit(dataset(spot=torn)).of("warning")] == ["prices-apart"]


def test_prices_of_another_thing_need_one_day():
    table = bars()
    table.loc[K : K + 47, ["open", "high", "low", "close"]] *= 1.7
    assert [e[:2] for e in errors(mark=table.drop(columns="volume"))] == [
        ("prices-drift", "perp/mark")
    ]


@pytest.mark.parametrize(("hours", "found"), [(23, []), (25, [("stale-bars", "spot", 25)])])
def test_bars_that_stand_still_for_a_day_are_stale(hours, found):
    table = bars()
    rows = slice(K, K + hours - 1)
    table.loc[rows, ["open", "high", "low", "close"]] = 100.0
    table.loc[rows, "volume"] = 0.0
    assert [e[:3] for e in errors(spot=table)] == found


def test_bars_that_trade_at_one_price_are_not_stale():
    table = bars()
    table.loc[K : K + 40, ["open", "high", "low", "close"]] = 100.0
    assert drift.stopped("BTC", table, stream("spot"), HOUR) == []


def test_bars_before_the_range_asked_for_do_not_count():
    table = bars()
    table.loc[:K, "volume"] *= 1000
    data = dataset(spot=table)
    later = data.markets["BTC"].between(START + (K + 24) * HOUR, START + N * HOUR)
    assert audit(dataclasses.replace(data, markets={"BTC": later})).of("error") == ()


def planted() -> Dataset:
    table = bars()
    table.loc[K:, "volume"] *= 1000
    table.loc[100:140, ["open", "high", "low", "close"]] = 100.0
    table.loc[100:140, "volume"] = 0.0
    return dataset(spot=table)


def test_the_refusal_names_every_finding_with_coin_stream_time_count_and_option():
    with pytest.raises(DataError) as caught:
        pass_gate(audit(planted()), ALL)
    text = str(caught.value)
    for part in (
        "demo: data audit failed: 2 findings in 1 coin",
        "- BTC spot, stale-bars: one price",
        "(41 records, the first at 2024-01-05 04:00)",
        "- BTC spot, unit-change: volume",
        "(1 records, the first at 2024-02-15 07:00)",
        "--accept stale-bars,unit-change",
    ):
        assert part in text


def test_only_what_is_used_counts():
    found = audit(planted())
    assert pass_gate(found, {"BTC": ("perp", "funding")}) == Passed({}, ())
    assert pass_gate(found, {"ETH": ("spot",)}) == Passed({}, ())
    assert len(stopping(found, ALL)) == 2


def test_a_pair_counts_if_both_are_used():
    apart = bars()
    apart[["open", "high", "low", "close"]] *= 1.05
    found = audit(dataset(spot=apart))
    assert pass_gate(found, {"BTC": ("perp", "funding")}) == Passed({}, ())
    with pytest.raises(DataError, match="prices-drift"):
        pass_gate(found, {"BTC": ("perp", "spot")})


def test_what_is_accepted_passes_and_is_told():
    found = audit(planted())
    with pytest.raises(DataError, match=r"--accept unit-change$"):
        pass_gate(found, ALL, accepted(["stale-bars"]))
    with pytest.raises(DataError, match=r"--accept stale-bars,unit-change$"):
        pass_gate(found, ALL, accepted(["ETH:stale-bars", "ETH:unit-change"]))
    notes = pass_gate(found, ALL, accepted(["BTC:stale-bars", "unit-change"])).notes
    assert [note.figures["finding"] for note in notes] == ["stale-bars", "unit-change"]
    stale = {"finding": "stale-bars", "records": 41, "first": "2024-01-05 04:00"}
    assert notes[0] == Note("accepted-finding", {"coin": "BTC", "stream": "spot"}, stale)


def with_a_good_coin(data: Dataset) -> Dataset:
    good = Market("ETH", bar=HOUR, tables={"perp": bars(), "funding": funding()})
    return dataclasses.replace(data, markets={**data.markets, "ETH": good})


def test_a_bad_coin_is_left_out_and_the_others_go_on():
    workspace, data = find_workspace(ROOT), with_a_good_coin(planted())
    strategy = workspace.strategy("fade_doors")
    bets = [(strategy, workspace.detector(strategy))]
    kept, notes = trusted(data, bets, DataRequest())
    assert (kept.symbols, kept.fingerprint) == (("ETH",), data.fingerprint)
    assert [f.code for f in kept.left_out["BTC"]] == ["stale-bars", "unit-change"]
    assert {(n.code, n.about["coin"], n.figures["finding"]) for n in notes} == {
        ("coin-left-out", "BTC", "stale-bars"),
        ("coin-left-out", "BTC", "unit-change"),
    }
    # the audit of the coins that are kept, not made anew
    assert audit(kept).findings == tuple(f for f in audit(data).findings if f.symbol != "BTC")
    whole, notes = trusted(data, bets, DataRequest(accept=("stale-bars", "BTC:unit-change")))
    assert whole is data
    assert {n.code for n in notes} == {"accepted-finding"}
    with pytest.raises(DataError, match="2 findings in 1 coin"):
        trusted(data, bets, DataRequest(strict=True))
    with pytest.raises(DataError, match="2 findings in 1 coin"):
        trusted(data.select("BTC"), bets, DataRequest())


def test_a_strategy_for_coins_that_are_left_out_is_traded_on_the_others():
    workspace, data = find_workspace(ROOT), with_a_good_coin(planted())
    strategy = workspace.strategy("fade_doors")
    bet = (strategy, workspace.detector(strategy))
    kept, _ = trusted(data, [bet], DataRequest())
    both, only = (
        strategy.model_copy(update={"symbols": names}) for names in (("BTC", "ETH"), ("BTC",))
    )
    nothing = detect({"ETH": kept.markets["ETH"]}, bet[1])
    assert traded_coins(kept, both, nothing).symbols == ("ETH",)
    with pytest.raises(DataError, match="no coin of strategy fade_doors can be trusted; got BTC"):
        traded_coins(kept, only, nothing)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stale-bar", "did you mean 'stale-bars'"),
        ("DOGE:stale-bars", "must name a coin"),
        ("BTC:funding-hole", "for all coins or none"),
        ("", "takes codes"),
    ],
)
def test_bad_acceptances_are_refused(text, message):
    with pytest.raises(ParameterError, match=message):
        accepted([text], ["BTC"])


def test_every_error_has_a_documented_rule():
    data = planted()
    assert {f.code for f in audit(data).of("error")} <= set(ERRORS)
    assert all(ERRORS.values())


def test_accepting_holes_is_skipping_them():
    options = RunOptions.of(find_workspace(ROOT), DataRequest(accept=("funding-hole",)))
    assert options.settings.missing_funding == "skip"


@pytest.mark.parametrize(
    ("strict", "asked", "got"),
    [
        (False, None, "skip"),
        (True, None, "error"),
        (True, "skip", "skip"),
        (False, "error", "error"),
    ],
)
def test_only_a_strict_run_stops_at_a_hole_in_funding(strict, asked, got):
    data = DataRequest(strict=strict)
    options = RunOptions.of(find_workspace(ROOT), data, missing_funding=asked)
    assert options.settings.missing_funding == got


def test_a_run_stops_only_at_what_its_strategies_use():
    workspace, data = find_workspace(ROOT), planted()
    bets = {n: workspace.strategy(n) for n in ("fade_crowded_funding", "fade_doors")}
    pairs = {n: (bet, workspace.detector(bet)) for n, bet in bets.items()}
    # mark and spot decide liquidations, so that every bet uses them
    assert streams_used(data, [pairs["fade_crowded_funding"]])["BTC"] == {
        "perp",
        "funding",
        "mark",
        "spot",
    }
    index: Any = bars().drop(columns="volume")
    index.loc[100, "close"] *= 2
    assert errors(index=index) == [("impossible-values", "index", 1, "2024-01-05 04:00")]
    one = [pairs["fade_crowded_funding"]]
    assert trusted(dataset(index=index), one, DataRequest())[1] == []
    for pair in pairs.values():
        with pytest.raises(DataError, match="stale-bars"):
            trusted(data, [pair], DataRequest())
    codes = ("stale-bars", "unit-change", "funding-hole")
    assert len(trusted(data, list(pairs.values()), DataRequest(accept=codes))[1]) == 3


def test_a_run_reads_what_its_signal_declares_and_all_where_it_declares_nothing(monkeypatch):
    """No signal is asked: its own class says what it may read; a subclass has other code."""
    workspace, data = find_workspace(ROOT), dataset(spot=bars(), open_interest=hourly_interest(8))
    strategy = workspace.strategy("fade_crowded_funding")
    signal = workspace.detector(strategy)
    monkeypatch.setattr(type(signal), "detect", None)
    subclass = type("Mine", (type(signal),), {"__module__": type(signal).__module__})
    assert streams_used(data, [(strategy, signal)])["BTC"] == {"perp", "funding", "mark", "spot"}
    assert streams_used(data, [(strategy, subclass())])["BTC"] == {
        "perp",
        "funding",
        "mark",
        "spot",
        "open_interest",
    }


@pytest.mark.parametrize("name", ["lab", "lab_5min"])
def test_stock_lab_data_sets_have_no_errors(name, tmp_path):
    data = open_dataset(load_spec(ROOT / f"datasets/{name}.toml"), name, tmp_path)
    assert audit(data).of("error") == ()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["binance_history", "binance_history_8h"])
def test_real_data_passes_with_its_dislocations(name, shared_data, tmp_path):
    spec = load_spec(ROOT / f"datasets/{name}.toml")
    import_files(spec, name, shared_data, tmp_path)
    found = audit(open_dataset(spec, name, tmp_path))
    assert found.of("error") == ()
    apart = [f for f in found.of("warning") if f.code == "prices-apart"]
    assert [(f.symbol, f.where[:7]) for f in apart] == [("SOL", "2022-11")]


def hourly_interest(hours: int) -> pd.DataFrame:
    """Open interest every so many hours."""
    times = pd.date_range(START, periods=N // hours, freq=f"{hours}h").as_unit("ns")
    return pd.DataFrame({"time": times, "open_interest": 1000.0, "available": times})


def test_how_much_of_the_time_needed_streams_were_known_is_told():
    market = find_workspace(ROOT)
    strategy = market.strategy("fade_fuel")
    bets = [(strategy, market.detector(strategy))]
    tables = {"perp": bars(), "funding": funding()}
    coins = {
        coin: Market(coin, bar=HOUR, tables={**tables, "open_interest": hourly_interest(hours)})
        for coin, hours in (("BTC", 1), ("ETH", 12), ("SOL", 24))
    }
    rows = {
        k.stream: k
        for k in known_shares(
            Dataset("d", "D", HOUR, simulated=False, fingerprint="", markets=coins), bets
        )
    }
    assert list(rows) == ["perp", "funding", "open_interest"]
    interest = rows["open_interest"]
    assert (interest.coin, interest.short) == ("SOL", ("SOL",))
    assert round(interest.least, 2) == 0.42  # 10 of 24 hours
    assert round(interest.share, 2) == 0.75  # and 10 of 12, and all
    notes = known_notes(
        Dataset("d", "D", HOUR, simulated=False, fingerprint="", markets=coins), bets
    )
    assert [note.about["stream"] for note in notes] == list(rows)
    assert (notes[0].figures["share"], notes[2].figures["short"]) == (1.0, ("SOL",))
