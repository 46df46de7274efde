"""Plans that follow each other in time, each by its own rules, as one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from fadefollow.engine.model import BarArrays, IntArray, Rules, RuleSets, Span
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.errors import ParameterError

#: columns of a plan that describe its events, by bar first
_ENTRIES, _EXITS = ("bars", "leans", "codes", "which"), ("exit_bars", "exit_leans")


def joined(parts: Sequence[tuple[Plan, Span]]) -> Plan:
    """One plan from several that follow each other in time, each by its own rules.

    Of each part those events (and phases that can end a position by `opposite`) are kept that
    became known, at the close of their bar, within the part's own span. All are traded in one book
    a coin: a position lives by the rules that it was opened with, also into the next span, and
    while it lives the events of that span find the book taken.

    Args:
        parts: plans of one strategy on the same bars, and of each its span [start, end), in order
            of time and not overlapping. They may differ in rules and events.

    Returns:
        A plan with one rule set for each different one of the parts.

    Raises:
        ParameterError: there is no part, or they do not fit together.
    """
    _check_fit(parts)
    sets = tuple(dict.fromkeys(rules for plan, _ in parts for rules in plan.rules.sets))
    kept = [_known_in(plan, span, sets) for plan, span in parts]
    columns: dict[str, Any] = {
        name: tuple(np.concatenate(coin) for coin in zip(*(k[name] for k in kept), strict=True))
        for name in (*_ENTRIES, *_EXITS)
    }
    if len(sets) == 1:
        columns["which"] = None
    return replace(
        parts[0][0],
        **columns,
        rules=sets[0] if len(sets) == 1 else RuleSets(sets),
        refused={stance: why for plan, _ in parts for stance, why in plan.refused.items()},
        window_hours=max(plan.window_hours for plan, _ in parts),
        weekly=any(plan.weekly for plan, _ in parts),
    )


def _known_in(plan: Plan, span: Span, sets: Sequence[Rules]) -> dict[str, list[IntArray]]:
    """Per coin the columns of the events that became known in [start, end), rules renumbered."""
    place = np.array([sets.index(rules) for rules in plan.rules.sets], np.int64)
    found: dict[str, list[IntArray]] = {name: [] for name in (*_ENTRIES, *_EXITS)}
    for coin, arrays in enumerate(plan.coin_arrays):
        entries = (plan.bars[coin], plan.leans[coin], plan.codes[coin], place[plan.rule_of(coin)])
        exits = (plan.exit_bars[coin], plan.exit_leans[coin])
        for names, columns in ((_ENTRIES, entries), (_EXITS, exits)):
            known = arrays.time[columns[0]] + arrays.bar_ns
            inside = (known >= span[0].value) & (known < span[1].value)
            for name, column in zip(names, columns, strict=True):
                found[name].append(column[inside])
    return found


def _check_fit(parts: Sequence[tuple[Plan, Span]]) -> None:
    if not parts:
        raise ParameterError("a joined plan needs at least one part")
    first, where = parts[0][0], f"strategy {parts[0][0].strategy}"
    for plan, _ in parts[1:]:
        for name in ("strategy", "signal", "phases", "costs"):
            if getattr(plan, name) != getattr(first, name):
                got = f"{getattr(first, name)} and {getattr(plan, name)}"
                raise ParameterError(f"parts of a joined plan share {name}", got=got, where=where)
        pairs = zip(plan.coin_arrays, first.coin_arrays, strict=False)
        if len(plan.coin_arrays) != len(first.coin_arrays) or not all(
            _same_arrays(a, b) for a, b in pairs
        ):
            raise ParameterError(
                "parts of a joined plan share their coin_arrays",
                got="other prices",
                where=where,
                hint="prepare all within the same time; contracts follow from min_days_left and "
                "leave_days, which must not differ",
            )
    spans = [span for _, span in parts]
    ends = [spans[0][0], *(end for _, end in spans)]
    for before, (start, end) in zip(ends, spans, strict=False):
        if not before <= start < end:
            raise ParameterError(
                "spans of a joined plan must follow each other without overlap",
                got=", ".join(f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M}" for a, b in spans),
                where=where,
            )


def _same_arrays(one: BarArrays, other: BarArrays) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    return one is other or (type(one) is type(other) and bool(one == other))
