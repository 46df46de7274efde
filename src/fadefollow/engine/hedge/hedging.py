"""Which basket hedges a plan: the market's coins where there are enough of them, else BTC."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fadefollow.core.cache.memo import Memo
from fadefollow.engine.costs import CostSettings, costs_of
from fadefollow.engine.hedge.basket import (
    MIN_MEMBERS,
    Basket,
    BoolArray,
    Constituent,
    form_basket,
    with_betas,
)
from fadefollow.engine.model import IntArray
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.plans.plan import Traded
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.strategy import Trade
from fadefollow.market.panel import Market

BTC = "BTC"
_PERP = Trade(hold_hours=24.0)


class _Constituents(Mapping[str, Constituent]):
    """The perps of a data set, whose arrays are read when they are asked for."""

    def __init__(
        self, arrays: CoinArrays, markets: Mapping[str, Market], costs: CostSettings
    ) -> None:
        self._arrays = arrays
        self._costs = {symbol: costs_of(symbol, costs) for symbol in arrays.symbols}
        self._told: dict[str, tuple[int, int, BoolArray | None]] = {}
        for place, symbol in enumerate(arrays.symbols):
            market = markets[symbol]
            self._told[symbol] = place, _listed(market), _members(market, arrays.time)

    def __len__(self) -> int:
        return len(self._told)

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)

    def __getitem__(self, symbol: str) -> Constituent:
        place, listed, inside = self._told[symbol]
        return Constituent(self._arrays[place], self._costs[symbol], listed, inside)


@dataclass(frozen=True)
class Hedges:
    """The baskets of a data set, on the calendar of all its perps."""

    market: Basket | None
    btc: Basket | None
    refused: str = ""  #: why nothing is hedged, where it is not to be

    @classmethod
    def of(
        cls, markets: Mapping[str, Market], costs: CostSettings, *, memo: Memo | None = None
    ) -> Hedges:
        """The baskets that a data set's perps make.

        Args:
            markets: all coins of the data set.
            costs: the data set's own; what a strategy overrides is its own affair.
            memo: that of the data set, by which strategies share the arrays of its perps.
        """
        arrays = Traded.kept(memo or Memo(), _PERP, markets).coin_arrays
        if arrays is None or (len(arrays) < MIN_MEMBERS and BTC not in arrays.symbols):
            return cls(None, None)
        coins = _Constituents(arrays, markets, costs)
        market = form_basket(coins, kind="market") if len(coins) >= MIN_MEMBERS else None
        if BTC not in coins:
            return cls(market, None)
        btc = form_basket({BTC: coins[BTC]._replace(inside=None)}, kind="BTC")
        return cls(market, replace(btc, betas={}))

    def hedged(self, plan: Plan) -> Plan:
        """The same plan with the basket that hedges it, or why none does."""
        if self.refused:
            return replace(plan, unhedged=self.refused)
        if any(plan.coin_arrays.dated):
            return replace(plan, unhedged="dated futures and spreads stay outright")
        if self.market is not None:
            basket = self.market.on(plan.time)
            if _median_members(plan, basket) >= MIN_MEMBERS:
                return replace(plan, basket=_knowing(basket, plan, set(basket.betas)))
        if self.btc is not None and set(plan.symbols) != {BTC}:
            return replace(plan, basket=_knowing(self.btc.on(plan.time), plan, {BTC}))
        why = "BTC itself has no other hedge" if self.btc is not None else "no BTC perp"
        return replace(
            plan, unhedged=f"fewer than {MIN_MEMBERS} coins for a market basket, and {why}"
        )


def _knowing(basket: Basket, plan: Plan, but: Collection[str]) -> Basket:
    """The basket with the betas of a plan's coins, but of some that it has or does without."""
    new = [place for place, symbol in enumerate(plan.symbols) if symbol not in but]
    return with_betas(basket, (plan.coin_arrays[place] for place in new))


def _listed(market: Market) -> int:
    """When the coin's perp began to trade, as far as is known, nanoseconds since 1970."""
    first = market.table("perp")["time"].iloc[0]
    return int(min(first, market.listed).value if market.listed is not None else first.value)


def _members(market: Market, time: IntArray) -> BoolArray | None:
    """Bars of a calendar in which the coin is in the universe; None where there is none."""
    if market.member is None:
        return None
    inside = np.zeros(len(time), bool)
    grid = market.open_time.astype(np.int64)
    at = np.searchsorted(time, grid)
    known = np.flatnonzero(at < len(time))
    known = known[time[at[known]] == grid[known]]
    inside[at[known]] = market.member[known]
    return inside


def _median_members(plan: Plan, basket: Basket) -> float:
    bars = np.concatenate([np.empty(0, np.int64), *plan.bars])
    entries = np.minimum(bars + 1, len(basket.members) - 1)
    counts = basket.members[entries] if len(entries) else basket.members
    return float(np.median(counts)) if len(counts) else 0.0
