"""The numbers of a verdict as rows of a table: each stance in each book."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.text.answers import blocks_text, books_of
from fadefollow.reporting.text.formatting import (
    DASH,
    THIN,
    TOO_SMALL,
    Cell,
    bps,
    cell,
    chance,
    cost,
    count,
    drawdown,
    fixed,
    hours,
    interval,
    percent,
    plain_bps,
    ratio,
    size,
)
from fadefollow.verdict.model import NOWHERE, Interval, NotTraded, StanceResult, Verdict

Column = tuple[Stance, BookName]
#: how a placebo is made, in a word or two
PLACEBOS = {"time": "shifted in time", "coins": "given to other coins"}


@dataclass(frozen=True)
class Metric:
    """One row: the key of its explanation in the glossary, and the number of each column."""

    term: str
    cells: Mapping[Column, Cell]
    title: str = ""  #: of the rows that begin here


def columns(verdict: Verdict) -> tuple[Column, ...]:
    """The columns of a verdict's numbers: each stance in each book in which anything was traded."""
    return tuple((stance, book) for stance in STANCES for book in books_of([verdict]))


def metrics(verdict: Verdict, *, needed: float) -> tuple[Metric, ...]:
    """All numbers of both stances in each book; parts that no book has are left out.

    Args:
        verdict: whose.
        needed: blocks that may decide in its run.
    """
    shown = columns(verdict)
    hedged = any(book == "hedged" for _, book in shown)
    rows = []
    for title, group in _GROUPS.items():
        for place, (term, show) in enumerate(group):
            if term in _HEDGE_PARTS and not hedged:
                continue
            cells = {key: _shown(verdict.result(*key), show, needed) for key in shown}
            rows.append(Metric(term, cells, "" if place else title))
    return tuple(rows)


def reason(stance: StanceResult | NotTraded) -> str:
    """Why a stance lacks a number."""
    if isinstance(stance, NotTraded):
        return f"not traded: {stance.reason}"
    return "no trades" if stance.n_trades == 0 else TOO_SMALL


def interval_cell(pair: Interval, *, why: str = TOO_SMALL) -> Cell:
    """An interval with its unit, or a dash and the reason."""
    text = interval(pair)
    return Cell(DASH, why) if DASH in text else Cell(f"{text}\u202fbps")


def _shown(stance: StanceResult | NotTraded, show: Show, needed: float) -> Cell:
    return Cell(DASH, reason(stance)) if isinstance(stance, NotTraded) else show(stance, needed)


def _ranged(mean: float, pair: Interval, *, why: str) -> Cell:
    """A mean with its interval, bps."""
    shown = interval(pair)
    known = cell(bps, mean, why=why)
    return known if known.why or DASH in shown else Cell(f"{known.text} {shown}")


def _placebo(stance: StanceResult) -> Cell:
    """The placebo's mean, and how it was made."""
    mean = cell(bps, stance.placebo_mean_bps, why=reason(stance))
    if mean.why or stance.placebo is None:
        return mean
    return Cell(f"{mean.text}, {PLACEBOS[stance.placebo.kind]}")


def _reach(stance: StanceResult) -> Cell:
    """How far shifted events lie from their own time, and how many could be moved."""
    made = stance.placebo
    if made is None:
        return Cell(DASH, reason(stance) if not stance.n_trades else "no placebo could be made")
    kept = "" if made.kept >= 1.0 else f", {percent(made.kept, 0)} of the events could be moved"
    if made.kind == "coins":
        return Cell(f"the event's own hour{kept}")
    return cell(lambda x: f"{fixed(x)}{THIN}days{kept}", made.reach_days, why="not known")


def _adjusted(stance: StanceResult) -> Cell:
    """The corrected p, and over how many questions it is corrected."""
    shown = _p(stance, stance.p_adjusted, stance.p_adjusted_error)
    if shown.why or stance.placebo is None or not stance.placebo.questions:
        return shown
    return Cell(f"{shown.text} of {count(stance.placebo.questions, 'question')}")


def _shrunken(stance: StanceResult) -> Cell:
    return _ranged(stance.shrunken_bps, stance.shrunken_ci_bps, why="fewer than two coins can say")


def _p(stance: StanceResult, p: float, error: float) -> Cell:
    """A p-value, ± what its number of draws leaves."""
    shown = cell(chance, p, why=reason(stance))
    return shown if shown.why or not error > 0.0 else Cell(f"{shown.text} ± {error:.1g}")


def _capacity(stance: StanceResult) -> Cell:
    """The order size over all coins, then coin by coin."""
    if not stance.capacity_by_coin:
        return Cell(DASH, reason(stance) if not stance.n_trades else "no volume is known")
    coins = [f"{c.symbol} {size(c.quote)}" for c in stance.capacity_by_coin]
    named = ", ".join(coins) if len(coins) <= 6 else f"{len(coins)} coins"
    median = f"; median {size(stance.capacity_median_quote)}" if len(coins) > 1 else ""
    if not stance.capacity_quote > 0.0:
        return Cell(DASH, f"no net edge to be eaten ({named})")
    sizes = f"{size(stance.capacity_quote)}{median} ({named})"
    if stance.word != "pays":
        why = "not shown to pay, so that no size is worth trading"
        return Cell(DASH, f"{why}; at the mean as seen {sizes}")
    return Cell(sizes)


def _deflated(stance: StanceResult) -> Cell:
    if not stance.n_trials_known:
        return Cell(DASH, "the trials on this data were not counted")
    shown = cell(chance, stance.deflated_sharpe, why=reason(stance))
    return shown if shown.why else Cell(f"{shown.text} ({count(stance.n_trials_known, 'trial')})")


Show = Callable[[StanceResult, float], Cell]


def _of(show: Callable[[StanceResult], Cell]) -> Show:
    """What does not need to know how many blocks may decide."""
    return lambda stance, _: show(stance)


def _number(show: Callable[[float], str], name: str) -> Show:
    """One field as `show` writes it."""
    return lambda stance, _: cell(show, float(getattr(stance, name)), why=reason(stance))


def _part(name: str) -> Show:
    """A part of the mean without an interval, bps a trade."""
    return lambda stance, _: cell(bps, getattr(stance.parts_bps, name), why=reason(stance))


#: what only a hedged book has
_HEDGE_PARTS = ("part_hedge", "part_market")
#: title → glossary key and how a traded stance shows it
_GROUPS: Mapping[str, tuple[tuple[str, Show], ...]] = {
    "The answer": (
        ("word", _of(lambda s: Cell(s.word))),
        ("trades", _of(lambda s: Cell(fixed(s.n_trades)))),
        ("mean", _number(bps, "mean_net_bps")),
        ("ci", _of(lambda s: interval_cell(s.ci_bps, why=reason(s)))),
        ("band", _of(lambda s: interval_cell(s.band_bps, why=reason(s)))),
        ("detectable", _number(cost, "detectable_bps")),
        ("blocks", lambda s, needed: _blocks(s, needed)),
    ),
    "Parts of the mean, a trade": (
        (
            "part_price",
            _of(lambda s: _ranged(s.parts_bps.price, _own_price(s), why=reason(s))),
        ),
        ("part_hedge", _part("hedge")),
        (
            "part_market",
            _of(lambda s: _ranged(_beyond(s), _market(s), why="this book has no hedge")),
        ),
        (
            "part_funding",
            _of(lambda s: _ranged(s.parts_bps.funding, s.funding_ci_bps, why=reason(s))),
        ),
        ("part_fees", _part("fees")),
        ("part_slippage", _part("slippage")),
        ("part_liquidation", _part("liquidation")),
    ),
    "Controls": (
        ("anyhour", _number(bps, "anyhour_mean_bps")),
        ("placebo", _of(lambda s: _placebo(s))),
        ("reach", _of(lambda s: _reach(s))),
        ("p_placebo", _of(lambda s: _p(s, s.p_placebo, s.p_placebo_error))),
        ("p_adjusted", _of(lambda s: _adjusted(s))),
        (
            "momentum",
            _of(lambda s: _ranged(s.momentum_mean_bps, s.momentum_ci_bps, why=reason(s))),
        ),
    ),
    "For reading only": (
        ("shrunken", _of(lambda s: _shrunken(s))),
        ("spread", _number(lambda x: f"± {plain_bps(x, sign=False)}{THIN}bps", "spread_bps")),
        ("sharpe", _number(ratio, "sharpe")),
        ("deflated", _of(lambda s: _deflated(s))),
        ("drawdown", _of(lambda s: cell(drawdown, s.max_drawdown, why=reason(s)))),
        ("breakeven", _number(cost, "breakeven_cost_bps")),
        ("capacity", _of(lambda s: _capacity(s))),
        ("win_rate", _number(lambda x: percent(x, 0), "win_rate")),
        ("hold", _number(hours, "mean_hold_hours")),
        ("a_year", _number(lambda x: fixed(x, 0 if x >= 10 else 1), "trades_a_year")),
        ("in_market", _number(percent, "time_in_market")),
        ("liquidated", _of(lambda s: Cell(fixed(s.n_liquidated)))),
    ),
}


def _own_price(stance: StanceResult) -> Interval:
    """The price part's interval; in the hedged book it is that of price and hedge together."""
    return NOWHERE if _is_hedged(stance) else stance.price_ci_bps


def _market(stance: StanceResult) -> Interval:
    return stance.price_ci_bps if _is_hedged(stance) else NOWHERE


def _beyond(stance: StanceResult) -> float:
    """Price and hedge together: what the coin did beyond the market."""
    return stance.parts_bps.price + stance.parts_bps.hedge if _is_hedged(stance) else math.nan


def _is_hedged(stance: StanceResult) -> bool:
    return stance.parts_bps.hedge != 0.0 and not math.isnan(stance.parts_bps.hedge)


def _blocks(stance: StanceResult, needed: float) -> Cell:
    shown = blocks_text(stance.blocks, needed, stance.block_days)
    return Cell(DASH, reason(stance)) if shown == DASH else Cell(shown)
