"""Entries and exits of a claim as they become known, with the fills that the backtest assumes.

An entry or an exit at an open is known at the close of a bar before it; one inside a bar (stop,
target, trail, liquidation) when that bar closes. The latest exit of an open trade, at the end of
its holding time, is known when it is entered. What is due at an open that no bar has yet, or after
the last settlement, up to which positions are accounted for, is known, too, and is what a live
account acts on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.engine.exits import EXIT_RULES
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
        Columns ORDER_COLUMNS, one row an order. `state` is `filled`; `due`: to be given now, or
        given since the last settlement; `planned`: the latest exit of an open trade, which another
        may come before.
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
            "state": "due" if due <= found.now else "planned",
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
    strategy = claim.bet
    ahead = _ahead(claim, found, trade["symbol"], strategy.trade.exit_on or strategy.phases)
    within = (ahead["due"] > trade["entry_time"]) & (ahead["due"] < last)
    against = ahead[(ahead["side"] == -int(trade["side"])) & within]
    if strategy.trade.opposite and len(against):
        first = against.iloc[0]
        return first["time"] + found.bar, first["due"], "opposite"
    return trade["entry_time"], last, "time"


def _due_entries(claim: Claim, found: Traded) -> Iterator[dict[str, Any]]:
    """Entries of the claim's phase that are not accounted for yet, the first of each coin.

    Each with the latest exit that it can have.
    A phase is traded if its coin's book is flat at its open, or the position ends at it.
    """
    for arrays in found.plan.coin_arrays:
        symbol, beta = arrays.symbol, _beta(found, arrays.symbol)
        ahead = _ahead(claim, found, symbol, claim.bet.phases)
        # of several phases on one bar the one listed first is traded
        ahead = ahead.drop_duplicates("time")
        mine = ahead[(ahead["phase"] == claim.phase) & (ahead["time"] >= claim.starts)]
        hedged = claim.book == "outright" or not np.isnan(beta)
        free = [row for row in mine.to_dict("records") if _free(claim, found, symbol, row["due"])]
        for row in free[:1] if hedged else ():
            side, due = int(row["side"]), row["due"]
            same = {
                "claim": claim.claim,
                "trade_id": "",
                "symbol": symbol,
                "position": _POSITIONS[side],
                "assumed_price": np.nan,
                "hedge_beta": beta if claim.book == "hedged" else np.nan,
                **_costs(found, symbol),
            }
            yield {
                **same,
                "action": "enter",
                "side": _SIDES[side],
                "state": "due",
                "known_at": row["time"] + found.bar,
                "due_at": due,
                "candle": due - found.bar,
                "reason": claim.phase,
            }
            trade = {"symbol": symbol, "entry_time": due, "side": side}
            known, leaves, reason = _exit_ahead(claim, found, trade)
            yield {
                **same,
                "action": "exit",
                "side": _SIDES[-side],
                "state": "due" if leaves <= found.now else "planned",
                "known_at": known,
                "due_at": leaves,
                "candle": leaves - found.bar,
                "reason": reason,
            }


def _free(claim: Claim, found: Traded, symbol: str, due: pd.Timestamp) -> bool:
    """Whether a coin's book is flat at an open after the last bar, or its position ends there."""
    coin = found.place(symbol)
    time, trades = found.plan.coin_arrays[coin].time, found.books[coin].trades
    held = trades[(trades["reason"] == CUT_OFF) & (trades["exit_bar"] == len(time) - 1)]
    if held.empty:
        return True
    last = held.iloc[-1]
    entered = pd.Timestamp(int(time[last["entry_bar"]]), tz="UTC")
    trade = {"symbol": symbol, "entry_time": entered, "side": last["side"]}
    return bool(_exit_ahead(claim, found, trade)[1] <= due)


def _ahead(claim: Claim, found: Traded, symbol: str, phases: Sequence[str]) -> pd.DataFrame:
    """Events of a coin that are acted on after what is accounted for: time, phase, side, due.

    In the order of time, and of the phases as they are given.
    """
    rows = found.events[
        (found.events["symbol"] == symbol) & found.events["phase"].isin(list(phases))
    ]
    wait = (1 + claim.bet.trade.delay_bars) * found.bar
    table = pd.DataFrame(
        {
            "time": rows["time"],
            "phase": rows["phase"].astype(str),
            "side": rows["lean"].astype(int) * (1 if claim.stance == "follow" else -1),
            "due": rows["time"] + wait,
        }
    )
    table = table.assign(place=table["phase"].map({name: n for n, name in enumerate(phases)}))
    ahead = table[table["due"] >= found.end]
    return ahead.sort_values(["time", "place"], kind="stable", ignore_index=True)


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
