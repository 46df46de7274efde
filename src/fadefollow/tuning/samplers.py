"""Samplers by name, built for each batch from its seed and the trials so far."""

from __future__ import annotations

import warnings

import numpy as np
import optuna.samplers as os_
from optuna.exceptions import ExperimentalWarning

from fadefollow.tuning.model import TuneSettings

#: those that can maximise two objectives
SEVERAL = frozenset({"tpe", "nsga2", "random", "qmc"})


def sampler_of(settings: TuneSettings, *, fold: int, batch: int) -> os_.BaseSampler:
    """The sampler for one batch; what it draws follows from its seed and the trials told so far.

    A quasi-random sequence goes on from batch to batch, so its seed is that of the fold.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _made(settings, fold, batch)


def _made(settings: TuneSettings, fold: int, batch: int) -> os_.BaseSampler:
    seed = _seed(settings.seed, fold, batch)
    match settings.sampler:
        case "tpe":
            return os_.TPESampler(seed=seed)
        case "random":
            return os_.RandomSampler(seed=seed)
        case "cmaes":
            return os_.CmaEsSampler(
                seed=seed,
                warn_independent_sampling=False,
                independent_sampler=os_.RandomSampler(seed=seed),
            )
        case "qmc":
            return os_.QMCSampler(
                scramble=True,
                seed=_seed(settings.seed, fold, 0),
                independent_sampler=os_.RandomSampler(seed=seed),
                warn_independent_sampling=False,
                warn_asynchronous_seeding=False,
            )
        case "nsga2":
            return os_.NSGAIISampler(seed=seed, population_size=max(10, settings.batch))


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
