"""The slope of price, by central differences."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat, log_close

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class SmoothSlope(Cheat):
    def measure(self, market: Market) -> FloatArray:
        return np.gradient(log_close(market)) if len(market) > 1 else np.full(len(market), np.nan)
