"""What the resolver takes and gives: bar arrays of prices and settlements, rules, costs, trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.exits import ExitFractions
from fadefollow.errors import ParameterError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS

#: the trades as they are, and each with an opposite leg in the market's basket
BookName = Literal["outright", "hedged"]
BOOKS: tuple[BookName, BookName] = ("outright", "hedged")

#: first open and last close, UTC
Span = tuple[pd.Timestamp, pd.Timestamp]

#: columns of a table of trades, as in trades.parquet; times are UTC, prices are fill prices
TRADE_COLUMNS = (
    "strategy",
    "symbol",
    "phase",
    "stance",
    "book",
    "side",
    "signal_time",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "exit_reason",
    "leg",
    "trade_id",
    "size",
    "notional",
    "fees",
    "slippage",
    "funding",
    "hedge",
    "beta",
    "pnl",
    "return",
)
#: further columns, which a table of trades has only where they say something
FURTHER_TRADE_COLUMNS = ("funding_implied", "mae", "mfe")


@dataclass(frozen=True)
class BarArrays:
    """One coin's prices and settlements on a regular grid; a missing bar is a row of NaN.

    All arrays of bars have shape (n,), all arrays of settlements shape (k,), sorted by time.
    """

    symbol: str
    bar_ns: int  #: size of a bar in nanoseconds
    time: IntArray  #: open times, nanoseconds since 1970 UTC
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    #: what liquidation is tested against: the mark where it has highs and lows, else the traded
    #: series with its high and low held to what the other series support; an open beyond
    #: `liq_high` or `liq_low` counts as that
    liq_open: FloatArray
    liq_high: FloatArray
    liq_low: FloatArray
    settle_time: IntArray  #: settlements, nanoseconds since 1970 UTC
    settle_rate: FloatArray  #: fraction of notional per interval, positive: longs pay
    settle_mark: FloatArray  #: mark price at the settlement
    #: holes in the settlements as pairs (last before, first after), shape (h, 2), nanoseconds
    holes: IntArray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    volume: FloatArray | None = None  #: coins per bar
    #: what mark and spot support at each bar (`fadefollow.market.prints`), shape (n,), ±inf where
    #: neither is known; None: nothing is known of them. Half as wide as prices: many are held
    shared_low: npt.NDArray[np.float32] | None = None
    shared_high: npt.NDArray[np.float32] | None = None
    spot: bool = False  #: the coin itself is traded: nothing is settled, and shorts borrow it
    #: whether each settlement was implied from the premium; None where all are the exchange's
    settle_implied: npt.NDArray[np.bool_] | None = None
    #: share of weight × capital that a position opened at each bar's open takes, shape (n,), NaN
    #: where it cannot be known (`sizing.risk_shares`); None: all of it
    share: FloatArray | None = None


@dataclass(frozen=True)
class DatedBarArrays(BarArrays):
    """Bar arrays on which dated futures are traded, alone or against spot (`carry`).

    Those of `BarArrays` describe the coin itself (perp, else spot), for what is measured against
    its price; nothing is settled. Contracts are in order of expiry, c of them.
    """

    carry: bool = False  #: trade spot against the future, equal coins
    contracts: tuple[str, ...] = ()  #: names, e.g. "future:230929"
    dated_open: FloatArray = field(default_factory=lambda: np.empty((0, 0)))  #: shape (c, n)
    dated_high: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    dated_low: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    dated_close: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    #: what liquidation is tested against, shape (c, n); None: the contract's own high and low
    dated_liq_high: FloatArray | None = None
    dated_liq_low: FloatArray | None = None
    spot_open: FloatArray = field(default_factory=lambda: np.empty(0))  #: shape (n,), carry only
    spot_close: FloatArray = field(default_factory=lambda: np.empty(0))
    #: number of the contract to enter at each bar's open, shape (n,); −1 where there is none
    nearest: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    #: per contract the bar at whose open a position must be out of it, shape (c,)
    leave: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def series(self) -> tuple[str, ...]:
        """Names of what a leg can be held in; a leg's `series` is its place here."""
        return (*self.contracts, "spot") if self.carry else self.contracts

    def series_close(self, number: int) -> FloatArray:
        """Closes of one series, shape (n,)."""
        return self.spot_close if number == len(self.contracts) else self.dated_close[number]


@dataclass(frozen=True)
class Rules(ExitFractions):
    """How a position is opened and closed. Fractions are of the entry fill; None is off."""

    hold_hours: float  #: the longest holding time, a multiple of the bar
    delay_bars: int = 0  #: bars to wait beyond the first open after the phase is known
    opposite: bool = True  #: leave when a phase points against the position
    leverage: float = 1.0  #: isolated margin = notional / leverage
    capital: float = 100_000.0  #: per coin and book, in the quote currency
    weight: float = 1.0  #: share of the capital per position
    compound: bool = False  #: size by the account's present equity instead of its capital

    @property
    def sets(self) -> tuple[Rules, ...]:
        """Itself: the one rule set there is."""
        return (self,)


@dataclass(frozen=True)
class RuleSets:
    """Several rule sets in one book: each event says by its `rule` which one it is traded by.

    A position lives by the rules that it was opened with, whatever comes after: also its `opposite`
    waits for its own delay. The account is one, so that the sets agree about it.

    Raises:
        ParameterError: there is no set, or they differ in capital, weight or compound.
    """

    sets: tuple[Rules, ...]

    def __post_init__(self) -> None:
        accounts = {(r.capital, r.weight, r.compound) for r in self.sets}
        if len(accounts) != 1:
            raise ParameterError(
                "the rule sets of one book must share one account: capital, weight and compound",
                got=", ".join(f"{c:g} × {w:g}, {on}" for c, w, on in sorted(accounts)) or "no set",
            )

    @property
    def hold_hours(self) -> float:
        """The longest holding time of all sets."""
        return max(rules.hold_hours for rules in self.sets)

    @property
    def capital(self) -> float:
        """Per coin and book, in the quote currency."""
        return self.sets[0].capital

    @property
    def weight(self) -> float:
        """Share of the capital per position."""
        return self.sets[0].weight

    @property
    def compound(self) -> bool:
        """Whether positions are sized by the account's present equity."""
        return self.sets[0].compound


#: of either kind, `hold_hours` is the longest that a position is held
AnyRules = Rules | RuleSets


@dataclass(frozen=True)
class Brackets:
    """Maintenance by the size of a position: rate × notional − deduction (money rules, 5)."""

    rows: tuple[tuple[float, float, float], ...]  #: floor, rate and deduction, by rising floor
    in_coins: bool = False  #: floors are sizes in coins; else notionals in the quote currency


@dataclass(frozen=True)
class Costs:
    """One definition of costs for tuning, backtest and report. Fractions, not basis points."""

    fee: float  #: of size × fill, at each end
    slippage: float  #: of the price, against the trader, at each fill
    maintenance: float  #: margin rate at which the exchange liquidates
    borrow: float | None = None  #: what borrowing spot costs a year; None: it cannot be borrowed
    brackets: Brackets | None = None  #: in the place of `maintenance`


@dataclass(frozen=True)
class Events:
    """What a book trades on, for one coin, sorted by bar.

    `bar`, `side` and `code` describe possible entries; `exit_bar` and `exit_side` the phases that
    can end a position by `opposite` (side: the direction in this book). Bars are those at whose
    close a phase became known.
    """

    bar: IntArray
    side: IntArray  #: +1 buy, −1 sell short
    code: IntArray  #: the caller's number of the phase
    exit_bar: IntArray
    exit_side: IntArray
    rule: IntArray | None = None  #: of each entry, its place in the rule sets; None: all 0


@dataclass(frozen=True)
class Book:
    """The trades of one coin and book.

    Attributes:
        trades: one row a trade, in order of entry: `code`, `rule` (its place in the rule sets),
            `side`, `signal_bar`, `entry_bar`, `exit_bar`, `entry_price`, `exit_price` (fills),
            `reason` (of `exits.EXIT_REASONS`), `size`, `notional`, `fees`, `slippage`, `funding`
            (cash, + received), `pnl`, `return`, `hole` (number of the first hole in the
            settlements that it was held over, else −1).
        dropped: entries that were due on a missing bar.
        legs: where a trade can have several: one row a leg, columns as in `trades` and `trade`
            (its row there) and `series` (its place in the arrays' `series`).
    """

    trades: pd.DataFrame
    dropped: int
    legs: pd.DataFrame | None = None


class StanceBooks(tuple[Book, ...]):
    """The books of one stance, one a coin, that are asked for their trades many times over."""

    @cached_property
    def together(self) -> pd.DataFrame:
        """All trades, coin by coin in order of entry, with `coin`, the place of the book."""
        return _joined(self)

    def __reduce__(self) -> tuple[type[StanceBooks], tuple[tuple[Book, ...]]]:
        return StanceBooks, (tuple(self),)


def together(books: Sequence[Book]) -> pd.DataFrame:
    """The trades of some books in one table, with `coin`, the place of the book."""
    return books.together if isinstance(books, StanceBooks) else _joined(books)


def together_legs(books: Sequence[Book]) -> pd.DataFrame | None:
    """The same of their legs; None where trades have but one."""
    legs = [book.legs for book in books if book.legs is not None]
    return _stacked(legs) if len(legs) == len(books) else None


def _joined(books: Sequence[Book]) -> pd.DataFrame:
    return _stacked([book.trades for book in books])


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    counts = [len(table) for table in tables]
    stacked = pd.concat(tables, ignore_index=True)
    return stacked.assign(coin=np.repeat(np.arange(len(tables)), counts))


@dataclass(frozen=True)
class Returns:
    """The trades of one coin and book as bare arrays, shape (k,), for statistics and tuning."""

    entry_bar: IntArray
    exit_bar: IntArray
    code: IntArray
    rule: IntArray
    side: IntArray
    #: net return on entry notional; NaN for trades cut off by the end of data or held over a hole
    value: FloatArray


def hold_bars(rules: AnyRules, bar_ns: int) -> int:
    """The (longest) holding time in bars.

    Raises:
        ParameterError: it is not a whole, positive number of bars.
    """
    bars = rules.hold_hours * HOUR_NS / bar_ns
    if bars < 1 or abs(bars - round(bars)) > 1e-9:
        raise ParameterError(
            "hold_hours must be a multiple of the bar",
            got=f"{rules.hold_hours:g} h on bars of {bar_ns / HOUR_NS:g} h",
        )
    return round(bars)
