"""Episodes: crowds that pay extreme funding, and pumps; where they happen, and what they do.

Events of all coins follow one wandering rate (a Cox process), so that they cluster in time and
across coins. Neither they nor pumps know what comes: times are drawn apart from prices, an event's
side leans towards the three days before it, a pump is a storm of volatility that ends when luck has
made it one. Only a plant moves the expected return, and the plant is written into the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fadefollow.market.lab.clock import HOURS_PER_YEAR, BoolArray, Clock, FloatArray, stream, wander
from fadefollow.market.lab.phases import PHASES
from fadefollow.market.lab.settings import LabSettings, Plant
from fadefollow.market.lab.universe.lives import MAJORS, Life
from fadefollow.market.lab.universe.premiums import Premium
from fadefollow.market.lab.universe.returns import Shocks
from fadefollow.market.lab.universe.settings import UniverseSettings

#: what a universe can plant
PLANTED = ("crowded_long", "crowded_short", "ignition")
#: half-lives of the events' rate, hours: of a season and of a stir, each half of the log's variance
_RATE_HALF_LIVES = (336.0, 24.0)
#: settlements for which a crowd pays, fewest and most; hours between a crowd's end and the next
_FEWEST, _MOST, _REST = 2, 6, 40.0
#: what a crowd pays beyond the default's edges: least and mean excess, bps of premium
_LEAST, _EXCESS = 5.0, 5.0
#: hours of past by which an event's side is tipped
_PAST = 72.0
#: a pump: hours of an attempt, volatility an hour, log moves at which it has failed or succeeded
_ATTEMPT, _PULL, _FAIL, _PUMP = 24.0, 0.030, -0.04, 0.15
#: attempts in a slot; hours for which shorts pay after a pump, and of the aftermath's volatility
_ATTEMPTS, _TROUGH, _AFTER, _AFTER_PULL = 4, 32.0, 96.0, 0.018
#: premium at a pump, beyond the lower edge: least and mean excess, bps
_PUMP_LEAST, _PUMP_EXCESS = 15.0, 25.0


@dataclass(frozen=True)
class Event:
    """One labelled phase: `start` and `end` are steps at whose open it is in force, and over."""

    phase: str
    start: int
    end: int
    planted_bps: float
    horizon_hours: float


def plants(settings: LabSettings, rules: UniverseSettings) -> dict[str, Plant]:
    """What is planted in each phase: what `[lab.plants]` says, and for the rest the universe."""
    crowd = Plant(
        drift_bps=rules.planted_bps,
        horizon_hours=rules.hold_hours,
        per_year=rules.events_a_year / 2.0,
    )
    pump = Plant(drift_bps=0.0, horizon_hours=24.0, per_year=rules.pumps_a_year)
    usual = {"crowded_long": crowd, "crowded_short": crowd, "ignition": pump}
    return {phase: settings.plant(phase, spec) for phase, spec in usual.items()}


def event_rate(clock: Clock, settings: LabSettings, rules: UniverseSettings) -> FloatArray:
    """The rate of events at each settlement in units of its mean, common to all coins, shape (k,).

    Log-normal with a standard deviation of `clustering`.
    """
    sigma = math.sqrt(math.log1p(rules.clustering**2))
    rng = stream(settings.seed, "universe", "events")
    count, hours = len(clock) // clock.per_settlement, clock.hours * clock.per_settlement
    scale = sigma / math.sqrt(len(_RATE_HALF_LIVES))
    paths = [
        wander(rng, count, hours=hours, half_life=half_life, scale=scale)
        for half_life in _RATE_HALF_LIVES
    ]
    return np.asarray(np.exp(np.sum(paths, axis=0) - 0.5 * sigma**2))


class Episodes:
    """What happens to one coin.

    Args:
        rate: as from `event_rate`.
        shocks: changed in place by pumps.
        premium: changed in place by crowds and pumps.

    Attributes:
        events: the labelled phases so far.
        drift: log growth that plants promise in each step, shape (n,).
    """

    def __init__(
        self,
        clock: Clock,
        settings: LabSettings,
        symbol: str,
        *,
        rules: UniverseSettings,
        life: Life,
        rate: FloatArray,
        shocks: Shocks,
        premium: Premium,
    ) -> None:
        self.clock, self.settings, self.symbol, self.rules = clock, settings, symbol, rules
        self.life, self.rate, self.shocks, self.premium = life, rate, shocks, premium
        self.plants = plants(settings, rules)
        self.events: list[Event] = []
        self.drift = np.zeros(len(clock))
        # settlements are counted; interval k ends at step (k + 1) · per
        self.per = clock.per_settlement
        first = life.listed // self.per + round(settings.quiet_days * 3.0)
        self.free = np.zeros(len(clock) // self.per, bool)
        self.free[first : life.end // self.per] = True

    def play(self) -> None:
        """Pumps first, as they take longer; crowds in what is left, in order of time."""
        if self.symbol not in MAJORS:
            self._pumps(stream(self.settings.seed, self.symbol, "pumps"))
        self._crowds(stream(self.settings.seed, self.symbol, "crowds"))
        self.events.sort(key=lambda event: event.start)

    # crowds

    def _crowds(self, rng: np.random.Generator) -> None:
        specs = [self.plants[phase] for phase in ("crowded_long", "crowded_short")]
        total = sum(spec.per_year for spec in specs)
        if not total:
            return
        hours = max(spec.horizon_hours for spec in specs)
        wanted = total * np.count_nonzero(self.free) * 8.0 / HOURS_PER_YEAR
        slots = self._slots(rng, int(wanted + rng.random()), hours)
        odds = math.log(max(specs[0].per_year, 1e-9) / max(specs[1].per_year, 1e-9))
        draws = rng.random(len(slots)), rng.standard_exponential(len(slots))
        lengths = rng.integers(_FEWEST, _MOST + 1, len(slots))
        for slot, luck, excess, length in zip(slots, *draws, lengths, strict=True):
            start = int(slot) * self.per
            # premium shows the side from the interval before the start on
            tipped = odds + self.rules.chase * self._past_move(start - self.per)
            side = 1 if luck < 1.0 / (1.0 + math.exp(-tipped)) else -1
            self._crowd(side, start, int(length), _LEAST + _EXCESS * float(excess))

    def _slots(self, rng: np.random.Generator, count: int, hours: float) -> npt.NDArray[np.int64]:
        """Settlements at which `count` crowds are first seen, apart from each other, in order.

        Each is drawn by the common rate among the places that are left, if there is one.
        """
        length = -(-max(hours, 8.0 * _MOST + _REST) // 8.0)
        need = int(length) + 1
        found: list[int] = []
        for _ in range(count):
            weight = np.where(_fits(self.free, need), self.rate, 0.0).cumsum()
            if not weight[-1]:
                break
            # a crowd is seen at the end of the first interval in which it pays
            at = int(np.searchsorted(weight, rng.random() * weight[-1], side="right"))
            self.free[at : at + need] = False
            found.append(at + 1)
        return np.sort(np.array(found, np.int64))

    def _past_move(self, start: int) -> float:
        """The log move over the three days before, in usual ones."""
        steps = min(self.clock.steps(_PAST), max(start, 0))
        if not steps:
            return 0.0
        move = self.shocks.log_return[start - steps : start].sum()
        return float(np.clip(move / math.sqrt(steps * self.shocks.typical), -3.0, 3.0))

    def _crowd(self, side: int, start: int, length: int, bps: float) -> None:
        fading = np.repeat(np.linspace(1.0, 0.6, length), self.per)
        self.premium.press(start - self.per, side * bps * fading)
        phase = "crowded_long" if side > 0 else "crowded_short"
        spec = self.plants[phase]
        self._label(phase, start, start + (length - 1) * self.per, spec.drift_bps)

    def _label(self, phase: str, start: int, end: int, bps: float) -> None:
        """Label a phase and plant what it is worth: the only way to move the expectation."""
        hours = self.plants[phase].horizon_hours
        steps = self.clock.steps(hours)
        if max(start + steps, end) > self.life.end:
            return
        growth = math.log1p(PHASES[phase].lean * bps / 1e4)
        self.drift[start : start + steps] += growth / steps
        self.events.append(Event(phase, start, max(end, start + self.per), bps, hours))

    # pumps

    def _pumps(self, rng: np.random.Generator) -> None:
        course = _ATTEMPTS * _ATTEMPT + _AFTER
        need = int(course // 8.0) + 1
        wanted = self.plants["ignition"].per_year * np.count_nonzero(self.free)
        count = int(wanted * 8.0 / HOURS_PER_YEAR + rng.random())
        at_listing = rng.random() < self.rules.listing_pumps
        if self.life.listed and at_listing:
            self._pump(rng, self.life.listed)
            begin = self.life.listed // self.per
            self.free[begin : begin + need] = False
        for _ in range(count):
            places = np.flatnonzero(_fits(self.free, need))
            if len(places):
                at = int(places[rng.integers(len(places))])
                self.free[at : at + need] = False
                self._pump(rng, at * self.per)

    def _pump(self, rng: np.random.Generator, begin: int) -> None:
        """Storms from a step on until one is a pump; then shorts pay, and price stays wild."""
        now, excess = begin, _PUMP_LEAST + _PUMP_EXCESS * float(rng.standard_exponential())
        for _ in range(_ATTEMPTS):
            now, move = self._storm(now, _ATTEMPT)
            if move >= _PUMP:
                self._ignite(now, excess)
                return

    def _storm(self, begin: int, hours: float) -> tuple[int, float]:
        """Lift volatility from a step on until the log move is large; where it ends, and the move.

        Volatility in a step depends on the steps before it, the expected return does not change.
        """
        move, variance = 0.0, _PULL**2 * self.clock.hours
        stop = min(begin + self.clock.steps(hours), self.life.end)
        for step in range(begin, stop):
            move += self.shocks.scale(step, variance)
            if not _FAIL < move < _PUMP:
                return step + 1, move
        return stop, move

    def _ignite(self, pumped: int, bps: float) -> None:
        for step in range(pumped, min(pumped + self.clock.steps(_AFTER), self.life.end)):
            self.shocks.scale(step, _AFTER_PULL**2 * self.clock.hours)
        # shorts pay from the pump on; before it, their paying would tell that it succeeds
        start = -(-(pumped + 1) // self.per) * self.per
        full = np.ones(start - pumped)
        fall = np.linspace(1.0, 0.2, self.clock.steps(_TROUGH))
        self.premium.press(pumped, -bps * np.concatenate([full, fall]))
        end = start + self.clock.steps(16.0)
        self._label("ignition", start, end, self.plants["ignition"].drift_bps)
        # the same trough is one of crowded shorts, worth nothing of its own
        self._label("crowded_short", start, end, 0.0)


def _fits(free: BoolArray, need: int) -> BoolArray:
    """Where `need` settlements from a place on are free, shape (k,)."""
    total = np.concatenate([[0], np.cumsum(free)])
    fits = np.zeros(len(free), bool)
    if len(free) >= need:
        fits[: len(free) - need + 1] = total[need:] - total[:-need] == need
    return fits
