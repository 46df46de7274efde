"""Stylised facts: the lab lies in the same bands as the real data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from fadefollow.market.lab import simulate
from tests.support.paths import SHARED

FloatArray = npt.NDArray[np.float64]
COINS = ("BTC", "ETH", "SOL")

#: fact → band in which the median coin must lie, simulated or real
RETURNS = {
    "kurtosis": (10.0, 60.0),
    "tail_index": (2.9, 3.8),  # Hill, largest 1 % of |r|
    "median_size": (0.34, 0.42),  # of |r| in standard deviations; 0.67 for a normal
    "size_99": (3.4, 4.0),
    "size_999": (6.2, 8.5),
    "cluster_1h": (0.22, 0.36),  # autocorrelation of |r|
    "cluster_24h": (0.10, 0.20),
    "cluster_168h": (0.07, 0.17),
    "return_1h": (-0.03, 0.03),  # autocorrelation of r
    "weekend": (0.65, 0.85),  # mean |r| on Saturdays and Sundays against other days
    "range": (1.8, 2.4),  # mean log(high / low) against mean |r|
}
PREMIUM = {  # spot premium, bps
    "premium_001": (-31.0, -15.0),
    "premium_05": (-15.0, -7.0),
    "premium_50": (1.5, 4.5),
    "premium_75": (3.5, 6.5),
    "premium_95": (5.0, 12.0),
    "premium_99": (7.0, 32.0),
    "premium_1h": (0.80, 0.95),  # autocorrelation
    "premium_24h": (0.35, 0.80),
    "premium_trend": (-0.40, -0.12),  # correlation with the last 72 h's return
}
FUNDING = {  # bps per 8 h
    "funding_mean": (0.4, 1.6),
    "funding_10": (-1.5, 0.5),
    "funding_25": (0.0, 0.95),
    "funding_50": (0.999, 1.001),
    "funding_75": (0.999, 1.3),
    "funding_95": (1.5, 8.0),
    "funding_99": (9.0, 20.0),
    "funding_default": (0.30, 0.70),  # share of settlements at exactly 1 bp
    "funding_negative": (0.06, 0.20),  # share below zero
    "funding_8h": (0.70, 0.90),  # autocorrelation
    "funding_24h": (0.20, 0.75),
}


def autocorrelation(values: FloatArray, lag: int) -> float:
    x = values - values.mean()
    return float((x[lag:] * x[:-lag]).mean() / (x * x).mean())


def return_facts(perp: pd.DataFrame) -> dict[str, float]:
    """Of hourly bars with `close`, `high`, `low`, indexed by open time."""
    moves = np.log(perp["close"]).diff().dropna()
    r = moves.to_numpy()
    size = np.abs(r)
    top = np.sort(size)[::-1][: len(size) // 100 + 1]
    weekend = moves.index.day_of_week >= 5
    return {
        "kurtosis": float(moves.kurt()),
        "tail_index": float(1.0 / np.log(top[:-1] / top[-1]).mean()),
        **{
            name: float(np.quantile(size, q) / r.std())
            for name, q in (("median_size", 0.5), ("size_99", 0.99), ("size_999", 0.999))
        },
        **{f"cluster_{lag}h": autocorrelation(size, lag) for lag in (1, 24, 168)},
        "return_1h": autocorrelation(r, 1),
        "weekend": float(size[weekend].mean() / size[~weekend].mean()),
        "range": float(np.log(perp["high"] / perp["low"]).mean() / size.mean()),
    }


def premium_facts(perp: pd.Series, spot: pd.Series) -> dict[str, float]:
    """Of hourly closes."""
    frame = pd.DataFrame({"premium": 1e4 * (spot / perp - 1.0), "price": perp}).dropna()
    bps = frame["premium"].to_numpy()
    quantiles = {"001": 0.01, "05": 0.05, "50": 0.5, "75": 0.75, "95": 0.95, "99": 0.99}
    trend = np.log(frame["price"]).diff(72)
    return {
        **{f"premium_{name}": float(np.quantile(bps, q)) for name, q in quantiles.items()},
        "premium_1h": autocorrelation(bps, 1),
        "premium_24h": autocorrelation(bps, 24),
        "premium_trend": float(frame["premium"].corr(trend)),
    }


def funding_facts(rate: FloatArray) -> dict[str, float]:
    """Of rates per settlement, fractions."""
    bps = 1e4 * rate
    return {
        "funding_mean": float(bps.mean()),
        **{f"funding_{q}": float(np.quantile(bps, q / 100)) for q in (10, 25, 50, 75, 95, 99)},
        "funding_default": float(np.mean(np.abs(bps - 1.0) < 1e-9)),
        "funding_negative": float(np.mean(bps < 0.0)),
        "funding_8h": autocorrelation(bps, 1),
        "funding_24h": autocorrelation(bps, 3),
    }


def outside(
    coins: list[dict[str, float]], bands: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, tuple[float, float]]]:
    """The facts whose median over coins leaves its band."""
    medians = pd.DataFrame(coins).median()
    return {
        name: (round(float(medians[name]), 3), band)
        for name, band in bands.items()
        if not band[0] <= medians[name] <= band[1]
    }


@pytest.fixture(scope="module")
def simulated() -> list[dict[str, pd.DataFrame]]:
    """Nine coins of three years in three unrelated markets."""
    labs = (
        simulate({"seed": s, "years": 3, "coins": 3}, bar=pd.Timedelta("1h")) for s in (1, 2, 3)
    )
    return [
        {name: table.set_index("time") for name, table in tables.items()}
        for lab in labs
        for tables in lab.tables.values()
    ]


def real(coin: str) -> pd.DataFrame:
    """Hourly bars by open time, UTC."""
    if not SHARED.exists():
        pytest.skip(f"no real market data at {SHARED}")
    (path,) = SHARED.glob(f"binance_1h/binance_{coin}_*.parquet")
    frame = pd.read_parquet(path)
    frame.index = pd.DatetimeIndex(frame.pop("timestamp")).tz_localize("UTC")
    return frame


def test_returns_of_the_lab(simulated: list[dict[str, pd.DataFrame]]) -> None:
    assert outside([return_facts(t["perp"]) for t in simulated], RETURNS) == {}


def test_premium_of_the_lab(simulated: list[dict[str, pd.DataFrame]]) -> None:
    facts = [premium_facts(t["perp"]["close"], t["spot"]["close"]) for t in simulated]
    assert outside(facts, PREMIUM) == {}


def test_funding_of_the_lab(simulated: list[dict[str, pd.DataFrame]]) -> None:
    facts = [funding_facts(t["funding"]["rate"].to_numpy()) for t in simulated]
    assert outside(facts, FUNDING) == {}


@pytest.mark.shared
def test_returns_of_the_real_coins() -> None:
    facts = []
    for coin in COINS:
        frame = real(coin)
        names = {f"{c}_perp_binance": c for c in ("close", "high", "low")}
        facts.append(return_facts(frame[list(names)].rename(columns=names).dropna()))
    assert outside(facts, RETURNS) == {}


@pytest.mark.shared
def test_premium_of_the_real_coins() -> None:
    frames = [real(coin) for coin in COINS]
    facts = [premium_facts(f["close_perp_binance"], f["close_spot_binance"]) for f in frames]
    assert outside(facts, PREMIUM) == {}


@pytest.mark.shared
def test_funding_of_the_real_coins() -> None:
    if not SHARED.exists():
        pytest.skip(f"no real market data at {SHARED}")
    frames = [pd.read_parquet(SHARED / "funding_events" / f"{coin}USDT.parquet") for coin in COINS]
    assert outside([funding_facts(f["funding_rate"].to_numpy()) for f in frames], FUNDING) == {}
