"""Funding by its stamp; as long as that is when it is known, no harm is done."""

from __future__ import annotations

import numpy as np
import pandas as pd
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class FundingByTime(Cheat):
    def measure(self, market: Market) -> FloatArray:
        table = market.table("funding")
        rate = pd.Series(1e4 * table["rate"].to_numpy(), table["time"])
        return np.abs(rate.reindex(market.index + market.bar, method="ffill").to_numpy())
