"""The money rules once more, bar by bar in plain Python: what the resolver must agree with.

Written from docs/money-rules.md alone. It is slow and says of each step which paragraph it follows:
"rule 2" is paragraph 2. Where the page leaves room, the reading taken is marked "Reading:".
Only the legs on perp and spot are here; a dated leg adds its due bars to `reason_at_open`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from fadefollow.engine.model import AnyRules, BarArrays, Costs, Events, Rules

Trade = dict[str, Any]

HOUR_NS = 3_600_000_000_000
YEAR_NS = 365 * 24 * HOUR_NS


class Bar(NamedTuple):
    """One row of the arrays."""

    time: int
    open: float
    high: float
    low: float
    close: float
    liq_open: float
    liq_high: float
    liq_low: float

    @property
    def missing(self) -> bool:
        """Rule 7. Reading: a bar with any of its four prices missing is missing."""
        return any(math.isnan(price) for price in (self.open, self.high, self.low, self.close))


class Settlement(NamedTuple):
    """One funding settlement."""

    time: int
    rate: float
    mark: float


class Exit(NamedTuple):
    """How a position ends: the price before slippage, or None for a liquidation."""

    reason: str
    price: float | None


@dataclass
class Position:
    """An open position."""

    rules: Rules  #: those of the event that opened it, which it lives by until it ends
    rule: int  #: their place among the rule sets
    code: int
    side: int
    signal_bar: int
    bar: int
    time: int
    reference: float  #: the open at which it was entered, before slippage
    fill: float
    size: float
    best: float  #: the most favourable price seen up to the previous bar


def oracle(
    arrays: BarArrays, events: Events, rules: AnyRules, costs: Costs
) -> tuple[list[Trade], int]:
    """The trades of one coin and book in order of entry, and the number of dropped entries."""
    bars = bars_of(arrays)
    trades: list[Trade] = []
    dropped = 0
    position: Position | None = None

    for number, bar in enumerate(bars):
        due = events_due(events, rules, number)

        # rule 7: no entry, no exit and no test on a missing bar; a position waits.
        # Reading: what falls into a position is ignored (rule 2), so it is no entry and not
        # dropped; of several events due at one missing open each counts.
        if bar.missing:
            if position is None and account(trades, rules) > 0:
                dropped += len(due)
            continue

        # rule 2: at each open, first the exits due at this open, …
        shut = False
        if position is not None:
            exit_ = exit_at_open(arrays, events, costs, position, number, bar)
            if exit_ is not None:
                trades.append(closed(arrays, costs, position, number, exit_))
                position = None
                # Reading: a liquidation by the open is one of rule 4's exits inside a bar, not one
                # that was due (rule 2: after an exit inside a bar the earliest entry is the next
                # bar's open).
                shut = exit_.reason == "liquidation"

        # "… then an entry if the book is flat: a book may reverse at one open. Other phases
        # during a position are ignored." Reading: of several the one known first enters, of those
        # known at one bar the first in the given order.
        capital = account(trades, rules)
        # rule 9, by risk: an entry whose share is not known is dropped.
        part = share_at(arrays, number)
        if position is None and not shut and capital > 0 and math.isnan(part):
            dropped += len(due)
        elif position is None and due and not shut and capital > 0:
            capital *= part
            position = entered(events, rules, costs, due[0], number, bar, capital)

        # rule 4: exits inside a bar are tested from the entry bar on. Coming after the entry, they
        # leave the next entry to the next bar's open or later (rule 2).
        if position is not None:
            exit_ = exit_inside(arrays, costs, position, bar)
            if exit_ is not None:
                trades.append(closed(arrays, costs, position, number, exit_))
                position = None
            else:
                follow_best(position, bar)

    # rule 3: `end`: at the last close, with costs. Reading: the last close that there is.
    if position is not None:
        last = max(number for number, bar in enumerate(bars) if not bar.missing)
        exit_ = Exit("end", bars[last].close)
        trades.append(closed(arrays, costs, position, last, exit_))
    return trades, dropped


def bars_of(arrays: BarArrays) -> list[Bar]:
    """The arrays row by row."""
    names = ("time", "open", "high", "low", "close", "liq_open", "liq_high", "liq_low")
    columns = [getattr(arrays, name).tolist() for name in names]
    return [Bar(*row) for row in zip(*columns, strict=True)]


def settlements_of(arrays: BarArrays) -> list[Settlement]:
    """The settlements row by row."""
    columns = [
        arrays.settle_time.tolist(),
        arrays.settle_rate.tolist(),
        arrays.settle_mark.tolist(),
    ]
    return [Settlement(*row) for row in zip(*columns, strict=True)]


def due_bar(known_bar: int, rules: Rules) -> int:
    """Rules 1, 3: what is known at the close of bar t is done at the open of t + 1 + delay."""
    return known_bar + 1 + rules.delay_bars


def rule_of(events: Events, event: int) -> int:
    """The place of an event's own rules among the rule sets."""
    return 0 if events.rule is None else int(events.rule[event])


def events_due(events: Events, rules: AnyRules, number: int) -> list[int]:
    """Rule 1: events whose entry is due at this open by their own rules, the first known first."""
    due = [
        (known_bar, event)
        for event, known_bar in enumerate(events.bar.tolist())
        if due_bar(known_bar, rules.sets[rule_of(events, event)]) == number
    ]
    return [event for _, event in sorted(due)]


def account(trades: list[Trade], rules: AnyRules) -> float:
    """Rule 9: each coin has its own account with fixed capital … compounding is an option."""
    if not rules.compound:
        return rules.capital
    return rules.capital + math.fsum(trade["pnl"] for trade in trades)


def share_at(arrays: BarArrays, number: int) -> float:
    """Rule 9: the share of weight × capital that a position opened at this bar takes."""
    return 1.0 if arrays.share is None else float(arrays.share[number])


def entered(
    events: Events, rules: AnyRules, costs: Costs, event: int, number: int, bar: Bar, capital: float
) -> Position:
    """Rules 1, 9: the position that an event opens at this bar's open."""
    side = int(events.side[event])
    fill = bar.open * (1 + side * costs.slippage)
    return Position(
        rules=rules.sets[rule_of(events, event)],
        rule=rule_of(events, event),
        code=int(events.code[event]),
        side=side,
        signal_bar=int(events.bar[event]),
        bar=number,
        time=bar.time,
        reference=bar.open,
        fill=fill,
        size=rules.weight * capital / fill,
        best=fill,  # rule 4: the trail starts at the entry fill
    )


def funding_of(arrays: BarArrays, costs: Costs, position: Position, until: int) -> float:
    """Rule 6: cash of the settlements at τ with entry time < τ ≤ until; + is received.

    Spot sold short has none; it pays the borrow rate, a year's share of its notional pro rata.
    """
    cash = 0.0
    if arrays.spot and position.side < 0:
        notional = position.size * position.fill
        cash -= (costs.borrow or 0.0) * notional * (until - position.time) / YEAR_NS
    for settlement in settlements_of(arrays):
        if position.time < settlement.time <= until:
            cash += -position.side * position.size * settlement.mark * settlement.rate
    return cash


def maintenance_at(costs: Costs, size: float, price: float) -> float:
    """Rule 5: rate × notional − deduction, by the bracket of the position at this price."""
    if costs.brackets is None:
        return costs.maintenance * size * price
    amount = size if costs.brackets.in_coins else size * price
    rate, deduction = costs.brackets.rows[0][1:]
    for floor, *others in costs.brackets.rows:
        if amount >= floor:
            rate, deduction = others
    return rate * size * price - deduction


def liquidation_level(arrays: BarArrays, costs: Costs, position: Position, time: int) -> float:
    """Rule 5: with the settlements up to this open."""
    margin = position.fill / position.rules.leverage
    margin += funding_of(arrays, costs, position, time) / position.size
    return level_of(costs, position.side, position.size, position.fill, margin)


def level_of(costs: Costs, side: int, size: float, entry: float, margin: float) -> float:
    """Rule 5: the price nearest to the entry at which equity ≤ maintenance.

    Equity and maintenance meet where margin + side · (P − E) = m · P − D / size for the rate and
    deduction of some bracket, and they can cross where one bracket ends. Of these prices it is the
    one nearest to the entry beyond which equity falls short.

    Args:
        margin: per coin: entry / leverage, and the funding received.
    """

    def short_beyond(price: float) -> bool:
        beyond = price - side * 1e-9 * max(abs(price), 1e-9)
        equity = margin + side * (beyond - entry)
        return equity <= maintenance_at(costs, size, beyond) / size

    table = costs.brackets
    rows = ((0.0, costs.maintenance, 0.0),) if table is None else table.rows
    candidates = [
        (entry - side * (margin + deduction / size)) / (1 - side * rate)
        for _, rate, deduction in rows
    ]
    if table is not None and not table.in_coins:
        candidates += [floor / size for floor, _, _ in rows[1:]]
    reached = [price for price in candidates if short_beyond(price)]
    return side * max((side * price for price in reached), default=-math.inf)


def at_or_below(position: Position, price: float, level: float) -> bool:
    """Whether the price touches the level from the winning side: seen from a long, is below it."""
    return price <= level if position.side > 0 else price >= level


def exit_at_open(
    arrays: BarArrays, events: Events, costs: Costs, position: Position, number: int, bar: Bar
) -> Exit | None:
    """Rule 3 and the open's part of rule 4, on a bar after the entry bar."""
    # rule 4: a bar that opens beyond the liquidation level liquidates. Reading: also where an exit
    # is due at this open, for an isolated margin cannot lose more than itself.
    if liquidated_by_open(arrays, costs, position, bar):
        return Exit("liquidation", None)
    reason = reason_at_open(arrays, events, position, number)
    return None if reason is None else Exit(reason, bar.open)


def reason_at_open(
    arrays: BarArrays, events: Events, position: Position, number: int
) -> str | None:
    """Rule 3: if the due bar is missing, the next present open: due at this bar or before it."""
    rules = position.rules
    # `time`, h hours after the entry bar's open. Reading: it names the exit where both are due.
    hold_bars = round(rules.hold_hours * HOUR_NS / arrays.bar_ns)
    if position.bar + hold_bars <= number:
        return "time"
    # `opposite`, at t + 1 + delay. Reading: for positions entered before that open only; the
    # delay is that of the position's own rules, whichever rules the contrary phase is traded by.
    if rules.opposite:
        for known_bar, side in zip(
            events.exit_bar.tolist(), events.exit_side.tolist(), strict=True
        ):
            if side == -position.side and position.bar < due_bar(known_bar, rules) <= number:
                return "opposite"
    return None


def liquidated_by_open(arrays: BarArrays, costs: Costs, position: Position, bar: Bar) -> bool:
    """Rule 4. Reading: a high or low that is held to the other series holds the open too."""
    price = bar.liq_open
    if position.side > 0 and bar.liq_low > price:
        price = bar.liq_low
    if position.side < 0 and bar.liq_high < price:
        price = bar.liq_high
    return at_or_below(position, price, liquidation_level(arrays, costs, position, bar.time))


def target_of(position: Position) -> float | None:
    """Rule 4: stop, target and trail are fractions of the entry fill."""
    target = position.rules.target
    return None if target is None else position.fill * (1 + position.side * target)


def exit_by_open(arrays: BarArrays, costs: Costs, position: Position, bar: Bar) -> Exit | None:
    """Rule 4: a bar that opens beyond a level is decided at its open, before its high and low."""
    if liquidated_by_open(arrays, costs, position, bar):
        return Exit("liquidation", None)
    # "else beyond a stop or the target it fills at the open"
    beyond = [
        (name, level)
        for name, level in stop_levels(position.rules, position)
        if at_or_below(position, bar.open, level)
    ]
    if beyond:
        return Exit(first_met(position, beyond)[0], bar.open)
    target = target_of(position)
    if target is not None and at_or_below(position, target, bar.open):
        return Exit("target", bar.open)
    return None


def exit_inside(arrays: BarArrays, costs: Costs, position: Position, bar: Bar) -> Exit | None:
    """Rule 4: the open, the losing side, then the target."""
    rules = position.rules
    by_open = exit_by_open(arrays, costs, position, bar)
    if by_open is not None:
        return by_open
    worst, liq_worst, favourable = (
        (bar.low, bar.liq_low, bar.high) if position.side > 0 else (bar.high, bar.liq_high, bar.low)
    )
    # Levels in the order that decides where they are equal: liquidation, stop, trail.
    levels: list[tuple[str, float]] = []
    liquidation = liquidation_level(arrays, costs, position, bar.time)
    if at_or_below(position, liq_worst, liquidation):
        levels.append(("liquidation", liquidation))
    stops = stop_levels(rules, position)
    levels += [(name, level) for name, level in stops if at_or_below(position, worst, level)]

    # "the one nearer to the entry acts first". Reading: the one that price coming from the
    # winning side meets first, as a trail may lie beyond the entry.
    if levels:
        name, level = first_met(position, levels)
        return Exit(name, None if name == "liquidation" else level)

    # "a losing level comes before the target in a bar that touches both"
    target = target_of(position)
    if target is not None and at_or_below(position, target, favourable):
        return Exit("target", target)
    return None


def stop_levels(rules: Rules, position: Position) -> list[tuple[str, float]]:
    """Rule 4: stop, target and trail are fractions of the entry fill."""
    levels = []
    if rules.stop is not None:
        levels.append(("stop", position.fill * (1 - position.side * rules.stop)))
    if rules.trail is not None:
        away = position.side * rules.trail * position.fill
        levels.append(("trail", position.best - away))
    return levels


def first_met(position: Position, levels: list[tuple[str, float]]) -> tuple[str, float]:
    """The highest level for a long, the lowest for a short, the first of equal ones."""
    chosen = levels[0]
    for candidate in levels[1:]:
        if position.side * candidate[1] > position.side * chosen[1]:
            chosen = candidate
    return chosen


def follow_best(position: Position, bar: Bar) -> None:
    """Rule 4: a trailing stop follows the best high or low up to the previous bar."""
    if position.side > 0:
        position.best = max(position.best, bar.high)
    else:
        position.best = min(position.best, bar.low)


def closed(arrays: BarArrays, costs: Costs, position: Position, number: int, exit_: Exit) -> Trade:
    """Rules 1, 5, 6, 9: the trade in money."""
    size, side, entry = position.size, position.side, position.fill
    exit_time = int(arrays.time[number])
    notional = size * entry
    funding = funding_of(arrays, costs, position, exit_time)
    fees = costs.fee * size * entry
    slippage = size * abs(entry - position.reference)
    if exit_.price is None:
        # rule 5: has lost exactly its margin by price and funding together, plus the entry fee; no
        # exit fee, no slippage: side · size · (exit − entry) + funding = −notional / leverage.
        margin = notional / position.rules.leverage
        exit_price = entry - side * (margin + funding) / size
        pnl = -margin - fees
    else:
        exit_price = exit_.price * (1 - side * costs.slippage)
        fees += costs.fee * size * exit_price
        slippage += size * abs(exit_price - exit_.price)
        pnl = side * size * (exit_price - entry) + funding - fees
    return {
        "code": position.code,
        "rule": position.rule,
        "side": side,
        "signal_bar": position.signal_bar,
        "entry_bar": position.bar,
        "exit_bar": number,
        "entry_price": entry,
        "exit_price": exit_price,
        "reason": exit_.reason,
        "size": size,
        "notional": notional,
        "fees": fees,
        "slippage": slippage,
        "funding": funding,
        "pnl": pnl,
        "return": pnl / notional,  # rule 9
        "hole": hole_of(arrays, position.time, exit_time),
    }


def hole_of(arrays: BarArrays, entry_time: int, exit_time: int) -> int:
    """Rule 6: the number of the first hole that the trade was held over, else −1."""
    for number, (before, after) in enumerate(arrays.holes.tolist()):
        if entry_time < after and exit_time > before:
            return number
    return -1


Quote = tuple[float, float, float, float] | None


def held_prices(
    perp: list[Quote], mark: list[Quote], spot: list[Quote]
) -> list[tuple[float, float] | None]:
    """Rule 4: the high and low of each bar that liquidation is tested against; None where missing.

    Bars are (open, high, low, close), None where there is none; of the mark only the close may be
    known (the rest NaN), as in files that list just that.
    """
    held: list[tuple[float, float] | None] = []
    for bar, quote in enumerate(perp):
        own_mark = mark[bar]
        if quote is None:
            held.append(None)
            continue
        # "For liquidation against mark high and low"
        if own_mark is not None and not math.isnan(own_mark[1]):
            held.append((own_mark[1], own_mark[2]))
            continue
        # "mark close, spot high and spot low that are known for that bar and the one before"
        known = []
        for number in (bar, bar - 1):
            if number >= 0 and (quoted := mark[number]) is not None:
                known.append(quoted[3])
            if number >= 0 and (traded := spot[number]) is not None:
                known += [traded[1], traded[2]]
        _, high, low, _ = quote
        # "where the mark has no high and low, against the perp's high and low held to within 3 %
        # of the highest and lowest …; where neither mark nor spot is known, the perp's own".
        # Reading: the high is held down and the low held up; neither is ever moved outwards.
        if known:
            high, low = min(high, 1.03 * max(known)), max(low, 0.97 * min(known))
        held.append((high, low))
    return held
