"""What a calibration of the tuner found: what its past promised, and what came out of sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fadefollow.phases import Stance
from fadefollow.tuning.calibration.design import TunerDesign, stance_of
from fadefollow.tuning.calibration.market import Search, TunedMarket
from fadefollow.tuning.calibration.words import planted
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.promises import (
    Promise,
    at_least,
    at_most,
    failures,
    not_above_zero,
)
from fadefollow.verdict.calibration.proportions import Mean, Share, plain
from fadefollow.verdict.calibration.summary import POWER, CalibrationError

#: what passes for significant where one looks at the past alone
T_CLAIM, PROBABLE = 2.0, 0.95


@dataclass(frozen=True)
class Claims:
    """How often the winner's past looks like an edge."""

    t: Share  #: its t above 2
    psr: Share  #: its probabilistic Sharpe ratio above 0.95, as if nothing else had been tried
    deflated: Share  #: its deflated Sharpe ratio above 0.95


@dataclass(frozen=True)
class ArmFound:
    """The markets of one arm. Means are of markets, bps a trade, of the book that was tuned."""

    arm: Arm
    stance: Stance  #: whose book was maximised
    markets: int
    trades: float  #: out of sample, mean number
    last: Claims  #: of the search for what to trade next, one a market
    searches: Claims  #: of all searches, which depend on each other within a market
    pbo: Mean
    p_loss: Mean  #: share of CSCV's choices whose winner loses in the other half
    rank: Mean  #: share of the other trials that a winner beats on the stretch after its past
    in_sample: Mean  #: of the winners on the pasts that their stretches followed
    out_of_sample: Mean
    costs: Mean  #: fees and slippage
    anyhour: Mean  #: of trades like those out of sample, at any hour
    own: Mean  #: of the file's own parameters on the same stretches
    gain: Mean  #: out of sample, the winners' less the file's own, market by market
    tested: Share  #: rows of the verdict with enough independent blocks
    named: Share  #: markets in which the verdict names the stance in any row
    wrong: Share  #: … or the other one
    any_named: Share  #: … or either
    psr: Share  #: out of sample above 0.95
    earned: Share  #: out-of-sample mean above zero


@dataclass(frozen=True)
class TunerCalibration:
    """All counts. Intervals are of 95 %."""

    design: TunerDesign
    key: str
    strategy: str
    arms: tuple[ArmFound, ...]  #: nothing planted first
    seconds: float  #: of computing, all processes together

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What was promised, and whether it is kept, broken, or not yet shown."""
        return tuple(promise for arm in self.arms for promise in _promised(arm, self.design.alpha))

    @property
    def failures(self) -> tuple[str, ...]:
        """The promises that are broken, in words; empty if none is."""
        return failures(self.promises)

    def raise_failures(self) -> None:
        """Check that every promise is kept.

        Raises:
            CalibrationError: a promise is broken.
        """
        if self.failures:
            raise CalibrationError("tuner calibration failed", got="; ".join(self.failures))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: shares with their `value`, NaN as None."""
        said = asdict(self) | {"failures": list(self.failures)}
        said["promises"] = [promise.to_dict() for promise in self.promises]
        return plain(said)  # type: ignore[no-any-return]


def _promised(arm: ArmFound, alpha: float) -> tuple[Promise, ...]:
    if arm.arm.effect_bps:
        earned = f"{planted(arm.arm.effect_bps)}: markets with a mean above zero out of sample"
        return (at_least(earned, arm.earned, POWER),)
    still = "nothing planted: "
    return (
        at_most(f"{still}a false verdict out of sample", arm.any_named, alpha),
        at_most(f"{still}PSR above 0.95 out of sample", arm.psr, alpha),
        at_most(f"{still}DSR above 0.95 in the past", arm.last.deflated, alpha),
        not_above_zero(f"{still}mean out of sample", arm.out_of_sample),
    )


def summarise_tuner(
    design: TunerDesign, markets: Sequence[TunedMarket], *, strategy: str, key: str
) -> TunerCalibration:
    """Count.

    Args:
        design: of the calibration.
        markets: all of them.
        strategy: that was tuned.
        key: names settings and code.
    """
    by_arm = {arm: [market for market in markets if market.arm == arm] for arm in design.arms}
    return TunerCalibration(
        design=design,
        key=key,
        strategy=strategy,
        arms=tuple(_arm(arm, mine) for arm, mine in by_arm.items() if mine),
        seconds=sum(market.seconds for market in markets),
    )


def _arm(arm: Arm, markets: Sequence[TunedMarket]) -> ArmFound:
    stance = stance_of(arm)
    named = [{answer.verdict for answer in m.answers} & {"fade", "follow"} for m in markets]
    return ArmFound(
        arm=arm,
        stance=stance,
        markets=len(markets),
        trades=float(np.mean([m.n_trades for m in markets])),
        last=_claims(lambda holds: Share.exact([holds(m.searches[-1]) for m in markets])),
        searches=_claims(
            lambda holds: Share.clustered([[holds(s) for s in m.searches] for m in markets])
        ),
        pbo=_over(_mean(s.pbo for s in m.searches) for m in markets),
        p_loss=_over(_mean(s.p_loss for s in m.searches) for m in markets),
        rank=_over(_mean(s.rank for s in m.searches) for m in markets),
        in_sample=_over(_mean(s.bps for s in m.searches[:-1]) for m in markets),
        out_of_sample=_over(m.mean for m in markets),
        costs=_over(m.costs for m in markets),
        anyhour=_over(_mean(a.anyhour for a in m.answers) for m in markets),
        own=_over(m.own_mean for m in markets),
        gain=_over(m.mean - m.own_mean for m in markets),
        tested=Share.clustered([[a.tested for a in m.answers] for m in markets]),
        named=Share.exact([stance in words for words in named]),
        wrong=Share.exact([bool(words - {stance}) for words in named]),
        any_named=Share.exact([bool(words) for words in named]),
        psr=Share.exact([m.psr > PROBABLE for m in markets]),
        earned=Share.exact([m.mean > 0.0 for m in markets]),
    )


def _claims(share: Callable[[Callable[[Search], bool]], Share]) -> Claims:
    return Claims(
        t=share(lambda s: s.t > T_CLAIM),
        psr=share(lambda s: s.psr > PROBABLE),
        deflated=share(lambda s: s.deflated > PROBABLE),
    )


def _over(values: Iterable[float]) -> Mean:
    return Mean.over(list(values))


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
