"""Repeatability: the same data again, in another process, order or year."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pandas as pd

from fadefollow.market.panel import Market
from fadefollow.phases import Signal
from fadefollow.verdict.lookahead.altered_future import rebuilt
from fadefollow.verdict.lookahead.answers import (
    Answer,
    Difference,
    ask_safely,
    first_difference,
)
from fadefollow.verdict.lookahead.report import Fault, Kind, told

#: by which the data are moved: whole weeks, so that weekdays stay
_SHIFT = pd.Timedelta(weeks=5)
#: beginnings of each market that are asked about besides the whole
_CUTS = 3

Order = Literal["forward", "backward"]


def repeats(signal: Signal, market: Market, whole: Answer) -> Fault | None:
    """The same data again, in the same process."""
    again = ask_safely(signal, market.until(market.index[-1] + market.bar))
    return _fault("not repeatable", "in the same process", market, _differ(whole, again, market))


def orders(signal: Signal, market: Market, whole: Answer) -> Fault | None:
    """Streams and columns in another order; that of rows is part of what a table is."""
    names = reversed(market.streams)
    turned = rebuilt(market, {name: market.table(name).iloc[:, ::-1] for name in names})
    found = _differ(whole, ask_safely(signal, turned), market)
    return _fault("order", "streams and columns", market, found)


def moves_along(signal: Signal, market: Market, whole: Answer) -> Fault | None:
    """All data five weeks later: the events must be, too."""
    tables = {name: _moved(market.table(name)) for name in market.streams}
    moved = Market(
        market.symbol,
        bar=market.bar,
        tables=tables,
        start=market.index[0] + _SHIFT,
        end=market.index[-1] + market.bar + _SHIFT,
        listed=market.listed + _SHIFT if market.listed is not None else None,
        delisted=market.delisted + _SHIFT if market.delisted is not None else None,
        later={name: _moved(table) for name, table in market.later.items()},
    )
    there = ask_safely(signal, moved)
    return _fault("calendar", "five weeks", market, _differ(whole, there, market))


def _moved(table: pd.DataFrame) -> pd.DataFrame:
    times = table.select_dtypes("datetimetz").columns
    return table.assign(**{c: table[c] + _SHIFT for c in times})


class Elsewhere:
    """The same questions in a new process with another hash seed, begun at once.

    The other process is asked about the last coin first, and of each about its beginning before
    the whole; where it answers otherwise, a second one is asked in the order of this one, to tell
    a signal that keeps state from one that is not repeatable.

    Args:
        signal: importable in a new process, see `Signal.__reduce__`.
        markets: by coin.
    """

    def __init__(self, signal: Signal, markets: Sequence[Market]) -> None:
        self._signal, self._markets = signal, tuple(markets)
        self._folder = TemporaryDirectory(prefix="fadefollow-check-")
        self._backward = self._start("backward")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._backward.poll() is None:
            self._backward.kill()
            self._backward.wait()
        self._folder.cleanup()

    def fault(self) -> Fault | None:
        """The fault where its answer differs from this process's; None if it does not."""
        here = answers(self._signal, self._markets, "forward")
        differs = self._differs(here, self._wait(self._backward, "backward"))
        if differs is None:
            return None
        same_order = self._differs(here, self._wait(self._start("forward"), "forward"))
        if same_order is None:
            return _fault("keeps state", "in a process of its own", *differs)
        return _fault("not repeatable", "in a new process with another hash seed", *same_order)

    def _start(self, order: Order) -> subprocess.Popen[str]:
        folder = Path(self._folder.name)
        (folder / f"{order}.in").write_bytes(pickle.dumps((self._signal, self._markets)))
        words = [sys.executable, "-m", "fadefollow.verdict.lookahead.subprocess_main", order]
        seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
        return subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _wait(self, process: subprocess.Popen[str], order: Order) -> list[list[Answer]]:
        _, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the process that checks a signal anew failed:\n{errors}")
        answers = (Path(self._folder.name) / f"{order}.out").read_bytes()
        return pickle.loads(answers)  # type: ignore[no-any-return]

    def _differs(
        self, here: list[list[Answer]], there: list[list[Answer]]
    ) -> tuple[Market, Difference] | None:
        for market, ours, theirs in zip(self._markets, here, there, strict=True):
            bars = [*cut_bars(market), len(market) - 1]
            for bar, one, other in zip(bars, ours, theirs, strict=True):
                if found := first_difference(one, other, last=bar):
                    return market, found
        return None


def answers(signal: Signal, markets: Sequence[Market], order: Order) -> list[list[Answer]]:
    """Of each market the answers about its beginnings, by length, and last about the whole.

    Asked forward, the first coin's whole comes first; backward, the last coin's shortest beginning.
    """
    said: list[list[Answer]] = [[] for _ in markets]
    forward = order == "forward"
    for number in sorted(range(len(markets)), reverse=not forward):
        market = markets[number]
        ends = [market.index[bar] + market.bar for bar in (*cut_bars(market), len(market) - 1)]
        found = [ask_safely(signal, market.until(end)) for end in sorted(ends, reverse=forward)]
        said[number] = found[::-1] if forward else found
    return said


def cut_bars(market: Market) -> list[int]:
    """The last bars of the beginnings that are asked about besides the whole, increasing."""
    steps = np.linspace(0, len(market) - 1, _CUTS + 2)[1:-1]
    return sorted({int(bar) for bar in steps})


def _differ(whole: Answer, other: Answer, market: Market) -> Difference | None:
    return first_difference(whole, other, last=len(market) - 1)


def _fault(kind: Kind, text: str, market: Market, found: Difference | None) -> Fault | None:
    if found is None:
        return None
    opened = market.index[found.bar]
    return told(
        Fault(
            kind,
            found.what,
            market.symbol,
            bar=opened,
            closed=opened + market.bar,
            text=text,
        )
    )
