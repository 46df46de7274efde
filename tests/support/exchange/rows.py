"""Serialised rows of the markets' series, and the pages cut from them, sound or spoilt."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.support.exchange.history import HOUR, History, Instrument
from tests.support.exchange.oddities import RANGES, ROWS

#: (instrument, time, values) → one row as JSON
Write = Callable[[Instrument, int, Sequence[float]], str]


class RefusedError(Exception):
    """An error that the venue answers with."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


class Book:
    """All series of the history; rows of a venue are serialised when first asked for."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._rows: dict[tuple[str, int, str], list[bytes]] = {}

    def revise(self, coin: str, kind: str, series: str, hour: int, factor: float) -> None:
        """Multiply what is recorded for one hour since the start."""
        time = self.history.start + hour * HOUR
        for instrument in self.history.instruments:
            if (instrument.coin, instrument.kind) == (coin, kind) and series in instrument.series:
                found = instrument.series[series]
                found.rows[np.searchsorted(found.times, time)] *= factor
        self._rows.clear()

    def page(
        self,
        instrument: Instrument,
        series: str,
        write: Write,
        *,
        low: int,
        high: int,
        limit: int,
        newest: bool,
        backwards: bool,
        fault: str,
        name: str,
    ) -> list[bytes]:
        """Rows with low ≤ time ≤ high, at most `limit`: the newest of them or the oldest."""
        found = instrument.series[series]
        rows = self._serialised(instrument, series, write, name)
        if fault == "newest":
            newest, limit = True, min(limit, 60)
        if fault in RANGES:
            low, high = RANGES[fault](low, high, self.history.start)
        if fault == "overlap":
            low, high = low - 5 * HOUR, high + 3 * HOUR
        part = found.between(low, min(high, self.history.now))
        first, last = part.start, max(part.stop, part.start)
        if newest:
            first = max(first, last - limit)
        last = min(last, first + limit)
        page = rows[first:last]
        if page and series in ("bars", "mark", "index", "premium"):
            opened = int(found.times[last - 1])
            if opened + HOUR > self.history.now:
                price, *others = found.rows[last - 1].tolist()
                values = [price] * 4 + [v * 0.3 for v in others[3:]]
                page[-1] = write(instrument, opened, values).encode()
            if fault == "broken":
                at = (first + last) // 2
                values = found.rows[at].tolist()
                values[1] = values[2] * 0.5 - 1
                page[at - first] = write(instrument, int(found.times[at]), values).encode()
        page = _spoilt(page, fault)
        return page[::-1] if backwards and fault != "shuffled" else page

    def _serialised(self, of: Instrument, series: str, write: Write, name: str) -> list[bytes]:
        key = (name, id(of), series)
        if key not in self._rows:
            found = of.series[series]
            times, rows = found.times.tolist(), found.rows.tolist()
            made = [write(of, t, v).encode() for t, v in zip(times, rows, strict=True)]
            self._rows[key] = made
        return self._rows[key]


def _spoilt(page: list[bytes], fault: str) -> list[bytes]:
    count = len(page)
    if fault in ROWS:
        return ROWS[fault](page)
    if fault == "short":
        return page[: count * 2 // 5]
    if fault == "skip":
        return page[: count // 3] + page[count * 2 // 3 :]
    if fault == "empty":
        return []
    if fault == "twice":
        return page[: count // 2] + page[count // 3 :]
    if fault == "shuffled":
        random.Random(1).shuffle(page := page[:])
    return page


def joined(rows: list[bytes]) -> bytes:
    """A JSON array of rows."""
    return b"[" + b",".join(rows) + b"]"
