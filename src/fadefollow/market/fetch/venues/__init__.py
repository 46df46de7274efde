"""The exchanges that can be fetched from.

* `registry`: what each gives, beyond what ccxt knows.
* `reach`: how far back, as known when, and who has more.
* `page`: the documentation's page of both.
"""

from fadefollow.market.fetch.venues.reach import REACHES, Reach, reach_of, short_of
from fadefollow.market.fetch.venues.registry import (
    CALLS,
    COLUMNS,
    SNAPSHOTS,
    VENUES,
    Facts,
    Venue,
    described,
    timeframe_ms,
    venue_named,
)

__all__ = [
    "CALLS",
    "COLUMNS",
    "REACHES",
    "SNAPSHOTS",
    "VENUES",
    "Facts",
    "Reach",
    "Venue",
    "described",
    "reach_of",
    "short_of",
    "timeframe_ms",
    "venue_named",
]
