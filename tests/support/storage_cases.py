"""Trials with known contents, and a job that stores them until it is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from fadefollow.tuning.studies.storage import StudyStore

IDENTITY = {"strategy": "carry", "fingerprint": "abc", "settings": {"trials": 200, "folds": (1, 2)}}
_BEGIN = datetime(2026, 1, 2, 3, 4, 5, 678901)
_SPACE = {
    "trade.hold_hours": IntDistribution(1, 72),
    "params.level": FloatDistribution(0.001, 0.999, log=True),
    "params.kind": CategoricalDistribution(("a", None, 3)),
}


def trial(number: int, *, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    """A trial all of whose contents follow from its number."""
    return FrozenTrial(
        number=number,
        trial_id=-1,
        state=state,
        value=None,
        values=[number / 3, -number / 7] if state is TrialState.COMPLETE else None,
        datetime_start=_BEGIN + timedelta(seconds=number),
        datetime_complete=_BEGIN + timedelta(seconds=number, microseconds=1),
        params={
            "trade.hold_hours": 1 + number % 72,
            "params.level": 0.1 + number / 1e5 / 3,
            "params.kind": ("a", None, 3)[number % 3],
        },
        distributions=dict(_SPACE),
        user_attrs={"n_trades": number, "error": f"ValueError: “{number}”"},
        system_attrs={},
        intermediate_values={0: number / 9, 1: float("inf"), 2: -0.0},
    )


def contents(trials: list[FrozenTrial]) -> list[dict[str, Any]]:
    """All that a storage keeps of trials, with the order of parameters; ids are its own."""
    kept = [
        {**vars(found), "_trial_id": None, "params": list(found.params.items())} for found in trials
    ]
    return [dict(sorted(fields.items())) for fields in kept]


def forked(work: Callable[..., None], *arguments: object) -> multiprocessing.process.BaseProcess:
    """A process that does `work`; a fork, so that it starts at once."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests' libraries
        process.start()
    return process


def append_for_ever(url: str, report: int) -> None:
    """Go on with a fold in batches of 10, telling after each how many trials are stored."""
    with StudyStore.at(url, default=Path()).study(
        "carry", IDENTITY, objectives=("t", "bps")
    ) as study:
        fold = study.fold(1)
        count = len(fold.trials())
        while True:
            fold.append([trial(number) for number in range(count, count + 10 - count % 10)])
            count += 10 - count % 10
            os.write(report, b"%d\n" % count)


def killed_after(url: str, seconds: float) -> int:
    """Run `append_for_ever`, kill it when it has stored for a while, and give what it has told."""
    reading, writing = os.pipe()
    process = forked(append_for_ever, url, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        text = told.readline()  # it has begun
        time.sleep(seconds)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        text += told.read()
    assert process.exitcode == -signal.SIGKILL
    return int(text.split()[-1])
