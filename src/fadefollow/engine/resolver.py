"""The trade resolver: market arrays, phases and rules in, trades out (DESIGN.md, section 4)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fadefollow.engine.dated import outcomes_dated, resolve_dated, returns_dated
from fadefollow.engine.kernel import (
    END,
    FLOATS,
    INTS,
    event_arrays,
    every_bar,
    exit_levels,
    rule_tables,
    run_book,
)
from fadefollow.engine.model import (
    EXIT_REASONS,
    AnyRules,
    Book,
    Costs,
    DatedTape,
    Events,
    FloatArray,
    IntArray,
    Returns,
    Rules,
    Tape,
    hold_bars,
)

__all__ = [
    "Outcome",
    "Returns",
    "bare_returns",
    "bare_trades",
    "hold_bars",
    "outcomes",
    "resolve",
    "resolve_returns",
]


def resolve(tape: Tape, events: Events, *, rules: AnyRules, costs: Costs) -> Book:
    """The trades of one coin and book, as a table.

    A position whose liquidation price opens a bar at or beyond its level is liquidated even if an
    exit is due at that open, as an isolated margin cannot lose more than itself. The book does not
    enter at that open again.

    Args:
        tape: prices and settlements of the coin.
        events: phases with their side in this book, sorted by bar. They act in order of their due
            bars; of those due at one open the one known first wins, at one bar the first given.
        rules: how positions open and close; of several rule sets each event names its own.
        costs: fees, slippage and maintenance rate.

    Returns:
        Every trade, also those held over a hole in the settlements (column `hole`).

    Raises:
        ParameterError: a holding time is not a whole number of bars, or an event's rule set is
            not there.
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


def resolve_returns(tape: Tape, events: Events, *, rules: AnyRules, costs: Costs) -> Returns:
    """The same trades as `resolve`, as bare arrays and much faster."""
    if isinstance(tape, DatedTape):
        return returns_dated(tape, events, rules=rules, costs=costs)
    return bare_returns(*bare_trades(tape, events, rules=rules, costs=costs))


def bare_trades(
    tape: Tape, events: Events, *, rules: AnyRules, costs: Costs
) -> tuple[IntArray, FloatArray]:
    """The trades of a perp as bare records, one row a trade: columns INTS and FLOATS (kernel)."""
    ints, floats, _ = _run(tape, events, rules, costs)
    return ints, floats


def bare_returns(ints: IntArray, floats: FloatArray) -> Returns:
    """What `resolve_returns` gives, from `bare_trades`."""
    value = floats[:, FLOATS.index("return")].copy()
    reason, hole = ints[:, INTS.index("reason")], ints[:, INTS.index("hole")]
    value[(reason == END) | (hole >= 0)] = math.nan
    names = ("entry_bar", "exit_bar", "code", "rule", "side")
    entry, last, code, rule, side = (ints[:, INTS.index(c)] for c in names)
    return Returns(entry, last, code, rule, side, value)


class Outcome(NamedTuple):
    """What the same trade earns from every bar on, shape (n,) each, by entry bar."""

    #: net return; NaN where no entry is possible, or the trade does not end in time or is held
    #: over a hole in the settlements
    value: FloatArray
    exit_bar: IntArray  #: the trade's last bar
    inside: BoolArray  #: whether it ended inside that bar, and not at its open


def outcomes(tape: Tape, side: int, *, rules: Rules, costs: Costs) -> Outcome:
    """The outcome of the same trade entered at the open of every bar, each on its own.

    Time exit, stop, target, trail, liquidation, costs and funding as in `resolve`, no `opposite`.
    """
    if isinstance(tape, DatedTape):
        value = outcomes_dated(tape, side, rules=rules, costs=costs)
        return Outcome(value, np.zeros(len(value), np.int64), np.zeros(len(value), bool))
    hold, levels = hold_bars(rules, tape.bar_ns), exit_levels(rules)
    return Outcome(*every_bar(*_tape(tape), side, hold, *levels, *_costs(tape, costs)))


def _run(tape: Tape, events: Events, rules: AnyRules, costs: Costs) -> tuple[Any, Any, int]:
    return run_book(*_arguments(tape, events, rules, costs))  # type: ignore[no-any-return]


def _arguments(tape: Tape, events: Events, rules: AnyRules, costs: Costs) -> tuple[Any, ...]:
    return (
        *_tape(tape), *event_arrays(events, rules), *rule_tables(rules, tape.bar_ns),
        *_costs(tape, costs), rules.capital, rules.weight, rules.compound,
    )  # fmt: skip


def _tape(t: Tape) -> tuple[Any, ...]:
    return (
        t.time, t.open, t.high, t.low, t.close, t.liq_open, t.liq_high, t.liq_low,
        t.settle_time, t.settle_rate, t.settle_mark, t.holes,
    )  # fmt: skip


def _costs(tape: Tape, costs: Costs) -> tuple[float, float, float, float]:
    borrow = (costs.borrow or 0.0) if tape.spot else 0.0  # only who sells the coin borrows it
    return costs.fee, costs.slippage, costs.maintenance, borrow
