"""Whether kernels are compiled yet, and the processes that compile them beside a run.

Compiled once, kernels are read from numba's cache. Before that, a run of many strategies waits for
them one after the other, on one core, and each of its forks would compile the same ones again.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache

import numpy as np
from numba import config

from fadefollow.engine.kernels.book import hole_held_over
from fadefollow.verdict.threads import threads

#: nobody waits longer for the other processes, seconds; what they lack is compiled by the run
_PATIENCE = 120.0
#: what is compiled at the same time, see `compiling`
PARTS = ("trading", "drawing")
_beside: list[subprocess.Popen[bytes]] = []


@contextlib.contextmanager
def compiled_beside() -> Iterator[None]:
    """Other processes compile while the block runs, where there are no compiled kernels yet."""
    if threads() < 2 or compiled():
        yield
        return
    quiet = subprocess.DEVNULL
    with contextlib.ExitStack() as stack:
        stack.callback(_beside.clear)
        for part in PARTS:
            command = [sys.executable, "-m", "fadefollow.verdict.run.compiling", part]
            process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
            stack.enter_context(process)
            stack.callback(process.terminate)  # numba writes a kernel whole or not at all
            _beside.append(process)
        yield


def wait_for_kernels() -> None:
    """Wait for those processes, if there are any: all forks need their kernels now."""
    until = time.monotonic() + _PATIENCE
    for process in _beside:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(until - time.monotonic(), 0.0))


@cache
def compiled() -> bool:
    """Whether numba's cache had the resolver's kernels when this was first asked."""
    if config.DISABLE_JIT:
        return True
    hole_held_over(np.empty((0, 2), np.int64), 0, 1)  # the smallest of them
    return not hole_held_over.stats.cache_misses
