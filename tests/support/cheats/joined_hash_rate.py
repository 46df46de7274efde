"""The hash rate, drawn as a line from day to day."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class JoinedHashRate(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        table = market.table("hash_rate")
        rate = table["hash_rate"].to_numpy()
        if not len(rate):
            return np.full(len(market), np.nan)
        time = table["time"].astype("int64")
        now = market.index.as_unit(table["time"].dt.unit).astype("int64")
        return np.interp(now, time, rate) / rate[0]
