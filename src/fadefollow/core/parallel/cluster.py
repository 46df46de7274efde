"""A Dask cluster: workers on other machines, reached through a scheduler.

Items go through Dask's own client. joblib's backend for Dask waits for ever for an item whose
worker died (joblib 1.6: the callback that unordered results hang on is not called for errors).
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import platform
import re
import threading
import time
import uuid
import warnings
import weakref
from collections.abc import Iterator
from typing import Any, TypeVar

import cloudpickle

from fadefollow.core.cache.shared_folder import refuse_shared_folder
from fadefollow.core.parallel.worker import (
    do,
    hash_of,
    one_thread,
    program,
    raised,
    reload_changed,
    workspace_files,
)
from fadefollow.core.parallel.worker_pool import Shared, Workers
from fadefollow.errors import ParameterError, WorkerPoolError

T = TypeVar("T")

_ADDRESS = re.compile(
    r"(?:(?:tcp|tls|ucx|ws|wss)://)?(?:[A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.%]+\]):(?P<port>[0-9]{1,5})"
)
#: seconds to wait for an answer of the scheduler
_ANSWER = 10.0
#: seconds that a cluster may be without any worker
_NO_WORKERS = 60.0
_SAME = "install the same versions on the scheduler and on all workers, and restart them"


class Parcel:
    """Data on its way: unpickled once in each worker, by the first item that needs it.

    Held by Dask as bytes, so that a worker which cannot unpickle it says so as the item's answer.
    Arrays are views of the bytes that came, read-only as those that local workers share.
    """

    def __init__(self, *parts: Any) -> None:
        #: name, pickle, its large buffers, the workspace's files and the program that it needs
        self.parts = parts
        self._lock, self._data = threading.Lock(), list[Any]()

    @classmethod
    def of(cls, data: Any) -> Parcel:
        """The data, with what a worker must have to understand it."""
        views: list[pickle.PickleBuffer] = []
        head = cloudpickle.dumps(data, protocol=5, buffer_callback=views.append)
        return cls(uuid.uuid4().hex, head, [v.raw() for v in views], workspace_files(), program())

    def __reduce__(self) -> tuple[Any, ...]:
        name, head, buffers, *needs = self.parts
        return _arrived, (name, head, [pickle.PickleBuffer(b) for b in buffers], *needs)

    def open(self) -> Any:
        """The data.

        Raises:
            WorkerPoolError: this process runs another program, or has another workspace.
        """
        with self._lock:
            if not self._data:
                _, head, buffers, files, known = self.parts
                _check_program(known)
                _check_files(files)
                self._data.append(pickle.loads(head, buffers=buffers))
            return self._data[0]


_here: weakref.WeakValueDictionary[str, Parcel] = weakref.WeakValueDictionary()
_arriving = threading.Lock()


def _arrived(name: str, head: bytes, buffers: list[Any], *needs: Any) -> Parcel:
    """The parcel of that name; Dask may well bring it twice."""
    with _arriving:
        if name not in _here:
            views = [memoryview(buffer).toreadonly() for buffer in buffers]
            parcel = Parcel(name, head, views, *needs)
            _here[name] = parcel
            return parcel
        return _here[name]


def _check_program(wanted: dict[str, str]) -> None:
    mine = program()
    other = [
        f"{name} {mine.get(name)} not {wanted[name]}"
        for name in wanted
        if mine.get(name) != wanted[name]
    ]
    if other:
        raise WorkerPoolError(
            "a worker runs another program",
            got=", ".join(other),
            where=_machine(),
            hint=_SAME,
        )


def _check_files(wanted: dict[str, str]) -> None:
    for path, known in wanted.items():
        found = hash_of(path)
        if not found or found != known:
            raise WorkerPoolError(
                "a worker has another workspace",
                got=f"another {path}" if found else f"no {path}",
                where=_machine(),
                hint="put the workspace on storage that all machines share, or copy it to each",
            )
    reload_changed(wanted)


def _machine() -> str:
    return f"worker on {platform.node()}"


def _do(work: bytes, item: bytes, parcel: Parcel) -> bytes:
    """The function that Dask calls in a worker."""
    one_thread()
    try:
        data = parcel.open()
    except Exception as error:
        return raised(error)
    return do(work, item, data)


class _Sent(Shared[T]):
    """Data that Dask keeps on every worker."""

    def __init__(self, data: T, future: Any) -> None:
        super().__init__(data)
        self.future = future


class Cluster(Workers):
    """The workers of a Dask scheduler; those that join later get their share of the work."""

    def __init__(self, client: Any, jobs: int) -> None:
        self._client, self._jobs = client, jobs
        self._threads, self._counted = 0, -_NO_WORKERS
        self._alone_since: float | None = None

    @classmethod
    @contextlib.contextmanager
    def at(cls, address: str, jobs: int) -> Iterator[Cluster]:
        """The cluster of the scheduler at `address`.

        Raises:
            StoreError: the folder that its machines share cannot be written to.
        """
        refuse_shared_folder()
        with _quiet():
            client = _connected(address)
            try:
                pool = cls(client, jobs)
                pool._wait_for_workers(_ANSWER)
                with pool._keeping_copies():
                    yield pool
            finally:
                with contextlib.suppress(Exception):
                    client.close(timeout=2)

    @contextlib.contextmanager
    def _keeping_copies(self) -> Iterator[None]:
        """Keep Dask from dropping, whenever workers pause, what each of them was sent."""
        with self._reaching():
            running = self._client.amm.running()
            self._client.amm.stop()
        try:
            yield
        finally:
            if running and self._client.status == "running":
                with contextlib.suppress(Exception):
                    self._client.amm.start()

    def share(self, data: T) -> Shared[T]:
        """The data, sent to the workers once."""
        return _Sent(data, self._scatter(data))

    def _scatter(self, data: Any) -> Any:
        parcel = Parcel.of(data)  # what fails here is not the scheduler's fault
        self._wait_for_workers(_NO_WORKERS)
        with self._reaching():
            return self._client.scatter(parcel, broadcast=True, hash=False)

    @property
    def n_workers(self) -> int:
        """How many items are worked on at a time; counted again every few seconds."""
        if time.monotonic() - self._counted > 5.0:
            self._count()
        if self._jobs > 0:
            return min(self._jobs, max(self._threads, 1))
        return max(self._threads + 1 + self._jobs, 1)

    def _ahead(self) -> int:
        """Two items a thread, so that none waits for the network, unless fewer were asked for."""
        return self.n_workers if self.n_workers == self._jobs else 2 * self.n_workers

    def _count(self) -> None:
        with self._reaching():
            found = sum(self._client.nthreads().values())
        self._counted, self._threads = time.monotonic(), found
        if found:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = self._counted
        elif self._counted - self._alone_since > _NO_WORKERS:
            raise _no_workers(self._client.scheduler.address, _NO_WORKERS)

    def _wait_for_workers(self, seconds: float) -> None:
        with self._reaching():
            try:
                self._client.wait_for_workers(1, timeout=seconds)
            except TimeoutError as error:
                raise _no_workers(self._client.scheduler.address, seconds) from error

    def _look_after(self) -> None:
        self._count()

    def _send(self, work: bytes, item: bytes, shared: Shared[Any]) -> Any:
        assert isinstance(shared, _Sent)
        if shared.future.status in ("cancelled", "lost", "error"):
            shared.future = self._scatter(shared.data)  # its last worker took it along
        key = f"fadefollow-{uuid.uuid4().hex}"
        with self._reaching():
            return self._client.submit(_do, work, item, shared.future, key=key, pure=False)

    def _receive(self, future: Any) -> bytes | None:
        from distributed import CancelledError, KilledWorker

        try:
            reply: bytes = future.result(timeout=_NO_WORKERS)
            return reply
        except (KilledWorker, TimeoutError):
            return None
        except CancelledError as error:
            if "connection" in str(error) or self._client.status != "running":
                raise _lost_scheduler(error) from error
            return None
        except Exception as error:
            raise WorkerPoolError(
                "a worker cannot run this program",
                got=f"{type(error).__name__}: {error}",
                hint=_SAME,
            ) from error
        finally:
            future.release()

    def _drop(self, futures: list[Any]) -> None:
        if futures:
            with contextlib.suppress(Exception):
                self._client.cancel(futures, force=True)

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """Convert Dask's errors for a lost scheduler to WorkerPoolError."""
        try:
            yield
        except WorkerPoolError:
            raise
        except Exception as error:
            raise _lost_scheduler(error) from error


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise WorkerPoolError(
            "--cluster needs the package distributed",
            got=str(error),
            hint="pip install 'fadefollow[dask]'",
        ) from error
    refuse_address(address)
    try:
        return Client(address, timeout=_ANSWER, set_as_default=False, name="fadefollow")
    except ValueError as error:
        raise _no_address(address) from error
    except (OSError, TimeoutError) as error:
        raise WorkerPoolError(
            "cannot reach the cluster",
            got=f"no answer from {address}",
            hint="start one with `dask scheduler` and `dask worker ADDRESS`; see docs/cluster.md",
        ) from error


def refuse_address(address: str) -> None:
    """Refuse what cannot be a scheduler's address; Dask's own refusal waits, and leaves a trace.

    Raises:
        ParameterError: it is not `tcp://HOST:PORT`, nor with another of Dask's protocols.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 2**16:
        raise _no_address(address)


def _no_address(address: str) -> ParameterError:
    return ParameterError(
        "the cluster must be the address of a Dask scheduler",
        got=repr(address),
        hint="such as tcp://10.0.0.1:8786",
    )


def _no_workers(address: str, seconds: float) -> WorkerPoolError:
    return WorkerPoolError(
        "no workers in the cluster",
        got=f"none at {address} for {seconds:.0f} s",
        hint=f"start some: dask worker {address}",
    )


def _lost_scheduler(error: Exception) -> WorkerPoolError:
    return WorkerPoolError(
        "lost the connection to the scheduler",
        got=str(error) or type(error).__name__,
        hint="is it still running? what was finished is kept where the command can resume",
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Dask's log and warnings; failures are raised as errors."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="distributed")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
