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
    stamp = pd.Timestamp(moment)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
