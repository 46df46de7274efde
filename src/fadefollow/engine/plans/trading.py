"""From a plan to its books in either stance, and to the table of their trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.model import (
    BarArrays,
    Book,
    BookName,
    DatedBarArrays,
    IntArray,
    together,
    together_legs,
)
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.resolver import resolve
from fadefollow.errors import FundingHoleError
from fadefollow.phases import STANCES, Stance


def books(plan: Plan, stance: Stance, *, missing_funding: str = "error") -> tuple[Book, ...]:
    """The trades of every coin in one stance.

    Args:
        plan: from `prepare`.
        stance: fade or follow.
        missing_funding: `"error"` refuses a trade held over a hole in the settlements, `"skip"`
            leaves such trades in place, marked by their `hole`, for the caller to drop and count.

    Raises:
        FundingHoleError: names the first hole that a position was held over.
    """
    made = []
    for coin, arrays in enumerate(plan.coin_arrays):
        book = resolve(arrays, plan.events(coin, stance), rules=plan.rules, costs=plan.costs[coin])
        held = book.trades[book.trades["hole"] >= 0]
        if len(held) and missing_funding == "error":
            first, last = pd.to_datetime(arrays.holes[held["hole"].iloc[0]], utc=True)
            raise FundingHoleError(
                "funding is missing while a position is held",
                got=f"no settlement between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC, "
                f"in {len(held)} trades of strategy {plan.strategy}",
                where=f"{arrays.symbol}, stream funding",
                hint="complete the data, or drop such trades with --accept funding-hole",
            )
        made.append(book)
    return tuple(made)


def without_holes(book: Book) -> Book:
    """The same book without the trades that were held over a hole in the settlements."""
    kept = book.trades[book.trades["hole"] < 0].reset_index(drop=True)
    return Book(kept, book.dropped, book.legs)


def trade_table(
    plan: Plan, made: Mapping[Stance, Sequence[Book]], book: BookName = "outright"
) -> pd.DataFrame:
    """All trades of a plan with the columns of trades.parquet (TRADE_COLUMNS).

    Where funding was implied from the premium, `funding_implied` says of each trade whether it was
    charged at such a rate.

    In the hedged book there are only the trades that are hedged; P&L and return hold the hedge.

    One row a leg; the legs of a trade share its id, and their returns, on the notional of its
    first future leg, add up to its return.
    """
    parts = [_labelled(plan, stance, made[stance], book) for stance in STANCES if stance in made]
    table = pd.concat(parts, ignore_index=True)
    if not plan.coin_arrays.implied:
        return table.drop(columns="funding_implied")
    return table


def _charged_implied(arrays: BarArrays, entry: IntArray, exit_: IntArray) -> npt.NDArray[np.bool_]:
    """Whether a settlement with entry < τ ≤ exit was implied, shape (k,)."""
    if arrays.settle_implied is None:
        return np.zeros(len(entry), bool)
    implied = arrays.settle_time[arrays.settle_implied]
    first, last = (np.searchsorted(implied, edge, side="right") for edge in (entry, exit_))
    return np.asarray(last > first)


def _labelled(plan: Plan, stance: Stance, books: Sequence[Book], name: BookName) -> pd.DataFrame:
    """The trades or legs of one stance, coin by coin."""
    trades, legs = together(books), together_legs(books)
    counts = np.bincount(trades["coin"], minlength=len(books))
    first = np.cumsum(counts) - counts  # row of each coin's first trade
    t = trades if legs is None else legs
    coin = t["coin"].to_numpy(np.int64)
    # the place of a leg's trade in its coin's book
    number = np.arange(len(t)) - first[coin] if legs is None else t["trade"].to_numpy(np.int64)
    if name == "hedged":
        kept = t["beta"].notna().to_numpy()
        t, coin, number = t[kept].reset_index(drop=True), coin[kept], number[kept]
    hedge = np.zeros(len(t))
    if name == "hedged":
        hedge = (t["hedge_gross"] + t["hedge_cost"]).to_numpy(np.float64)
    pnl = t["pnl"].to_numpy(np.float64) + hedge
    time = plan.time
    signal, entry, exit_ = (time[t[f"{n}_bar"].to_numpy(int)] for n in ("signal", "entry", "exit"))
    implied = np.zeros(len(t), bool)
    for place in np.unique(coin) if plan.coin_arrays.implied else ():
        mine = coin == place
        implied[mine] = _charged_implied(plan.coin_arrays[place], entry[mine], exit_[mine])
    symbols = plan.symbols
    notional = trades["notional"].to_numpy()[first[coin] + number]
    return pd.DataFrame(
        {
            "strategy": plan.strategy,
            "symbol": _named(symbols, coin),
            "phase": _named(plan.phases, t["code"].to_numpy(int)),
            "stance": stance,
            "book": name,
            "side": t["side"].astype("int8"),
            "signal_time": _utc(signal),
            "entry_time": _utc(entry),
            "entry_price": t["entry_price"],
            "exit_time": _utc(exit_),
            "exit_price": t["exit_price"],
            "exit_reason": t["reason"].astype(object),
            "leg": _held_in(plan, t, coin),
            "trade_id": [
                f"{plan.strategy}-{stance}-{symbols[c]}-{n}"
                for c, n in zip(coin.tolist(), number.tolist(), strict=True)
            ],
            "size": t["size"],
            "notional": t["notional"],
            "fees": t["fees"],
            "slippage": t["slippage"],
            "funding": t["funding"],
            "hedge": hedge,
            "beta": t["beta"] if name == "hedged" else np.full(len(t), np.nan),
            "pnl": pnl,
            "return": pnl / notional,
            "funding_implied": implied,
        }
    )


def _named(names: Sequence[str], places: IntArray) -> npt.NDArray[np.object_]:
    return np.array([*names, ""], dtype=object)[places]


def _utc(time: IntArray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time.astype("datetime64[ns]"), tz="UTC")


def _held_in(plan: Plan, legs: pd.DataFrame, coin: IntArray) -> npt.NDArray[np.object_]:
    """The name of the series that each trade or leg was held in."""
    if "series" not in legs:
        return _named(["spot" if spot else "perp" for spot in plan.coin_arrays.spot], coin)
    series = [
        arrays.series if isinstance(arrays, DatedBarArrays) else () for arrays in plan.coin_arrays
    ]
    places = zip(coin, legs["series"].to_numpy(int), strict=True)
    return np.array([series[c][n] for c, n in places], dtype=object)
