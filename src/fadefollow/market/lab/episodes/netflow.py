"""Netflow: coins move to exchanges, or away, day after day.

Who means to sell sends coins to an exchange first: for four to seven days in a row far more come in
than usual (`inflow_streak`), or go out into cold storage (`outflow_streak`). Beside them, vendors
relabel wallets: in a single day the reserve jumps by several per cent, and no coin has moved. Those
are not labelled.

`start` is when the third day of a streak is published, `end` a day after its last day is.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.phases import PHASES
from fadefollow.market.lab.script import Script, add

#: days of a streak: shortest, longest; days of it that make it known
_DAYS, _KNOWN = (4, 7), 3
#: a day's flow, fraction of the reserve
_FLOW = (0.0055, 0.0085)
#: relabelled: part of the reserve, and how often a year
_RELABELLED, _RELABELS = (0.025, 0.06), 2.0


class Netflow(Family):
    """Phases `inflow_streak` and `outflow_streak`."""

    phases: ClassVar[tuple[str, ...]] = ("inflow_streak", "outflow_streak")

    def wants(self) -> list[Want]:
        """A slot a streak, with some usual days around it, and a slot a relabelling."""
        lag = self.script.settings.netflow_lag_hours
        return [
            *(
                Want(p, s.per_year, 24.0 * (_DAYS[1] + 3) + lag + s.horizon_hours, ("flow",))
                for p, s in self.plants.items()
            ),
            Want("relabelling", _RELABELS, 24.0 * 6, ("flow",)),
        ]

    def play(self, log_return: FloatArray) -> None:
        """Streaks and relabellings."""
        del log_return
        per = self.clock.per_day
        for slot in self.slots:
            day = slot.start // per + 2
            if slot.kind == "relabelling":
                jump = self.rng.uniform(*_RELABELLED) * self.rng.choice([-1.0, 1.0])
                self.forces.netflow[day * per : (day + 1) * per] += jump
            else:
                days = int(self.rng.integers(_DAYS[0], _DAYS[1] + 1))
                streak(self.script, self.rng, slot.kind, day, days)


def streak(script: Script, rng: np.random.Generator, phase: str, day: int, days: int) -> None:
    """`days` days in a row from `day` on, counted from the simulation's first."""
    clock, per = script.clock, script.clock.per_day
    side = -PHASES[phase].lean  # who sends coins in means to sell
    flows = rng.uniform(*_FLOW, days)
    add(script.forces.netflow, day * per, side * np.repeat(flows, per))
    lag = round(script.settings.netflow_lag_hours / clock.hours)
    script.label(phase, (day + _KNOWN) * per + lag, (day + days + 1) * per + lag)
