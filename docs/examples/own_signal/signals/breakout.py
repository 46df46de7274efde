"""Breakouts that a crowd has bought, or sold: price at its extreme, open interest as well.

When price reaches the highest close of some weeks while open interest is at its highest too, the
rise was bought with new leveraged positions: late longs, whose stops lie close below. Lore says
that such breakouts fail, so fade them; trend followers say the opposite. Both are hypotheses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import FloatArray, fire_once


class Breakout(Signal):
    """Closes beyond the earlier extreme of the window while open interest is beyond its own."""

    #: phase → the streams without which it cannot be detected
    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "crowded_high": ("perp", "open_interest"),
        "crowded_low": ("perp", "open_interest"),
    }
    reads: ClassVar[tuple[str, ...]] = ()

    window_days: Annotated[float, Param(5, 90, unit="days")] = 20.0
    oi_rise_pct: Annotated[float, Param(0, 100, unit="%", about="of OI over its median")] = 5.0
    cooldown_hours: Annotated[float, Param(0, 336, unit="hours")] = 72.0

    def features(self, market: Market) -> dict[str, FloatArray]:
        """As of each bar's close, shape (n,), NaN in the warm-up: where the close stands in the
        earlier range of the window (0 the lowest, 1 the highest close), and how far open interest
        is above its median of the window, in %."""
        bars = market.bars_in(24 * self.window_days)
        enough = bars - bars // 10  # a window may have holes; a missing bar itself stays NaN
        close = pd.Series(market.column("perp", "close"))
        before = close.shift(1).rolling(bars, min_periods=enough)  # without the bar itself
        low, high = before.min(), before.max()
        oi = pd.Series(market.column("open_interest", "open_interest"))
        above = 100 * (oi / oi.rolling(bars, min_periods=enough).median() - 1)
        place = (close - low) / (high - low).where(high > low, np.inf)
        return {"place": place.to_numpy(), "oi_above_pct": above.to_numpy()}

    def detect(self, market: Market) -> Phases:
        """Phases `crowded_high` (lean +1) and `crowded_low` (lean −1), once each time."""
        missing = self.lacking(market)
        if missing:  # say what is missing, never guess
            return Phases.of(market, signal=self.name(), events=[], missing=missing)
        measured = self.features(market)
        place, above = measured["place"], measured["oi_above_pct"]
        crowded = above > self.oi_rise_pct
        events = []
        for phase, lean, beyond in (
            ("crowded_high", 1, crowded & (place > 1)),
            ("crowded_low", -1, crowded & (place < 0)),
        ):
            bar = fire_once(beyond, cooldown_bars=market.bars(self.cooldown_hours))
            events.append(
                {
                    "bar": bar,
                    "phase": phase,
                    "lean": lean,  # the side of the positions that the phase identifies
                    "actor": "crowd",
                    "strength": above[bar],
                    "place": place[bar],
                }
            )
        return Phases.of(market, signal=self.name(), events=events)
