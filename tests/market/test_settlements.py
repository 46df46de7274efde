"""Settlements: intervals, holes and missing ones, by one rule for import, audit and engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.plans.bar_arrays import bar_arrays
from fadefollow.market.datasets.coverage import cover
from fadefollow.market.panel import Market
from fadefollow.market.settlements import HOUR_NS, distances, holes, inferred_hours
from fadefollow.market.streams import stream

START = pd.Timestamp("2023-05-01", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def stamps(hours: Sequence[float]) -> np.ndarray:
    return (START.value + np.array(hours) * HOUR_NS).astype(np.int64)


def judged(hours: Sequence[float], declared: Sequence[float] | None = None) -> tuple[list, list]:
    """Missing settlements and holes between each two."""
    time = stamps(hours)
    found = distances(time, inferred_hours(time) if declared is None else np.array(declared, float))
    return found.missing.tolist(), np.flatnonzero(found.hole).tolist()


@pytest.mark.parametrize("interval", [1, 2, 3, 4, 6, 8, 12])
def test_every_interval_that_venues_use_is_inferred(interval):
    hours = [float(interval * n) for n in range(6)]
    assert inferred_hours(stamps(hours)).tolist() == [interval] * 6
    assert judged(hours) == ([0] * 5, [])


@pytest.mark.parametrize("cut", [3, 4, 5, 6, 7])
def test_a_change_of_the_interval_that_cuts_a_gap_short_is_no_hole(cut):
    """Every hour, then every 8 hours: the first of these comes after `cut` hours."""
    hours = [0, 8, 16, 17, 18, 19, 19 + cut, 27 + cut, 35 + cut]
    assert judged(hours) == ([0] * 8, [])
    declared = [8, 8, 8, 1, 1, 1, 8, 8, 8]
    assert judged(hours, declared) == ([0] * 8, [])


@pytest.mark.parametrize(
    ("hours", "declared", "missing", "hole"),
    [
        # none declared: a hole is longer than 8 hours
        ([0, 8, 16, 40, 48], None, [0, 0, 2, 0], [2]),
        ([0, 8, 16, 28, 36], None, [0, 0, 1, 0], [2]),
        ([0, 12, 24, 48, 60], None, [0, 0, 1, 0], [2]),
        # lost among hourly ones, as both neighbours show: told, and a hole only beyond 8 hours
        ([0, 1, 2, 7, 8, 9], None, [0, 0, 4, 0, 0], []),
        ([0, 1, 2, 202, 203, 204], None, [0, 0, 199, 0, 0], [2]),
        # as declared, a gap longer than the interval is a hole
        ([0, 1, 2, 7, 8, 9], [1] * 6, [0, 0, 4, 0, 0], [2]),
        ([0, 8, 16, 17, 24, 25], [8, 8, 8, 1, 1, 1], [0, 0, 0, 6, 0], [3]),
        ([0, 1, 2, 18, 26], [1, 1, 1, 8, 8], [0, 0, 1, 0], [2]),
        # five minutes late is on time
        ([0, 8, 16 + 1 / 12, 24], [8] * 4, [0, 0, 0], []),
        ([0], None, [], []),
    ],
)
def test_what_is_missing_and_what_is_a_hole(hours, declared, missing, hole):
    assert judged(hours, declared) == (missing, hole)


def test_the_audit_and_the_engine_see_the_same_hole():
    times = pd.DatetimeIndex(stamps([*range(0, 401, 8), *range(648, 801, 8)]), tz="UTC")
    hours = inferred_hours(times.asi8)
    table = pd.DataFrame({"time": times, "rate": 1e-4, "interval_hours": hours, "available": times})
    opens = pd.date_range(START, periods=801, freq="h", unit="ns")
    perp = pd.DataFrame({"time": opens, "available": opens + HOUR})
    perp = perp.assign(open=1.0, high=1.0, low=1.0, close=1.0)
    market = Market("INJ", bar=HOUR, tables={"perp": perp, "funding": table})
    seen = cover("INJ", table, stream("funding"), HOUR)
    assert (seen.missing, seen.gaps, seen.first_gap) == (30, 1, "2023-05-18 00:00")
    end = opens[-1] + HOUR
    made = bar_arrays(market, time=opens.asi8, start=START, end=end)
    assert pd.to_datetime(made.holes[0]).tolist() == [
        pd.Timestamp("2023-05-17 16:00"),
        pd.Timestamp("2023-05-28 00:00"),
    ]
    assert holes(times.asi8, hours).tolist() == made.holes.tolist()
