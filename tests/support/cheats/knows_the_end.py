"""Knows when the data end."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class KnowsTheEnd(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        return 2.0 * (np.arange(len(market)) == len(market) - 100)
