"""Basis: what the dated futures pay is pushed to extremes, and attacked there.

Money that wants exposure buys dated futures until they stand far above spot, for weeks: cash and
carry earns 40 % a year and more (`rich_carry`). In other weeks holders hedge and the futures stand
below spot (`backwardation`). In the middle of a rich carry large traders may come for it: dated
volume multiplies while spot and perp trade as usual, and open interest is built up to a peak
(`carry_attack`). None of it moves the perp; the contracts meet spot at expiry whatever the carry.

`start` of a carry is where it is whole; of an attack, six hours into its volume.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Slot, Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.script import Script, add, shape

#: days in which a carry builds up, stays (shortest, longest), and goes
_BUILD, _STAY, _GO = 4.0, (10.0, 18.0), 4.0
#: addition to the carry, fraction a year
RICH, _BELOW = (0.38, 0.55), (-0.36, -0.24)
#: an attack: hours; hours until it is in force; hours in which what was opened is closed again
_ATTACK, _FORCE, _CLOSE = 30.0, 6.0, 36.0
#: how many times its usual volume the dated futures trade; open interest added, in usual sides
_VOLUME, _OPENED = (4.0, 7.0), (0.6, 0.9)


class Basis(Family):
    """Phases `rich_carry`, `carry_attack` and `backwardation`."""

    phases: ClassVar[tuple[str, ...]] = ("rich_carry", "carry_attack", "backwardation")

    def wants(self) -> list[Want]:
        """A slot a carry; attacks find their place within."""
        return [
            Want(
                phase,
                self.rate(phase),
                24.0 * (_BUILD + 1) + max(24.0 * (_STAY[1] + _GO), self.horizon(phase)),
                ("carry",),
            )
            for phase in ("rich_carry", "backwardation")
        ]

    def shake(self) -> None:
        """Find quiet times on the perp for the attacks."""
        self.spans: list[tuple[Slot, int, int]] = []
        self.attacks: list[int] = []
        for slot in self.slots:
            whole = slot.start + self.clock.steps(24.0 * _BUILD)
            end = whole + self.clock.steps(24.0 * self.rng.uniform(*_STAY))
            self.spans.append((slot, whole, end))
            if slot.kind == "rich_carry":
                self._attacks(whole, end)

    def _attacks(self, whole: int, end: int) -> None:
        mean = self.rate("carry_attack") / max(self.rate("rich_carry"), 1e-9)
        for _ in range(int(mean + self.rng.random())):
            found = self.script.calendar.squeeze_in("perp", whole, end, _ATTACK + _CLOSE)
            if found:
                self.attacks.append(found.start)

    def play(self, log_return: FloatArray) -> None:
        """Carries and attacks."""
        del log_return
        for slot, whole, end in self.spans:
            level = self.rng.uniform(*(RICH if slot.kind == "rich_carry" else _BELOW))
            carry(self.script, slot.kind, float(level), slot.start, whole, end)
        for at in self.attacks:
            attack(self.script, self.rng, at)


def carry(script: Script, phase: str, level: float, begin: int, whole: int, end: int) -> None:
    """A carry that builds up from `begin`, is whole at `whole` and goes from `end` on."""
    gone = end + script.clock.steps(24.0 * _GO)
    first, path = shape([(begin, 0.0), (whole, level), (end, level), (gone, 0.0)])
    add(script.forces.carry, first, path)
    script.label(phase, whole, end)


def attack(script: Script, rng: np.random.Generator, at: int) -> None:
    """Dated volume and open interest from `at` on."""
    clock = script.clock
    end, gone = at + clock.steps(_ATTACK), at + clock.steps(_ATTACK + _CLOSE)
    script.forces.future_volume[at:end] *= rng.uniform(*_VOLUME)
    size = float(rng.uniform(*_OPENED))
    for side in (1, -1):
        peak = at + clock.steps(2 * _FORCE)
        script.hold(side, *shape([(at, 0.0), (peak, size), (end, size), (gone, 0.0)]))
    script.label("carry_attack", at + clock.steps(_FORCE), end)
