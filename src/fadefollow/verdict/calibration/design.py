"""Design: which markets a calibration makes, and with which settings they are judged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fadefollow.errors import ParameterError
from fadefollow.market.lab.episodes import FAMILIES
from fadefollow.market.lab.phases import LEANS
from fadefollow.verdict.measure import Bet

#: numbers of seeds between two arms, so that no two share a market
ARM_SEEDS = 100_000
#: what is calibrated where nothing else is asked for; drifts are planted in the first's phases
STRATEGIES = ("fade_crowded_funding", "fade_doors")
#: packages whose code decides what a market's verdicts are
_CODE = ("engine", "market", "phases", "verdict")


@dataclass(frozen=True)
class Arm:
    """Markets of one kind: with nothing planted, or with one drift in the planted phases."""

    effect_bps: float = 0.0  #: by which fading pays over the horizon; 0: nothing is planted
    years: float = 2.0  #: length of each market: the longer, the more events

    @property
    def name(self) -> str:
        """The name that reports show."""
        planted = f"{self.effect_bps:g} bps" if self.effect_bps else "nothing"
        return f"{planted} planted, {self.years:g} years"


@dataclass(frozen=True)
class Design:
    """Everything that the markets of a calibration are made and judged with.

    The drift is that of a bull market (0.8 a year is +48 bps in 72 h; BTC, ETH and SOL had +35,
    +51 and +105 from 2020 to 2026), so that longs earn without any edge.
    """

    markets: int = 300  #: with nothing planted
    planted_markets: int = 50  #: in each other arm
    effects_bps: tuple[float, ...] = (75.0, 150.0, 225.0, 325.0)  #: over 72 h
    lengths: tuple[float, ...] = (1.0, 2.0)  #: of planted markets, in `years`
    per_year: float = 24.0  #: episodes of each planted phase, a coin and year
    coins: int = 3
    years: float = 2.0
    bar: str = "1h"
    annual_drift: float = 0.8
    annual_volatility: float = 0.6
    correlation: float = 0.6  #: of two coins' returns
    quiet_days: float = 90.0
    step_minutes: int = 60
    families: tuple[str, ...] = ("crowd", "doors")
    draws: int = 300  #: placebo shifts; the bootstrap has twice as many replicates
    alpha: float = 0.05
    seed: int = 1_000_000  #: of the first market; defaults were chosen on small seeds

    def __post_init__(self) -> None:
        if self.markets < 0 or self.planted_markets < 0 or not self.markets + self.planted_markets:
            got = f"{self.markets} and {self.planted_markets}"
            raise ParameterError("no market to calibrate on", got=got)
        if max(self.markets, self.planted_markets) > ARM_SEEDS:
            raise ParameterError(f"an arm has at most {ARM_SEEDS} markets", got=self.markets)
        if any(effect <= 0.0 for effect in self.effects_bps):
            raise ParameterError("effects must be positive", got=self.effects_bps)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Nothing planted first, then by length and effect."""
        still = Arm(years=self.years)
        planted = (Arm(e, k * self.years) for k in self.lengths for e in self.effects_bps)
        return (still, *planted) if self.planted_markets else (still,)

    def seeds(self, arm: Arm) -> range:
        """The seeds, one per market; more markets keep the earlier seeds."""
        # whatever else is in the design, an arm keeps its seeds
        text = f"{arm.effect_bps:g}/{arm.years:g}".encode()
        place = int.from_bytes(hashlib.sha256(text).digest()[:2], "big") if arm.effect_bps else 0
        first = self.seed + ARM_SEEDS * place
        return range(first, first + (self.planted_markets if arm.effect_bps else self.markets))

    def lab(self, arm: Arm, seed: int, phases: tuple[str, ...]) -> dict[str, Any]:
        """Settings of the lab for one market.

        Args:
            arm: its kind.
            seed: its number.
            phases: those into which the arm plants.
        """
        names = (
            "coins",
            "annual_drift",
            "annual_volatility",
            "correlation",
            "quiet_days",
            "step_minutes",
            "families",
        )
        plants = {
            phase: {
                "drift_bps": -arm.effect_bps,
                "horizon_hours": 72.0,
                "per_year": self.per_year,
            }
            for phase in phases
            if arm.effect_bps
        }
        same = {name: getattr(self, name) for name in names}
        return same | {"seed": seed, "years": arm.years, "plants": plants}

    def key(self, bets: tuple[Bet, ...]) -> str:
        """A hash of everything that a market's verdicts depend on, except arm and seed.

        Settings, strategies, parameters of signals, and the code itself: markets that were judged
        otherwise are not counted together.
        """
        loose = ("markets", "planted_markets", "effects_bps", "lengths", "years", "seed")
        said = {k: v for k, v in asdict(self).items() if k not in loose}
        said["bets"] = [(s.model_dump(mode="json"), d.model_dump(mode="json")) for s, d in bets]
        said["code"] = _code_hash()
        text = json.dumps(said, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def families_of(bets: tuple[Bet, ...]) -> tuple[str, ...]:
    """Families of episodes that make the strategies' phases."""
    wanted = {phase for strategy, _ in bets for phase in strategy.phases}
    return tuple(name for name, family in FAMILIES.items() if wanted & set(family.phases))


def planted_phases(bets: tuple[Bet, ...]) -> tuple[str, ...]:
    """The phases into which a calibration plants: those of its first strategy.

    Raises:
        ParameterError: the lab cannot make them.
    """
    first = bets[0][0]
    lost = [phase for phase in first.phases if phase not in LEANS]
    if lost:
        raise ParameterError(
            "the lab cannot make the phases of the first strategy",
            got=", ".join(lost),
            where=first.name,
        )
    return tuple(first.phases)


def _code_hash() -> str:
    root = Path(__file__).resolve().parents[2]
    paths = [p for part in _CODE for p in sorted((root / part).rglob("*.py"))]
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()
