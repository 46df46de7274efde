"""Processes of this machine, each with an executor of its own.

An executor of many processes breaks as a whole when one of them dies, and does not say on what.
With one process each, a death is known to belong to one item, and disturbs no other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import joblib
from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from fadefollow.core.parallel.worker import ONE_THREAD, do, raised
from fadefollow.core.parallel.worker_pool import Shared, Workers
from fadefollow.errors import StoreError

T = TypeVar("T")


class _Filed(Shared[T]):
    """Data in a file that workers map into their memory."""

    def __init__(self, data: T, path: Path) -> None:
        super().__init__(data)
        self.path = path
        weakref.finalize(self, _remove, path)


class Processes(Workers):
    """Workers of this machine; they start when there is something to do, and stay."""

    def __init__(self, count: int, folder: Path) -> None:
        self._count, self._folder = count, folder
        self._idle: list[Any] = []
        self._busy: dict[Any, Any] = {}
        self._files = 0

    @classmethod
    @contextlib.contextmanager
    def of(cls, count: int) -> Iterator[Processes]:
        """`count` workers at most, and a private folder for what they share."""
        folder = Path(tempfile.mkdtemp(prefix="fadefollow-"))
        # loky's watcher removes the folder should this process be killed
        resource_tracker.register(str(folder), "folder")
        pool = cls(count, folder)
        try:
            with warnings.catch_warnings():
                # loky replaces a process that has grown; that is as it should be
                warnings.filterwarnings("ignore", "A worker stopped while some jobs")
                yield pool
        finally:
            _stop([*pool._idle, *pool._busy.values()])
            shutil.rmtree(folder, ignore_errors=True)
            resource_tracker.unregister(str(folder), "folder")

    def share(self, data: T) -> Shared[T]:
        """The data in a file, which workers map into memory."""
        self._files += 1
        path = self._folder / f"{self._files}.pkl"
        try:
            joblib.dump(data, path)
        except OSError as error:
            raise StoreError(
                "cannot write the data that workers share",
                got=error.strerror or str(error),
                where=str(self._folder),
                hint="free some space, or set TMPDIR to a larger disk",
            ) from error
        return _Filed(data, path)

    @property
    def n_workers(self) -> int:
        """How many items are worked on at a time."""
        return self._count

    def _send(self, work: bytes, item: bytes, shared: Shared[Any]) -> Any:
        assert isinstance(shared, _Filed)
        executor = self._idle.pop() if self._idle else _make_executor()
        with _deaf():  # the first call starts the process
            try:
                future = executor.submit(_do, work, item, str(shared.path))
            except BrokenProcessPool:  # it died while it had nothing to do
                executor = _make_executor()
                future = executor.submit(_do, work, item, str(shared.path))
        self._busy[future] = executor
        return future

    def _receive(self, future: Any) -> bytes | None:
        executor = self._busy.pop(future)
        try:
            reply: bytes = future.result()
        except BrokenProcessPool:
            executor.shutdown(wait=True)
            return None
        self._idle.append(executor)
        return reply

    def _drop(self, futures: list[Any]) -> None:
        _stop([self._busy.pop(future) for future in futures])


def _make_executor() -> Any:
    return ProcessPoolExecutor(
        max_workers=1, env=ONE_THREAD, initializer=_begin, initargs=(os.getpid(),)
    )


def _stop(executors: list[Any]) -> None:
    """Kill all processes at once."""
    threads = [
        threading.Thread(target=executor.shutdown, kwargs={"wait": True, "kill_workers": True})
        for executor in executors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Ignore Ctrl-C in a worker; the main process handles it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


# ---- in the worker ----


def _begin(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent has been killed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _do(work: bytes, item: bytes, path: str) -> bytes:
    try:
        data = _opened(path)
    except Exception as error:
        return raised(error)
    return do(work, item, data)


@lru_cache(maxsize=4)
def _opened(path: str) -> Any:
    """The data in the file; arrays are mapped, so that all workers have them in memory once."""
    return joblib.load(path, mmap_mode="r")
