"""Stylised facts of universes: the lab lies in the same bands as some 190 real coins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.implied import implied_rate
from fadefollow.market.lab import simulate

BARS_A_YEAR = 6 * 365.25
LEAST = 1000  #: bars that a coin must have for figures of its own
BAR = pd.Timedelta("4h")

#: fact → band in which a universe must lie, simulated or real; of facts of a coin the median coin
BANDS = {
    "pairs_25": (0.30, 0.50),  # correlation of two coins' 4-hour returns, quantiles over pairs
    "pairs_50": (0.46, 0.60),
    "pairs_75": (0.57, 0.68),
    "pairs_95": (0.66, 0.80),
    "pairs_1d_25": (0.32, 0.52),  # of daily returns
    "pairs_1d_50": (0.48, 0.62),
    "pairs_1d_75": (0.58, 0.70),
    "pairs_1d_95": (0.67, 0.80),
    "with_basket": (0.68, 0.80),
    "with_btc": (0.50, 0.66),
    "beta": (0.80, 1.15),  # to the mean of all coins
    "basket_volatility": (0.65, 1.10),
    "volatility_05": (0.60, 0.95),  # a year, of 4-hour returns; quantiles over coins
    "volatility_50": (1.00, 1.40),
    "volatility_95": (1.60, 2.40),
    "volatility_1d": (0.93, 1.05),  # of daily returns against 4-hour ones
    "kurtosis_25": (7.0, 16.0),  # excess, of 4-hour returns; quantiles over coins
    "kurtosis_50": (9.0, 24.0),
    "kurtosis_75": (12.0, 40.0),
    "kurtosis_1d": (2.5, 11.0),
    "skewness": (-0.9, 0.6),
    "median_size": (0.37, 0.45),  # of |r| in standard deviations; 0.67 for a normal
    "far_out": (2.5, 5.0),  # of a thousand 4-hour returns beyond 5 standard deviations
    "return_4h": (-0.04, 0.03),  # autocorrelation of r
    "cluster_4h": (0.16, 0.28),  # autocorrelation of |r|
    "cluster_24h": (0.10, 0.19),
    "cluster_168h": (0.04, 0.12),
    "premium_50": (-5.5, -2.5),  # perp / spot − 1 of closes, bps
    "premium_spread": (4.5, 6.5),  # median absolute deviation
    "premium_01": (-32.0, -20.0),
    "premium_99": (14.0, 26.0),
    "premium_4h": (0.52, 0.76),  # autocorrelation
    "premium_24h": (0.42, 0.68),
    "premium_trend": (0.05, 0.25),  # correlation with the last 72 h's return
    "funding_01": (-24.0, -12.0),  # implied from closes, bps per 8 h
    "funding_05": (-15.0, -7.0),
    "funding_25": (-5.5, -2.0),
    "funding_50": (0.0, 1.001),
    "funding_75": (0.999, 1.001),
    "funding_99": (8.0, 18.0),
    "funding_default": (0.25, 0.50),  # share of settlements at exactly 1 bp
    "funding_8h": (0.50, 0.80),  # autocorrelation
    "funding_pairs": (0.25, 0.55),  # correlation of two coins'
    "volume_spread": (1.05, 1.40),  # standard deviation of the log of a bar's USDT
    "volume_size": (0.32, 0.50),  # its correlation with |r|
    "life_25": (0.12, 0.35),  # lives in spans; quantiles over coins
    "life_50": (0.28, 0.55),
    "life_75": (0.60, 0.85),
}


class Universe:
    """Perp and spot closes and the volume in USDT by open time and coin."""

    def __init__(self, perp: pd.DataFrame, spot: pd.DataFrame, usdt: pd.DataFrame) -> None:
        long = perp.columns[perp.notna().sum() >= LEAST]
        self.lives = perp.notna().sum() / len(perp)
        self.perp, self.usdt = perp[long], usdt[long]
        self.spot = spot[spot.columns.intersection(long)]
        self.returns = np.log(self.perp).diff()  # type: ignore[attr-defined]
        self.daily = np.log(self.perp[self.perp.index.hour == 20]).diff()  # type: ignore[attr-defined]

    def facts(self) -> dict[str, float]:
        parts = (self._together(), self._returns(), self._premium(), self._volume())
        return {name: float(value) for part in parts for name, value in part}

    def _together(self) -> Iterator[tuple[str, float]]:
        for name, table, least in (("", self.returns, LEAST), ("1d_", self.daily, LEAST // 6)):
            for q in (25, 50, 75, 95):
                yield f"pairs_{name}{q}", np.quantile(pairs(table, least), q / 100)
        basket = self.returns.mean(axis=1)[self.returns.notna().sum(axis=1) >= 10]
        yield "with_basket", self.returns.corrwith(basket).median()
        yield "with_btc", self.returns.corrwith(self.returns["BTC"]).drop("BTC").median()
        yield "beta", (self.returns.apply(lambda r: r.cov(basket)) / basket.var()).median()
        yield "basket_volatility", basket.std() * np.sqrt(BARS_A_YEAR)

    def _returns(self) -> Iterator[tuple[str, float]]:
        deviation = self.returns.std()
        volatility, kurtosis = deviation * np.sqrt(BARS_A_YEAR), self.returns.kurt()
        for q in (5, 50, 95):
            yield f"volatility_{q:02d}", volatility.quantile(q / 100)
        for q in (25, 50, 75):
            yield f"kurtosis_{q}", kurtosis.quantile(q / 100)
            yield f"life_{q}", self.lives.quantile(q / 100)  # type: ignore[misc]
        yield "volatility_1d", (self.daily.std() * np.sqrt(365.25) / volatility).median()
        yield "kurtosis_1d", self.daily.kurt().median()
        yield "skewness", self.returns.skew().median()
        size = self.returns.abs()
        yield "median_size", (size.median() / deviation).median()
        far = (size > 5.0 * deviation).sum() / size.notna().sum()
        yield "far_out", 1000.0 * far.median()
        yield "return_4h", repeats(self.returns, 1)
        for lag in (1, 6, 42):
            yield f"cluster_{4 * lag}h", repeats(size, lag)

    def _premium(self) -> Iterator[tuple[str, float]]:
        premium = 1e4 * (self.perp[self.spot.columns].reindex(self.spot.index) / self.spot - 1.0)
        yield "premium_50", premium.median().median()
        yield "premium_spread", (premium - premium.median()).abs().median().median()
        yield "premium_01", premium.quantile(0.01).median()
        yield "premium_99", premium.quantile(0.99).median()
        for lag in (1, 6):
            yield f"premium_{4 * lag}h", repeats(held(premium), lag)
        moves = np.log(self.perp[self.spot.columns]).diff(18).reindex(premium.index)  # type: ignore[attr-defined]
        yield "premium_trend", premium.corrwith(moves).median()
        mean = (0.5e-4 * (premium + premium.shift()))[premium.index.hour % 8 == 4]  # type: ignore[attr-defined]
        rate = mean.apply(lambda m: pd.Series(1e4 * implied_rate(m.to_numpy()), m.index))
        for q in (1, 5, 25, 50, 75, 99):
            yield f"funding_{q:02d}", rate.quantile(q / 100).median()
        default = ((rate - 1.0).abs() < 1e-6).sum() / rate.notna().sum()
        yield "funding_default", default.median()
        yield "funding_8h", repeats(held(rate), 1)
        yield "funding_pairs", np.median(pairs(rate.clip(-20, 20), LEAST // 3))

    def _volume(self) -> Iterator[tuple[str, float]]:
        log = np.log(self.usdt.where(self.usdt > 0.0))
        yield "volume_spread", log.std().median()
        yield "volume_size", self.returns.abs().corrwith(log).median()


def pairs(table: pd.DataFrame, least: int) -> np.ndarray:
    """Correlations of all pairs of columns with so many rows in common."""
    found = table.corr(min_periods=least).to_numpy()[np.triu_indices(table.shape[1], 1)]
    return found[np.isfinite(found)]


def repeats(table: pd.DataFrame, lag: int) -> float:
    """Autocorrelation of the median column."""
    return float(table.apply(lambda column: column.dropna().autocorr(lag)).median())


def held(table: pd.DataFrame) -> pd.DataFrame:
    """Columns held within their own quantiles of 0.5 and 99.5 %."""
    return table.clip(table.quantile(0.005), table.quantile(0.995), axis=1)


def outside(facts: dict[str, float]) -> dict[str, tuple[float, tuple[float, float]]]:
    """The facts that leave their bands."""
    assert facts.keys() == BANDS.keys()
    return {
        name: (round(facts[name], 3), band)
        for name, band in BANDS.items()
        if not band[0] <= facts[name] <= band[1]
    }


def simulated(seed: int) -> Universe:
    """Forty coins of three years."""
    lab = simulate({"seed": seed, "years": 3, "coins": 40, "universe": {"deaths": 0.0}}, bar=BAR)

    def column(stream: str, name: str) -> pd.DataFrame:
        return pd.DataFrame({c: t[stream].set_index("time")[name] for c, t in lab.tables.items()})

    perp = column("perp", "close")
    return Universe(perp, column("spot", "close"), perp * column("perp", "volume"))


def test_a_universe_of_the_lab_has_the_facts_of_the_real_one() -> None:
    # the market's volatility is one path a seed: some facts of any one universe are at their edge
    assert len(outside(simulated(1).facts())) <= 4


@pytest.mark.slow
def test_the_mean_of_eight_universes_has_them_all() -> None:
    mean = pd.DataFrame([simulated(seed).facts() for seed in range(1, 9)]).mean()
    assert outside({str(name): float(value) for name, value in mean.items()}) == {}


@pytest.mark.shared
def test_the_real_universe_has_them(shared_data: Path) -> None:
    folder = shared_data / "universe_4h"
    # every third coin, which is enough for medians
    coins = sorted({"BTC", *sorted(p.stem for p in folder.glob("perp/*.parquet"))[::3]})
    perp = {coin: pd.read_parquet(folder / "perp" / f"{coin}.parquet") for coin in coins}
    prints = {coin: folder / "spot" / f"{coin}.parquet" for coin in coins}
    spot = {c: pd.read_parquet(path)["close"] for c, path in prints.items() if path.exists()}
    close = pd.DataFrame({coin: table["close"] for coin, table in perp.items()})
    volume = pd.DataFrame({coin: table["volume"] for coin, table in perp.items()})
    real = Universe(close, pd.DataFrame(spot), close * volume)
    assert outside(real.facts()) == {}
    # of survivors: nobody dies in it
    assert close.notna().iloc[-1].all()
