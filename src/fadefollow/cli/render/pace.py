"""How far a command is and how long it still takes, from what it says it is doing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

#: shares of a run's time by the first words of its stages, measured on the default data set
RUN_STAGES: Mapping[str, float] = {
    "reading the data": 0.11,
    "auditing the data": 0.06,
    "detecting": 0.06,
    "preparing": 0.04,
    "trading": 0.07,
    "weighing": 0.22,
    "placebos and bootstrap": 0.22,
    "splits and capacity": 0.03,
    "portfolios": 0.05,
    "writing the report": 0.14,
}
#: nothing is said of the time left before so many seconds, or before this share is done
LEAST_SECONDS, LEAST_SHARE = 3.0, 0.04


class Pace:
    """What is being done, how much of all is done, and how much time is left.

    Args:
        stages: by the first words of each stage, in their order, its share of the whole; empty
            where that is not known beforehand. Then all that can be said is of the stage.
        clock: seconds that never go back.
    """

    def __init__(
        self, stages: Mapping[str, float], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stages, self.clock = stages, clock
        self.started = self._entered = clock()
        self._name = ""
        self._done: float | None = None
        #: how much of the stage was done when first something was, and when
        self._since: tuple[float, float] | None = None
        self._most = 0.0

    def step(self, text: str, done: float | None) -> None:
        """Take note of what is being done, and of how much of this stage is done."""
        now, name = self.clock(), self._stage_of(text)
        if name != self._name:
            self._name, self._entered, self._since = name, now, None
        self._done = done
        if done and self._since is None:
            self._since = done, now

    @property
    def elapsed(self) -> float:
        """Seconds since the command began."""
        return self.clock() - self.started

    def share(self) -> float | None:
        """How much of all is done, from 0 to 1; None where that is unknown."""
        if not self.stages:
            return self._done
        if self._name not in self.stages:
            return self._most or None
        names = list(self.stages)
        before = sum(self.stages[name] for name in names[: names.index(self._name)])
        here = self.stages[self._name]
        self._most = max(self._most, before + here * self._within(before, here))
        return min(self._most, 0.99)

    def left(self) -> float | None:
        """Seconds that are left, by the pace so far; None as long as that says nothing."""
        if self.stages:
            share, spent = self.share(), self.elapsed
            if share is None or share < LEAST_SHARE or spent < LEAST_SECONDS:
                return None
            return spent * (1.0 - share) / share
        if self._since is None or self._done is None:
            return None
        first, since = self._since
        spent, won = self.clock() - since, self._done - first
        if won < LEAST_SHARE or spent < LEAST_SECONDS:
            return None
        return spent * (1.0 - self._done) / won

    def _within(self, before: float, here: float) -> float:
        """How much of this stage is done; where it does not say, by the time it should take."""
        if self._done is not None:
            return self._done
        spent = self.clock() - self._entered
        usual = (self._entered - self.started) * here / before if before else math.inf
        return spent / (spent + usual) if usual else 1.0

    def _stage_of(self, text: str) -> str:
        """The stage that a text belongs to; without stages, its letters."""
        for name in self.stages:
            if text.startswith(name):
                return name
        return text if self.stages else "".join(filter(str.isalpha, text))


def worded(seconds: float) -> str:
    """A time left, as roughly as it is known: `about 40 s left`, `about 3 min left`."""
    if seconds < 5.0:
        return "nearly done"
    if seconds < 90.0:
        return f"about {5 * round(seconds / 5.0)} s left"
    if seconds < 5400.0:
        return f"about {round(seconds / 60.0)} min left"
    return f"about {seconds / 3600.0:.1f} h left"


def clocked(seconds: float) -> str:
    """A time that passed: `0:07`, `12:40`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
