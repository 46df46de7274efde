"""Streams and days of history that a scan needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from fadefollow.engine.strategy import Strategy
from fadefollow.phases import Signal

Bet = tuple[Strategy, Signal]
#: the first word of a parameter's unit → hours
_HOURS = {"hours": 1.0, "days": 24.0}


def past_hours(signal: Signal) -> float:
    """How far back a signal may look, from its own declarations.

    All of its parameters that are times, one after the other, and the time over which an event
    builds up: as if its windows were stacked, which is more than any of the stock signals needs.
    """
    own = 0.0
    for name, param in signal.params().items():
        word = param.unit.split(" ")[0] if param.unit else ""
        own += _HOURS.get(word, 0.0) * float(getattr(signal, name))
    return own + signal.detection_hours()


def days_needed(bets: Iterable[Bet]) -> int:
    """Days of data after which more history changes no present phase.

    The past that the signals look at, and before that the longest holding time.
    """
    hours = (past_hours(signal) + strategy.trade.hold_hours for strategy, signal in bets)
    return max((math.ceil(h / 24) for h in hours), default=1)


def streams_needed(bets: Iterable[Bet]) -> tuple[str, ...]:
    """The streams that the strategies' phases declare; of alternatives all; `perp` always."""
    declared = (name for bet, signal in bets for name in signal.needs(*bet.phases).streams)
    return tuple(dict.fromkeys(["perp", *declared]))


def seen_with(bets: Sequence[Bet], streams: Iterable[str]) -> tuple[Bet, ...]:
    """The bets of which some phase can be seen with these streams."""
    there = set(streams)
    return tuple(
        (strategy, signal)
        for strategy, signal in bets
        if any(signal.needs(phase).met_by(there) for phase in strategy.phases)
    )
