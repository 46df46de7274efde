"""The answer to a claim after each block: `confirmed`, `refuted` or `open`, and whether it is over.

A claim is confirmed when "the mean net return is zero or less" is refused at level α, and refuted
when "it is at least the smallest edge worth trading" is. Only one of both can be false at a time:
the first where the mean is zero or less, the second where it is at least the smallest edge. So each
has the whole α, and at most α of claims are ever answered wrongly, however often one looks. The
first word is final. What becomes of a confirmed edge later is the alarm's to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.cusum import Alarm
from fadefollow.verdict.sequential.evidence import Evidence, tightest_at

BoolArray = npt.NDArray[np.bool_]
WatchWord = Literal["confirmed", "refuted", "open"]
#: years after which a claim's limits are tightest
BEST_YEARS = 2.0
#: where history has no trade: standard deviation of a trade's return held for three days
_USUAL_SPREAD, _USUAL_HOURS = 0.08, 72.0
#: e-values are shown no larger than its exponential
_LARGEST_LOG = 700.0
#: steps to the detectable edge, and how close the last two must be
_ROUNDS, _SETTLED = 200, 1e-6


@dataclass(frozen=True)
class Past:
    """What a claim's history says at its registration; nothing of it changes later.

    Attributes:
        blocks: that history has.
        trades: of the claim in it, by their shares.
        mean: net return of a trade, a fraction; NaN without trades.
        spread: root mean square of s_b − mean·n_b over its blocks.
        rate, rate2: trades a block, mean and mean square.
        blocks_a_year: of any time.
        alarm: for an edge that goes; None where history earned nothing, so that none can.
    """

    blocks: int
    trades: float
    mean: float
    spread: float
    rate: float
    rate2: float
    blocks_a_year: float
    alarm: Alarm | None

    @classmethod
    def of(
        cls, history: DaySums, *, blocks_a_year: float, hold_hours: float, false_alarms: float
    ) -> Past:
        """The past of a claim.

        Args:
            history: its blocks before the start, in order.
            blocks_a_year: number of blocks.
            hold_hours: the longest holding time, from which the spread comes without trades.
            false_alarms: of the CUSUM, a year.
        """
        blocks, trades = len(history.count), float(history.count.sum())
        spread = math.sqrt(float(np.square(history.residual).mean())) if trades else 0.0
        rate = trades / blocks if blocks else 0.0
        rate2 = float(np.square(history.count).mean()) if blocks else 0.0
        alarm = None
        if spread == 0.0:
            spread = _USUAL_SPREAD * math.sqrt(hold_hours / _USUAL_HOURS)
        else:
            alarm = Alarm.of(history, blocks_a_year=blocks_a_year, rate=false_alarms)
        return cls(blocks, trades, history.mean, spread, rate, rate2, blocks_a_year, alarm)

    @property
    def rho2(self) -> float:
        """ρ² of the evidence: tightest after `BEST_YEARS`."""
        return tightest_at(self.spread, BEST_YEARS * self.blocks_a_year)

    def detectable(self, alpha: float, *, years: float, power: float = 0.8) -> float:
        """The edge that would be confirmed within some years with this power, a fraction.

        By the normal approximation, at history's rate and spread: after k blocks V is
        k·(σ² + δ²·E n²) for the edge δ, and the sum must be above the boundary. NaN where history
        has no trades, or where no edge is.
        """
        blocks = years * self.blocks_a_year
        if not self.rate or blocks < 1.0:
            return math.nan
        error = self.spread * math.sqrt(blocks)
        edge = 0.0
        for _ in range(_ROUNDS):
            scaled = 1.0 + self.rho2 * blocks * (self.spread**2 + edge**2 * self.rate2)
            # E = 2·scaled^(−1/2)·exp(z²/2) = 1/α, where Φ(z) is nearly one
            z = math.sqrt(2.0 * math.log(math.sqrt(scaled) / (2.0 * alpha)))
            boundary = z * math.sqrt(scaled / self.rho2)
            before = edge
            edge = (boundary + float(ndtri(power)) * error) / (blocks * self.rate)
        return edge if abs(edge - before) < _SETTLED * edge else math.nan


@dataclass(frozen=True)
class Answer:
    """The answer after each block; arrays of shape (k,), fractions.

    Attributes:
        evidence: of the blocks.
        alpha: chance of a wrong word.
        word: after the last block.
        decided: the block after which it was first given; None while open.
        gone: the block after which a confirmed edge set off the alarm; None: none did.
        e_value: against "no edge": the mean is zero or less.
        alarm: the CUSUM, from the confirmation on; NaN before it.
    """

    evidence: Evidence
    alpha: float
    word: WatchWord
    decided: int | None
    gone: int | None
    e_value: FloatArray
    alarm: FloatArray

    @classmethod
    def of(cls, sums: DaySums, past: Past, *, alpha: float, smallest: float) -> Answer:
        """The answer of a claim.

        Args:
            sums: its finished blocks since the start, in order.
            past: what was known at the start.
            alpha: chance of a wrong word.
            smallest: the smallest edge worth trading, a fraction.
        """
        evidence = Evidence.of(sums, rho2=past.rho2)
        refused = math.log(1.0 / alpha)
        none = evidence.log_e(0.0, "at most")
        word, decided = _first(none >= refused, evidence.log_e(smallest, "at least") >= refused)
        alarm, gone = np.full(len(none), math.nan), None
        if word == "confirmed" and decided is not None and past.alarm is not None:
            later = DaySums(sums.total[decided + 1 :], sums.count[decided + 1 :])
            alarm[decided + 1 :] = past.alarm.path(later)
            gone = _place(alarm >= past.alarm.threshold)  # false for NaN
        e_value = np.exp(np.minimum(none, _LARGEST_LOG))
        return cls(evidence, alpha, word, decided, gone, e_value, alarm)

    @property
    def mean(self) -> FloatArray:
        """Net return of a trade so far; NaN before the first."""
        return self.evidence.mean

    @cached_property
    def low(self) -> FloatArray:
        """The lower limit, wrong at any time with a chance of at most alpha."""
        return self.evidence.limit(self.alpha, "at most")

    @cached_property
    def high(self) -> FloatArray:
        """The upper limit, likewise."""
        return self.evidence.limit(self.alpha, "at least")

    def __len__(self) -> int:
        return len(self.e_value)


def _first(confirmed: BoolArray, refuted: BoolArray) -> tuple[WatchWord, int | None]:
    """The word that came first, and after which block; of both at once that it is refuted."""
    yes, no = _place(confirmed), _place(refuted)
    if no is not None and (yes is None or no <= yes):
        return "refuted", no
    return ("open", None) if yes is None else ("confirmed", yes)


def _place(found: BoolArray) -> int | None:
    return int(np.argmax(found)) if found.any() else None
