"""Settings of the lab: the `[lab]` table of a data set, checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from fadefollow.errors import FadeFollowError, ParameterError, unknown
from fadefollow.market.lab.universe.settings import UniverseSettings
from fadefollow.market.names import CoinName

#: keys of [lab] that a universe reads
_OF_A_UNIVERSE = frozenset(
    {"seed", "start", "years", "coins", "annual_drift", "quiet_days", "plants", "universe"}
)


class Plant(BaseModel):
    """How often a phase happens and what it is worth; what is not given is the phase's default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: mean perp return, net of funding and beyond the market's drift, in the direction of the
    #: phase's lean over `horizon_hours` from the phase's start; negative: fading it pays
    drift_bps: float = Field(0.0, ge=-2000.0, le=2000.0)
    #: how long the planted drift acts
    horizon_hours: float = Field(72.0, ge=1.0, le=720.0)
    #: episodes a coin and year (after the quiet days)
    per_year: float = Field(12.0, ge=0.0, le=60.0)


class LabSettings(BaseModel):
    """Everything a simulated market is made from; the same settings give the same market."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: of everything that is random
    seed: int = Field(1, ge=0)
    #: first day, from 00:00 UTC
    start: dt.date = dt.date(2021, 1, 1)
    #: how long
    years: float = Field(2.0, ge=0.02, le=20.0)
    #: names of the coins, or how many
    coins: tuple[CoinName, ...] | int = 2
    #: fraction a year by which the perp grows after funding
    annual_drift: float = Field(0.15, ge=-0.9, le=5.0)
    #: standard deviation of a typical coin's returns, fraction a year
    annual_volatility: float = Field(0.75, ge=0.05, le=3.0)
    #: coins' volatilities lie within exp(± this) of `annual_volatility`
    volatility_spread: float = Field(0.2, ge=0.0, le=1.0)
    #: of two coins' returns, through the market factor
    correlation: float = Field(0.6, ge=0.0, lt=1.0)
    #: bursts of variance a year, of the market and again of each coin
    jumps_per_year: float = Field(40.0, ge=0.0, le=1000.0)
    #: days at the start in which no episode happens, for the detectors' windows to fill
    quiet_days: float = Field(30.0, ge=0.0, le=730.0)
    #: list each perp on the day of its first pump; its spot has traded since the first day
    listed_with_pump: bool = False
    #: a day's netflow is known this long after the day's end
    netflow_lag_hours: float = Field(12.0, ge=0.0, le=96.0)
    #: the simulation's own step; smaller bars make it smaller
    step_minutes: int = Field(15, ge=1, le=60)
    #: by phase; a phase that is not listed happens at the default rate and is worth nothing
    plants: dict[str, Plant] = Field(default_factory=dict)
    #: families of episodes that happen, by name; all by default, none if empty
    families: tuple[str, ...] | None = None
    #: many coins with perp, spot and funding only, in place of the full market; see
    #: `UniverseSettings`
    universe: UniverseSettings | None = None

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """The checked settings.

        Raises:
            ParameterError: a value out of its bounds, of the wrong kind, or that does not fit.
            UnknownNameError: a key that does not exist.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            raise _plain(error) from None

    @field_validator("start", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return dt.date.fromisoformat(value) if isinstance(value, str) else value

    @field_validator("coins", mode="after")
    @classmethod
    def _some_and_distinct(cls, value: tuple[str, ...] | int) -> tuple[str, ...] | int:
        count = value if isinstance(value, int) else len(value)
        if not 1 <= count <= 1000:
            raise ValueError("there must be 1 to 1000 coins")
        if not isinstance(value, int) and len(set(value)) < count:
            raise ValueError("coins must differ")
        return value

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        extra = sorted(self.model_fields_set - _OF_A_UNIVERSE)
        if self.universe is not None and extra:
            raise ValueError(f"a universe takes no {', '.join(extra)} in [lab]")
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        """The coins' names; a mere count gives C01, C02, …, in a universe BTC, ETH, C003, …"""
        if isinstance(self.coins, int) and self.universe is not None:
            return ("BTC", "ETH", *(f"C{i:03d}" for i in range(3, self.coins + 1)))[: self.coins]
        if isinstance(self.coins, int):
            return tuple(f"C{i + 1:02d}" for i in range(self.coins))
        return self.coins

    def plant(self, phase: str, usual: Plant) -> Plant:
        """What is planted in `phase`: what the settings give, and for the rest `usual`."""
        given = self.plants.get(phase)
        return usual.model_copy(update=given.model_dump(exclude_unset=True)) if given else usual


def _plain(error: ValidationError) -> FadeFollowError:
    """pydantic's first complaint in the project's words."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    where = ".".join(["[lab]", *path])
    if first["type"] == "extra_forbidden":
        tables: dict[str, type[BaseModel]] = {"plants": Plant, "universe": UniverseSettings}
        model = tables.get(path[0], LabSettings) if len(path) > 1 else LabSettings
        return unknown("key", path[-1], model.model_fields, where=".".join(["[lab]", *path[:-1]]))
    message = first["msg"].removeprefix("Value error, ")
    got = None if isinstance(first["input"], Mapping | LabSettings) else repr(first["input"])
    return ParameterError(message[:1].lower() + message[1:], got=got, where=where)
