"""Gamma: customers buy puts at the money, and their dealers have to run with the price.

Usually customers sell calls above the price (overwriting) and hold some puts below: by the usual
assumption dealers are long the calls and short the puts, and near the price calls prevail. Then,
for ten days or so, everybody buys puts at the price itself, and dealers are short of gamma where
price is: they sell as it falls and buy as it rises, and volatility goes up by a tenth.

While that is so, the phase is `short_gamma_up` or `short_gamma_down` by the last move of note, from
the hour at which it is one; the next one the other way begins the other phase. `options` makes the
book from the demand.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.script import Script, shape

#: days until the book is short of gamma, for which it stays so, and until it is over
_BUILD, _STAY, _GO = 3.0, 7.0, 3.0
#: volatility in usual ones
_NERVES = 1.1
#: labels that an episode brings about, in the mean
_LABELS = 1.9
#: a move of note: hours, in usual moves
_WINDOW, _NOTE = 24.0, 1.0


class Gamma(Family):
    """Phases `short_gamma_up` and `short_gamma_down`."""

    phases: ClassVar[tuple[str, ...]] = ("short_gamma_up", "short_gamma_down")

    def wants(self) -> list[Want]:
        """One slot an episode."""
        length = 24.0 * (_BUILD + _STAY + _GO) + self.horizon(*self.phases)
        return [Want("gamma", self.rate(*self.phases) / _LABELS, length, ("options",))]

    def shake(self) -> None:
        """Volatility while dealers are short of gamma."""
        for slot in self.slots:
            nervous(self.script, slot.start)

    def play(self, log_return: FloatArray) -> None:
        """Demand, and labels by the last move."""
        for slot in self.slots:
            short_gamma(self.script, log_return, slot.start)


def nervous(script: Script, begin: int) -> None:
    """The volatility of an episode that begins at a step."""
    script.storm(begin + script.clock.steps(24.0 * _BUILD), 24.0 * _STAY, _NERVES)


def short_gamma(script: Script, log_return: FloatArray, begin: int) -> None:
    """Demand for puts from `begin` on."""
    clock = script.clock
    full = begin + clock.steps(24.0 * _BUILD)
    end = min(full + clock.steps(24.0 * _STAY), len(clock))
    gone = end + clock.steps(24.0 * _GO)
    first, path = shape([(begin, 0.0), (full, 1.0), (end, 1.0), (gone, 0.0)])
    room = script.forces.put_demand[first : first + len(path)]
    np.maximum(room, path[: len(room)], out=room)

    if end <= full:
        return
    hourly, window = clock.steps(1.0), clock.steps(_WINDOW)
    at = np.arange(full, end, hourly)
    prices = np.cumsum(log_return[full - window : end])
    moves = prices[at - full + window - 1] - np.concatenate([[0.0], prices])[at - full]
    moves /= script.usual_moves(at, _WINDOW)
    sides = np.where(np.abs(moves) >= _NOTE, np.sign(moves), 0.0)
    noted = np.flatnonzero(sides)
    turns = noted[np.diff(sides[noted], prepend=0.0) != 0.0]
    stops = [*at[turns[1:]], end] if len(turns) else []
    for turn, stop in zip(turns, stops, strict=True):
        phase = "short_gamma_up" if sides[turn] > 0 else "short_gamma_down"
        if script.spec(phase).per_year > 0:
            script.label(phase, int(at[turn]), int(stop))
