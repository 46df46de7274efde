"""What the compiled kernels take: named tuples of arrays, and how they are made."""

from __future__ import annotations

import math
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from fadefollow.engine.exits import EXIT_RULES
from fadefollow.engine.model import (
    AnyRules,
    BarArrays,
    Costs,
    DatedBarArrays,
    Events,
    FloatArray,
    IntArray,
    Rules,
    hold_bars,
)
from fadefollow.errors import ParameterError

_fractions = attrgetter(*(rule.name for rule in EXIT_RULES))


class Prices(NamedTuple):
    """One series by bar, shape (n,), and what liquidation is tested against."""

    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    liq_open: FloatArray
    liq_high: FloatArray
    liq_low: FloatArray


#: bars that one value of `Extremes` stands for
BLOCK = 16


class Extremes(NamedTuple):
    """The farthest that prices go in blocks of `BLOCK` bars, shape (blocks,); or empty, unknown.

    Also those that liquidation is tested against; missing bars are left out.
    """

    low: FloatArray  #: inf where all bars are missing, −inf where it cannot be told
    high: FloatArray  #: likewise, with the signs exchanged


class Settlements(NamedTuple):
    """A perp's settlements, shape (k,)."""

    time: IntArray
    rate: FloatArray
    mark: FloatArray


class Contracts(NamedTuple):
    """Dated futures by contract and bar, shape (c, n)."""

    time: IntArray  #: shape (n,)
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    liq_high: FloatArray
    liq_low: FloatArray
    nearest: IntArray  #: shape (n,), number of the contract to enter, −1 where there is none
    leave: IntArray  #: shape (c,), the bar at whose open a position must be out of it


class Spot(NamedTuple):
    """The other leg of a carry by bar, shape (n,)."""

    open: FloatArray
    close: FloatArray


class Carry(NamedTuple):
    """Both legs of a carry."""

    future: Contracts
    spot: Spot


class Exits(NamedTuple):
    """Phases that can end a position by `opposite`, shape (m,)."""

    bar: IntArray
    side: IntArray


class EventArrays(NamedTuple):
    """Entries, shape (k,), and what can end them by `opposite`."""

    bar: IntArray
    side: IntArray
    code: IntArray
    rule: IntArray  #: of each entry, its row in the rule tables
    exits: Exits


class RuleTables(NamedTuple):
    """The rule sets, one row a set."""

    when: IntArray  #: delay and hold in bars, opposite as 0 or 1
    levels: FloatArray  #: a column for each of EXIT_RULES, NaN is off, and last the leverage


class CostRates(NamedTuple):
    """Costs as fractions."""

    fee: float
    slippage: float
    margins: FloatArray  #: maintenance by bracket, shape (b, 3): floor, rate, deduction
    in_coins: bool  #: whether the floors are in coins, not in the quote currency
    borrow: float  #: a year, of the entry notional of a coin that is sold short


class Account(NamedTuple):
    """The capital of one coin and book."""

    capital: float
    weight: float
    compound: bool
    share: FloatArray  #: of weight × capital, by bar of entry; empty: all of it


def prices_of(arrays: BarArrays) -> Prices:
    """The prices of the coin itself."""
    t = arrays
    return Prices(t.time, t.open, t.high, t.low, t.close, t.liq_open, t.liq_high, t.liq_low)


def settlements_of(arrays: BarArrays) -> Settlements:
    """The settlements of the coin itself."""
    return Settlements(arrays.settle_time, arrays.settle_rate, arrays.settle_mark)


def contracts_of(arrays: DatedBarArrays) -> Contracts:
    """The dated futures, liquidated by their own prices where nothing else is known."""
    high, low = arrays.dated_liq_high, arrays.dated_liq_low
    return Contracts(
        time=arrays.time,
        open=arrays.dated_open,
        high=arrays.dated_high,
        low=arrays.dated_low,
        close=arrays.dated_close,
        liq_high=arrays.dated_high if high is None else high,
        liq_low=arrays.dated_low if low is None else low,
        nearest=arrays.nearest,
        leave=arrays.leave,
    )


def event_arrays(events: Events, rules: AnyRules) -> EventArrays:
    """The events, each with its rule set.

    Raises:
        ParameterError: an event's rule set is not among the rules.
    """
    rule, count = events.rule, len(rules.sets)
    if rule is None:
        rule = np.zeros(len(events.bar), np.int64)
    elif len(rule) and not 0 <= rule.min() <= rule.max() < count:
        raise ParameterError(
            f"an event's rule must be the place of one of {count} rule sets",
            got=f"{rule.min()} to {rule.max()}",
        )
    exits = Exits(events.exit_bar, events.exit_side)
    return EventArrays(events.bar, events.side, events.code, rule, exits)


@lru_cache(maxsize=256)
def rule_tables(rules: AnyRules, bar_ns: int) -> RuleTables:
    """The rule sets on bars of one size; kept, as the same rules are resolved again and again.

    Raises:
        ParameterError: a holding time is not a whole number of bars.
    """
    when = [(r.delay_bars, hold_bars(r, bar_ns), r.opposite) for r in rules.sets]
    return RuleTables(
        np.array(when, np.int64), np.array([_levels(r) for r in rules.sets], np.float64)
    )


def _levels(rules: Rules) -> tuple[float, ...]:
    off = math.nan
    return (*[off if x is None else x for x in _fractions(rules)], rules.leverage)


def cost_rates(arrays: BarArrays, costs: Costs) -> CostRates:
    """The costs of what is traded: only who sells the coin itself borrows it."""
    spot = arrays.carry if isinstance(arrays, DatedBarArrays) else arrays.spot
    borrow = (costs.borrow or 0.0) if spot else 0.0
    in_coins = costs.brackets is not None and costs.brackets.in_coins
    return CostRates(
        float(costs.fee), float(costs.slippage), _margins(costs), in_coins, float(borrow)
    )


@lru_cache(maxsize=256)
def _margins(costs: Costs) -> FloatArray:
    """The brackets as the kernels take them: one, without a floor, for a flat rate."""
    flat = ((0.0, costs.maintenance, 0.0),)
    margins = np.array(flat if costs.brackets is None else costs.brackets.rows, np.float64)
    margins.flags.writeable = False
    return margins


def account_of(rules: AnyRules, arrays: BarArrays) -> Account:
    """The account that all rule sets share."""
    return Account(
        float(rules.capital), float(rules.weight), bool(rules.compound), shares_of(arrays)
    )


def shares_of(arrays: BarArrays) -> FloatArray:
    """What share of its full size a position takes, by bar of entry; empty: all of it."""
    return np.empty(0) if arrays.share is None else arrays.share
