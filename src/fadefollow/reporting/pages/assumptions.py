"""What a run was traded at, as one line for the first screen and as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fadefollow.market.brackets.table import BracketTable
from fadefollow.reporting.text.formatting import DASH, THIN, Table, count, fixed, listed
from fadefollow.verdict.model import RunResult

#: more different values than this are shown as a range
_FEW = 3
#: coins that the line names; in the table, more are counted
_NAMED, _COINS = 3, 12


@dataclass(frozen=True)
class Figure:
    """One figure that the result rests on."""

    name: str
    value: str
    how: str  #: where it is set


@dataclass(frozen=True)
class Assumed:
    """The costs and stakes of a run: a line of figures, and each coin's in a table."""

    figures: tuple[Figure, ...]
    table: Table

    @property
    def line(self) -> str:
        """All figures in one line."""
        return "; ".join(f"{one.name} {one.value}" for one in self.figures)


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
    return Assumed(tuple(_figures(run, strategies)), _table(strategies))


def _figures(run: RunResult, strategies: Mapping[str, Any]) -> Iterator[Figure]:
    """Each figure of the line, with where it is set."""
    costs = "[costs] of the data set's or the strategy's TOML; [costs.coins.BTC] for one coin"
    yield Figure("fee", f"{_values(strategies, _FEE)} a fill", f"taker_fee_bps in {costs}")
    yield Figure("slippage", _values(strategies, _SLIPPAGE), f"slippage_bps in {costs}")
    yield Figure("funding", *_funding(run, strategies))
    yield Figure(
        "margin",
        f"{_leverage(strategies)}, {_liquidated(strategies)}",
        f"leverage in [trade] of the strategy's TOML; maintenance_rate or brackets in {costs}",
    )
    yield Figure(
        "capital",
        _capital(strategies),
        "capital, weight and compound in [trade] of the strategy's TOML",
    )
    alpha = f"{_plain(100.0 * run.assumptions['alpha'])}{THIN}%"
    asked = _questions(run)
    yield Figure(
        "alpha",
        f"{alpha} over {count(asked, 'question')}" if asked else alpha,
        "alpha in [tool.fadefollow] of pyproject.toml; fewer strategies in a run ask fewer "
        "questions",
    )
    smallest = _smallest(strategies)
    if smallest:
        yield Figure(
            "smallest edge", smallest, "--smallest-bps of the run, or smallest_bps in a TOML"
        )


def _funding(run: RunResult, strategies: Mapping[str, Any]) -> tuple[str, str]:
    """What positions pay of funding, and what decides that."""
    kinds = {str(one["instrument"]) for one in strategies.values()}
    if not kinds & {"perp"}:
        return "none, as no perp is traded", "instrument in [trade] of the strategy's TOML"
    implied = any(s.get("implied_funding") for s in run.strategies.values())
    return (
        "as settled, and implied by the premium where settlements are missing"
        if implied
        else "as settled",
        "implied_funding in the strategy's TOML; --missing-funding says what holes do",
    )


def _questions(run: RunResult) -> int:
    """Over how many questions that were asked beforehand the words are corrected."""
    asked = [
        one.placebo.questions
        for v in run.verdicts
        for (stance, _), one in v.results.items()
        if one.placebo is not None and v.claim in ("disputed", stance)
    ]
    return max(asked, default=0)


def _smallest(strategies: Mapping[str, Any]) -> str:
    """`20 bps`, or a range; empty where an earlier version did not keep it."""
    known = sorted({float(s["smallest_bps"]) for s in strategies.values() if "smallest_bps" in s})
    if not known:
        return ""
    first, last = _plain(known[0]), f"{_plain(known[-1])}{THIN}bps"
    return last if len(known) == 1 else f"{first} to {last}"


def _liquidated(strategies: Mapping[str, Any]) -> str:
    """How maintenance is reckoned: by rate, or by which table of brackets."""
    rows = [costs for _, _, _, costs in _rows(strategies)]
    tables = dict.fromkeys(found for costs in rows if (found := _brackets(costs)))
    if not tables:
        return f"liquidated below {_values(strategies, _MARGIN)}"
    by = f"liquidated by maintenance brackets, {listed([*tables], _NAMED)}"
    rates = {100.0 * c["maintenance_rate"] for c in rows if "maintenance_rate" in c}
    if not rates:
        return by
    few = " or ".join(f"{_plain(rate)}{THIN}%" for rate in sorted(rates))
    return f"{by}, of other coins below {few}"


def _brackets(costs: Mapping[str, Any]) -> str:
    """`Binance's of 2024-09-27`; empty where maintenance is a rate."""
    table = costs.get("brackets")
    return "" if table is None else BracketTable.model_validate(table).words


def _leverage(strategies: Mapping[str, Any]) -> str:
    known = {stakes["leverage"] for stakes in strategies.values()}
    return "leverage tuned" if known == {None} else f"leverage {_values(strategies, _LEVERAGE)}"


def _capital(strategies: Mapping[str, Any]) -> str:
    kinds = {bool(stakes["compound"]) for stakes in strategies.values()}
    how = "" if len(kinds) > 1 else ", compounding" if kinds == {True} else ", fixed"
    return f"{_values(strategies, _CAPITAL)} a coin and book{how}"


def _rows(strategies: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], Any]]:
    """Strategy, coin, stakes and costs of each coin of each strategy."""
    for name, stakes in strategies.items():
        for coin, costs in stakes["costs"].items():
            yield name, coin, stakes, costs


def _values(strategies: Mapping[str, Any], quantity: _Quantity) -> str:
    """`2 bps (BTC, ETH), 5 bps (other coins)`; a range where there are many values."""
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
    return ", ".join([*named, f"{quantity.said(last)} ({rest})"])


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
