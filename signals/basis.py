"""Dated futures against spot: rich carry, the attack on it, and backwardation.

Leveraged longs who want a coin for months pay for it in the dated contract: the higher its
annualised basis, the more crowded they are. Account C, April 2021: at the listing of Coinbase the
June contract traded above 40 % a year. Then it was attacked: its volume rose while spot's and the
perp's did not, open interest peaked exactly when the spread was widest, and three days later the
crowded longs were liquidated. Large traders sell the rich contract, the crowd holds the other
side: fade it. A dated contract below spot is the opposite, a crowd of shorts. Hypotheses, all.

The basis is that of a constant 90 days, averaged over a day (its rules:
`fadefollow.phases.dated_contracts`), so that single prints and the size of the bars do not
matter. It must stay beyond its thresholds for two and a half days: a crowd that pays carry does so
for weeks. The attack, a matter of hours, does not wait.

Source: documentation, accounts, C.3; phases, rows `basis`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.dated_contracts import constant_maturity_basis, dated_volume, usable_rows
from fadefollow.phases.features import (
    BoolArray,
    FloatArray,
    IntArray,
    fire_once,
    memoised,
    trailing_mean,
    trailing_quantile,
    trailing_quantiles,
)

#: quantiles look at one value in so many hours
_SAMPLE_HOURS = 4.0
_TRADED = ("future", "perp", "spot")
_VOLUMES = tuple(f"{name}.volume" for name in _TRADED)
_CARRY = ("basis_pct_per_year", "high_pct_per_year", "low_pct_per_year")
_ATTACK = ("future_volume_times", "perp_volume_times", "spot_volume_times", "oi_to_peak", "oi_rise")


class Basis(Signal):
    """The 90-day basis beyond its own past, and dated volume beyond that of spot and perp."""

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "rich_carry": ("spot", "future"),
        "carry_attack": ("perp", "spot", "future", "open_interest", *_VOLUMES),
        "backwardation": ("spot", "future"),
    }
    about: ClassVar[Mapping[str, str]] = {
        "rich_carry": "dated future far above spot",
        "carry_attack": "rich basis sold in size",
        "backwardation": "dated future below spot",
    }
    reads: ClassVar[tuple[str, ...]] = ()

    maturity_days: Annotated[float, Param(45, 150, unit="days")] = 90.0
    cutoff_days: Annotated[float, Param(1, 30, unit="days", about="left to expiry")] = 7.0
    smooth_hours: Annotated[float, Param(6, 168, unit="hours")] = 24.0
    quantile: Annotated[float, Param(0.5, 0.995, about="the low one mirrors it")] = 0.65
    lookback_days: Annotated[float, Param(14, 365, unit="days")] = 90.0
    floor_pct: Annotated[float, Param(1, 60, unit="% a year", about="the account: 40")] = 20.0
    persist_hours: Annotated[float, Param(0, 240, unit="hours", about="in a row")] = 60.0
    cooldown_hours: Annotated[float, Param(0, 720, unit="hours")] = 168.0
    #: of the attack
    surge_times: Annotated[float, Param(1.2, 10, unit="× usual", log=True)] = 2.0
    normal_times: Annotated[float, Param(1.0, 10, unit="× usual", log=True)] = 5.0
    volume_days: Annotated[float, Param(7, 180, unit="days", about="that say what is usual")] = 30.0
    peak_days: Annotated[float, Param(2, 60, unit="days")] = 10.0
    peak_slack: Annotated[float, Param(0, 0.2, unit="below the peak")] = 0.06
    peak_rise: Annotated[float, Param(0, 0.5, unit="above the window's mean")] = 0.02

    def features(self, market: Market) -> dict[str, FloatArray]:
        """What is compared, as of each bar's close, shape (n,).

        Basis and its thresholds in % a year (thresholds NaN for the first `lookback_days`); a day's
        volume of dated futures, perp and spot over their usual; open interest over its highest and
        its mean of `peak_days`. NaN also where a stream is missing.
        """
        basis = _basis(market, self.cutoff_days, self.maturity_days, self.smooth_hours)
        bounds = _bounds(
            market,
            self.quantile,
            self.lookback_days,
            (self.cutoff_days, self.maturity_days, self.smooth_hours),
        )
        volumes = (_times_usual(market, name, self.volume_days) for name in _TRADED)
        parts = (basis, *bounds, *volumes, *_oi(market, self.peak_days))
        return dict(zip((*_CARRY, *_ATTACK), parts, strict=True))

    def states(self, market: Market) -> dict[str, BoolArray]:
        """Whether each phase's condition holds at each bar's close, shape (n,); never on a NaN."""
        f = self.features(market)
        basis = f["basis_pct_per_year"]
        rich = (basis > f["high_pct_per_year"]) & (basis > self.floor_pct)
        below = (basis < f["low_pct_per_year"]) & (basis < 0)
        others = np.maximum(f["perp_volume_times"], f["spot_volume_times"])
        surge = f["future_volume_times"] > self.surge_times * np.maximum(others, 1)
        peak = (f["oi_to_peak"] >= 1 - self.peak_slack) & (f["oi_rise"] > 1 + self.peak_rise)
        bars = market.bars(self.persist_hours)
        return {
            "rich_carry": _in_a_row(rich) > bars,
            "carry_attack": rich & surge & (others < self.normal_times) & peak,
            "backwardation": _in_a_row(below) > bars,
        }

    def detect(self, market: Market) -> Phases:
        """Phases of this signal.

        Strength is the excess of the basis over its threshold in % a year, and for the attack the
        dated futures' volume in units of the usual.
        """
        missing = self.lacking(market)
        f, states = self.features(market), self.states(market)
        strengths = {
            "rich_carry": f["basis_pct_per_year"] - f["high_pct_per_year"],
            "carry_attack": f["future_volume_times"],
            "backwardation": f["low_pct_per_year"] - f["basis_pct_per_year"],
        }
        events: list[dict[str, Any]] = []
        for phase, strength in strengths.items():
            if phase in missing:
                continue
            bar = fire_once(states[phase], cooldown_bars=market.bars(self.cooldown_hours))
            events.append(
                {
                    "bar": bar,
                    "phase": phase,
                    "lean": -1 if phase == "backwardation" else 1,
                    "actor": "crowd",
                    "strength": strength[bar],
                    "basis_pct_per_year": f["basis_pct_per_year"][bar],
                    "future_volume_times": f["future_volume_times"][bar],
                }
            )
        return Phases.of(market, signal=self.name(), events=events, missing=missing)

    def detection_hours(self) -> float:
        """The time over which the basis is averaged and must last, or open interest must peak."""
        return max(self.smooth_hours + self.persist_hours, 24 * self.peak_days)


@memoised
def _basis(
    market: Market, cutoff_days: float, maturity_days: float, smooth_hours: float
) -> FloatArray:
    """The basis at constant maturity, averaged, in % a year, shape (n,)."""
    rows = usable_rows(market, cutoff_days=cutoff_days)
    raw = 100 * constant_maturity_basis(market, rows, days=maturity_days)
    mean = trailing_mean(raw, window_bars=market.bars_in(smooth_hours))
    return np.round(mean, 9)  # or the rounding of floats would break ties


@memoised
def _bounds(
    market: Market, quantile: float, lookback_days: float, basis: tuple[float, float, float]
) -> tuple[FloatArray, ...]:
    """The high and the low quantile of the basis of those parameters, each shape (n,)."""
    window, every = market.bars_in(24 * lookback_days), market.bars(_SAMPLE_HOURS)
    both = (quantile, 1 - quantile)
    return (
        *trailing_quantiles(_basis(market, *basis), both, window_bars=window, every_bars=every),
    )


@memoised
def _oi(market: Market, peak_days: float) -> tuple[FloatArray, FloatArray]:
    """Open interest over its highest, and over its mean, of the last days, each shape (n,)."""
    oi, window = market.column("open_interest", "open_interest"), market.bars_in(24 * peak_days)
    peak = pd.Series(oi).rolling(window, min_periods=1).max().to_numpy()
    return oi / peak, oi / trailing_mean(oi, window_bars=window)


@memoised
def _times_usual(market: Market, name: str, days: float) -> FloatArray:
    """The mean volume of a day over the median of such means before, shape (n,)."""
    volume = dated_volume(market) if name == "future" else market.column(name, "volume")
    day = trailing_mean(volume, window_bars=market.bars_in(24.0))
    usual = trailing_quantile(
        day,
        0.5,
        window_bars=market.bars_in(24 * days),
        every_bars=market.bars(_SAMPLE_HOURS),
    )
    return np.asarray(np.divide(day, usual, out=np.full(len(day), np.nan), where=usual > 0))


def _in_a_row(holds: BoolArray) -> IntArray:
    """For how many bars in a row, this one included, something has held, shape (n,)."""
    number = np.arange(1, len(holds) + 1)
    return np.asarray(number - np.maximum.accumulate(np.where(holds, 0, number)))
