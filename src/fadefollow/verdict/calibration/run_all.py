"""Run all markets of a calibration in a worker pool, resuming after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from fadefollow.core.parallel import LostItemError, WorkerPool
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.results_log import Page, Pages

T = TypeVar("T", bound=Page)
S = TypeVar("S")


def make_rounds(
    work: Callable[[S, tuple[Arm, int]], T],
    shared: S,
    wanted: Sequence[tuple[Arm, int]],
    *,
    notebook: Pages[T],
    key: str,
    doing: str,
    pool: AbstractContextManager[WorkerPool],
    step: Callable[[str, float | None], None],
) -> tuple[T, ...]:
    """Results of all markets, in the order of `wanted`; logged ones are not run again.

    Args:
        work: makes one market's page from `shared`, arm and seed.
        shared: for all markets.
        wanted: arm and seed of each market.
        notebook: each page is added to it as it comes.
        key: names all that a page depends on but its arm and seed.
        doing: in words, e.g. "judging".
        pool: of workers, see `fadefollow.core.parallel.make_pool`; it is opened and closed here.
        step: told how far it is.

    Raises:
        WorkerPoolError: the workers are lost, or one market's workers died every time; the other
            markets are stored.
    """
    known, others = notebook.read(key)
    todo = [pair for pair in wanted if pair not in known]
    resumed = len(wanted) - len(todo)
    text = f"{doing} {len(wanted)} markets"
    text += f", {resumed} of them known" if resumed else ""
    text += f", {others} of other settings or code not used" if others else ""
    step(text, resumed / len(wanted))
    lost = list[LostItemError]()
    with pool as workers:
        made: Any = workers.stream(work, todo, workers.share(shared))
        for number, (_, page) in enumerate(made, 1):
            step(text, (resumed + number) / len(wanted))
            if isinstance(page, LostItemError):
                lost.append(page)
                continue
            notebook.add(key, page)
            known[page.arm, page.seed] = page
    if lost:
        raise lost[0]
    return tuple(known[pair] for pair in wanted)
