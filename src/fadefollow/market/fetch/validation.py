"""Whether an answer can be believed.

It is a list where one is due, of the time that was asked for, on the grid, without contradictions.
What cannot be believed is asked for again, and never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ccxt
import numpy as np
import pandas as pd

from fadefollow.market.fetch.pages import Values
from fadefollow.market.fetch.time_ranges import Range, Times

#: how the columns of a page are read from one of ccxt's records; None where they are rows already
Fields = Callable[[Any], Sequence[object]] | None
#: an answer may reach beyond what was asked for by so much, or by a page
_BEYOND_MS = 86_400_000
#: clocks, stamps and the like lie between 2001 and 2096; seconds and microseconds do not
EARLIEST_MS, LATEST_MS = 10**12, 4 * 10**12


class MalformedAnswer(ccxt.ExchangeNotAvailable):  # type: ignore[misc]
    """An answer that is no JSON, or not what was asked for."""


class InvalidAnswer(MalformedAnswer):
    """An answer in the right form that cannot be the answer to the question."""


def listed_in(body: object, keys: Sequence[str]) -> None:
    """Refuse an answer without a list where one is due; ccxt takes it for an empty page.

    Args:
        body: the parsed JSON.
        keys: where the list lies.

    Raises:
        InvalidAnswer: there is none.
    """
    place = body
    for key in keys:
        place = place.get(key) if isinstance(place, dict) else None
    # Deribit's charts are lists by column
    if not isinstance(place, list) and not (isinstance(place, dict) and "ticks" in place):
        raise InvalidAnswer(f"expected a list of records, got {type(place).__name__}")


def rows_of(found: object, fields: Fields, *, width: int) -> Values:
    """What ccxt made of a page as numbers: a stamp and `width` values in each row.

    Of values that no row has, NaN.

    Raises:
        InvalidAnswer: a row has no stamp.
    """
    if isinstance(found, np.ndarray):
        rows: Any = found
    else:
        assert isinstance(found, list)
        rows = found if fields is None else [(r["timestamp"], *fields(r)) for r in found]
    if not len(rows):
        return np.empty((0, 1 + width))
    table = np.array([r[: 1 + width] for r in rows], dtype=np.float64)
    if not np.isfinite(table[:, 0]).all():
        raise InvalidAnswer("a record without a time")
    lacking = 1 + width - table.shape[1]
    return np.pad(table, ((0, 0), (0, lacking)), constant_values=np.nan) if lacking else table


def check_times(times: Times, window: Range, span: int, *, step: int) -> None:
    """Refuse an answer that is not about the time that was asked for, or not on its grid.

    Args:
        times: stamps of all records that came, ms.
        window: the range that was asked for.
        span: the longest range that one answer covers.
        step: distance of the records.

    Raises:
        InvalidAnswer: says what is wrong with which stamp.
    """
    if not len(times):
        return
    beyond, (low, high) = max(span, _BEYOND_MS), window
    far = (times < low - beyond) | (times >= high + beyond)
    if far.any():
        raise InvalidAnswer(f"expected {_words(window)}, got a record of {_when(times[far][0])}")
    first, last = int(times.min()), int(times.max())
    inside = (times >= low) & (times < high)
    around = first < low and last >= high
    if not inside.any() and not around and not (low - step <= first and last < high + step):
        raise InvalidAnswer(f"expected {_words(window)}, got records from {_when(first)}")
    off = times[inside & (times % step != 0)]
    if len(off):
        raise InvalidAnswer(f"a record off the grid, at {_when(off[0])}")


def once(times: Times, values: Values) -> tuple[Times, Values]:
    """Records in order, each once.

    Raises:
        InvalidAnswer: one record is there twice, with other values.
    """
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    again = np.append(False, times[1:] == times[:-1])[: len(times)]
    if again.any():
        at = np.flatnonzero(again)
        if not np.array_equal(values[at], values[at - 1], equal_nan=True):
            raise InvalidAnswer(f"two different records of {_when(times[at[0]])}")
    return times[~again], values[~again]


def _words(window: Range) -> str:
    return f"{_when(window[0])} to {_when(window[1])}"


def _when(stamp: int) -> str:
    if not 0 <= stamp <= LATEST_MS:
        return f"{stamp} ms"
    return f"{pd.Timestamp(int(stamp), unit='ms'):%Y-%m-%d %H:%M:%S}"
