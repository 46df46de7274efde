"""All questions of a run confronted with their placebos.

Outright rows meet the placebo in time, hedged rows that in coins where the hedge is a basket of the
market's coins; where BTC alone is the hedge there are too few coins, and the hedged rows meet the
placebo in time too. The shifts in time are the same for all rows of a run, so that rows keep their
dependence; coins are drawn for each plan on its own, which makes the correction, if anything,
stricter.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fadefollow.core.parallel import Shared, WorkerPool, result_or_raise
from fadefollow.engine.model import BOOKS, BookName, FloatArray, IntArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.placebos.base import Draws, Kind, Lengths, Placebo, resolve_draws
from fadefollow.verdict.placebos.coins import CoinPlacebo
from fadefollow.verdict.placebos.times import TimePlacebo, draw_shifts

#: strategy, number of the phase, stance, book
RowKey = tuple[str, int, Stance, BookName]
#: a worker pool, and the plans as it has them
Spread = tuple[WorkerPool, Shared[tuple[Plan, ...]]]
#: draws that one worker of a pool resolves in one go; coins are drawn anew for each item
_PER_ITEM: Mapping[Kind, int] = {"time": 200, "coins": 500}


@dataclass(frozen=True)
class RowDraws:
    """What one row's placebo earned."""

    kind: Kind
    means: FloatArray  #: by draw, fractions, shape (draws,)
    ses: FloatArray  #: block standard errors of the means, shape (draws,)
    reach_days: float
    kept: float

    @property
    def mean(self) -> float:
        """The mean over all draws; NaN if there is none."""
        known = self.means[~np.isnan(self.means)]
        return float(known.mean()) if len(known) else math.nan

    def t(self, mean: FloatArray | float, se: FloatArray | float) -> FloatArray:
        """How far a mean lies above the placebo's own, in standard errors.

        A phase without knowledge earns what the placebo earns, which is seldom zero: there are
        costs, and the market drifts. A draw's standard error differs from that of the real trades
        where the draw spreads what they bundle; only statistics that are centred first compare.
        """
        return np.asarray((mean - self.mean) / np.where(np.asarray(se) > 0.0, se, np.nan))


@dataclass(frozen=True)
class Confronted:
    """The placebos of all rows that have one."""

    rows: Mapping[RowKey, RowDraws]

    def matrix(self, keys: Sequence[RowKey], observed: FloatArray) -> FloatArray:
        """Statistics of some rows side by side, shape (draws, rows).

        A row with fewer draws than others repeats them, with what was observed in each round: among
        k shifts and the truth the best has a p of 1 / (1 + k), however often they are repeated.
        A row without draws has no statistic in any.

        Args:
            keys: the rows.
            observed: statistic of each, shape (rows,).
        """
        draws = max((len(self.rows[k].means) for k in keys if k in self.rows), default=0)
        out = np.full((draws, len(keys)), np.nan)
        for column, key in enumerate(keys):
            row = self.rows.get(key)
            if row is not None and len(row.means):
                mine = row.t(row.means, row.ses)
                out[:, column] = np.resize(np.append(mine, observed[column]), draws)
        return out

    def observed(self, key: RowKey, mean: float, se: float) -> float:
        """The statistic of a row's real trades; NaN without a placebo or a standard error."""
        row = self.rows.get(key)
        return math.nan if row is None else float(row.t(mean, se))


@dataclass(frozen=True)
class Drawing:
    """What the placebos of all plans of a run share."""

    draws: int  #: of each placebo; fewer where there are fewer shifts
    seed: int  #: the same seed gives the same draws
    shifts: IntArray
    step: int  #: that the shifts are multiples of, hours

    @classmethod
    def of(cls, plans: Sequence[Plan], *, draws: int, seed: int) -> Drawing:
        """That of a run."""
        shifts, step = draw_shifts(plans, draws=draws, rng=np.random.default_rng([seed]))
        return cls(draws, seed, shifts, step)


@dataclass(frozen=True)
class _Task:
    """A plan against one kind of placebo."""

    number: int
    kind: Kind
    drawing: Drawing
    lengths: Mapping[Stance, Lengths]

    @property
    def draws(self) -> int:
        """How many there are of this kind."""
        return len(self.drawing.shifts) if self.kind == "time" else self.drawing.draws

    def placebo(self, plan: Plan) -> Placebo:
        """The same for any worker."""
        if self.kind == "time":
            return TimePlacebo(plan, self.drawing.shifts, self.drawing.step)
        rng = np.random.default_rng([self.drawing.seed, zlib.crc32(plan.strategy.encode())])
        return CoinPlacebo.draw(plan, draws=self.drawing.draws, rng=rng)


def confront(
    plans: Sequence[Plan],
    lengths: Mapping[RowKey, float],
    *,
    draws: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    spread: Spread | None = None,
) -> Confronted:
    """Resolve all placebos of a run.

    Args:
        plans: the strategies.
        lengths: block length in days of every row.
        draws: of each placebo; fewer where there are fewer shifts.
        seed: the same seed gives the same draws.
        progress: called with draws done and draws in all.
        spread: a cluster's pool that has the plans; by default threads of this process.
    """
    drawing = Drawing.of(plans, draws=draws, seed=seed)
    tasks = [
        task for number, plan in enumerate(plans) for task in _tasks(plan, number, drawing, lengths)
    ]
    total, done = sum(task.draws for task in tasks), 0

    def step_on(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    rows: dict[RowKey, RowDraws] = {}
    if spread is None:
        for plan in plans:
            rows.update(confront_plan(plan, lengths, drawing, step_on))
        return Confronted(rows)
    for task, found in zip(tasks, _resolved(tasks, step_on, spread), strict=True):
        rows.update(_rows_of(plans[task.number], task, found, lengths))
    return Confronted(rows)


def confront_plan(
    plan: Plan,
    lengths: Mapping[RowKey, float],
    drawing: Drawing,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[RowKey, RowDraws]:
    """Resolve the placebos of one plan of a run.

    Args:
        plan: the strategy.
        lengths: block length in days of each of its rows.
        drawing: that of the run.
        progress: called with the number of draws done since it was last called.
    """
    rows: dict[RowKey, RowDraws] = {}
    for task in _tasks(plan, 0, drawing, lengths):
        found = _resolve(plan, task, 0, task.draws, progress)
        rows.update(_rows_of(plan, task, found, lengths))
    return rows


def _tasks(
    plan: Plan, number: int, drawing: Drawing, lengths: Mapping[RowKey, float]
) -> list[_Task]:
    """What is to be resolved of one plan."""
    return [_Task(number, kind, drawing, _lengths(plan, kind, lengths)) for kind in kinds_of(plan)]


def sooner_by_plan(pool: WorkerPool, plans: int) -> bool:
    """Whether workers of this machine, a plan each, are sooner done than threads with each plan."""
    return pool.here and 1 < pool.n_workers <= plans // 2


def kinds_of(plan: Plan) -> tuple[Kind, ...]:
    """The placebos that a plan meets."""
    market = plan.basket is not None and plan.basket.kind == "market"
    return ("time", "coins") if market else ("time",)


def _books_of(plan: Plan, kind: Kind) -> tuple[BookName, ...]:
    """The books that a kind of placebo speaks of: coins of the hedged one, time of the others."""
    if kinds_of(plan) == ("time",):
        return BOOKS if plan.basket is not None else ("outright",)
    return ("outright",) if kind == "time" else ("hedged",)


def _lengths(plan: Plan, kind: Kind, lengths: Mapping[RowKey, float]) -> dict[Stance, Lengths]:
    """The block lengths of all rows that a kind of placebo speaks of, by stance."""
    books = _books_of(plan, kind)

    def of(stance: Stance, book: BookName) -> FloatArray | None:
        if book not in books:
            return None
        keys = [(plan.strategy, code, stance, book) for code in range(len(plan.phases))]
        return np.array([lengths.get(key, 1.0) for key in keys])

    return {
        stance: Lengths(of(stance, "outright"), of(stance, "hedged"))
        for stance in STANCES
        if stance not in plan.refused
    }


def _resolved(
    tasks: Sequence[_Task], progress: Callable[[int], None], spread: Spread
) -> Iterable[_Found]:
    pool, shared = spread
    items = [
        (task, first, min(first + size, task.draws))
        for task in tasks
        for size in [_PER_ITEM[task.kind]]
        for first in range(0, max(task.draws, 1), size)
    ]
    found: dict[int, _Found] = {}
    for number, part in pool.stream(_part, items, shared):
        found[number] = result_or_raise(part)
        progress(items[number][2] - items[number][1])
    for task in tasks:
        mine = [found[n] for n, (other, _, _) in enumerate(items) if other is task]
        whole = {
            stance: Draws(
                *(
                    np.concatenate([getattr(part.draws[stance], name) for part in mine])
                    for name in Draws.FIELDS
                )
            )
            for stance in task.lengths
        }
        yield mine[0]._replace(draws=whole)


class _Found(NamedTuple):
    """What a placebo's draws earned, how far they reach in days, and the share kept."""

    draws: Mapping[Stance, Draws]
    reach_days: float
    kept: float


def _part(plans: tuple[Plan, ...], item: tuple[_Task, int, int]) -> _Found:
    task, first, last = item
    return _resolve(plans[task.number], task, first, last, lambda _: None)


def _resolve(
    plan: Plan, task: _Task, first: int, last: int, progress: Callable[[int], None]
) -> _Found:
    """The draws from `first` to before `last`."""
    placebo = task.placebo(plan)
    draws = resolve_draws(plan, placebo, task.lengths, first=first, last=last, progress=progress)
    reach = placebo.reach_days if isinstance(placebo, TimePlacebo) else math.nan
    return _Found(draws, reach, placebo.kept)


def _rows_of(
    plan: Plan, task: _Task, found: _Found, lengths: Mapping[RowKey, float]
) -> dict[RowKey, RowDraws]:
    rows: dict[RowKey, RowDraws] = {}
    for stance, draws in found.draws.items():
        for code in range(len(plan.phases)):
            for book in _books_of(plan, task.kind):
                key: RowKey = (plan.strategy, code, stance, book)
                if key not in lengths:
                    continue
                mean, se = (
                    (draws.mean, draws.se)
                    if book == "outright"
                    else (draws.hedged_mean, draws.hedged_se)
                )
                rows[key] = RowDraws(
                    task.kind, mean[:, code], se[:, code], found.reach_days, found.kept
                )
    return rows
