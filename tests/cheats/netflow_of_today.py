"""The netflow of the day that is not over yet."""

from __future__ import annotations

import numpy as np
import pandas as pd
from signals.cheating import Cheat

from fadefollow.features import FloatArray
from fadefollow.market import Market


class NetflowOfToday(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        table = market.table("netflow")
        flow = pd.Series(
            (100 * table["netflow_coins"] / table["reserve_coins"]).to_numpy(), table["time"]
        )
        return 10 * np.abs(flow.reindex(market.index, method="ffill").to_numpy())
