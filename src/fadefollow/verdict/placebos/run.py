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

import numpy as np

from fadefollow.core.parallel import Shared, WorkerPool, result_or_raise
from fadefollow.engine.hedge.hedged import BOOKS, BookName
from fadefollow.engine.model import FloatArray, IntArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.placebos.base import Draws, Kind, Placebo, resolve_draws
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
class _Drawing:
    """What all tasks of a run share."""

    draws: int
    seed: int
    shifts: IntArray
    step: int


@dataclass(frozen=True)
class _Task:
    """One stance of a plan against one kind of placebo."""

    number: int
    stance: Stance
    kind: Kind
    drawing: _Drawing
    lengths: FloatArray
    hedged_lengths: FloatArray

    @property
    def draws(self) -> int:
        """How many there are of this kind."""
        return len(self.drawing.shifts) if self.kind == "time" else self.drawing.draws

    def placebo(self, plan: Plan) -> Placebo:
        """The same for any worker, and for both stances."""
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
        spread: a worker pool that has the plans; by default threads of this process.
    """
    shifts, step = draw_shifts(plans, draws=draws, rng=np.random.default_rng([seed]))
    drawing = _Drawing(draws, seed, shifts, step)
    tasks = [
        _task(plans, number, stance, kind, lengths, drawing)
        for number, plan in enumerate(plans)
        for kind in kinds_of(plan)
        for stance in STANCES
        if stance not in plan.refused
    ]
    total, done = sum(task.draws for task in tasks), 0

    def step_on(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    rows: dict[RowKey, RowDraws] = {}
    for task, found in zip(tasks, _resolved(plans, tasks, step_on, spread), strict=True):
        rows.update(_rows_of(plans[task.number], task, found, lengths))
    return Confronted(rows)


def kinds_of(plan: Plan) -> tuple[Kind, ...]:
    """The placebos that a plan meets."""
    market = plan.basket is not None and plan.basket.kind == "market"
    return ("time", "coins") if market else ("time",)


def _books_of(plan: Plan, kind: Kind) -> tuple[BookName, ...]:
    """The books that a kind of placebo speaks of: coins of the hedged one, time of the others."""
    if kinds_of(plan) == ("time",):
        return BOOKS if plan.basket is not None else ("outright",)
    return ("outright",) if kind == "time" else ("hedged",)


def _task(
    plans: Sequence[Plan],
    number: int,
    stance: Stance,
    kind: Kind,
    lengths: Mapping[RowKey, float],
    drawing: _Drawing,
) -> _Task:
    plan = plans[number]
    by_book = {
        book: np.array(
            [lengths.get((plan.strategy, c, stance, book), 1.0) for c in range(len(plan.phases))]
        )
        for book in ("outright", "hedged")
    }
    return _Task(number, stance, kind, drawing, by_book["outright"], by_book["hedged"])


def _resolved(
    plans: Sequence[Plan],
    tasks: Sequence[_Task],
    progress: Callable[[int], None],
    spread: Spread | None,
) -> Iterable[tuple[Draws, float, float]]:
    if spread is None:
        known: dict[tuple[int, Kind], Placebo] = {}
        for task in tasks:
            key = task.number, task.kind
            if key not in known:
                known[key] = task.placebo(plans[task.number])
            yield _resolve(plans[task.number], task, known[key], 0, task.draws, progress)
        return
    pool, shared = spread
    items = [
        (task, first, min(first + _PER_ITEM[task.kind], task.draws))
        for task in tasks
        for first in range(0, max(task.draws, 1), _PER_ITEM[task.kind])
    ]
    found: dict[int, tuple[Draws, float, float]] = {}
    for number, part in pool.stream(_part, items, shared):
        found[number] = result_or_raise(part)
        progress(items[number][2] - items[number][1])
    for task in tasks:
        mine = [found[n] for n, (other, _, _) in enumerate(items) if other is task]
        whole = Draws(*(np.concatenate([getattr(d, f) for d, _, _ in mine]) for f in Draws.FIELDS))
        yield whole, mine[0][1], mine[0][2]


def _part(plans: tuple[Plan, ...], item: tuple[_Task, int, int]) -> tuple[Draws, float, float]:
    task, first, last = item
    plan = plans[task.number]
    return _resolve(plan, task, task.placebo(plan), first, last, lambda _: None)


def _resolve(
    plan: Plan,
    task: _Task,
    placebo: Placebo,
    first: int,
    last: int,
    progress: Callable[[int], None],
) -> tuple[Draws, float, float]:
    """The draws from `first` to before `last`, how far they reach in days, and the share kept."""
    draws = resolve_draws(
        plan,
        task.stance,
        placebo,
        first=first,
        last=last,
        lengths=task.lengths if "outright" in _books_of(plan, task.kind) else None,
        hedged_lengths=task.hedged_lengths if "hedged" in _books_of(plan, task.kind) else None,
        progress=progress,
    )
    reach = placebo.reach_days if isinstance(placebo, TimePlacebo) else math.nan
    return draws, reach, placebo.kept


def _rows_of(
    plan: Plan,
    task: _Task,
    found: tuple[Draws, float, float],
    lengths: Mapping[RowKey, float],
) -> dict[RowKey, RowDraws]:
    draws, reach, share = found
    rows: dict[RowKey, RowDraws] = {}
    for code in range(len(plan.phases)):
        for book in _books_of(plan, task.kind):
            key: RowKey = (plan.strategy, code, task.stance, book)
            if key not in lengths:
                continue
            mean, se = (
                (draws.mean, draws.se)
                if book == "outright"
                else (draws.hedged_mean, draws.hedged_se)
            )
            rows[key] = RowDraws(task.kind, mean[:, code], se[:, code], reach, share)
    return rows
