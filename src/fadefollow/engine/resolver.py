"""The trade resolver: market arrays, phases and rules in, trades out (docs/money-rules.md)."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from fadefollow.engine.exits import REASONS
from fadefollow.engine.kernels.arrays import (
    account_of,
    cost_rates,
    event_arrays,
    prices_of,
    rule_tables,
    settlements_of,
)
from fadefollow.engine.kernels.book import FLOATS, INTS, run_plain
from fadefollow.engine.kernels.dated import outcomes_dated, resolve_dated, returns_dated
from fadefollow.engine.kernels.outcomes import Outcomes, every_bar
from fadefollow.engine.kernels.position import END
from fadefollow.engine.model import (
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
    hold_bars,
)

_RETURN, _REASON, _HOLE = FLOATS.index("return"), INTS.index("reason"), INTS.index("hole")
#: columns of a trade's integer record, as `Returns` has them
_OF_RETURNS = [INTS.index(name) for name in ("entry_bar", "exit_bar", "code", "rule", "side")]

__all__ = [
    "Outcomes",
    "Returns",
    "bare_returns",
    "bare_trades",
    "hold_bars",
    "outcomes",
    "resolve",
    "resolve_returns",
]


def resolve(arrays: BarArrays, events: Events, *, rules: AnyRules, costs: Costs) -> Book:
    """The trades of one coin and book, as a table.

    A position whose liquidation price opens a bar at or beyond its level is liquidated even if an
    exit is due at that open, as an isolated margin cannot lose more than itself. The book does not
    enter at that open again.

    Args:
        arrays: prices and settlements of the coin.
        events: phases with their side in this book, sorted by bar. They act in order of their due
            bars; of those due at one open the one known first wins, at one bar the first given.
        rules: how positions open and close; of several rule sets each event names its own.
        costs: fees, slippage and maintenance.

    Returns:
        Every trade, also those held over a hole in the settlements (column `hole`).

    Raises:
        ParameterError: a holding time is not a whole number of bars, or an event's rule set is
            not there.
    """
    if isinstance(arrays, DatedBarArrays):
        return resolve_dated(arrays, events, rules=rules, costs=costs)
    ints, floats, dropped = _run(arrays, events, rules, costs)
    trades = pd.DataFrame(
        {name: ints[:, c] for c, name in enumerate(INTS)}
        | {name: floats[:, c] for c, name in enumerate(FLOATS)}
    )
    trades["reason"] = pd.Categorical.from_codes(trades["reason"].to_numpy(), dtype=REASONS)
    return Book(trades, int(dropped))


def resolve_returns(arrays: BarArrays, events: Events, *, rules: AnyRules, costs: Costs) -> Returns:
    """The same trades as `resolve`, as bare arrays and much faster."""
    if isinstance(arrays, DatedBarArrays):
        return returns_dated(arrays, events, rules=rules, costs=costs)
    return bare_returns(*bare_trades(arrays, events, rules=rules, costs=costs))


def bare_trades(
    arrays: BarArrays, events: Events, *, rules: AnyRules, costs: Costs
) -> tuple[IntArray, FloatArray]:
    """The trades of a perp as bare records, one row a trade: columns INTS and FLOATS (kernel)."""
    ints, floats, _ = _run(arrays, events, rules, costs)
    return ints, floats


def bare_returns(ints: IntArray, floats: FloatArray) -> Returns:
    """What `resolve_returns` gives, from `bare_trades`."""
    value = floats[:, _RETURN].copy()
    value[(ints[:, _REASON] == END) | (ints[:, _HOLE] >= 0)] = math.nan
    entry, last, code, rule, side = (ints[:, c] for c in _OF_RETURNS)
    return Returns(entry, last, code, rule, side, value)


def outcomes(arrays: BarArrays, side: int, *, rules: Rules, costs: Costs) -> Outcomes:
    """The same trade entered at the open of every bar, each on its own.

    Time exit, stop, target, trail, liquidation, costs and funding as in `resolve`, no `opposite`.

    Returns:
        Three arrays by entry bar, shape (n,): `value`, the net return on entry notional, NaN where
        no entry is possible, or the trade does not end in time or is held over a hole in the
        settlements; `exit_bar`, in which the trade (or what the data show of it) ended, −1 where
        none was entered; `inside`, whether it ended after that bar's open: False for `time` and
        the other exits that are due at an open, True for what a price brings about and at the
        end of data.
    """
    if isinstance(arrays, DatedBarArrays):
        return outcomes_dated(arrays, side, rules=rules, costs=costs)
    return every_bar(  # type: ignore[no-any-return]
        prices_of(arrays),
        settlements_of(arrays),
        arrays.holes,
        rule_tables(rules, arrays.bar_ns),
        cost_rates(arrays, costs),
        side,
        account_of(rules, arrays),
    )


def _run(arrays: BarArrays, events: Events, rules: AnyRules, costs: Costs) -> tuple[Any, Any, int]:
    prices, paid, holes, seen, *others = _arguments(arrays, events, rules, costs)
    plain = (*seen[:-1], tuple(seen.exits))
    return run_plain(  # type: ignore[no-any-return]
        tuple(prices), tuple(paid), holes, plain, *map(tuple, others)
    )


def _arguments(arrays: BarArrays, events: Events, rules: AnyRules, costs: Costs) -> tuple[Any, ...]:
    return (
        prices_of(arrays),
        settlements_of(arrays),
        arrays.holes,
        event_arrays(events, rules),
        rule_tables(rules, arrays.bar_ns),
        cost_rates(arrays, costs),
        account_of(rules, arrays),
    )
