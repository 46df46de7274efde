"""What readers of QuantStats' and LEAN's sheets look for: the ratios of each book, and rolling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.reporting.charts.charts import Chart, Trace, axis, layout
from fadefollow.reporting.charts.downsample import clock, millis, packed
from fadefollow.reporting.charts.exhibit import Exhibit, exhibit
from fadefollow.reporting.text.answers import BOOKS
from fadefollow.reporting.text.formatting import Cell, Table, cell, percent, ratio, titled, when
from fadefollow.verdict.exploratory import BookRatios
from fadefollow.verdict.model import RunResult

_GONE = "the account had nothing left, or never moved"


def _signed(value: float) -> str:
    return percent(value, sign=True)


#: key of the glossary → how a book shows it
_ROWS: tuple[tuple[str, Callable[[BookRatios], Cell]], ...] = (
    ("gain_a_year", lambda r: cell(_signed, r.gain_a_year)),
    ("growth_a_year", lambda r: cell(_signed, r.growth_a_year, why=_GONE)),
    ("sharpe", lambda r: cell(ratio, r.sharpe, why=_GONE)),
    ("sortino", lambda r: cell(ratio, r.sortino, why=_GONE)),
    ("calmar", lambda r: cell(ratio, r.calmar, why=_GONE)),
    ("beta", lambda r: cell(ratio, r.beta, why=_GONE)),
    ("exposure", lambda r: cell(percent, r.days_in_market)),
    ("best_day", lambda r: cell(_signed, r.best_day)),
    ("worst_day", lambda r: cell(_signed, r.worst_day)),
)


@dataclass(frozen=True)
class RatioTable:
    """The ratios of a strategy's books, a column each."""

    heads: tuple[tuple[str, str], ...]  #: stance, and label
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]  #: key of the glossary, and cells


def ratio_table(run: RunResult, strategy: str) -> RatioTable | None:
    """The ratios of a strategy's books; None of a run of an earlier version."""
    mine = [r for r in run.ratios if r.strategy == strategy]
    if not mine:
        return None
    mine.sort(key=lambda r: (r.stance != "fade", r.book != "outright"))
    several = any(r.book == "hedged" for r in mine)
    heads = tuple((r.stance, _label(r.stance, r.book, several=several)) for r in mine)
    rows = tuple((key, tuple(show(r) for r in mine)) for key, show in _ROWS)
    return RatioTable(heads, rows)


def _label(stance: str, book: str, *, several: bool) -> str:
    """`Fade against the market`; the book only where there are two."""
    return titled(stance) + (f" {BOOKS['hedged' if book == 'hedged' else 'outright']}" * several)


def falls(run: RunResult, strategy: str) -> Table | None:
    """The deepest drawdowns of each book; None of a run of an earlier version."""
    mine = [r for r in run.ratios if r.strategy == strategy]
    several = any(r.book == "hedged" for r in mine)
    rows = tuple(
        (
            _label(r.stance, r.book, several=several),
            fall.peak,
            fall.valley,
            fall.end or "not yet",
            percent(fall.depth),
        )
        for r in mine
        for fall in r.falls
    )
    head = ("Book", "From the peak of", "Deepest on", "Made good on", "Depth, % of capital")
    return Table(head, rows) if rows else None


def rolling(books: Mapping[tuple[str, str], pd.DataFrame]) -> Exhibit | None:
    """The Sharpe ratio and beta of each book over the last year, week by week.

    Args:
        books: by stance and book, the rows of one strategy's rolling ratios.

    Returns:
        None where fewer than two weeks of all have a Sharpe ratio.
    """
    if sum(int(part["sharpe"].notna().sum()) for part in books.values()) < 2:
        return None
    title = "Rolling year: Sharpe ratio and beta"
    several = any(book == "hedged" for _, book in books)
    data: list[Trace] = []
    rows: list[tuple[str, ...]] = []
    for (stance, book), part in books.items():
        known = part.dropna(subset=["sharpe"])
        if known.empty:
            continue
        name = _label(stance, book, several=several)
        line = {
            "color": f"@{stance}",
            "width": 1.5,
            **({"dash": "dot"} if several and book == "outright" else {}),
        }
        time = clock(millis(known["time"]))
        for place, column in enumerate(("sharpe", "beta")):
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "legendgroup": name,
                    "showlegend": place == 0,
                    **time,
                    "y": packed(known[column].to_numpy(np.float64)),
                    **({"yaxis": "y2"} if place else {}),
                    "line": line,
                    "hovertemplate": f"<b>{name}</b> %{{y:.2f}}<extra></extra>",
                }
            )
        last = known.iloc[-1]
        rows.append(
            (name, when(last["time"], clock=False), ratio(last["sharpe"]), ratio(last["beta"]))
        )
    caption = (
        "Of the whole strategy, over the last 365 days as of each week: the Sharpe ratio above, "
        "beta to holding the same coins below."
    )
    top = axis("Sharpe ratio", domain=[0.55, 1], zeroline=True)
    below = axis("beta", domain=[0, 0.42], zeroline=True)
    across = axis(type="date", anchor="y2", showgrid=False)
    chart = Chart(data, layout(xaxis=across, yaxis=top, yaxis2=below, hovermode="x unified"), 340)
    head = ("Book", "As of", "Sharpe ratio", "Beta")
    return exhibit(title, caption, chart, Table(head, tuple(rows)))
