"""How items are handed out, without processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from fadefollow.core.parallel import worker_pool
from fadefollow.core.parallel.worker import do
from fadefollow.core.parallel.worker_pool import Shared, Workers


class Patient(Workers):
    """Two workers that answer when the pool has nothing left to do but to wait for them."""

    n_workers = 2

    def __init__(self, before_answers: Callable[[int], None]) -> None:
        self._before, self._at_work = before_answers, list[tuple[Future[bytes], bytes]]()

    def share(self, data: Any) -> Shared[Any]:
        return Shared(data)

    def _send(self, work: bytes, item: bytes, shared: Shared[Any]) -> Future[bytes]:
        self._at_work.append((Future(), do(work, item, shared.data)))
        return self._at_work[-1][0]

    def _receive(self, future: Future[bytes]) -> bytes:
        return future.result()

    def _drop(self, futures: list[Any]) -> None:
        assert futures == []

    def _look_after(self) -> None:
        self._before(len(self._at_work))
        answers, self._at_work = self._at_work, []
        for future, reply in answers:
            future.set_result(reply)


def _plus(data: int, item: int) -> int:
    return data + item


def test_the_next_items_are_asked_for_while_all_workers_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_pool, "_LISTEN", 0.01)
    asked, seen = list[int](), list[tuple[int, int]]()

    def items() -> Iterator[int]:
        for item in range(7):
            asked.append(item)
            yield item

    pool = Patient(lambda at_work: seen.append((at_work, len(asked))))
    found = dict(pool.stream(_plus, items(), pool.share(10)))
    assert found == {number: 10 + number for number in range(7)}
    # at work, and asked for: one a worker beyond them, and no more
    assert seen[:2] == [(2, 4), (2, 6)]
