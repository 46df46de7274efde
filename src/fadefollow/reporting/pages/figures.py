"""Exhibits: a chart, what it shows in words, and the same as a table."""

from __future__ import annotations

from collections import Counter

from fadefollow.reporting.charts.charts import (
    coverage_chart,
    equity_chart,
    gain_chart,
    returns_chart,
    split_chart,
    study_chart,
)
from fadefollow.reporting.charts.exhibit import Exhibit, exhibit
from fadefollow.reporting.charts.performance import (
    PARTS,
    ClosedTrades,
    EquityFigure,
    equity_figures,
    gain_figure,
    returns_figure,
    split_figure,
)
from fadefollow.reporting.pages.budget import Budget
from fadefollow.reporting.pages.coverage import CoverageFigure
from fadefollow.reporting.pages.market_page import market
from fadefollow.reporting.phase.curves import hold_hours
from fadefollow.reporting.text.answers import BOOKS, books_of
from fadefollow.reporting.text.formatting import (
    DASH,
    MINUS,
    THIN,
    Table,
    count,
    hours,
    money,
    percent,
    plain_bps,
    titled,
    when,
)
from fadefollow.verdict.model import EventStudy, RunResult, Verdict

__all__ = [
    "Exhibit",
    "covered",
    "earned",
    "equity",
    "exhibit",
    "market",
    "returns",
    "split",
    "studied",
]


def equity(run: RunResult, budget: Budget) -> dict[str, Exhibit]:
    """By strategy, equity and drawdown of both stances in each book."""
    title = "Equity and drawdown"
    figures = equity_figures(run, points=budget.equity_points)
    phases = Counter(v.strategy for v in run.verdicts)
    whose = {f.strategy: _of_all(phases[f.strategy]) for f in figures}
    return {
        f.strategy: exhibit(
            title, whose[f.strategy] + _gained(f) + _drawn(f), equity_chart(f), _years(f)
        )
        if f.curves
        else Exhibit(title, "Neither stance was traded: there is no equity to show.")
        for f in figures
    }


def _gained(figure: EquityFigure) -> str:
    capital, fall = (
        ("what the account began with, positions growing with gains", "as a share of that peak")
        if figure.compound
        else ("fixed capital", "in the same unit")
    )
    means = (
        "; at the bottom, as of each week, the mean gain of the last 365 days, a year"
        if figure.means
        else ""
    )
    return (
        f"Gain on {capital}, marked to market at the end of each UTC day, net of all costs; "
        f"below, the fall from the last peak, {fall}{means}."
    )


def _drawn(figure: EquityFigure) -> str:
    drawn = " Full: against the market; dotted: outright." if figure.hedged else ""
    held = " Grey: an equal amount in each of the same coins, held." if figure.held else ""
    return drawn + held


def _of_all(phases: int) -> str:
    return f"Of the whole strategy, its {phases} phases together. " if phases > 1 else ""


def split(verdict: Verdict) -> Exhibit:
    """What price, funding, fees, slippage, liquidation and hedge contributed."""
    return _split(verdict, "Where the money came from and went")


def studied(run: RunResult, verdict: Verdict, budget: Budget) -> Exhibit:
    """Returns after the phase against the placebo."""
    title = "What price did after the phase"
    for study in run.event_studies:
        if (study.strategy, study.phase) == (verdict.strategy, verdict.phase):
            return _study(study, title, budget.study_points, hold_hours(run, verdict.strategy))
    return Exhibit(title, "No event study was made: there were no events.")


def earned(trades: ClosedTrades, verdict: Verdict) -> Exhibit:
    """What this phase's trades alone earned, one after the other."""
    title = "This phase's own trades"
    figure = gain_figure(trades, verdict)
    if not figure.lines:
        return Exhibit(title, "There are no closed trades.")
    caption = (
        "Net P&L of this phase's closed trades added up, each booked when it was left (UTC); "
        "without those of the strategy's other phases."
    )
    rows = tuple(
        (titled(s), when(line.time[0] * 1e6), when(line.time[-1] * 1e6), money(line.value[-1]))
        for s, line in figure.lines.items()
    )
    head = ("Stance", "First entry (UTC)", "Last exit (UTC)", "Net, quote currency")
    return exhibit(title, caption, gain_chart(figure), Table(head, rows))


def returns(trades: ClosedTrades, verdict: Verdict) -> Exhibit:
    """How the returns of one phase's trades are spread."""
    figure = returns_figure(trades, verdict)
    title = "How the trades ended up"
    if not figure.counts:
        return Exhibit(title, "There are no closed trades.")
    head = ("Stance", "5\u202f%", "25\u202f%", "median", "75\u202f%", "95\u202f%")
    rows = tuple(
        (titled(s), *(f"{plain_bps(q)}{THIN}bps" for q in qs)) for s, qs in figure.quantiles.items()
    )
    caption = "Number of trades by net return; the outermost steps hold all trades beyond."
    return exhibit(title, caption, returns_chart(figure), Table(head, rows))


def covered(figure: CoverageFigure) -> Exhibit:
    """What the data covers."""
    title = "What the data covers"
    if not figure.spans:
        return Exhibit(title, "The data set declares no coverage.")
    rows = tuple(
        (s.symbol, s.stream, when(s.start), when(s.end), s.note or DASH) for s in figure.spans
    )
    table = Table(("Coin", "Stream", "From (UTC)", "To (UTC)", "Notes"), rows)
    caption = "Each bar is the time one stream covers; strokes mark holes in the price bars."
    return exhibit(title, caption, coverage_chart(figure.drawn), table)


def _years(figure: EquityFigure) -> Table:
    years = sorted({year for curve in figure.curves for year in curve.years})
    gains = [curve.years for curve in figure.curves]
    rows = tuple(
        (str(y), *(percent(g[y], sign=True) if y in g else DASH for g in gains)) for y in years
    )
    names = (
        titled(c.stance) + (f" {BOOKS[c.book]}" if figure.hedged else "") for c in figure.curves
    )
    return Table(("Year", *names), rows)


def _split(verdict: Verdict, title: str) -> Exhibit:
    books = books_of([verdict])
    figures = {book: split_figure(verdict, book) for book in books}
    if not any(any(values) for f in figures.values() for values in f.parts.values()):
        return Exhibit(title, "Neither stance has a counted trade: there is no P&L to split.")
    speaks = verdict.fates.book or "outright"
    drawn = figures.get(speaks, figures["outright"])
    columns = {
        (stance, book): values
        for book, figure in figures.items()
        for stance, values in figure.parts.items()
    }
    shown = [i for i, part in enumerate(PARTS) if part != "hedge" or len(books) > 1]
    show = plain_bps if drawn.unit == "bps a trade" else money
    rows = [(titled(PARTS[i]), *(show(values[i]) for values in columns.values())) for i in shown]
    rows.append(("Net", *(show(sum(values)) for values in columns.values())))
    several = len(books) > 1
    head = (
        "Part",
        *(
            f"{titled(stance)}{f' {BOOKS[book]}' if several else ''}, {drawn.unit}"
            for stance, book in columns
        ),
    )
    whiskers = (
        " Whiskers: intervals of price, funding and net." if any(drawn.intervals.values()) else ""
    )
    caption = f"From price to net: each bar begins where the one above it ended.{whiskers}" + (
        f" Drawn is the book {BOOKS[drawn.book]}; the table has both." if several else ""
    )
    return exhibit(title, caption, split_chart(drawn), Table(head, tuple(rows)))


def _study(study: EventStudy, title: str, points: int, hold: float) -> Exhibit:
    if not study.hours or not study.n_events:
        return Exhibit(title, "There are no events to study.")
    step = max(-(-len(study.hours) // 12), 1)
    places = sorted({*range(0, len(study.hours), step), len(study.hours) - 1})
    rows = tuple(
        (
            hours(study.hours[i]),
            *(
                plain_bps(line[i])
                for line in (
                    study.mean_bps,
                    study.placebo_mean_bps,
                    study.placebo_low_bps,
                    study.placebo_high_bps,
                    *((study.momentum_mean_bps,) if study.momentum_mean_bps else ()),
                )
            ),
        )
        for i in places
    )
    band = (f"2.5{THIN}%, bps", f"97.5{THIN}%, bps")
    like = ("Like momentum, bps",) if study.momentum_mean_bps else ()
    head = ("After", "Phase, bps", "Placebo mean, bps", *band, *like)
    caption = (
        f"Mean cumulative return over {count(study.n_events, 'event')} in the lean's direction, "
        "net of funding, before fees and slippage. Inside the grey band, the phase did no more "
        f"than shifted times do. Below zero ({MINUS}), fading gains."
        + (
            " Dashed: all bars of the same coins that had moved as much before."
            if study.momentum_mean_bps
            else ""
        )
    )
    return exhibit(title, caption, study_chart(study, points=points, hold=hold), Table(head, rows))
