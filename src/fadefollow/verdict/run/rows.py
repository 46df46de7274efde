"""Rows beyond what trades say: untraded strategies, phases not looked for, the lab's truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from fadefollow.engine.model import Book
from fadefollow.engine.plans.plan import Prepared
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.strategy import Strategy
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import STANCES, Phases, Stance
from fadefollow.verdict.capacity import capacity
from fadefollow.verdict.model import NOWHERE, NotTraded, StanceResult, Verdict
from fadefollow.verdict.truth import inherited, labelled, simulated
from fadefollow.verdict.words import Fates, Reason, Settle


def untraded_rows(strategy: Strategy, reason: str) -> list[Verdict]:
    """Rows of a strategy that no coin of the data set can trade."""
    no = NotTraded(reason, "no_data")
    return [
        Verdict(
            strategy=strategy.name,
            signal=strategy.signal,
            phase=phase,
            split=None,
            symbols=(),
            n_phases=0,
            fade=no,
            follow=no,
            difference_ci_bps=NOWHERE,
            claim=strategy.claim,
            fates=Fates(strategy.claim, "untestable", None),
            reason=Reason("no_data", detail=reason),
            hedged={"fade": no, "follow": no},
        )
        for phase in strategy.phases
    ]


class Planted(NamedTuple):
    """What the lab planted behind a phase that a strategy trades; the fields of `Verdict`."""

    planted_bps: float
    horizon_hours: float | None
    planted_from: Literal["label", "others", "simulation"]


def planted(dataset: Dataset, strategy: Strategy, plan: Plan) -> dict[str, Planted]:
    """By phase what was planted, in a plan's phases; nothing on data that are not the lab's."""
    truth = dataset.truth
    if truth is None:
        return {}

    def behind(phase: str) -> Planted:
        if strategy.trade.instrument != "perp":
            worth, hours = simulated(
                strategy, phase, lab=dataset.lab, bar=dataset.bar, memo=dataset.memo
            )
            return Planted(worth, hours, "simulation")
        found, horizon = labelled(truth, phase)
        if found == 0.0 and (other := inherited(plan, phase, truth)):
            return Planted(other, strategy.trade.hold_hours, "others")
        return Planted(found, horizon, "label")

    return {phase: behind(phase) for phase in plan.phases}


def with_truth(verdict: Verdict, truth: Mapping[str, Planted]) -> Verdict:
    """The same verdict with what was planted behind its phase, where that is known."""
    known = truth.get(verdict.phase)
    return verdict if known is None else replace(verdict, **known._asdict())


def with_span(verdict: Verdict, prepared: Prepared) -> Verdict:
    """The same verdict, or over which time its phase was never seen."""
    if verdict.reason.code != "never_seen":
        return verdict
    first = min(start for start, _ in prepared.spans.values())
    last = max(end for _, end in prepared.spans.values())
    span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    return replace(verdict, reason=Reason("never_seen", detail=span))


def with_missing_streams(verdict: Verdict, found: Phases) -> Verdict:
    """The same verdict, or the missing streams where no coin has those of its phase."""
    lacks = found.missing
    streams = [lacks.get((symbol, verdict.phase)) for symbol in verdict.symbols]
    if not streams or not all(streams):
        return verdict
    names = tuple(sorted({name for missing in streams for name in missing or ()}))
    text = f"the phase could not be looked for: no coin has {_all(names)}"
    no = NotTraded(text, "missing_streams", names)
    return replace(
        verdict,
        fade=no,
        follow=no,
        hedged={"fade": no, "follow": no},
        fates=Fates(verdict.claim, "untestable", None),
        reason=Reason("missing_streams", streams=names),
        settle=Settle(streams=names),
    )


def _all(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"all of {', '.join(names)}"


def with_capacity(
    plans: Sequence[Plan],
    made: Mapping[tuple[str, Stance], Sequence[Book]],
    verdicts: Sequence[Verdict],
) -> tuple[Verdict, ...]:
    """The verdicts of the plans, in their order, with what each stance carries."""
    rows, remaining = [], iter(verdicts)
    for plan in plans:
        for code in range(len(plan.phases)):
            verdict, stances = next(remaining), dict[str, Any]()
            for stance in STANCES:
                result = getattr(verdict, stance)
                if isinstance(result, StanceResult):
                    found = capacity(plan, made[plan.strategy, stance], code)
                    stances[stance] = replace(
                        result,
                        capacity_quote=found.quote,
                        capacity_median_quote=found.median_quote,
                        capacity_by_coin=found.coins,
                    )
            rows.append(replace(verdict, **stances))
    return tuple(rows)
