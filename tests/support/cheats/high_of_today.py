"""How far today's high lies above the close."""

from __future__ import annotations

import numpy as np
import pandas as pd
from signals.cheating import Cheat, log_close

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class HighOfToday(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        high = pd.Series(np.log(market.column("perp", "high")), index=market.index)
        return 100 * high.groupby(market.index.floor("D")).transform("max").to_numpy() - log_close(
            market
        )
