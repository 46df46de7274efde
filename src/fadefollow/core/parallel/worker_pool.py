"""The worker pool as a caller sees it, and how items are handed out."""

from __future__ import annotations

import queue
import reprlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import cloudpickle

from fadefollow.core.parallel.worker import unpacked
from fadefollow.errors import LostItemError, WorkerPoolError

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
R = TypeVar("R")

#: seconds without an answer after which a pool checks its workers
_LISTEN = 2.0
#: how often an item is tried: once beside others, then alone
_TRIES = 3
#: consecutive lost items after which the pool is declared broken
_HOPELESS = 5


class Shared(Generic[T]):
    """Data that every worker can read, made by `WorkerPool.share`; freed with the object."""

    def __init__(self, data: T) -> None:
        self.data = data


class WorkerPool(ABC):
    """A worker pool; made by `fadefollow.core.parallel.make_pool`.

    Attributes:
        here: whether workers see this process's memory, and share its cores with its threads.
    """

    here: ClassVar[bool] = False

    @property
    @abstractmethod
    def n_workers(self) -> int:
        """Number of items in work at the same time."""

    @abstractmethod
    def share(self, data: T) -> Shared[T]:
        """Data for all items, sent to each worker once; work must not change it.

        Workers of this machine share the memory of its numpy arrays.
        """

    @abstractmethod
    def stream(
        self, work: Callable[[T, I], R], items: Iterable[I], shared: Shared[T]
    ) -> Iterator[tuple[int, R | LostItemError]]:
        """`work(data, item)` of each item, as they are done.

        One stream of a pool at a time. A stream that is closed early leaves nothing running.

        Args:
            work: a function that workers can import, pure.
            items: small, and picklable.
            shared: the first argument of `work`.

        Yields:
            The item's number and the result. An item whose workers died again and again, also
            when it was done alone, gives the error that says so in place of a result.

        Raises:
            Exception: whatever `work` raises, of the same type and with the same message.
            WorkerPoolError: the workers are lost, or die whatever they do.
        """

    def map(self, work: Callable[[T, I], R], items: Iterable[I], shared: Shared[T]) -> list[R]:
        """The results of `stream` in the order of the items.

        Raises:
            LostItemError: an item's workers died again and again; the others are done by then.
            Exception: see `stream`.
        """
        found = sorted(self.stream(work, items, shared), key=lambda pair: pair[0])
        return [result_or_raise(result) for _, result in found]


def result_or_raise(result: R | LostItemError) -> R:
    """The result; raises for a lost item."""
    if isinstance(result, LostItemError):
        raise result
    return result


class Inline(WorkerPool):
    """The worker pool that is this process."""

    here = True
    n_workers = 1

    def share(self, data: T) -> Shared[T]:
        """The data as they are."""
        return Shared(data)

    def stream(
        self, work: Callable[[T, I], R], items: Iterable[I], shared: Shared[T]
    ) -> Iterator[tuple[int, R | LostItemError]]:
        """The results in order, each made when it is asked for."""
        for number, item in enumerate(items):
            yield number, work(shared.data, item)


@dataclass
class _Job:
    """One item on its way."""

    number: int
    item: Any
    deaths: int = 0


class Workers(WorkerPool):
    """Base of pools of other processes: hands items out and retries lost ones.

    An item whose worker died is retried alone when the others are done: thus it is known
    whose fault it is, and one that found too little memory beside others has all of it.
    """

    def stream(
        self, work: Callable[[T, I], R], items: Iterable[I], shared: Shared[T]
    ) -> Iterator[tuple[int, R | LostItemError]]:
        """The results as they come, each with its item's number."""
        packed = cloudpickle.dumps(work)
        fresh = (_Job(number, item) for number, item in enumerate(items))
        ready, again, flying = deque[_Job](), deque[_Job](), dict[Any, _Job]()
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        lost = 0

        def send(job: _Job) -> None:
            future = self._send(packed, cloudpickle.dumps(job.item), shared)
            flying[future] = job
            future.add_done_callback(done.put)

        try:
            while True:
                while len(flying) < self._ahead():
                    job = ready.popleft() if ready else next(fresh, None)
                    if job is None:
                        break
                    send(job)
                if not flying:
                    if not again:
                        return
                    send(again.popleft())
                # asked for while all work, so that none waits for its next item
                while len(ready) < self.n_workers and done.empty() and (job := next(fresh, None)):
                    ready.append(job)
                try:
                    future = done.get(timeout=_LISTEN)
                except queue.Empty:
                    self._look_after()
                    continue
                job = flying.pop(future)
                reply = self._receive(future)
                if reply is not None:
                    lost = 0
                    yield job.number, unpacked(reply)
                    continue
                job.deaths += 1
                if job.deaths < _TRIES:
                    again.append(job)
                    continue
                lost += 1
                if lost == _HOPELESS:
                    raise self._hopeless(job)
                yield job.number, self._lost(job)
        finally:
            self._drop(list(flying))

    def _ahead(self) -> int:
        """Number of items that may be in flight."""
        return self.n_workers

    @abstractmethod
    def _send(self, work: bytes, item: bytes, shared: Shared[Any]) -> Any:
        """Hand one item out; a future with `add_done_callback`."""

    @abstractmethod
    def _receive(self, future: Any) -> bytes | None:
        """The worker's answer; None if it died."""

    @abstractmethod
    def _drop(self, futures: list[Any]) -> None:
        """Cancel these futures."""

    def _look_after(self) -> None:
        """Raise if no worker is left to answer."""

    def _lost(self, job: _Job) -> LostItemError:
        return LostItemError(
            "every worker that tried this item died",
            got=f"item {job.number} ({reprlib.repr(job.item)}): every worker that tried it died",
            hint="most often memory ran out: use fewer jobs or larger machines",
        )

    def _hopeless(self, job: _Job) -> WorkerPoolError:
        return WorkerPoolError(
            "the worker pool is broken",
            got=f"{_HOPELESS} items in a row whose workers all died, at last item {job.number}",
            hint="most often memory ran out: use fewer jobs or larger machines",
        )
