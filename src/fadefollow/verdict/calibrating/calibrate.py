"""calibrate: judge all markets of a design on all cores, resuming where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable

from joblib import Parallel, delayed, parallel_config

from fadefollow.verdict.calibrating.design import Design
from fadefollow.verdict.calibrating.notebook import Notebook
from fadefollow.verdict.calibrating.summary import Calibration, summarise
from fadefollow.verdict.calibrating.world import judge_market
from fadefollow.verdict.measure import Bet


def calibrate(
    design: Design,
    bets: tuple[Bet, ...],
    *,
    notebook: Notebook,
    jobs: int = -1,
    step: Callable[[str, float | None], None],
) -> Calibration:
    """Judge every market of the design that the notebook does not know yet, and count.

    Args:
        design: which markets, and how they are judged.
        bets: strategies with their signals; plants go into the first one's phases.
        notebook: each market's table is added to it as it comes.
        jobs: processes, −1 for all cores; each computes with a single thread.
        step: told how far it is.

    Returns:
        The counts; the same whatever the number of processes and interruptions.
    """
    key = design.key(bets)
    known, others = notebook.read(key)
    wanted = [(arm, seed) for arm in design.arms for seed in design.seeds(arm)]
    todo = [pair for pair in wanted if pair not in known]
    resumed = len(wanted) - len(todo)
    work = (delayed(judge_market)(design, bets, arm, seed) for arm, seed in todo)
    text = f"judging {len(wanted)} simulated markets"
    text += f", {resumed} of them known" if resumed else ""
    text += f", {others} of other settings or code not used" if others else ""
    step(text, resumed / len(wanted))
    with parallel_config(backend="loky", inner_max_num_threads=1):
        made = Parallel(n_jobs=jobs, return_as="generator_unordered")(work)
        for number, table in enumerate(made, 1):
            notebook.add(key, table)
            known[table.arm, table.seed] = table
            step(text, (resumed + number) / len(wanted))
    tables = tuple(known[pair] for pair in wanted)
    return summarise(design, tables, strategies=tuple(s.name for s, _ in bets), key=key)
