"""One definition of costs for tuning, backtest and report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fadefollow.engine.model import Costs
from fadefollow.spec import build

#: coins whose books are deep enough for the smaller slippage and maintenance rate
MAJORS = ("BTC", "ETH")


class CoinCosts(BaseModel):
    """What may be set per venue, per coin or per strategy; None keeps the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: at each end; else 5
    taker_fee_bps: float | None = Field(None, ge=0, le=1000)
    #: of each fill; else 2 for BTC and ETH, 5 for other coins
    slippage_bps: float | None = Field(None, ge=0, le=1000)
    #: margin at which the exchange liquidates; else 0.005 for BTC and ETH, 0.02 for other coins
    maintenance_rate: float | None = Field(None, ge=0, lt=0.5)
    borrow_rate: float | None = Field(None, ge=0, le=10)  #: of spot, a year


class CostSettings(CoinCosts):
    """A `[costs]` table: settings for all coins, and `[costs.coins.BTC]` for single ones."""

    coins: dict[str, CoinCosts] = {}  #: of single coins


def costs_of(symbol: str, *layers: CostSettings) -> Costs:
    """Costs of trading one coin.

    Defaults (DESIGN.md, section 4): taker fee 5 bps; slippage 2 bps for BTC and ETH, 5 bps for
    other coins; maintenance rate 0.5 % and 2 %; no borrow rate, so that spot is not sold short.

    Args:
        symbol: the coin.
        layers: settings that override the defaults, the later ones the earlier; within one,
            those of the coin those for all.
    """
    major = symbol in MAJORS
    found: dict[str, float] = {
        "taker_fee_bps": 5.0,
        "slippage_bps": 2.0 if major else 5.0,
        "maintenance_rate": 0.005 if major else 0.02,
    }
    for layer in layers:
        for settings in (layer, layer.coins.get(symbol)):
            if settings is not None:
                set_ = settings.model_dump(exclude={"coins"}, exclude_none=True)
                found.update(set_)
    return Costs(
        fee=found["taker_fee_bps"] / 1e4,
        slippage=found["slippage_bps"] / 1e4,
        maintenance=found["maintenance_rate"],
        borrow=found.get("borrow_rate"),
    )


def cost_settings(data: Mapping[str, Any], *, where: str) -> CostSettings:
    """A `[costs]` table as read from TOML."""
    return build(CostSettings, dict(data), where=where)
