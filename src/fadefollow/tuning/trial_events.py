"""The events of one trial in all coins at once, as the tuned book sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fadefollow.engine.coin_books import CoinEvents
from fadefollow.engine.model import Events, IntArray
from fadefollow.engine.strategy import Trade
from fadefollow.phases.batch import BatchMarks


class Window(NamedTuple):
    """Where the events of each coin count, in bars of a view, shape (coins,) each."""

    offset: IntArray  #: from the market's number of a bar to the view's
    first: IntArray  #: events count from this bar …
    last: IntArray  #: … to before this one


class TrialEvents(NamedTuple):
    """What opens the positions of one trial, and what can end them by `opposite`."""

    entries: CoinEvents
    exits: CoinEvents

    def of_coin(self, number: int) -> Events:
        """Those of one coin, by its place."""
        (opens, ends) = (
            slice(events.start[number], events.start[number + 1])
            for events in (self.entries, self.exits)
        )
        bar, side, code, _ = self.entries
        return Events(
            bar[opens], side[opens], code[opens], self.exits.bar[ends], self.exits.side[ends]
        )


def trial_events(
    found: BatchMarks, window: Window, *, phases: Sequence[str], trade: Trade, sign: int
) -> TrialEvents:
    """The events of one trial.

    Args:
        found: in all coins.
        window: where they count.
        phases: that open positions.
        trade: whether and by which phases they are left.
        sign: +1 to trade with the lean, −1 against it.
    """
    entries = _events(found, window, phases, sign)
    if not trade.opposite:
        none = np.empty(0, np.int64)
        return TrialEvents(entries, CoinEvents(none, none, none, np.zeros_like(entries.start)))
    exits = _events(found, window, trade.exit_on, sign) if trade.exit_on else entries
    return TrialEvents(entries, exits)


def _events(found: BatchMarks, window: Window, phases: Sequence[str], sign: int) -> CoinEvents:
    coin, place = found.coin, {phase: number for number, phase in enumerate(phases)}
    code = np.array([place.get(name, -1) for name in found.names], np.int64)[found.code]
    bar = found.bar + window.offset[coin]
    counts = (code >= 0) & (bar >= window.first[coin]) & (bar < window.last[coin])
    bar, lean, code, coin = bar[counts], found.lean[counts], code[counts], coin[counts]
    # by coin, then bar, then code; in one number, as what is nearly in order is sorted at once
    bars = int(bar.max(initial=0)) + 2  # from −1, the bar before the view, on
    order = np.argsort((coin * bars + bar + 1) * len(phases) + code, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(coin, minlength=len(window.first)))])
    return CoinEvents(bar[order], sign * lean[order], code[order], start)
