"""One definition of costs for tuning, backtest and report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fadefollow.core.toml import build
from fadefollow.engine.model import Brackets, Costs
from fadefollow.errors import ParameterError
from fadefollow.market.brackets.table import BracketTable, bracket_table, dated_name

if TYPE_CHECKING:
    from fadefollow.market.datasets.dataset import Dataset

#: coins whose books are deep enough for the smaller slippage and maintenance rate
MAJORS = ("BTC", "ETH")


def _unset(value: object) -> bool:
    return value is None


class CoinCosts(BaseModel):
    """What may be set per venue, per coin or per strategy; None keeps the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: at each end; else 5
    taker_fee_bps: float | None = Field(None, ge=0, le=1000)
    #: of each fill; else 2 for BTC and ETH, 5 for other coins
    slippage_bps: float | None = Field(None, ge=0, le=1000)
    #: margin at which the exchange liquidates; else 0.005 for BTC and ETH, 0.02 for other coins
    maintenance_rate: float | None = Field(None, ge=0, lt=0.5)
    #: in its place, by the size of the position: `"binance"`, `"okx"`, `"bybit"` (the newest stock
    #: table), `"binance@2024-12-31"` (the newest by that day), `"recorded"` (the data set's own)
    brackets: str | BracketTable | None = Field(None, exclude_if=_unset)
    borrow_rate: float | None = Field(None, ge=0, le=10)  #: of spot, a year

    @model_validator(mode="after")
    def _one_maintenance(self) -> Self:
        if self.brackets is not None and self.maintenance_rate is not None:
            raise ParameterError(
                "costs have either brackets or a maintenance_rate",
                got=f"both, and a rate of {self.maintenance_rate:g}",
            )
        return self


#: where nothing else is set: of MAJORS, and of other coins
MAJOR = CoinCosts(taker_fee_bps=5.0, slippage_bps=2.0, maintenance_rate=0.005)
OTHER = CoinCosts(taker_fee_bps=5.0, slippage_bps=5.0, maintenance_rate=0.02)


Settings = TypeVar("Settings", bound=CoinCosts)


class CostSettings(CoinCosts):
    """A `[costs]` table: settings for all coins, and `[costs.coins.BTC]` for single ones."""

    coins: dict[str, CoinCosts] = {}  #: of single coins


class DatasetCosts(CostSettings):
    """The costs of a data set, and the brackets that it has recorded, by coin."""

    recorded: dict[str, BracketTable] = Field({}, exclude=True)


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
    recorded: dict[str, BracketTable] = {}
    for layer in layers:
        found = _over(found, _set(layer))
        if symbol in layer.coins:
            found = _over(found, _set(layer.coins[symbol]))
        if isinstance(layer, DatasetCosts):
            recorded |= layer.recorded
    if isinstance(named := found.get("brackets"), str):
        where = f"brackets of {symbol} in [costs]"
        found["brackets"] = bracket_table(named, symbol, recorded, where=where)
    return CoinCosts(**found)


def costs_of(symbol: str, *layers: CostSettings) -> Costs:
    """Costs of trading one coin, as fractions; arguments are those of `resolved`."""
    found = resolved(symbol, *layers)
    assert found.taker_fee_bps is not None
    assert found.slippage_bps is not None
    table, rate = found.brackets, found.maintenance_rate
    brackets = None
    if isinstance(table, BracketTable):
        brackets, rate = Brackets(table.rows, table.in_coins), table.rows[0][1]
    assert rate is not None
    return Costs(
        fee=found.taker_fee_bps / 1e4,
        slippage=found.slippage_bps / 1e4,
        maintenance=rate,
        borrow=found.borrow_rate,
        brackets=brackets,
    )


def pinned(settings: CostSettings) -> CostSettings:
    """The same with brackets named by their date, so that they stay when there are newer ones."""
    coins = {coin: _pinned(one) for coin, one in settings.coins.items()}
    return _pinned(settings).model_copy(update={"coins": coins} if coins else {})


def _pinned(costs: Settings) -> Settings:
    named = costs.brackets
    if not isinstance(named, str):
        return costs
    return costs.model_copy(update={"brackets": dated_name(named, where="brackets in [costs]")})


def _set(settings: CoinCosts) -> dict[str, Any]:
    """What a table sets, single coins left out."""
    fields = set(CoinCosts.model_fields) & settings.model_fields_set
    return {n: value for n in fields if (value := getattr(settings, n)) is not None}


def _over(found: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with later ones over them; of brackets and rate the one that was set last."""
    other = {"brackets": "maintenance_rate", "maintenance_rate": "brackets"}
    gone = {other[name] for name in later if name in other}
    return {**{name: value for name, value in found.items() if name not in gone}, **later}


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
    written = cost_settings(
        dataset.costs if dataset.costs_then is None else dataset.costs_then,
        where=f"{dataset.name}, [costs]",
    )
    recorded = {
        symbol: table
        for symbol, streams in dataset.streams.items()
        if "brackets" in streams
        and (
            table := BracketTable.recorded(dataset.name, dataset.markets[symbol].table("brackets"))
        )
    }
    if not recorded:
        return written
    return DatasetCosts(**written.model_dump(exclude_unset=True), recorded=recorded)


def cost_settings(data: Mapping[str, Any], *, where: str) -> CostSettings:
    """A `[costs]` table as read from TOML."""
    return build(CostSettings, dict(data), where=where)
