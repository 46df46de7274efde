"""Bars whose moves are beyond a quantile of all moves."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat, log_close

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class FullSampleQuantile(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        move = np.abs(np.diff(log_close(market), prepend=np.nan))
        return 2.0 * (move > np.nanquantile(move, 0.98))
