"""Evidence about a mean net return that may be looked at after every block.

The mean is that of a trade: the ratio r = E Σ s / E Σ n of summed net returns and numbers of
trades. A block has a random number of trades, so that r is asked about by the increments

    x_b(m) = s_b − m·n_b,      S_k(m) = Σ x_b(m),      V_k(m) = Σ x_b(m)²  (b ≤ k)

If a block earns m a trade on average, given what was known at its start, they have mean zero, and
for increments that are symmetric about it exp(λS − λ²V/2) is a supermartingale for every λ (de la
Peña 1999, Annals of Probability 27(1), Lemma 6.1). Mixed over λ > 0 by half of a normal density
with variance ρ² (Robbins 1970, Annals of Mathematical Statistics 41(5)) it is

    E_k(m) = 2 · (1 + ρ²V)^(−1/2) · exp(ρ²S² / (2·(1 + ρ²V))) · Φ(ρS / (1 + ρ²V)^(1/2))

By Ville's inequality the chance that it ever reaches 1/α is at most α where the mean is at most m.
The set of m on which it has not is Robbins' normal mixture confidence sequence, which Waudby-Smith,
Arbour, Sinha, Kennedy & Ramdas (2024, Annals of Statistics 52(6)) show to hold asymptotically for
increments of any shape whose variance is estimated. Here V is taken at m and not at the estimate,
which is wider while there are few blocks, and covers of symmetric returns exactly.

Neighbouring blocks share what is held over their border: V grows by 2·Σ u_b·u_{b+1} where that is
positive, with u the x at the estimate (the variance of a sum of a sequence that depends on its
neighbours only).

No library of this is kept: `confseq` was last released in 2023 and needs a C++ compiler.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.days import DaySums

#: of the hypothesis that is tested: the mean is at most, or at least, a value
Bound = Literal["at most", "at least"]
#: ρ²·V at which the sequence is tightest, about −2·log α + log(1 − 2·log α) for α = 0.05
_TIGHTEST = 8.0
#: limits are looked for so far from the estimate, as fractions; beyond there is none
_NEAREST, _FARTHEST, _STEPS, _HALVINGS = 1e-6, 10.0, 160, 50


@dataclass(frozen=True)
class Evidence:
    """Running sums over the blocks of a claim, shape (k,) each, from which all else follows.

    Attributes:
        s, n: Σ s_b and Σ n_b.
        ss, sn, nn: Σ s_b², Σ s_b·n_b and Σ n_b².
        near_ss, near_sn, near_nn: the same of neighbours, both orders: 2·Σ s_b·s_{b+1},
            Σ s_b·n_{b+1} + n_b·s_{b+1} and 2·Σ n_b·n_{b+1}.
        rho2: ρ², fixed before the first block.
    """

    s: FloatArray
    n: FloatArray
    ss: FloatArray
    sn: FloatArray
    nn: FloatArray
    near_ss: FloatArray
    near_sn: FloatArray
    near_nn: FloatArray
    rho2: float

    @classmethod
    def of(cls, sums: DaySums, *, rho2: float) -> Evidence:
        """The evidence of blocks in order; ρ² must not depend on them (`tightest_at`)."""
        s, n = sums.total, sums.count
        s_before, n_before = _before(s), _before(n)
        return cls(
            np.cumsum(s),
            np.cumsum(n),
            np.cumsum(s * s),
            np.cumsum(s * n),
            np.cumsum(n * n),
            np.cumsum(2.0 * s * s_before),
            np.cumsum(s * n_before + n * s_before),
            np.cumsum(2.0 * n * n_before),
            rho2,
        )

    @property
    def mean(self) -> FloatArray:
        """The estimate Σ s / Σ n after each block, a fraction; NaN before the first trade."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.s / self.n)

    @cached_property
    def shared(self) -> FloatArray:
        """What neighbours add to the variance, 2·Σ u_b·u_{b+1} with u at the estimate, or zero."""
        r = np.nan_to_num(self.mean)
        near = self.near_ss - 2.0 * r * self.near_sn + r * r * self.near_nn
        return np.maximum(near, 0.0)

    def log_e(self, mean: FloatArray | float, bound: Bound) -> FloatArray:
        """The log of the e-value against "the mean is at most (at least) `mean`" after each block.

        Args:
            mean: a fraction, one for all blocks or of shape (k,).
            bound: which of both.

        Returns:
            Shape (k,); 0 or less says nothing against it, log(1 / α) decides at level α.
        """
        m = np.asarray(mean, np.float64)
        total = (self.s - m * self.n) * (1.0 if bound == "at most" else -1.0)
        own = self.ss - 2.0 * m * self.sn + m * m * self.nn
        # rounding may leave a little less than nothing
        scaled = 1.0 + self.rho2 * (np.maximum(own, 0.0) + self.shared)
        z = np.sqrt(self.rho2 / scaled) * total
        mixed = np.log(2.0) - 0.5 * np.log(scaled) + 0.5 * z * z + log_ndtr(z)
        return np.asarray(mixed)

    def limit(self, alpha: float, bound: Bound) -> FloatArray:
        """The lower ("at most") or upper ("at least") limit of the mean after each block.

        Each is wrong at any time with a chance of at most α, both together of at most 2α.

        Args:
            alpha: of one limit.
            bound: what is refused beyond it.

        Returns:
            Fractions, shape (k,); infinite where there is none yet.
        """
        sign = -1.0 if bound == "at most" else 1.0
        far = np.geomspace(_NEAREST, _FARTHEST, _STEPS)
        refused = np.log(1.0 / alpha)
        at = self.mean

        def beyond(distance: FloatArray) -> npt.NDArray[np.bool_]:
            return np.asarray(self.log_e(at + sign * distance, bound) >= refused)

        out = np.array([beyond(np.full(len(at), d)) for d in far]).reshape(len(far), len(at))
        found = out.any(axis=0)
        first = np.argmax(out, axis=0)
        high = far[first]
        low = np.where(first > 0, far[np.maximum(first - 1, 0)], 0.0)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            past = beyond(middle)
            low, high = np.where(past, low, middle), np.where(past, middle, high)
        return np.where(found, at + sign * high, sign * np.inf)


def tightest_at(spread: float, blocks: float) -> float:
    """ρ² for a sequence that is tightest after so many blocks.

    Args:
        spread: root mean square of a block's x_b, in fractions times trades, as history has it.
        blocks: number of blocks.

    Source: Waudby-Smith and others (2024), appendix on the choice of ρ.
    """
    return _TIGHTEST / (spread * spread * blocks)


def _before(values: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], values[:-1]]) if len(values) else values
