"""From plans and their books to verdicts: one row a strategy × phase.

Two families of questions are asked. The first holds the claimed stances (both, where the claim is
disputed) in each of their books: they were asked beforehand. The second holds all stances and is
what the opposite ones are corrected over. In each family two things are corrected: what a stance
earned (one interval that holds for all rows, `correction.band`) and whether the phase knew anything
(the placebo, `correction.maxt`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from fadefollow.engine.model import DAY_NS
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.errors import ParameterError
from fadefollow.phases import STANCES
from fadefollow.verdict.estimates.anyhour import all_outcomes
from fadefollow.verdict.estimates.bootstrap import Resampling
from fadefollow.verdict.estimates.estimates import Books, PhaseEvidence, estimate
from fadefollow.verdict.model import (
    Verdict,
)
from fadefollow.verdict.placebos.run import Confronted, RowKey, Spread, confront
from fadefollow.verdict.row_table import Family, Row, RowTable
from fadefollow.verdict.settings import JudgeSettings
from fadefollow.verdict.threads import threads
from fadefollow.verdict.words import (
    Claim,
)

Progress = Callable[[int, int], None]  #: called with draws done and draws in all


def judge(
    plans: Sequence[Plan],
    books: Books,
    *,
    settings: JudgeSettings | None = None,
    claims: Mapping[str, Claim] | None = None,
    smallest: Mapping[str, float] | None = None,
    evidence: Mapping[str, tuple[PhaseEvidence, ...]] | None = None,
    confronted: Confronted | None = None,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> tuple[Verdict, ...]:
    """Judge every phase of every strategy of a run.

    Args:
        plans: the strategies; their names differ.
        books: by strategy and stance, for every stance that the plan does not refuse, one book a
            coin in the order of the plan's coin_arrays, with their hedges.
        settings: levels, draws and seed; the same seed gives the same verdicts.
        claims: what the account of each strategy claims; by default disputed.
        smallest: by strategy, the smallest edge worth trading, bps; by default the settings' own.
        evidence: of each strategy's phases, by its name, where that is known already: from
            `estimate` on the `days_of` all plans.
        confronted: the placebos of all rows, where they are known already.
        progress: told how far the placebos are, which take most of the time.
        spread: a cluster's pool that has the plans, for the placebos; by default this process.

    Returns:
        One verdict a strategy × phase, in the order of the plans.

    Raises:
        ParameterError: plans or books are not as said above.
    """
    settings = settings or JudgeSettings()
    _check(plans, books)
    if not plans:
        return ()
    if evidence is None:
        days = days_of(plans, settings)
        # the kernels let go of Python's lock
        with ThreadPoolExecutor(threads()) as pool:
            weighed = pool.map(
                lambda plan: estimate(
                    plan, books, all_outcomes(plan), resampling=days, alpha=settings.alpha
                ),
                plans,
            )
            evidence = {plan.strategy: one for plan, one in zip(plans, weighed, strict=True)}
    lengths: dict[RowKey, float] = {}
    for plan in plans:
        lengths.update(block_lengths(plan, evidence[plan.strategy]))
    confronted = confronted or confront(
        plans,
        lengths,
        draws=settings.placebo_draws,
        seed=settings.seed,
        progress=progress,
        spread=spread,
    )
    claimed = {plan.strategy: (claims or {}).get(plan.strategy, "disputed") for plan in plans}
    rows = {key: Row(key, evidence[key[0]][key[1]].stances[key[2]][key[3]]) for key in lengths}
    asked = [k for k in rows if claimed[k[0]] in ("disputed", k[2])]
    table = RowTable(
        plans=plans,
        rows=rows,
        confronted=confronted,
        settings=settings,
        claims=claimed,
        smallest={
            p.strategy: (smallest or {}).get(p.strategy, settings.smallest_bps) for p in plans
        },
        families=(
            Family.of(rows, asked, confronted, settings),
            Family.of(rows, list(rows), confronted, settings),
        ),
    )
    return tuple(
        table.verdict(plan, code, phase)
        for plan in plans
        for code, phase in enumerate(evidence[plan.strategy])
    )


def block_lengths(plan: Plan, evidence: Sequence[PhaseEvidence]) -> dict[RowKey, float]:
    """Length of a block in days, of each row of a plan."""
    return {
        (plan.strategy, code, stance, book): one.length
        for code, phase in enumerate(evidence)
        for stance, by_book in phase.stances.items()
        for book, one in by_book.items()
    }


def days_of(plans: Sequence[Plan], settings: JudgeSettings) -> Resampling:
    """The UTC days of all plans together, resampled."""
    first = min((int(plan.time[0] // DAY_NS) for plan in plans), default=0)
    last = max((int(plan.time[-1] // DAY_NS) for plan in plans), default=0)
    return Resampling(first, last - first + 1, settings.bootstrap_draws, settings.seed)


def _check(plans: Sequence[Plan], books: Books) -> None:
    names = [plan.strategy for plan in plans]
    if len(set(names)) < len(names):
        raise ParameterError("strategies of a run must have different names", got=names)
    for plan in plans:
        for stance in STANCES:
            if stance not in plan.refused and (plan.strategy, stance) not in books:
                where = f"{plan.strategy}, {stance}"
                raise ParameterError("a stance that is not refused needs its books", where=where)
