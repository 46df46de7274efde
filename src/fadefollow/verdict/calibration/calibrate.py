"""Judge all markets of a design and count."""

from __future__ import annotations

from collections.abc import Callable

from fadefollow.core.parallel import make_pool
from fadefollow.verdict.calibration.design import Arm, Design
from fadefollow.verdict.calibration.judged import Table
from fadefollow.verdict.calibration.real_run import RealSource, judge_real
from fadefollow.verdict.calibration.results_log import Notebook
from fadefollow.verdict.calibration.run_all import make_rounds
from fadefollow.verdict.calibration.simulated_run import judge_market
from fadefollow.verdict.calibration.summary import Calibration, summarise
from fadefollow.verdict.run.prepare import Bet


def calibrate(
    design: Design,
    bets: tuple[Bet, ...],
    *,
    notebook: Notebook,
    source: RealSource | None = None,
    jobs: int = -1,
    cluster: str | None = None,
    step: Callable[[str, float | None], None],
) -> Calibration:
    """Counts over all markets of a design; judges those that the log lacks.

    Args:
        design: which markets, and how they are judged.
        bets: strategies with their signals; plants go into the first one's phases.
        notebook: each market's table is added to it as it comes.
        source: real markets, for a `RealDesign`; by default the lab makes them.
        jobs: markets at work at the same time, see `fadefollow.core.parallel.make_pool`.
        cluster: address of a Dask scheduler; by default this machine.
        step: told how far it is.

    Returns:
        The counts; the same wherever the work is done and however often it is interrupted.

    Raises:
        WorkerPoolError: the workers are lost, or one market's workers died every time; the other
            markets are stored.
    """
    key = design.key(bets)
    # each arm's first markets come first, so that a stop leaves something of all of them
    seeds = {arm: design.seeds(arm) for arm in design.arms}
    most = max((len(some) for some in seeds.values()), default=0)
    wanted = [(a, some[k]) for k in range(most) for a, some in seeds.items() if k < len(some)]
    tables = make_rounds(
        _judge,
        (design, bets, source),
        wanted,
        notebook=notebook,
        key=key,
        doing="judging",
        pool=make_pool(jobs, cluster),
        step=step,
    )
    return summarise(design, tables, strategies=tuple(s.name for s, _ in bets), key=key)


def _judge(
    asked: tuple[Design, tuple[Bet, ...], RealSource | None], market: tuple[Arm, int]
) -> Table:
    design, bets, source = asked
    if source is None:
        return judge_market(design, bets, *market)
    return judge_real(design, bets, source, *market)
