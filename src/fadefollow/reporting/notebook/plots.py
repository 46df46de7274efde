"""Results as Plotly figures for notebooks; importing this registers them.

The charts are those of the report (`fadefollow.reporting.charts`), with its light theme's colours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.text import figure
from fadefollow.errors import ParameterError, unknown
from fadefollow.market.panel import Market
from fadefollow.phases import STANCES, Phases
from fadefollow.reporting.charts.charts import Chart, axis, equity_chart, layout, study_chart
from fadefollow.reporting.charts.performance import equity_figures
from fadefollow.reporting.text.answers import BOOKS
from fadefollow.reporting.text.formatting import THIN, inert
from fadefollow.verdict.model import EventStudy, RunResult, Verdict

#: the report's light theme, reports/theme/colours.css
COLOURS = {
    "paper": "#fbf7f1",
    "ink": "#211d18",
    "muted": "#686055",
    "grid": "#ebe3d7",
    "zero": "#968c7d",
    "fade": "#b54d08",
    "follow": "#0a5c96",
    "long": "#6a6410",
    "short": "#9a3d7e",
}
_COLOUR = re.compile(r"@(\w+)(?:/([\d.]+))?")
#: pixels of a row of intervals
_ROW = 34
_SIDES = {1: ("long", "triangle-up"), -1: ("short", "triangle-down")}


@figure.register
def study_figure(study: EventStudy) -> Any:
    """The mean path after the event over the placebo's band."""
    return drawn(study_chart(study), title=f"{study.strategy}: after {study.phase}")


@figure.register
def verdict_figure(verdict: Verdict) -> Any:
    """Means with intervals of both stances in both books."""
    title = f"{verdict.strategy}: {verdict.phase}, {verdict.fate}"
    return drawn(_intervals(verdict.to_frame()), title=title)


@figure.register
def run_figure(run: RunResult, what: str = "verdicts", *, strategy: str | None = None) -> Any:
    """All intervals, or one strategy's equity."""
    if what == "verdicts":
        return drawn(_intervals(run.table), title=run.name)
    if what != "equity":
        raise ParameterError('plot draws "verdicts" or "equity"', got=repr(what))
    found = {one.strategy: one for one in equity_figures(run) if one.curves}
    if strategy is None and len(found) > 1:
        raise ParameterError(
            "equity is drawn of one strategy at a time", got=", ".join(found), hint="strategy=…"
        )
    if strategy is None and not found:
        raise ParameterError("no equity to draw", got="nothing was traded", where=run.name)
    name = strategy or next(iter(found))
    if name not in found:
        raise unknown("strategy with an equity", name, found, where=run.name)
    return drawn(equity_chart(found[name]), title=name)


@figure.register
def phases_figure(phases: Phases, market: Market | None = None) -> Any:
    """The events over time: on one coin's price, or a line a coin."""
    table = phases.table
    if market is not None:
        table = table[table["symbol"] == market.symbol]
    data: list[dict[str, Any]] = []
    close = None if market is None else market.column(market.base, "close")
    if market is not None:
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": market.symbol,
                "x": market.index,
                "y": close,
                "line": {"color": "@muted", "width": 1},
            }
        )
    kinds: Any = table.groupby(["phase", "lean"], observed=True)
    for (phase, lean), mine in kinds:
        side, symbol = _SIDES[int(lean)]
        at = mine["symbol"] if market is None or close is None else close[_bars(market, mine)]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{inert(str(phase))}, {side}",
                "x": mine["time"],
                "y": at,
                "marker": {"color": f"@{side}", "symbol": symbol, "size": 9},
            }
        )
    price = axis("price") if market is not None else axis(type="category")
    shape = layout(xaxis=axis(type="date"), yaxis=price, hovermode="closest")
    rows = 1 if market is not None else max(table["symbol"].nunique(), 1)
    return drawn(Chart(data, shape, 360 if market is not None else 160 + 24 * rows))


def sweep_figure(
    table: pd.DataFrame,
    names: Sequence[str],
    *,
    phase: str | None = None,
    stance: str | None = None,
    book: str = "outright",
) -> Any:
    """Mean net return against the first value that was swept; other values make other lines."""
    phase = phase or str(table["phase"].iloc[0])
    for kind, asked, column in (
        ("phase", phase, "phase"),
        ("book", book, "book"),
        ("stance", stance, "stance"),
    ):
        if asked is not None and asked not in set(table[column]):
            raise unknown(kind, str(asked), set(table[column]))
    chosen = table[(table["phase"] == phase) & (table["book"] == book)]
    data: list[dict[str, Any]] = []
    for one in STANCES if stance is None else (stance,):
        mine = chosen[chosen["stance"] == one]
        groups = mine.groupby(list(names[1:]), sort=False) if len(names) > 1 else [((), mine)]
        for key, rows in groups:
            said = ", ".join(f"{n} {v}" for n, v in zip(names[1:], key, strict=True))
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": f"{one} {said}".strip(),
                    "x": [str(v) for v in rows[names[0]]],
                    "y": rows["mean_net_bps"],
                    "error_y": _error(rows),
                    "line": {"color": f"@{one}"},
                }
            )
    across = axis(str(names[0]), type="category")
    up = axis("net a trade, bps; interval of all questions", zeroline=True)
    return drawn(Chart(data, layout(xaxis=across, yaxis=up), 380), title=f"{phase}, {book}")


def drawn(chart: Chart, *, title: str = "") -> Any:
    """A chart of the report as a Plotly figure."""
    from plotly.graph_objects import Figure

    body = _coloured({"data": chart.data, "layout": chart.layout})
    made = Figure(body["data"], body["layout"])
    lines = {"gridcolor": COLOURS["grid"], "zerolinecolor": COLOURS["zero"]}
    made.update_xaxes(**lines)
    made.update_yaxes(**lines)
    made.update_layout(
        height=chart.height + (40 if title else 0),
        title={"text": inert(title)} if title else None,
        paper_bgcolor=COLOURS["paper"],
        plot_bgcolor=COLOURS["paper"],
        font={"color": COLOURS["ink"]},
        margin={"t": 60 if title else 30},
    )
    return made


def _intervals(table: pd.DataFrame) -> Chart:
    """A row a stance and book, its mean with the interval that its word is read from."""
    several = len(table[["strategy", "phase"]].drop_duplicates()) > 1
    names = []
    for row in table.to_dict("records"):
        book: Any = row["book"]
        named = f"{row['stance']} {BOOKS[book]}"
        names.append(inert(f"{row['strategy']}, {row['phase']}: {named}" if several else named))
    labels = np.array(names, dtype=object)
    data: list[dict[str, Any]] = []
    for stance in STANCES:
        mine = (table["stance"] == stance).to_numpy()
        rows = table[mine]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": stance,
                "x": rows["mean_net_bps"],
                "y": labels[mine],
                "error_x": _error(rows),
                "marker": {"color": f"@{stance}", "size": 8},
                "customdata": rows[["word", "n_trades"]].to_numpy(),
                "hovertemplate": f"%{{customdata[0]}}, %{{x:+.1f}}{THIN}bps, "
                "%{customdata[1]} trades<extra></extra>",
            }
        )
    down = axis(type="category", autorange="reversed", categoryarray=names, categoryorder="array")
    across = axis("net a trade, bps; interval of all questions", zeroline=True)
    height = 130 + _ROW * max(len(table), 1)
    return Chart(data, layout(xaxis=across, yaxis=down, hovermode="closest"), height)


def _error(rows: pd.DataFrame) -> dict[str, Any]:
    """The interval that holds for all questions, the row's own where there is none."""
    low = rows["band_low_bps"].fillna(rows["ci_low_bps"])
    high = rows["band_high_bps"].fillna(rows["ci_high_bps"])
    mean = rows["mean_net_bps"]
    return {"type": "data", "symmetric": False, "array": high - mean, "arrayminus": mean - low}


def _bars(market: Market, events: pd.DataFrame) -> Any:
    return market.index.get_indexer(pd.DatetimeIndex(events["time"]))


def _coloured(value: Any) -> Any:
    """The same with names of colours as colours."""
    if isinstance(value, dict):
        # times packed as steps are a form of the page's own script
        if "start" in value and "bdata" in value:
            return _times(value)
        return {key: _coloured(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_coloured(inner) for inner in value]
    if isinstance(value, str) and (match := _COLOUR.fullmatch(value)):
        code, share = COLOURS[match[1]], match[2]
        red, green, blue = (int(code[at : at + 2], 16) for at in (1, 3, 5))
        return f"rgba({red},{green},{blue},{share})" if share else code
    return value


def _times(steps: dict[str, Any]) -> Any:
    import base64

    count = np.frombuffer(base64.b64decode(steps["bdata"]), dtype=f"<{steps['dtype']}")
    return pd.to_datetime(steps["start"] + count.astype(np.int64) * steps["step"], unit="ms")
