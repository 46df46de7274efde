"""Equity of the same book in several runs on one chart, and the same as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fadefollow.engine.model import BOOKS, BookName
from fadefollow.phases import STANCES
from fadefollow.reporting.charts.charts import Chart, axis, layout
from fadefollow.reporting.charts.downsample import clock, packed
from fadefollow.reporting.charts.exhibit import Exhibit, exhibit
from fadefollow.reporting.charts.performance import EquityCurve, equity_figures
from fadefollow.reporting.comparison.comparison import LETTERS, Stored
from fadefollow.reporting.text.answers import BOOKS as BOOK_NAMES
from fadefollow.reporting.text.formatting import DASH, THIN, Table, percent, titled

#: points drawn on all charts together, and on one curve at most and at least
_ALL_POINTS, _MOST, _LEAST = 160_000, 700, 120
#: fade and follow have colours of their own: runs get others, the later ones dashed
_COLOURS = ("ink", "long", "short", "muted")

Curves = tuple[tuple[str, EquityCurve], ...]  #: with the run's letter


@dataclass(frozen=True)
class Books:
    """The books of one strategy that at least two runs have."""

    strategy: str
    exhibits: tuple[Exhibit, ...]  #: one a stance and book
    open: bool  #: shown at once


def books(runs: Sequence[Stored], shown: Sequence[str]) -> tuple[Books, ...]:
    """Equity by strategy, stance and book, where at least two runs traded it.

    Args:
        runs: two or more.
        shown: strategies that are shown at once.
    """
    columns = sum(len(one.run.equity.columns) + len(one.run.hedged_equity.columns) for one in runs)
    points = min(max(_ALL_POINTS // max(columns, 1), _LEAST), _MOST)
    found: dict[tuple[str, str, BookName], list[tuple[str, EquityCurve]]] = {}
    for one in runs:
        for figure in equity_figures(one.run, points=points):
            for curve in figure.curves:
                key = figure.strategy, curve.stance, curve.book
                found.setdefault(key, []).append((one.letter, curve))
    drawn = {key: tuple(curves) for key, curves in found.items() if _worth(curves)}
    strategies = dict.fromkeys(strategy for strategy, _, _ in drawn)
    hedged = any(book == "hedged" for _, _, book in drawn)
    return tuple(
        Books(
            strategy,
            tuple(
                _exhibit(
                    f"{stance} {BOOK_NAMES[book]}" if hedged else stance,
                    drawn[strategy, stance, book],
                )
                for stance in STANCES
                for book in BOOKS
                if (strategy, stance, book) in drawn
            ),
            strategy in shown,
        )
        for strategy in strategies
    )


def _worth(curves: Sequence[tuple[str, EquityCurve]]) -> bool:
    """Whether two runs have it, and one of them traded."""
    return len(curves) > 1 and any(curve.gain.any() for _, curve in curves)


def _exhibit(stance: str, curves: Curves) -> Exhibit:
    caption = (
        "Gain on the first capital, marked to market at the end of each UTC day, net of costs."
    )
    return exhibit(titled(stance), caption, _chart(curves), _table(curves))


def _chart(curves: Curves) -> Chart:
    data = [_trace(letter, curve) for letter, curve in curves]
    shape = layout(
        xaxis=axis(type="date", showgrid=False),
        yaxis=axis("gain, % of capital", zeroline=True),
        hovermode="x unified",
        showlegend=True,
    )
    return Chart(data, shape, 300)


def _trace(letter: str, curve: EquityCurve) -> dict[str, Any]:
    place = LETTERS.index(letter)
    dash = "solid" if place < len(_COLOURS) else "dash"
    width = 1.6 if place else 3.2  # the first one can be seen beneath others that equal it
    return {
        "type": "scatter",
        "mode": "lines",
        "name": letter,
        **clock(curve.time),
        "y": packed(curve.gain),
        "line": {"color": f"@{_COLOURS[place % len(_COLOURS)]}", "width": width, "dash": dash},
        "hovertemplate": f"<b>{letter}</b> %{{y:+.1f}}{THIN}%<extra></extra>",
    }


def _table(curves: Curves) -> Table:
    years = sorted({year for _, curve in curves for year in curve.years})
    head = ("Time", *(letter for letter, _ in curves))
    return Table(head, tuple(_rows(curves, years)))


def _rows(curves: Curves, years: Sequence[int]) -> Iterator[tuple[str, ...]]:
    yield ("All", *(percent(sum(curve.years.values()), sign=True) for _, curve in curves))
    falls = (float(curve.drawdown.min()) / 100 for _, curve in curves)
    yield ("Deepest fall from a peak", *(percent(fall) for fall in falls))
    for year in years:
        told = (curve.years.get(year) for _, curve in curves)
        yield (str(year), *(DASH if gain is None else percent(gain, sign=True) for gain in told))
