"""Network: hash rate that drops, and news, which mean nothing by themselves.

Miners go offline for some days, exchanges list a coin, an account is hacked: each happens on its
own and is no phase. It is the decoy of the chain of events in `stress`, in which each of them has
its place.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.script import Script, shape

#: news: kind → text
NEWS = {
    "listing": "a listing that disappoints",
    "hack": "hacked accounts post bad news",
    "miner": "miners go offline",
}
#: a year: drops of the hash rate, and news of each kind
_DROPS, _NEWS = 2.0, 3.0
#: part of the hash rate that is lost; days until then, for which it stays, and until it is back
_LOST, _FALL, _STAY, _BACK = (0.16, 0.28), 1.0, 4.0, 7.0


class Network(Family):
    """No phase, only decoys."""

    phases: ClassVar[tuple[str, ...]] = ()

    def wants(self) -> list[Want]:
        """Nothing that must be alone."""
        return []

    def play(self, log_return: FloatArray) -> None:
        """Drops and news at random times after the quiet days."""
        del log_return
        years = self.script.calendar.years
        for kind in NEWS:
            for at in self._times(_NEWS * years):
                report(self.script, kind, at)
        for at in self._times(_DROPS * years):
            drop(self.script, self.rng, at)

    def _times(self, expected: float) -> list[int]:
        count = int(self.rng.poisson(expected))
        first = min(self.script.calendar.first, len(self.clock) - 1)
        return sorted(int(at) for at in self.rng.integers(first, len(self.clock), count))


def report(script: Script, kind: str, at: int) -> None:
    """News at a step, on the whole hour before."""
    whole = at - at % script.clock.steps(1.0)
    script.news.append((whole, kind, NEWS[kind]))


def drop(script: Script, rng: np.random.Generator, at: int) -> None:
    """The hash rate falls from `at` on."""
    days = script.clock.per_day
    low = 1.0 - float(rng.uniform(*_LOST))
    fallen = at + int(_FALL * days)
    back = fallen + int(_STAY * days)
    knots = [(at, 1.0), (fallen, low), (back, low), (back + int(_BACK * days), 1.0)]
    first, path = shape(knots)
    room = script.forces.hash_rate[first : first + len(path)]
    room *= path[: len(room)]
