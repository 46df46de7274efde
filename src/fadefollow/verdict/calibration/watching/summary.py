"""What a calibration of watched claims found, as promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fadefollow.errors import FadeFollowError
from fadefollow.verdict.calibration.promises import (
    Promise,
    at_least,
    at_most,
    at_stated_rate,
    failures,
    headline,
)
from fadefollow.verdict.calibration.proportions import Share, plain
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.calibration.watching.market import ClaimRecord, WatchPage

#: power with which the detectable edge is found within a year
POWER = 0.8


class WatchCalibrationError(FadeFollowError, RuntimeError):
    """A promise of watched claims is broken."""


@dataclass(frozen=True)
class Delay:
    """Years until something came: median and the 80 % that came first; infinite: it did not."""

    median: float
    most: float


@dataclass(frozen=True)
class WatchCalibration:
    """Counts over all claims of all markets.

    Attributes:
        design: of the calibration.
        markets, claims: number of them.
        trades: median of a claim while it was watched.
        detectable_bps: median.
        promises: what is promised, and what was measured.
        delay, delay_twice: until confirmation at the detectable edge, and at twice that.
        delay_gone: until the alarm once twice the detectable edge was gone.
    """

    design: WatchDesign
    markets: int
    claims: int
    trades: float
    detectable_bps: float
    promises: tuple[Promise, ...]
    delay: Delay
    delay_twice: Delay
    delay_gone: Delay

    @property
    def headline(self) -> str:
        """One line."""
        return headline(self.promises, who=f"Watching ({self.design.about})")

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what did not come is None."""
        said: dict[str, Any] = plain(
            {
                "about": self.design.about,
                "design": asdict(self.design),
                "markets": self.markets,
                "claims": self.claims,
                "trades": self.trades,
                "detectable_bps": self.detectable_bps,
                "delay": asdict(self.delay),
                "delay_twice": asdict(self.delay_twice),
                "delay_gone": asdict(self.delay_gone),
                "headline": self.headline,
            }
        )
        return said | {"promises": [promise.to_dict() for promise in self.promises]}

    def raise_failures(self) -> None:
        """Raise WatchCalibrationError where a promise is broken."""
        broken = failures(self.promises)
        if broken:
            raise WatchCalibrationError(
                "a promise of watched claims is broken", got="; ".join(broken)
            )


def summarise_watching(design: WatchDesign, pages: Sequence[WatchPage]) -> WatchCalibration:
    """The counts; claims of one market depend on each other, markets do not."""
    claims = [claim for page in pages for claim in page.claims]

    def share(hit: Callable[[ClaimRecord], bool]) -> Share:
        return Share.clustered([[hit(claim) for claim in page.claims] for page in pages])

    years, alpha = design.watched_years, design.alpha
    false_alarms = 1.0 - math.exp(-design.false_alarms * years)
    promises = (
        at_most(
            "claims without an edge that were ever confirmed", share(lambda c: c.confirmed), alpha
        ),
        at_most(
            f"claims with an edge of {design.smallest_bps:g} bps that were ever refuted",
            share(lambda c: c.refuted),
            alpha,
        ),
        at_most(
            "claims as they were traded with a wrong word", share(lambda c: c.false_word), alpha
        ),
        at_least(
            "claims with the detectable edge confirmed within about a year",
            share(lambda c: c.years <= _A_YEAR),
            POWER,
        ),
        at_stated_rate(
            f"alarms within {years:g} years while the edge lived",
            share(lambda c: c.alarm),
            false_alarms,
        ),
    )
    return WatchCalibration(
        design,
        len(pages),
        len(claims),
        _quantile([float(c.trades) for c in claims], 0.5),
        _quantile([c.detectable_bps for c in claims], 0.5),
        promises,
        *(
            Delay(_quantile(values, 0.5), _quantile(values, POWER))
            for values in (
                [c.years for c in claims],
                [c.years_twice for c in claims],
                [c.years_gone for c in claims],
            )
        ),
    )


#: a year and the time that its last block takes to end
_A_YEAR = 1.0 + 12.0 / 365.25


def _quantile(values: Sequence[float], share: float) -> float:
    known = np.sort(np.asarray(values, np.float64))
    if not len(known):
        return math.nan
    return float(known[min(len(known) - 1, math.ceil(share * len(known)) - 1)])
