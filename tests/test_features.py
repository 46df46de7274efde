"""Shared measures of the signals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.features import fire_once, past_quantile


def test_past_quantile_leaves_out_the_record_itself() -> None:
    time = pd.Series(pd.date_range("2024-01-01", periods=5, freq="D", tz="UTC"))
    values = np.array([1.0, 2.0, 3.0, 100.0, 4.0])
    found = past_quantile(time, values, 0.5, days=2)
    # before the third record lie 1 and 2, before the fourth 2 and 3, before the fifth 3 and 100
    np.testing.assert_allclose(found, [np.nan, np.nan, 1.5, 2.5, 51.5])


@pytest.mark.parametrize(
    ("condition", "cooldown", "fired"),
    [
        ([0, 1, 1, 0, 1], 0, [1, 4]),
        ([1, 0, 1, 0, 1], 3, [0, 4]),
        ([1, 1, 1, 1], 1, [0]),
        ([1, 0, 1, 1, 1], 4, [0]),
        ([1, 0, 1, 0, 1, 1], 2, [0, 2, 4]),
        ([0, 0], 0, []),
        ([], 5, []),
    ],
)
def test_fire_once(condition: list[int], cooldown: int, fired: list[int]) -> None:
    got = fire_once(np.array(condition, dtype=bool), cooldown_bars=cooldown)
    assert got.tolist() == fired
