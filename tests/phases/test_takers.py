"""Who led a move, on markets of a few bars where each sum can be done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases.takers import leaders, taker_context, taker_imbalance
from fadefollow.testing import coarser, lab_market
from signals.campaign import Campaign
from signals.doors import Doors

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
NAN = np.nan


def bars(volume: list[float], bought: list[float] | None) -> pd.DataFrame:
    time = START + HOUR * np.arange(len(volume))
    table = pd.DataFrame({"time": time, "open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0})
    table = table.assign(volume=volume)
    if bought is not None:
        table = table.assign(taker_buy_volume=bought)
    return table.assign(available=time + HOUR)


def market(perp: pd.DataFrame, spot: pd.DataFrame) -> Market:
    return Market("COIN", bar=HOUR, tables={"perp": perp, "spot": spot})


def with_takers(whole: Market, *, seed: int) -> Market:
    """The same market, of whose volume takers bought some part."""
    rng = np.random.default_rng(seed)
    tables = {name: whole.table(name) for name in whole.streams}
    for name in ("perp", "spot"):
        part = tables[name]["volume"] * rng.uniform(0.2, 0.8, len(tables[name]))
        tables[name] = tables[name].assign(taker_buy_volume=part)
    return Market(whole.symbol, bar=whole.bar, tables=tables)


def test_the_imbalance_is_what_takers_bought_less_what_they_sold() -> None:
    on = market(bars([10, 10, 20, 0, 0, 0], [10, 5, 5, 0, 0, 0]), bars([10] * 6, None))
    # windows of 3 bars; net 10, 0, −10 of 10, 10, 20; then 0 and −10 of 30; −10 of 20; nothing
    expected = [NAN, NAN, 0 / 40, -10 / 30, -10 / 20, NAN]
    np.testing.assert_allclose(taker_imbalance(on, "perp", 3), expected)
    assert np.isnan(taker_imbalance(on, "spot", 3)).all()


def test_a_bar_that_does_not_know_its_takers_counts_for_nothing() -> None:
    on = market(bars([10, 10, 10, 10], [10, NAN, NAN, 5]), bars([10] * 4, None))
    # of three bars one knows it, which is less than half; of the last three likewise
    assert np.isnan(taker_imbalance(on, "perp", 3)).all()
    # of two bars one is half: 10 of 10, then nothing known, then 0 of 10
    np.testing.assert_allclose(taker_imbalance(on, "perp", 2), [NAN, 1.0, NAN, 0.0])


def test_the_market_whose_takers_pushed_harder_that_way_led() -> None:
    spot = np.array([0.4, 0.1, -0.2, -0.4, -0.1, 0.3, NAN])
    perp = np.array([0.1, 0.4, -0.1, -0.1, -0.4, 0.3, 0.1])
    up = ["spot", "perp", "neither", "neither", "neither", "perp", "unknown"]
    down = ["neither", "neither", "spot", "spot", "perp", "neither", "unknown"]
    assert leaders(spot, perp, 1).tolist() == up
    assert leaders(spot, perp, -1).tolist() == down
    assert leaders(spot, perp, 0).tolist() == ["neither"] * 6 + ["unknown"]


def test_nothing_is_said_where_one_market_does_not_know_its_takers() -> None:
    on = market(bars([10] * 4, [5] * 4), bars([10] * 4, None))
    assert taker_context(on, np.array([3]), 1, 3) == {}
    on = market(bars([10] * 4, [9] * 4), bars([10] * 4, [6] * 4))
    said = taker_context(on, np.array([3]), 1, 3)
    # takers bought 9 of 10 on the perp: (18 − 10) / 10; 6 of 10 on spot: (12 − 10) / 10
    assert said["led_by"].tolist() == ["perp"]
    np.testing.assert_allclose(said["perp_taker_imbalance"], [0.8])
    np.testing.assert_allclose(said["spot_taker_imbalance"], [0.2])


def test_taker_volume_changes_no_event_and_adds_who_led() -> None:
    plain = lab_market()
    told = with_takers(plain, seed=3)
    extra = ["led_by", "spot_taker_imbalance", "perp_taker_imbalance"]
    for signal in (Doors(), Campaign()):
        before, after = signal.detect(plain).table, signal.detect(told).table
        assert list(after.columns) == [*before.columns, *extra]
        pd.testing.assert_frame_equal(after[before.columns], before)
        assert set(after["led_by"]) <= {"spot", "perp", "neither"}
        # the past knows nothing of the future
        at = after["time"].iloc[len(after) // 2]
        cut = signal.detect(told.until(at + told.bar)).table
        pd.testing.assert_frame_equal(cut, after[after["time"] <= at].reset_index(drop=True))
    assert set(Doors().detect(told).table["led_by"]) == {"spot", "perp", "neither"}


def test_a_coarser_market_knows_the_same_takers() -> None:
    on = market(bars([10] * 8, [4] * 8), bars([10] * 8, [6] * 8))
    on = coarser(on, 2)
    assert on.column("perp", "taker_buy_volume").tolist() == [8.0] * 4
    np.testing.assert_allclose(taker_imbalance(on, "perp", 3)[2:], [-0.2, -0.2])
