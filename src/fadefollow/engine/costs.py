"""One definition of costs for tuning, backtest and report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from fadefollow.core.toml import build
from fadefollow.engine.model import Costs

if TYPE_CHECKING:
    from fadefollow.market.datasets.dataset import Dataset

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


#: where nothing else is set: of MAJORS, and of other coins
MAJOR = CoinCosts(taker_fee_bps=5.0, slippage_bps=2.0, maintenance_rate=0.005)
OTHER = CoinCosts(taker_fee_bps=5.0, slippage_bps=5.0, maintenance_rate=0.02)


class CostSettings(CoinCosts):
    """A `[costs]` table: settings for all coins, and `[costs.coins.BTC]` for single ones."""

    coins: dict[str, CoinCosts] = {}  #: of single coins


def resolved(symbol: str, *layers: CostSettings) -> CoinCosts:
    """Settings of one coin with every default filled in; only a borrow rate can be missing.

    Defaults (docs/money-rules.md, 1): taker fee 5 bps; slippage 2 bps for BTC and ETH, 5 bps for
    other coins; maintenance rate 0.5 % and 2 %; no borrow rate, so that spot is not sold short.

    Args:
        symbol: the coin.
        layers: settings that override the defaults, the later ones the earlier; within one,
            those of the coin those for all.
    """
    found = _set(MAJOR if symbol in MAJORS else OTHER)
    for layer in layers:
        found |= _set(layer)
        if symbol in layer.coins:
            found |= _set(layer.coins[symbol])
    return CoinCosts(**found)


def costs_of(symbol: str, *layers: CostSettings) -> Costs:
    """Costs of trading one coin, as fractions; arguments are those of `resolved`."""
    found = _set(resolved(symbol, *layers))
    return Costs(
        fee=found["taker_fee_bps"] / 1e4,
        slippage=found["slippage_bps"] / 1e4,
        maintenance=found["maintenance_rate"],
        borrow=found.get("borrow_rate"),
    )


def _set(settings: CoinCosts) -> dict[str, float]:
    """What a table sets, single coins left out."""
    return settings.model_dump(exclude={"coins"}, exclude_none=True)


def all_resolved(symbols: Iterable[str], *layers: CostSettings) -> CostSettings:
    """Settings in which each coin has a table of its own, with every default filled in.

    Args:
        symbols: the coins.
        layers: as in `resolved`.
    """
    return CostSettings(coins={symbol: resolved(symbol, *layers) for symbol in symbols})


def traded_at(dataset: Dataset) -> CostSettings:
    """The costs of a data set, below those of a strategy.

    Raises:
        SpecError: its `[costs]` table is not as it must be.
    """
    return cost_settings(
        dataset.costs if dataset.costs_then is None else dataset.costs_then,
        where=f"{dataset.name}, [costs]",
    )


def cost_settings(data: Mapping[str, Any], *, where: str) -> CostSettings:
    """A `[costs]` table as read from TOML."""
    return build(CostSettings, dict(data), where=where)
