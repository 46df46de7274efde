"""The lab's tables, labels and settings."""

from __future__ import annotations

import tomllib

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import ParameterError, UnknownNameError
from fadefollow.market import STREAMS
from fadefollow.market.lab import Lab, simulate
from fadefollow.market.lab.contracts import quarterly_expiries
from fadefollow.market.lab.kernel import PREMIUM, funding_rate
from fadefollow.market.lab.phases import PHASES
from fadefollow.market.schema import canonical
from tests.support.paths import ROOT

HOUR = pd.Timedelta(hours=1)
SMALL = {"seed": 5, "years": 0.5, "coins": ["LARK", "WREN"]}


@pytest.fixture(scope="module")
def small() -> Lab:
    return simulate(SMALL, bar=HOUR)


#: streams that only exchanges have
ONLY_EXCHANGES = {"index", "long_short", "contract", "funding_terms", "brackets"}


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.mark.parametrize("bar", ["5min", "15min", "1h", "4h", "8h", "24h"])
def test_every_table_is_canonical(bar: str) -> None:
    size = pd.Timedelta(bar)
    lab = simulate(SMALL | {"years": 0.3, "quiet_days": 5}, bar=size)
    for coin, tables in lab.tables.items():
        assert set(tables) == set(STREAMS) - ONLY_EXCHANGES
        for name, table in tables.items():
            lag = pd.Timedelta(hours=12) if name == "netflow" else None
            checked = canonical(
                table.drop(columns="available"), name, bar=size, where=coin, lag=lag
            )
            pd.testing.assert_frame_equal(checked, table)


def test_bars_are_whole_and_open_at_the_last_close(small: Lab) -> None:
    for tables in small.tables.values():
        for name in ("spot", "perp", "mark"):
            table = tables[name]
            assert list(table["time"]) == list(
                pd.date_range("2021-01-01", periods=183 * 24, freq="h", tz="UTC")
            )
            np.testing.assert_array_equal(table["open"][1:], table["close"][:-1])
            assert (table["high"] >= table[["open", "close"]].max(axis=1)).all()
            assert (table["low"] <= table[["open", "close"]].min(axis=1)).all()


def test_funding_settles_every_eight_hours_from_the_mean_premium_index() -> None:
    lab = simulate(SMALL, bar=pd.Timedelta("15min"))
    tables = lab.tables["LARK"]
    funding = tables["funding"]
    assert list(funding["time"][:2]) == [utc("2021-01-01 08:00"), utc("2021-01-01 16:00")]
    assert set(funding["interval_hours"]) == {8.0}
    mean = tables["premium_index"]["close"].to_numpy().reshape(-1, 32).mean(axis=1)
    expected = mean + np.clip(1e-4 - mean, -5e-4, 5e-4)
    np.testing.assert_allclose(funding["rate"], expected, atol=1e-15)


@pytest.mark.parametrize(
    ("average_bps", "rate_bps"),
    [(0.0, 1.0), (6.0, 1.0), (-4.0, 1.0), (16.0, 11.0), (-14.0, -9.0), (900.0, 75.0)],
)
def test_funding_formula(average_bps: float, rate_bps: float) -> None:
    assert funding_rate(average_bps / 1e4, PREMIUM) == pytest.approx(rate_bps / 1e4)


def test_premium_index_is_perp_against_spot(small: Lab) -> None:
    tables = small.tables["WREN"]
    ratio = tables["perp"]["close"] / tables["spot"]["close"] - 1.0
    np.testing.assert_allclose(tables["premium_index"]["close"], ratio, atol=1e-12)


def test_two_quarterlies_are_listed_and_meet_spot_at_expiry() -> None:
    lab = simulate({"years": 2, "coins": 1}, bar=HOUR)
    future, spot = (lab.tables["C01"][s].set_index("time") for s in ("future", "spot"))
    assert (future.groupby(level=0).size() == 2).all()
    for expiry, bars in future.groupby("expiry"):
        assert bars.index[-1] <= expiry - HOUR
        if bars.index[-1] == expiry - HOUR:
            assert bars["close"].iloc[-1] == pytest.approx(spot["close"][expiry - HOUR], rel=1e-9)
    assert future["expiry"].nunique() == 10  # eight expire, two are left


def test_expiries_are_last_fridays_at_eight() -> None:
    found = quarterly_expiries(utc("2021-01-01"), utc("2021-07-01"))
    assert [f"{t:%y%m%d %H}" for t in found] == [
        "200925 08",
        "201225 08",
        "210326 08",
        "210625 08",
        "210924 08",
        "211231 08",
    ]


def test_reserve_adds_up_and_is_published_late(small: Lab) -> None:
    flows = small.tables["LARK"]["netflow"]
    np.testing.assert_allclose(flows["reserve_coins"].diff()[1:], flows["netflow_coins"][1:])
    assert set(flows["available"] - flows["time"]) == {pd.Timedelta(hours=36)}


def test_longs_are_liquidated_when_price_falls_and_shorts_when_it_rises(small: Lab) -> None:
    tables = small.tables["LARK"]
    liquidations = tables["liquidations"].set_index("time")
    perp = tables["perp"].set_index("time")
    fall = 1.0 - perp["low"].resample("D").min() / perp["open"].resample("D").first()
    rise = perp["high"].resample("D").max() / perp["open"].resample("D").first() - 1.0
    assert liquidations["long_coins"].corr(fall, method="spearman") > 0.5
    assert liquidations["short_coins"].corr(rise, method="spearman") > 0.5


def test_crowds_strain_premium_funding_and_open_interest() -> None:
    lab = simulate({"seed": 2, "years": 2, "coins": 2, "families": ["crowd"]}, bar=HOUR)
    for phase, lean in (("crowded_long", 1), ("crowded_short", -1)):
        rates, gained = [], []
        for row in lab.truth[lab.truth["phase"] == phase].itertuples():
            tables = lab.tables[row.symbol]
            rates.append(tables["funding"].set_index("time")["rate"][row.start])
            interest = tables["open_interest"].set_index("time")["open_interest"]
            gained.append(interest[row.start] / interest[row.start - 14 * HOUR] - 1.0)
        assert len(rates) > 30
        assert np.median(rates) * lean > 5e-4
        assert np.median(gained) > 0.05


def test_truth_lies_within_the_span(small: Lab) -> None:
    truth = small.truth
    assert list(truth.columns) == [
        "symbol",
        "phase",
        "start",
        "end",
        "planted_bps",
        "horizon_hours",
    ]
    assert str(truth["start"].dtype) == str(truth["end"].dtype) == "datetime64[ns, UTC]"
    assert set(truth["phase"]) <= set(PHASES)
    assert truth["phase"].nunique() > 18
    assert set(truth["symbol"]) == {"LARK", "WREN"}
    assert (truth["start"] >= utc("2021-01-31")).all()
    assert (truth["end"] > truth["start"]).all()
    over = truth["start"] + pd.to_timedelta(truth["horizon_hours"], unit="h")
    assert pd.concat([truth["end"], over]).max() <= utc("2021-07-03")
    crowds = truth["phase"].str.startswith("crowded")
    assert (truth.loc[crowds, "start"].dt.hour % 8 == 0).all()


def test_crowds_of_a_coin_do_not_overlap() -> None:
    plants = {p: {"per_year": 12} for p in ("crowded_long", "crowded_short")}
    settings = {"years": 3, "coins": 2, "families": ["crowd"], "plants": plants}
    truth = simulate(settings, bar=pd.Timedelta("8h")).truth
    for _, every in truth.groupby("symbol"):
        own = every[every["phase"].str.startswith("crowded")]
        assert (own["start"].diff().dropna() >= pd.Timedelta(hours=72)).all()
        assert len(own) in range(68, 74)  # 24 a year, without the quiet days


def test_families_can_be_left_out_and_phases_switched_off() -> None:
    common = {"seed": 3, "years": 2, "coins": 1}
    assert simulate(common | {"families": []}, bar=HOUR).truth.empty
    only = simulate(common | {"families": ["netflow"]}, bar=HOUR).truth
    assert set(only["phase"]) == {"inflow_streak", "outflow_streak"}
    off = {"families": ["netflow"], "plants": {"inflow_streak": {"per_year": 0}}}
    assert set(simulate(common | off, bar=HOUR).truth["phase"]) == {"outflow_streak"}


def test_a_phase_that_is_planted_keeps_its_default_rate() -> None:
    common = {"seed": 3, "years": 3, "coins": 1, "families": ["netflow"]}
    plants = {"inflow_streak": {"drift_bps": 50}}
    plain, planted = (simulate(common | p, bar=HOUR).truth for p in ({}, {"plants": plants}))
    changed = planted[planted["phase"] == "inflow_streak"]
    assert (changed["planted_bps"] == 50.0).all()
    same = ["symbol", "phase", "start", "end", "horizon_hours"]
    pd.testing.assert_frame_equal(plain[same], planted[same])


def test_same_seed_same_market_and_another_seed_another(small: Lab) -> None:
    again, other = (simulate(SMALL | s, bar=HOUR) for s in ({}, {"seed": 6}))
    for coin, tables in small.tables.items():
        for name, table in tables.items():
            pd.testing.assert_frame_equal(table, again.tables[coin][name])
        assert not np.allclose(tables["perp"]["close"], other.tables[coin]["perp"]["close"])
    pd.testing.assert_frame_equal(small.truth, again.truth)


@pytest.mark.parametrize("named", [("perp", "future"), ("news",), ()])
def test_the_streams_named_are_as_among_all_of_them(named: tuple[str, ...]) -> None:
    settings, bar = {"seed": 2, "years": 0.5, "coins": 1}, pd.Timedelta(hours=1)
    every, some = simulate(settings, bar=bar), simulate(settings, bar=bar, streams=named)
    assert set(some.tables["C01"]) == set(named)
    for name, table in some.tables["C01"].items():
        pd.testing.assert_frame_equal(table, every.tables["C01"][name], check_exact=True)
    pd.testing.assert_frame_equal(some.truth, every.truth)


def test_a_coin_does_not_depend_on_the_other_coins(small: Lab) -> None:
    alone = simulate(SMALL | {"coins": ["WREN"]}, bar=HOUR)
    pd.testing.assert_frame_equal(alone.tables["WREN"]["perp"], small.tables["WREN"]["perp"])


def test_bars_of_every_size_show_the_same_market(small: Lab) -> None:
    eight = simulate(SMALL, bar=pd.Timedelta("8h")).tables["LARK"]
    hourly = small.tables["LARK"]
    per = {"time": "first", "open": "first", "high": "max", "low": "min", "close": "last"}
    perp = hourly["perp"].groupby(hourly["perp"].index // 8).agg(per)
    pd.testing.assert_frame_equal(perp, eight["perp"][list(per)])
    pd.testing.assert_frame_equal(hourly["funding"], eight["funding"])
    pd.testing.assert_frame_equal(hourly["netflow"], eight["netflow"])


def test_coins_share_a_market_factor() -> None:
    lab = simulate({"years": 2, "coins": 3, "correlation": 0.6}, bar=HOUR)
    closes = pd.DataFrame({c: t["perp"]["close"] for c, t in lab.tables.items()})
    growth = pd.DataFrame(np.log(closes)).diff()
    correlation = growth.corr().to_numpy()
    assert (np.abs(correlation[np.triu_indices(3, 1)] - 0.6) < 0.1).all()


@pytest.mark.parametrize("name", ["lab", "lab_null"])
def test_stock_data_sets_simulate(name: str) -> None:
    table = tomllib.loads((ROOT / "datasets" / f"{name}.toml").read_text())
    assert table.keys() == {"title", "source", "bar", "lab"}
    assert (table["source"], table["bar"]) == ("lab", "1h")
    lab = simulate(table["lab"], bar=HOUR)
    planted = {
        "lab": {
            "crowded_short": -300,
            "short_door": -200,
            "spot_buying": 200,
            "inflow_streak": 450,
        },
        "lab_null": {},
    }[name]
    worth = lab.truth.groupby("phase")["planted_bps"].agg(["min", "max"])
    assert set(worth.index) == set(PHASES)
    for phase in PHASES:
        assert worth.loc[phase].tolist() == [planted.get(phase, 0)] * 2


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"years": -1}, r"\[lab\]\.years: input should be greater than or equal to 0\.02; got -1"),
        ({"coins": ["../x"]}, r"\[lab\]\.coins"),
        ({"coins": ["A", "A"]}, r"coins must differ"),
        ({"coins": 0}, r"there must be 1 to 1000 coins"),
        ({"annual_drift": float("nan")}, r"\[lab\]\.annual_drift"),
        ({"plants": {"crowded_long": {"horizon_hours": 720}}}, r"must fit into the time there is"),
        ({"plants": {"crowded_long": {"drift_bps": "a"}}}, r"plants\.crowded_long\.drift_bps"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        simulate(settings, bar=HOUR)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"sead": 1}, "did you mean 'seed'"),
        ({"plants": {"crowded_shorts": {}}}, "did you mean 'crowded_short'"),
        ({"plants": {"crowded_long": {"drift": 1}}}, "did you mean 'drift_bps'"),
        ({"families": ["door"]}, "did you mean 'doors'"),
    ],
)
def test_unknown_names_get_the_nearest_one(settings: dict[str, object], hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        simulate(settings, bar=HOUR)


@pytest.mark.parametrize("bar", ["7min", "3h", "2D", "90s"])
def test_bars_that_do_not_meet_settlements_are_refused(bar: str) -> None:
    with pytest.raises(ParameterError, match="must be whole minutes and divide 8 hours"):
        simulate(SMALL, bar=pd.Timedelta(bar))
