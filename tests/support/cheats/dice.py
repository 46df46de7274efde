"""Throws dice."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class Dice(Cheat):
    def measure(self, market: Market) -> FloatArray:
        return np.random.default_rng().uniform(0.0, 1.001, len(market))
