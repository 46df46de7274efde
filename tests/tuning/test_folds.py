"""Where the calendar is cut."""

from __future__ import annotations

import pandas as pd
import pytest

from fadefollow.errors import DataError
from fadefollow.tuning.folds import cut_calendar

START = pd.Timestamp("2020-01-01", tz="UTC")
DAY = pd.Timedelta(days=1)


def cuts(days: float = 120, *, folds: int = 3, window="expanding", embargo_hours: float = 72.0):
    found = cut_calendar(
        START, START + days * DAY, folds=folds, window=window, embargo_hours=embargo_hours
    )
    return [
        (
            tuple((t - START) / DAY for t in cut.train),
            cut.test and tuple((t - START) / DAY for t in cut.test),
        )
        for cut in found
    ]


def test_stretches_follow_each_other_after_an_embargo() -> None:
    assert cuts() == [
        ((0, 27), (30, 60)),
        ((0, 57), (60, 90)),
        ((0, 87), (90, 120)),
        ((0, 120), None),
    ]


def test_a_rolling_past_keeps_its_length() -> None:
    assert cuts(window="rolling") == [
        ((0, 27), (30, 60)),
        ((30, 57), (60, 90)),
        ((60, 87), (90, 120)),
        ((93, 120), None),
    ]


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (24, 1), (25, 2), (72.5, 4)])
def test_the_embargo_is_whole_days_and_not_shorter(hours: float, days: int) -> None:
    train, test = cuts(embargo_hours=hours)[0]
    assert test[0] - train[1] == days


def test_part_of_a_day_at_the_end_belongs_to_the_last_stretch() -> None:
    found = cuts(120.5)
    assert found[-2][1] == (90, 120.5)
    assert found[-1][0] == (0, 120.5)


@pytest.mark.parametrize(
    ("days", "folds", "hours"),
    [(20, 3, 24), (120, 30, 24), (120, 3, 24 * 25)],
    ids=["short", "many", "long embargo"],
)
def test_too_short_a_time_is_refused(days: int, folds: int, hours: float) -> None:
    with pytest.raises(DataError, match="needs longer data"):
        cuts(days, folds=folds, embargo_hours=hours)
