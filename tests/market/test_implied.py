"""Implied settlements: the formula, which ones are missing, and that they say what they are."""

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.plans.bar_arrays import bar_arrays
from fadefollow.market import Market
from fadefollow.market.implied import Count, implied_rate, with_implied_funding

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-03-01", tz="UTC")
DAYS = 4
COUNT = 24 * DAYS


def bars(close, size=HOUR):
    time = START + size * np.arange(len(close))
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return pd.DataFrame({"time": time, **prices, "volume": 1.0, "available": time + size})


def settled(*hours, interval=8.0, rate=0.0003):
    time = pd.DatetimeIndex([START + h * HOUR for h in hours]).as_unit("ns")
    columns = {"time": time, "rate": rate, "interval_hours": interval, "available": time}
    return pd.DataFrame(columns)


def market(premium=0.0, **tables):
    """Spot at 100, the perp `premium` above it; one fraction, or one an hour."""
    perp = 100.0 * (1.0 + np.broadcast_to(premium, COUNT))
    return Market(
        "COIN", bar=HOUR, tables={"perp": bars(perp), "spot": bars(np.full(COUNT, 100.0))} | tables
    )


def implied(on):
    """Hours since the start and rates in bps of the implied settlements."""
    table = with_implied_funding(on).table("funding")
    table = table[table["implied"] == 1]
    return dict(zip((table["time"] - START) // HOUR, 1e4 * table["rate"], strict=True))


@pytest.mark.parametrize(
    ("premium_bps", "hours", "bps"),
    [
        (0.0, 8, 1.0),  # the interest rate alone
        (3.0, 8, 1.0),  # within the clamp
        (6.0, 8, 1.0),
        (10.0, 8, 5.0),
        (-10.0, 8, -5.0),
        (-10.0, 4, -2.5),  # in proportion to the interval
        (-400.0, 8, -200.0),  # the cap
    ],
)
def test_the_rate_is_that_of_the_exchanges_formula(premium_bps, hours, bps):
    assert 1e4 * implied_rate(np.array([premium_bps / 1e4]), hours)[0] == pytest.approx(bps)


def test_without_settlements_every_eight_hours_has_one_from_the_bars_that_closed_in_it():
    premium = np.zeros(COUNT)
    premium[8:10] = -0.004  # the mean of 08:00 to 16:00 is −10 bps
    found = implied(market(premium))
    assert list(found) == list(range(8, COUNT + 1, 8))
    assert [found[8], found[16], found[24]] == pytest.approx([1.0, -5.0, 1.0])


def test_the_exchanges_own_premium_goes_before_that_over_spot():
    own = bars(np.full(COUNT, 0.001)).drop(columns=["open", "high", "low", "volume"])
    assert implied(market(-0.002, premium_index=own))[8] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("real", "missing"),
    [
        (settled(*range(8, 97, 8)), []),
        (settled(*range(32, 97, 8)), [8, 16, 24]),  # before the first
        (settled(*range(8, 73, 8)), [80, 88, 96]),  # after the last
        (settled(8, 16, 40, *range(48, 97, 8)), [24, 32]),  # a hole
        (settled(*range(4, 41, 4), *range(56, 97, 4), interval=4.0), [44, 48, 52]),
        # a longer interval from 24:00 on is no hole
        (settled(4, 8, 12, 16, 20, *range(28, 93, 8), interval=[4.0] * 5 + [8.0] * 9), []),
    ],
)
def test_only_settlements_that_are_missing_are_implied(real, missing):
    on = market(funding=real)
    table = with_implied_funding(on).table("funding")
    assert table["time"].is_monotonic_increasing
    added = ~table["time"].isin(real["time"])
    assert ((table["time"][added] - START) // HOUR).tolist() == missing
    assert table["rate"][~added].eq(0.0003).all()
    assert not missing or table["implied"].eq(added).all()


def test_a_settlement_without_a_premium_stays_missing():
    spot = bars(np.full(COUNT, 100.0))
    spot = spot[(spot["time"] < START + 8 * HOUR) | (spot["time"] >= START + 16 * HOUR)]
    assert 16 not in implied(market(spot=spot.reset_index(drop=True)))
    bare = market()
    alone = Market("COIN", bar=HOUR, tables={"perp": bare.table("perp")})
    assert "funding" not in with_implied_funding(alone).streams


def test_an_implied_settlement_is_known_at_its_time_from_bars_that_have_closed():
    rng = np.random.default_rng(5)
    whole = market(rng.normal(0.0, 0.002, COUNT))
    filled = with_implied_funding(whole)
    for hours in (8, 23, 24, 57):
        time = START + hours * HOUR
        cut = with_implied_funding(whole.until(time))
        np.testing.assert_array_equal(
            cut.column("funding", "rate"), filled.column("funding", "rate")[:hours]
        )


def test_the_market_the_arrays_and_the_count_say_what_is_implied():
    filled = with_implied_funding(market(funding=settled(*range(40, 97, 8))))
    assert filled.funding_implied.tolist() == [False] * 7 + [True] * 32 + [False] * 57
    made = bar_arrays(
        filled, time=filled.open_time.astype(np.int64), start=START, end=START + COUNT * HOUR
    )
    assert made.settle_implied.tolist() == [True] * 4 + [False] * 8
    assert Count.of({"COIN": filled, "REAL": market(funding=settled(8))}) == (4, 13, ("COIN",))
    (note,) = Count.of({"COIN": filled}).notes
    assert note.code == "implied-settlements"
    assert (note.figures["implied"], note.figures["settlements"]) == (4, 12)
    real = market(funding=settled(8))
    assert real.funding_implied is None
    assert Count.of({"REAL": real}).notes == ()
