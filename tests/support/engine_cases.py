"""Small bar arrays and events by hand, in hours, and one way to call oracle and resolver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fadefollow.engine.exits import EXIT_REASONS
from fadefollow.engine.model import AnyRules, BarArrays, Book, Costs, Events
from fadefollow.engine.resolver import resolve
from tests.support.oracle import Trade

HOUR = 3_600_000_000_000
START = 1_704_067_200_000_000_000  # 2024-01-01 00:00 UTC

Prices = tuple[float, float, float, float]
FLAT: Prices = (100.0, 100.0, 100.0, 100.0)
Run = Callable[[BarArrays, Events, AnyRules, Costs], tuple[list[Trade], int]]

INTEGERS = ("code", "rule", "side", "signal_bar", "entry_bar", "exit_bar", "hole")
FLOATS = (
    "entry_price",
    "exit_price",
    "size",
    "notional",
    "fees",
    "slippage",
    "funding",
    "pnl",
    "return",
)
FIELDS = {*INTEGERS, *FLOATS, "reason"}


def make_arrays(
    bars: Sequence[Prices | None],
    *,
    settlements: Sequence[tuple[float, float, float]] = (),
    liq: Sequence[tuple[float, float, float]] | None = None,
    holes: Sequence[tuple[float, float]] = (),
    bar_hours: float = 1.0,
) -> BarArrays:
    """Bar arrays from (open, high, low, close), None where missing.

    Settlements are (hours since the start, rate, mark), liq is (open, high, low) of the mark,
    holes are pairs of hours.
    """
    step = round(bar_hours * HOUR)
    table = np.array([(np.nan,) * 4 if bar is None else bar for bar in bars], float).reshape(-1, 4)
    mark = table[:, :3] if liq is None else np.array(liq, float)
    paid = np.array(settlements, float).reshape(-1, 3)
    return BarArrays(
        symbol="COIN",
        bar_ns=step,
        time=START + step * np.arange(len(bars), dtype=np.int64),
        open=table[:, 0].copy(),
        high=table[:, 1].copy(),
        low=table[:, 2].copy(),
        close=table[:, 3].copy(),
        liq_open=mark[:, 0].copy(),
        liq_high=mark[:, 1].copy(),
        liq_low=mark[:, 2].copy(),
        settle_time=START + np.round(paid[:, 0] * HOUR).astype(np.int64),
        settle_rate=paid[:, 1].copy(),
        settle_mark=paid[:, 2].copy(),
        holes=START + np.round(np.array(holes, float).reshape(-1, 2) * HOUR).astype(np.int64),
    )


def make_events(
    entries: Sequence[tuple[int, int]],
    exits: Sequence[tuple[int, int]] = (),
    codes: Sequence[int] | None = None,
    rules: Sequence[int] | None = None,
) -> Events:
    """Events from (bar, side), each by the rule set of its number."""
    entry = np.array(entries, np.int64).reshape(-1, 2)
    exit_ = np.array(exits, np.int64).reshape(-1, 2)
    code = np.zeros(len(entry), np.int64) if codes is None else np.array(codes, np.int64)
    rule = None if rules is None else np.array(rules, np.int64)
    return Events(
        entry[:, 0].copy(), entry[:, 1].copy(), code, exit_[:, 0].copy(), exit_[:, 1].copy(), rule
    )


def run_resolver(
    arrays: BarArrays, events: Events, rules: AnyRules, costs: Costs
) -> tuple[list[Trade], int]:
    """What the resolver makes, in the oracle's form."""
    book = resolve(arrays, events, rules=rules, costs=costs)
    return rows_of(book), book.dropped


def rows_of(book: Book) -> list[Trade]:
    """The trades as plain dicts, reasons by name."""
    rows: list[Any] = book.trades.to_dict("records")
    assert set(book.trades.columns) >= FIELDS
    for row in rows:
        reason = row["reason"]
        row["reason"] = reason if isinstance(reason, str) else EXIT_REASONS[int(reason)]
    return rows
