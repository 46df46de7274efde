"""Liquidations: leveraged positions pile up on one side of the price, and are closed by force.

**Fuel.** For a day price works one way and new positions are opened all along, at prices that it
leaves behind, a long and a short each. The leveraged on the wrong side have been touched on the
way, so what is left to be liquidated lies above the price after a fall (`fuel_above`) and below it
after a rise (`fuel_below`). Positions stay for a day and more.

**Flush.** A move so fast that a side has no time: its positions are closed by force as price runs,
open interest drops, liquidations are reported (`short_flush` after a rise, `long_flush` after a
fall). Whether that ends the move or feeds the next one is what the plant says.

Which way price goes is luck; storms end where they have gone far enough, or with their time. A
move of 10 % within eight hours flushes a side by itself, whatever it comes from, and is labelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.kernel import CROWD
from fadefollow.market.lab.script import add


@dataclass(frozen=True)
class _Storm:
    """How price is stirred.

    Hours, volatility in usual ones, move in usual moves of that time, and the chance to go as far.
    """

    hours: float
    times: float
    move: float
    luck: float


_FUEL, _FLUSH = _Storm(24.0, 1.7, 1.4, 0.7), _Storm(5.0, 4.0, 3.0, 0.85)
#: opened on both sides along the way, in usual sides
_OPENED = 1.0
#: hours for which fuel stays, and in which it goes
_STAY, _GO = 30.0, 12.0
#: force-closed in a flush, in usual sides: shortest and longest
_FORCED = (0.5, 0.8)
#: hours after which a flush is over
_OVER = 4.0
#: the market's own flushes: hours, and the log move that takes a sixth of a side
_OWN_HOURS, _OWN_MOVE = 8.0, 0.10
_FLUSHED = {1: "short_flush", -1: "long_flush", 0: ""}


class Liquidations(Family):
    """Phases `fuel_above`, `fuel_below`, `short_flush` and `long_flush`."""

    phases: ClassVar[tuple[str, ...]] = ("fuel_above", "fuel_below", "short_flush", "long_flush")

    def wants(self) -> list[Want]:
        """Slots for attempts; luck decides which of them go far."""
        fuel, flush = ("fuel_above", "fuel_below"), ("short_flush", "long_flush")
        length = _FUEL.hours + max(_STAY + _GO, self.horizon(*fuel))
        return [
            Want("fuel", self.rate(*fuel) / _FUEL.luck, length),
            Want("flush", self.rate(*flush) / _FLUSH.luck, _FLUSH.hours + self.horizon(*flush) + 8),
        ]

    def shake(self) -> None:
        """Stir the price until it has gone far enough."""
        self.found: list[tuple[str, int, int]] = []
        for slot in self.slots:
            kind = _FUEL if slot.kind == "fuel" else _FLUSH
            begin = slot.start
            if slot.kind == "flush":
                begin += int(self.rng.integers(0, self.clock.steps(8.0)))
            far = kind.move * self.script.usual_move(begin, kind.hours)
            end, _ = self.script.storm(begin, kind.hours, kind.times, low=-far, high=far)
            self.found.append((slot.kind, begin, end))

    def play(self, log_return: FloatArray) -> None:
        """Positions are opened, or closed by force, as price goes."""
        for kind, begin, end in self.found:
            storm = _FUEL if kind == "fuel" else _FLUSH
            far = storm.move * self.script.usual_move(begin, storm.hours)
            path = np.concatenate([[0.0], np.cumsum(log_return[begin:end])]) / far
            side = int(np.sign(path[-1]))
            large = bool(abs(path[-1]) >= 1.0)
            if kind == "fuel":
                self._fuel(begin, end, path, side if large else 0)
            else:
                self._flush(begin, end, path, side if large else 0)
        self._by_itself(log_return)

    def _fuel(self, begin: int, end: int, path: FloatArray, side: int) -> None:
        clock = self.clock
        stay, go = clock.steps(_STAY), clock.steps(_GO)
        after = np.concatenate([np.ones(stay), np.linspace(1.0, 0.0, go + 1)])
        pace = np.maximum.accumulate(np.abs(np.clip(path, -1.0, 1.0)))
        held = _OPENED * np.concatenate([pace, pace[-1] * after])
        for own in (1, -1):
            self.script.hold(own, begin, held)
        phase = {1: "fuel_below", -1: "fuel_above", 0: ""}[side]
        if phase and self.on(phase):
            self.script.label(phase, end, end + stay)

    def _flush(self, begin: int, end: int, path: FloatArray, side: int) -> None:
        """Shorts are closed as price makes new highs, longs as it makes new lows."""
        clock, size = self.clock, float(self.rng.uniform(*_FORCED))
        squeezed = {1: self.forces.short_forced, -1: self.forces.long_forced}
        other = {1: self.forces.long_inflow, -1: self.forces.short_inflow}
        for way in (1, -1):
            # the first third is taken calmly; what a step has done is closed in the next
            run = np.clip((np.maximum.accumulate(way * path) - 1 / 3) * 1.5, 0.0, 1.0)
            closed = size * np.diff(np.concatenate([[0.0], run])) / clock.hours
            add(squeezed[way], begin, closed)
            add(other[way], begin, -(1.0 - CROWD.profit) * closed)  # so do their counterparts
        phase = _FLUSHED[side]
        if phase and self.on(phase):
            self.script.label(phase, end + 1, end + clock.steps(_OVER))

    def _by_itself(self, log_return: FloatArray) -> None:
        """Label what a large move has flushed without being asked."""
        day, over = self.clock.per_day, self.clock.steps(_OVER)
        for end, side in self.script.moves(log_return, _OWN_HOURS, least=_OWN_MOVE):
            phase = _FLUSHED[side]
            near = any(0 <= end - t.start < day for t in self.script.truth if t.phase == phase)
            if self.on(phase) and not near and end >= self.script.calendar.first:
                self.script.label(phase, end, end + over)
