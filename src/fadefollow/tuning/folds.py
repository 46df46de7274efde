"""Where the calendar is cut: each fold's past, the embargo, and the stretch that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import TimeSeriesSplit

from fadefollow.errors import DataError
from fadefollow.tuning.model import Window

_DAY = pd.Timedelta(days=1)
#: a stretch of fewer days says nothing
_LEAST_DAYS = 7

Span = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True)
class Cut:
    """One fold; times are UTC, a span holds what became known from its first to its second."""

    number: int  #: from 1
    train: Span
    test: Span | None  #: None for the search for what to trade next


@dataclass(frozen=True)
class FoldBars:
    """A fold in bars of the calendar.

    Attributes:
        cut: its times.
        train: its past: the first bar and the one behind the last.
        test: its test, likewise; None for the last fold.
        parts: days of the past at which all inner parts but the last end.
    """

    cut: Cut
    train: tuple[int, int]
    test: tuple[int, int] | None = None
    parts: tuple[int, ...] = ()


def cut_calendar(
    start: pd.Timestamp, end: pd.Timestamp, *, folds: int, window: Window, embargo_hours: float
) -> tuple[Cut, ...]:
    """The folds of a walk-forward over [start, end], and one more that learns up to the end.

    The stretches are of equal length and follow each other without a gap up to `end`. Each is
    preceded by an embargo of whole days, at least `embargo_hours`, before which its past ends.
    An expanding past begins at `start`; a rolling one is as long as that of the first fold.

    Raises:
        DataError: the time is too short for so many folds.
    """
    days = int((end - start) // _DAY)
    gap = math.ceil(embargo_hours / 24)
    stretch = days // (folds + 1)
    first = days - folds * stretch - gap
    if stretch < _LEAST_DAYS or first < stretch // 2 or first < _LEAST_DAYS:
        raise DataError(
            f"a walk-forward of {folds} folds needs longer data",
            got=f"{days} days: stretches of {stretch} days, a first past of {max(first, 0)}, "
            f"embargo {gap} days",
            hint="fewer --folds, a longer range, or a shorter holding time",
        )
    splitter = TimeSeriesSplit(
        folds, gap=gap, test_size=stretch, max_train_size=first if window == "rolling" else None
    )

    def span(days_in: np.ndarray) -> Span:
        # what remains of a day at the end belongs to no whole day and is left to the last stretch
        last = int(days_in[-1]) + 1
        return start + int(days_in[0]) * _DAY, end if last == days else start + last * _DAY

    cuts = [
        Cut(number, span(train), span(test))
        for number, (train, test) in enumerate(splitter.split(np.empty(days)), 1)
    ]
    begins = start + (days - first) * _DAY if window == "rolling" else start
    return (*cuts, Cut(folds + 1, (begins, end), None))
