"""The return of the next bar, where there is one; no feature shows it."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat, log_close

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class NextCloseInEvents(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        close = log_close(market)
        return close[np.minimum(np.arange(1, len(close) + 1), len(close) - 1)] - close
