"""Which markets claims are watched on, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from fadefollow.verdict.calibration.design import Arm, ArmKind, UniverseDesign
from fadefollow.verdict.sequential.cusum import FALSE_ALARMS


@dataclass(frozen=True)
class WatchDesign(UniverseDesign):
    """Universes with listings, deaths and pumps, or real prices with events at random times.

    Each market has some years of history, from which a claim's past comes, and then some years in
    which it is looked at every day.
    """

    markets: int = 100
    planted_markets: int = 0
    coins: int = 30
    years: float = 4.0  #: of each market, history and watching together
    watched_years: float = 2.0
    false_alarms: float = FALSE_ALARMS  #: of the CUSUM, a year
    dataset: str = ""  #: real prices; empty: universes of the lab

    @property
    def about(self) -> str:
        """What kind of markets they are."""
        return self.dataset or "universes of the lab"

    @property
    def arms(self) -> tuple[Arm, ...]:
        """One: nothing planted, or real events at random times."""
        kind: ArmKind = "times" if self.dataset else "null"
        return (Arm(0.0, self.years, self.coins, kind),)
