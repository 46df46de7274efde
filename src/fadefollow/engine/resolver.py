"""The trade resolver: market arrays, phases and rules in, trades out (DESIGN.md, section 4)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.engine.dated import outcomes_dated, resolve_dated, returns_dated
from fadefollow.engine.kernel import END, FLOATS, INTS, every_bar, run_book
from fadefollow.engine.model import (
    EXIT_REASONS,
    Book,
    Costs,
    DatedTape,
    Events,
    FloatArray,
    Returns,
    Rules,
    Tape,
    hold_bars,
)

__all__ = ["Returns", "hold_bars", "outcomes", "resolve", "resolve_returns"]


def resolve(tape: Tape, events: Events, *, rules: Rules, costs: Costs) -> Book:
    """The trades of one coin and book, as a table.

    A position whose liquidation price opens a bar at or beyond its level is liquidated even if an
    exit is due at that open, as an isolated margin cannot lose more than itself. The book does not
    enter at that open again.

    Args:
        tape: prices and settlements of the coin.
        events: phases with their side in this book, sorted by bar; at one bar the first wins.
        rules: how positions open and close.
        costs: fees, slippage and maintenance rate.

    Returns:
        Every trade, also those held over a hole in the settlements (column `hole`).

    Raises:
        ParameterError: the holding time is not a whole number of bars.
    """
    if isinstance(tape, DatedTape):
        return resolve_dated(tape, events, rules=rules, costs=costs)
    ints, floats, dropped = _run(tape, events, rules, costs)
    trades = pd.DataFrame(
        {name: ints[:, c] for c, name in enumerate(INTS)}
        | {name: floats[:, c] for c, name in enumerate(FLOATS)}
    )
    trades["reason"] = np.array(EXIT_REASONS, dtype=object)[trades["reason"].to_numpy()]
    return Book(trades, int(dropped))


def resolve_returns(tape: Tape, events: Events, *, rules: Rules, costs: Costs) -> Returns:
    """The same trades as `resolve`, as bare arrays and much faster."""
    if isinstance(tape, DatedTape):
        return returns_dated(tape, events, rules=rules, costs=costs)
    ints, floats, _ = _run(tape, events, rules, costs)
    value = floats[:, FLOATS.index("return")].copy()
    reason, hole = ints[:, INTS.index("reason")], ints[:, INTS.index("hole")]
    value[(reason == END) | (hole >= 0)] = math.nan
    entry, last, code, side = (
        ints[:, INTS.index(c)] for c in ("entry_bar", "exit_bar", "code", "side")
    )
    return Returns(entry, last, code, side, value)


def outcomes(tape: Tape, side: int, *, rules: Rules, costs: Costs) -> FloatArray:
    """Net return of the same trade entered at the open of every bar, each on its own.

    Time exit, stop, target, trail, liquidation, costs and funding as in `resolve`, no `opposite`.

    Returns:
        Shape (n,), by entry bar; NaN where no entry is possible, or the trade does not end in
        time or is held over a hole in the settlements.
    """
    if isinstance(tape, DatedTape):
        return outcomes_dated(tape, side, rules=rules, costs=costs)
    return every_bar(  # type: ignore[no-any-return]
        *_tape(tape), side, hold_bars(rules, tape.bar_ns), *_exits(rules), *_costs(costs)
    )


def _run(tape: Tape, events: Events, rules: Rules, costs: Costs) -> tuple[Any, Any, int]:
    return run_book(  # type: ignore[no-any-return]
        *_tape(tape),
        events.bar, events.side, events.code, events.exit_bar, events.exit_side,
        rules.opposite, rules.delay_bars, hold_bars(rules, tape.bar_ns),
        *_exits(rules), *_costs(costs), rules.capital, rules.weight, rules.compound,
    )  # fmt: skip


def _tape(t: Tape) -> tuple[Any, ...]:
    return (
        t.time, t.open, t.high, t.low, t.close, t.liq_open, t.liq_high, t.liq_low,
        t.settle_time, t.settle_rate, t.settle_mark, t.holes,
    )  # fmt: skip


def _exits(rules: Rules) -> tuple[float, float, float, float]:
    off = math.nan
    stop, target, trail = (off if x is None else x for x in (rules.stop, rules.target, rules.trail))
    return stop, target, trail, rules.leverage


def _costs(costs: Costs) -> tuple[float, float, float]:
    return costs.fee, costs.slippage, costs.maintenance
