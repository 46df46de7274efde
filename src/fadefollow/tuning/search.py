"""The search of one fold: trials in batches, evaluated anywhere, stored in order.

The sampler works on a study in memory. The disk has the list of finished trials: a resumed search
repeats its earlier requests, finds their results on disk, and so comes back to the state in which
it was interrupted, whatever the sampler keeps to itself. A new sampler is built for each batch
from (seed, fold, batch) and given the results of earlier batches.

Sources: Optuna's ask-and-tell interface and TPE (Bergstra et al. 2011, NeurIPS 24; Watanabe 2023,
arXiv:2304.11127); percentile pruning (Golovin et al. 2017, KDD) on earlier batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, overload

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from fadefollow.errors import StoreError
from fadefollow.tuning.evaluator import TrialRequest, TrialResult
from fadefollow.tuning.folds import Cut, FoldBars
from fadefollow.tuning.model import State, Trial, TuneSettings
from fadefollow.tuning.samplers import sampler_of
from fadefollow.tuning.space import Space

#: trials of this percentile and below are pruned, once so many have got as far
_PRUNED_PERCENT, _PRUNE_FROM = 25.0, 20
#: when the first so many trials fail altogether, the rest would too
_HOPELESS = 20

_STATES: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "few": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}

Evaluate = Callable[[Sequence[TrialRequest]], Sequence[TrialResult]]


class Log(Protocol):
    """Storage of a fold's finished trials."""

    def trials(self) -> list[FrozenTrial]:
        """The stored trials, in order of number."""

    def append(self, trials: Sequence[FrozenTrial]) -> None:
        """Store more trials; they are on disk when it returns."""


@dataclass(frozen=True)
class Searched:
    """One fold's trials, and the study that has them."""

    trials: tuple[Trial, ...]
    study: optuna.Study
    kept: int  #: of them were on disk already
    tried: int  #: that were ever evaluated in this fold: those on disk may be more


def search(
    fold: FoldBars,
    *,
    space: Space,
    settings: TuneSettings,
    log: Log,
    evaluate: Evaluate,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
    on_batch: Callable[[Sequence[Trial]], None] = lambda _trials: None,
) -> Searched:
    """The trials of a fold, searched on its past.

    Args:
        fold: whose past is searched.
        space: the search space.
        settings: of the job.
        log: finished trials, of this process and of those before.
        evaluate: several trials, results in their order.
        on_trial: called with each trial when its result is known.
        on_batch: called with the new trials of each batch, stored ones left out.

    Returns:
        The same whatever was on disk before.

    Raises:
        StoreError: the stored trials are not those of this search.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study that it makes
    cut, parts = fold.cut, fold.parts
    study = optuna.create_study(directions=["maximize"] * len(settings.objectives))
    stored, done = log.trials(), list[Trial]()
    kept = stored[: settings.trials]
    for number in range(math.ceil(settings.trials / settings.batch)):
        study.sampler = sampler_of(settings, fold=cut.number, batch=number)
        size = min(settings.batch, settings.trials - len(done))
        known = kept[len(done) : len(done) + size]
        asked = [study.ask(dict(space.distributions)) for _ in known]
        for trial, before in zip(asked, known, strict=True):
            _check_same(cut, trial, before)
        limits = _thresholds(done, settings, len(parts))
        new = _Requests(
            study, space, TrialRequest(0, {}, fold.train, parts, limits), size=size - len(known)
        )
        results = evaluate(new) if new else ()
        asked += new.asked()
        # a last batch is asked in full too, so that a longer search begins with the same trials
        for _ in range(size, settings.batch):
            study.ask(dict(space.distributions))
        fresh = [
            _trial(cut, trial, result) for trial, result in zip(new.asked(), results, strict=True)
        ]
        if fresh:
            log.append([frozen(space, trial) for trial in fresh])
            on_batch(fresh)
        batch = [*(_thawed(cut, before) for before in known), *fresh]
        for trial, made in zip(asked, batch, strict=True):
            _tell(study, trial, made)
            on_trial(made)
        done.extend(batch)
        if len(done) >= _HOPELESS and all(trial.state == "failed" for trial in done):
            break
    finished = [trial for trial in stored if trial.state != TrialState.FAIL]
    evaluated = [trial for trial in done if trial.state != "failed"]
    return Searched(tuple(done), study, len(kept), max(len(finished), len(evaluated)))


class _Requests(Sequence[TrialRequest]):
    """The requests of a batch; the sampler is asked for each one when it is first wanted.

    Thus the first ones are evaluated by other processes while the sampler works on the next.

    Args:
        study: whose sampler is asked.
        space: what is searched.
        form: the same in all of them.
        size: their number.
    """

    def __init__(self, study: optuna.Study, space: Space, form: TrialRequest, *, size: int) -> None:
        self._study, self._space, self._form, self._size = study, space, form, size
        self._asked: list[optuna.Trial] = []

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> TrialRequest: ...

    @overload
    def __getitem__(self, place: slice) -> list[TrialRequest]: ...

    def __getitem__(self, place: int | slice) -> TrialRequest | list[TrialRequest]:
        wanted = range(self._size)[place]
        if isinstance(wanted, range):
            return [self[one] for one in wanted]
        while len(self._asked) <= wanted:
            self._asked.append(self._study.ask(dict(self._space.distributions)))
        trial = self._asked[wanted]
        return replace(self._form, number=trial.number, params=trial.params)

    def asked(self) -> list[optuna.Trial]:
        """Optuna's trials of all of them."""
        if self._size:
            self[self._size - 1]
        return self._asked


def _thresholds(done: Sequence[Trial], settings: TuneSettings, parts: int) -> tuple[float, ...]:
    """The score that a trial must reach after each inner part, from earlier batches.

    Optuna's percentile pruner cannot be asked to leave out a batch's own trials, by whose order of
    arrival the result would differ.
    """
    if not settings.pruning or len(settings.objectives) > 1:
        return (-math.inf,) * parts
    limits = []
    for part in range(parts):
        scores = [t.inner[part] for t in done if len(t.inner) > part]
        scores = [score for score in scores if math.isfinite(score)]
        enough = len(scores) >= _PRUNE_FROM
        limits.append(float(np.percentile(scores, _PRUNED_PERCENT)) if enough else -math.inf)
    return tuple(limits)


def _check_same(cut: Cut, asked: optuna.Trial, before: FrozenTrial) -> None:
    if asked.number != before.number or asked.params != before.params:
        raise StoreError(
            "resumed study diverged from its stored trials",
            got=f"trial {asked.number} with {asked.params}, on disk {before.params}",
            where=f"fold {cut.number}",
            hint="most likely another version of Optuna made it; begin anew with --fresh",
        )


def _trial(cut: Cut, asked: optuna.Trial, result: TrialResult) -> Trial:
    return Trial(
        fold=cut.number,
        number=asked.number,
        state=result.state,
        params=dict(asked.params),
        scores=result.scores,
        inner=result.inner,
        n_trades=result.n_trades,
        mean_net_bps=result.mean_net_bps,
        error=result.error,
    )


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
    if len(study.directions) == 1:
        for step, score in enumerate(trial.inner):
            asked.report(score, step)
    if trial.state in ("complete", "few"):
        study.tell(asked, list(trial.scores))
    else:
        study.tell(asked, state=_STATES[trial.state])


def frozen(space: Space, trial: Trial) -> FrozenTrial:
    """A finished trial as Optuna's storages keep it."""
    more: dict[str, Any] = {"state": trial.state, "n_trades": trial.n_trades}
    if math.isfinite(trial.mean_net_bps):
        more["mean_net_bps"] = trial.mean_net_bps
    if trial.error is not None:
        more["error"] = trial.error
    made = optuna.trial.create_trial(
        state=_STATES[trial.state],
        values=list(trial.scores) if trial.state in ("complete", "few") else None,
        params=trial.params,
        distributions=dict(space.distributions),
        intermediate_values=dict(enumerate(trial.inner)),
        user_attrs=more,
    )
    made.number = trial.number
    return made


def _thawed(cut: Cut, kept: FrozenTrial) -> Trial:
    more = kept.user_attrs
    return Trial(
        fold=cut.number,
        number=kept.number,
        state=more["state"],
        params=dict(kept.params),
        scores=tuple(kept.values or ()),
        inner=tuple(value for _, value in sorted(kept.intermediate_values.items())),
        n_trades=more["n_trades"],
        mean_net_bps=more.get("mean_net_bps", math.nan),
        error=more.get("error"),
    )
