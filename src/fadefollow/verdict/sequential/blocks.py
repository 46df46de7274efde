"""The unit of a claim's evidence: blocks of UTC days, twice the longest holding time.

A trade belongs to the block in which it is entered, the trades of all coins together. Blocks are
looked at in order, each once, when every trade that was entered in it can have ended.

Two trades depend on each other while both are held, so that days of entry are no independent looks.
Of blocks of twice the holding time only neighbours share any market move: with entries spread
evenly their correlation is (H³/6) / (5H³/3) = 0.1. What is left is counted in the variance
(`fadefollow.verdict.sequential.evidence`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.engine.model import IntArray
from fadefollow.verdict.estimates.days import DaySums

#: beyond the longest holding time, for exits that wait for a missing bar and for late data
GRACE = pd.Timedelta(days=1)
#: correlation of neighbouring blocks whose entries are spread evenly
NEIGHBOURS = 0.1
#: exits that come with the end of a coin's data; such trades count in no mean
CUT_OFF = "end"


@dataclass(frozen=True)
class BlockRule:
    """How a claim's time is cut into blocks.

    Attributes:
        start: of the first block, UTC, at midnight.
        days: length of a block.
        hold: the longest holding time.
    """

    start: pd.Timestamp
    days: int
    hold: pd.Timedelta

    @classmethod
    def of(cls, start: pd.Timestamp, *, hold_hours: float) -> BlockRule:
        """Blocks of twice the holding time, in whole days."""
        return cls(start, block_days(hold_hours), pd.Timedelta(hours=hold_hours))

    @property
    def length(self) -> pd.Timedelta:
        """Of a block."""
        return pd.Timedelta(days=self.days)

    @property
    def a_year(self) -> float:
        """Blocks a year."""
        return 365.25 / self.days

    def finished(self, end: pd.Timestamp) -> int:
        """Number of blocks whose trades have all ended, of data whose last bar closes at `end`."""
        return max(0, math.floor((end - GRACE - self.hold - self.start) / self.length))

    def block_of(self, entry: pd.Series) -> IntArray:
        """The block of each time of entry, shape (k,); negative before the start."""
        return np.asarray(np.floor((entry - self.start) / self.length), np.int64)

    def begins(self, block: int) -> pd.Timestamp:
        """When a block begins, UTC."""
        return self.start + block * self.length

    def settled(self, block: int) -> pd.Timestamp:
        """From when on a block counts, UTC."""
        return self.begins(block + 1) + self.hold + GRACE


def block_days(hold_hours: float) -> int:
    """The length of a block in days: twice the holding time, at least one day."""
    return max(1, math.ceil(2.0 * hold_hours / 24.0))


def block_sums(trades: pd.DataFrame, rule: BlockRule, blocks: int) -> DaySums:
    """Sums of net returns and numbers of trades by block, shape (blocks,) each.

    Args:
        trades: one row a trade: `entry_time` (UTC), `return` (net, a fraction), `exit_reason`, and
            `share`, by which it counts. Those that the end of data cut off are left out.
        rule: of the blocks.
        blocks: so many, from the first.
    """
    ended = trades[trades["exit_reason"] != CUT_OFF]
    block = rule.block_of(ended["entry_time"])
    inside = (block >= 0) & (block < blocks)
    share = ended["share"].to_numpy(np.float64)[inside]
    value = ended["return"].to_numpy(np.float64)[inside]
    total = np.bincount(block[inside], weights=share * value, minlength=blocks)
    count = np.bincount(block[inside], weights=share, minlength=blocks)
    return DaySums(total.astype(np.float64), count.astype(np.float64))
