"""Script: what happens to one coin on purpose, and the tools with which families write it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fadefollow.errors import unknown
from fadefollow.market.lab.calendar import Calendar
from fadefollow.market.lab.clock import Clock, FloatArray
from fadefollow.market.lab.forces import Forces, Truth, plant
from fadefollow.market.lab.kernel import CROWD
from fadefollow.market.lab.phases import PHASES
from fadefollow.market.lab.settings import LabSettings, Plant
from fadefollow.market.lab.shocks import Shocks

#: the past by which a move is called large, hours
_MEMORY = 480.0


class Script:
    """Forces, labels and news of one coin.

    Attributes:
        calm: the coin's shocks where no episode touches its volatility.
        forces: changed in place by families.
        truth: labels so far; news: (step, kind, text) so far.
    """

    def __init__(
        self, clock: Clock, settings: LabSettings, calendar: Calendar, calm: Shocks
    ) -> None:
        self.clock, self.settings, self.calendar, self.calm = clock, settings, calendar, calm
        self.forces = Forces.none(clock)
        self.truth: list[Truth] = []
        self.news: list[tuple[int, str, str]] = []
        squares = np.cumsum(np.concatenate([[0.0], calm.variance]))
        memory = clock.steps(_MEMORY)
        past = np.maximum(np.arange(len(squares)) - memory, 0)
        span = np.maximum(np.arange(len(squares)) - past, 1)
        self._variance = np.maximum((squares - squares[past]) / span, 0.25 * calm.typical)

    def spec(self, phase: str) -> Plant:
        """What is planted in a phase."""
        if phase not in PHASES:
            raise unknown("phase", phase, PHASES)
        return self.settings.plant(phase, PHASES[phase].usual)

    def label(self, phase: str, start: int, end: int) -> None:
        """Label a phase and plant what it is worth.

        A phase whose end or horizon lies beyond the simulation is left out.
        """
        spec, clock = self.spec(phase), self.clock
        if max(end, start + clock.steps(spec.horizon_hours)) > len(clock) or end <= start:
            return
        lean = PHASES[phase].lean
        found = plant(self.forces, clock, spec, phase=phase, lean=lean, start=start, end=end)
        self.truth.append(found)

    def usual_move(self, at: int, hours: float) -> float:
        """A usual log move over `hours`, from the volatility of the twenty days before `at`."""
        return float(self.usual_moves(np.array([at]), hours)[0])

    def usual_moves(self, at: npt.NDArray[np.int64], hours: float) -> FloatArray:
        """The same at several steps."""
        return np.asarray(np.sqrt(self._variance[at] * hours / self.clock.hours))

    def moves(
        self, log_return: FloatArray, hours: float, *, usual: float = 0.0, least: float = 0.0
    ) -> list[tuple[int, int]]:
        """The whole hours at which the log move over `hours` is large, and its sign.

        Large is at least `usual` usual moves and at least `least`; after one, none for two days.
        """
        clock, window = self.clock, self.clock.steps(hours)
        path = np.concatenate([[0.0], np.cumsum(log_return)])
        ends = np.arange(window, len(path), clock.steps(1.0))
        moved = path[ends] - path[ends - window]
        bar = np.maximum(usual * self.usual_moves(ends - window, hours), least)
        found: list[tuple[int, int]] = []
        for i in np.flatnonzero(np.abs(moved) >= bar):
            if not found or ends[i] >= found[-1][0] + clock.steps(48.0):
                found.append((int(ends[i]), int(np.sign(moved[i]))))
        return found

    def storm(
        self, at: int, hours: float, times: float, *, low: float = -np.inf, high: float = np.inf
    ) -> tuple[int, float]:
        """Multiply volatility from `at` until the log move leaves (low, high) or `hours` are over.

        Where it ends is luck: volatility in a step depends on the steps before it, the expected
        return does not change.

        Returns:
            The step at whose open it is over, and the log move until then.
        """
        stop = min(at + self.clock.steps(hours), len(self.clock))
        calm = Shocks(self.calm.log_return[at:stop], self.calm.variance[at:stop], self.calm.typical)
        force = self.forces.volatility[at:stop]
        path = np.cumsum(calm.under(force * times).log_return)
        out = np.flatnonzero((path <= low) | (path >= high))
        count = int(out[0]) + 1 if len(out) else len(path)
        force[:count] *= times
        return at + count, float(path[count - 1]) if count else 0.0

    def hold(self, side: int, begin: int, held: FloatArray) -> None:
        """Let one side of the crowd hold `held` beyond its usual size at each step's open.

        Its inflow is what changes plus what the usual closing takes away.

        Args:
            side: +1 longs, −1 shorts.
            begin: the first step.
            held: units of a usual side, shape (k + 1,) for k steps; each may depend on returns
                before its step.
        """
        inflow = self.forces.long_inflow if side > 0 else self.forces.short_inflow
        flow = np.diff(held) / self.clock.hours + held[:-1] * CROWD.turnover
        add(inflow, begin, flow)


def add(force: FloatArray, begin: int, path: FloatArray) -> None:
    """Add a path to a force in place from a step on, as far as the simulation goes."""
    room = force[begin : begin + len(path)]
    room += path[: len(room)]


def shape(knots: list[tuple[int, float]]) -> tuple[int, FloatArray]:
    """The first step and, at each step's open to the last, the line through (step, value) knots."""
    steps, values = zip(*knots, strict=True)
    return steps[0], np.interp(np.arange(steps[0], steps[-1] + 1), steps, values)
