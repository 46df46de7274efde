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
        cold = {"NUMBA_CACHE_DIR": f"{caches}/numba", "PYTHONPYCACHEPREFIX": f"{caches}/pyc"}
        yield "fadefollow run, nothing compiled yet", f"{_seconds('run', **cold):.1f} s"
        yield "fadefollow run, the next time", f"{_seconds('run', **cold):.1f} s"


def _seconds(*words: str, **env: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [*_CALL, *words],
            cwd=Path(folder),
            env={**os.environ, **env},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - start


def _bare() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - start
