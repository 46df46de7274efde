"""The hash rate, drawn as a line from day to day."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat

from fadefollow.features import FloatArray
from fadefollow.market import Market


class JoinedHashRate(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        table = market.table("hash_rate")
        time, rate = (
            table[c].astype("int64" if c == "time" else "float64") for c in ("time", "hash_rate")
        )
        now = market.index.as_unit(table["time"].dt.unit).astype("int64")
        return np.interp(now, time, rate) / max(rate.iloc[0], 1.0)
