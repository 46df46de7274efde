"""Design: which markets a calibration makes, and with which settings they are judged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fadefollow.errors import ParameterError
from fadefollow.market.lab.episodes import FAMILIES
from fadefollow.market.lab.phases import LEANS
from fadefollow.verdict.run.prepare import Bet

#: numbers of seeds between two arms, so that no two share a market
ARM_SEEDS = 100_000
#: what is calibrated where nothing else is asked for; drifts are planted in the first's phases
STRATEGIES = ("fade_crowded_funding", "fade_doors")
#: packages whose code decides what a market's verdicts are
_CODE = ("engine", "market", "phases", "verdict")

#: null: nothing planted; costs: a drift that just pays the costs; planted: a drift to be found;
#: goal: the drift that must be found; times, coins: real events at other times, on other coins
ArmKind = Literal["null", "costs", "planted", "goal", "times", "coins"]


@dataclass(frozen=True)
class Arm:
    """Markets of one kind."""

    effect_bps: float = 0.0  #: by which fading pays over the horizon; 0: nothing is planted
    years: float = 2.0  #: length of each market: the longer, the more events
    coins: int = 3
    kind: ArmKind = "null"
    whole: bool = False  #: of a universe: every coin lives from the first to the last day

    @property
    def name(self) -> str:
        """The name that reports show."""
        planted = f"{self.effect_bps:g} bps" if self.effect_bps else "nothing"
        said = {
            "costs": f"drifts of {planted}, which pay the costs",
            "times": "real events at random times",
            "coins": "real events on other coins",
        }.get(self.kind, f"{planted} planted")
        return f"{said}, {self.coins} coins, {self.years:g} years"

    @property
    def known_to_know_nothing(self) -> bool:
        """Whether no phase is worth anything, so that a stance that pays is a false one."""
        return not self.effect_bps


@dataclass(frozen=True)
class Design:
    """Everything that the markets of a calibration are made and judged with.

    The drift is that of a bull market (0.8 a year is +48 bps in 72 h; BTC, ETH and SOL had +35,
    +51 and +105 from 2020 to 2026), so that longs earn without any edge. The first coin is BTC,
    which hedges the others.
    """

    markets: int = 200  #: in each arm with nothing to find
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
    draws: int = 200  #: placebo draws; the bootstrap has twice as many replicates
    alpha: float = 0.05
    smallest_bps: float = 20.0
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
    def about(self) -> str:
        """What kind of markets they are."""
        return "the lab"

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Nothing planted first, then by length and effect."""
        still = (Arm(years=self.years, coins=self.coins),) if self.markets else ()
        planted = (
            Arm(effect, k * self.years, self.coins, "planted")
            for k in self.lengths
            for effect in self.effects_bps
        )
        return (*still, *planted) if self.planted_markets else still

    def seeds(self, arm: Arm) -> range:
        """The seeds, one per market; more markets keep the earlier seeds."""
        first = self.seed + ARM_SEEDS * _place(arm)
        few = arm.effect_bps and arm.kind != "costs"
        count = self.planted_markets if few else self.markets
        # there are two arms of drifts that pay the costs
        return range(first, first + (-(-count // 2) if arm.kind == "costs" else count))

    def drift(self, arm: Arm) -> float:
        """Fraction a year by which every coin of an arm's markets grows after funding."""
        return 0.0 if arm.kind == "costs" else self.annual_drift

    def bets_of(self, arm: Arm, bets: tuple[Bet, ...]) -> tuple[Bet, ...]:
        """The strategies that an arm judges together: for the goal the first alone."""
        return bets[:1] if arm.kind == "goal" else bets

    def lab(self, arm: Arm, seed: int, phases: tuple[str, ...]) -> dict[str, Any]:
        """Settings of the lab for one market.

        Args:
            arm: its kind.
            seed: its number.
            phases: those into which the arm plants.
        """
        names = (
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
        coins = ("BTC", *(f"C{k:02d}" for k in range(2, arm.coins + 1)))
        return same | {"coins": coins, "seed": seed, "years": arm.years, "plants": plants}

    def key(self, bets: tuple[Bet, ...]) -> str:
        """A hash of everything that a market's verdicts depend on, except arm and seed.

        Settings, strategies, parameters of signals, and the code itself: markets that were judged
        otherwise are not counted together.
        """
        loose = ("markets", "planted_markets", "effects_bps", "lengths", "years", "seed")
        said = {k: v for k, v in asdict(self).items() if k not in loose}
        said["about"] = self.about
        said["bets"] = [(s.model_dump(mode="json"), d.model_dump(mode="json")) for s, d in bets]
        said["code"] = _code_hash()
        text = json.dumps(said, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class UniverseDesign(Design):
    """Universes of 30 and 100 coins that are listed and delisted, pumped and crowded.

    Two altcoins correlate by 0.3 to 0.8. Of drifts that just pay the costs the smaller one pays
    those of a trade outright (20 bps and what a late entry misses), the larger one those of a
    trade and its hedge; the market has no drift of its own there, so that long and short are alike.
    """

    effects_bps: tuple[float, ...] = (100.0,)
    lengths: tuple[float, ...] = (1.0,)
    costs_bps: tuple[float, ...] = (22.0, 44.0)
    goal_bps: float = 88.0  #: of which 40 to 45 are left after late entries and two round trips
    goal_years: float = 4.0
    coins: int = 100
    few_coins: int = 30
    bar: str = "4h"
    annual_drift: float = 0.15
    events_a_year: float = 20.0  #: a coin, long and short together

    @property
    def about(self) -> str:
        """What kind of markets they are."""
        return "universes of the lab"

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Nothing planted, drifts that pay the costs, drifts to be found, the goal."""
        still = [Arm(0.0, self.years, n) for n in (self.few_coins, self.coins)]
        costs = [Arm(bps, self.years, self.few_coins, "costs") for bps in self.costs_bps]
        planted = [Arm(bps, self.years, self.coins, "planted") for bps in self.effects_bps]
        goal = [
            Arm(self.goal_bps, self.goal_years, self.coins, "goal", whole)
            for whole in (True, False)
        ]
        first = [*still, *costs] if self.markets else []
        return tuple([*first, *planted, *goal] if self.planted_markets else first)

    def lab(self, arm: Arm, seed: int, phases: tuple[str, ...]) -> dict[str, Any]:
        """Settings of the lab for one universe.

        Where every coin lives throughout, each of both sides is crowded `events_a_year` times.
        """
        universe: dict[str, Any] = {"events_a_year": self.events_a_year, "hold_hours": 72.0}
        if arm.whole:
            both = 2.0 * self.events_a_year
            universe |= {"events_a_year": both, "listings": "start", "deaths": 0.0}
        return {
            "seed": seed,
            "years": arm.years,
            "coins": arm.coins,
            "annual_drift": self.drift(arm),
            "quiet_days": self.quiet_days,
            "plants": {phase: {"drift_bps": -arm.effect_bps} for phase in phases},
            "universe": universe,
        }


@dataclass(frozen=True)
class RealDesign(Design):
    """Real prices with real events where they were not.

    Each market is a span of `years` and some coins, both drawn at random, of one data set.
    """

    markets: int = 150
    planted_markets: int = 0
    dataset: str = ""
    kinds: tuple[ArmKind, ...] = ("times",)

    @property
    def about(self) -> str:
        """What kind of markets they are."""
        return self.dataset

    @property
    def arms(self) -> tuple[Arm, ...]:
        """At random times, and on other coins where the data set has enough of them."""
        return tuple(Arm(0.0, self.years, self.coins, kind) for kind in self.kinds)


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


def _place(arm: Arm) -> int:
    """Where an arm's seeds begin; whatever else is in the design, an arm keeps its seeds."""
    small = arm.coins == Arm.coins and arm.kind in ("null", "planted")
    if small and not arm.effect_bps:
        return 0
    text = f"{arm.effect_bps:g}/{arm.years:g}"
    text += "" if small else f"/{arm.coins}/{arm.kind}/{arm.whole}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:2], "big")


def _code_hash() -> str:
    root = Path(__file__).resolve().parents[2]
    paths = [p for part in _CODE for p in sorted((root / part).rglob("*.py"))]
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()
