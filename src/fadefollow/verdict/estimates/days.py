"""The unit of resampling: the UTC day of entry, the trades of all coins together.

Trades of one day share the market's mood, and trades of neighbouring days overlap. Statistics are
therefore ratios Σ s_d / Σ n_d of day sums, where s_d is the sum of what was measured on the trades
entered on day d, and n_d their number; most days have neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.model import DAY_NS, Book, FloatArray, IntArray, together
from fadefollow.engine.plans.strategy_plan import Plan

#: what makes trades comparable: coin (its place in the plan), side, and rule set (its place there)
Kind = tuple[int, int, int]

#: of a block, unless twice the holding time is longer
LONGEST_BLOCK_DAYS = 30.0


@dataclass(frozen=True)
class Sample:
    """The regular trades of one row (strategy × phase × stance), all coins, shape (k,) each.

    Regular are those that ended by their own rules, with all settlements known while they were
    held; trades cut off by the end of data or held over a hole are left out.
    """

    coin: IntArray  #: the place of the coin in the plan
    side: IntArray  #: +1 long, −1 short
    rule: IntArray  #: the place of its rules in the plan's rule sets
    entry_bar: IntArray  #: on the union calendar
    day: IntArray  #: of entry, counted from the calendar's first UTC day
    value: FloatArray  #: net return on entry notional, a fraction
    #: of its full size, by which a trade counts in means: they are on the mean notional; None: all
    share: FloatArray | None = None

    @property
    def weight(self) -> FloatArray:
        """By what each trade counts in means, shape (k,)."""
        return np.ones(len(self.value)) if self.share is None else self.share

    def kept(self, known: npt.NDArray[np.bool_]) -> Sample:
        """Only some of the trades, by a mask of shape (k,)."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{n: one[known] for n, one in columns.items() if one is not None})

    def __len__(self) -> int:
        return len(self.value)

    def by_kind(self) -> Iterator[tuple[Kind, IntArray]]:
        """The kinds of the trades in order, each with the places of its trades."""
        # one number a kind, in the order of (coin, side, rule)
        number = (2 * self.coin + (self.side > 0)) * (1 + self.rule.max(initial=0)) + self.rule
        order = np.argsort(number, kind="stable")
        edges = np.flatnonzero(np.diff(number[order], prepend=-1, append=-1))
        for first, last in pairwise(edges.tolist()):
            one = order[first]
            kind = int(self.coin[one]), int(self.side[one]), int(self.rule[one])
            yield kind, order[first:last]


@dataclass(frozen=True)
class DaySums:
    """Sums and counts by day of entry, shape (days,) each."""

    total: FloatArray
    count: FloatArray

    @property
    def mean(self) -> float:
        """The ratio Σ total / Σ count; NaN without trades."""
        trades = float(self.count.sum())
        return float(self.total.sum()) / trades if trades else math.nan

    @property
    def residual(self) -> FloatArray:
        """Each day's part in the ratio's error, u_d = s_d − r · n_d, shape (days,)."""
        return self.total - self.mean * self.count


def day_of_bar(plan: Plan) -> IntArray:
    """The UTC day in which each bar opens, counted from the calendar's first, shape (n,)."""
    day = plan.time // DAY_NS
    return day - day[0]  # type: ignore[no-any-return]


def regular_trades(books: Sequence[Book], code: int) -> pd.DataFrame:
    """The regular trades of one phase in one book, coin by coin in order of entry.

    Returns:
        Columns as in `Book`, and `coin`, the place of the book.
    """
    trades = together(books)
    regular = (trades["code"] == code) & (trades["reason"] != "end") & (trades["hole"] < 0)
    return trades[regular].reset_index(drop=True)


def sample(plan: Plan, trades: pd.DataFrame) -> Sample:
    """The bare arrays of `regular_trades`."""
    names = ("coin", "side", "rule", "entry_bar")
    coin, side, rule, entry = (trades[c].to_numpy(np.int64) for c in names)
    value = trades["return"].to_numpy(np.float64)
    share = None
    if plan.coin_arrays.sized:
        share = np.ones(len(value))
        for number in np.unique(coin).tolist():
            shares = plan.coin_arrays[number].share
            if shares is not None:
                share[coin == number] = shares[entry[coin == number]]
    return Sample(coin, side, rule, entry, day_of_bar(plan)[entry], value, share)


def day_sums(
    day: IntArray, value: FloatArray, n_days: int, weight: FloatArray | None = None
) -> DaySums:
    """Sums and counts of `value`, shape (k,), by `day`; NaN values are left out.

    With weights, sums of weight × value and of weights, so that the ratio is the weighted mean.
    """
    known = ~np.isnan(value)
    counted = np.ones(int(known.sum())) if weight is None else weight[known]
    total = np.bincount(day[known], weights=counted * value[known], minlength=n_days)
    count = np.bincount(day[known], weights=counted, minlength=n_days)
    return DaySums(total.astype(np.float64), count.astype(np.float64))


def block_length(series: Sequence[DaySums], *, hold_hours: float) -> float:
    """The mean length of a stationary block in whole days, the same for all `series`.

    The longest of what the automatic rule gives for the residuals of each series, held between
    twice the holding time and the larger of that and 30 days. Unbounded, the rule ran to 131 days
    on a series that was mostly empty: five years were then "four blocks".

    Source: Politis & White (2004), Econometric Reviews 23(1), with the correction of Patton,
    Politis & White (2009), Econometric Reviews 28(4), as in `arch`.
    """
    least = max(1.0, 2.0 * hold_hours / 24.0)
    automatic = [_automatic_length(sums.residual) for sums in series]
    return float(math.ceil(min(max(least, *automatic), max(least, LONGEST_BLOCK_DAYS))))


def _automatic_length(residual: FloatArray) -> float:
    # the rule divides by the series' variance and needs a few lags
    if len(residual) < 10 or not np.any(residual != 0.0) or np.isnan(residual).any():
        return 0.0
    from arch.bootstrap import optimal_block_length  # its package takes two seconds to import

    scaled = residual / np.abs(residual).max()
    with np.errstate(all="ignore"):
        length = float(optimal_block_length(scaled)["stationary"].iloc[0])
    return length if math.isfinite(length) else 0.0


def independent_blocks(count: FloatArray, length: float) -> float:
    """The effective number of independent blocks that hold trades.

    Blocks of `length` days are laid without overlap, each beginning on the first day with a trade
    that no block covers yet. Their number is then discounted for unequal filling, as one block
    with most of the trades decides the mean alone: (Σ n_b)² / Σ n_b², with n_b trades in block b.

    Args:
        count: trades by day of entry, shape (days,).
        length: of a block, in days.

    Returns:
        Between 0 (no trades) and the number of blocks that hold any.

    Source: Kish (1965), Survey Sampling (effective sample size under weights).
    """
    filled: list[float] = []
    end = -math.inf
    for day in np.flatnonzero(count):
        if day >= end:
            filled.append(0.0)
            end = day + length
        filled[-1] += float(count[day])
    trades = sum(filled)
    return trades**2 / sum(n * n for n in filled) if filled else 0.0
