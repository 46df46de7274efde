"""Market data: streams and their schemas, the store, the as-of panel, the audit, the lab."""

import sys
from types import ModuleType
from typing import Any

import pandas as pd

from fadefollow.market.needs import Needs
from fadefollow.market.panel import Market
from fadefollow.market.streams import STREAMS, Stream, stream

__all__ = ["STREAMS", "Market", "Needs", "Stream", "stream"]


class _Room(ModuleType):
    """This module, which `ff.market(frame)` calls: a package has one name for both."""

    def __call__(self, bars: pd.DataFrame, **options: Any) -> Market:
        """See `fadefollow.market.datasets.frames.market_of_frame`."""
        from fadefollow.market.datasets.frames import market_of_frame

        return market_of_frame(bars, **options)


sys.modules[__name__].__class__ = _Room
