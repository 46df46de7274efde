"""Phases that the lab can make: lean, and how often and for how long by default."""

from __future__ import annotations

from typing import NamedTuple

from fadefollow.market.lab.settings import Plant


class Phase(NamedTuple):
    """One phase of docs/phases.md as the lab makes it."""

    lean: int  #: +1 long, −1 short
    usual: Plant  #: its default rate and horizon, worth nothing


def _phase(lean: int, per_year: float, horizon_hours: float) -> Phase:
    return Phase(lean, Plant(per_year=per_year, horizon_hours=horizon_hours))


PHASES: dict[str, Phase] = {
    "crowded_long": _phase(+1, 10, 72),
    "crowded_short": _phase(-1, 9, 72),
    "short_door": _phase(-1, 8, 24),
    "long_door": _phase(+1, 8, 24),
    "spot_led_up": _phase(+1, 6, 24),
    "spot_led_down": _phase(-1, 6, 24),
    "spot_buying": _phase(+1, 6, 24),
    "spot_selling": _phase(-1, 6, 24),
    "rich_carry": _phase(+1, 4, 168),
    "carry_attack": _phase(+1, 5, 72),
    "backwardation": _phase(-1, 4, 168),
    "inflow_streak": _phase(-1, 6, 72),
    "outflow_streak": _phase(+1, 6, 72),
    "accumulation": _phase(+1, 1.4, 48),
    "ignition": _phase(-1, 1.8, 24),
    "squeeze": _phase(-1, 2, 24),
    "handover": _phase(+1, 2, 24),
    "distribution": _phase(-1, 2, 24),
    "dump": _phase(-1, 1, 24),
    "fuel_above": _phase(-1, 2.5, 48),
    "fuel_below": _phase(+1, 2.5, 48),
    "short_flush": _phase(-1, 3.5, 24),
    "long_flush": _phase(+1, 3.5, 24),
    "short_gamma_up": _phase(+1, 4, 72),
    "short_gamma_down": _phase(-1, 4, 72),
    "selloff_watch": _phase(+1, 2, 96),
}

#: every phase that the lab can plant → its lean
LEANS: dict[str, int] = {name: phase.lean for name, phase in PHASES.items()}
