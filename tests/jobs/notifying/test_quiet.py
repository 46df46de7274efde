"""Quiet hours, over midnight and over a change of the clocks."""

from __future__ import annotations

import pandas as pd
import pytest

from fadefollow.errors import ParameterError
from fadefollow.jobs.notifying.quiet import QuietHours


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("22:00-07:00", "2024-05-20 21:59:59", None),
        ("22:00-07:00", "2024-05-20 22:00", "2024-05-21 07:00"),
        ("22:00-07:00", "2024-05-21 06:59", "2024-05-21 07:00"),
        ("22:00-07:00", "2024-05-21 07:00", None),
        ("12:00-13:30", "2024-05-21 13:29", "2024-05-21 13:30"),
        ("12:00-13:30", "2024-05-21 11:00", None),
        # Berlin is two hours ahead in May: its 22:00 is 20:00 UTC, its 07:00 is 05:00
        ("22:00-07:00 Europe/Berlin", "2024-05-20 20:00", "2024-05-21 05:00"),
        ("22:00-07:00 Europe/Berlin", "2024-05-20 19:59", None),
        # the clocks go back on the 27th of October, after which it is one hour ahead
        ("22:00-07:00 Europe/Berlin", "2024-10-26 21:00", "2024-10-27 06:00"),
    ],
)
def test_quiet_hours_end(hours: str, now: str, until: str | None) -> None:
    assert QuietHours.of(hours).until(utc(now)) == (None if until is None else utc(until))


@pytest.mark.parametrize(
    "text", ["22-7", "22:00-25:00", "10:00-10:00", "22:00-07:00 Mars/Base", ""]
)
def test_hours_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ParameterError, match=r"--quiet|time zone"):
        QuietHours.of(text)
