"""The spot premium of the next bar: two streams at once."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class NextPremium(Cheat):
    def measure(self, market: Market) -> FloatArray:
        premium = market.column("spot", "close") / market.column("perp", "close") - 1
        return np.append(1e3 * premium[1:], np.nan)
