"""Campaign: a market maker's way from the base to the top and down again.

The steps are those of account A (docs/accounts.md).

1. *Accumulation*, in most campaigns: for five days open interest grows while price is held in a
   narrow range and funding is, if anything, negative.
2. *Ignition*: spot is pulled up. An attempt either fizzles at −4 % or is a pump of 16 %, within a
   day; what it becomes is luck. Only pumps become campaigns. Shorts sell into the rise, and when it
   is done funding is at its most negative.
3. *Squeeze*: a second storm. If it makes new highs, shorts are closed by force step by step, and
   then come again; perhaps once more.
4. *Handover*: the disbelievers are gone or have turned long; price stalls, funding is neutral or
   positive.
5. *Distribution*: the market maker sells short, well above the base. Funding falls again.
6. *Dump*: a last storm. Where it breaks the range downward, spot is sold ahead of the perp.

Each step needs the luck of the one before it, and volatility is set along the way, from what price
has done so far: an attempt that fails is cut short. Nobody can know from a phase where price goes
next. A campaign whose price falls back too far ends there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from fadefollow.market.lab.calendar import Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.doors import mark
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.script import add, shape

Knots = list[tuple[int, float]]

#: accumulation: days, volatility in usual ones; widest range that is flat, in usual moves
_BASE_DAYS, _CALM, _FLAT = 5.0, 0.5, 1.2
#: volatility of storms, fraction an hour; of the later ones in units of the first's
_PULL, _LATER = 0.030, 0.6
#: an attempt: hours, log moves at which it has failed and succeeded, how many, hours between
_ATTEMPT, _FAIL, _PUMP, _ATTEMPTS, _APART = 24.0, -0.04, 0.15, 6, 3.0
#: log move from which shorts sell into an attempt
_DOUBT = 0.03
#: chance that a slot's attempts make a pump
_LUCK = 0.6
#: squeeze: hours before it, of it, log moves between which it runs, most waves, chance of another
_BEFORE, _WAVE, _LOSE, _WIN, _WAVES, _AGAIN = 10.0, 24.0, -0.09, 0.045, 2, 0.5
#: what shorts open anew after a wave, in usual sides, and within which hours
_REBUILT, _AGAIN_HOURS = 0.6, 8.0
#: handover and distribution: hours, volatility in usual ones; least log height above the base
_HAND, _SELL, _STALL, _HEIGHT = 40.0, 34.0, 0.6, 0.04
#: dump: hours, log move to either side that breaks the range
_BREAK, _RANGE = 30.0, 0.05
#: spot pressure, bps: accumulation, ignition, handover, distribution, dump
_QUIET_PUSH, _PULL_PUSH, _HAND_PUSH, _SELL_PUSH, _DUMP_PUSH = 4.5, 14.0, -3.0, 9.0, -12.0
#: usual sides: accumulated on both sides, retail's shorts, forced out by a wave, retail's longs,
#: the market maker's shorts
_STOCK, _SHORTS, _FORCED, _LONGS, _MAKER = 1.3, 1.15, 0.8, 0.15, 1.0


@dataclass
class _Story:
    """What luck has made of one slot, as steps."""

    slot: int
    base: int  #: where attempts begin
    #: attempts but the last, which may have pumped, and squeezes: begin and end
    pulls: list[tuple[int, int]] = field(default_factory=list)
    waves: list[tuple[int, int]] = field(default_factory=list)
    highs: list[int] = field(default_factory=list)  #: ends of the squeezes that made new highs
    pumped: int | None = None  #: the step at which the last attempt was a pump
    handed: int | None = None  #: handover's begin
    sold: int | None = None  #: distribution's begin
    broken: int | None = None  #: the dump
    end: int = 0  #: everybody goes


class Campaign(Family):
    """Phases `accumulation`, `ignition`, `squeeze`, `handover`, `distribution` and `dump`."""

    phases: ClassVar[tuple[str, ...]] = (
        "accumulation",
        "ignition",
        "squeeze",
        "handover",
        "distribution",
        "dump",
    )

    def wants(self) -> list[Want]:
        """Slots with and without accumulation, as many as the rate of pumps takes."""
        slots = self.rate("ignition") / _LUCK
        quiet = min(self.rate("accumulation"), slots)
        course = _ATTEMPTS * 8.0 + _ATTEMPT + _BEFORE + _WAVES * _WAVE + _HAND + _SELL + _BREAK
        course += max(16.0, self.horizon(*self.phases))
        return [
            Want("quiet", quiet, 24.0 * (_BASE_DAYS + 1.0) + course),
            Want("sudden", slots - quiet, course),
        ]

    def shake(self) -> None:
        """Play the storms of every slot, each from where the one before has ended."""
        usual = np.sqrt(self.script.calm.typical / self.clock.hours)
        self._times = max(_PULL / float(usual), 1.0)
        self.stories: list[tuple[str, _Story]] = []
        for slot in self.slots:
            base = slot.start
            if slot.kind == "quiet":
                base += self.clock.steps(24.0 * (_BASE_DAYS + 1.0))
                self.script.storm(slot.start, 24.0 * (_BASE_DAYS + 1.0), _CALM)
            story = _Story(slot.start, base, end=base)
            self._live(story)
            self.stories.append((slot.kind, story))

    def _live(self, story: _Story) -> None:
        now = story.base
        for _ in range(_ATTEMPTS):
            at = now
            now, move = self.script.storm(now, _ATTEMPT, self._times, low=_FAIL, high=_PUMP)
            story.pulls.append((at, now))
            if move >= _PUMP:
                story.pumped = now
                break
            now += self._steps(_APART)
        story.end = now
        if story.pumped is not None:
            self._top(story, move, story.pumped)

    def _top(self, story: _Story, height: float, now: int) -> None:
        """From the pump to the dump; `height` is the log price above the base."""
        now, move = self.script.storm(now, _BEFORE, 1.0)
        height += move
        for _ in range(_WAVES):
            at = now
            now, move = self.script.storm(
                now, _WAVE, _LATER * self._times, low=_LOSE, high=max(_WIN, _PUMP + _WIN - height)
            )
            height += move
            story.waves.append((at, now))
            if move < _WIN:
                break
            story.highs.append(now)
            now, move = self.script.storm(now, _BEFORE, 1.0)
            height += move
            if self.rng.random() > _AGAIN:
                break
        story.end = now
        if height < _HEIGHT:
            return
        story.handed = now
        now, move = self.script.storm(now, _HAND, _STALL)
        height, story.end = height + move, now
        if height < _HEIGHT:
            return
        story.sold = now
        now, move = self.script.storm(now, _SELL, _STALL)
        now, move = self.script.storm(now, _BREAK, _LATER * self._times, low=-_RANGE, high=_RANGE)
        story.end = now
        if move <= -_RANGE:
            story.broken = now

    def play(self, log_return: FloatArray) -> None:
        """Positions, pressure and labels along the stories."""
        for kind, story in self.stories:
            if kind == "quiet":
                self._accumulate(story, log_return)
            for begin, end in story.pulls:
                if end != story.pumped:
                    self._sell_into(log_return, begin, end, end)
            if story.pumped is not None:
                self._ignite(story, story.pumped, log_return)
                self._squeeze(story, log_return)
                self._hand_over(story, log_return)
                self._distribute(story, log_return)

    def _accumulate(self, story: _Story, log_return: FloatArray) -> None:
        day = self.clock.per_day
        full = story.slot + int(_BASE_DAYS * day)
        leave = story.handed or story.end
        for side in (1, -1):
            knots = [(story.slot, 0.0), (full, _STOCK), (leave, _STOCK), (leave + day, 0.0)]
            self.script.hold(side, *shape(knots))
        self._push(
            [
                (story.slot, 0.0),
                (story.slot + day, _QUIET_PUSH),
                (full, _QUIET_PUSH),
                (full + day, 0.0),
            ]
        )
        known = story.slot + 4 * day
        path = np.cumsum(log_return[story.slot : known])
        usual = self.script.usual_move(story.slot, 96.0)
        if path.max() - path.min() <= _FLAT * usual and self.on("accumulation"):
            self.script.label("accumulation", known, story.base)

    def _sell_into(self, log_return: FloatArray, pull: int, top: int, turn: int) -> None:
        """Shorts come as price is pulled up, and stay until they turn."""
        path = np.concatenate([[0.0], np.cumsum(log_return[pull:top])])
        zeal = np.clip((np.maximum.accumulate(path) - _DOUBT) / (_PUMP - _DOUBT), 0.0, 1.0)
        gone = np.linspace(1.0, 0.0, self._steps(8.0) + 1)
        run = np.concatenate([zeal, zeal[-1] * np.ones(turn - top), zeal[-1] * gone])
        self.script.hold(-1, pull, _SHORTS * run)
        add(self.forces.spot_pressure, pull, _PULL_PUSH * run)

    def _ignite(self, story: _Story, pumped: int, log_return: FloatArray) -> None:
        pull, turn = story.pulls[-1][0], story.handed or story.end
        self._sell_into(log_return, pull, pumped, turn)
        start = self._settlement(pumped + self._steps(2.0))
        end = max(turn, start + self._steps(4.0))
        if self.on("ignition"):
            self.script.label("ignition", start, end)
        self.script.label("crowded_short", start, end)
        self.script.label("short_flush", pumped, pumped + self._steps(4.0))
        mark(self.script, log_return, max(pull, pumped - self._steps(12.0)), pumped, premium=1)

    def _squeeze(self, story: _Story, log_return: FloatArray) -> None:
        """Shorts are closed by force as price makes new highs, and come again afterwards."""
        for begin, end in story.waves:
            path = np.concatenate([[0.0], np.cumsum(log_return[begin:end])])
            run = np.clip(np.maximum.accumulate(path) / _WIN * 1.5 - 0.5, 0.0, 1.0)
            closed = np.diff(np.concatenate([[0.0], run])) * _FORCED / self.clock.hours
            add(self.forces.short_forced, begin, closed)
            again = np.full(self._steps(_AGAIN_HOURS), run[-1] * _REBUILT / _AGAIN_HOURS)
            add(self.forces.short_inflow, end, again)
            if end in story.highs:
                if self.on("squeeze"):
                    self.script.label("squeeze", end + 1, end + self._steps(_BEFORE))
                self.script.label("short_flush", end + 1, end + self._steps(4.0))

    def _hand_over(self, story: _Story, log_return: FloatArray) -> None:
        if story.handed is None:
            return
        begin, end, hours = story.handed, story.sold or story.end, self._steps
        first, run = shape(
            [(begin, 0.0), (begin + hours(8.0), 1.0), (end, 1.0), (end + hours(6.0), 0.0)]
        )
        self.script.hold(1, first, _LONGS * run)
        add(self.forces.spot_pressure, first, _HAND_PUSH * run)
        mark(self.script, log_return, begin, begin + hours(8.0), premium=-1)
        if self.on("handover"):
            self.script.label("handover", begin + hours(24.0), end)

    def _distribute(self, story: _Story, log_return: FloatArray) -> None:
        """The market maker's shorts, and what becomes of the range."""
        if story.sold is None:
            return
        sold, over, hours = story.sold, story.broken or story.end, self._steps
        first, run = shape(
            [(sold, 0.0), (sold + hours(6.0), 1.0), (over, 1.0), (over + hours(8.0), 0.0)]
        )
        self.script.hold(-1, first, _MAKER * run)
        add(self.forces.spot_pressure, first, _SELL_PUSH * run)
        mark(self.script, log_return, sold, sold + hours(6.0), premium=1)
        start = self._settlement(sold + hours(14.0))
        if self.on("distribution"):
            self.script.label("distribution", start, over)
        self.script.label("crowded_short", start, over)
        if story.broken is not None:
            knots = [(over, 0.0), (over + hours(1.0), 1.0), (over + hours(8.0), 1.0)]
            self._push([(s, _DUMP_PUSH * v) for s, v in [*knots, (over + hours(16.0), 0.0)]])
            mark(self.script, log_return, over - hours(8.0), over + hours(1.0), premium=-1)
            if self.on("dump"):
                self.script.label("dump", over + hours(1.0), over + hours(12.0))

    def _settlement(self, step: int) -> int:
        """The first settlement from a step on."""
        per = self.clock.per_settlement
        return -(-step // per) * per

    def _push(self, knots: Knots) -> None:
        add(self.forces.spot_pressure, *shape(knots))

    def _steps(self, hours: float) -> int:
        return self.clock.steps(hours)
