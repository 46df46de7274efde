"""Design: which markets the tuner is calibrated on, and how it searches them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fadefollow.phases import Stance
from fadefollow.tuning.model import TuneSettings
from fadefollow.verdict.calibration.design import Arm, Design
from fadefollow.verdict.run.measure import Settings
from fadefollow.verdict.run.prepare import Bet

#: what is tuned where nothing else is asked for
TUNED_STRATEGY = "fade_crowded_funding"


@dataclass(frozen=True)
class TunerDesign(Design):
    """Everything that the markets are made, tuned and judged with.

    Unlike the markets that the verdict is calibrated on, these have no drift: whatever is traded
    costs its fees and slippage, and any claim that something else pays is false. Each effect is
    planted both ways: so that fading pays, with the book of fade maximised, and so that following
    does, with the book of follow. Phases are equally frequent with nothing planted.
    """

    markets: int = 100
    planted_markets: int = 20
    effects_bps: tuple[float, ...] = (150.0, 300.0)
    lengths: tuple[float, ...] = (1.0,)
    years: float = 3.0
    annual_drift: float = 0.0
    families: tuple[str, ...] = ("crowd",)
    draws: int = 300
    seed: int = 2_000_000
    trials: int = 40  #: per search
    folds: int = 4

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Nothing planted first, then each effect both ways; below zero following pays."""
        still, *planted = super().arms
        both = (Arm(sign * arm.effect_bps, arm.years) for arm in planted for sign in (1, -1))
        return still, *both

    def lab(self, arm: Arm, seed: int, phases: tuple[str, ...]) -> dict[str, Any]:
        """Settings of the lab for one market; see `Design.lab`."""
        made = super().lab(arm, seed, phases)
        usual = {"drift_bps": 0.0, "horizon_hours": 72.0, "per_year": self.per_year}
        plants = dict.fromkeys(phases, usual) | made["plants"]
        return made | {"coins": self.coins, "plants": plants}

    def tuning(self, arm: Arm, seed: int) -> TuneSettings:
        """How a market is searched; the tuner is told no more than whose book to maximise."""
        small = seed % 2**32  # larger ones are refused by scikit-learn's forests
        return TuneSettings(stance_of(arm), trials=self.trials, folds=self.folds, seed=small)

    def judging(self, seed: int) -> Settings:
        """How what came out of sample is judged."""
        return Settings(
            alpha=self.alpha, placebo_draws=self.draws, bootstrap_draws=2 * self.draws, seed=seed
        )

    def key(self, bets: tuple[Bet, ...]) -> str:
        """Names everything that a tuned market depends on but its arm and seed."""
        found = hashlib.sha256(super().key(bets).encode())
        for path in sorted(Path(__file__).resolve().parents[1].glob("*.py")):
            found.update(path.read_bytes())
        for name in ("design", "market"):
            found.update(Path(__file__).with_name(f"{name}.py").read_bytes())
        return found.hexdigest()[:16]


def stance_of(arm: Arm) -> Stance:
    """Whose book is maximised in the markets of an arm."""
    return "follow" if arm.effect_bps < 0.0 else "fade"
