"""How a run is judged: levels, draws, the smallest edge worth trading."""

from __future__ import annotations

from dataclasses import dataclass

from fadefollow.errors import ParameterError

#: fewer independent blocks than this decide nothing: what calibration supports
MIN_BLOCKS = 20.0


#: the smallest edge that a user would trade for, bps
SMALLEST_BPS = 20.0


@dataclass(frozen=True)
class JudgeSettings:
    """How a run is judged."""

    alpha: float = 0.05
    smallest_bps: float = SMALLEST_BPS
    placebo_draws: int = 1000
    bootstrap_draws: int = 2000
    seed: int = 0
    min_blocks: float = MIN_BLOCKS

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise ParameterError("alpha must be between 0 and 1", got=self.alpha)
        for name in ("placebo_draws", "bootstrap_draws"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} must be at least 1", got=getattr(self, name))
