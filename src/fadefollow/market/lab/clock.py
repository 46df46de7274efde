"""Time in the lab: steps, bars, settlements, the weekly rhythm, and named random streams."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.cache.compiled import kernel
from fadefollow.errors import ParameterError
from fadefollow.market.lab.settings import LabSettings

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

HOURS_PER_YEAR = 365.25 * 24.0
SETTLEMENT_HOURS = 8
_DAY = pd.Timedelta(days=1)

#: mean |hourly return| by UTC hour relative to the day's mean, BTC, ETH and SOL perps 2020–2026
_HOUR_OF_DAY = (
    1.17,
    1.08,
    0.94,
    0.87,
    0.79,
    0.83,
    0.84,
    0.88,
    0.96,
    0.88,
    0.89,
    0.88,
    1.02,
    1.15,
    1.33,
    1.26,
    1.15,
    1.08,
    1.01,
    1.01,
    1.04,
    0.99,
    0.97,
    0.96,
)
#: volatility of Saturdays and Sundays relative to the other days'
_WEEKEND = 0.75


@dataclass(frozen=True)
class Clock:
    """The grid of steps of one simulation.

    Attributes:
        start: open time of the first step and bar, 00:00 UTC.
        minutes: length of a step.
        per_bar: steps in a bar.
        bars: number of bars.
    """

    start: pd.Timestamp
    minutes: int
    per_bar: int
    bars: int

    @classmethod
    def of(cls, settings: LabSettings, bar: pd.Timedelta) -> Clock:
        """The clock for bars of `bar`, which must divide a day and agree with settlements."""
        minutes = bar / pd.Timedelta(minutes=1)
        if minutes < 1 or minutes % 1 or _DAY % bar or max(480, minutes) % min(480, minutes):
            raise ParameterError(
                "a lab bar must be whole minutes and divide 8 hours, or be 8 or 24 hours",
                got=str(bar),
                where="bar",
            )
        step = math.gcd(int(minutes), settings.step_minutes)
        days = round(settings.years * 365.25)
        start = pd.Timestamp(settings.start, tz="UTC")
        return cls(start, step, int(minutes) // step, days * int(_DAY / bar))

    def __len__(self) -> int:
        return self.bars * self.per_bar

    @property
    def hours(self) -> float:
        """Length of a step in hours."""
        return self.minutes / 60.0

    @property
    def years(self) -> float:
        """Length of the simulation in years."""
        return len(self) * self.hours / HOURS_PER_YEAR

    @property
    def end(self) -> pd.Timestamp:
        """Close time of the last bar."""
        return self.time(len(self))

    @property
    def per_day(self) -> int:
        """Steps in a day."""
        return 24 * 60 // self.minutes

    @property
    def per_settlement(self) -> int:
        """Steps between two settlements."""
        return SETTLEMENT_HOURS * 60 // self.minutes

    def steps(self, hours: float) -> int:
        """The steps nearest to `hours`, at least one."""
        return max(round(hours / self.hours), 1)

    def time(self, step: int) -> pd.Timestamp:
        """Open time of a step."""
        return self.start + pd.Timedelta(minutes=self.minutes * int(step))

    @cached_property
    def opens(self) -> pd.DatetimeIndex:
        """Open times of the bars, UTC, shape (bars,)."""
        span = np.timedelta64(self.minutes * self.per_bar, "m")
        origin = np.datetime64(self.start.tz_convert(None), "ns")
        return pd.DatetimeIndex(origin + span * np.arange(self.bars), tz="UTC")

    @cached_property
    def settles(self) -> BoolArray:
        """Steps at whose end funding is settled (00:00, 08:00, 16:00 UTC), shape (n,)."""
        return np.asarray(np.arange(1, len(self) + 1) % self.per_settlement == 0)

    @cached_property
    def rhythm(self) -> FloatArray:
        """Volatility multiplier of hour and weekday with a mean square of about 1, shape (n,)."""
        minute = np.arange(len(self)) * self.minutes
        hour = (minute // 60) % 24
        weekday = (minute // 1440 + self.start.weekday()) % 7
        shape = np.asarray(_HOUR_OF_DAY)[hour] * np.where(weekday >= 5, _WEEKEND, 1.0)
        level = np.mean(np.square(_HOUR_OF_DAY)) * (5.0 + 2.0 * _WEEKEND**2) / 7.0
        return np.asarray(shape / np.sqrt(level))


def stream(seed: int, *names: str) -> np.random.Generator:
    """A generator for one purpose, e.g. `stream(1, "LARK", "premium")`.

    Each name is a spawn key of the seed's SeedSequence, so a stream neither depends on how many
    other coins and families there are nor on the order in which they are drawn.
    """
    key = tuple(zlib.crc32(name.encode()) for name in names)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


@kernel
def decayed(noise: FloatArray, keep: float) -> FloatArray:
    """y_k = keep · y_{k−1} + noise_k, shape as `noise`, to the last bit as scipy's `lfilter`.

    Its package takes a second to import, which every run on the lab would wait for.
    """
    out = np.empty_like(noise)
    last = 0.0
    for k in range(len(noise)):
        last = noise[k] + keep * last
        out[k] = last
    return out


def wander(
    rng: np.random.Generator, count: int, *, hours: float, half_life: float, scale: float
) -> FloatArray:
    """A stationary Ornstein–Uhlenbeck path, shape (count,), started from its own distribution.

    Args:
        hours: length of a step.
        half_life: hours after which half of a deviation is gone.
        scale: its standard deviation.
    """
    keep = 0.5 ** (hours / half_life)
    noise = rng.standard_normal(count) * scale
    first = noise[:1].copy()
    noise *= math.sqrt(1.0 - keep * keep)
    noise[:1] = first
    path: FloatArray = decayed(noise, keep)
    return path
