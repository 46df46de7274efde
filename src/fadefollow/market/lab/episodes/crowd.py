"""Crowding: leveraged longs or shorts pile in, and pay for it.

For no reason that the price could tell, one side of the crowd opens far more positions than usual
within hours, holds them for a day or so and leaves. Its imbalance strains the arbitrage, the perp
trades away from spot, and the funding formula makes that side pay. Whether it is then right or
wrong is what the plant says; by default neither.

The phase is *in force* (`start`) once the crowd has held its full size through one whole funding
interval, i.e. at the first settlement that it has paid in full; hence starts lie on 00:00, 08:00
and 16:00 UTC. A detector that reads settlements can know it at `start`, and sees all of the drift.
The settlement before still averages in hours before the crowd, and carries a part only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fadefollow.market.lab.clock import SETTLEMENT_HOURS, FloatArray
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.forces import Forces, Truth, plant
from fadefollow.market.lab.kernel import CROWD

#: hours in which the crowd piles in, and in which it leaves
_RAMP, _LEAVE = 4.0, 6.0
#: the funding interval held in full before `start`
_PROOF = float(SETTLEMENT_HOURS)
#: shortest and longest time in force, hours
_HOLD = (12.0, 30.0)
#: quiet hours after an episode, before the next
_REST = 24.0
#: how many times its usual side the crowd adds: median, and the standard deviation of its log
_SIZE = {"crowded_long": 0.66, "crowded_short": 1.12}
_SIZE_SPREAD = 0.12


class Crowding(Family):
    """Phases `crowded_long` and `crowded_short`."""

    phases: ClassVar[Mapping[str, int]] = {"crowded_long": 1, "crowded_short": -1}

    def play(self, forces: Forces, log_return: FloatArray) -> list[Truth]:
        """Schedule the crowds; their inflow holds its size against the usual closing."""
        lengths = {
            phase: 2 * _PROOF + _RAMP + max(_HOLD[1] + _LEAVE, spec.horizon_hours) + _REST
            for phase, spec in self.plants.items()
        }
        return [self._crowd(forces, phase, at) for phase, at in self.tape(lengths)]

    def _crowd(self, forces: Forces, phase: str, at: int) -> Truth:
        clock, spec, lean = self.clock, self.plants[phase], self.phases[phase]
        per = clock.per_settlement
        start = -(-(at + clock.steps(_PROOF + _RAMP)) // per) * per
        end = start + clock.steps(self.rng.uniform(*_HOLD))
        size = _SIZE[phase] * np.exp(_SIZE_SPREAD * self.rng.standard_normal())
        inflow = forces.long_inflow if lean > 0 else forces.short_inflow
        begin, full = start - clock.steps(_PROOF + _RAMP), start - clock.steps(_PROOF)
        gone = end + clock.steps(_LEAVE)
        held = np.interp(np.arange(begin, gone + 1), [begin, full, end, gone], [0, size, size, 0])
        inflow[begin:gone] += np.diff(held) / clock.hours + held[:-1] * CROWD.turnover
        return plant(forces, clock, spec, phase=phase, lean=lean, start=start, end=end)
