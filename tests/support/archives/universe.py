"""A small archive of many coins: alive, dead, young, without spot, in thousands, damaged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.support.archives.packing import Packed, bar_csv, bar_path

#: when the archive is looked at, and the months that it has
NOW = pd.Timestamp("2025-02-03 10:00", tz="UTC")
MONTHS = ("2024-12", "2025-01")
DAYS = ("2025-02-01", "2025-02-02")
#: of the coins with a number: those that died with the year, those listed in February
DEAD, YOUNG = (3, 7), (5,)


def bars(first: str, last: str, seed: int, price: float = 100.0) -> pd.DataFrame:
    """Hourly bars of a random walk, both days in."""
    rng = np.random.default_rng(seed)
    end = pd.Timestamp(last) + pd.Timedelta(days=1)
    times = pd.date_range(first, end, freq="1h", tz="UTC", inclusive="left").as_unit("ns")
    close = price * np.exp(np.cumsum(rng.normal(0, 0.004, len(times))))
    opens = np.concatenate([[price], close[:-1]])
    wick = 1 + np.abs(rng.normal(0, 0.002, len(times)))
    return pd.DataFrame(
        {
            "time": times,
            "open": opens,
            "high": np.maximum(opens, close) * wick,
            "low": np.minimum(opens, close) / wick,
            "close": close,
            "volume": rng.uniform(1e3, 1e4, len(times)),
        }
    )


def settlements(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Every eight hours while there are bars; crowded longs now and then."""
    rng = np.random.default_rng(seed)
    times = table["time"][table["time"].dt.hour % 8 == 0]
    crowded = rng.random(len(times)) < 0.03
    rate = rng.normal(1e-4, 5e-5, len(times)) + 8e-4 * crowded
    return pd.DataFrame({"time": times, "interval_hours": 8.0, "rate": rate})


def archive(coins: int, months: tuple[str, ...] = MONTHS) -> Packed:
    """Coins C00, C01, … with perp, funding and, but for every fifth, spot; and odd ones.

    PEPE's contracts are of a thousand coins, 币安人生 is no coin's name in Latin letters, BUSD and
    dated names are none of the perpetuals in USDT.
    """
    packed = Packed()
    for number in range(coins):
        first, last = f"{months[0]}-01", DAYS[-1]
        days: tuple[str, ...] = DAYS
        if number in DEAD:
            last, days = "2024-12-19", ()
        if number in YOUNG:
            first = "2025-02-01"
        table = bars(first, last, number, 10.0 + number)
        add_coin(packed, f"C{number:02d}", table, days, spot=number % 5 > 0)
    table = bars("2024-12-20", DAYS[-1], 77, 0.02)
    add_coin(packed, "1000PEPE", table, DAYS, spot=False)
    _add(packed, "spot", _scaled(table, 1e-3), "PEPEUSDT", DAYS)
    add_coin(packed, "币安人生", bars("2025-01-10", DAYS[-1], 88, 0.1), DAYS, spot=False)
    for symbol in ("C01BUSD", "C01USDT_241227"):
        packed.bars("perp", bars("2024-12-01", "2024-12-20", 5), "2024-12", symbol=symbol)
    return packed


def add_coin(
    packed: Packed, base: str, table: pd.DataFrame, days: tuple[str, ...], *, spot: bool
) -> None:
    """A coin's perp and funding, and its spot a little lower."""
    _add(packed, "perp", table, f"{base}USDT", days)
    paid = settlements(table, len(table))
    for label in paid["time"].dt.strftime("%Y-%m").unique():
        if f"{label}-01" not in days:  # the present month is not over
            packed.funding(paid, label, symbol=f"{base}USDT")
    if spot:
        _add(packed, "spot", _scaled(table, 0.9995), f"{base}USDT", days)


def _add(
    packed: Packed, stream: str, table: pd.DataFrame, symbol: str, days: tuple[str, ...]
) -> None:
    for label in table["time"].dt.strftime("%Y-%m").unique():
        if f"{label}-01" not in days:
            packed.bars(stream, table, label, symbol=symbol)
    for label in days:
        packed.bars(stream, table, label, symbol=symbol)


def _scaled(table: pd.DataFrame, factor: float) -> pd.DataFrame:
    prices = {name: table[name] * factor for name in ("open", "high", "low", "close")}
    return table.assign(**prices, volume=table["volume"] / factor)


def wrong_checksum(packed: Packed) -> str:
    """C02's December is not what its checksum says."""
    path = bar_path("perp", "2024-12", "C02USDT")
    packed.files[path] = packed.files[path][:-9]
    return "C02USDT"


def microseconds_and_a_header(packed: Packed) -> None:
    """C04's January in another form of the archive."""
    table = bars(f"{MONTHS[0]}-01", DAYS[-1], 4, 14.0)
    mine = table[table["time"].dt.strftime("%Y-%m") == "2025-01"]
    header, *lines = bar_csv(mine, "perp", header=True).splitlines()
    micro = [f"{line[:13]}000{line[13:]}" for line in lines]
    packed.add(bar_path("perp", "2025-01", "C04USDT"), "\n".join([header, *micro]) + "\n")
