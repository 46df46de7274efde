"""The trade resolver: market arrays, phases and rules in, trades out (DESIGN.md, section 4)."""

from __future__ import annotations

import math
from typing import Any

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
    run_shifted,
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
    "Returns",
    "add_shifted",
    "bare_returns",
    "bare_trades",
    "hold_bars",
    "outcomes",
    "resolve",
    "resolve_returns",
    "shifted",
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
        *_tape(tape), side, hold_bars(rules, tape.bar_ns), *exit_levels(rules), *_costs(tape, costs)
    )


def add_shifted(
    tape: Tape,
    events: Events,
    *,
    rules: AnyRules,
    costs: Costs,
    shifts: IntArray,
    circle: int,
    day: IntArray,
    sums: FloatArray,
) -> None:
    """Resolve the same events at many shifts, and add the returns up by day of entry.

    Args:
        tape, events, rules, costs: as in `resolve`.
        shifts: bars by which all events move, round a circle of `circle` bars, shape (b,); events
            that fall behind the calendar's end are left out.
        circle: at least the number of bars.
        day: of each bar, shape (n,).
        sums: returns and counts, shape (b, 2, codes, days), added to in place; trades whose value
            in `resolve_returns` is NaN do not count.
    """
    if not isinstance(tape, DatedTape):
        run_shifted(shifts, circle, day, sums, *_arguments(tape, events, rules, costs))
        return
    for number, shift in enumerate(shifts):
        moved = shifted(events, int(shift), circle, len(tape.time))
        found = resolve_returns(tape, moved, rules=rules, costs=costs)
        known = ~np.isnan(found.value)
        at = found.code[known], day[found.entry_bar[known]]
        np.add.at(sums[number, 0], at, found.value[known])
        np.add.at(sums[number, 1], at, 1.0)


def shifted(events: Events, shift: int, circle: int, n: int) -> Events:
    """All events moved round a circle of bars, sorted again; none behind the calendar's end."""

    def turned(bars: IntArray, *columns: IntArray) -> list[IntArray]:
        moved = (bars + shift) % circle
        order = np.argsort(moved, kind="stable")
        order = order[moved[order] < n]
        return [column[order] for column in (moved, *columns)]

    exit_bar, exit_side = turned(events.exit_bar, events.exit_side)
    named = () if events.rule is None else (events.rule,)
    bar, side, code, *rule = turned(events.bar, events.side, events.code, *named)
    return Events(bar, side, code, exit_bar, exit_side, *rule)


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
