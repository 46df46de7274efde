"""From a strategy and detected phases to the plan that is resolved in either stance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.cache.memo import Memo
from fadefollow.core.toml import placed
from fadefollow.engine.costs import CostSettings, costs_of
from fadefollow.engine.kernels.dated import dated_arrays
from fadefollow.engine.model import (
    BarArrays,
    Book,
    BookName,
    Costs,
    DatedBarArrays,
    IntArray,
    Span,
    together,
    together_legs,
)
from fadefollow.engine.plans.bar_arrays import bar_arrays, calendar, cut_arrays
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.plans.concatenate import joined
from fadefollow.engine.plans.sizing import risk_shares
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.resolver import hold_bars, resolve
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import DataError, FundingHoleError, ParameterError
from fadefollow.market.panel import Market
from fadefollow.phases import STANCES, Phases, Stance

__all__ = [
    "NEEDS",
    "Plan",
    "Prepared",
    "Span",
    "books",
    "contrary_events",
    "covered",
    "instrument_arrays",
    "joined",
    "prepare",
    "trade_table",
    "without_holes",
]

#: streams that an instrument cannot be traded without
NEEDS = {
    "perp": ("perp", "funding"),
    "spot": ("spot",),
    "future": ("future", "perp"),
    "carry": ("future", "spot"),
}


@dataclass(frozen=True)
class Prepared:
    """A plan and what was excluded from it.

    Attributes:
        spans: per coin the time that all needed streams cover, and that was asked for.
        left_out: coins that cannot be traded, with the streams that they lack, or the common time
            of these.
        outside: events that fell outside the time that their coin's streams cover.
        needs: streams that the instrument cannot be traded without.
    """

    plan: Plan
    needs: tuple[str, ...]
    spans: Mapping[str, Span]
    left_out: Mapping[str, tuple[str, ...]]
    outside: int


def covered(market: Market, *streams: str) -> Span:
    """The time that all of `streams` cover: the latest of their first and earliest of their last.

    Bars count from their open to their close, other records by their stamps.
    """
    starts, ends = [market.index[0]], [market.index[-1] + market.bar]
    for name in streams:
        table = market.table(name)
        starts.append(table["time"].min())
        ends.append(table["available"].max())
    return max(starts).ceil(market.bar), min(ends).floor(market.bar)


def prepare(
    strategy: Strategy,
    markets: Mapping[str, Market],
    phases: Phases,
    *,
    costs: CostSettings,
    window_hours: float = 0.0,
    weekly: bool = False,
    within: Span | None = None,
    memo: Memo | None = None,
) -> Prepared:
    """The plan of one strategy on the coins of a data set.

    Args:
        strategy: what to trade.
        markets: by coin, all with bars of one size.
        phases: what the strategy's signal detected in them.
        costs: the data set's own costs; the strategy's override them.
        window_hours: the signal's longest detection window.
        weekly: whether its phases are tied to weekdays.
        within: first open and last close that may be traded: no bar outside exists, no event that
            became known there, and no coin that is covered only there. As at the start of data, an
            event needs its own bar to lie within.
        memo: that of the data set, by which strategies of one instrument share their arrays.

    Raises:
        DataError: no coin has the streams that the instrument needs, or is covered within.
    """
    trade = strategy.trade
    traded = Traded.kept(memo or Memo(), trade, markets)
    coin_arrays, spans = traded.coin_arrays, traded.spans
    if coin_arrays is None:
        together = " and ".join(traded.needs)
        raise DataError(
            f"strategy {strategy.name} needs coins with {together} over a common time",
            got=_lacks(traded.left_out),
        )
    bar = pd.Timedelta(coin_arrays.bar_ns, "ns")
    table, outside = _inside(phases.table, spans, bar)
    if within is not None:
        spans = _clipped(strategy, spans, within, bar)
        coin_arrays = _cut(coin_arrays, spans)
        table, _ = _inside(table, spans, bar)
    rules = trade.rules()
    try:
        hold_bars(rules, coin_arrays.bar_ns)
    except ParameterError as error:
        raise placed(error, f"strategy {strategy.name}, [trade]") from None
    time, symbols = coin_arrays.time, coin_arrays.symbols
    own = _by_coin(table, symbols, strategy.phases, time)
    exits = _by_coin(table, symbols, trade.exit_on, time) if trade.exit_on else own
    costs_ = tuple(costs_of(symbol, costs, strategy.costs) for symbol in symbols)
    leans = [{int(lean) for lean in held} for _, held, _ in own]
    plan = Plan(
        strategy=strategy.name,
        signal=strategy.signal,
        phases=strategy.phases,
        coin_arrays=coin_arrays,
        costs=costs_,
        refused=_refused(strategy, symbols, leans, costs_),
        bars=tuple(bar for bar, _, _ in own),
        leans=tuple(lean for _, lean, _ in own),
        codes=tuple(code for _, _, code in own),
        exit_bars=tuple(bar for bar, _, _ in exits),
        exit_leans=tuple(lean for _, lean, _ in exits),
        rules=rules,
        window_hours=window_hours,
        weekly=weekly,
    )
    return Prepared(plan, traded.needs, spans, traded.left_out, outside)


@dataclass(frozen=True)
class Traded:
    """The coins of a data set as one instrument trades them; see `Prepared`."""

    needs: tuple[str, ...]
    spans: Mapping[str, Span]
    left_out: Mapping[str, tuple[str, ...]]
    coin_arrays: CoinArrays | None  #: None where no coin can be traded

    @classmethod
    def kept(cls, memo: Memo, trade: Trade, markets: Mapping[str, Market]) -> Traded:
        """The same for all who trade a data set in the same way; `memo` is that of the data set."""
        how: tuple[object, ...] = (trade.instrument, trade.target_volatility)
        if trade.instrument in ("future", "carry"):
            how = (*how, trade.min_days_left, trade.leave_days)
        return memo.get(("traded", *how), lambda: cls.of(trade, markets), keep=None)

    @classmethod
    def of(cls, trade: Trade, markets: Mapping[str, Market]) -> Traded:
        """From the markets, one at a time."""
        needs = NEEDS[trade.instrument]
        together = " and ".join(needs)
        spans: dict[str, Span] = {}
        lacking: dict[str, tuple[str, ...]] = {}
        apart: dict[str, tuple[str, ...]] = {}
        bar = pd.Timedelta(0)
        for symbol, market in markets.items():
            if missing := market.missing(*needs):
                lacking[symbol] = missing
                continue
            start, end = covered(market, *needs)
            if start < end:
                spans[symbol], bar = (start, end), market.bar
            else:
                apart[symbol] = (f"a common time of {together}",)
        left_out = lacking | apart
        if not spans:
            return cls(needs, spans, left_out, None)
        time = calendar(list(spans.values()), bar)
        arrays = (instrument_arrays(trade, markets[s], time, spans[s]) for s in spans)
        return cls(needs, spans, left_out, CoinArrays(arrays))


def instrument_arrays(trade: Trade, market: Market, time: IntArray, span: Span) -> BarArrays:
    """Bars of what is traded: the coin's own, or those of its contracts."""
    spot = trade.instrument == "spot"
    base = bar_arrays(market, time=time, start=span[0], end=span[1], spot=spot)
    if trade.target_volatility is not None:
        shares = risk_shares(time, base.close, target=trade.target_volatility)
        base = replace(base, share=shares)
    if trade.instrument in ("perp", "spot"):
        return base
    return dated_arrays(
        market,
        base,
        carry=trade.instrument == "carry",
        min_days_left=trade.min_days_left,
        leave_days=trade.leave_days,
        start=span[0],
        end=span[1],
    )


def _clipped(
    strategy: Strategy, spans: Mapping[str, Span], within: Span, bar: pd.Timedelta
) -> dict[str, Span]:
    """The part of each span that lies within; coins without one are left out."""
    start, end = within[0].ceil(bar), within[1].floor(bar)
    cut = {symbol: (max(first, start), min(last, end)) for symbol, (first, last) in spans.items()}
    kept = {symbol: (first, last) for symbol, (first, last) in cut.items() if first < last}
    if not kept:
        raise DataError(
            f"strategy {strategy.name} needs a coin that is covered within the time asked for",
            got=f"none from {within[0]:%Y-%m-%d %H:%M} to {within[1]:%Y-%m-%d %H:%M} UTC",
        )
    return kept


def _cut(coin_arrays: CoinArrays, spans: Mapping[str, Span]) -> CoinArrays:
    """The coin_arrays of some coins on the union calendar of their spans.

    They are cut and not made anew, as a hole in the settlements may reach in from before.
    """
    first, last = min(a for a, _ in spans.values()), max(b for _, b in spans.values())
    bounds = np.searchsorted(coin_arrays.time, [first.value, last.value])
    return CoinArrays(
        cut_arrays(coin_arrays[place], int(bounds[0]), int(bounds[1]))
        for place, symbol in enumerate(coin_arrays.symbols)
        if symbol in spans
    )


def _refused(
    strategy: Strategy, symbols: Sequence[str], leans: Sequence[set[int]], costs: Sequence[Costs]
) -> dict[str, str]:
    """Stances that would sell spot short where none can be borrowed."""
    if strategy.trade.instrument not in ("spot", "carry"):
        return {}
    # a long future is held against spot sold short
    against = {"follow": -1, "fade": 1}
    sign = -1 if strategy.trade.instrument == "carry" else 1
    refused = {}
    for stance, short in against.items():
        lacking = [
            symbol
            for symbol, held, cost in zip(symbols, leans, costs, strict=True)
            if sign * short in held and cost.borrow is None
        ]
        if lacking:
            refused[stance] = (
                "spot would be sold short, and no borrow rate is given "
                f"([costs] borrow_rate) for {_listed(lacking)}"
            )
    return refused


def _lacks(left_out: Mapping[str, tuple[str, ...]]) -> str:
    """What coins lack, each kind once: `AAVE, ADA and 189 more lack future; SUN lacks perp`."""
    coins: dict[str, list[str]] = {}
    for symbol, streams in left_out.items():
        coins.setdefault(" and ".join(streams), []).append(symbol)
    return "; ".join(
        f"{_listed(symbols)} {'lacks' if len(symbols) == 1 else 'lack'} {streams}"
        for streams, symbols in coins.items()
    )


def _listed(symbols: Sequence[str], *, most: int = 5) -> str:
    """Some names, and how many more there are."""
    more = len(symbols) - most
    return ", ".join(symbols[:most]) + (f" and {more} more" if more > 0 else "")


def contrary_events(plan: Plan) -> int:
    """How many events lean against the one that is traded on their bar.

    Of several events on one bar that of the phase listed first in the strategy is traded.
    """
    count = 0
    for bar, lean in zip(plan.bars, plan.leans, strict=True):
        first = np.searchsorted(bar, bar, side="left")
        count += int((lean != lean[first]).sum()) if len(bar) else 0
    return count


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


def _inside(
    table: pd.DataFrame, spans: Mapping[str, Span], bar: pd.Timedelta
) -> tuple[pd.DataFrame, int]:
    """Events that became known within their coin's span, and how many did not."""
    known = table["time"] + bar
    start = table["symbol"].map({s: span[0] for s, span in spans.items()})
    end = table["symbol"].map({s: span[1] for s, span in spans.items()})
    traded = table["symbol"].isin(list(spans))
    keep = traded & (known > start) & (known <= end) if len(table) else traded
    return table[keep], int((traded & ~keep).sum())


def _by_coin(
    table: pd.DataFrame, symbols: Sequence[str], phases: Sequence[str], time: IntArray
) -> list[tuple[IntArray, IntArray, IntArray]]:
    """By coin the bars, leans and codes of its events of the phases named, in order."""
    coin = pd.Index(symbols).get_indexer(pd.Index(table["symbol"]))
    code = pd.Index(phases).get_indexer(pd.Index(table["phase"]))
    mine = (coin >= 0) & (code >= 0)
    stamps = table["time"].dt.tz_convert(None).to_numpy("datetime64[ns]").astype(np.int64)
    bar = np.searchsorted(time, stamps)
    lean = table["lean"].to_numpy(np.int64)
    coin, code, bar, lean = (np.asarray(a, np.int64)[mine] for a in (coin, code, bar, lean))
    order = np.lexsort((code, bar, coin))
    bounds = np.searchsorted(coin[order], np.arange(len(symbols) + 1))
    places = [order[first:last] for first, last in pairwise(bounds.tolist())]
    return [(bar[at], lean[at], code[at]) for at in places]
