"""Forces: what episodes may do to the market, and the truth labels that come with it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fadefollow.market.lab.clock import Clock, FloatArray
from fadefollow.market.lab.settings import Plant

#: forces that multiply and rest at 1; the others add and rest at 0
_FACTORS = ("volatility", "future_volume", "hash_rate")


@dataclass(frozen=True)
class Forces:
    """Outside forces on one coin, by step, each of shape (n,), at rest by default.

    None but `drift` moves the perp's expected return, and `drift` is written by `plant` alone.
    A force in step i may depend on returns of steps before i, never on later ones.
    """

    #: perp return per step beyond the market's drift, fraction
    drift: FloatArray
    #: multiplier of volatility, above 0
    volatility: FloatArray
    #: coins that leveraged longs (shorts) open, per hour, in units of the crowd's usual side;
    #: negative: they leave
    long_inflow: FloatArray
    short_inflow: FloatArray
    #: coins of longs (shorts) that are force-closed beside those that price itself liquidates,
    #: per hour, in the same units
    long_forced: FloatArray
    short_forced: FloatArray
    #: buying of spot (or selling of the perp), in bps by which it would lift the spot premium if
    #: it went on
    spot_pressure: FloatArray
    #: addition to the dated futures' carry, fraction a year
    carry: FloatArray
    #: addition to the coins moved into exchanges, fraction of the reserve a day
    netflow: FloatArray
    #: multiplier of the dated futures' volume
    future_volume: FloatArray
    #: customers' hunger for puts at the money, 0 to 1, which dealers sell them
    put_demand: FloatArray
    #: multiplier of the hash rate
    hash_rate: FloatArray

    @classmethod
    def none(cls, clock: Clock) -> Forces:
        """No forces at all."""
        return cls(**{f.name: np.full(len(clock), float(f.name in _FACTORS)) for f in fields(cls)})


@dataclass(frozen=True)
class Truth:
    """One planted phase.

    Attributes:
        phase: its name (docs/phases.md).
        start: step at whose open the phase is in full force; the planted drift acts from here.
        end: step at whose open it has ended.
        planted_bps: mean perp return net of funding, beyond the market's drift, in the direction
            of the lean, from `start` over `horizon_hours`.
        horizon_hours: how long the drift acts.
    """

    phase: str
    start: int
    end: int
    planted_bps: float
    horizon_hours: float


def plant(
    forces: Forces, clock: Clock, spec: Plant, *, phase: str, lean: int, start: int, end: int
) -> Truth:
    """Label a phase and add its planted drift: the only way to move the perp's expectation.

    The drift is the same g in each of the horizon's h steps, with (1 + g)^h = 1 + lean·planted.
    """
    steps = clock.steps(spec.horizon_hours)
    total = lean * spec.drift_bps / 1e4
    forces.drift[start : start + steps] += (1.0 + total) ** (1.0 / steps) - 1.0
    return Truth(phase, start, end, spec.drift_bps, spec.horizon_hours)
