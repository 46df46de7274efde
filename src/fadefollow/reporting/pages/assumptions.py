"""What a run was traded at, as one line for the first screen and as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fadefollow.market.brackets.table import BracketTable
from fadefollow.reporting.text.formatting import DASH, THIN, Table, fixed, listed
from fadefollow.verdict.model import RunResult

#: more different values than this are shown as a range
_FEW = 3
#: coins that the line names; in the table, more are counted
_NAMED, _COINS = 3, 12


@dataclass(frozen=True)
class Assumed:
    """The costs and stakes of a run."""

    line: str
    table: Table


@dataclass(frozen=True)
class _Quantity:
    """One of the quantities that a strategy's coin is traded at."""

    head: str
    unit: str
    of: Callable[[Mapping[str, Any], Mapping[str, Any]], float | None]  #: stakes, costs → value
    scale: float = 1.0

    def show(self, value: float | None) -> str:
        """The value without its unit."""
        return DASH if value is None or math.isnan(value) else _plain(self.scale * value)

    def said(self, value: float | None) -> str:
        """The value with its unit."""
        return f"{self.show(value)}{self.unit}"


_FEE = _Quantity("Taker fee, bps", f"{THIN}bps", lambda _, c: c.get("taker_fee_bps"))
_SLIPPAGE = _Quantity("Slippage, bps", f"{THIN}bps", lambda _, c: c.get("slippage_bps"))
_MARGIN = _Quantity(
    "Maintenance margin, %", f"{THIN}%", lambda _, c: c.get("maintenance_rate"), scale=100.0
)
_BORROW = _Quantity(
    "Borrowing spot, % a year", f"{THIN}%", lambda _, c: c.get("borrow_rate"), scale=100.0
)
_LEVERAGE = _Quantity("Leverage", "", lambda s, _: s.get("leverage"))
_WEIGHT = _Quantity("Weight", "", lambda s, _: s.get("weight"))
_CAPITAL = _Quantity("Capital", "", lambda s, _: s.get("capital"))
_ALL = (_FEE, _SLIPPAGE, _MARGIN, _BORROW, _LEVERAGE, _WEIGHT, _CAPITAL)


def assumed(run: RunResult) -> Assumed | None:
    """The costs and stakes of a run; None where an earlier version did not keep them."""
    strategies = run.assumptions.get("strategies", {})
    if not any(stakes.get("costs") for stakes in strategies.values()):
        return None
    alpha = f"{_plain(100.0 * run.assumptions['alpha'])}{THIN}%"
    stakes = [_stakes(strategies), _leverage(strategies), _capital(strategies)]
    line = (
        f"Every fill pays {_values(strategies, _FEE)} of fee and "
        f"{_values(strategies, _SLIPPAGE)} of slippage; {'; '.join(filter(None, stakes))}; "
        f"tests at {alpha}{_smallest(strategies)}."
    )
    return Assumed(line, _table(strategies))


def _smallest(strategies: Mapping[str, Any]) -> str:
    """`; an edge below 20 bps is small`; empty where an earlier version did not keep it."""
    known = sorted({float(s["smallest_bps"]) for s in strategies.values() if "smallest_bps" in s})
    if not known:
        return ""
    first, last = _plain(known[0]), f"{_plain(known[-1])}{THIN}bps"
    return f"; an edge below {last if len(known) == 1 else f'{first} to {last}'} is small"


def _stakes(strategies: Mapping[str, Any]) -> str:
    rows = [costs for _, _, _, costs in _rows(strategies)]
    tables = dict.fromkeys(found for costs in rows if (found := _brackets(costs)))
    if not tables:
        return f"liquidation below a margin of {_values(strategies, _MARGIN)}"
    by = f"liquidation by maintenance brackets, {listed([*tables], _NAMED)}"
    rates = {100.0 * c["maintenance_rate"] for c in rows if "maintenance_rate" in c}
    if not rates:
        return by
    few = " or ".join(f"{_plain(rate)}{THIN}%" for rate in sorted(rates))
    return f"{by}, of other coins below a margin of {few}"


def _brackets(costs: Mapping[str, Any]) -> str:
    """`Binance's of 2024-09-27`; empty where maintenance is a rate."""
    table = costs.get("brackets")
    return "" if table is None else BracketTable.model_validate(table).words


def _leverage(strategies: Mapping[str, Any]) -> str:
    known = {stakes["leverage"] for stakes in strategies.values()}
    return "leverage tuned" if known == {None} else f"leverage {_values(strategies, _LEVERAGE)}"


def _capital(strategies: Mapping[str, Any]) -> str:
    kinds = {bool(stakes["compound"]) for stakes in strategies.values()}
    how = "" if len(kinds) > 1 else "compounding " if kinds == {True} else "fixed "
    return f"{how}capital of {_values(strategies, _CAPITAL)} a coin and book"


def _rows(strategies: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], Any]]:
    """Strategy, coin, stakes and costs of each coin of each strategy."""
    for name, stakes in strategies.items():
        for coin, costs in stakes["costs"].items():
            yield name, coin, stakes, costs


def _values(strategies: Mapping[str, Any], quantity: _Quantity) -> str:
    """`2 bps (BTC, ETH) or 5 bps (other coins)`; a range where there are many values."""
    coins: dict[float | None, dict[str, None]] = {}
    for _, coin, stakes, costs in _rows(strategies):
        coins.setdefault(quantity.of(stakes, costs), {})[coin] = None
    if len(coins) == 1:
        return quantity.said(next(iter(coins)))
    known = sorted(value for value in coins if value is not None)
    if len(coins) > _FEW or None in coins or sum(map(len, coins.values())) > len(_union(coins)):
        return f"{quantity.show(known[0])} to {quantity.said(known[-1])}"
    parts = sorted(coins.items(), key=lambda item: len(item[1]))
    named = [f"{quantity.said(v)} ({listed([*of], _NAMED)})" for v, of in parts[:-1]]
    last, of = parts[-1]
    rest = listed([*of], _NAMED) if len(of) <= _NAMED else "other coins"
    return " or ".join([*named, f"{quantity.said(last)} ({rest})"])


def _union(coins: Mapping[float | None, Iterable[str]]) -> set[str]:
    return {coin for of in coins.values() for coin in of}


def _table(strategies: Mapping[str, Any]) -> Table:
    """One row for all strategies and coins that are traded at the same."""
    same: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for name, coin, stakes, costs in _rows(strategies):
        values = tuple(
            (one is _MARGIN and _brackets(costs)) or one.show(one.of(stakes, costs)) for one in _ALL
        )
        key = (str(stakes["instrument"]), *values, "yes" if stakes["compound"] else "no")
        same.setdefault(key, {}).setdefault(name, []).append(coin)
    merged: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for key, names in same.items():
        for name, coins in names.items():
            merged.setdefault((key, tuple(coins)), []).append(name)
    head = ("Strategy", "Coins", "Instrument", *(one.head for one in _ALL), "Compounds")
    rows = tuple(
        (listed(names, _COINS), listed([*coins], _COINS), *key)
        for (key, coins), names in merged.items()
    )
    return Table(head, rows)


def _plain(value: float) -> str:
    """Up to six digits, thousands apart, without needless zeros."""
    rounded = round(value, 6)
    return fixed(rounded) if rounded == int(rounded) else f"{rounded:g}"
