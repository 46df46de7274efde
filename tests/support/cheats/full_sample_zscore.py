"""The z-score of funding by the mean and the deviation of all of it."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class FullSampleZscore(Cheat):
    def measure(self, market: Market) -> FloatArray:
        rate = market.column("funding", "rate")
        return (rate - np.nanmean(rate)) / np.nanstd(rate)
