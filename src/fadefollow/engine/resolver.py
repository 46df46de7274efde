"""The trade resolver: market arrays, phases and rules in, trades out (DESIGN.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from fadefollow.engine.model import Book, Costs, Events, FloatArray, IntArray, Rules, Tape


@dataclass(frozen=True)
class Returns:
    """The trades of one coin and book as bare arrays, shape (k,), for statistics and tuning."""

    entry_bar: IntArray
    exit_bar: IntArray
    code: IntArray
    side: IntArray
    value: FloatArray  #: net return on entry notional; NaN for trades cut off by the end of data


def resolve(tape: Tape, events: Events, *, rules: Rules, costs: Costs) -> Book:
    """The trades of one coin and book, as a table."""
    raise NotImplementedError


def resolve_returns(tape: Tape, events: Events, *, rules: Rules, costs: Costs) -> Returns:
    """The same trades as `resolve`, as bare arrays and much faster."""
    raise NotImplementedError


def outcomes(tape: Tape, side: int, *, rules: Rules, costs: Costs) -> FloatArray:
    """Net return of the same trade entered at the open of every bar, each on its own.

    Time exit, stop, target, trail, liquidation, costs and funding as in `resolve`, no `opposite`.

    Returns:
        Shape (n,), by entry bar; NaN where no entry is possible or the trade does not end in time.
    """
    raise NotImplementedError
