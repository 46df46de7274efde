"""Typed figures as Plotly charts: plain dictionaries that the page draws when they are seen.

Colours are names like `@fade` or `@fade/0.3`; the page's script looks them up in the theme, so
that a chart follows the light and the dark one. Text that comes from outside passes `inert`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from fadefollow.reporting.charts.downsample import clock, packed
from fadefollow.reporting.charts.performance import (
    PARTS,
    EquityFigure,
    GainFigure,
    ReturnsFigure,
    SplitFigure,
)
from fadefollow.reporting.pages.coverage import CoverageFigure
from fadefollow.reporting.text.answers import BOOKS
from fadefollow.reporting.text.formatting import THIN, inert, titled
from fadefollow.verdict.model import EventStudy, Interval

Trace = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A Plotly figure and its height in pixels."""

    data: list[Trace]
    layout: dict[str, Any]
    height: int

    def island(self) -> Markup:
        """The chart as JSON that no HTML parser can mistake for markup."""
        body = {"data": self.data, "layout": {**self.layout, "height": self.height}}
        text = json.dumps(body, allow_nan=False, separators=(",", ":"))
        for sign in "<>&":
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        return Markup(text)  # safe: no sign that HTML knows is left


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis; what all axes of the report have in common, the page's script adds."""
    return {"title": {"text": title}, **more} if title else more


def layout(**more: Any) -> dict[str, Any]:
    """A layout; what all charts have in common, the page's script adds."""
    return {"separators": f".{THIN}", **more}


def equity_chart(figure: EquityFigure) -> Chart:
    """Gain of fade and follow above, drawdowns and rolling means below, on one time axis.

    Where there are two books, the hedged one is drawn full and the outright one dotted.
    """
    data: list[Trace] = []
    for curve in figure.curves:
        colour = f"@{curve.stance}"
        dotted = figure.hedged and curve.book == "outright"
        name = titled(curve.stance) + (f" {BOOKS[curve.book]}" if figure.hedged else "")
        common = {
            "type": "scatter",
            "mode": "lines",
            "legendgroup": name,
            **clock(curve.time),
        }
        shown = f"<b>{name}</b> %{{y:+.1f}}{THIN}%<extra></extra>"
        data.append(
            {
                **common,
                "name": name,
                "y": packed(curve.gain),
                "line": {"color": colour, "width": 1.3, "dash": "dot"}
                if dotted
                else {"color": colour, "width": 1.8},
                "hovertemplate": shown,
            }
        )
        data.append(
            {
                **common,
                "showlegend": False,
                "y": packed(curve.drawdown),
                "yaxis": "y2",
                **({} if dotted else {"fill": "tozeroy", "fillcolor": f"{colour}/0.16"}),
                "line": {"color": colour, "width": 1, **({"dash": "dot"} if dotted else {})},
                "hovertemplate": shown.replace("+.1f", ".1f"),
            }
        )
        data.extend(_rolling_mean(figure, curve.stance, curve.book, name))
    if figure.held is not None:
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "holding the same coins",
                **clock(figure.held.time),
                "y": packed(figure.held.value),
                "line": {"color": "@muted", "width": 1.2},
                "visible": True,
                "hovertemplate": f"holding %{{y:+.1f}}{THIN}%<extra></extra>",
            }
        )
    bands, names = _crises(figure)
    rest = {"shapes": bands, "annotations": names, "hovermode": "x unified"}
    if not figure.means:
        top = axis("gain, % of capital", domain=[0.36, 1], zeroline=True)
        below = axis("drawdown, %", domain=[0, 0.3], rangemode="tozero")
        time = axis(type="date", anchor="y2", showgrid=False)
        return Chart(data, layout(xaxis=time, yaxis=top, yaxis2=below, **rest), 400)
    top = axis("gain, % of capital", domain=[0.5, 1], zeroline=True)
    below = axis("drawdown, %", domain=[0.26, 0.46], rangemode="tozero")
    mean = axis("last year, %", domain=[0, 0.22], zeroline=True, nticks=4)
    time = axis(type="date", anchor="y3", showgrid=False)
    return Chart(data, layout(xaxis=time, yaxis=top, yaxis2=below, yaxis3=mean, **rest), 500)


def _rolling_mean(figure: EquityFigure, stance: str, book: str, name: str) -> Iterator[Trace]:
    """The curve of one book's mean over the last year, if it has one."""
    line = figure.means.get((stance, book))
    if line is None:
        return
    dotted = figure.hedged and book == "outright"
    yield {
        "type": "scatter",
        "mode": "lines",
        "name": f"{name}, last year",
        "legendgroup": name,
        "showlegend": False,
        "yaxis": "y3",
        **clock(line.time),
        "y": packed(line.value),
        "line": {"color": f"@{stance}", "width": 1.3, **({"dash": "dot"} if dotted else {})},
        "hovertemplate": f"<b>{name}</b>, last year %{{y:+.1f}}{THIN}%<extra></extra>",
    }


#: times that every trader knows: name, first and last day
CRISES: tuple[tuple[str, str, str], ...] = (
    ("March 2020", "2020-03-08", "2020-03-20"),
    ("May 2021", "2021-05-12", "2021-05-24"),
    ("LUNA", "2022-05-07", "2022-05-15"),
    ("FTX", "2022-11-06", "2022-11-15"),
    ("August 2024", "2024-08-01", "2024-08-07"),
)


def _crises(figure: EquityFigure) -> tuple[list[Trace], list[Trace]]:
    """Bands over the crises that an equity curve covers, and their names."""
    times = [edge for curve in figure.curves for edge in (curve.time[0], curve.time[-1])]
    if figure.simulated or not times:
        return [], []
    bands: list[Trace] = []
    names: list[Trace] = []
    for name, *days in CRISES:
        first, last = (np.datetime64(day, "ms").astype(np.int64).item() for day in days)
        if first < min(times) or last > max(times):
            continue
        bands.append(
            {
                "type": "rect",
                "x0": first,
                "x1": last,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "fillcolor": "@muted/0.25",
                "line": {"width": 0},
                "layer": "below",
            }
        )
        names.append(
            {
                "x": first,
                "y": 1,
                "yref": "paper",
                "text": name,
                "showarrow": False,
                "textangle": -90,
                "xanchor": "right",
                "yanchor": "top",
                "font": {"size": 10, "color": "@muted"},
            }
        )
    return bands, names


def gain_chart(figure: GainFigure) -> Chart:
    """What a phase's trades earned one after the other: a stair for each stance."""
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": titled(stance),
            **clock(line.time),
            "y": packed(line.value),
            "line": {"shape": "hv", "color": f"@{stance}", "width": 1.8},
            "hovertemplate": f"<b>{titled(stance)}</b> %{{y:+,.0f}}<extra></extra>",
        }
        for stance, line in figure.lines.items()
    ]
    time = axis(type="date", showgrid=False)
    gain = axis("net P&L, quote currency", zeroline=True, tickformat="~s")
    return Chart(data, layout(xaxis=time, yaxis=gain, hovermode="x unified"), 300)


def split_chart(figure: SplitFigure) -> Chart:
    """A waterfall from price to net for each stance, side by side, on one scale."""
    kept = [at for at, part in enumerate(PARTS) if part != "hedge" or figure.book == "hedged"]
    labels = [*(titled(PARTS[at]) for at in kept), "Net"]
    data, shown = [], list(figure.parts)
    for place, stance in enumerate(shown):
        parts = [figure.parts[stance][at] for at in kept]
        total = float(np.sum(parts))
        starts = np.concatenate(([0.0], np.cumsum(parts)))[:-1]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": titled(stance),
                "y": labels,
                "x": [*parts, total],
                "base": [*starts.tolist(), 0.0],
                "marker": {
                    "color": [f"@{stance}/0.55"] * len(parts) + [f"@{stance}"],
                    "line": {"width": 0},
                },
                "xaxis": "x" if place == 0 else f"x{place + 1}",
                "hovertemplate": "%{y}: %{x:+,.1f}<extra>" + titled(stance) + "</extra>",
                "width": 0.62,
                "textposition": "none",
            }
        )
        ends = dict(zip([*(PARTS[at] for at in kept), "net"], [*starts.tolist(), 0.0], strict=True))
        sizes = dict(zip([*(PARTS[at] for at in kept), "net"], [*parts, total], strict=True))
        ranged = figure.intervals.get(stance, {})
        if ranged:
            across = "x" if place == 0 else f"x{place + 1}"
            data.append(_whiskers(ranged, ends, sizes, across))
    width = 1 / max(len(shown), 1)
    axes = {
        f"xaxis{place + 1 if place else ''}": axis(
            "" if place else figure.unit,
            domain=[place * width + 0.05 * (place > 0), (place + 1) * width - 0.05],
            zeroline=True,
            matches="x" if place else None,
            nticks=4,
            tickangle=0,
            tickformat="~s",
        )
        for place in range(len(shown))
    }
    down = axis(autorange="reversed", showgrid=False, tickfont={"size": 12, "color": "@ink"})
    return Chart(data, layout(**axes, yaxis=down, bargap=0.3, hovermode="closest"), 270)


def _whiskers(
    ranged: Mapping[str, Interval],
    starts: Mapping[str, float],
    sizes: Mapping[str, float],
    across: str,
) -> Trace:
    """The intervals of the bars that have one, around their ends."""
    names = [name for name in sizes if name in ranged]
    return {
        "type": "scatter",
        "mode": "markers",
        "y": [titled(name) for name in names],
        "x": [starts[name] + sizes[name] for name in names],
        "xaxis": across,
        "marker": {"size": 1, "color": "@ink"},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(ranged[name][1] - sizes[name], 0.0) for name in names],
            "arrayminus": [max(sizes[name] - ranged[name][0], 0.0) for name in names],
            "color": "@ink",
            "thickness": 1.2,
            "width": 3,
        },
        "showlegend": False,
        "hoverinfo": "skip",
    }


def study_chart(study: EventStudy, *, points: int = 240, hold: float = math.nan) -> Chart:
    """Mean return after the phase in the lean's direction, over the placebo's 95 % band.

    In days; a dashed line marks `hold`, the hours after which a position is left at the latest.
    """
    kept = slice(None, None, max(-(-len(study.hours) // points), 1))
    line = {"type": "scatter", "mode": "lines", **_hours(study.hours[kept])}
    edge = {**line, "line": {"width": 0}, "hoverinfo": "skip"}
    data: list[Trace] = [
        {**edge, "y": packed(study.placebo_low_bps[kept]), "showlegend": False},
        {
            **edge,
            "y": packed(study.placebo_high_bps[kept]),
            "fill": "tonexty",
            "fillcolor": "@muted/0.2",
            "name": f"placebo, 95{THIN}% of draws",
        },
        {
            **line,
            "y": packed(study.placebo_mean_bps[kept]),
            "name": "placebo mean",
            "line": {"color": "@muted", "width": 1.3, "dash": "dot"},
            "hovertemplate": f"placebo %{{y:+.1f}}{THIN}bps<extra></extra>",
        },
        {
            **line,
            "y": packed(study.mean_bps[kept]),
            "name": "after the phase",
            "line": {"color": "@ink", "width": 2.2},
            "hovertemplate": f"<b>after the phase</b> %{{y:+.1f}}{THIN}bps<extra></extra>",
        },
    ]
    if study.momentum_mean_bps:
        data.insert(
            3,
            {
                **line,
                "y": packed(study.momentum_mean_bps[kept]),
                "name": "like momentum",
                "line": {"color": "@ink/0.6", "width": 1.3, "dash": "dash"},
                "hovertemplate": f"like momentum %{{y:+.1f}}{THIN}bps<extra></extra>",
            },
        )
    notes = [
        _note("following gains ↑", "@follow", y=1, yanchor="top"),
        _note("fading gains ↓", "@fade", y=0, yanchor="bottom"),
    ]
    first, last = study.hours[0], study.hours[-1]
    days = range(math.ceil(first / 24.0), math.floor(last / 24.0) + 1)
    time = axis(
        "days after the first possible entry",
        tickvals=[24 * day for day in days],
        ticktext=[f"{day}".replace("-", "−") for day in days],
        showgrid=False,
        zeroline=True,
    )
    gain = axis("bps, lean's direction", zeroline=True)
    shapes: list[Trace] = []
    if 0.0 < hold <= last:
        line = {"color": "@ink", "width": 1.2, "dash": "dash"}
        ends = {"x0": hold, "x1": hold, "y0": 0, "y1": 1}
        shapes.append({"type": "line", **ends, "yref": "paper", "line": line})
        left = _note("left at the latest", "@muted", y=1, yanchor="top")
        # below what is said of following, which it would lie on where the hold is short
        notes.append({**left, "x": hold, "xref": "x", "yshift": -14})
    rest = {"annotations": notes, "shapes": shapes, "hovermode": "x unified"}
    shape = layout(xaxis=time, yaxis=gain, **rest)
    return Chart(data, shape, 330)


def returns_chart(figure: ReturnsFigure) -> Chart:
    """Counts of trade returns, fade against follow."""
    edges = figure.edges_bps
    width = float(edges[1] - edges[0])
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": titled(stance),
            "x": packed(np.concatenate(([edges[0]], (edges[1:] + edges[:-1]) / 2, [edges[-1]]))),
            "y": [0, *counts.tolist(), 0],
            "line": {"shape": "hvh", "color": f"@{stance}", "width": 1.8},
            "fill": "tozeroy",
            "fillcolor": f"@{stance}/0.2",
            "hovertemplate": f"%{{y}} trades within {width / 2:.0f}{THIN}bps of %{{x:+,.0f}}"
            f"<extra>{titled(stance)}</extra>",
        }
        for stance, counts in figure.counts.items()
    ]
    across = axis("net return of a trade, bps", zeroline=True, showgrid=False)
    up = axis("trades", rangemode="tozero")
    return Chart(data, layout(xaxis=across, yaxis=up), 290)


def coverage_chart(figure: CoverageFigure) -> Chart:
    """A bar per coin and stream on the time axis, with holes in the bars marked."""
    names = [inert(f"{s.symbol} · {s.stream}") for s in figure.spans]
    rows = dict(zip(((s.symbol, s.stream) for s in figure.spans), names, strict=True))
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "base": [s.start.timestamp() * 1e3 for s in figure.spans],
        "x": [(s.end - s.start).total_seconds() * 1e3 for s in figure.spans],
        "marker": {"color": "@muted/0.45", "line": {"width": 0}},
        "width": 0.5,
        "customdata": [
            [s.start.strftime("%Y-%m-%d"), s.end.strftime("%Y-%m-%d"), inert(s.note)]
            for s in figure.spans
        ],
        "hovertemplate": "%{y}<br>%{customdata[0]} to %{customdata[1]}<br>%{customdata[2]}"
        "<extra></extra>",
        "name": "covered",
    }
    holes: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [s.start.timestamp() * 1e3 for s in figure.holes],
        "y": [rows[(s.symbol, s.stream)] for s in figure.holes],
        "marker": {"symbol": "line-ns", "size": 14, "line": {"color": "@ink", "width": 1.4}},
        "customdata": [
            [s.start.strftime("%Y-%m-%d %H:%M"), s.end.strftime("%Y-%m-%d %H:%M")]
            for s in figure.holes
        ],
        "hovertemplate": "no bar between %{customdata[0]} and %{customdata[1]}<extra></extra>",
        "name": "hole in the bars",
    }
    down = axis(autorange="reversed", showgrid=False, type="category")
    time = axis(type="date")
    height = 90 + 24 * max(len(names), 1)
    return Chart([bars, holes], layout(xaxis=time, yaxis=down, hovermode="closest"), height)


def _hours(hours: tuple[float, ...]) -> dict[str, Any]:
    gaps = np.diff(hours)
    if len(gaps) and np.allclose(gaps, gaps[0]):
        return {"x0": float(hours[0]), "dx": float(gaps[0])}
    return {"x": packed(hours)}


def _note(text: str, colour: str, *, y: float, yanchor: str) -> dict[str, Any]:
    return {
        "text": text,
        "x": 0.01,
        "xref": "paper",
        "xanchor": "left",
        "y": y,
        "yref": "paper",
        "yanchor": yanchor,
        "showarrow": False,
        "font": {"size": 11, "color": colour},
    }
