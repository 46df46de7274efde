"""Doors: who moves the price, told from spot against the perp.

A storm of some hours moves the price; where to is luck. What tells one move from another is who
runs with it, as it goes:

* **a door**: the leveraged crowd chases the move. Price falls, shorts sell the perp harder than
  anybody sells spot, and the spot premium rises (`short_door`); price rises, longs come, and the
  premium falls (`long_door`). Doors come in alternation: a door opens against the last one or not
  at all, up to four within two days; a third of the sequences begin on the Monday after a quiet
  weekend.
* **the spot main force**: spot itself is bought as price rises, or sold as it falls: premium and
  price go together (`spot_buying`, `spot_selling`).
* **nobody**: the price moves as much with the premium flat (`spot_led_up`, `spot_led_down`), in
  storms of this family or in the market's own.

A storm is over when it has gone far enough; one that goes nowhere is not labelled. Pushes follow
the move with a step's delay, stay for some hours and are gone before the next storm. They lie
around a settlement, so that they strain two fundings a little and none much: that is a crowd's
doing, not a door's.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Slot, Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.script import Script, add

#: the storm: hours at most, and its volatility in usual ones
_STORM, _TIMES = 4.0, 2.6
#: moves in usual moves of such a time: from where somebody runs with it, and where it is large
_NOTICED, LARGE = 0.7, 1.5
#: chance that a storm's move is large; chance that a sequence's next storm makes another door
_LUCK, _PER_SEQUENCE = 0.75, 1.8
#: push on the spot premium at a large move, bps: median, and standard deviation of its log
_PUSH, _PUSH_SPREAD = 9.0, 0.15
#: part of a usual side that a door's crowd adds
_CROWD = 0.2
#: hours for which the push stays, and in which it goes
_STAY, _GO = 3.0, 4.0
#: storms of a sequence; hours between them; hours left for the last one's horizon
_STORMS, _APART = 4, (8.0, 16.0)
#: volatility of a quiet weekend in usual ones, and the part of sequences that follow one
_QUIET, _MONDAYS = 0.5, 1.0 / 3.0
#: the market's own storms: hours, and size in usual moves
_WINDOW, _OWN = 8.0, 3.0

#: (price, spot premium) → what it is
KINDS = {
    (-1, +1): "short_door",
    (+1, -1): "long_door",
    (+1, +1): "spot_buying",
    (-1, -1): "spot_selling",
    (+1, 0): "spot_led_up",
    (-1, 0): "spot_led_down",
}


class Doors(Family):
    """All phases of `KINDS`."""

    phases: ClassVar[tuple[str, ...]] = tuple(KINDS.values())

    def wants(self) -> list[Want]:
        """Slots for sequences, Monday's with their weekend, and for spot's storms."""
        doors = self.rate("short_door", "long_door") / _PER_SEQUENCE
        storms = self.rate("spot_buying", "spot_selling") / _LUCK
        tail = self.horizon("short_door", "long_door")
        length = (_STORMS - 1) * _APART[1] + 8.0 + tail
        return [
            Want("sequence", doors * (1.0 - _MONDAYS), length),
            Want("monday", doors * _MONDAYS, 48.0 + length, weekday=5),
            Want("spot", storms, 8.0 + self.horizon("spot_buying", "spot_selling")),
        ]

    def shake(self) -> None:
        """Draw the storms; quieten weekends."""
        self.storms: list[tuple[Slot, list[tuple[int, int]]]] = []
        for slot in self.slots:
            first = slot.start
            if slot.kind == "monday":
                first += self.clock.steps(48.0)
                self.script.storm(slot.start, 48.0, _QUIET)
            early = first + self.clock.steps(3.0)
            count = 1 if slot.kind == "spot" else _STORMS
            apart = self.rng.choice(_APART, count - 1)
            begins = [early, *(early + np.cumsum([self.clock.steps(a) for a in apart]))]
            self.storms.append((slot, [self._storm(int(begin)) for begin in begins]))

    def _storm(self, begin: int) -> tuple[int, int]:
        far = LARGE * self.script.usual_move(begin, _STORM)
        end, _ = self.script.storm(begin, _STORM, _TIMES, low=-far, high=far)
        return begin, end

    def play(self, log_return: FloatArray) -> None:
        """Somebody runs with each move, or nobody."""
        for slot, storms in self.storms:
            last = 0
            for storm in storms:
                premium = 1 if slot.kind == "spot" else -1
                last = self._run(log_return, storm, premium=premium, last=last) or last
        self._nobody(log_return)

    def _run(
        self, log_return: FloatArray, storm: tuple[int, int], *, premium: int, last: int
    ) -> int:
        """One storm's run, unless it goes on where the `last` one went; returns the door's side.

        Args:
            premium: sign of the spot premium's move on a rise.
        """
        clock, (begin, end) = self.clock, storm
        usual = self.script.usual_move(begin, _STORM)
        path = np.concatenate([[0.0], np.cumsum(log_return[begin:end])]) / usual
        side, size = int(np.sign(path[-1])), abs(float(path[-1]))
        zeal = np.clip((np.abs(path) - _NOTICED) / (LARGE - _NOTICED), 0.0, 1.0) * np.sign(path)
        zeal[np.sign(path) == last] = 0.0
        stay = begin + clock.steps(_STORM + _STAY) - end
        go = clock.steps(_GO)
        run = np.concatenate([zeal, np.full(stay, zeal[-1]), zeal[-1] * np.linspace(1, 0, go + 1)])
        push = _PUSH * np.exp(_PUSH_SPREAD * self.rng.standard_normal())
        add(self.forces.spot_pressure, begin, premium * push * run)
        if premium < 0:
            for chaser in (1, -1):
                self.script.hold(chaser, begin, _CROWD * np.maximum(chaser * run, 0.0))
        if size < LARGE:
            return 0
        phase = KINDS[side, 0 if side == last else premium * side]
        if self.on(phase):
            self.script.label(phase, end, end + stay)
        return side

    def _nobody(self, log_return: FloatArray) -> None:
        """Label the market's own large moves where nothing else happens on the perp."""
        free, window = self.script.calendar.free("perp"), self.clock.steps(_WINDOW)
        for end, side in self.script.moves(log_return, _WINDOW, usual=_OWN):
            phase = KINDS[side, 0]
            if free[end - window : end].all() and self.on(phase):
                self.script.label(phase, end, end + self.clock.steps(_STAY))


def mark(script: Script, log_return: FloatArray, begin: int, end: int, *, premium: int) -> None:
    """Label a move of the spot premium (its sign) by what the price did meanwhile, if much."""
    hours = (end - begin) * script.clock.hours
    move = float(log_return[begin:end].sum()) / script.usual_move(begin, hours)
    if abs(move) >= LARGE:
        script.label(KINDS[int(np.sign(move)), premium], end, end + script.clock.steps(_STAY))
