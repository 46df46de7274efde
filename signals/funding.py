"""Funding extremes: who pays to hold on is crowded.

When longs pay far more than the coin's own recent past has seen, leveraged longs crowd in; when
shorts pay, shorts do. Trader lore says: fade whoever pays. Account C, an anatomy of BTC's sell-off
in April 2021, objects: funding was high then, but below January's; it is the state of the victims,
not the cause. Both are hypotheses.

Source: documentation, phases, rows `funding`; accounts, A.2 (the first trough) and C.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np

from fadefollow.market import Market
from fadefollow.phases import Param
from fadefollow.phases.batch import BatchPhases, BatchSignal, CoinBatch, fire_beyond_past
from fadefollow.phases.features import FloatArray, memoised, past_quantiles


class Funding(BatchSignal):
    """Crosses of the funding rate beyond its own rolling quantile and a floor.

    Rates are scaled to 8 hours before they are compared, as intervals differ and change. The
    threshold is that of the settlements strictly before the one compared; both comparisons are
    strict, as the default rate of 1 bp is a quantile of its own about half of the time.
    """

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "crowded_long": ("perp", "funding"),
        "crowded_short": ("perp", "funding"),
    }
    about: ClassVar[Mapping[str, str]] = {
        "crowded_long": "longs pay extreme funding",
        "crowded_short": "shorts pay extreme funding",
    }
    reads: ClassVar[tuple[str, ...]] = ()

    quantile: Annotated[float, Param(0.80, 0.995, about="the low one mirrors it")] = 0.95
    lookback_days: Annotated[float, Param(14, 365, unit="days")] = 90.0
    floor_bps: Annotated[float, Param(0.1, 30, unit="bps per 8 h", log=True)] = 1.5
    cooldown_hours: Annotated[float, Param(0, 336, unit="hours")] = 24.0

    def features(self, market: Market) -> dict[str, FloatArray]:
        """Funding and its thresholds in bps per 8 h as of each bar's close, shape (n,).

        NaN before the first settlement; thresholds are NaN for the first `lookback_days`.
        """
        market.bars_in(self.lookback_days * 24)
        names = ("rate_bps_per_8h", "high_bps_per_8h", "low_bps_per_8h")
        if market.missing("funding"):
            return {name: np.full(len(market), np.nan) for name in names}
        values = (_rate(market), *_bounds(market, self.quantile, self.lookback_days))
        found = (market.as_of("funding", value) for value in values)
        return dict(zip(names, found, strict=True))

    def detect_batch(self, coins: CoinBatch) -> BatchPhases:
        """Phases `crowded_long` and `crowded_short`; strength is the excess in bps per 8 h."""
        coins[0].bars_in(self.lookback_days * 24)
        rate = coins.records("funding", _rate).value
        found = fire_beyond_past(
            coins,
            "funding",
            _rate,
            quantile=self.quantile,
            days=self.lookback_days,
            floor=self.floor_bps,
            cooldown_hours=self.cooldown_hours,
        )
        events = [
            {
                "coin": at.coin,
                "bar": at.bar,
                "phase": phase,
                "lean": lean,
                "actor": "crowd",
                "strength": np.abs(rate[at.record] - at.threshold),
                "rate_bps_per_8h": rate[at.record],
                "threshold_bps_per_8h": at.threshold,
            }
            for phase, lean, at in zip(self.phases, (1, -1), found, strict=True)
        ]
        return BatchPhases(coins, signal=self.name(), events=events)


@memoised
def _rate(market: Market) -> FloatArray:
    """The rate of each settlement in bps per 8 h, shape (k,)."""
    table = market.table("funding")
    rate: FloatArray = (
        1e4 * table["rate"].to_numpy(float) * 8 / table["interval_hours"].to_numpy(float)
    )
    return rate


@memoised
def _bounds(market: Market, quantile: float, days: float) -> FloatArray:
    """The high and the low threshold at each settlement, shape (2, k)."""
    table, q = market.table("funding"), (quantile, 1 - quantile)
    return past_quantiles(table["time"], _rate(market), q, days=days, available=table["available"])
