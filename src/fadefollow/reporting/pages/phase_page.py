"""The page of one phase: its story, its charts, its months, its trades, its splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from fadefollow.phases import STANCES
from fadefollow.reporting.charts.monthly import MonthlyTable, compounds, monthly_tables
from fadefollow.reporting.charts.performance import ClosedTrades, by_book, trade_lists
from fadefollow.reporting.charts.trades import TradeTable
from fadefollow.reporting.pages import figures as exhibits
from fadefollow.reporting.pages.answers import FEW_ANSWERS, Answer
from fadefollow.reporting.pages.budget import Budget
from fadefollow.reporting.pages.figures import Exhibit
from fadefollow.reporting.pages.split_tables import (
    FragilityTable,
    SplitTable,
    fragility_tables,
    split_tables,
)
from fadefollow.reporting.pages.trade_cards import Bars, TradeCard, trade_cards
from fadefollow.reporting.phase.curves import costs, holding
from fadefollow.reporting.phase.heatmap import HeatMap, heat_maps, of_verdict
from fadefollow.reporting.phase.ratios import RatioTable, falls, ratio_table, rolling
from fadefollow.reporting.phase.tiles import Tiles, tiles_of
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.formatting import Table
from fadefollow.reporting.text.phase_summary import Story, story_of
from fadefollow.results.notes import Line, note_lines
from fadefollow.verdict.model import RunResult


@dataclass(frozen=True)
class StanceTrades:
    """How the trades of one stance ended, and a card for each of the best and the worst."""

    stance: str
    exits: str
    best: tuple[TradeCard, ...]
    worst: tuple[TradeCard, ...]


@dataclass(frozen=True)
class Ledger:
    """The table of all trades of a phase, which the page's script draws."""

    coins: tuple[str, ...]  #: those of the verdict; empty: all
    said: str  #: what it holds, where that is not all
    lone: bool  #: some ended by a print that only one price series saw


@dataclass(frozen=True)
class Book:
    """What the phases of one strategy share: its equity and its months."""

    first: int  #: the number of its first phase, whose page holds the equity's data
    phases: int
    equity: Exhibit
    months: tuple[MonthlyTable, ...]
    hedged_months: tuple[MonthlyTable, ...]  #: the same against the market; empty without a hedge
    months_of: str  #: what a month's gain is a share of
    ratios: RatioTable | None  #: None of earlier versions, as the next two
    falls: Table | None
    rolling: Exhibit | None


@dataclass(frozen=True)
class PhasePage:
    """All about one phase of one strategy."""

    answer: Answer
    story: Story
    book: Book
    tiles: tuple[Tiles, ...]
    holding: Exhibit
    costs: Exhibit
    heat: tuple[HeatMap, ...]
    study: Exhibit
    gains: Exhibit | None  #: of this phase alone; None where it is its strategy's only one
    split: Exhibit
    returns: Exhibit
    trades: tuple[StanceTrades, ...]
    ledger: Ledger | None  #: None where nothing was traded
    splits: SplitTable | None
    fragility: FragilityTable | None
    notes: tuple[Line, ...]  #: those on its strategy
    printed: bool  #: whether it is printed after the overview

    @property
    def equity_of(self) -> str:
        """The chart whose data the equity of this page shares; empty if it has its own."""
        return "" if self.book.first == self.answer.number else f"equity-{self.book.first}"

    @property
    def rolling_of(self) -> str:
        """The same of the rolling ratios."""
        return "" if self.book.first == self.answer.number else f"rolling-{self.book.first}"

    @property
    def name(self) -> str:
        """Its id on the page: `phase-3`."""
        return f"phase-{self.answer.number}"

    @property
    def figures_id(self) -> str:
        """The id of its figures' data."""
        return f"{self.name}-figures"

    @property
    def books_figures(self) -> str:
        """The id of the data that holds its equity and rolling ratios."""
        return f"phase-{self.book.first}-figures"

    @property
    def figures(self) -> str:
        """Its figures' data as JSON: by the id of the chart."""
        own: dict[str, Exhibit | None] = {
            "study": self.study,
            "holding": self.holding,
            "costs": self.costs,
            "gains": self.gains,
            "split": self.split,
            "returns": self.returns,
        }
        if not self.equity_of:
            own |= {"equity": self.book.equity, "rolling": self.book.rolling}
        told = (
            f'"{name}-{self.answer.number}":{item.island}'
            for name, item in own.items()
            if item is not None and item.island is not None
        )
        return "{" + ",".join(told) + "}"


def phase_pages(
    run: RunResult, answers: tuple[Answer, ...], budget: Budget, table: TradeTable
) -> tuple[PhasePage, ...]:
    """A page for each answer, in their order.

    Args:
        run: what it is about.
        answers: its verdicts in the order shown.
        budget: how much each chart may hold.
        table: the run's trades.
    """
    trades, bars = ClosedTrades(run), Bars(run.prices)
    books = _books(run, answers, budget)
    splits, fragility = split_tables(run), fragility_tables(run)
    maps = heat_maps(run)
    leans = leans_of(run.phases)
    pages = []
    for answer in answers:
        verdict = answer.verdict
        key, book = (verdict.strategy, verdict.phase), books[verdict.strategy]
        pages.append(
            PhasePage(
                answer=answer,
                story=story_of(run, answer, leans.get((verdict.signal, verdict.phase))),
                book=book,
                tiles=tiles_of(run, verdict),
                holding=holding(run, verdict),
                costs=costs(run, verdict),
                heat=of_verdict(maps, verdict),
                study=exhibits.studied(run, verdict, budget),
                gains=exhibits.earned(trades, verdict) if book.phases > 1 else None,
                split=exhibits.split(verdict),
                returns=exhibits.returns(trades, verdict),
                trades=tuple(_trades(trades, answer, stance, bars) for stance in STANCES),
                ledger=_ledger(table, answer),
                splits=splits.get(key),
                fragility=fragility.get(key),
                notes=note_lines(run.notes, of=verdict.strategy),
                printed=answer.told or len(answers) <= FEW_ANSWERS,
            )
        )
    return tuple(pages)


def leans_of(events: pd.DataFrame) -> Mapping[tuple[str, str], tuple[int, str]]:
    """By signal and phase, the side and the name of those who lean."""
    first = events.drop_duplicates(["signal", "phase"])
    columns = (first[name] for name in ("signal", "phase", "lean", "actor"))
    rows = zip(*columns, strict=True)
    return {(str(s), str(p)): (int(lean), str(actor)) for s, p, lean, actor in rows}


def _books(run: RunResult, answers: tuple[Answer, ...], budget: Budget) -> dict[str, Book]:
    curves, rolled = exhibits.equity(run, budget), by_book(run.rolling)
    phases = Counter(a.verdict.strategy for a in answers)
    firsts = {a.verdict.strategy: a.number for a in reversed(answers)}
    none = Exhibit("Equity and drawdown", "It was not traded.")
    return {
        name: Book(
            firsts[name],
            count,
            curves.get(name, none),
            monthly_tables(run, name),
            monthly_tables(run, name, "hedged"),
            "what the account was worth when it began" if compounds(run, name) else "the capital",
            ratio_table(run, name),
            falls(run, name),
            rolling(rolled.get(name, {})),
        )
        for name, count in phases.items()
    }


def _ledger(table: TradeTable, answer: Answer) -> Ledger | None:
    verdict = answer.verdict
    groups = table.of(verdict.strategy, verdict.phase)
    if not groups:
        return None
    cut = [
        f"{text.fixed(kept.held)} of {text.count(kept.total, f'{stance} trade')}: the "
        f"{text.fixed(kept.each)} best, the {text.fixed(kept.each)} worst and the "
        f"{text.fixed(kept.each)} latest"
        for stance, kept in groups.items()
        if kept.held < kept.total
    ]
    said = f"Held here are {'; '.join(cut)}. All are in trades.parquet." if cut else ""
    rows = {row for kept in groups.values() for row in range(kept.first, kept.last)}
    part = verdict.symbols if verdict.split and verdict.symbols else ()
    return Ledger(tuple(part), said, bool(rows & table.lone))


def _trades(trades: ClosedTrades, answer: Answer, stance: str, bars: Bars) -> StanceTrades:
    lists = trade_lists(trades, answer.verdict, stance)
    ends = ", ".join(f"{reason} ({text.fixed(n)})" for reason, n in lists.exits.items())
    return StanceTrades(
        stance=stance,
        exits=f"Trades ended by {ends}." if ends else "",
        best=trade_cards(lists.best, bars),
        worst=trade_cards(lists.worst, bars),
    )
