"""What a person waits for: the help, the first run of all, and the next."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_CALL = [sys.executable, "-c", "from fadefollow.cli.app import main; main()"]


def main() -> Iterator[tuple[str, str]]:
    """Wall-clock seconds of whole commands."""
    yield "fadefollow --help", f"{min(_seconds('--help') for _ in range(5)):.2f} s"
    yield "python -c pass, for comparison", f"{min(_bare() for _ in range(5)):.2f} s"
    with tempfile.TemporaryDirectory() as caches:
        cold = {"NUMBA_CACHE_DIR": f"{caches}/numba"}
        yield "fadefollow run, no kernel compiled yet", f"{_seconds('run', **cold):.1f} s"
        yield "fadefollow run, the next times", _several(3, "run", **cold)
        cold = {"NUMBA_CACHE_DIR": f"{caches}/again", "PYTHONPYCACHEPREFIX": f"{caches}/pyc"}
        yield "fadefollow run, no Python compiled either", f"{_seconds('run', **cold):.1f} s"
    with tempfile.TemporaryDirectory() as folder:
        _seconds("run", folder=folder)
        yield "fadefollow report latest", _several(3, "report", "latest", folder=folder)
    yield "fadefollow data list", _several(3, "data", "list")
    yield "a data set that there is not", _several(3, "run", "--dataset", "nope", status=2)


def _several(count: int, *words: str, folder: str = "", status: int = 0, **env: str) -> str:
    """The fastest and the slowest of some calls."""
    took = [_seconds(*words, folder=folder, status=status, **env) for _ in range(count)]
    return f"{min(took):.2f}–{max(took):.2f} s"


def _seconds(*words: str, folder: str = "", status: int = 0, **env: str) -> float:
    """Of one call, which must end with a status, in a folder or in an empty one."""
    with tempfile.TemporaryDirectory() as empty:
        start = time.perf_counter()
        done = subprocess.run(
            [*_CALL, *words],
            cwd=Path(folder or empty),
            env={**os.environ, **env},
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert done.returncode == status
        return time.perf_counter() - start


def _bare() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - start
