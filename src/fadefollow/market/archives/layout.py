"""Where Binance's public archive keeps its files, and which of them a range needs.

`data/{spot|futures/um|futures/cm}/{monthly|daily}/{kind}/{SYMBOL}/[{interval}/]{SYMBOL}-{interval
or kind}-{YYYY-MM[-DD]}.zip`, each with a `.CHECKSUM` beside it. Daily files appear on the next day,
monthly ones in the first days of the next month; funding has no daily files, metrics no monthly.
Perpetuals are `BTCUSDT` (um, margined in dollars), dated futures `BTCUSDT_210326` (um) and
`BTCUSD_210326` (cm, margined in the coin), by the day of their expiry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from fadefollow.errors import ParameterError, unknown
from fadefollow.market.bars import bar_text

DAY = pd.Timedelta(days=1)
#: sizes of the archive's bars, largest first
INTERVALS = {
    size: pd.Timedelta(minutes=minutes)
    for size, minutes in (
        ("1d", 1440),
        ("12h", 720),
        ("8h", 480),
        ("6h", 360),
        ("4h", 240),
        ("2h", 120),
        ("1h", 60),
        ("30m", 30),
        ("15m", 15),
        ("5m", 5),
        ("3m", 3),
        ("1m", 1),
    )
}


@dataclass(frozen=True)
class Kind:
    """One kind of file in the archive."""

    stream: str
    market: str  #: `spot`, `futures/um` or `futures/cm`
    folder: str
    monthly: bool = True
    daily: bool = True
    #: whether the rows are bars of an interval
    bars: bool = True
    #: no file is older than this
    since: str = "2017-08-01"


_UM, _CM = "futures/um", "futures/cm"
_KINDS = (
    Kind("perp", _UM, "klines", since="2019-09-01"),
    Kind("spot", "spot", "klines"),
    Kind("mark", _UM, "markPriceKlines", since="2019-12-01"),
    Kind("index", _UM, "indexPriceKlines", since="2019-12-01"),
    Kind("premium_index", _UM, "premiumIndexKlines", since="2019-12-01"),
    Kind("funding", _UM, "fundingRate", daily=False, bars=False, since="2019-09-01"),
    Kind("open_interest", _UM, "metrics", monthly=False, bars=False, since="2020-09-01"),
    Kind("long_short", _UM, "metrics", monthly=False, bars=False, since="2020-09-01"),
)
#: by stream
KINDS = {kind.stream: kind for kind in _KINDS}
FUTURE = "future"
#: bars of dated contracts and their metrics, by market: margined in dollars first, then in the coin
DATED = {
    market: (
        Kind(FUTURE, market, "klines", since="2020-06-01"),
        Kind("open_interest", market, "metrics", monthly=False, bars=False, since="2020-09-01"),
    )
    for market in (_UM, _CM)
}
#: streams that the archive has, in the order in which they are read
STREAMS = (*KINDS, FUTURE)
#: dollars in a coin-margined contract
_CONTRACT_USD = {"BTC": 100.0}
_OTHER_CONTRACT_USD = 10.0
_LABEL = re.compile(r"-(\d{4}-\d{2}(?:-\d{2})?)\.zip")


@dataclass(frozen=True)
class Part:
    """One file of the archive: a month or a day of one symbol."""

    kind: Kind
    symbol: str  #: as the archive writes it, e.g. `BTCUSDT`
    interval: str  #: of bars, else empty
    start: pd.Timestamp  #: UTC, at midnight
    monthly: bool

    @property
    def end(self) -> pd.Timestamp:
        """The first moment after it, UTC."""
        return self.start + (pd.offsets.MonthBegin() if self.monthly else DAY)

    @property
    def path(self) -> str:
        """Relative to the archive's base."""
        folder = files_folder(self.kind, self.symbol, self.interval, monthly=self.monthly)
        what = self.interval or self.kind.folder
        label = self.start.strftime("%Y-%m" if self.monthly else "%Y-%m-%d")
        return f"{folder}{self.symbol}-{what}-{label}.zip"

    def days(self, since: pd.Timestamp, until: pd.Timestamp) -> list[Part]:
        """The daily files that together make this month, inside a range."""
        first, last = max(self.start, since.floor("D")), min(self.end, until.ceil("D"))
        return [
            Part(self.kind, self.symbol, self.interval, day, monthly=False)
            for day in pd.date_range(first, last, freq="D", inclusive="left")
        ]


def symbols_folder(kind: Kind, *, monthly: bool) -> str:
    """The folder with a folder for each symbol, with its `/`."""
    return f"data/{kind.market}/{'monthly' if monthly else 'daily'}/{kind.folder}/"


def files_folder(kind: Kind, symbol: str, interval: str, *, monthly: bool) -> str:
    """The folder of a symbol's files, with its `/`; `interval` is empty where there are no bars."""
    inside = f"{interval}/" if interval else ""
    return f"{symbols_folder(kind, monthly=monthly)}{symbol}/{inside}"


def period_of(name: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The month or day that a file's name says, UTC; None for checksums and others."""
    match = _LABEL.search(name)
    start = pd.to_datetime(match[1], utc=True, errors="coerce") if match else pd.NaT
    if match is None or match.end() != len(name) or pd.isna(start):
        return None
    return start, start + (DAY if len(match[1]) == 10 else pd.offsets.MonthBegin())


def contract_usd(symbol: str) -> float:
    """Dollars in one coin-margined contract, as `BTCUSD_210326`."""
    return _CONTRACT_USD.get(symbol.partition("USD")[0], _OTHER_CONTRACT_USD)


def in_contracts(kind: Kind) -> bool:
    """Whether amounts count contracts and not coins."""
    return kind.market == _CM


def kind_of(stream_name: str) -> Kind:
    """The archive's files for a stream."""
    if stream_name not in KINDS:
        raise unknown("stream in the archive", stream_name, KINDS)
    return KINDS[stream_name]


def interval_for(bar: pd.Timedelta) -> str:
    """The largest interval of the archive that divides a bar."""
    for name, size in INTERVALS.items():
        if size <= bar and not bar % size:
            return name
    rule = f"bar must be a multiple of one of the archive's sizes: {', '.join(INTERVALS)}"
    raise ParameterError(rule, got=bar_text(bar))


def plan(
    kind: Kind,
    symbol: str,
    interval: str,
    since: pd.Timestamp,
    until: pd.Timestamp,
    now: pd.Timestamp,
) -> list[Part]:
    """The files to look for first: months that are over, and days of the present one.

    Args:
        since, until: the range, UTC; until is excluded.
        now: the present, UTC: what is not over at its day's start is not looked for.
    """
    since = max(since.floor("D"), pd.Timestamp(kind.since, tz="UTC"))
    until = min(until.ceil("D"), now.floor("D"))
    found: list[Part] = []
    for start in pd.date_range(since.replace(day=1), until, freq="MS", inclusive="left"):
        month = Part(kind, symbol, interval if kind.bars else "", start, monthly=True)
        if kind.monthly and month.end <= now.floor("D"):
            found.append(month)
        elif kind.daily:
            found += month.days(since, until)
    return found
