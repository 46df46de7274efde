"""Market data: streams and their schemas, the store, the as-of panel, the audit, the lab."""

from fadefollow.market.needs import Needs
from fadefollow.market.panel import Market
from fadefollow.market.streams import STREAMS, Stream, stream

__all__ = ["STREAMS", "Market", "Needs", "Stream", "stream"]
