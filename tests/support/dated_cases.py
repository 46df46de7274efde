"""Small arrays of dated futures written by hand, and one way to call oracle and resolver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fadefollow.engine.model import AnyRules, Costs, DatedBarArrays, Events, FloatArray
from fadefollow.engine.resolver import resolve
from tests.support.dated_oracle import Leg, dated_oracle
from tests.support.engine_cases import HOUR, START, Prices

Quote = float | Prices | None
Run = Callable[[DatedBarArrays, Events, AnyRules, Costs], tuple[list[Leg], int]]

_OWN = ("open", "high", "low", "close", "liq_open", "liq_high", "liq_low")
LEG_INTEGERS = ("trade", "code", "rule", "side", "signal_bar", "entry_bar", "exit_bar", "series")
LEG_FLOATS = (
    "entry_price",
    "exit_price",
    "size",
    "notional",
    "fees",
    "slippage",
    "funding",
    "pnl",
)


def quotes(bars: Sequence[Quote]) -> FloatArray:
    """Rows of open, high, low, close from such rows, flat prices, and None where missing."""
    rows = [(bar,) * 4 if bar is None or isinstance(bar, float | int) else bar for bar in bars]
    return np.array(rows, float).reshape(-1, 4)


def make_dated(
    *contracts: Sequence[Quote],
    nearest: Sequence[int],
    leave: Sequence[int],
    spot: Sequence[Quote] | None = None,
    bar_hours: float = 1.0,
    symbol: str = "COIN",
) -> DatedBarArrays:
    """Bar arrays from the quotes of each contract; with spot it is a carry."""
    step = round(bar_hours * HOUR)
    tables = np.stack([quotes(contract) for contract in contracts])
    n = tables.shape[1]
    own = np.full(n, 7.0)  # the coin's own prices are none of a contract's business
    flat = quotes([None] * n if spot is None else spot)
    same: dict[str, Any] = dict.fromkeys(_OWN, own)
    return DatedBarArrays(
        symbol=symbol,
        bar_ns=step,
        time=START + step * np.arange(n, dtype=np.int64),
        **same,
        settle_time=np.empty(0, np.int64),
        settle_rate=np.empty(0),
        settle_mark=np.empty(0),
        carry=spot is not None,
        contracts=tuple(f"future:{number}" for number in range(len(contracts))),
        dated_open=tables[:, :, 0].copy(),
        dated_high=tables[:, :, 1].copy(),
        dated_low=tables[:, :, 2].copy(),
        dated_close=tables[:, :, 3].copy(),
        spot_open=flat[:, 0].copy() if spot is not None else np.empty(0),
        spot_close=flat[:, 3].copy() if spot is not None else np.empty(0),
        nearest=np.array(nearest, np.int64),
        leave=np.array(leave, np.int64),
    )


def in_order(legs: list[Leg]) -> list[Leg]:
    """By trade; in it the future's legs in order, then spot."""
    return sorted(legs, key=lambda leg: (leg["trade"], leg["series"], leg["entry_bar"]))


def run_dated_oracle(
    arrays: DatedBarArrays, events: Events, rules: AnyRules, costs: Costs
) -> tuple[list[Leg], int]:
    """What the oracle makes, in one order."""
    legs, dropped = dated_oracle(arrays, events, rules, costs)
    return in_order(legs), dropped


def run_dated_resolver(
    arrays: DatedBarArrays, events: Events, rules: AnyRules, costs: Costs
) -> tuple[list[Leg], int]:
    """What the resolver makes, in the oracle's form."""
    book = resolve(arrays, events, rules=rules, costs=costs)
    assert book.legs is not None
    assert set(book.legs.columns) >= {*LEG_INTEGERS, *LEG_FLOATS, "reason"}
    legs: list[Any] = book.legs.to_dict("records")
    return in_order(legs), book.dropped
