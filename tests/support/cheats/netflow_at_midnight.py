"""The netflow of yesterday, before it is published."""

from __future__ import annotations

import numpy as np
import pandas as pd
from signals.cheating import Cheat, daily_netflow

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class NetflowAtMidnight(Cheat):
    def measure(self, market: Market) -> FloatArray:
        flow = daily_netflow(market)
        flow.index += pd.Timedelta(days=1)
        return np.abs(flow.reindex(market.index, method="ffill").to_numpy())
