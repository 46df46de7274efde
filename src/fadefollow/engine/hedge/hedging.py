"""Which basket hedges a plan: the market's coins where there are enough of them, else BTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fadefollow.engine.costs import CostSettings, costs_of
from fadefollow.engine.hedge.basket import MIN_MEMBERS, Basket, Constituent, form_basket, with_betas
from fadefollow.engine.model import DatedBarArrays, IntArray
from fadefollow.engine.plans.bar_arrays import bar_arrays, calendar
from fadefollow.engine.plans.plan import NEEDS, covered
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.market.panel import Market

BTC = "BTC"


@dataclass(frozen=True)
class Hedges:
    """The baskets of a data set, on the calendar of all its perps."""

    market: Basket | None
    btc: Basket | None
    refused: str = ""  #: why nothing is hedged, where it is not to be

    @classmethod
    def of(cls, markets: Mapping[str, Market], costs: CostSettings) -> Hedges:
        """The baskets that a data set's perps make.

        Args:
            markets: all coins of the data set.
            costs: the data set's own; what a strategy overrides is its own affair.
        """
        perps = {s: m for s, m in markets.items() if not m.missing(*NEEDS["perp"])}
        spans = {s: covered(m, *NEEDS["perp"]) for s, m in perps.items()}
        perps = {s: m for s, m in perps.items() if spans[s][0] < spans[s][1]}
        if not perps:
            return cls(None, None)
        bar = next(iter(perps.values())).bar
        time = calendar([spans[s] for s in perps], bar)
        coins = {
            symbol: Constituent(
                bar_arrays(market, time=time, start=spans[symbol][0], end=spans[symbol][1]),
                costs_of(symbol, costs),
                _listed(market),
                _members(market, time),
            )
            for symbol, market in perps.items()
        }
        enough = len(coins) >= MIN_MEMBERS
        btc = {BTC: coins[BTC]._replace(inside=None)} if BTC in coins else {}
        return cls(
            form_basket(coins, kind="market") if enough else None,
            replace(form_basket(btc, kind="BTC"), betas={}) if btc else None,
        )

    def hedged(self, plan: Plan) -> Plan:
        """The same plan with the basket that hedges it, or why none does."""
        if self.refused:
            return replace(plan, unhedged=self.refused)
        if any(isinstance(one, DatedBarArrays) for one in plan.coin_arrays):
            return replace(plan, unhedged="dated futures and spreads stay outright")
        if self.market is not None:
            basket = self.market.on(plan.coin_arrays[0].time)
            if _median_members(plan, basket) >= MIN_MEMBERS:
                new = {t.symbol: t for t in plan.coin_arrays if t.symbol not in basket.betas}
                return replace(plan, basket=with_betas(basket, new) if new else basket)
        others = {t.symbol: t for t in plan.coin_arrays if t.symbol != BTC}
        if self.btc is not None and others:
            basket = with_betas(self.btc.on(plan.coin_arrays[0].time), others)
            return replace(plan, basket=basket)
        why = "BTC itself has no other hedge" if self.btc is not None else "no BTC perp"
        return replace(
            plan, unhedged=f"fewer than {MIN_MEMBERS} coins for a market basket, and {why}"
        )


def _listed(market: Market) -> int:
    """When the coin's perp began to trade, as far as is known, nanoseconds since 1970."""
    first = market.table("perp")["time"].iloc[0]
    return int(min(first, market.listed).value if market.listed is not None else first.value)


def _members(market: Market, time: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
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
