"""Fires where a hash is small, which differs from process to process."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class Hashes(Cheat):
    def measure(self, market: Market) -> FloatArray:
        return np.array([2.0 * (hash(str(time)) % 97 == 0) for time in market.index])
