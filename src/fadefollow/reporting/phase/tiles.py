"""The tiles of a phase's page: seven figures of each stance in each book, each of one scope."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.text.answers import BOOKS, books_of, read_from
from fadefollow.reporting.text.formatting import (
    DASH,
    Cell,
    bps,
    cell,
    cost,
    fixed,
    interval,
    percent,
)
from fadefollow.reporting.text.metrics import reason
from fadefollow.verdict.exploratory import BookRatios
from fadefollow.verdict.model import RunResult, StanceResult, Verdict

Scope = Literal["phase", "strategy"]


@dataclass(frozen=True)
class Tile:
    """One figure: its value, what is to be known of it, and what it is of."""

    term: str  #: of the glossary
    label: str
    value: Cell
    note: str = ""
    scope: Scope = "phase"


@dataclass(frozen=True)
class Tiles:
    """All tiles of one stance in one book."""

    stance: Stance
    book: BookName
    label: str
    word: str
    tiles: tuple[Tile, ...]
    asked: bool  #: whether the claim is about it, in the book that speaks


def tiles_of(run: RunResult, verdict: Verdict) -> tuple[Tiles, ...]:
    """The tiles of every stance and book that was traded, the one that the claim rests on first."""
    ratios = {(r.strategy, r.stance, r.book): r for r in run.ratios}
    speaks = verdict.fates.book or "outright"
    made = [
        _of(run, verdict, (stance, book), one, ratios)
        for stance in STANCES
        for book in books_of([verdict])
        if isinstance(one := verdict.result(stance, book), StanceResult)
    ]
    claimed = "fade" if verdict.claim == "disputed" else verdict.claim
    order = sorted(made, key=lambda t: (t.stance != claimed, t.book != speaks))
    return tuple(order)


def _of(
    run: RunResult,
    verdict: Verdict,
    key: tuple[Stance, BookName],
    one: StanceResult,
    ratios: Mapping[tuple[str, str, str], BookRatios],
) -> Tiles:
    stance, book = key
    why = reason(one)
    several = len(books_of([verdict])) > 1
    band = interval(read_from(one))
    of_book = ratios.get((verdict.strategy, stance, book))
    tiles = (
        Tile("mean", "a trade", cell(bps, one.mean_net_bps, why=why), "" if DASH in band else band),
        Tile(
            "a_year",
            "trades a year",
            cell(lambda x: fixed(x, 0 if x >= 10 else 1), one.trades_a_year, why=why),
            "all coins",
        ),
        Tile(
            "gain_a_year",
            "a year on capital",
            cell(lambda x: percent(x, sign=True), _a_year(run, verdict, one), why=why),
            "mean × trades, a coin",
        ),
        Tile("in_market", "of the time in the market", cell(percent, one.time_in_market, why=why)),
        Tile(
            "drawdown",
            "worst drawdown",
            cell(percent, one.max_drawdown, why=why),
            "account gone, fixed capital" if one.max_drawdown <= -1.0 else "",
        ),
        Tile(
            "win_rate",
            "of trades won",
            cell(lambda x: percent(x, 0), one.win_rate, why=why),
        ),
        Tile(
            "breakeven",
            "break-even cost",
            cell(cost, one.breakeven_cost_bps, why=why),
            _paid(one),
        ),
        *_of_strategy(of_book),
    )
    label = f"{stance.capitalize()}{f' {BOOKS[book]}' if several else ''}"
    claimed = verdict.claim in ("disputed", stance)
    asked = claimed and book == (verdict.fates.book or "outright")
    return Tiles(stance, book, label, one.word, tiles, asked)


def _paid(one: StanceResult) -> str:
    paid = one.breakeven_cost_bps - one.mean_net_bps
    return f"paid {cost(paid)}" if math.isfinite(paid) else ""


def _a_year(run: RunResult, verdict: Verdict, one: StanceResult) -> float:
    """What the phase's trades added to one coin's capital in a year, a fraction."""
    stakes = run.assumptions.get("strategies", {}).get(verdict.strategy, {})
    weight = stakes.get("weight") or 1.0
    if not verdict.symbols:
        return math.nan
    return one.mean_net_bps / 1e4 * one.trades_a_year * float(weight) / len(verdict.symbols)


def _of_strategy(ratios: BookRatios | None) -> tuple[Tile, ...]:
    """Of the whole strategy, where the run has them."""
    if ratios is None:
        return ()
    return (
        Tile(
            "gain_a_year",
            "a year on capital",
            cell(lambda x: percent(x, sign=True), ratios.gain_a_year),
            "marked to market",
            "strategy",
        ),
    )
