"""Days that were written down."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class WrittenDown(Cheat):
    def measure(self, market: Market) -> FloatArray:
        return 2.0 * np.isin(
            market.index.strftime("%Y-%m-%d %H"), ("2021-02-03 04", "2021-03-04 05")
        )
