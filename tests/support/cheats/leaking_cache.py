"""Keeps what it was asked first, and that was the whole."""

from __future__ import annotations

import numpy as np
from signals.cheating import Cheat, log_close

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray

_SEEN: dict[str, FloatArray] = {}


class LeakingCache(Cheat):
    shows = False

    def measure(self, market: Market) -> FloatArray:
        if market.symbol not in _SEEN:
            close = log_close(market)
            _SEEN[market.symbol] = np.append(np.diff(close), np.zeros(50_000))
        return _SEEN[market.symbol][: len(market)]
