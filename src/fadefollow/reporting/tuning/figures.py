"""What the figures of a tuning job show: which trials are drawn, and where; long lists thinned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fadefollow.reporting.tuning.scales import Scale
from fadefollow.tuning.model import Fold, State, Trial, Tuning

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Trials of one fold as they came."""

    marks: Mapping[State, tuple[FloatArray, FloatArray]]  #: number and score by state
    failed: FloatArray  #: numbers
    best: tuple[FloatArray, FloatArray]  #: number and best complete score so far
    winner: tuple[float, float] | None
    floor: float  #: lowest score that is shown
    below: int  #: trials below it
    left_out: int


@dataclass(frozen=True)
class Slice:
    """Scores of one fold's trials against one parameter, all of shape (n,)."""

    scale: Scale
    x: FloatArray
    y: FloatArray
    number: FloatArray
    winner: tuple[float, float] | None
    file: float  #: where the strategy's file is; NaN unknown


@dataclass(frozen=True)
class Pairs:
    """Score on the past and on the stretch after it, by trial; all of shape (n,)."""

    before: FloatArray
    after: FloatArray
    number: FloatArray
    winner: tuple[float, float] | None
    total: int


def stretches(tuning: Tuning) -> tuple[Fold, ...]:
    """The folds that have a stretch after their past."""
    return tuple(fold for fold in tuning.folds if fold.test is not None)


def trials_of(tuning: Tuning, fold: Fold) -> tuple[Trial, ...]:
    """One fold's trials, in order."""
    return tuple(trial for trial in tuning.trials if trial.fold == fold.number)


def searched(tuning: Tuning) -> tuple[str, ...]:
    """The parameters, in the order of the space, then those that only trials know."""
    tried = (name for trial in tuning.trials for name in trial.params)
    return tuple(dict.fromkeys([*tuning.space, *tried]))


def as_found(params: Mapping[str, Any], tuning: Tuning) -> dict[str, Any]:
    """`params` in the order of the space."""
    return {name: params[name] for name in searched(tuning) if name in params}


def short_names(tuning: Tuning) -> dict[str, str]:
    """`params.quantile` → `quantile`, where that is unambiguous."""
    names = searched(tuning)
    tails = [name.partition(".")[2] or name for name in names]
    return {
        name: tail if tails.count(tail) == 1 else name
        for name, tail in zip(names, tails, strict=True)
    }


def scales(tuning: Tuning) -> tuple[Scale, ...]:
    """One scale a parameter, over all folds."""
    labels, found = short_names(tuning), []
    for name in searched(tuning):
        tried = (t.params[name] for t in tuning.trials if name in t.params)
        log = tuning.space.get(name, "").endswith("logarithmic")
        found.append(Scale.of(name, labels[name], tried, log=log))
    return tuple(found)


def score_of(trial: Trial, place: int = 0) -> float:
    """A trial's score; of a pruned one the first objective as far as it came; NaN unknown."""
    if len(trial.scores) > place:
        return float(trial.scores[place])
    return float(trial.inner[-1]) if trial.inner and place == 0 else math.nan


def thinned(trials: tuple[Trial, ...], *, points: int, keep: int | None) -> tuple[Trial, ...]:
    """At most about `points` trials, evenly spaced, with all new bests and the one to keep."""
    if len(trials) <= points:
        return trials
    chosen = set(np.linspace(0, len(trials) - 1, max(points - 20, 2)).astype(int).tolist())
    best = -math.inf
    climbs = []
    for place, trial in enumerate(trials):
        if trial.state == "complete" and score_of(trial) > best:
            best = score_of(trial)
            climbs.append(place)
        if trial.number == keep:
            chosen.add(place)
    return tuple(trials[place] for place in sorted(chosen | set(climbs[-19:])))


def history(tuning: Tuning, fold: Fold, *, points: int) -> History:
    """What is drawn of a fold's search."""
    trials = trials_of(tuning, fold)
    drawn = thinned(trials, points=points, keep=fold.winner)
    marks: dict[State, tuple[FloatArray, FloatArray]] = {}
    kinds: tuple[State, ...] = ("complete", "few", "pruned")
    done = [(t.number, score_of(t)) for t in trials if t.state == "complete"]
    done = [pair for pair in done if math.isfinite(pair[1])]
    floor = floor_of(np.array([value for _, value in done]))
    for state in kinds:
        mine = [(t.number, score_of(t)) for t in drawn if t.state == state]
        mine = [pair for pair in mine if math.isfinite(pair[1]) and pair[1] >= floor]
        if mine:
            marks[state] = _columns(mine)
    steps = _climb(done, len(trials))
    below = sum(score_of(t) < floor for t in trials)
    return History(
        marks=marks,
        failed=np.array([t.number for t in drawn if t.state == "failed"], float),
        best=_columns(steps),
        winner=_place(trials, fold, lambda t: (t.number, score_of(t))),
        floor=floor,
        below=below,
        left_out=len(trials) - len(drawn),
    )


def slices(
    tuning: Tuning, fold: Fold, places: tuple[Scale, ...], *, points: int
) -> tuple[Slice, ...]:
    """One slice a parameter, of evaluated trials."""
    judged = tuple(
        t for t in trials_of(tuning, fold) if t.state in ("complete", "few") and t.scores
    )
    drawn = [
        t for t in thinned(judged, points=points, keep=fold.winner) if math.isfinite(score_of(t))
    ]
    found = []
    for scale in places:
        x = np.array([scale.at(t.params.get(scale.name)) for t in drawn])
        found.append(
            Slice(
                scale=scale,
                x=x,
                y=np.array([score_of(t) for t in drawn]),
                number=np.array([t.number for t in drawn], float),
                winner=_place(
                    judged, fold, lambda t, s=scale: (s.at(t.params.get(s.name)), score_of(t))
                ),
                file=scale.at(tuning.start_params.get(scale.name)),
            )
        )
    return tuple(found)


def ranked(tuning: Tuning, fold: Fold, *, points: int) -> tuple[Trial, ...]:
    """Complete trials from the worst to the best; of many, all of the best fifth that fit."""
    done = [t for t in trials_of(tuning, fold) if t.state == "complete"]
    done = sorted((t for t in done if math.isfinite(score_of(t))), key=score_of)
    if len(done) <= points:
        return tuple(done)
    top = min(len(done) // 5, points // 2)
    rest = np.linspace(0, len(done) - top - 1, points - top).astype(int)
    return (*(done[place] for place in rest), *done[len(done) - top :])


def pairs(tuning: Tuning, fold: Fold, *, points: int) -> Pairs:
    """Trials whose score is known on the past and after it."""
    known = _both(tuning, fold)
    drawn = thinned(known, points=points, keep=fold.winner)
    columns = np.array([(score_of(t), t.after, t.number) for t in drawn]).reshape(-1, 3)
    return Pairs(
        before=columns[:, 0],
        after=columns[:, 1],
        number=columns[:, 2],
        winner=_place(known, fold, lambda t: (score_of(t), t.after)),
        total=len(known),
    )


def rank_correlation(tuning: Tuning, fold: Fold, *, least: int) -> float:
    """Spearman's, between the past and the stretch after it; NaN with fewer than `least` trials."""
    from scipy import stats

    known = _both(tuning, fold)
    before, after = np.array([score_of(t) for t in known]), np.array([t.after for t in known])
    if len(known) < least or not (np.ptp(before) > 0.0 and np.ptp(after) > 0.0):
        return math.nan
    return float(stats.spearmanr(before, after).statistic)


def front(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The complete trials that no other one beats in both objectives, by the first."""
    done = [t for t in trials if t.state == "complete" and len(t.scores) > 1]
    done = [t for t in done if all(map(math.isfinite, t.scores))]
    kept: list[Trial] = []
    for trial in sorted(done, key=lambda t: (-t.scores[0], -t.scores[1])):
        if not kept or trial.scores[1] > kept[-1].scores[1]:
            kept.append(trial)
    return tuple(reversed(kept))


def errors(tuning: Tuning) -> list[tuple[str, list[Trial]]]:
    """Failed trials by what they said, the most frequent first."""
    found: dict[str, list[Trial]] = {}
    for trial in tuning.trials:
        if trial.state == "failed":
            found.setdefault(trial.error or "it gave no reason", []).append(trial)
    return sorted(found.items(), key=lambda item: -len(item[1]))


def _both(tuning: Tuning, fold: Fold) -> tuple[Trial, ...]:
    return tuple(
        t
        for t in trials_of(tuning, fold)
        if t.state == "complete" and math.isfinite(score_of(t)) and math.isfinite(t.after)
    )


def _place(trials: Iterable[Trial], fold: Fold, of: Any) -> tuple[float, float] | None:
    trial = next((t for t in trials if t.number == fold.winner), None)
    if trial is None:
        return None
    x, y = of(trial)
    return (float(x), float(y)) if math.isfinite(x) and math.isfinite(y) else None


def _climb(done: list[tuple[int, float]], end: int) -> list[tuple[float, float]]:
    steps: list[tuple[float, float]] = []
    for number, value in done:
        if not steps or value > steps[-1][1]:
            steps.append((float(number), value))
    return [*steps, (float(max(end - 1, 0)), steps[-1][1])] if steps else []


def floor_of(scores: FloatArray) -> float:
    """The lowest score that is shown; a few so bad that they would flatten the picture are not."""
    if scores.size < 8:
        return float(scores.min()) if scores.size else 0.0
    low, high = np.quantile(scores, [0.25, 0.75])
    return float(max(scores.min(), low - 2.0 * (high - low)))


def _columns(points: Iterable[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
    table = np.array(list(points), np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
