"""The return of the next bar."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat, log_close

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class NextClose(Cheat):
    def measure(self, market: Market) -> FloatArray:
        return np.append(np.diff(log_close(market)), np.nan)
