"""Family: the contract of an episode plug-in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Slot, Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.script import Script
from fadefollow.market.lab.settings import Plant


class Family(ABC):
    """A family of phases on one coin, made anew for each coin.

    The market asks three times. `wants` says which episodes should happen how often; the coin's
    calendar gives them their `slots`. In `shake` a family may raise or lower volatility; that is
    how a move that *defines* a phase (a pump, a flush) comes about: a storm at a time that nobody
    can foresee, whose direction is luck. In `play` it sees the returns and sets all other forces,
    labelling as a phase what luck has made of its storms. A force in a step may depend on earlier
    returns only, and the perp's drift is moved by `Script.label` alone: so a phase pays exactly
    what its label says.
    """

    #: the phases that it brings about of its own
    phases: ClassVar[tuple[str, ...]]

    def __init__(self, script: Script, rng: np.random.Generator) -> None:
        self.script, self.rng = script, rng
        self.clock, self.forces = script.clock, script.forces
        self.plants: Mapping[str, Plant] = {phase: script.spec(phase) for phase in self.phases}
        self.slots: Sequence[Slot] = ()

    @abstractmethod
    def wants(self) -> list[Want]:
        """The kinds of episodes to be given slots."""

    def shake(self) -> None:  # noqa: B027  (a family without storms does not shake)
        """Set volatility; by default nothing."""

    @abstractmethod
    def play(self, log_return: FloatArray) -> None:
        """Set the other forces and label.

        Args:
            log_return: the coin's shocks, shape (n,), read-only.
        """

    def rate(self, *phases: str) -> float:
        """Episodes a year of these phases together."""
        return sum(self.plants[phase].per_year for phase in phases)

    def horizon(self, *phases: str) -> float:
        """The longest of their horizons, hours."""
        return max(self.plants[phase].horizon_hours for phase in phases)

    def on(self, phase: str) -> bool:
        """Whether a phase happens at all."""
        return self.plants[phase].per_year > 0
