"""The sell-off watch on markets made by hand: six factors, of which some are seen."""

import numpy as np
import pandas as pd
import pytest

from fadefollow.market import Market
from fadefollow.phases.features import held_within
from fadefollow.workspace import find_workspace

Stress = find_workspace().signal("stress")

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
#: as in the account: from 11 to 18 April, after a hundred quiet days
START, CHAIN = pd.Timestamp("2021-01-01", tz="UTC"), pd.Timestamp("2021-04-11", tz="UTC")
DAYS = 112
SIX = ["netflow", "listing", "carry_attack", "gamma", "hash_rate", "bad_news"]


def stamped(time, lag=0 * HOUR, **columns):
    time = pd.DatetimeIndex(time).as_unit("ns")
    return pd.DataFrame({"time": time, **columns, "available": time + lag})


def bars(close):
    time = pd.date_range(START, periods=len(close), freq=HOUR)
    opens = np.append(close[0], close[:-1])
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    return stamped(time, HOUR, open=opens, high=high, low=low, close=close, volume=1.0)


def hour(time):
    return int((pd.Timestamp(time, tz="UTC") - START) / HOUR)


def price(*, listing_fall=0.0):
    close = 60_000 * np.exp(0.002 * (np.arange(24 * DAYS) % 2))
    close[hour("2021-04-14 18:00") :] *= 1 - listing_fall
    return close


def funding(*, crowded="2021-04-14"):
    time = pd.date_range(START, periods=3 * DAYS, freq=8 * HOUR)
    rate = np.where(np.arange(len(time)) % 2, 0.8e-4, 1e-4)
    if crowded:
        rate[time >= pd.Timestamp(crowded, tz="UTC")] = 5e-4
    return stamped(time, rate=rate, interval_hours=8.0)


def netflow(*flows, first="2021-04-11"):
    """Small flows out and in, then these from that day on; known twelve hours after the day."""
    day = pd.date_range(START, periods=DAYS - 1, freq=DAY)
    flow = np.where(np.arange(len(day)) % 2, 300.0, -300.0)
    at = day.get_loc(pd.Timestamp(first, tz="UTC"))
    flow[at : at + len(flows)] = flows
    reserve = 2.34e6 + np.cumsum(flow)
    return stamped(day, DAY + 12 * HOUR, netflow_coins=flow, reserve_coins=reserve)


def hash_rate(*, fall_from=None):
    day = pd.date_range(START, periods=DAYS - 1, freq=DAY)
    rate = 165 + 5.0 * (np.arange(len(day)) % 2)
    if fall_from:
        rate[day >= pd.Timestamp(fall_from, tz="UTC")] = 120.0
    return stamped(day, DAY, hash_rate=rate)


def options(*, short_from=None):
    """Calls at the money every day, and ten times as many puts from a day on."""
    rows = []
    for day in pd.date_range(START, periods=DAYS, freq=DAY):
        short = short_from is not None and day >= pd.Timestamp(short_from, tz="UTC")
        rows.append((day, day + 30 * DAY, 60_000.0, "call", 100.0))
        rows.append((day, day + 30 * DAY, 60_000.0, "put", 1000.0 if short else 0.0))
    time, expiries, strike, right, held = zip(*rows, strict=True)
    expiry = pd.DatetimeIndex(expiries).as_unit("ns")
    return stamped(time, expiry=expiry, strike=strike, right=right, open_interest=held, iv=0.8)


def news(**kinds):
    time = [pd.Timestamp(t, tz="UTC") for t in kinds.values()]
    table = stamped(time, kind=list(kinds), text="…")
    return table.sort_values("time", ignore_index=True)


def market(*, close=None, **tables):
    close = price() if close is None else close
    base = {"perp": bars(close), "funding": funding()}
    return Market("BTC", bar=HOUR, tables=base | tables)


def the_chain():
    """All of April 2021 but the attack on the dated contract, which needs a futures curve."""
    close = price(listing_fall=0.03)
    return market(
        close=close,
        spot=bars(close),
        netflow=netflow(3600.0, 3770.0, 1310.0, 1720.0),
        options=options(short_from="2021-04-16"),
        hash_rate=hash_rate(fall_from="2021-04-15"),
        news=news(opening="2021-01-02", listing="2021-04-14 13:30", hack="2021-04-17 20:00"),
    )


def test_the_chain_of_april_2021_is_seen_link_by_link():
    found = Stress().features(the_chain())
    first = {name: int(np.argmax(found[name] == 1.0)) for name in SIX}
    assert first == {
        # the fourth day, 14 April, is published at noon of the 15th
        "netflow": hour("2021-04-15 11:00"),
        "listing": hour("2021-04-14 18:00"),
        "carry_attack": 0,
        # the snapshot of midnight is known at the close of the bar before
        "gamma": hour("2021-04-15 23:00"),
        # the day of 15 April is published at its end
        "hash_rate": hour("2021-04-15 23:00"),
        "bad_news": hour("2021-04-17 19:00"),
    }
    assert found["seen"][-1] == 5


def test_the_watch_begins_with_enough_factors_and_names_what_it_saw():
    table = Stress().detect(the_chain()).table
    event = table.iloc[0]
    assert event["time"] == pd.Timestamp("2021-04-15 23:00", tz="UTC")
    assert (event["phase"], event["lean"], event["actor"]) == ("selloff_watch", 1, "crowd")
    assert event["seen"] == "netflow, listing, gamma, hash_rate"
    assert event["not_seen"] == "bad_news"
    assert event["unobservable"] == "carry_attack"
    assert (event["factors_seen"], event["strength"]) == (4, 4.0)
    assert event["rate_bps_per_8h"] == pytest.approx(5.0)
    assert len(table) == 1


@pytest.mark.parametrize(("factors", "events"), [(1, 1), (2, 1), (3, 0)])
def test_at_least_k_factors_must_hold(factors, events):
    two = market(
        netflow=netflow(3600.0, 3770.0, 1310.0, 1720.0),
        hash_rate=hash_rate(fall_from="2021-04-15"),
        options=options(),
    )
    table = Stress(factors=factors).detect(two).table
    assert len(table) == events


def test_factors_count_for_the_window_only():
    fell = np.arange(24 * DAYS) > hour("2021-04-18 06:00")
    close = price() * np.where(fell, 0.9, 1.0)
    times = news(hack="2021-04-14", listing="2021-04-18")
    apart = market(close=close, spot=bars(close), news=times)
    assert len(Stress(factors=2, window_hours=168).detect(apart)) == 1
    assert len(Stress(factors=2, window_hours=72).detect(apart)) == 0


def test_the_same_factors_strike_nobody_when_longs_are_not_crowded():
    chain = the_chain()
    tables = {name: chain.table(name) for name in chain.streams}
    calm = Market("BTC", bar=HOUR, tables=tables | {"funding": funding(crowded=None)})
    assert len(Stress().detect(calm)) == 0


def test_a_listing_after_which_spot_holds_does_not_count():
    held = market(spot=bars(price()), news=news(listing="2021-04-14 13:30"))
    found = Stress().features(held)
    assert (found["listing"][hour("2021-04-14 13:00") :] == 0.0).all()


def test_one_or_two_small_days_of_hash_rate_are_usual():
    usual = market(hash_rate=hash_rate())
    assert not (Stress().features(usual)["hash_rate"] == 1.0).any()


def test_what_cannot_be_observed_is_neither_seen_nor_not_seen():
    found = Stress(factors=1).detect(market(news=news(hack="2021-04-17"))).table.iloc[0]
    assert found["seen"] == "bad_news"
    assert found["not_seen"] == ""
    assert found["unobservable"] == "netflow, listing, carry_attack, gamma, hash_rate"


def test_netflow_cannot_be_observed_before_its_usual_size_is_known():
    flags = Stress().features(the_chain())["netflow"]
    # ninety days, the day itself and twelve hours
    assert np.isnan(flags[: hour("2021-04-02 11:00")]).all()
    assert (flags[hour("2021-04-02 11:00") : hour("2021-04-15 11:00")] == 0.0).all()


def test_too_few_observable_factors_name_the_streams_that_lack():
    found = Stress().detect(market(netflow=netflow()))
    assert found.missing["BTC", "selloff_watch"] == (
        "news",
        "spot",
        "future",
        "open_interest",
        "options",
        "hash_rate",
    )
    assert Stress(factors=1).detect(market(netflow=netflow())).missing == {}


def test_news_counts_from_its_stamp_on():
    late = market(news=news(hack="2021-04-17 19:30"))
    flags = Stress().features(late)["bad_news"]
    assert np.isnan(flags[: hour("2021-04-17 19:00")]).all()
    assert (flags[hour("2021-04-17 19:00") :] == 1.0).all()


def test_detection_covers_window_and_slowest_factor():
    assert Stress(window_hours=100, listing_hours=168).detection_hours() >= 268


def test_a_condition_is_held_for_the_bars_after_it():
    condition = np.array([0, 1, 0, 0, 0, 1, 1, 0], bool)
    assert held_within(condition, bars=2).astype(int).tolist() == [0, 1, 1, 1, 0, 1, 1, 1]
    assert held_within(condition, bars=0).tolist() == condition.tolist()
