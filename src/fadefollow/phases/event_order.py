"""Whether a block of events is in order, compiled: a search asks for each trial, coin and phase."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def in_order(bar: IntArray, strength: FloatArray, bars: int) -> bool:
    """Whether bars rise and exist, and strengths are numbers ≥ 0.

    Args:
        bar: numbers of the events' bars, shape (k,).
        strength: of each event, shape (k,).
        bars: number of bars of the coin.
    """
    return bool(_in_order(_frozen(bar), _frozen(strength), bars))


@njit(cache=True)
def _in_order(bar: IntArray, strength: FloatArray, bars: int) -> bool:
    before = -1
    for i in range(len(bar)):
        if not (before < bar[i] < bars and 0.0 <= strength[i] < math.inf):
            return False
        before = bar[i]
    return True


def _frozen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view, so that one compilation does for all arrays."""
    view = values.view()
    view.flags.writeable = False
    return view
