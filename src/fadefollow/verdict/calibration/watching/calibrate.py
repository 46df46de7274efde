"""Watch the claims of all markets of a design and count."""

from __future__ import annotations

from collections.abc import Callable

from fadefollow.core.parallel import make_pool
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.real_run import RealSource
from fadefollow.verdict.calibration.run_all import make_rounds
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.calibration.watching.log import WatchNotebook
from fadefollow.verdict.calibration.watching.market import watch_market
from fadefollow.verdict.calibration.watching.records import WatchPage
from fadefollow.verdict.calibration.watching.summary import WatchCalibration, summarise_watching
from fadefollow.verdict.run.prepare import Bet


def calibrate_watching(
    design: WatchDesign,
    bets: tuple[Bet, ...],
    *,
    notebook: WatchNotebook,
    source: RealSource | None = None,
    jobs: int = -1,
    cluster: str | None = None,
    step: Callable[[str, float | None], None],
) -> WatchCalibration:
    """Counts over all markets of a design; watches those that the log lacks.

    Args:
        design: which markets, and how long claims are watched.
        bets: strategies with their signals, whose phases in both stances are the claims.
        notebook: each market's page is added to it as it comes.
        source: real markets; by default the lab makes them.
        jobs: markets at work at the same time, see `fadefollow.core.parallel.make_pool`.
        cluster: address of a Dask scheduler; by default this machine.
        step: told how far it is.

    Raises:
        WorkerPoolError: the workers are lost, or one market's workers died every time; the other
            markets are stored.
    """
    # each arm's first markets come first, so that a stop leaves something of all of them
    seeds = {arm: design.seeds(arm) for arm in design.arms}
    most = max((len(some) for some in seeds.values()), default=0)
    pages = make_rounds(
        _watch,
        (design, bets, source),
        [(a, some[k]) for k in range(most) for a, some in seeds.items() if k < len(some)],
        notebook=notebook,
        key=design.key(bets),
        doing="watching",
        pool=make_pool(jobs, cluster),
        step=step,
    )
    return summarise_watching(design, pages)


def _watch(
    asked: tuple[WatchDesign, tuple[Bet, ...], RealSource | None], market: tuple[Arm, int]
) -> WatchPage:
    design, bets, source = asked
    return watch_market(design, bets, source, *market)
