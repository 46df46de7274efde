"""The money rules once more for dated futures and carry, bar by bar in plain Python.

Written from docs/money-rules.md alone, as `oracle` was: "rule 3" is paragraph 3; "Reading:" marks
what was taken where the text leaves room. One loop carries both instruments; what carry does
otherwise stands in functions of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from fadefollow.engine.model import AnyRules, Costs, DatedBarArrays, Events, Rules
from tests.support.oracle import level_of

Leg = dict[str, Any]

HOUR_NS = 3_600_000_000_000
YEAR_NS = 365 * 24 * HOUR_NS


@dataclass
class Held:
    """One leg that is held."""

    series: int  #: place in the arrays' series
    side: int
    bar: int
    reference: float  #: the open at which it was entered, before slippage
    fill: float
    best: float  #: the most favourable price seen up to the previous bar


@dataclass
class Position:
    """An open trade: a future, and for carry spot against it."""

    trade: int
    rules: Rules  #: those of the event that opened it, which it lives by until it ends
    rule: int  #: their place among the rule sets
    code: int
    side: int
    signal_bar: int
    bar: int
    size: float
    future: Held
    spot: Held | None = None
    basis: float = math.nan  #: at the opens at which the held contract was entered
    pending: str | None = None  #: a stop or target of the basis that acts at the next open
    liquidated: bool = False  #: the future is gone, spot waits for its next open


@dataclass
class Ledger:
    """What the loop writes down."""

    legs: list[Leg] = field(default_factory=list)
    trades: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class World:
    """One call's arguments."""

    arrays: DatedBarArrays
    events: Events
    rules: AnyRules
    costs: Costs

    @property
    def bars(self) -> int:
        return len(self.arrays.time)

    @property
    def spot(self) -> int:
        """The place of spot in the arrays' series."""
        return len(self.arrays.contracts)

    def quote(self, series: int, bar: int) -> tuple[float, float, float, float]:
        """Open, high, low and close of a contract."""
        t = self.arrays
        tables = (t.dated_open, t.dated_high, t.dated_low, t.dated_close)
        open_, high, low, close = (float(table[series, bar]) for table in tables)
        return open_, high, low, close

    def liquidating(self, series: int, bar: int) -> tuple[float, float]:
        """High and low that a contract is liquidated by: its own, or as held to other series."""
        _, high, low, _ = self.quote(series, bar)
        t = self.arrays
        if t.dated_liq_high is not None and t.dated_liq_low is not None:
            return float(t.dated_liq_high[series, bar]), float(t.dated_liq_low[series, bar])
        return high, low

    def traded(self, series: int, bar: int) -> bool:
        """Rule 7, for a contract. Reading: a bar with any of its four prices missing is missing."""
        return not any(math.isnan(price) for price in self.quote(series, bar))

    def spot_traded(self, bar: int) -> bool:
        """Rule 7, for spot, which is traded at opens and valued at closes."""
        return not (
            math.isnan(self.arrays.spot_open[bar]) or math.isnan(self.arrays.spot_close[bar])
        )

    def both(self, series: int, bar: int) -> bool:
        """Whether all that a position in this contract needs is traded."""
        return self.traded(series, bar) and (not self.arrays.carry or self.spot_traded(bar))

    def rule(self, event: int) -> int:
        """The place of an event's own rules among the rule sets."""
        return 0 if self.events.rule is None else int(self.events.rule[event])

    def due(self, bar: int) -> list[int]:
        """Rule 1: the events due at this open by their own rules.

        Reading: the one known first comes first, of those known at one bar the first given.
        """
        known = self.events.bar.tolist()
        rules = [self.rules.sets[self.rule(event)] for event in range(len(known))]
        due = [e for e, known_bar in enumerate(known) if due_bar(known_bar, rules[e]) == bar]
        return sorted(due, key=lambda event: (known[event], event))


def due_bar(known_bar: int, rules: Rules) -> int:
    """Rules 1, 3: what is known at the close of bar t is done at the open of t + 1 + delay."""
    return known_bar + 1 + rules.delay_bars


def dated_oracle(
    arrays: DatedBarArrays, events: Events, rules: AnyRules, costs: Costs
) -> tuple[list[Leg], int]:
    """The legs of one coin and book in order of their end, and the number of dropped entries."""
    world, ledger = World(arrays, events, rules, costs), Ledger()
    position: Position | None = None
    for bar in range(world.bars):
        shut = False
        if position is not None:
            position, shut = at_open(world, ledger, position, bar)
        # rule 2: then an entry if the book is flat; not after a liquidation by this open, which is
        # one of rule 4's exits inside a bar.
        if position is None and not shut:
            position = entered(world, ledger, bar)
        if position is not None:
            position = inside(world, ledger, position, bar)
        if position is not None and no_more_bars(world, position, bar):
            at_last_close(world, ledger, position, bar)
            position = None
    assert position is None
    return ledger.legs, ledger.dropped


# ---------------------------------------------------------------------------- entry


def capital_now(world: World, ledger: Ledger) -> float:
    """Rule 9: fixed, or with all that was won and lost so far."""
    if not world.rules.compound:
        return world.rules.capital
    return world.rules.capital + math.fsum(leg["pnl"] for leg in ledger.legs)


def entered(world: World, ledger: Ledger, bar: int) -> Position | None:
    """Rules 1, 2, 7: the first event due enters; all due are dropped where a leg cannot be had."""
    due = world.due(bar)
    capital = capital_now(world, ledger)
    if not due or capital <= 0:
        return None
    contract = int(world.arrays.nearest[bar])
    if contract < 0 or not world.both(contract, bar):
        ledger.dropped += len(due)
        return None
    side = int(world.events.side[due[0]])
    future = bought(world, contract, side, bar)
    position = Position(
        trade=ledger.trades,
        rules=world.rules.sets[world.rule(due[0])],
        rule=world.rule(due[0]),
        code=int(world.events.code[due[0]]),
        side=side,
        signal_bar=int(world.events.bar[due[0]]),
        bar=bar,
        size=world.rules.weight * capital / future.fill,
        future=future,
    )
    if world.arrays.carry:
        position.spot = bought(world, world.spot, -side, bar)
        position.basis = basis_at_open(world, contract, bar)
    ledger.trades += 1
    return position


def bought(world: World, series: int, side: int, bar: int) -> Held:
    """Rule 1: a leg that is bought or sold at this bar's open."""
    price = open_of(world, series, bar)
    fill = price * (1 + side * world.costs.slippage)
    return Held(series, side, bar, price, fill, best=fill)


def open_of(world: World, series: int, bar: int) -> float:
    spot = series == world.spot
    return float(world.arrays.spot_open[bar] if spot else world.arrays.dated_open[series, bar])


def close_of(world: World, series: int, bar: int) -> float:
    spot = series == world.spot
    return float(world.arrays.spot_close[bar] if spot else world.arrays.dated_close[series, bar])


def basis_at_open(world: World, contract: int, bar: int) -> float:
    return open_of(world, contract, bar) / open_of(world, world.spot, bar) - 1


# ---------------------------------------------------------------------------- at an open


def at_open(
    world: World, ledger: Ledger, position: Position, bar: int
) -> tuple[Position | None, bool]:
    """The position after the exits due at this open, and whether no entry may follow at it."""
    if position.liquidated:
        # rule 8: a liquidated future leg closes spot at the next open. Reading: that exit was due,
        # so that the book may enter again at the same open.
        if not world.spot_traded(bar):
            return position, False
        close_spot(world, ledger, position, bar, "liquidation", open_of(world, world.spot, bar))
        return None, False
    contract = position.future.series
    if not world.traded(contract, bar):
        return position, False
    # rule 4: one that opens beyond the liquidation level liquidates, before what is due, and also
    # where only the future is traded.
    if liquidated_by_open(world, position, bar):
        return liquidated(world, ledger, position, bar), True
    if not world.both(contract, bar):
        return position, False
    reason = reason_due(world, position, bar)
    if reason is not None:
        closed_at_open(world, ledger, position, bar, reason)
        return None, False
    if world.arrays.leave[contract] <= bar:
        return left(world, ledger, position, bar), False
    return position, False


def liquidated_by_open(world: World, position: Position, bar: int) -> bool:
    """Rule 4. Reading: a high or low that is held to the other series holds the open too."""
    high, low = world.liquidating(position.future.series, bar)
    price = open_of(world, position.future.series, bar)
    price = max(price, low) if position.side > 0 else min(price, high)
    return beyond(position.side, price, liquidation_level(world, position))


def reason_due(world: World, position: Position, bar: int) -> str | None:
    """Rule 3: what ends the whole trade at this open.

    Reading: these name the exit before a roll or an expiry that is due at the same open; a contrary
    phase waits for the delay of the position's own rules.
    """
    rules = position.rules
    if position.bar + round(rules.hold_hours * HOUR_NS / world.arrays.bar_ns) <= bar:
        return "time"
    if rules.opposite:
        exits = zip(world.events.exit_bar.tolist(), world.events.exit_side.tolist(), strict=True)
        for known_bar, side in exits:
            if side == -position.side and position.bar < due_bar(known_bar, rules) <= bar:
                return "opposite"
    return position.pending


def left(world: World, ledger: Ledger, position: Position, bar: int) -> Position | None:
    """Rule 3, `roll` and `expiry`: it is left at this open, for the next if there is one."""
    successor = int(world.arrays.nearest[bar])
    if successor <= position.future.series or not world.traded(successor, bar):
        closed_at_open(world, ledger, position, bar, "expiry")
        return None
    price = open_of(world, position.future.series, bar)
    write(world, ledger, position, position.future, bar, "roll", price)
    position.future = bought(world, successor, position.side, bar)
    if world.arrays.carry:
        position.basis = basis_at_open(world, successor, bar)
    return position


def closed_at_open(world: World, ledger: Ledger, position: Position, bar: int, reason: str) -> None:
    """Both legs at this bar's open."""
    price = open_of(world, position.future.series, bar)
    write(world, ledger, position, position.future, bar, reason, price)
    close_spot(world, ledger, position, bar, reason, open_of_spot(world, bar))


def open_of_spot(world: World, bar: int) -> float:
    return open_of(world, world.spot, bar) if world.arrays.carry else math.nan


# ---------------------------------------------------------------------------- inside a bar


def inside(world: World, ledger: Ledger, position: Position, bar: int) -> Position | None:
    """Rule 4, from the entry bar on."""
    if position.liquidated or not world.traded(position.future.series, bar):
        return position
    if position.spot is not None:
        return inside_carry(world, ledger, position, bar)
    side, held = position.side, position.future
    open_, high, low, _ = world.quote(held.series, bar)
    worst, favourable = (low, high) if side > 0 else (high, low)
    target = math.inf * side
    if position.rules.target is not None:
        target = held.fill * (1 + side * position.rules.target)
    # "A bar that opens beyond a level is decided at its open, before its high and low: beyond the
    # liquidation level it liquidates, else beyond a stop or the target it fills at the open"
    if liquidated_by_open(world, position, bar):
        return liquidated(world, ledger, position, bar)
    crossed = [one for one in stop_levels(position.rules, held) if beyond(side, open_, one[1])]
    if crossed:
        name, _ = max(crossed, key=lambda one: side * one[1])
        write(world, ledger, position, held, bar, name, open_)
        return None
    if beyond(side, target, open_):
        write(world, ledger, position, held, bar, "target", open_)
        return None
    # Levels in the order that decides where they are equal: liquidation, stop, trail.
    touched = [one for one in stop_levels(position.rules, held) if beyond(side, worst, one[1])]
    level = liquidation_level(world, position)
    if liquidated_inside(world, position, bar, level):
        touched.insert(0, ("liquidation", level))
    if touched:
        # "the one nearer to the entry acts first": the first that price coming from the winning
        # side meets; max takes the first of equal ones.
        name, level = max(touched, key=lambda one: side * one[1])
        if name == "liquidation":
            return liquidated(world, ledger, position, bar)
        write(world, ledger, position, held, bar, name, level)
        return None
    if beyond(side, target, favourable):
        write(world, ledger, position, held, bar, "target", target)
        return None
    # "A trailing stop follows the best high or low up to the previous bar"
    held.best = max(held.best, high) if side > 0 else min(held.best, low)
    return position


def liquidated_inside(world: World, position: Position, bar: int, level: float) -> bool:
    """Rule 4, for the contract that is held."""
    high, low = world.liquidating(position.future.series, bar)
    return beyond(position.side, low if position.side > 0 else high, level)


def inside_carry(world: World, ledger: Ledger, position: Position, bar: int) -> Position | None:
    """Rule 8: the future's high or low against its liquidation, then the basis at the close."""
    held, side, rules = position.future, position.side, position.rules
    close = world.quote(held.series, bar)[3]
    if liquidated_inside(world, position, bar, liquidation_level(world, position)):
        return liquidated(world, ledger, position, bar)
    if world.spot_traded(bar):
        basis = close / close_of(world, world.spot, bar) - 1
        change = side * (basis - position.basis)
        # "a stop comes before a target"
        if rules.stop is not None and change <= -rules.stop:
            position.pending = "stop"
        elif rules.target is not None and change >= rules.target:
            position.pending = "target"
    return position


def stop_levels(rules: Rules, held: Held) -> list[tuple[str, float]]:
    """Rule 4, and the kernel's words: fractions of the fill of the leg that is held."""
    levels = []
    if rules.stop is not None:
        levels.append(("stop", held.fill * (1 - held.side * rules.stop)))
    if rules.trail is not None:
        levels.append(("trail", held.best - held.side * rules.trail * held.fill))
    return levels


def liquidation_level(world: World, position: Position) -> float:
    """Rule 5, without funding."""
    held = position.future
    margin = held.fill / position.rules.leverage
    return level_of(world.costs, held.side, position.size, held.fill, margin)


def beyond(side: int, price: float, level: float) -> bool:
    """Whether the price touches the level from the winning side: for a long, is at or below it."""
    return price <= level if side > 0 else price >= level


def liquidated(world: World, ledger: Ledger, position: Position, bar: int) -> Position | None:
    """Rules 5, 8: the future is gone; spot waits for its next open, if there is one."""
    write(world, ledger, position, position.future, bar, "liquidation", None)
    if position.spot is None:
        return None
    if any(world.spot_traded(later) for later in range(bar + 1, world.bars)):
        position.liquidated = True
        return position
    # Reading: its last close may lie before the bar of the liquidation.
    last = max(number for number in range(bar + 1) if world.spot_traded(number))
    price = close_of(world, world.spot, last)
    close_spot(world, ledger, position, last, "liquidation", price)
    return None


# ---------------------------------------------------------------------------- the end of a contract


def no_more_bars(world: World, position: Position, bar: int) -> bool:
    """Whether the position that is held after this bar cannot be closed at any later one.

    For carry the last bar is the last at which both are traded; where the future goes on alone and
    is liquidated there, the position is not closed before.
    """
    if position.liquidated:
        return False
    contract = position.future.series
    later = range(bar + 1, world.bars)
    if any(world.both(contract, number) for number in later):
        return False
    return not (world.arrays.carry and liquidated_alone(world, position, later))


def liquidated_alone(world: World, position: Position, later: range) -> bool:
    """Whether the future's own bars after this one reach its liquidation level."""
    level = liquidation_level(world, position)
    for bar in later:
        if world.traded(position.future.series, bar) and liquidated_inside(
            world, position, bar, level
        ):
            return True
    return False


def at_last_close(world: World, ledger: Ledger, position: Position, bar: int) -> None:
    """Rule 3 `end` and the expiry of a contract that trades no more: at the last close."""
    contract = position.future.series
    last = max(number for number in range(bar + 1) if world.both(contract, number))
    others = range(len(world.arrays.contracts))
    trades_on = any(world.traded(c, n) for c in others for n in range(last + 1, world.bars))
    reason = "expiry" if trades_on and not world.arrays.carry else "end"
    price = close_of(world, contract, last)
    write(world, ledger, position, position.future, last, reason, price)
    if position.spot is not None:
        close_spot(world, ledger, position, last, reason, close_of(world, world.spot, last))


# ---------------------------------------------------------------------------- money


def close_spot(
    world: World, ledger: Ledger, position: Position, bar: int, reason: str, price: float
) -> None:
    """The spot leg of a carry at this price."""
    if position.spot is not None:
        write(world, ledger, position, position.spot, bar, reason, price)


def borrow_of(world: World, position: Position, held: Held, bar: int) -> float:
    """What spot sold short has paid for being borrowed, as negative cash."""
    if held.series != world.spot or held.side > 0:
        return 0.0
    held_ns = int(world.arrays.time[bar]) - int(world.arrays.time[held.bar])
    return -(world.costs.borrow or 0.0) * position.size * held.fill * held_ns / YEAR_NS


def write(
    world: World,
    ledger: Ledger,
    position: Position,
    held: Held,
    bar: int,
    reason: str,
    price: float | None,
) -> None:
    """Rules 1, 5, 9: a leg in money; the price is before slippage, None for a liquidation."""
    size, side, entry, costs = position.size, held.side, held.fill, world.costs
    notional = size * entry
    fees = costs.fee * notional
    slippage = size * abs(entry - held.reference)
    funding = borrow_of(world, position, held, bar)
    if price is None:
        # "loses margin notional / leverage plus entry fee"; the bankruptcy price
        fill = entry - side * entry / position.rules.leverage
        pnl = -notional / position.rules.leverage - fees
    else:
        fill = price * (1 - side * costs.slippage)
        fees += costs.fee * size * fill
        slippage += size * abs(fill - price)
        pnl = side * size * (fill - entry) + funding - fees
    ledger.legs.append(
        {
            "trade": position.trade,
            "code": position.code,
            "rule": position.rule,
            "side": side,
            "signal_bar": position.signal_bar,
            "entry_bar": held.bar,
            "exit_bar": bar,
            "reason": reason,
            "series": held.series,
            "entry_price": entry,
            "exit_price": fill,
            "size": size,
            "notional": notional,
            "fees": fees,
            "slippage": slippage,
            "funding": funding,
            "pnl": pnl,
        }
    )


# ---------------------------------------------------------------------------- trades


def trades_of(legs: list[Leg], spot: int) -> list[Leg]:
    """One row a trade: the first future leg, the last one's exit, money summed over all."""
    rows = []
    for trade in sorted({leg["trade"] for leg in legs}):
        own = [leg for leg in legs if leg["trade"] == trade]
        futures = sorted((x for x in own if x["series"] != spot), key=lambda x: x["entry_bar"])
        first, last = futures[0], futures[-1]
        row = {name: first[name] for name in ("code", "rule", "side", "signal_bar", "entry_bar")}
        row |= {name: first[name] for name in ("entry_price", "size", "notional")}
        row |= {"exit_price": last["exit_price"], "reason": last["reason"], "hole": -1}
        # Reading: the trade is over with the last of its legs.
        row["exit_bar"] = max(leg["exit_bar"] for leg in own)
        for name in ("fees", "slippage", "funding", "pnl"):
            row[name] = math.fsum(leg[name] for leg in own)
        row["return"] = row["pnl"] / first["notional"]
        rows.append(row)
    return rows
