"""A Dask cluster on one machine: a run without it, with it, and with a folder or a store shared.

Two workers of one thread each; memory of the command with its forks, and of the larger worker. The
store is moto's S3 server on this machine, where it and s3fs are installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.memory import family, held, spent
from benchmarks.scale import write
from fadefollow.core.cache.shared_folder import SHARED
from fadefollow.workspace import init_workspace
from tests.support.dask_cluster import DaskCluster, dask_cluster
from tests.support.s3_bucket import HOW, missing, s3_bucket

COINS, YEARS = (100, 300), 5.0
_STRATEGY = "fade_crowded_funding"
_ALONE = "without a cluster"


class Cost(NamedTuple):
    """What a run took: seconds, and peak memory in GB."""

    seconds: float
    cores: float  #: processor time of all processes, which others on the machine do not lengthen
    asking: float  #: of the command and its forks; what they share counts once
    worker: float  #: of the larger worker

    def __str__(self) -> str:
        workers = f", worker {self.worker:.2f} GB" if self.worker else ""
        return (
            f"{self.seconds:.0f} s, of cores {self.cores:.0f} s, asks {self.asking:.2f} GB{workers}"
        )


def main(coins: tuple[int, ...] = COINS, years: float = YEARS) -> Iterator[tuple[str, str]]:
    """Each run in processes of its own, with compiled code in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        init_workspace(root)
        small = write(root, 4, 1.0, hours=1, spot=False)
        for _ in _each_way(root, small):  # compiles
            pass
        for count in coins:
            name = write(root, count, years, hours=1, spot=False)
            first: Any = None
            for way, cost, result in _each_way(root, name):
                first = first or result
                assert result == first, f"{way}: another result"
                yield f"{count} coins × {years:g} years, {way}", str(cost)
    if missing():
        yield "S3", f"not measured: {HOW}"


def _each_way(root: Path, dataset: str) -> Iterator[tuple[str, Cost, Any]]:
    """A run without a cluster and on each kind of it: what it took, and what came out."""
    yield _ALONE, *_measured(root, dataset)
    with _cluster() as cluster:
        yield "cluster", *_measured(root, dataset, cluster)
    with _cluster() as cluster, tempfile.TemporaryDirectory() as shared:
        yield "cluster, shared folder", *_measured(root, dataset, cluster, shared)
    if not missing():
        with s3_bucket() as bucket:
            os.environ.update(bucket.variables)
            with _cluster() as cluster:
                yield "cluster, S3", *_measured(root, dataset, cluster, bucket.address)
            assert bucket.files() == []


@contextlib.contextmanager
def _cluster() -> Iterator[DaskCluster]:
    with tempfile.TemporaryDirectory() as folder, dask_cluster(Path(folder)) as made:
        made.add_workers(2)
        yield made


def _measured(
    root: Path, dataset: str, cluster: DaskCluster | None = None, shared: str = ""
) -> tuple[Cost, Any]:
    command = [sys.executable, "-m", "fadefollow", "run", _STRATEGY, "--dataset", dataset]
    command += ["--cluster", cluster.address] if cluster else []
    environment = {**os.environ, SHARED: shared}
    quiet, asking, worker = subprocess.DEVNULL, 0.0, 0.0
    start, before = time.perf_counter(), _processor(cluster)
    with subprocess.Popen(
        command, cwd=root, stdout=quiet, stderr=quiet, env=environment
    ) as process:
        while process.poll() is None:
            asking = max(asking, sum(map(held, family(process.pid))))
            if cluster:
                worker = max(worker, *map(held, family(cluster.workers[-1].pid)))
            time.sleep(0.5)
    seconds = time.perf_counter() - start
    assert process.returncode == 0
    return Cost(seconds, _processor(cluster) - before, asking, worker), _result(root)


def _processor(cluster: DaskCluster | None) -> float:
    """Processor time so far of the workers and of all commands that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    workers = family(cluster.workers[-1].pid) if cluster else []
    return ended.ru_utime + ended.ru_stime + sum(map(spent, workers))


def _result(root: Path) -> Any:
    """What the last run of a workspace found, without how long it took and where."""
    runs = [path for path in (root / "reports" / "runs").iterdir() if path.is_dir()]
    last = max(runs, key=lambda path: path.stat().st_mtime_ns)
    found = json.loads((last / "result.json").read_text("utf-8"))
    del found["seconds"], found["command"]
    return found, {path.name: path.read_bytes() for path in last.glob("*.parquet")}
