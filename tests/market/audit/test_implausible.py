"""Zeros and spikes of levels: left out and counted on every way in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError
from fadefollow.market.audit.implausible import spikes
from fadefollow.market.schema import check

HOUR = pd.Timedelta(hours=1)
LEVEL = 1000 + 10 * np.sin(np.arange(60))


def snapshots(values: Any, column: str = "open_interest") -> pd.DataFrame:
    time = pd.date_range("2024-01-01", periods=len(values), freq="h", tz="UTC")
    return pd.DataFrame({"time": time, column: values})


def test_open_interest_of_zero_is_left_out_and_counted():
    values = LEVEL.copy()
    values[[7, 8, 30]] = 0.0
    made = check(snapshots(values), "open_interest", bar=HOUR, where="oi.csv")
    assert len(made.table) == 57
    assert made.table["open_interest"].min() > 900
    assert made.table.index.tolist() == list(range(57))
    (found,) = made.findings
    assert (found.grade, found.rule, found.count, found.where) == (
        "warning",
        "zeros",
        3,
        "2024-01-01 07:00",
    )


@pytest.mark.parametrize("factor", [1000.0, 0.001])
def test_a_snapshot_in_another_unit_is_left_out_and_counted(factor):
    values = LEVEL.copy()
    values[[20, 40, 41]] *= factor
    made = check(snapshots(values), "open_interest", bar=HOUR, where="oi.csv")
    assert (len(made.table), [f.rule for f in made.findings]) == (57, ["spikes"])
    assert made.findings[0].count == 3


def test_ratios_and_hash_rates_of_zero_are_left_out_too():
    ratio = check(snapshots([1.0, 0.0, 1.2], "ratio"), "long_short", bar=HOUR, where="x")
    assert ratio.table["ratio"].tolist() == [1.0, 1.2]


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(60) < 30, LEVEL, 30 * LEVEL),  # a new level, for good: another check's
        np.exp(np.linspace(0, 5, 60)),  # a pump: 150-fold within the days
        np.append(LEVEL, [30_000.0]),  # the last: nothing after it to tell it by
        np.array([1.0, 50.0, 1.0]),  # too few
    ],
)
def test_what_may_be_real_stays(values):
    assert not spikes(values).any()


def test_zeros_alone_are_refused():
    with pytest.raises(DataError, match="above zero"):
        check(snapshots([0.0, 0.0]), "open_interest", bar=HOUR, where="oi.csv")
