"""Levels that cannot be: zeros, and spikes of a record or two. One rule on all ways in.

A venue that has nothing to say writes 0, or a value a thousand times as large: what open interest,
the ratio of accounts and the hash rate cannot be. Such records are left out and counted, whether
they come from a file, an API or an archive; the record before them holds on. A level that changes
for good is no spike, see `units`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.findings import Finding, when
from fadefollow.market.streams import Stream

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: what is never zero while the coin is traded, by stream
_LEVELS = {"open_interest": "open_interest", "long_short": "ratio", "hash_rate": "hash_rate"}
#: a spike is so many times as large, or as small, as the medians of so many records before it and
#: after it, of which at least `_FEW` must be there
SPIKE, NEAR, _FEW = 20.0, 12, 3


def implausible(frame: pd.DataFrame, schema: Stream) -> tuple[BoolArray, tuple[Finding, ...]]:
    """Rows that are not stored, shape (n,), and findings about them.

    Args:
        frame: column `time` and the stream's columns, ascending, with values as numbers.
        schema: the stream; those that have no level have no such rows.
    """
    column = _LEVELS.get(schema.name)
    if column is None or column not in frame:
        return np.zeros(len(frame), bool), ()
    values = frame[column].to_numpy(np.float64)
    zero = values == 0
    spike = np.zeros(len(values), bool)
    spike[~zero] = spikes(values[~zero])
    words = f"{column} of 0, not stored"
    size = f"{column} {SPIKE:g} times as large or small as before and after, not stored"
    findings = (
        *_seen(frame, schema, "zeros", zero, words),
        *_seen(frame, schema, "spikes", spike, size),
    )
    return zero | spike, findings


def plausible(frame: pd.DataFrame, schema: Stream) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """The frame without implausible rows, and findings about them; see `implausible`."""
    lost, findings = implausible(frame, schema)
    return (frame[~lost].reset_index(drop=True) if lost.any() else frame), findings


def spikes(values: FloatArray) -> BoolArray:
    """Which values are far from the usual one before them and from the usual one after, alike."""
    series = pd.Series(values)
    before = series.rolling(NEAR, min_periods=_FEW).median().shift().to_numpy(np.float64)
    back = series[::-1].rolling(NEAR, min_periods=_FEW).median().shift()
    after = back.to_numpy(np.float64)[::-1]
    high = values > SPIKE * np.maximum(before, after)  # False on the NaN at the ends
    low = values * SPIKE < np.minimum(before, after)
    return np.asarray(high | low)


def _seen(
    frame: pd.DataFrame, schema: Stream, rule: str, mask: BoolArray, text: str
) -> tuple[Finding, ...]:
    if not mask.any():
        return ()
    first = when(frame["time"].iloc[int(mask.argmax())])
    return (Finding("warning", "", schema.name, rule, int(mask.sum()), first, text),)
