"""Dated futures: the arrays of listed contracts, and trades of one or more legs."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.engine.exits import EXIT_REASONS, REASONS
from fadefollow.engine.kernels.arrays import (
    Carry,
    Spot,
    account_of,
    contracts_of,
    cost_rates,
    event_arrays,
    rule_tables,
    settlements_of,
)
from fadefollow.engine.kernels.carry import run_carry
from fadefollow.engine.kernels.future import LEG_FLOATS, LEG_INTS, Legs, run_future
from fadefollow.engine.kernels.outcomes import Outcomes
from fadefollow.engine.model import (
    DAY_NS,
    AnyRules,
    BarArrays,
    Book,
    Costs,
    DatedBarArrays,
    Events,
    FloatArray,
    IntArray,
    Returns,
    Rules,
)
from fadefollow.market.panel import Market
from fadefollow.market.prints import shared_range

_PRICES = ("open", "high", "low", "close")
#: entries resolved in one go, so that their records stay small
_AT_ONCE = 2000


def dated_arrays(
    market: Market,
    base: BarArrays,
    *,
    carry: bool,
    min_days_left: float,
    leave_days: float,
    start: pd.Timestamp,
    end: pd.Timestamp,
) -> DatedBarArrays:
    """The contracts that a market lists, on the calendar of `base`.

    A contract is liquidated by its own high and low, held to what the coin's mark and spot and the
    contract's closes support in that bar and the one before (its basis is real, a print is not);
    where neither mark nor spot is known, by its own as they are.

    Args:
        market: with the stream `future`, and for carry `spot`.
        base: the arrays of the coin itself.
        carry: whether spot is the other leg.
        min_days_left: an entry takes the nearest contract that has at least these days left.
        leave_days: a contract is left at the first open with no more than these days left, and at
            the latest at its own last bar, if others trade on.
        start: first open time that may be used.
        end: last close time that may be used.
    """
    time, count = base.time, len(base.time)
    table = market.table("future")
    stamp = table["time"].dt.tz_convert(None).to_numpy("datetime64[ns]").astype(np.int64)
    expiry = table["expiry"].dt.tz_convert(None).to_numpy("datetime64[ns]").astype(np.int64)
    listed, number = np.unique(expiry, return_inverse=True)
    place = np.searchsorted(time, stamp)
    inside = place < count
    inside[inside] = time[place[inside]] == stamp[inside]
    used = (time >= start.value) & (time + base.bar_ns <= end.value)
    dated = {}
    for column in _PRICES:
        values = np.full((len(listed), count), np.nan)
        values[number[inside], place[inside]] = table[column].to_numpy(np.float64)[inside]
        values[:, ~used] = np.nan
        dated[column] = values
    gone = np.isnan(np.stack(list(dated.values()))).any(axis=0)
    for values in dated.values():
        values[gone] = np.nan
    last = np.array([_last(row) for row in ~gone], np.int64)
    out_by = np.searchsorted(time, listed - round(leave_days * DAY_NS), side="left")
    over = last.max(initial=-1)
    leave = np.where(last < over, np.minimum(out_by, np.maximum(last, 0)), out_by)
    nearest = np.full(count, -1, np.int64)
    for c in range(len(listed) - 1, -1, -1):
        enough = listed[c] - time >= min_days_left * DAY_NS
        began = np.arange(count) >= (np.argmax(~gone[c]) if (~gone[c]).any() else count)
        nearest[enough & began & (np.arange(count) < leave[c])] = c
    names = [f"future:{pd.Timestamp(e):%y%m%d}" for e in listed]
    plain: dict[str, Any] = {f.name: getattr(base, f.name) for f in fields(BarArrays)}
    none = np.empty(0, np.int64)
    plain |= {"settle_time": none, "settle_rate": np.empty(0), "settle_mark": np.empty(0)}
    plain |= {"holes": np.empty((0, 2), np.int64)}
    if carry:
        for column in ("open", "close"):
            plain[f"spot_{column}"] = np.where(used, _spot(market, base, column), np.nan)
    plain |= {f"dated_{column}": values for column, values in dated.items()}
    plain |= _held(dated, _others(market, base))
    leave = leave.astype(np.int64)
    return DatedBarArrays(
        **plain, carry=carry, contracts=tuple(names), nearest=nearest, leave=leave
    )


def resolve_dated(arrays: DatedBarArrays, events: Events, *, rules: AnyRules, costs: Costs) -> Book:
    """The trades of one coin and book on dated futures, alone or against spot.

    Returns:
        `trades` has one row a trade: side, prices, size and notional are those of the first future
        leg (the exit price of the last one), money is summed over all legs, the return is on the
        first future leg's notional, the reason that of the last future leg.
    """
    written, dropped = _run(arrays, events, rules, costs)
    legs = pd.DataFrame(
        {name: written.ints[:, c] for c, name in enumerate(LEG_INTS)}
        | {name: written.floats[:, c] for c, name in enumerate(LEG_FLOATS)}
    )
    legs["reason"] = pd.Categorical.from_codes(legs["reason"].to_numpy(), dtype=REASONS)
    return Book(_trades(legs, len(arrays.contracts)), int(dropped), legs)


def returns_dated(
    arrays: DatedBarArrays, events: Events, *, rules: AnyRules, costs: Costs
) -> Returns:
    """The same trades as bare arrays."""
    legs, _ = _run(arrays, events, rules, costs)
    return _returns(legs, len(arrays.contracts))


def _returns(legs: Legs, spot: int) -> Returns:
    ints, floats = legs.ints, legs.floats
    trade, first, last = _groups(ints[:, 0], ints[:, LEG_INTS.index("series")], spot)
    pnl = np.bincount(trade, weights=floats[:, LEG_FLOATS.index("pnl")], minlength=len(first))
    value = pnl / floats[first, LEG_FLOATS.index("notional")]
    value[ints[last, LEG_INTS.index("reason")] == EXIT_REASONS.index("end")] = math.nan
    entry, code, rule, side = (
        ints[first, LEG_INTS.index(c)] for c in ("entry_bar", "code", "rule", "side")
    )
    out = np.zeros(len(first), np.int64)
    np.maximum.at(out, trade, ints[:, LEG_INTS.index("exit_bar")])
    return Returns(entry, out, code, rule, side, value)


def outcomes_dated(arrays: DatedBarArrays, side: int, *, rules: Rules, costs: Costs) -> Outcomes:
    """The same trade entered at the open of every bar, each on its own; see `outcomes`."""
    n, none = len(arrays.time), np.empty(0, np.int64)
    out = Outcomes(np.full(n, np.nan), np.full(n, -1, np.int64), np.zeros(n, bool))
    simple = replace(rules, opposite=False, compound=False, delay_bars=0)
    for first in range(0, n, _AT_ONCE):
        bar = np.arange(first, min(first + _AT_ONCE, n), dtype=np.int64) - 1
        sides, codes = np.full(len(bar), side, np.int64), np.zeros(len(bar), np.int64)
        events = Events(bar, sides, codes, none, none)
        legs, _ = _run(arrays, events, simple, costs, alone=True)
        trades = _returns(legs, len(arrays.contracts))
        out.value[trades.entry_bar] = trades.value
        out.exit_bar[trades.entry_bar] = trades.exit_bar
        out.inside[trades.entry_bar] = legs.inside
    return out


def _run(
    arrays: DatedBarArrays, events: Events, rules: AnyRules, costs: Costs, *, alone: bool = False
) -> tuple[Legs, int]:
    listed = contracts_of(arrays)
    how = (
        event_arrays(events, rules),
        rule_tables(rules, arrays.bar_ns),
        cost_rates(arrays, costs),
        account_of(rules, arrays),
        alone,
    )
    if not arrays.carry:
        return run_future(listed, settlements_of(arrays), *how)  # type: ignore[no-any-return]
    spot = Spot(arrays.spot_open, arrays.spot_close)
    return run_carry(Carry(listed, spot), *how)  # type: ignore[no-any-return]


def _groups(trade: IntArray, series: IntArray, spot: int) -> tuple[IntArray, IntArray, IntArray]:
    """Trade of each leg, and of each trade the rows of its first and last future leg."""
    rows = np.flatnonzero(series != spot)
    count = int(trade.max()) + 1 if len(trade) else 0
    first = np.full(count, len(trade))
    last = np.full(count, -1)
    np.minimum.at(first, trade[rows], rows)
    np.maximum.at(last, trade[rows], rows)
    return trade, first, last


def _trades(legs: pd.DataFrame, spot: int) -> pd.DataFrame:
    trade, first, last = _groups(legs["trade"].to_numpy(), legs["series"].to_numpy(), spot)
    kept = ["code", "rule", "side", "signal_bar", "entry_bar", "entry_price", "size", "notional"]
    trades = legs.iloc[first][kept].reset_index(drop=True)
    trades["exit_price"] = legs["exit_price"].to_numpy()[last]
    trades["reason"] = legs["reason"].array[last]
    trades["exit_bar"] = legs.groupby(trade)["exit_bar"].max().to_numpy(np.int64)
    for money in ("fees", "slippage", "funding", "pnl"):
        trades[money] = np.bincount(trade, weights=legs[money].to_numpy(), minlength=len(first))
    trades["return"] = trades["pnl"] / trades["notional"]
    trades["hole"] = -1
    return trades


def _held(dated: dict[str, FloatArray], others: list[FloatArray]) -> dict[str, FloatArray]:
    """High and low of each contract as liquidation sees them."""
    edges = [shared_range(others, close) for close in dated["close"]]
    low, high = (np.stack([edge[k] for edge in edges]) for k in range(2))
    return {
        "dated_liq_high": np.minimum(dated["high"], high),
        "dated_liq_low": np.maximum(dated["low"], low),
    }


def _others(market: Market, base: BarArrays) -> list[FloatArray]:
    """The coin's mark and spot on the base's calendar."""
    names = (("mark", "close"), ("spot", "high"), ("spot", "low"))
    return [_aligned(market, base, market.column(*name)) for name in names]


def _spot(market: Market, base: BarArrays, column: str) -> FloatArray:
    """Spot on the base's calendar; a bar that lacks its open or close is missing."""
    gone = np.isnan(market.column("spot", "open") + market.column("spot", "close"))
    return _aligned(market, base, np.where(gone, np.nan, market.column("spot", column)))


def _aligned(market: Market, base: BarArrays, values: FloatArray) -> FloatArray:
    """Values by bar of the market on the base's calendar."""
    out = np.full(len(base.time), np.nan)
    grid = market.open_time.astype(np.int64)
    place = np.searchsorted(base.time, grid)
    inside = np.flatnonzero(place < len(base.time))
    inside = inside[base.time[place[inside]] == grid[inside]]
    out[place[inside]] = values[inside]
    return out


def _last(present: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    at = np.flatnonzero(present)
    return int(at[-1]) if len(at) else -1
