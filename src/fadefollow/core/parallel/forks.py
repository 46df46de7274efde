"""Children of this process, which see its memory as it was when they were forked.

Nothing is sent to them: data, work and items are there, and only results come back. So they pay
where the data are large, each item takes moments, and a process that imports everything anew would
take longer than the work. Linux only: elsewhere a process that has threads cannot be forked.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from fadefollow.core.cache.shelf import begin_fork
from fadefollow.core.parallel.worker import answered, unpacked
from fadefollow.core.parallel.worker_pool import Inline, Shared, WorkerPool
from fadefollow.errors import LostItemError

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


class _Child(NamedTuple):
    process: Any
    pipe: Connection


class Forks(WorkerPool):
    """Forked anew for each stream, so that they know all that this process has found so far.

    Items of a sequence are looked up by the child that does them.
    """

    here = True

    def __init__(self, count: int) -> None:
        self._count = count

    @staticmethod
    def possible() -> bool:
        """Whether this process may be forked."""
        return sys.platform == "linux" and not multiprocessing.parent_process()

    @property
    def n_workers(self) -> int:
        """How many items are worked on at a time."""
        return self._count

    def share(self, data: T) -> Shared[T]:
        """The data as they are."""
        return Shared(data)

    def stream(
        self, work: Callable[[T, I], R], items: Iterable[I], shared: Shared[T]
    ) -> Iterator[tuple[int, R | LostItemError]]:
        """The results as they come; the item of a child that died is done in this process."""
        todo = items if isinstance(items, Sequence) else list(items)
        count = min(self._count, len(todo))
        if count < 2:
            yield from Inline().stream(work, todo, shared)
            return
        children: dict[Connection, _Child] = {}
        doing: dict[Connection, int] = {}
        lost: list[int] = []
        ahead = iter(range(len(todo)))
        gc.freeze()  # or each child's collector copies what it looks through
        try:
            for _ in range(count):
                child = _forked(work, todo, shared.data, list(children), count)
                children[child.pipe] = child
                _hand_out(child.pipe, ahead, doing)
            while doing:
                for pipe in wait(list(doing)):
                    assert isinstance(pipe, Connection)
                    number = doing.pop(pipe)
                    try:
                        reply = pipe.recv_bytes()
                    except (EOFError, OSError):  # most often memory ran out
                        lost.append(number)
                        continue
                    _hand_out(pipe, ahead, doing)
                    yield number, unpacked(reply)
        finally:
            gc.unfreeze()
            _stop(list(children.values()))
        for number in [*lost, *ahead]:
            yield number, work(shared.data, todo[number])


@contextlib.contextmanager
def forked(work: Callable[[], R]) -> Iterator[Callable[[], R]]:
    """A fork that does some work while the block runs; yields what waits for its result."""
    gc.freeze()  # see `stream`
    try:
        try:
            child = _forked(lambda _, item: item(), [work], None, [], 1)
        except OSError:  # no memory for one more process
            yield cache(work)
            return
        try:
            with contextlib.suppress(OSError):
                child.pipe.send(0)
            yield _Awaited(child.pipe, work)
        finally:
            _stop([child])
    finally:
        gc.unfreeze()


class _Awaited(Generic[R]):
    """The result of a child, or its error, as often as it is asked for."""

    def __init__(self, pipe: Connection, work: Callable[[], R]) -> None:
        self._pipe, self._work = pipe, work

    @cached_property
    def _reply(self) -> bytes:
        try:
            return self._pipe.recv_bytes()
        except (EOFError, OSError):  # most often memory ran out
            return answered(self._work)

    @cached_property
    def _result(self) -> R:
        found: R = unpacked(self._reply)
        return found

    def __call__(self) -> R:
        return self._result


def _hand_out(pipe: Connection, ahead: Iterator[int], doing: dict[Connection, int]) -> None:
    """Give a child the next item, if there is one."""
    number = next(ahead, None)
    if number is None:
        return
    doing[pipe] = number
    with contextlib.suppress(OSError):  # it died: its pipe says so when it is read
        pipe.send(number)


def _forked(
    work: Any, items: Sequence[Any], data: Any, others: list[Connection], count: int
) -> _Child:
    context = multiprocessing.get_context("fork")
    ours, its = context.Pipe()
    process = context.Process(
        target=_serve, args=(work, items, data, its, [ours, *others], count), daemon=True
    )
    with warnings.catch_warnings():
        # threads of this process draw progress, and hold no lock that a child needs
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    its.close()
    return _Child(process, ours)


def _stop(children: Sequence[_Child]) -> None:
    """End all children at once."""
    for child in children:
        child.pipe.close()
        child.process.kill()
    for child in children:
        child.process.join()
        child.process.close()


# ---- in the child ----


def _serve(
    work: Any,
    items: Sequence[Any],
    data: Any,
    pipe: Connection,
    theirs: list[Connection],
    count: int,
) -> None:
    """Do items until the parent asks for no more, or is gone; one of `count` children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    for other in theirs:
        other.close()  # so that the pipe ends with the parent
    begin_fork(count)
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if "numba" in sys.modules:
        sys.modules["numba"].config.NUMBA_NUM_THREADS = 1  # the cores are shared already
    while True:
        try:
            number = pipe.recv()
            pipe.send_bytes(answered(_do, work, data, items, number))
        except (EOFError, OSError):
            return


def _do(work: Any, data: Any, items: Sequence[Any], number: int) -> Any:
    return work(data, items[number])
