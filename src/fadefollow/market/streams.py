"""Streams: the kinds of raw tables, their columns, units, and when a record could be known.

A *canonical table* is a DataFrame with a RangeIndex and the columns `time`, the stream's own
columns, and `available`; both times are `datetime64[ns, UTC]`. It is sorted by the stream's key,
which is unique. Everything past the importers handles canonical tables only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from fadefollow.errors import unknown

Kind = Literal["bars", "event", "snapshot", "interval"]


@dataclass(frozen=True)
class Column:
    """One column of a stream."""

    unit: str  #: e.g. "USDT", "coins", "fraction per interval", "hours"
    low: float | None = None  #: smallest valid value
    high: float | None = None  #: largest valid value
    positive: bool = False  #: must be > 0
    optional: bool = False  #: may be absent, or NaN in single rows
    kind: Literal["float", "text", "time"] = "float"


@dataclass(frozen=True)
class Stream:
    """The schema of one kind of raw table."""

    name: str
    kind: Kind
    #: what `time` means: bars and intervals carry their start, events and snapshots their stamp
    columns: dict[str, Column]
    #: the as-of join forgets a record that has been known for longer than this
    max_age: pd.Timedelta | None = None
    #: columns that, with `time`, identify a row
    key: tuple[str, ...] = ()
    #: the length of one record of an `interval` stream
    period: pd.Timedelta | None = None
    about: str = ""
    #: columns of the panel: `stream.column`
    panel: tuple[str, ...] = field(default=())


_PRICE = Column("USDT", positive=True)
_PRICE_OPTIONAL = Column("USDT", positive=True, optional=True)
_COINS = Column("coins", low=0.0)
_COINS_OPTIONAL = Column("coins", low=0.0, optional=True)
_OHLCV = {"open": _PRICE, "high": _PRICE, "low": _PRICE, "close": _PRICE, "volume": _COINS_OPTIONAL}
#: bars of a market whose trades are known to be buys or sells by who took the offer
_TRADED = {
    **_OHLCV,
    "taker_buy_volume": Column("coins, the part of volume that takers bought", 0.0, optional=True),
}
_PREMIUM = Column("fraction, (perp − index) / index", low=-1.0, high=1.0)
_LONG_SHORT = {
    "ratio": Column("accounts net long / accounts net short", positive=True),
    "top_accounts_ratio": Column("the same of top traders' accounts", positive=True, optional=True),
    "top_positions_ratio": Column(
        "top traders' long positions / short ones", positive=True, optional=True
    ),
    "taker_ratio": Column("coins that takers bought / sold", positive=True, optional=True),
}
_DAY = pd.Timedelta(days=1)

STREAMS: dict[str, Stream] = {
    s.name: s
    for s in (
        Stream("spot", "bars", _TRADED, about="spot bars", panel=tuple(_TRADED)),
        Stream("perp", "bars", _TRADED, about="perpetual swap bars", panel=tuple(_TRADED)),
        Stream(
            "mark",
            "bars",
            {
                "open": _PRICE_OPTIONAL,
                "high": _PRICE_OPTIONAL,
                "low": _PRICE_OPTIONAL,
                "close": _PRICE,
            },
            about="mark price of the perp, by which funding and liquidation are reckoned",
            panel=("open", "high", "low", "close"),
        ),
        Stream(
            "index",
            "bars",
            {
                "open": _PRICE_OPTIONAL,
                "high": _PRICE_OPTIONAL,
                "low": _PRICE_OPTIONAL,
                "close": _PRICE,
            },
            about="the venue's index: spot on several exchanges, to which the perp is held",
            panel=("open", "high", "low", "close"),
        ),
        Stream(
            "premium_index",
            "bars",
            {
                "open": Column(_PREMIUM.unit, -1.0, 1.0, optional=True),
                "high": Column(_PREMIUM.unit, -1.0, 1.0, optional=True),
                "low": Column(_PREMIUM.unit, -1.0, 1.0, optional=True),
                "close": _PREMIUM,
            },
            about="the exchange's own premium index; the opposite sign of the spot premium",
            panel=("close",),
        ),
        Stream(
            "funding",
            "event",
            {
                # Binance caps at 3 % per interval; beyond 10 % the unit is wrong
                "rate": Column("fraction of notional per interval", low=-0.1, high=0.1),
                "interval_hours": Column("hours", low=0.25, high=24.0),
                "implied": Column("1 where implied from the premium", 0.0, 1.0, optional=True),
            },
            max_age=pd.Timedelta(hours=25),
            about="funding settlements; positive: longs pay shorts",
            panel=("rate", "interval_hours"),
        ),
        Stream(
            "open_interest",
            "snapshot",
            {"open_interest": Column("coins", positive=True)},
            max_age=pd.Timedelta(hours=9),
            about="open contracts in coins",
            panel=("open_interest",),
        ),
        Stream(
            "long_short",
            "snapshot",
            _LONG_SHORT,
            max_age=pd.Timedelta(hours=9),
            about="how many accounts are long for one that is short, whatever their size; where "
            "known, the same of the top traders (the fifth with the largest margin), the ratio of "
            "their positions, and that of what takers bought and sold",
            panel=tuple(_LONG_SHORT),
        ),
        Stream(
            "future",
            "bars",
            {
                "expiry": Column("UTC time", kind="time"),
                **_OHLCV,
                "open_interest": _COINS_OPTIONAL,
            },
            key=("expiry",),
            about="bars of dated futures, one row a contract and bar; open interest at its close",
        ),
        Stream(
            "liquidations",
            "interval",
            {"long_coins": _COINS, "short_coins": _COINS},
            max_age=pd.Timedelta(days=3),
            period=_DAY,
            about="coins of longs and of shorts that were force-closed",
            panel=("long_coins", "short_coins"),
        ),
        Stream(
            "netflow",
            "interval",
            {"netflow_coins": Column("coins, + into exchanges"), "reserve_coins": _COINS},
            max_age=pd.Timedelta(days=4),
            period=_DAY,
            about="coins moved into exchange wallets in a day, and the total held there at its end",
            panel=("netflow_coins", "reserve_coins"),
        ),
        Stream(
            "options",
            "snapshot",
            {
                "expiry": Column("UTC time", kind="time"),
                "strike": _PRICE,
                "right": Column("call or put", kind="text"),
                "open_interest": _COINS,
                "iv": Column("fraction a year", low=0.0, high=10.0, optional=True),
            },
            key=("expiry", "strike", "right"),
            max_age=pd.Timedelta(days=2),
            about="option open interest by strike and expiry",
        ),
        Stream(
            "brackets",
            "snapshot",
            {
                "floor": Column("quote currency, or coins", low=0.0),
                "rate": Column("fraction of notional", low=0.0, high=1.0),
                "deduction": Column("quote currency", low=0.0),
                "in_coins": Column("1 where floors are in coins", 0.0, 1.0),
            },
            key=("floor",),
            about="maintenance margin of the perp by size: rate × notional − deduction",
        ),
        Stream(
            "contract",
            "snapshot",
            {
                "size": Column("coins, of inverse contracts USD", positive=True),
                "inverse": Column("1 where it is margined in the coin", 0.0, 1.0),
                "tick": Column("USDT", positive=True, optional=True),
                "smallest": Column("coins, of inverse contracts USD", positive=True, optional=True),
                "leverage": Column("times, at most", positive=True, optional=True),
            },
            about="specification of the perp: coins in a contract, price step, smallest order",
            panel=("size",),
        ),
        Stream(
            "funding_terms",
            "snapshot",
            {
                "interval_hours": Column("hours", low=0.25, high=24.0),
                "cap": Column("fraction per interval", low=0.0, high=0.5, optional=True),
                "floor": Column("fraction per interval", low=-0.5, high=0.0, optional=True),
            },
            about="terms of the perp's funding: from settlement to settlement, and its bounds",
            panel=("interval_hours",),
        ),
        Stream(
            "hash_rate",
            "interval",
            {"hash_rate": Column("EH/s", positive=True)},
            max_age=pd.Timedelta(days=4),
            period=_DAY,
            about="network hash rate",
            panel=("hash_rate",),
        ),
        Stream(
            "news",
            "event",
            {"kind": Column("label", kind="text"), "text": Column("free text", kind="text")},
            key=("kind",),
            about="news marked by hand: listing, hack, …",
        ),
    )
}


def stream(name: str) -> Stream:
    """The schema called `name`."""
    if name not in STREAMS:
        raise unknown("stream", name, STREAMS)
    return STREAMS[name]
