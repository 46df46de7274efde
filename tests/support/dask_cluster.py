"""A real Dask cluster on this machine: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

#: a killed worker's results are asked for again after this, and not after half a minute
QUICK = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}


class DaskCluster:
    """A scheduler at `address`; workers as they are asked for.

    Attributes:
        workers: the processes that keep the workers, which are their children.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contact = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--no-show",
            "--scheduler-file",
            str(self._contact),
        )

    @property
    def address(self) -> str:
        until(self._contact.exists, 30)
        return json.loads(self._contact.read_text())["address"]

    def add_workers(self, count: int = 1) -> subprocess.Popen[bytes]:
        """Workers of one thread each, and the nanny that starts them anew when they die."""
        process = self._start(
            "dask_worker",
            "--scheduler-file",
            str(self._contact),
            "--host",
            "127.0.0.1",
            "--nworkers",
            str(count),
            "--nthreads",
            "1",
            "--no-dashboard",
            "--local-directory",
            str(self._folder / "scratch"),
        )
        self.workers.append(process)
        return process

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{module}.{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": python_path(), **QUICK},
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def python_path() -> str:
    """Where a process of its own finds `tests.support`."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def until(true, seconds: float) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextlib.contextmanager
def dask_cluster(folder: Path) -> Iterator[DaskCluster]:
    """A scheduler without workers."""
    cluster = DaskCluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, the same for all tests."""
    pytest.importorskip("distributed")
    with dask_cluster(tmp_path_factory.mktemp("dask")) as made:
        made.add_workers(2)
        yield made.address
