"""The netflow of the day that is not over yet."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat, daily_netflow

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class NetflowOfToday(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        flow = daily_netflow(market)
        return np.abs(flow.reindex(market.index, method="ffill").to_numpy())
