"""Price above the mean of a window of 25 bars around it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from signals.cheating import Cheat, log_close

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class CentredWindow(Cheat):
    def measure(self, market: Market) -> FloatArray:
        close = pd.Series(log_close(market))
        return np.asarray(close - close.rolling(25, center=True).mean())
