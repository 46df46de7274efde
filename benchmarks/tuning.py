"""The tuner against Optuna with vectorbt, and against backtesting.py, on the same trials.

What all of them can express: time exits and a taker fee; no slippage, no funding charge (the signal
reads the real rates), no stop, no liquidation. Evaluated trials agree to 1e-9 before any is timed.
"""

from __future__ import annotations

import ctypes
import gc
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.memory import family, held, peak
from benchmarks.trials import (
    by,
    by_all,
    by_optuna,
    compared,
    fold,
    lab,
    peers,
    sampled,
    searched,
    trial_data,
    whole,
)
from fadefollow.core.parallel import make_pool
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases.batch import detect_marks
from fadefollow.tuning.evaluator import TrialData, TrialRequest, evaluate
from fadefollow.tuning.search import Searched
from fadefollow.tuning.studies.storage import StudyStore

COINS, YEARS, TRIALS, TRIALS_OF_ALL = 100, 3.0, 200, 50
#: trials that the peers evaluate: of one coin by vectorbt, by backtesting.py, of all coins
_COMPARED, _SLOW, _WIDE = 20, 4, 3

Line = tuple[str, str]


def main() -> Iterator[Line]:
    """One coin and 100 coins, three years of hourly bars of each."""
    dataset = lab(COINS, YEARS)
    warm(dataset)
    everyone = trial_data(dataset, trials=TRIALS_OF_ALL)
    study, lines = _memory(everyone)
    yield from lines
    one = trial_data(dataset.select(next(iter(dataset.markets))), trials=TRIALS)
    yield from _one_coin(one)
    yield from _all_coins(everyone, study)
    yield from _scaling(dataset)
    yield from _everything_on(dataset)


def _memory(made: TrialData) -> tuple[Searched, list[Line]]:
    """A study of all coins on all cores, and what it takes."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what the simulation used goes back
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew
    start = time.perf_counter()
    with make_pool(jobs=-1) as pool:
        study = searched(made, by_all(made, pool))
        spent = time.perf_counter() - start
        workers = [peak(pid) for pid in family()[1:]]
        together = sum(map(held, family()))
    again = time.perf_counter()
    searched(made)
    alone = time.perf_counter() - again
    label = f"{len(made.coins)} coins, {made.settings.trials} trials"
    return study, [
        (f"{label}: whole job on all cores, workers started", f"{spent:.1f} s"),
        (f"{label}: whole job in one process", f"{alone:.1f} s"),
        (f"{label}: memory of all processes at its end", f"{together:.2f} GB"),
        ("  peak of this process, with the data", f"{peak():.2f} GB"),
        (
            "  of a worker, with the data that it shares with the others",
            f"{max(workers, default=0.0):.2f} GB",
        ),
    ]


def _one_coin(made: TrialData) -> Iterator[Line]:
    study = searched(made)
    params = [trial.params for trial in study.trials]
    complete = [trial.params for trial in study.trials if trial.state == "complete"]
    chosen = complete[:: max(len(complete) // _COMPARED, 1)][:_COMPARED]
    theirs, plain, slow = peers(made)
    for one in chosen:
        signal, trade = made.space.candidate(one)
        theirs.refuse_meetings(theirs.detect(signal), int(trade.hold_hours))
    trades = [m.n_trades for m in compared(made, theirs, chosen)]
    compared(made, plain, chosen[:_SLOW])
    compared(made, slow, chosen[:_SLOW])
    yield "one coin: trials equal to 1e-9, trades in each", f"{len(chosen)}, {np.mean(trades):.0f}"

    requests = [TrialRequest(0, one, whole(made)) for one in params]
    signals = [made.space.candidate(one)[0] for one in params]
    ours = _each(lambda request: evaluate(made, request), requests)
    detects = _each(lambda signal: detect_marks(signal, made.batch), signals)
    of_vectorbt = _each(lambda one: by(made, theirs, one), chosen)
    ready = [(theirs.detect(s), int(t.hold_hours)) for s, t in map(made.space.candidate, chosen)]
    backtests = _each(lambda one: theirs.backtest(*one), ready)
    of_plain = _each(lambda one: by(made, plain, one), chosen[:_SLOW])
    of_slow = _each(lambda one: by(made, slow, one), chosen[:_SLOW], rounds=1)
    optimized = _best(by_optuna(made, theirs, chosen)) / len(chosen)
    yield "one coin, evaluation of a trial: this tuner", _ms(ours)
    yield "  of that, detection", _ms(detects)
    yield "  vectorbt, from bare records", _ms(of_vectorbt)
    yield "  of that, all but detection", _ms(backtests)
    yield "  the same by study.optimize, trials given to it", _ms(optimized)
    yield "  vectorbt, from frames of entries and its readable trades", _ms(of_plain)
    yield "  backtesting.py", _ms(of_slow)
    yield "faster than vectorbt from bare records by", _times(of_vectorbt / ours)
    yield "  the same, detection left out on both sides", _times(backtests / (ours - detects))
    yield "  than vectorbt from frames by", _times(of_plain / ours)
    yield "  than backtesting.py by", _times(of_slow / ours)
    sampler = _best(lambda: sampled(made.space, made.settings, study.trials))
    job = _best(lambda: searched(made))
    count = len(study.trials)
    yield f"one coin, {count} trials: the sampler by itself", f"{sampler:.2f} s"
    yield f"one coin, {count} trials: whole job", f"{job:.2f} s"
    yield "  whole job over sampler", f"{job / sampler:.2f} ×"
    yield (
        "  faster than vectorbt by, the sampler added to it",
        _times((of_vectorbt * count + sampler) / job),
    )


def _all_coins(made: TrialData, study: Searched) -> Iterator[Line]:
    complete = [trial.params for trial in study.trials if trial.state == "complete"]
    chosen = complete[:: max(len(complete) // _WIDE, 1)][:_WIDE]
    theirs, plain, _ = peers(made)
    for one in chosen:
        signal, trade = made.space.candidate(one)
        theirs.refuse_meetings(theirs.detect(signal), int(trade.hold_hours))
    trades = [m.n_trades for m in compared(made, theirs, chosen)]
    compared(made, plain, chosen[:1])
    yield (
        f"{len(made.coins)} coins: trials equal to 1e-9, trades in each",
        f"{len(chosen)}, {np.mean(trades):,.0f}",
    )
    of_vectorbt = _best(by_optuna(made, theirs, chosen)) / len(chosen)
    of_plain = _best(by_optuna(made, plain, chosen[:1]), rounds=1)
    count = made.settings.trials
    sampler = _best(lambda: sampled(made.space, made.settings, study.trials)) / count
    requests = [TrialRequest(0, trial.params, whole(made)) for trial in study.trials]
    by_one = _each(lambda request: evaluate(made, request), requests)
    job_by_one = _best(lambda: searched(made)) / count
    with make_pool(jobs=-1) as pool:
        spread_out = by_all(made, pool)
        searched(made, spread_out)  # workers are started, and have read and compiled all
        by_cores = _best(lambda: spread_out(requests)) / count
        job_by_cores = _best(lambda: searched(made, spread_out)) / count
    label = f"{len(made.coins)} coins, evaluation of a trial: this tuner, "
    yield f"{label}one process", _ms(by_one)
    yield "  this tuner, all cores", _ms(by_cores)
    yield "  vectorbt, from bare records", _ms(of_vectorbt)
    yield "  vectorbt, from frames of entries and its readable trades", _ms(of_plain)
    for cores, ours in (("one process", by_one), ("all cores", by_cores)):
        yield f"{cores}: faster than vectorbt from bare records by", _times(of_vectorbt / ours)
        yield "  than vectorbt from frames by", _times(of_plain / ours)
    yield f"{len(made.coins)} coins: the sampler by itself, a trial", _ms(sampler)
    for cores, ours in (("one process", job_by_one), ("all cores", job_by_cores)):
        yield f"  a trial of the whole job, {cores}", _ms(ours)
        gained = _times((of_vectorbt + sampler) / ours)
        yield "  faster than vectorbt by, the sampler added to it", gained


def _scaling(dataset: Dataset) -> Iterator[Line]:
    """Time of a trial by coins and by years; both lines are flat when it is linear."""
    symbols, start = list(dataset.markets), next(iter(dataset.markets.values())).index[0]
    cases = [(coins, YEARS) for coins in (1, 10, len(symbols))] + [(10, 1.0), (10, 2.0)]
    for coins, years in cases:
        until = start + pd.Timedelta(days=365.25 * years)
        markets = {symbol: dataset.markets[symbol].until(until) for symbol in symbols[:coins]}
        made = trial_data(replace(dataset, markets=markets), trials=20)
        study = searched(made)
        requests = [TrialRequest(0, trial.params, whole(made)) for trial in study.trials]
        spent = _each(partial(evaluate, made), requests)
        yield (
            f"a trial, {coins} coins × {years:g} years; per coin and year",
            f"{_ms(spent)}; {1e6 * spent / coins / years:.0f} µs",
        )


def _everything_on(dataset: Dataset) -> Iterator[Line]:
    """A fold as `fadefollow tune` has it: all rules and costs, pruned, on disk, looked at again."""
    one = dataset.select(next(iter(dataset.markets)))
    for chosen, trials, jobs in ((one, TRIALS, 1), (dataset, TRIALS_OF_ALL, -1)):
        made = trial_data(chosen, trials=trials, everything=True)
        with tempfile.TemporaryDirectory() as folder, make_pool(jobs=jobs) as pool:
            store = StudyStore.at(None, default=Path(folder) / "log")
            with store.study("bench", {}) as kept:
                begin = time.perf_counter()
                found = fold(made, pool, kept.fold(1, {}))
                spent = time.perf_counter() - begin
        pruned = found.fold.counts.get("pruned", 0)
        label = f"everything on, {len(made.coins)} coin(s), {trials} trials ({pruned} pruned)"
        yield f"{label}: a fold", f"{spent:.1f} s"
        yield "  a trial, the review's look at it included", _ms(spent / trials)


def warm(dataset: Dataset) -> None:
    """Compile what is not yet compiled."""
    one = dataset.select(next(iter(dataset.markets)))
    searched(trial_data(one, trials=20))


def _each(work: Callable[[Any], object], items: Sequence[Any], *, rounds: int = 3) -> float:
    """Seconds an item; the best of some rounds."""
    return _best(lambda: [work(item) for item in items], rounds=rounds) / len(items)


def _best(work: Callable[[], object], *, rounds: int = 2) -> float:
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def _times(ratio: float) -> str:
    return f"{ratio:.0f} ×" if ratio >= 10.0 else f"{ratio:.1f} ×"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f} ms" if seconds < 1.0 else f"{seconds:.2f} s"
