"""Where work is done: in this process, in processes of this machine, or on a Dask cluster.

    with crew(jobs=-1) as team:
        shared = team.share(data)                   # sent to each worker once
        results = team.map(work, items, shared)     # work(data, item), in the order of the items

`team` is what a caller sees, `processes` and `cluster` are where work may go, `worker` is what
happens there. Results are the same, bit by bit, wherever they are computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import cpu_count

from fadefollow.core.limits import MOST_JOBS
from fadefollow.core.parallel.worker_pool import Crew, Inline, Shared, kept
from fadefollow.errors import CrewError, LostItemError, ParameterError

__all__ = ["Crew", "CrewError", "LostItemError", "Shared", "crew", "kept", "refuse_jobs"]


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
def crew(jobs: int = -1, cluster: str | None = None) -> Iterator[Crew]:
    """Yield a worker pool and shut it down on exit.

    Args:
        jobs: items at work at the same time: 1 works in this process, −1 takes all cores (−2 all
            but one), of this machine or of the cluster.
        cluster: address of a Dask scheduler, e.g. `"tcp://10.0.0.1:8786"`; by default this machine.

    Raises:
        ParameterError: see `refuse_jobs`.
        CrewError: the cluster cannot be reached, has no workers, or does not run this program;
            while working: it is lost.
    """
    refuse_jobs(jobs)
    if cluster is not None:
        from fadefollow.core.parallel.cluster import Cluster

        with Cluster.at(cluster, jobs) as team:
            yield team
        return
    count = jobs if jobs > 0 else max(cpu_count() + 1 + jobs, 1)
    if count == 1:
        yield Inline()
        return
    from fadefollow.core.parallel.processes import Processes

    with Processes.of(count) as team:
        yield team
