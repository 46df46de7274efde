"""Review of a fold's search: its winner, how much of it is luck, and its test.

Only here is a trial looked at beyond its past, and nothing that is seen there decides anything.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna

from fadefollow.engine.model import FloatArray
from fadefollow.tuning.evaluator import TrialData, TrialRequest, past
from fadefollow.tuning.folds import FoldBars
from fadefollow.tuning.model import Fold, Past, Trial, TuneSettings
from fadefollow.tuning.objective import ranks_sum
from fadefollow.tuning.search import Searched, frozen
from fadefollow.tuning.space import Space
from fadefollow.verdict.correction.overfit import TrackRecord, cscv, deflated_sharpe

#: blocks of CSCV, and days that each must have
_BLOCKS, _BLOCK_DAYS = 16, 4
#: of the forest that tells the parameters' importance; Optuna's 64 take seconds
_TREES = 16
#: complete trials below which nothing is said about parameters
_FEW = 20


@dataclass(frozen=True)
class Look:
    """One trial to look at again: its past day by day, and the stretch after it."""

    params: Mapping[str, Any]
    train: tuple[int, int]  #: bars of the calendar
    test: tuple[int, int] | None


@dataclass(frozen=True)
class Seen:
    """Result of looking at one trial again."""

    daily: FloatArray  #: return by day of the past, shape (days,)
    scores: tuple[float, ...] = ()  #: on the stretch
    n_trades: int = 0
    mean_net_bps: float = math.nan


def look(data: TrialData, asked: Look) -> Seen:
    """Trade one trial's past and the stretch after it, each by itself."""
    daily = past(data, TrialRequest(0, asked.params, asked.train)).daily()
    if asked.test is None:
        return Seen(daily)
    after = past(data, TrialRequest(0, asked.params, asked.test))
    scores = tuple(after.score(objective) for objective in data.settings.objectives)
    bps = 1e4 * float(after.value.mean()) if len(after) else math.nan
    return Seen(daily, scores, len(after), bps)


@dataclass(frozen=True)
class Reviewed:
    """A fold, and its trials with what came after; their daily Sharpe ratios on the past."""

    fold: Fold
    trials: tuple[Trial, ...]
    sharpes: Mapping[int, float]  #: by number of the trial, those that were evaluated


def review(
    on: FoldBars,
    searched: Searched,
    *,
    space: Space,
    settings: TuneSettings,
    look_at: Callable[[Sequence[Look]], Sequence[Seen]],
) -> Reviewed:
    """The fold with its winner and the judgement of its search.

    Args:
        on: the fold's times and bars.
        searched: its trials.
        space, settings: of the job.
        look_at: looks at several trials, results in their order.
    """
    cut, trials = on.cut, searched.trials
    evaluated = [t for t in trials if t.state != "failed"]
    best = winner(trials)
    seen = dict(
        zip(
            (t.number for t in evaluated),
            look_at([Look(t.params, on.train, on.test if t.scores else None) for t in evaluated]),
            strict=True,
        )
    )
    sharpes = {number: _daily_sharpe(s.daily) for number, s in seen.items()}
    after = seen[best.number] if best else Seen(np.empty(0))
    nothing = (math.nan,) * len(settings.objectives)
    fold = Fold(
        number=cut.number,
        train=cut.train,
        test=cut.test,
        winner=best.number if best else None,
        params=best.params if best else {},
        scores=best.scores if best else nothing,
        after=after.scores or nothing,
        n_trades=best.n_trades if best else 0,
        n_trades_after=after.n_trades,
        mean_net_bps=best.mean_net_bps if best else math.nan,
        mean_net_bps_after=after.mean_net_bps,
        past=_past(trials, best, seen, sharpes, searched.tried),
        counts=dict(Counter(t.state for t in trials)),  # asdict cannot copy a Counter
        importance=importance(space, trials, seed=settings.seed),
    )
    with_after = tuple(
        replace(t, after=seen[t.number].scores[0])
        if t.state == "complete" and seen[t.number].scores
        else t
        for t in trials
    )
    return Reviewed(fold, with_after, sharpes)


def winner(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial with the best score, of equal ones the first; None if there is none.

    With two objectives, of the trials that none beats in both, the one with the best sum of ranks.
    """
    complete = [t for t in trials if t.state == "complete"]
    if not complete:
        return None
    if len(complete[0].scores) == 1:
        return max(complete, key=lambda t: (t.scores[0], -t.number))
    front = [t for t in complete if not any(_beats(other, t) for other in complete)]
    ranks = ranks_sum([t.scores for t in front])
    return front[int(np.argmax(ranks))]


def _beats(one: Trial, other: Trial) -> bool:
    pairs = list(zip(one.scores, other.scores, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def importance(space: Space, trials: Sequence[Trial], *, seed: int) -> dict[str, float]:
    """How much of the variance of the first objective each parameter explains; empty if unknown.

    Source: Hutter, Hoos & Leyton-Brown (2014), ICML 32, functional ANOVA as in Optuna.
    """
    complete = [t for t in trials if t.state == "complete"]
    if len(complete) < _FEW or len({t.scores[0] for t in complete}) < 2:
        return {}
    study = optuna.create_study(directions=["maximize"] * len(complete[0].scores))
    study.add_trials([frozen(space, t) for t in complete])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found = optuna.importance.get_param_importances(
            study,
            evaluator=optuna.importance.FanovaImportanceEvaluator(
                n_trees=_TREES, seed=seed % 2**32
            ),
            target=lambda t: t.values[0],
        )
    return {name: float(share) for name, share in sorted(found.items())}


def _daily_sharpe(daily: FloatArray) -> float:
    """Mean over standard deviation; NaN where the returns do not vary."""
    spread = float(np.std(daily, ddof=1)) if len(daily) > 1 else 0.0
    varies = spread > 1e-12 * float(np.abs(daily).max(initial=0.0))
    return float(np.mean(daily)) / spread if varies else math.nan


def _past(
    trials: Sequence[Trial],
    best: Trial | None,
    seen: Mapping[int, Seen],
    sharpes: Mapping[int, float],
    tried: int,
) -> Past:
    known_ones = [s for s in sharpes.values() if math.isfinite(s)]
    variance = float(np.var(known_ones, ddof=1)) if len(known_ones) > 1 else 0.0
    record = TrackRecord.of(seen[best.number].daily) if best else None
    known = record is not None and math.isfinite(record.sharpe)
    complete = [t.number for t in trials if t.state == "complete"]
    days = len(next(iter(seen.values())).daily) if seen else 0
    blocks = min(_BLOCKS, days // _BLOCK_DAYS // 2 * 2)
    split = None
    if len(complete) > 1 and blocks >= 2:
        split = cscv(np.column_stack([seen[n].daily for n in complete]), blocks=blocks)
    return Past(
        sharpe=record.sharpe if record else math.nan,
        n_trials=tried,
        variance=variance,
        deflated_sharpe=deflated_sharpe(record, n_trials=tried, variance=variance)
        if record and known
        else math.nan,
        pbo=split.pbo if split else math.nan,
        n_cscv=len(complete) if split else 0,
        p_loss=split.p_loss if split else math.nan,
        slope=split.slope if split else math.nan,
    )
