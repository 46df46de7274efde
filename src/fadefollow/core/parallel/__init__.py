"""Where work is done: in this process, in processes of this machine, or on a Dask cluster.

    with make_pool(jobs=-1) as pool:
        shared = pool.share(data)                   # sent to each worker once
        results = pool.map(work, items, shared)     # work(data, item), in the order of the items

`pool` is what a caller sees, `forks`, `processes` and `cluster` are where work may go, `worker` is
what happens there. Results are the same, bit by bit, wherever they are computed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TypeVar

from joblib import cpu_count

from fadefollow.core.limits import MOST_JOBS
from fadefollow.core.parallel.forks import Forks, forked
from fadefollow.core.parallel.worker_pool import Inline, Shared, WorkerPool, result_or_raise
from fadefollow.errors import LostItemError, ParameterError, WorkerPoolError

__all__ = [
    "LostItemError",
    "Shared",
    "WorkerPool",
    "WorkerPoolError",
    "beside",
    "make_pool",
    "pool_here",
    "refuse_jobs",
    "result_or_raise",
]

R = TypeVar("R")


def refuse_jobs(jobs: int) -> None:
    """Refuse a number of processes that is none, or that no machine has.

    Raises:
        ParameterError: `jobs` is 0 or above `MOST_JOBS`.
    """
    if jobs == 0:
        raise ParameterError("jobs must not be 0", got=jobs, hint="-1 takes all cores")
    if jobs > MOST_JOBS:
        raise ParameterError(
            f"jobs must be at most {MOST_JOBS:,}", got=jobs, hint="-1 takes all cores"
        )


@contextmanager
def make_pool(jobs: int = -1, cluster: str | None = None) -> Iterator[WorkerPool]:
    """Yield a worker pool and shut it down on exit.

    Args:
        jobs: items at work at the same time: 1 works in this process, −1 takes all cores (−2 all
            but one), of this machine or of the cluster.
        cluster: address of a Dask scheduler, e.g. `"tcp://10.0.0.1:8786"`; by default this machine.

    Raises:
        ParameterError: see `refuse_jobs`.
        WorkerPoolError: the cluster cannot be reached, has no workers, or runs another program;
            while working: it is lost.
    """
    refuse_jobs(jobs)
    if cluster is not None:
        from fadefollow.core.parallel.cluster import Cluster

        with Cluster.at(cluster, jobs) as pool:
            yield pool
        return
    count = jobs if jobs > 0 else max(cpu_count() + 1 + jobs, 1)
    if count == 1:
        yield Inline()
        return
    from fadefollow.core.parallel.processes import Processes

    with Processes.of(count) as pool:
        yield pool


def pool_here() -> WorkerPool:
    """A pool for work that lasts moments: forks of this process, where it may be forked.

    As many as it has cores, or as it may have threads (`NUMBA_NUM_THREADS`); with one of them, and
    in a worker, all work is done in this process.
    """
    workers = int(os.environ.get("NUMBA_NUM_THREADS") or cpu_count())
    return Forks(workers) if workers > 1 and Forks.possible() else Inline()


def beside(work: Callable[[], R]) -> AbstractContextManager[Callable[[], R]]:
    """Some work that is done beside the block, where `pool_here` is forks; its result when asked.

        with beside(lambda: first(data)) as found:
            other = second(data)
        return found(), other

    Args:
        work: pure; what it raises is raised where the result is asked for.
    """
    return forked(work) if isinstance(pool_here(), Forks) else nullcontext(cache(work))
