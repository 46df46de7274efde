"""Exhibits: a chart, what it shows in words, and the same as a table."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fadefollow.phases import STANCES
from fadefollow.reporting.budget import Budget
from fadefollow.reporting.charts import (
    Chart,
    coverage_chart,
    equity_chart,
    returns_chart,
    split_chart,
    study_chart,
)
from fadefollow.reporting.coverage import CoverageFigure
from fadefollow.reporting.performance import (
    PARTS,
    EquityFigure,
    equity_figures,
    returns_figure,
    split_figure,
)
from fadefollow.reporting.price_chart import price_chart
from fadefollow.reporting.prices import PriceFigure, price_figure
from fadefollow.reporting.text import (
    DASH,
    MINUS,
    THIN,
    Table,
    count,
    fixed,
    money,
    percent,
    plain_bps,
    titled,
    when,
)
from fadefollow.verdict.model import EventStudy, RunResult, Verdict


@dataclass(frozen=True)
class Exhibit:
    """One figure of the report; without a chart, `caption` says why there is none."""

    title: str
    caption: str
    table: Table | None = None
    island: Markup | None = None
    height: int = 0


def exhibit(title: str, caption: str, chart: Chart, table: Table) -> Exhibit:
    """A drawn figure."""
    return Exhibit(title, caption, table, chart.island(), chart.height)


def market(run: RunResult, budget: Budget, strategies: tuple[str, ...] = ()) -> tuple[Exhibit, ...]:
    """One exhibit a coin: its price with phases and trades."""
    found = next((v.verdict for v in run.verdicts if v.verdict in STANCES), "fade")
    figures = (price_figure(run, symbol, budget) for symbol in run.prices)
    return tuple(
        exhibit(
            f.symbol,
            _market_caption(f, found),
            price_chart(f, shown=found, strategies=strategies),
            _lanes(f),
        )
        if f.close.time.size
        else Exhibit(f.symbol, "This coin has no bars in the range of the run.")
        for f in figures
    )


def equity(run: RunResult, budget: Budget) -> dict[str, Exhibit]:
    """By strategy, equity and drawdown of both stances."""
    title = "Equity and drawdown"
    caption = (
        "Gain on fixed capital, marked to market at the end of each UTC day, net of all costs; "
        "below, the fall from the last peak, in the same unit."
    )
    figures = equity_figures(run, points=budget.equity_points)
    return {
        f.strategy: exhibit(title, caption, equity_chart(f), _years(f))
        if f.curves
        else Exhibit(title, "Neither stance was traded: there is no equity to show.")
        for f in figures
    }


def split(verdict: Verdict, *, alone: bool = False) -> Exhibit:
    """What price, funding, fees, slippage and liquidation contributed."""
    return _split(verdict, _named("Where the money came from and went", verdict, alone))


def studied(run: RunResult, verdict: Verdict, budget: Budget, *, alone: bool = False) -> Exhibit:
    """Returns after the phase against the placebo."""
    title = _named("What price did after the phase", verdict, alone)
    for study in run.event_studies:
        if (study.strategy, study.phase) == (verdict.strategy, verdict.phase):
            return _study(study, title, budget.study_points)
    return Exhibit(title, "No event study was made: there were no events.")


def _named(title: str, verdict: Verdict, alone: bool) -> str:
    """A title, with the phase where its strategy has several."""
    return title if alone else f"{titled(verdict.phase)}: {title[0].lower()}{title[1:]}"


def returns(run: RunResult, verdict: Verdict, *, alone: bool = False) -> Exhibit:
    """How the returns of one phase's trades are spread."""
    figure = returns_figure(run, verdict)
    title = _named("How the trades ended up", verdict, alone)
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
    return exhibit(title, caption, coverage_chart(figure), table)


def _market_caption(figure: PriceFigure, shown: str) -> str:
    parts = [
        "Below the price, a triangle for each detected phase, pointing the way the crowd leans"
        + (" (thick strokes: where the lab planted it)." if _is_planted(figure) else "."),
    ]
    if figure.trades:
        parts.append(
            "On the price, each trade from entry to exit: ▲ bought, ▼ sold short, filled if it "
            f"gained, hollow if it lost. {titled(shown)} is shown first; the legend switches."
        )
    for marks in figure.trades:
        if marks.left_out:
            drawn = count(marks.left_out, f"smaller {marks.stance} trade")
            parts.append(f"{drawn} not drawn.")
    return " ".join(parts)


def _is_planted(figure: PriceFigure) -> bool:
    return any(len(lane.planted) for lane in figure.lanes)


def _lanes(figure: PriceFigure) -> Table:
    leans = {1: "long", -1: "short", 0: DASH}
    planted = _is_planted(figure)
    rows = []
    for lane in figure.lanes:
        traded = [sum(p == lane.phase for t in figure.trades for p in t.phase if t.stance == s)
                  for s in STANCES]  # fmt: skip
        row = [titled(lane.phase), leans[lane.lean], fixed(lane.seen)]
        row += [fixed(len(lane.planted))] if planted else []
        rows.append((*row, *(fixed(n) for n in traded)))
    head = ["Phase", "Lean", "Detected", *(["Planted"] if planted else [])]
    return Table((*head, "Fade trades", "Follow trades"), tuple(rows))


def _years(figure: EquityFigure) -> Table:
    years = sorted({year for curve in figure.curves for year in curve.years})
    gains = [curve.years for curve in figure.curves]
    rows = tuple(
        (str(y), *(percent(g[y], sign=True) if y in g else DASH for g in gains)) for y in years
    )
    return Table(("Year", *(titled(c.stance) for c in figure.curves)), rows)


def _split(verdict: Verdict, title: str) -> Exhibit:
    figure = split_figure(verdict)
    if not any(any(values) for values in figure.parts.values()):
        return Exhibit(title, "Neither stance has a counted trade: there is no P&L to split.")
    rows = [
        (titled(part), *(money(values[i]) for values in figure.parts.values()))
        for i, part in enumerate(PARTS)
    ]
    rows.append(("Net", *(money(sum(values)) for values in figure.parts.values())))
    head = ("Part", *(f"{titled(stance)} (quote currency)" for stance in figure.parts))
    caption = "From price to net: each bar begins where the one above it ended."
    return exhibit(title, caption, split_chart(figure), Table(head, tuple(rows)))


def _study(study: EventStudy, title: str, points: int) -> Exhibit:
    if not study.hours or not study.n_events:
        return Exhibit(title, "There are no events to study.")
    step = max(-(-len(study.hours) // 12), 1)
    places = sorted({*range(0, len(study.hours), step), len(study.hours) - 1})
    rows = tuple(
        (
            f"{fixed(study.hours[i])}{THIN}h",
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
    return exhibit(title, caption, study_chart(study, points=points), Table(head, rows))
