"""Several coins' books in one compiled call, on arrays that are prepared once for many calls.

A compiled function takes a microsecond to be handed an array, and a coin has sixteen of them. Here
it is handed one table of their addresses; who makes the table keeps the arrays alive.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.kernels.arrays import (
    BLOCK,
    Account,
    CostRates,
    EventArrays,
    Exits,
    Extremes,
    Prices,
    RuleTables,
    Settlements,
)
from fadefollow.engine.kernels.book import FLOATS, INTS, run_book
from fadefollow.engine.kernels.position import END, missing
from fadefollow.engine.model import FloatArray, IntArray

_ENTRY, _EXIT, _REASON, _HOLE = (
    INTS.index(name) for name in ("entry_bar", "exit_bar", "reason", "hole")
)
_RETURN = FLOATS.index("return")


class CoinTable(NamedTuple):
    """All that the books of some coins are resolved on, one row a coin."""

    #: of the arrays of Prices, of Settlements, the holes, the margins, the shares, and Extremes
    address: IntArray
    #: bars, settlements, holes, margins, shares, blocks of bars; and whether floors are in coins
    size: IntArray
    rate: FloatArray  #: fee, slippage, borrow


class CoinEvents(NamedTuple):
    """Events of some coins, one coin after the other, each in order of bar."""

    bar: IntArray  #: shape (k,)
    side: IntArray
    code: IntArray
    start: IntArray  #: the first of each coin's, and their number, shape (coins + 1,)


class CoinTrades(NamedTuple):
    """Trades of some coins, one coin after the other."""

    ints: IntArray  #: columns INTS, shape (k, ints)
    floats: FloatArray  #: columns FLOATS, shape (k, floats)
    value: FloatArray  #: as `Returns.value`, shape (k,)
    start: IntArray  #: the first of each coin's, and their number, shape (coins + 1,)


@intrinsic
def _pointer(_context: Any, _address: Any) -> Any:
    """What lies at an address."""

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@kernel
def _floats(address: int, size: int) -> FloatArray:
    return carray(_pointer(address), (size,), np.float64)  # type: ignore[no-any-return]


@kernel
def _ints(address: int, size: int) -> IntArray:
    return carray(_pointer(address), (size,), np.int64)  # type: ignore[no-any-return]


@kernel
def run_coins(
    table: tuple[IntArray, IntArray, FloatArray],
    entries: tuple[IntArray, IntArray, IntArray, IntArray],
    exits: tuple[IntArray, IntArray, IntArray, IntArray],
    rules: tuple[IntArray, FloatArray],
    account: tuple[float, float, bool],
) -> tuple[IntArray, FloatArray, FloatArray, IntArray]:
    """`run_book` of each coin, by one rule set.

    Args:
        table: a CoinTable as a plain tuple, which reaches compiled code faster; so are the others.
        entries, exits: CoinEvents; of exits the code says nothing.
        rules: RuleTables.
        account: capital, weight and compound of each coin's Account.

    Returns:
        CoinTrades.
    """
    address, size, rate = table
    bar, side, code, start = entries
    exit_bar, exit_side, _, exit_start = exits
    ints = np.empty((len(bar), len(INTS)), np.int64)
    floats = np.empty((len(bar), len(FLOATS)), np.float64)
    value, rule = np.empty(len(bar), np.float64), np.zeros(len(bar), np.int64)
    ends = np.zeros(len(address) + 1, np.int64)
    count = 0
    for c in range(len(address)):
        at, (n, settled, gaps, brackets, shares, blocks, in_coins) = address[c], size[c]
        first, last = start[c], start[c + 1]
        leave = slice(exit_start[c], exit_start[c + 1])
        own_ints, own_floats, _ = run_book(
            Prices(
                _ints(at[0], n),
                _floats(at[1], n),
                _floats(at[2], n),
                _floats(at[3], n),
                _floats(at[4], n),
                _floats(at[5], n),
                _floats(at[6], n),
                _floats(at[7], n),
            ),
            Settlements(_ints(at[8], settled), _floats(at[9], settled), _floats(at[10], settled)),
            _ints(at[11], 2 * gaps).reshape((gaps, 2)),
            EventArrays(
                bar[first:last],
                side[first:last],
                code[first:last],
                rule[first:last],
                Exits(exit_bar[leave], exit_side[leave]),
            ),
            RuleTables(*rules),
            CostRates(
                rate[c, 0],
                rate[c, 1],
                _floats(at[12], 3 * brackets).reshape((brackets, 3)),
                in_coins != 0,
                rate[c, 2],
            ),
            Account(account[0], account[1], account[2], _floats(at[13], shares)),
            Extremes(_floats(at[14], blocks), _floats(at[15], blocks)),
        )
        for t in range(len(own_ints)):
            ints[count], floats[count] = own_ints[t], own_floats[t]
            known = own_ints[t, _REASON] != END and own_ints[t, _HOLE] < 0
            value[count] = own_floats[t, _RETURN] if known else math.nan
            count += 1
        ends[c + 1] = count
    return ints[:count], floats[:count], value[:count], ends


@kernel
def block_extremes(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    liq_open: FloatArray,
    liq_high: FloatArray,
    liq_low: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """The `Extremes` of one series; it liquidates at no open beyond its highs and lows."""
    blocks = (len(open_) + BLOCK - 1) // BLOCK
    lowest, highest = np.full(blocks, math.inf), np.full(blocks, -math.inf)
    for i in range(len(open_)):
        if missing(open_, high, low, close, i):
            continue
        b = i // BLOCK
        lowest[b] = min(lowest[b], open_[i], low[i])
        highest[b] = max(highest[b], open_[i], high[i])
        if not math.isnan(liq_high[i] + liq_low[i]):
            lowest[b], highest[b] = min(lowest[b], liq_low[i]), max(highest[b], liq_high[i])
        elif not (math.isnan(liq_open[i]) and math.isnan(liq_high[i]) and math.isnan(liq_low[i])):
            lowest[b], highest[b] = -math.inf, math.inf
    return lowest, highest
