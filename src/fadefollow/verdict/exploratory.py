"""Rows of a run's further tables: splits, fragility, capacity and the test of the best book."""

from __future__ import annotations

import math
from dataclasses import dataclass

Interval = tuple[float, float]
NOWHERE: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class SplitCell:
    """One stance of one phase in one cell of a split; exploratory, it decides nothing.

    NaN where there are too few trades to say, which `note` then says.
    """

    strategy: str
    phase: str
    stance: str
    split: str  #: what is split by: coin, year, regime, weekday, weekend, door, strength
    cell: str  #: e.g. "BTC", "2022", "bear", "Mon", "second"
    n_trades: int
    blocks: float  #: effective number of independent blocks
    mean_net_bps: float
    ci_low_bps: float  #: studentised block bootstrap, 95 % unless the run says otherwise
    ci_high_bps: float
    anyhour_mean_bps: float  #: the same coins, sides and costs at every bar of the same cell
    p: float  #: two-sided, of the mean being that of any hour in the same cell
    q: float  #: p corrected for all cells of the run that have one (false discovery rate)
    note: str = ""  #: "too few" where no interval is given


@dataclass(frozen=True)
class CoinCapacity:
    """What one coin carries in one stance of a phase."""

    symbol: str
    quote: float  #: order size, quote currency, at which the mean net edge is gone; NaN if ≤ 0


@dataclass(frozen=True)
class Fall:
    """One drawdown of an account: days as 2022-11-09; `end` is empty where it is not made good."""

    peak: str
    valley: str
    end: str
    depth: float  #: from peak to valley, fraction of the capital that the account began with, < 0


@dataclass(frozen=True)
class BookRatios:
    """Ratios of one stance of a strategy in a book, of its daily equity; they decide nothing.

    NaN where the sample is too small, or where the account had nothing left.
    """

    strategy: str
    stance: str
    book: str
    gain_a_year: float  #: of fixed capital, gains added up
    growth_a_year: float  #: compound growth of the account's value (CAGR)
    sharpe: float
    sortino: float
    calmar: float  #: growth a year over the deepest fall from a peak
    beta: float  #: to holding the same coins
    best_day: float  #: fraction of the capital that the account began with
    worst_day: float
    days_in_market: float  #: share of the days on which the account's value moved
    falls: tuple[Fall, ...] = ()  #: the five deepest drawdowns


@dataclass(frozen=True)
class SpaTest:
    """Whether the best book of a run is better than its own placebo (superior predictive ability).

    p-values are those of Hansen (2005): `lower` takes poor books for as good as their placebo,
    `upper` (White's reality check) lets them weigh in full, `consistent` is the one to read.
    """

    n_books: int
    strategy: str  #: of the book with the largest mean over standard error
    phase: str
    stance: str
    p_lower: float
    p_consistent: float
    p_upper: float
    draws: int
    p_error: float  #: standard error that the number of draws leaves in `p_consistent`
    sentence: str


@dataclass(frozen=True)
class FragilityRow:
    """The verdict on one strategy × phase under one changed assumption."""

    strategy: str
    phase: str
    change: str  #: e.g. "as run", "one bar more delay"
    verdict: str  #: fate of the claim; of runs of schema 1 their word
    stance: str  #: the better one by mean, "" where none is traded
    mean_net_bps: float  #: of that stance
    n_trades: int
    flips: bool  #: it is not that of "as run"
    note: str = ""  #: why there is no answer, where there is none
