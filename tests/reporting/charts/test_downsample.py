"""Thinning keeps what an eye would see."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fadefollow.reporting.charts.downsample import clock, keep_extremes, millis, packed, steps, thin


def test_short_series_is_untouched() -> None:
    assert keep_extremes([3.0, 1.0, 2.0], points=4).tolist() == [0, 1, 2]


def test_extremes_and_ends_of_each_stretch_stay() -> None:
    values = [0.0, 9.0, 1.0, 2.0, 3.0, -7.0, 4.0, 5.0, 6.0, 6.5]
    # points = 6 cuts into stretches of five: 9 and 0 in the first, -7 and 6.5 in the second
    assert keep_extremes(values, points=6).tolist() == [0, 1, 5, 9]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(min_value=4, max_value=60)
)
def test_thinning_keeps_the_extremes_within_the_budget(values: list[float], points: int) -> None:
    kept = keep_extremes(values, points=points)
    shown = np.asarray(values)[kept]
    assert shown.max() == max(values)
    assert shown.min() == min(values)
    assert len(kept) <= points + 2
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    assert (np.diff(kept) > 0).all()


def test_a_hole_stays_a_hole() -> None:
    values = np.r_[np.arange(50.0), np.full(50, np.nan), np.arange(50.0)]
    line = thin(np.arange(150.0), values, points=30)
    assert np.isnan(line.value).any()
    inside = (line.time > 55) & (line.time < 95)
    assert np.isnan(line.value[inside]).all()


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
def test_times_become_milliseconds_whatever_their_unit(unit: str) -> None:
    index = pd.DatetimeIndex(["1970-01-01 00:00:01", None], tz="UTC").as_unit(unit)  # type: ignore[arg-type]
    stamps = millis(index)
    assert stamps[0] == 1000.0
    assert np.isnan(stamps[1])


def test_packed_is_little_endian_and_keeps_nan() -> None:
    spec = packed([1.5, np.nan])
    back = np.frombuffer(base64.b64decode(spec["bdata"]), "<f4")
    assert spec["dtype"] == "f4"
    assert back[0] == 1.5
    assert np.isnan(back[1])


def test_regular_times_are_a_start_and_a_step() -> None:
    assert clock(np.array([1000.0, 4000.0, 7000.0])) == {"x0": 1000, "dx": 3000}


def test_irregular_times_are_counted_in_their_largest_common_step() -> None:
    spec = clock(np.array([3.6e6, 4 * 3.6e6, 4 * 3.6e6, 9 * 3.6e6]))["x"]
    assert (spec["start"], spec["step"], spec["dtype"]) == (3_600_000, 10_800_000 // 3, "u2")
    assert np.frombuffer(base64.b64decode(spec["bdata"]), "<u2").tolist() == [0, 3, 3, 8]


@given(st.lists(st.integers(0, 4_102_444_800_000), max_size=50))
def test_steps_lead_back_to_the_times(times: list[int]) -> None:
    spec = steps(np.array(times, np.float64))
    counts = np.frombuffer(base64.b64decode(spec["bdata"]), f"<{spec['dtype']}")
    back = [int(c) * spec.get("step", 1) + spec.get("start", 0) for c in counts]
    assert back == times
