"""Daily returns from trades: open positions marked to market at the end of each UTC day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.hedge.hedged import hedge_cash
from fadefollow.engine.model import (
    DAY_NS,
    BarArrays,
    Book,
    BookName,
    Costs,
    DatedBarArrays,
    FloatArray,
    IntArray,
    together,
    together_legs,
)
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.estimates.days import day_of_bar


def daily_pnl(
    plan: Plan,
    books: Sequence[Book],
    code: int | None = None,
    *,
    book: BookName = "outright",
) -> pd.Series[float]:
    """The daily return of one book: mean over the coins listed on a day of P&L / capital.

    A position is worth its last close of the day; fees count when paid, funding at its own time
    (a settlement at midnight belongs to the day that begins), the rest when the trade ends. The sum
    over days of a coin's P&L is that of its trades. All trades count, also those that the end of
    data cuts off, as their risk was taken.

    Args:
        plan: coin_arrays, costs and capital.
        books: trades of one stance, one book a coin in the order of `plan.coin_arrays`.
        code: only the trades of this phase; None for the whole book.
        book: with the trades' hedges, or without; in the hedged book only trades that are hedged.

    Returns:
        One value a UTC day on which a coin was listed (between its first and last bar).
    """
    return PlanMarks.of(plan).daily(plan, books, code, book=book)


@dataclass(frozen=True)
class PlanMarks:
    """What all positions of a plan are marked by, made once for all its books.

    Attributes:
        series: by coin, the marks of each series that a position can be held in.
        listed: whether a coin is listed on a day, shape (coins, days).
        days: the UTC days on which a coin was listed.
    """

    day: IntArray  #: of each bar, counted from the first, shape (n,)
    series: tuple[tuple[DayMarks, ...], ...]
    listed: npt.NDArray[np.bool_]
    days: pd.DatetimeIndex

    @classmethod
    def of(cls, plan: Plan) -> PlanMarks:
        """The marks of a plan."""
        day = day_of_bar(plan)
        first, n_days = int(plan.time[0] // DAY_NS), int(day[-1]) + 1
        series = tuple(
            tuple(
                DayMarks.of(arrays, close=close, day=day, first_day=first)
                for close in held_closes(arrays)
            )
            for arrays in plan.coin_arrays
        )
        listed = np.array([listed_days(arrays.close, day, n_days) for arrays in plan.coin_arrays])
        dates = pd.to_datetime((first + np.flatnonzero(listed.any(axis=0))) * DAY_NS, utc=True)
        return cls(day, series, listed, pd.DatetimeIndex(dates, name="day"))

    def daily(
        self, plan: Plan, books: Sequence[Book], code: int | None = None, *, book: BookName
    ) -> pd.Series[float]:
        """The daily return of one book; see `daily_pnl`."""
        by_phase = self.returns(plan, books, book=book)
        found = by_phase.sum(axis=0) if code is None else by_phase[code]
        return pd.Series(found, index=self.days, name="return")

    def returns(self, plan: Plan, books: Sequence[Book], *, book: BookName) -> FloatArray:
        """The daily returns of one stance by phase, shape (phases, len(days)).

        Args:
            plan: whose marks these are.
            books: trades of the stance, one book a coin.
            book: as in `daily_pnl`.
        """
        held = together_legs(books)
        held = together(books) if held is None else held
        if book == "hedged":
            held = held[held["beta"].notna()]
        whole = held[list(MARKED_INTS)].to_numpy(np.int64)
        money = held[list(MARKED_FLOATS)].to_numpy(np.float64)
        kind = np.zeros((len(held), 3), np.int64)  # coin, series, phase
        kind[:, 0], kind[:, 2] = held["coin"], held["code"]
        if "series" in held:
            kind[:, 1] = held["series"]
        pnl = np.zeros((len(plan.phases), self.listed.shape[1]))
        for coin, place, code in np.unique(kind, axis=0):
            mine = (kind == (coin, place, code)).all(axis=1)
            marks = self.series[coin][place]
            pnl[code] += marks.pnl(whole[mine], money[mine], fee=plan.costs[coin].fee)
        if book == "hedged" and plan.basket is not None:
            for code in range(len(pnl)):
                cash = hedge_cash(held[kind[:, 2] == code], plan.basket)
                pnl[code] += np.bincount(self.day, weights=cash, minlength=pnl.shape[1])
        coins = self.listed.sum(axis=0)
        returns: FloatArray = pnl[:, coins > 0] / coins[coins > 0] / plan.rules.capital
        return returns


def held_closes(arrays: BarArrays) -> list[FloatArray]:
    """The closes of each series that a position can be held in, by which it is marked."""
    if not isinstance(arrays, DatedBarArrays):
        return [arrays.close]
    return [arrays.series_close(n) for n in range(len(arrays.series))]


def held_series(arrays: BarArrays, book: Book) -> list[tuple[FloatArray, pd.DataFrame]]:
    """The closes by which positions are marked, each with the trades or legs held in it."""
    if not isinstance(arrays, DatedBarArrays) or book.legs is None:
        return [(arrays.close, book.trades)]
    numbers = range(len(arrays.series))
    return [(arrays.series_close(n), book.legs[book.legs["series"] == n]) for n in numbers]


def coin_pnl(
    arrays: BarArrays,
    costs: Costs,
    trades: pd.DataFrame,
    *,
    close: FloatArray,
    day: IntArray,
    first_day: int,
) -> FloatArray:
    """P&L of trades or legs held in one series by UTC day, in the quote currency, shape (days,).

    Args:
        arrays: of the coin; its settlements are those of the series.
        costs: of which the fee at entry is taken on the day of entry.
        trades: columns as in `Book`.
        close: of the series, shape (n,).
        day: of each bar, counted from the first, shape (n,).
        first_day: days from 1970 to the first.
    """
    whole, money = (
        np.ascontiguousarray(trades[list(names)].to_numpy(kind))
        for names, kind in ((MARKED_INTS, np.int64), (MARKED_FLOATS, np.float64))
    )
    marks = DayMarks.of(arrays, close=close, day=day, first_day=first_day)
    return marks.pnl(whole, money, fee=costs.fee)


#: columns of trades that marking to market needs
MARKED_INTS, MARKED_FLOATS = (
    ("side", "entry_bar", "exit_bar"),
    ("size", "entry_price", "pnl"),
)


class DayMarks(NamedTuple):
    """What positions in one series are marked by at the end of each UTC day."""

    time: IntArray  #: of each bar, shape (n,)
    day: IntArray  #: of each bar, shape (n,)
    close: FloatArray  #: the last known at each day's end, shape (days,)
    settle_time: IntArray  #: shape (k,)
    settle_day: IntArray
    cash: FloatArray  #: what each settlement pays one coin held long, shape (k,)

    @classmethod
    def of(cls, arrays: BarArrays, *, close: FloatArray, day: IntArray, first_day: int) -> DayMarks:
        """Arguments as of `coin_pnl`."""
        marked = np.asarray(pd.Series(close).ffill(), np.float64)
        last_bar = np.searchsorted(day, np.arange(day[-1] + 1), side="right") - 1
        return cls(
            arrays.time,
            day,
            marked[last_bar],
            arrays.settle_time,
            arrays.settle_time // DAY_NS - first_day,
            -arrays.settle_rate * arrays.settle_mark,
        )

    def pnl(self, whole: IntArray, money: FloatArray, *, fee: float) -> FloatArray:
        """P&L by day of trades with the columns MARKED_INTS and MARKED_FLOATS, shape (k, 3)."""
        return _mark(whole, money, fee, tuple(self))  # type: ignore[no-any-return]


@kernel
def _mark(
    whole: IntArray,
    money: FloatArray,
    fee: float,
    marks: tuple[IntArray, IntArray, FloatArray, IntArray, IntArray, FloatArray],
) -> FloatArray:
    """P&L by day; `marks` are DayMarks as a plain tuple, which reaches compiled code faster."""
    time, day, day_close, settle_time, settle_day, cash = marks
    pnl = np.zeros(len(day_close))
    for i in range(len(whole)):
        side, entry, last = whole[i]
        size, price, net = money[i]
        settled = np.searchsorted(settle_time, time[entry], side="right")
        value = -fee * size * price
        booked = 0.0
        for d in range(day[entry], day[last]):
            while settled < len(cash) and settle_day[settled] <= d:
                value += side * size * cash[settled]
                settled += 1
            worth = value + side * size * (day_close[d] - price)
            pnl[d] += worth - booked
            booked = worth
        pnl[day[last]] += net - booked
    return pnl


def listed_days(close: FloatArray, day: IntArray, n_days: int) -> npt.NDArray[np.bool_]:
    """Days from a coin's first bar to its last, shape (days,)."""
    listed = np.zeros(n_days, bool)
    present = day[~np.isnan(close)]
    if len(present):
        listed[present[0] : present[-1] + 1] = True
    return listed
