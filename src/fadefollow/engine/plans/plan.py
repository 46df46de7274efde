"""From a strategy and detected phases to the plan that is resolved in either stance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from fadefollow.core.cache.memo import Memo
from fadefollow.core.toml import placed
from fadefollow.engine.costs import CostSettings, costs_of
from fadefollow.engine.kernels.dated import dated_arrays
from fadefollow.engine.model import (
    BarArrays,
    Costs,
    IntArray,
    Span,
)
from fadefollow.engine.plans.bar_arrays import bar_arrays, calendar, cut_arrays
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.plans.sizing import risk_shares
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.resolver import hold_bars
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.panel import Market
from fadefollow.phases import Phases

__all__ = [
    "NEEDS",
    "Plan",
    "Prepared",
    "Span",
    "contrary_events",
    "covered",
    "instrument_arrays",
    "prepare",
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
