"""The books of several perps at once: what they are resolved on is prepared once for many calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fadefollow.engine.kernels.arrays import (
    Extremes,
    cost_rates,
    prices_of,
    rule_tables,
    settlements_of,
    shares_of,
)
from fadefollow.engine.kernels.coins import (
    CoinEvents,
    CoinTable,
    CoinTrades,
    block_extremes,
    run_coins,
)
from fadefollow.engine.model import BarArrays, Costs, Rules

__all__ = ["CoinBooks", "CoinEvents", "CoinTrades"]

_F = np.float64
#: of prices, settlements, holes, margins, shares, extremes, as `CoinTable.address` has them
_KINDS = (np.int64, *(_F,) * 7, np.int64, _F, _F, np.int64, _F, _F, _F, _F)


@dataclass(frozen=True)
class CoinBooks:
    """What the books of some perps are resolved on; made in each process, not to be pickled.

    Attributes:
        bar_ns: size of a bar in nanoseconds.
        table: the coins, as compiled code takes them.
    """

    bar_ns: int
    table: CoinTable
    _kept: tuple[tuple[np.ndarray, ...], ...] = field(repr=False)  #: what the addresses are of

    @classmethod
    def of(cls, coin_arrays: Sequence[BarArrays], costs: Sequence[Costs]) -> CoinBooks:
        """The books of coins on bars of one size, each with its own costs.

        Args:
            coin_arrays: not of dated futures.
            costs: one for each of them.
        """
        kept, rows = [], []
        for arrays, own in zip(coin_arrays, costs, strict=True):
            prices, rates = prices_of(arrays), cost_rates(arrays, own)
            extremes = Extremes(*block_extremes(*prices[1:]))
            settled, share = settlements_of(arrays), shares_of(arrays)
            coin = (*prices, *settled, arrays.holes, rates.margins, share, *extremes)
            kept.append(
                tuple(
                    np.ascontiguousarray(array, kind)
                    for array, kind in zip(coin, _KINDS, strict=True)
                )
            )
            sized = (arrays.time, settled.time, arrays.holes, rates.margins, share, extremes.low)
            counts = map(len, sized)
            rows.append(((*counts, rates.in_coins), (rates.fee, rates.slippage, rates.borrow)))
        table = CoinTable(
            np.array([[array.ctypes.data for array in coin] for coin in kept], np.int64),
            np.array([size for size, _ in rows], np.int64),
            np.array([rate for _, rate in rows], np.float64),
        )
        return cls(coin_arrays[0].bar_ns, table, tuple(kept))

    def trades(self, entries: CoinEvents, exits: CoinEvents, rules: Rules) -> CoinTrades:
        """The trades of all coins, to the last digit those of `resolver.resolve`.

        Args:
            entries: phases with their side in this book; bars are those of the coins' arrays.
            exits: what can end a position by `opposite`; the code says nothing.
            rules: how positions open and close.

        Raises:
            ParameterError: the holding time is not a whole number of bars.
        """
        found = run_coins(
            tuple(self.table),
            tuple(entries),
            tuple(exits),
            tuple(rule_tables(rules, self.bar_ns)),
            (float(rules.capital), float(rules.weight), bool(rules.compound)),
        )
        return CoinTrades(*found)
