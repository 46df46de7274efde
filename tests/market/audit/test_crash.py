"""A crash is told from a change of unit by the coin's other prices, its volume and its bars."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.audit.audit import audit
from fadefollow.market.audit.units import unit_changes
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.market.panel import Market
from fadefollow.market.streams import stream
from tests.support.paths import ROOT

BAR = pd.Timedelta(hours=4)
N, K = 6 * 60, 6 * 30 + 3  #: sixty days of bars; the shift is on the thirty-first, at noon
PRICES = ["open", "high", "low", "close"]
WHEN = "2025-05-31 12:00"


def bars(*, volume: bool = True) -> pd.DataFrame:
    """Calm bars about 1 % wide around 2 dollars, 300,000 coins each."""
    step = np.arange(N)
    close = 2.0 * np.exp(0.004 * np.sin(step * 1.3))
    open_ = np.append(close[0], close[:-1])
    times = pd.date_range("2025-05-01", periods=N, freq=BAR, tz="UTC").as_unit("ns")
    frame = pd.DataFrame({"time": times, "open": open_})
    frame["high"] = np.maximum(open_, close) * 1.003
    frame["low"] = np.minimum(open_, close) * 0.997
    frame["close"] = close
    if volume:
        frame["volume"] = 3e5 * (1.2 + np.sin(step * 0.7))
    return frame.assign(available=times + BAR)


def fallen(*, volume: bool = True, factor: float = 0.15) -> pd.DataFrame:
    """As ZKJ on 2025-06-15: through all prices within a bar, a thousandfold volume, wide after."""
    table = bars(volume=volume)
    table.loc[K:, PRICES] *= factor
    table.loc[K, "open"] = table["close"][K - 1]
    table.loc[K, "high"] = max(table["open"][K], table["high"][K])
    table.loc[K, "low"] = min(table["open"][K], table["low"][K])
    table.loc[K + 1 :, "high"] *= 1.06
    table.loc[K + 1 :, "low"] *= 0.94
    if volume:
        table.loc[K:, "volume"] *= 1000
    return table


def scaled(factor: float, *, coins: float = 1.0, volume: bool = True) -> pd.DataFrame:
    """The price, and the volume in coins, in another unit from the shift on."""
    table = bars(volume=volume)
    table.loc[K:, PRICES] *= factor
    if volume:
        table.loc[K:, "volume"] *= coins
    return table


def errors(**tables: pd.DataFrame) -> list[tuple[str, str, str]]:
    market = Market("ZKJ", bar=BAR, tables=tables)
    data = Dataset("demo", "Demo", BAR, simulated=False, fingerprint="", markets={"ZKJ": market})
    found = audit(data).of("error")
    return [(f.stream, f.code, f.where) for f in found if f.code in ("unit-change", "gap-jump")]


def test_a_crash_on_all_series_is_no_change_of_unit() -> None:
    mark, spot = fallen(volume=False), fallen(volume=False)
    assert errors(perp=fallen()) == []
    assert errors(perp=fallen(), mark=mark, spot=spot) == []
    assert errors(perp=fallen(factor=8.0)) == []  # nor a coin that soars


def test_another_price_that_opens_below_goes_with_the_one_that_lived_it() -> None:
    """Spot made of hourly closes opens its bar after the fall; only the perp saw it."""
    spot = fallen(volume=False)
    spot.loc[K, "open"] = spot.loc[K, "high"] = spot["close"][K]
    assert errors(perp=fallen(), spot=spot) == []


def test_a_fall_that_the_other_prices_do_not_share_is_an_error() -> None:
    assert errors(perp=fallen(), spot=bars(volume=False)) == [("perp", "unit-change", WHEN)]


@pytest.mark.parametrize("factor", [10.0, 0.1, 1000.0, 0.001])
@pytest.mark.parametrize("redenominated", [False, True])
def test_a_planted_unit_is_found_in_one_series_and_in_all(
    factor: float, *, redenominated: bool
) -> None:
    coins = 1 / factor if redenominated else 1.0
    perp, others = scaled(factor, coins=coins), scaled(factor, volume=False)
    assert ("perp", "unit-change", WHEN) in errors(perp=perp)
    assert {e[0] for e in errors(perp=perp, mark=others, spot=others)} == {"mark", "perp", "spot"}
    assert errors(perp=bars(), spot=others) == [("spot", "unit-change", WHEN)]


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_unit_that_changes_within_a_bar_is_found(factor: float) -> None:
    """Bars made of smaller ones hold both units: opened on the old level, closed on the new one."""
    perp = scaled(factor, coins=1 / factor)
    perp.loc[K, "open"] = perp["close"][K - 1]
    perp.loc[K, "high"] = max(perp["open"][K], perp["high"][K])
    perp.loc[K, "low"] = min(perp["open"][K], perp["low"][K])
    assert errors(perp=perp) == [("perp", "unit-change", WHEN)]


def test_no_market_falls_to_a_thousandth_within_a_bar() -> None:
    assert errors(perp=fallen(factor=0.001)) == [("perp", "unit-change", WHEN)]


def test_first_bars_that_jump_by_a_multiple_are_no_change_of_unit() -> None:
    """As SENT's: opened at a placeholder price, seven times as high a bar later."""
    table = bars()
    for name, price in zip(PRICES, (0.28, 2.1, 0.28, 2.0), strict=True):
        table[name] = np.where(table.index == 0, price, table[name])
    table["volume"] *= np.where(table.index == 0, 50, 1)
    assert errors(perp=table) == []


def test_a_market_that_wakes_up_keeps_its_volume_s_unit() -> None:
    """As MON's perp before its coin was launched: volume climbs over days as the bars widen."""
    table = bars()
    climb = np.clip((np.arange(N) - K) / 30, 0, 1)  # over five days
    table["volume"] *= np.exp(np.log(200) * climb)
    middle = (table["high"] + table["low"]) / 2
    for name in ("high", "low"):
        table[name] = middle + (table[name] - middle) * (1 + 3 * climb)
    assert unit_changes("MON", table, stream("perp")) == []
    at_once = bars()
    at_once.loc[K:, "volume"] *= 200
    assert [f.where for f in unit_changes("MON", at_once, stream("perp"))] == [WHEN]


def test_spot_from_before_the_perp_was_listed_does_not_count() -> None:
    """As SUN's spot, redenominated over a halt three years before there was a perp."""
    spot = scaled(0.001, volume=False).drop(index=[K - 2, K - 1])
    assert {e[1] for e in errors(perp=bars(), spot=spot)} & {"unit-change", "gap-jump"}
    assert errors(perp=bars()[K + 6 :], spot=spot) == []


@pytest.mark.shared
def test_real_crashes_and_first_bars_pass(shared_data, tmp_path) -> None:
    spec = load_spec(ROOT / "datasets/universe_4h.toml")
    names = ("ZKJ", "MON", "SUN")
    files = tuple(
        item.model_copy(
            update={"path": item.path.replace("{coin}", coin), "coin": coin, "skip": ()}
        )
        for item in spec.files
        for coin in names
        if (shared_data / item.path.replace("{coin}", coin)).exists()
    )
    import_files(spec.model_copy(update={"files": files}), "few", shared_data, tmp_path)
    data = open_dataset(spec, "few", tmp_path, DataRequest())
    assert data.symbols == ("MON", "SUN", "ZKJ")
    assert audit(data).of("error") == ()
    # ZKJ did fall to a fifth of its price within the bar of 2025-06-15 12:00
    closes = data.markets["ZKJ"].table("perp").set_index("time")["close"]
    fell = closes["2025-06-15 08:00":"2025-06-15 12:00"]
    assert [round(b / a, 2) for a, b in pairwise(fell)] == [0.21]
