"""Daily returns from trades: open positions marked to market at the end of each UTC day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from fadefollow.engine.hedged import BookName, hedge_cash
from fadefollow.engine.model import Book, Costs, DatedTape, FloatArray, IntArray, Tape
from fadefollow.engine.strategy_plan import Plan
from fadefollow.verdict.estimates.days import DAY_NS, day_of_bar


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
        plan: tapes, costs and capital.
        books: trades of one stance, one book a coin in the order of `plan.tapes`.
        code: only the trades of this phase; None for the whole book.
        book: with the trades' hedges, or without; in the hedged book only trades that are hedged.

    Returns:
        One value a UTC day on which a coin was listed (between its first and last bar).
    """
    day = day_of_bar(plan)
    if book == "hedged":
        kept = [replace(one, trades=one.trades[one.trades["beta"].notna()]) for one in books]
        books = kept
    returns, held = book_returns(
        plan.tapes, plan.costs, books, capital=plan.rules.capital, day=day, code=code
    )
    if book == "hedged" and plan.basket is not None:
        returns = returns + _hedge_returns(plan, books, code, day)
    first = int(plan.tapes[0].time[0] // DAY_NS)
    dates = pd.to_datetime((first + np.flatnonzero(held)) * DAY_NS, utc=True)
    return pd.Series(returns[held], index=pd.DatetimeIndex(dates, name="day"), name="return")


def _hedge_returns(
    plan: Plan, books: Sequence[Book], code: int | None, day: IntArray
) -> FloatArray:
    """The hedges' part of the daily return, shape (days,)."""
    assert plan.basket is not None
    n_days = int(day[-1]) + 1
    cash, coins = np.zeros(n_days), np.zeros(n_days)
    for tape, one in zip(plan.tapes, books, strict=True):
        mine = one.trades if code is None else one.trades[one.trades["code"] == code]
        cash += np.bincount(day, weights=hedge_cash(mine, plan.basket), minlength=n_days)
        coins += listed_days(tape.close, day, n_days)
    return cash / np.maximum(coins, 1.0) / plan.rules.capital


def book_returns(
    tapes: Sequence[Tape],
    costs: Sequence[Costs],
    books: Sequence[Book],
    *,
    capital: float,
    day: IntArray,
    code: int | None = None,
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The daily return of one book, and on which days a coin was listed, shape (days,) each.

    Args:
        tapes, costs, books: one a coin, on the same calendar.
        capital: of each coin, quote currency.
        day: of each bar, counted from the first, shape (n,).
        code: only the trades of this phase; None for the whole book.
    """
    first, n_days = int(tapes[0].time[0] // DAY_NS), int(day[-1]) + 1
    pnl = np.zeros((len(books), n_days))
    listed = np.zeros((len(books), n_days), bool)
    for coin, (tape, cost, book) in enumerate(zip(tapes, costs, books, strict=True)):
        for close, held_in in held_series(tape, book):
            trades = held_in if code is None else held_in[held_in["code"] == code]
            pnl[coin] += coin_pnl(tape, cost, trades, close=close, day=day, first_day=first)
        listed[coin] = listed_days(tape.close, day, n_days)
    coins = listed.sum(axis=0)
    return pnl.sum(axis=0) / np.maximum(coins, 1) / capital, coins > 0


def held_series(tape: Tape, book: Book) -> list[tuple[FloatArray, pd.DataFrame]]:
    """The closes by which positions are marked, each with the trades or legs held in it."""
    if not isinstance(tape, DatedTape) or book.legs is None:
        return [(tape.close, book.trades)]
    numbers = range(len(tape.series))
    return [(tape.series_close(n), book.legs[book.legs["series"] == n]) for n in numbers]


def coin_pnl(
    tape: Tape,
    costs: Costs,
    trades: pd.DataFrame,
    *,
    close: FloatArray,
    day: IntArray,
    first_day: int,
) -> FloatArray:
    """P&L of trades or legs held in one series by UTC day, in the quote currency, shape (days,).

    Args:
        tape: of the coin; its settlements are those of the series.
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
    marks = DayMarks.of(tape, close=close, day=day, first_day=first_day)
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
    def of(cls, tape: Tape, *, close: FloatArray, day: IntArray, first_day: int) -> DayMarks:
        """Arguments as of `coin_pnl`."""
        marked = np.asarray(pd.Series(close).ffill(), np.float64)
        last_bar = np.searchsorted(day, np.arange(day[-1] + 1), side="right") - 1
        return cls(
            tape.time,
            day,
            marked[last_bar],
            tape.settle_time,
            tape.settle_time // DAY_NS - first_day,
            -tape.settle_rate * tape.settle_mark,
        )

    def pnl(self, whole: IntArray, money: FloatArray, *, fee: float) -> FloatArray:
        """P&L by day of trades with the columns MARKED_INTS and MARKED_FLOATS, shape (k, 3)."""
        return _mark(whole, money, fee, tuple(self))  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
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
