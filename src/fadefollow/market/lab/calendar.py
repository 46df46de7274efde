"""Calendar: one coin's time, shared out among the families of episodes.

An episode occupies *lanes*: kinds of observation in which two episodes at once could not be told
apart. On one lane no two overlap, so that a label means one thing; on different lanes they may.
Time is booked in cells of eight hours, the settlements' grid, the longest episodes first, each at a
place drawn uniformly from those where it fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fadefollow.errors import ParameterError
from fadefollow.market.lab.clock import HOURS_PER_YEAR, SETTLEMENT_HOURS, BoolArray, Clock

Lane = Literal["perp", "carry", "flow", "options"]
LANES: tuple[Lane, ...] = ("perp", "carry", "flow", "options")


@dataclass(frozen=True)
class Want:
    """A kind of episode and how often it should happen.

    Attributes:
        kind: the family's own name for it.
        per_year: how many times a year, in the mean.
        hours: the whole time that one occupies.
        lanes: where it must be alone.
        weekday: the day (0 Monday) at whose 00:00 it must begin; any if None.
    """

    kind: str
    per_year: float
    hours: float
    lanes: tuple[Lane, ...] = ("perp",)
    weekday: int | None = None


@dataclass(frozen=True)
class Slot:
    """The time of one episode: steps `start` to `stop`."""

    kind: str
    start: int
    stop: int


class Calendar:
    """What is booked on one coin, from the end of the quiet days, step `first`, on."""

    def __init__(self, clock: Clock, rng: np.random.Generator, *, quiet_days: float) -> None:
        self.clock, self.rng = clock, rng
        cells = len(clock) // clock.per_settlement
        first = min(round(quiet_days * 24.0 / SETTLEMENT_HOURS), cells)
        self.first = first * clock.per_settlement
        self.years = (cells - first) * SETTLEMENT_HOURS / HOURS_PER_YEAR
        self.booked = {lane: np.arange(cells) < first for lane in LANES}
        self._weekly = (np.arange(cells) + 3 * clock.start.weekday()) % 21

    def book(self, wants: Iterable[tuple[str, Want]]) -> dict[str, list[Slot]]:
        """Lay out every family's episodes; one that finds no gap does not happen.

        Args:
            wants: pairs of a family's name and what it wants.

        Returns:
            Family → its slots in time.

        Raises:
            ParameterError: more is wanted than there is time.
        """
        listed = list(wants)
        for lane in LANES:
            self._check([w for _, w in listed if lane in w.lanes])
        drawn = [
            (family, want)
            for family, want in listed
            for _ in range(int(want.per_year * self.years + self.rng.random()))
        ]
        made: dict[str, list[Slot]] = {family: [] for family, _ in listed}
        for family, want in sorted(drawn, key=lambda pair: -pair[1].hours):
            slot = self._place(want)
            if slot:
                made[family].append(slot)
        return {family: sorted(slots, key=lambda s: s.start) for family, slots in made.items()}

    def free(self, lane: Lane) -> BoolArray:
        """Steps in which nothing is booked on a lane and no quiet day is, shape (n,)."""
        return np.repeat(~self.booked[lane], self.clock.per_settlement)

    def squeeze_in(self, lane: Lane, start: int, stop: int, hours: float) -> Slot | None:
        """Book `hours` on a lane at a random place between two steps, if there is one."""
        per = self.clock.per_settlement
        blocked = self.booked[lane].copy()
        blocked[: -(-start // per)] = True
        blocked[stop // per :] = True
        return self._place(Want("", 0.0, hours, (lane,)), blocked)

    def _place(self, want: Want, taken: BoolArray | None = None) -> Slot | None:
        if taken is None:
            taken = np.any([self.booked[lane] for lane in want.lanes], axis=0)
        cells = self._cells(want)
        if cells > len(taken):
            return None
        total = np.concatenate([[0], np.cumsum(taken)])
        fits = total[cells:] == total[:-cells]
        if want.weekday is not None:
            fits &= self._weekly[: len(fits)] == 3 * want.weekday
        places = np.flatnonzero(fits)
        if not len(places):
            return None
        at = int(places[self.rng.integers(len(places))])
        for lane in want.lanes:
            self.booked[lane][at : at + cells] = True
        per = self.clock.per_settlement
        return Slot(want.kind, at * per, (at + cells) * per)

    @staticmethod
    def _cells(want: Want) -> int:
        return int(-(-want.hours // SETTLEMENT_HOURS))

    def _check(self, wants: list[Want]) -> None:
        hours = sum(w.per_year * self._cells(w) * SETTLEMENT_HOURS for w in wants)
        if hours > HOURS_PER_YEAR:
            raise ParameterError(
                f"the episodes of {', '.join(w.kind for w in wants)} must fit into the time "
                "there is",
                got=f"{hours:.0f} hours a year, one after another",
                where="[lab.plants]",
                hint="lower per_year or horizon_hours, or name fewer families",
            )
