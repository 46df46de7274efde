"""Revisions on the grid: which record each one is of, and the bars on which it is what is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

IntArray = npt.NDArray[np.int64]


def rows_of(part: pd.DataFrame, table: pd.DataFrame, key: Sequence[str]) -> IntArray:
    """The row of `table` that each row of `part` is a vintage of, shape (len(part),); −1 for none.

    Args:
        part, table: with `time` and `key`, which are unique in `table`.
        key: the stream's.
    """
    names = ["time", *key]
    mine, theirs = (pd.MultiIndex.from_frame(t[names]) for t in (part, table))
    return theirs.get_indexer(mine).astype(np.int64)


def put_revisions(
    found: npt.NDArray[np.float64],
    known: IntArray,
    rows: IntArray,
    since: IntArray,
    values: npt.NDArray[np.float64],
) -> None:
    """Put revisions into what is known as of each bar's close, from when they are known, in place.

    Args:
        found: the first vintage known at each bar, shape (n,).
        known: the row of its record, −1 for none, shape (n,).
        rows: of each revision the row of its record, −1 for none, in the order in which they
            became known, shape (r,).
        since: the first bar that knows each revision, shape (r,).
        values: of the revisions, shape (r,).
    """
    size = max(int(known.max(initial=-1)), int(rows.max(initial=-1))) + 2
    last = np.full(size, -1)  # the last place is that of −1
    last[known] = np.arange(len(known))
    # a record that is known at no bar from then on has been followed by newer ones
    for at in np.flatnonzero((rows >= 0) & (last[rows] >= since)):
        span = slice(since[at], last[rows[at]] + 1)
        found[span][known[span] == rows[at]] = values[at]
