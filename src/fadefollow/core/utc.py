"""UTC: the one zone that times are kept in."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd


def as_utc(moment: str | date | np.datetime64) -> pd.Timestamp:
    """The moment in UTC; one without a zone is UTC already.

    Args:
        moment: a day, a time stamp or what pandas makes one of, not NaT.
    """
    time = pd.Timestamp(moment)
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


def stamp(time: pd.Timestamp) -> str:
    """A UTC time as ledgers write it, to the second, so that text sorts as time does."""
    return time.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
