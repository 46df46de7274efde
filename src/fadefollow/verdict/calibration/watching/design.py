"""Which markets claims are watched on, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from fadefollow.verdict.calibration.design import Arm, ArmKind, UniverseDesign
from fadefollow.verdict.sequential.cusum import FALSE_ALARMS


@dataclass(frozen=True)
class WatchDesign(UniverseDesign):
    """Universes with listings, deaths and pumps, or real prices with real events elsewhere.

    Each market has some years of history, from which a claim's past comes, and then some years in
    which it is looked at every day. Of m markets without a wrong word the interval ends at
    1 − 0.025^(1/m), so that 72 would show 5 %; alarms, which are not as rare, take more. Seeds are
    others than those on which anything was chosen.
    """

    markets: int = 200
    planted_markets: int = 200  #: of universes into which the edges are planted
    coins: int = 30
    years: float = 4.0  #: of each market, history and watching together
    watched_years: float = 2.0
    false_alarms: float = FALSE_ALARMS  #: of the CUSUM, a year
    dataset: str = ""  #: real prices; empty: universes of the lab
    kinds: tuple[ArmKind, ...] = ("null", "planted")
    seed: int = 8_000_000

    @property
    def about(self) -> str:
        """What kind of markets they are."""
        return self.dataset or "universes of the lab"

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Nothing planted, edges planted; or real events at random times, on other coins."""
        every = [Arm(0.0, self.years, self.coins, kind) for kind in self.kinds]
        return tuple(arm for arm in every if len(self.seeds(arm)))

    def seeds(self, arm: Arm) -> range:
        """The seeds, one per market; more markets keep the earlier seeds."""
        first = super().seeds(arm).start
        return range(
            first, first + (self.planted_markets if arm.kind == "planted" else self.markets)
        )
