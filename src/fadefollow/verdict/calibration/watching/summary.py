"""What a calibration of watched claims found, as promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fadefollow.errors import FadeFollowError
from fadefollow.verdict.calibration.design import Arm, ArmKind
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
from fadefollow.verdict.calibration.watching.records import ClaimRecord, Found, WatchPage

#: power with which the detectable edge is found within a year
POWER = 0.8
#: a year and the time that its last block takes to end
_A_YEAR = 1.0 + 12.0 / 365.25
#: what is done to the events or the prices of an arm's markets
_WHAT: dict[ArmKind, str] = {
    "null": "edges added to returns",
    "planted": "edges planted in the market",
    "times": "real events at random times",
    "coins": "real events on other coins",
}


class WatchCalibrationError(FadeFollowError, RuntimeError):
    """A promise of watched claims is broken."""


@dataclass(frozen=True)
class Delay:
    """Years until something came: median and the 80 % that came first; infinite: it did not."""

    median: float
    most: float


@dataclass(frozen=True)
class Delays:
    """How claims fared with one way of giving them an edge.

    Attributes:
        edge_bps: median of the detectable edge.
        edge, twice: until confirmation at that edge, and at twice that.
        gone: until the alarm once twice the edge was gone.
    """

    edge_bps: float
    edge: Delay
    twice: Delay
    gone: Delay

    @classmethod
    def over(cls, found: Sequence[Found]) -> Delays:
        """The delays over some claims."""
        return cls(
            _quantile([one.edge_bps for one in found], 0.5),
            _delay([one.years for one in found]),
            _delay([one.years_twice for one in found]),
            _delay([one.years_gone for one in found]),
        )


@dataclass(frozen=True)
class Living:
    """Coins that came and went while claims were watched.

    Attributes:
        coins, listed, died: of a market, in the mean.
        on_new: share of the claims' trades that was on coins listed since the start.
        cut: trades that a coin's death cut off, over all claims.
    """

    coins: float
    listed: float
    died: float
    on_new: float
    cut: int


@dataclass(frozen=True)
class WatchArm:
    """Counts over the claims of one kind of markets.

    Attributes:
        arm: their kind.
        markets, claims: number of them.
        trades: median of a claim while it was watched.
        living: listings and deaths.
        promises: what is promised, and what was measured.
        added: with edges added to returns.
        planted: with the same edges planted in the market; None where nothing is.
    """

    arm: Arm
    markets: int
    claims: int
    trades: float
    living: Living
    promises: tuple[Promise, ...]
    added: Delays
    planted: Delays | None

    @property
    def what(self) -> str:
        """What is done to events or prices."""
        return _WHAT[self.arm.kind]


@dataclass(frozen=True)
class WatchCalibration:
    """Counts of all kinds of markets.

    Attributes:
        design: of the calibration.
        arms: one for each kind.
        seconds: of CPU that all markets took.
    """

    design: WatchDesign
    arms: tuple[WatchArm, ...]
    seconds: float

    @property
    def promises(self) -> tuple[Promise, ...]:
        """Those of all kinds of markets."""
        return tuple(promise for arm in self.arms for promise in arm.promises)

    @property
    def headline(self) -> str:
        """One line."""
        return headline(self.promises, who=f"Watching ({self.design.about})")

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what did not come is None."""
        return {
            "about": self.design.about,
            "design": plain(asdict(self.design)),
            "headline": self.headline,
            "seconds": self.seconds,
            "arms": [
                plain({k: v for k, v in asdict(arm).items() if k != "promises"})
                | {"what": arm.what, "promises": [one.to_dict() for one in arm.promises]}
                for arm in self.arms
            ],
        }

    def raise_failures(self) -> None:
        """Raise WatchCalibrationError where a promise is broken."""
        broken = failures(self.promises)
        if broken:
            raise WatchCalibrationError(
                "a promise of watched claims is broken", got="; ".join(broken)
            )


def summarise_watching(design: WatchDesign, pages: Sequence[WatchPage]) -> WatchCalibration:
    """The counts; claims of one market depend on each other, markets do not."""
    arms = tuple(
        _arm(design, arm, [page for page in pages if page.arm == arm])
        for arm in dict.fromkeys(page.arm for page in pages)
    )
    return WatchCalibration(design, arms, sum(page.seconds for page in pages))


def _arm(design: WatchDesign, arm: Arm, pages: Sequence[WatchPage]) -> WatchArm:
    claims = [claim for page in pages for claim in page.claims]
    planted = [claim.planted for claim in claims if claim.planted is not None]
    return WatchArm(
        arm,
        len(pages),
        len(claims),
        _quantile([float(c.trades) for c in claims], 0.5),
        _living(pages, claims),
        _promises(design, arm, pages),
        Delays.over([claim.added for claim in claims]),
        Delays.over(planted) if planted else None,
    )


def _promises(design: WatchDesign, arm: Arm, pages: Sequence[WatchPage]) -> tuple[Promise, ...]:
    def share(hit: Callable[[ClaimRecord], bool]) -> Share:
        return Share.clustered([[hit(claim) for claim in page.claims] for page in pages])

    def share_found(hit: Callable[[Found], bool]) -> Share:
        """Of the claims that some edge can be detected of."""
        found = [[c.added if c.planted is None else c.planted for c in p.claims] for p in pages]
        return Share.clustered(
            [[hit(one) for one in some if math.isfinite(one.edge_bps)] for some in found]
        )

    words = (
        at_most(
            "claims without an edge that were ever confirmed",
            share(lambda c: c.confirmed),
            design.alpha,
        ),
        at_most(
            f"claims with an edge of {design.smallest_bps:g} bps that were ever refuted",
            share(lambda c: c.refuted),
            design.alpha,
        ),
    )
    edges = (
        at_most(
            "claims as they were traded with a wrong word",
            share(lambda c: c.false_word),
            design.alpha,
        ),
        at_least(
            "claims with the detectable edge confirmed within about a year",
            share_found(lambda one: one.years <= _A_YEAR),
            POWER,
        ),
        at_stated_rate(
            f"alarms within {design.watched_years:g} years while the edge lived",
            share_found(lambda one: one.alarm),
            1.0 - math.exp(-design.false_alarms * design.watched_years),
        ),
    )
    # without a plant these claims are the other arm's
    return edges if arm.kind == "planted" else (*words, *edges)


def _living(pages: Sequence[WatchPage], claims: Sequence[ClaimRecord]) -> Living:
    lives = [(page.lives.coins, page.lives.listed, page.lives.died) for page in pages]
    coins, listed, died = np.mean(lives, axis=0).tolist()
    trades = sum(claim.trades for claim in claims)
    on_new = sum(claim.on_new for claim in claims) / trades if trades else math.nan
    return Living(coins, listed, died, on_new, sum(claim.cut for claim in claims))


def _delay(years: Sequence[float]) -> Delay:
    return Delay(_quantile(years, 0.5), _quantile(years, POWER))


def _quantile(values: Sequence[float], share: float) -> float:
    known = np.sort(np.asarray(values, np.float64))
    if not len(known):
        return math.nan
    return float(known[min(len(known) - 1, math.ceil(share * len(known)) - 1)])
