"""From plans and their books to verdicts: one row a strategy × phase (docs/verdict.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from fadefollow.core.parallel import Shared, WorkerPool, result_or_raise
from fadefollow.engine.model import FloatArray, Plan
from fadefollow.errors import ParameterError
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.correction.maxt import MaxT, p_error, step_down
from fadefollow.verdict.correction.overfit import TrackRecord
from fadefollow.verdict.correction.placebo import Draws, Shifts, draw_shifts, placebo
from fadefollow.verdict.estimates.anyhour import Outcomes
from fadefollow.verdict.estimates.days import HOUR_NS
from fadefollow.verdict.estimates.detectable import detectable_edge
from fadefollow.verdict.estimates.estimates import Books, PhaseEvidence, StanceEvidence, weigh
from fadefollow.verdict.estimates.metrics import breakeven_cost, max_drawdown, pnl_split, sharpe
from fadefollow.verdict.model import Interval, NotTraded, StanceResult, Verdict
from fadefollow.verdict.rule import MIN_BLOCKS, decide
from fadefollow.verdict.threads import threads

#: with fewer placebo shifts than this, the verdict says how many there were
FEW_SHIFTS = 200

#: draws that one worker of a pool resolves in one go
_PER_ITEM = 100
#: a worker pool, and the plans as it has them
Spread = tuple[WorkerPool, Shared[tuple[Plan, ...]]]
Progress = Callable[[int, int], None]  #: called with draws done and draws in all


def judge(
    plans: Sequence[Plan],
    books: Books,
    *,
    alpha: float = 0.05,
    placebo_draws: int = 1000,
    bootstrap_draws: int = 2000,
    seed: int = 0,
    outcomes: MutableMapping[str, Outcomes] | None = None,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> tuple[Verdict, ...]:
    """Judge every phase of every strategy of a run, as one family of questions.

    Args:
        plans: the strategies; their names differ.
        books: by strategy and stance, for every stance that the plan does not refuse, one book a
            coin in the order of the plan's tapes, as the resolver made them.
        alpha: level of the intervals and of the corrected placebo test.
        placebo_draws: shifts to resolve; all that are possible where there are fewer.
        bootstrap_draws: replicates of each phase's trades.
        seed: the same seed gives the same verdicts.
        outcomes: is given, by strategy, what entering at every bar earns, for those who need it
            further on.
        progress: told how far the placebo is, which takes most of the time.
        spread: a worker pool that has the plans, for the placebo; by default this process.

    Returns:
        One verdict a strategy × phase, in the order of the plans.

    Raises:
        ParameterError: alpha, draws, bars or books are not as said above.
    """
    _check(plans, books, alpha, placebo_draws, bootstrap_draws)
    if not plans:
        return ()
    # the kernels let go of Python's lock; each phase has a random stream of its own
    with ThreadPoolExecutor(threads()) as pool:
        evidence = list(
            pool.map(
                lambda plan: weigh(
                    plan, books, draws=bootstrap_draws, seed=seed, outcomes=outcomes
                ),
                plans,
            )
        )
    shifts = draw_shifts(plans, draws=placebo_draws, rng=np.random.default_rng([seed]))
    rows = _confront(plans, evidence, shifts, progress, spread)
    table = step_down(
        np.array([row.t for row in rows]),
        np.array([row.draws_t for row in rows]).reshape(len(rows), len(shifts.hours)).T,
        family=np.array([row.evidence.blocks >= MIN_BLOCKS for row in rows], bool),
        alpha=alpha,
    )
    numbers = {row.key: number for number, row in enumerate(rows)}
    return tuple(
        _verdict(plan, code, phase, _Family(rows, numbers, table, shifts, placebo_draws), alpha)
        for plan, phases in zip(plans, evidence, strict=True)
        for code, phase in enumerate(phases)
    )


@dataclass(frozen=True)
class _Row:
    """One strategy × phase × stance, with its placebo."""

    key: tuple[str, int, Stance]
    evidence: StanceEvidence
    placebo_mean: float
    draws_t: FloatArray  #: shape (draws,)

    @property
    def t(self) -> float:
        mean = self.evidence.mean
        return mean.value / mean.se if mean.se > 0.0 else math.nan


@dataclass(frozen=True)
class _Family:
    """All rows of the run and their common test."""

    rows: Sequence[_Row]
    numbers: dict[tuple[str, int, Stance], int]
    table: MaxT
    shifts: Shifts
    draws_wanted: int


def _confront(
    plans: Sequence[Plan],
    evidence: Sequence[tuple[PhaseEvidence, ...]],
    shifts: Shifts,
    progress: Progress | None,
    spread: Spread | None,
) -> list[_Row]:
    books = [(p, e, s) for p, e in zip(plans, evidence, strict=True) for s in STANCES]
    books = [(plan, phases, stance) for plan, phases, stance in books if stance not in plan.refused]
    total, done, rows = len(books) * len(shifts.hours), 0, list[_Row]()

    def step(draws: int) -> None:
        nonlocal done
        done += draws
        if progress is not None:
            progress(done, total)

    lengths = [np.array([phase.length for phase in phases]) for _, phases, _ in books]
    if spread is None:
        drawn: Iterable[Draws] = (
            placebo(plan, stance, shifts, lengths=length, progress=step)
            for (plan, _, stance), length in zip(books, lengths, strict=True)
        )
    else:
        places = {plan.strategy: number for number, plan in enumerate(plans)}
        asked = [(places[plan.strategy], stance) for plan, _, stance in books]
        drawn = _drawn_by(spread, asked, lengths, shifts, step)
    for (plan, phases, stance), draws in zip(books, drawn, strict=True):
        rows += [_row(plan, code, stance, phase, draws) for code, phase in enumerate(phases)]
    return rows


_Part = tuple[int, Stance, FloatArray, Shifts]


def _drawn_by(
    spread: Spread,
    asked: Sequence[tuple[int, Stance]],
    lengths: Sequence[FloatArray],
    shifts: Shifts,
    step: Callable[[int], None],
) -> list[Draws]:
    """Each book's placebo from a worker pool, some draws an item; draws are independent."""
    team, plans = spread
    firsts = range(0, max(len(shifts.hours), 1), _PER_ITEM)
    parts = [replace(shifts, hours=shifts.hours[k : k + _PER_ITEM]) for k in firsts]
    items = [
        (*one, length, part) for one, length in zip(asked, lengths, strict=True) for part in parts
    ]
    found: dict[int, Draws] = {}
    for number, draws in team.stream(_placebo_of, items, plans):
        found[number] = result_or_raise(draws)
        if len(shifts.hours):
            step(len(items[number][-1].hours))
    by_book = [[found[b * len(parts) + k] for k in range(len(parts))] for b in range(len(asked))]
    return [
        Draws(np.concatenate([d.mean for d in book]), np.concatenate([d.t for d in book]))
        for book in by_book
    ]


def _placebo_of(plans: tuple[Plan, ...], part: _Part) -> Draws:
    number, stance, lengths, shifts = part
    return placebo(plans[number], stance, shifts, lengths=lengths)


def _row(plan: Plan, code: int, stance: Stance, phase: PhaseEvidence, draws: Draws) -> _Row:
    means = draws.mean[:, code]
    known = means[~np.isnan(means)]
    mean = float(known.mean()) if len(known) else math.nan
    return _Row((plan.strategy, code, stance), phase.stances[stance], mean, draws.t[:, code])


def _verdict(plan: Plan, code: int, phase: PhaseEvidence, family: _Family, alpha: float) -> Verdict:
    numbers = {s: family.numbers[plan.strategy, code, s] for s in phase.stances}
    results = {s: _result(plan, family, n, alpha) for s, n in numbers.items()}
    fade, follow = (results.get(s) or NotTraded(plan.refused[s]) for s in STANCES)
    difference = _bps(phase.difference.interval(alpha))
    detectable = max(
        (_detectable(family.rows[n], family.table, n, alpha) for n in numbers.values()),
        key=lambda bps: math.inf if math.isnan(bps) else bps,
        default=math.nan,
    )
    word, why = decide(
        fade,
        follow,
        difference_ci_bps=difference,
        detectable_bps=detectable,
        blocks=min((stance.blocks for stance in phase.stances.values()), default=0.0),
        alpha=alpha,
    )
    return Verdict(
        strategy=plan.strategy,
        signal=plan.signal,
        phase=plan.phases[code],
        split=None,
        symbols=tuple(tape.symbol for tape in plan.tapes),
        n_phases=sum(int((codes == code).sum()) for codes in plan.codes),
        fade=fade,
        follow=follow,
        difference_ci_bps=difference,
        detectable_bps=detectable,
        verdict=word,
        why=why + _few(family, phase),
    )


def _result(plan: Plan, family: _Family, number: int, alpha: float) -> StanceResult:
    row, table, draws = family.rows[number], family.table, len(family.shifts.hours)
    found = row.evidence
    trades, time = found.trades, plan.tapes[0].time
    held = time[trades["exit_bar"].to_numpy()] - time[trades["entry_bar"].to_numpy()]
    record = TrackRecord.of(found.daily)
    return StanceResult(
        n_trades=len(trades),
        mean_net_bps=1e4 * found.mean.value,
        ci_bps=_bps(found.mean.interval(alpha)),
        anyhour_mean_bps=1e4 * found.anyhour_mean,
        placebo_mean_bps=1e4 * row.placebo_mean,
        momentum_mean_bps=1e4 * found.momentum.value,
        momentum_ci_bps=_bps(found.momentum.interval(alpha)),
        p_placebo=float(table.p[number]),
        p_adjusted=float(table.adjusted[number]),
        sharpe=sharpe(found.daily),
        max_drawdown=max_drawdown(found.daily),
        breakeven_cost_bps=1e4 * breakeven_cost(trades),
        pnl=pnl_split(trades),
        n_liquidated=int((trades["reason"] == "liquidation").sum()),
        win_rate=float((trades["return"] > 0.0).mean()),
        mean_hold_hours=float(held.mean() / HOUR_NS) if len(held) else math.nan,
        n_days=record.n,
        daily_skew=record.skew,
        daily_kurtosis=record.kurtosis,
        p_placebo_error=p_error(float(table.p[number]), draws),
        p_adjusted_error=p_error(float(table.adjusted[number]), draws),
    )


def _detectable(row: _Row, table: MaxT, number: int, alpha: float) -> float:
    found = row.evidence
    return 1e4 * detectable_edge(
        found.mean,
        found.momentum,
        placebo_mean=row.placebo_mean,
        critical_t=float(table.critical[number]),
        alpha=alpha,
    )


def _bps(interval: Interval) -> Interval:
    return 1e4 * interval[0], 1e4 * interval[1]


def _few(family: _Family, phase: PhaseEvidence) -> str:
    drawn = len(family.shifts.hours)
    tested = any(stance.blocks >= MIN_BLOCKS for stance in phase.stances.values())
    few = tested and drawn < min(family.draws_wanted, FEW_SHIFTS)
    return f"; only {drawn} placebo shifts were possible" if few else ""


def _check(
    plans: Sequence[Plan], books: Books, alpha: float, placebo_draws: int, bootstrap_draws: int
) -> None:
    if not 0.0 < alpha < 1.0:
        raise ParameterError("alpha must be between 0 and 1", got=alpha)
    for name, draws in (("placebo_draws", placebo_draws), ("bootstrap_draws", bootstrap_draws)):
        if draws < 1:
            raise ParameterError(f"{name} must be at least 1", got=draws)
    names = [plan.strategy for plan in plans]
    if len(set(names)) < len(names):
        raise ParameterError("strategies of a run must have different names", got=names)
    for plan in plans:
        for stance in STANCES:
            if stance not in plan.refused and (plan.strategy, stance) not in books:
                where = f"{plan.strategy}, {stance}"
                raise ParameterError("a stance that is not refused needs its books", where=where)
