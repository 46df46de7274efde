"""Settings of a universe: the `[lab.universe]` table of a data set, checked."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
#: common share of a coin's variance
CommonShare = Annotated[float, Field(ge=0.0, lt=1.0)]


class UniverseSettings(BaseModel):
    """What a universe has beyond the seed, the span and the number of coins."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: coins are listed at any time (`spread`) or all on the first day (`start`)
    listings: Literal["spread", "start"] = "spread"
    #: share of the coins that are delisted before the end
    deaths: Share = 0.2
    #: lowest and highest share of a coin's variance that comes from the market and the altcoin
    #: factor; two altcoins correlate by the geometric mean of theirs
    correlation: tuple[CommonShare, CommonShare] = (0.3, 0.8)
    #: standard deviation of the median altcoin's returns, fraction a year
    annual_volatility: float = Field(1.35, ge=0.05, le=3.0)
    #: standard deviation of the log of the altcoins' volatilities
    volatility_spread: float = Field(0.28, ge=0.0, le=1.0)
    #: times a coin and year at which the crowd pays extreme funding, long and short together
    events_a_year: float = Field(20.0, ge=0.0, le=60.0)
    #: mean perp return after funding, beyond the market's drift, in the direction of an event's
    #: lean over `hold_hours` from its start; negative: fading it pays
    planted_bps: float = Field(0.0, ge=-2000.0, le=2000.0)
    #: how long the planted drift acts
    hold_hours: float = Field(72.0, ge=8.0, le=720.0)
    #: standard deviation of the events' rate, common to all coins, relative to its mean; the rate
    #: wanders over seasons of weeks and stirs of a day
    clustering: float = Field(2.5, ge=0.0, le=4.0)
    #: how far a usual move over three days tips an event's side towards itself, log odds
    chase: float = Field(1.5, ge=0.0, le=5.0)
    #: attempts at a pump an altcoin and year
    pumps_a_year: float = Field(1.0, ge=0.0, le=12.0)
    #: share of the coins listed after the first day whose perp is listed into such an attempt
    listing_pumps: Share = 0.2

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.correlation[0] > self.correlation[1]:
            raise ValueError("correlation must be the lowest and the highest, in this order")
        return self
