"""Entries and exits of a claim as they become known, with the fills that the backtest assumes.

An entry or an exit at an open is known at the close of a bar before it; one inside a bar (stop,
target, trail, liquidation) when that bar closes. The latest exit of an open trade, at the end of
its holding time, is known when it is entered. What is due at an open that no bar has yet is known,
too, and is what a live account acts on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.engine.exits import EXIT_RULES
from fadefollow.engine.model import IntArray
from fadefollow.jobs.watching.trades import Traded
from fadefollow.results.claims import Claim
from fadefollow.verdict.sequential.blocks import CUT_OFF

#: columns of a table of orders
ORDER_COLUMNS = (
    "claim",
    "trade_id",
    "symbol",
    "action",
    "side",
    "position",
    "state",
    "known_at",
    "due_at",
    "candle",
    "assumed_price",
    "slippage_bps",
    "fee_bps",
    "reason",
    "hedge_beta",
)
#: exits at an open that follow from the time alone
_TIMED = ("time", "roll", "expiry")
_INSIDE = (*(rule.name for rule in EXIT_RULES), "liquidation")
_POSITIONS = {1: "long", -1: "short"}
_SIDES = {1: "buy", -1: "sell"}


def orders_of(claim: Claim, found: Traded) -> pd.DataFrame:
    """The entries and exits of a claim since its start, in the order in which they became known.

    Args:
        claim: whose they are.
        found: its trades.

    Returns:
        Columns ORDER_COLUMNS, one row an order. `state` is `filled`; `due`: at an open that has
        not come; `planned`: the latest exit of an open trade, which another may come before.
        `known_at` and `due_at` are UTC; `candle` is the open time of the bar at whose close the
        order must be given, so that it fills at the next open. `assumed_price` includes slippage
        and is NaN where nothing is filled.
    """
    rows = [
        row
        for trade in found.since(claim.starts).to_dict("records")
        if trade["state"] != "cut"
        for row in _of_trade(claim, found, {str(name): value for name, value in trade.items()})
    ]
    rows += list(_due_entries(claim, found))
    table = pd.DataFrame(rows, columns=list(ORDER_COLUMNS))
    order = ["known_at", "due_at", "symbol", "action"]
    return table.sort_values(order, kind="stable", ignore_index=True)


def _of_trade(claim: Claim, found: Traded, trade: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The entry of a trade, and its exit or the latest one that it can have."""
    bar, side = found.bar, int(trade["side"])
    same = {
        "claim": claim.claim,
        "trade_id": trade["trade_id"],
        "symbol": trade["symbol"],
        "position": _POSITIONS[side],
        "hedge_beta": trade["beta"],
        **_costs(found, trade["symbol"]),
    }
    yield {
        **same,
        "action": "enter",
        "side": _SIDES[side],
        "state": "filled",
        "known_at": trade["signal_time"] + bar,
        "due_at": trade["entry_time"],
        "candle": trade["entry_time"] - bar,
        "assumed_price": trade["entry_price"],
        "reason": trade["phase"],
    }
    leave: dict[str, Any] = {**same, "action": "exit", "side": _SIDES[-side]}
    if trade["state"] == "open":
        known, due, reason = _exit_ahead(claim, found, trade)
        yield {
            **leave,
            "state": "due" if due <= found.end else "planned",
            "known_at": known,
            "due_at": due,
            "candle": due - bar,
            "assumed_price": np.nan,
            "reason": reason,
        }
        return
    reason, due = str(trade["exit_reason"]), trade["exit_time"]
    inside = reason in _INSIDE
    delay = claim.bet.trade.delay_bars * bar
    known = trade["entry_time"] if reason in _TIMED else due + bar if inside else due - delay
    yield {
        **leave,
        "state": "filled",
        "known_at": known,
        "due_at": due,
        "candle": due if inside else due - bar,
        "assumed_price": trade["exit_price"],
        "reason": reason,
    }


def _exit_ahead(
    claim: Claim, found: Traded, trade: Mapping[str, Any]
) -> tuple[pd.Timestamp, pd.Timestamp, str]:
    """When the exit of an open trade at an open was known, when it is due, and why.

    A phase against the position, if one is known that was not acted on yet; else the time.
    """
    last = trade["entry_time"] + found.hold
    coin = found.place(trade["symbol"])
    events = found.plan.events(coin, claim.stance)
    against = events.exit_bar[events.exit_side == -int(trade["side"])]
    opens = _opens(claim, found, against)
    ahead = np.flatnonzero(opens >= found.end.value)
    if claim.bet.trade.opposite and len(ahead) and opens[ahead[0]] < last.value:
        first = int(ahead[0])
        known = _utc(found.plan.coin_arrays[coin].time[against[first]]) + found.bar
        return known, _utc(opens[first]), "opposite"
    return trade["entry_time"], last, "time"


def _due_entries(claim: Claim, found: Traded) -> Iterator[dict[str, Any]]:
    """Entries of the claim's phase at opens after the last bar.

    A phase is traded if its coin's book is flat at that open, or the position ends at it.
    """
    plan = found.plan
    for coin, arrays in enumerate(plan.coin_arrays):
        events, beta = plan.events(coin, claim.stance), _beta(found, arrays.symbol)
        opens = _opens(claim, found, events.bar)
        for place in np.flatnonzero(opens >= found.end.value):
            signal, due = _utc(arrays.time[events.bar[place]]), _utc(opens[place])
            phase, side = plan.phases[events.code[place]], int(events.side[place])
            # of several phases on one bar the one listed first is traded
            first = place == 0 or events.bar[place - 1] != events.bar[place]
            hedged = claim.book == "outright" or not np.isnan(beta)
            mine = phase == claim.phase and signal >= claim.starts and first and hedged
            if not mine or not _free(claim, found, coin, due):
                continue
            yield {
                "claim": claim.claim,
                "trade_id": "",
                "symbol": arrays.symbol,
                "action": "enter",
                "side": _SIDES[side],
                "position": _POSITIONS[side],
                "state": "due",
                "known_at": signal + found.bar,
                "due_at": due,
                "candle": due - found.bar,
                "assumed_price": np.nan,
                "reason": phase,
                "hedge_beta": beta if claim.book == "hedged" else np.nan,
                **_costs(found, arrays.symbol),
            }


def _free(claim: Claim, found: Traded, coin: int, due: pd.Timestamp) -> bool:
    """Whether a coin's book is flat at an open after the last bar, or its position ends there."""
    arrays, trades = found.plan.coin_arrays[coin], found.books[coin].trades
    held = trades[(trades["reason"] == CUT_OFF) & (trades["exit_bar"] == len(arrays.time) - 1)]
    if held.empty:
        return True
    last = held.iloc[-1]
    entered = _utc(arrays.time[last["entry_bar"]])
    trade = {"symbol": arrays.symbol, "entry_time": entered, "side": last["side"]}
    return _exit_ahead(claim, found, trade)[1] <= due


def _opens(claim: Claim, found: Traded, bars: IntArray) -> IntArray:
    """The open at which an event of each bar is acted on, nanoseconds since 1970."""
    arrays = found.plan.coin_arrays[0]
    wait = (1 + claim.bet.trade.delay_bars) * arrays.bar_ns
    return np.asarray(arrays.time[bars] + wait, np.int64)


def _utc(time: int | np.int64) -> pd.Timestamp:
    return pd.Timestamp(int(time), tz="UTC")


def _costs(found: Traded, symbol: str) -> dict[str, float]:
    """What a fill of a coin is assumed to cost."""
    costs = found.plan.costs[found.place(symbol)]
    return {"slippage_bps": 1e4 * costs.slippage, "fee_bps": 1e4 * costs.fee}


def _beta(found: Traded, symbol: str) -> float:
    """A coin's beta of today; NaN where it is not hedged."""
    basket = found.plan.basket
    if basket is None or symbol not in basket.betas:
        return float("nan")
    return float(basket.betas[symbol][-1])
