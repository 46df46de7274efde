"""Family: the contract of an episode plug-in, and the tape on which episodes are laid out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fadefollow.errors import ParameterError
from fadefollow.market.lab.clock import Clock, FloatArray
from fadefollow.market.lab.forces import Forces, Truth
from fadefollow.market.lab.settings import LabSettings, Plant


class Family(ABC):
    """A family of phases on one coin, made anew for each coin.

    The market asks twice. In `shake`, before any return exists, a family may set the volatility;
    that is how a move that *defines* a phase (a pump, a flush) comes about: a burst of variance at
    a time that nobody can foresee, whose direction is luck. In `play` it sees the returns and sets
    all other forces, labelling as a phase what luck has made of its bursts. A force in a step may
    depend on earlier returns only, and the perp's drift is moved by `plant` alone: so a phase pays
    exactly what its label says.
    """

    #: phase → lean
    phases: ClassVar[Mapping[str, int]]

    def __init__(self, clock: Clock, settings: LabSettings, rng: np.random.Generator) -> None:
        self.clock, self.settings, self.rng = clock, settings, rng
        self.plants: dict[str, Plant] = {phase: settings.plant(phase) for phase in self.phases}

    def shake(self, forces: Forces) -> None:
        """Set volatility before returns are drawn; by default nothing."""
        del forces

    @abstractmethod
    def play(self, forces: Forces, log_return: FloatArray) -> list[Truth]:
        """Set the other forces and return the labels.

        Args:
            forces: changed in place.
            log_return: the coin's shocks, shape (n,), read-only.
        """

    def tape(self, length_hours: Mapping[str, float]) -> list[tuple[str, int]]:
        """Episodes in random order and at random distances, none overlapping another.

        Args:
            length_hours: by phase, the whole time that one episode occupies.

        Returns:
            Phase and first step of each episode, in time.

        Raises:
            ParameterError: they do not fit into the time that there is.
        """
        first = round(self.settings.quiet_days * 24.0 / self.clock.hours)
        room = max(len(self.clock) - first, 0)
        years = self.clock.years * room / len(self.clock)
        drawn: list[str] = []
        for phase in length_hours:
            expected = self.plants[phase].per_year * years
            drawn += [phase] * int(expected + self.rng.random())
        order = [drawn[i] for i in self.rng.permutation(len(drawn))]
        lengths = np.array([self.clock.steps(length_hours[phase]) for phase in order], dtype=int)
        slack = room - int(lengths.sum())
        if slack < 0:
            raise ParameterError(
                f"the episodes of {', '.join(length_hours)} must fit into the time there is",
                got=f"{len(order)} in {years:.2f} years, one after another",
                where="[lab.plants]",
                hint="lower per_year or horizon_hours",
            )
        gaps = np.sort(self.rng.integers(0, slack + 1, len(order)))
        before = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if order else lengths
        return [(p, int(first + g + b)) for p, g, b in zip(order, gaps, before, strict=True)]
