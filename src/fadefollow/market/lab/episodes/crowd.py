"""Crowding: leveraged longs or shorts pile in, and pay for it.

For no reason that the price could tell, one side of the crowd opens far more positions than usual
within hours, holds them for a day or so and leaves. Its imbalance strains the arbitrage, the perp
trades away from spot, and the funding formula makes that side pay. Whether it is then right or
wrong is what the plant says; by default neither.

The phase is *in force* (`start`) once the crowd has held its full size through one whole funding
interval, i.e. at the first settlement that it has paid in full; hence starts lie on 00:00, 08:00
and 16:00 UTC. A detector that reads settlements can know it at `start`, and sees all of the drift.
The settlement before still averages in hours before the crowd, and carries a part only.

While the crowd comes, and again while it goes, the premium moves by more than 10 bps. Where luck
moves the price at that time, the two together are a door or spot's doing by definition, and are
labelled so, too.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Want
from fadefollow.market.lab.clock import SETTLEMENT_HOURS, FloatArray
from fadefollow.market.lab.episodes.doors import mark
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.phases import PHASES
from fadefollow.market.lab.script import Script, shape

#: hours in which the crowd piles in, and in which it leaves
RAMP, LEAVE = 4.0, 6.0
#: the funding interval held in full before `start`
PROOF = float(SETTLEMENT_HOURS)
#: shortest and longest time in force, hours
_HOLD = (12.0, 30.0)
#: quiet hours after an episode
_REST = 8.0
#: how many times its usual side the crowd adds: median, and the standard deviation of its log
_SIZE = {"crowded_long": 0.66, "crowded_short": 1.12}
_SIZE_SPREAD = 0.12


class Crowding(Family):
    """Phases `crowded_long` and `crowded_short`."""

    phases: ClassVar[tuple[str, ...]] = ("crowded_long", "crowded_short")

    def wants(self) -> list[Want]:
        """One slot an episode."""
        before = 2.0 * SETTLEMENT_HOURS
        return [
            Want(p, s.per_year, before + max(_HOLD[1] + LEAVE, s.horizon_hours) + _REST)
            for p, s in self.plants.items()
        ]

    def play(self, log_return: FloatArray) -> None:
        """The crowds come, hold and go."""
        for slot in self.slots:
            start = slot.start + 2 * self.clock.per_settlement
            end = start + self.clock.steps(self.rng.uniform(*_HOLD))
            crowd(self.script, self.rng, log_return, slot.kind, start, end)


def crowd(
    script: Script,
    rng: np.random.Generator,
    log_return: FloatArray,
    phase: str,
    start: int,
    end: int,
) -> None:
    """A crowd that has paid a whole interval at `start`, a settlement, and leaves from `end` on."""
    clock, lean = script.clock, PHASES[phase].lean
    size = _SIZE[phase] * float(np.exp(_SIZE_SPREAD * rng.standard_normal()))
    begin, full = start - clock.steps(PROOF + RAMP), start - clock.steps(PROOF)
    gone = end + clock.steps(LEAVE)
    script.hold(lean, *shape([(begin, 0.0), (full, size), (end, size), (gone, 0.0)]))
    script.label(phase, start, end)
    mark(script, log_return, begin, full, premium=-lean)
    mark(script, log_return, end, gone, premium=lean)
