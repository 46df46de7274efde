"""The exchanges that can be fetched from, and what each gives.

What ccxt knows (which calls a venue has, how many bars one answer holds, which bars there are) is
asked of ccxt. What it does not know is written down here, from the venues' own documentation: the
page sizes of the other calls, and in which unit they count; in `reach`, how far back they answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import pandas as pd

from fadefollow.errors import DataError, unknown

_DAY = pd.Timedelta(days=1)
_OHLC = ("open", "high", "low", "close")

#: stream → ccxt's call, and the price that it is asked for
CALLS: Mapping[str, tuple[str, str | None]] = {
    "spot": ("fetchOHLCV", None),
    "perp": ("fetchOHLCV", None),
    "mark": ("fetchMarkOHLCV", "mark"),
    "index": ("fetchIndexOHLCV", "index"),
    "premium_index": ("fetchPremiumIndexOHLCV", "premiumIndex"),
    "funding": ("fetchFundingRateHistory", None),
    "open_interest": ("fetchOpenInterestHistory", None),
    "long_short": ("fetchLongShortRatioHistory", None),
    "future": ("fetchOHLCV", None),
    "liquidations": ("fetchOpenInterestHistory", None),
    "options": ("fetchOptionChain", None),
}
#: streams of which the registry must know that a venue has them: ccxt's call is not enough
_REGISTERED = ("liquidations", "options")
#: snapshots of now, which a venue never gives of the past; fetched where they are asked for
SNAPSHOTS = ("options",)
#: stream → its columns in a page, whatever the venue
COLUMNS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("spot", "perp", "future"), (*_OHLC, "volume")),
    **dict.fromkeys(("mark", "index", "premium_index"), _OHLC),
    "funding": ("rate",),
    "open_interest": ("open_interest",),
    "long_short": ("ratio",),
    "liquidations": ("long_coins", "short_coins"),
    "options": ("expiry", "strike", "right", "open_interest", "iv"),
}


@dataclass(frozen=True)
class Facts:
    """What one venue says of one call in its documentation, and ccxt does not."""

    page: int = 0  #: records in one answer at most; 0: as ccxt says
    longest: pd.Timedelta | None = None  #: range that one request may ask for
    periods: tuple[str, ...] = ()  #: spacings of snapshots, by default ccxt's
    start: str = ""  #: the request's own name of the start, where ccxt sends none
    until: str = "until"  #: likewise of the end
    amount: str = "openInterestAmount"  #: ccxt's field of the open interest
    contracts: bool = False  #: amounts count contracts, not coins
    linear_only: bool = False  #: of inverse contracts the amounts are no coins
    endless: bool = False  #: the call knows no end: answers go on beyond what is wanted
    hourly: str = ""  #: settlements are hourly, and this field has the hour's rate
    fields: tuple[str, ...] = ()  #: the venue's own fields, by the columns of the page


@dataclass(frozen=True)
class Venue:
    """One exchange."""

    name: str  #: ccxt's
    title: str
    facts: Mapping[str, Facts]
    #: contracts that hold most of the venue's trading
    contracts: Literal["linear", "inverse"] = "linear"
    #: ccxt settings that the venue needs
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: where in an answer the list of records lies, by its keys; at the top where there are none
    rows: tuple[str, ...] = ()
    #: where a row of bars of spot and linear contracts, and of inverse ones, has the coins that
    #: takers bought; None where it does not say them
    taker_places: tuple[int, int] | None = None
    #: longest time between two settlements
    settles_hours: int = 8
    notes: tuple[str, ...] = ()

    def fact(self, stream: str) -> Facts:
        """What is known about the call behind a stream."""
        return self.facts.get(stream, Facts())

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that ccxt can get from this venue."""
        has = described(self.name).has
        return tuple(
            s for s, (call, _) in CALLS.items() if has.get(call) is True and self._lists(s)
        )

    @property
    def usual(self) -> tuple[str, ...]:
        """The streams that are fetched where none is asked for: those with a past."""
        return tuple(s for s in self.streams if s not in SNAPSHOTS)

    def _lists(self, stream: str) -> bool:
        kinds = {"spot": "spot", "future": "future"}
        has: Mapping[str, Any] = described(self.name).has
        if stream in _REGISTERED:
            return stream in self.facts
        return stream not in kinds or has.get(kinds[stream]) is True

    def columns(self, stream: str) -> tuple[str, ...]:
        """Names of the columns of a page."""
        takers = self.taker_places is not None and stream in ("spot", "perp")
        return (*COLUMNS[stream], "taker_buy_volume") if takers else COLUMNS[stream]

    def page(self, stream: str) -> int:
        """Records that one answer holds at most."""
        own = self.fact(stream).page
        if own:
            return own
        kind = {"spot": "spot", "future": "future"}.get(stream, "swap")
        features = described(self.name).features[kind]
        told: Any = (features if kind == "spot" else features[self.contracts])["fetchOHLCV"]
        price = CALLS[stream][1]
        return int(told.get(price) or told["limit"])

    def period(self, stream: str, bar: str) -> str:
        """The spacing to ask for, so that every bar of the data set can have a value.

        Raises:
            DataError: the venue has no such bars.
        """
        own = self.fact(stream).periods
        known = tuple(described(self.name).timeframes)
        if stream not in ("open_interest", "long_short"):
            if bar not in known:
                raise DataError(
                    f"bar must be a size that {self.title} provides",
                    got=bar,
                    hint=f"it provides {', '.join(k for k in known if not k.endswith('M'))}",
                )
            return bar
        size = timeframe_ms(bar)
        fits = [p for p in own or known if size % timeframe_ms(p) == 0]
        if not fits:
            raise DataError(
                f"bar must be a multiple of a spacing of {self.title}'s {stream}",
                got=bar,
                hint=f"the spacings are {', '.join(own or known)}",
            )
        return max(fits, key=timeframe_ms)


_FIVE_TO_DAY = ("5m", "15m", "30m", "1h", "4h", "1d")
VENUES: Mapping[str, Venue] = {
    venue.name: venue
    for venue in (
        Venue(
            "binance",
            "Binance",
            {
                # 500 in ccxt's list for contracts, but its call asks for up to 1,000
                **{
                    s: Facts(page=1000, longest=200 * _DAY)
                    for s in ("perp", "mark", "index", "premium_index", "future")
                },
                "funding": Facts(page=1000),
                "open_interest": Facts(
                    page=500,
                    linear_only=True,
                    periods=("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"),
                ),
                "long_short": Facts(
                    page=500,
                    periods=("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"),
                ),
            },
            settings={"options": {"fetchMarkets": {"types": ["spot", "linear", "inverse"]}}},
            taker_places=(9, 10),
            notes=(
                "what takers bought comes with the bars of spot and perp; the ratios of top "
                "traders and of takers are in the public archive only",
            ),
        ),
        Venue(
            "bybit",
            "Bybit",
            rows=("result", "list"),
            facts={
                "funding": Facts(page=200),
                "open_interest": Facts(page=200, periods=_FIVE_TO_DAY, linear_only=True),
                "long_short": Facts(
                    page=500, periods=_FIVE_TO_DAY, start="startTime", until="endTime"
                ),
                "options": Facts(page=1),
            },
            settings={"options": {"fetchMarkets": {"types": ["spot", "linear", "inverse"]}}},
        ),
        Venue(
            "okx",
            "OKX",
            rows=("data",),
            facts={
                "funding": Facts(page=100, until="after"),
                "open_interest": Facts(page=100, periods=("5m", "1h", "1d"), amount="baseVolume"),
                "long_short": Facts(page=100, periods=("5m", "1h", "1d")),
                "options": Facts(page=1),
            },
            settings={"options": {"fetchMarkets": {"types": ["spot", "swap", "future"]}}},
        ),
        Venue(
            "deribit",
            "Deribit",
            rows=("result",),
            facts={
                "funding": Facts(page=700, hourly="interest_1h", longest=29 * _DAY),
                "options": Facts(page=1),
            },
            contracts="inverse",
            settles_hours=1,
            notes=(
                "Deribit settles funding continuously; the rate of each hour is taken as one "
                "settlement",
                "what ccxt calls liquidations of Deribit are the losses that bankrupt accounts "
                "left, no liquidations: they are not fetched",
            ),
        ),
        Venue(
            "hyperliquid",
            "Hyperliquid",
            {
                **{s: Facts(page=5000) for s in ("spot", "perp")},
                "funding": Facts(page=500),
            },
            settles_hours=1,
            settings={"options": {"fetchMarkets": {"types": ["spot", "swap"]}}},
        ),
        Venue(
            "gate",
            "Gate",
            {
                "perp": Facts(contracts=True),
                "future": Facts(contracts=True),
                "funding": Facts(page=1000),
                "open_interest": Facts(
                    page=100,
                    contracts=True,
                    linear_only=True,
                    endless=True,
                    periods=("5m", "15m", "30m", "1h", "4h", "1d"),
                ),
                # hours of the contract's statistics, which make a day
                "liquidations": Facts(
                    page=4,
                    contracts=True,
                    linear_only=True,
                    endless=True,
                    fields=("long_liq_size", "short_liq_size"),
                ),
            },
            settings={"options": {"fetchMarkets": {"types": ["spot", "swap", "future"]}}},
            notes=(
                "liquidations are sums of the 24 hourly statistics of a day (UTC), of days of "
                "which Gate gives all",
            ),
        ),
    )
}


def venue_named(name: str) -> Venue:
    """The venue called `name` by ccxt.

    Raises:
        UnknownNameError: it is none that can be fetched from.
    """
    if name not in VENUES:
        raise unknown("venue", name, VENUES)
    return VENUES[name]


@cache
def described(name: str) -> Any:
    """ccxt's own description of a venue; nothing is sent anywhere."""
    import ccxt

    return getattr(ccxt, name)()


def timeframe_ms(text: str) -> int:
    """The length of one of ccxt's timeframes, as `5m` or `1d`."""
    return int(described("binance").parse_timeframe(text)) * 1000
