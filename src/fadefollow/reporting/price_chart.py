"""The market chart of one coin: price with trades, phases below it, then funding and premium."""

from __future__ import annotations

from typing import Any

import numpy as np

from fadefollow.reporting.charts import Chart, Trace, axis, layout
from fadefollow.reporting.prices import Lane, PriceFigure, TradeMarks
from fadefollow.reporting.text import THIN, inert, titled
from fadefollow.reporting.thin import Band, FloatArray, Line, packed

#: heights in pixels of the price panel, of a lane of phases, of a context panel; gaps between
_PRICE, _LANE, _CONTEXT, _GAP = 320, 26, 96, 16
_MARGINS = 68
_LEANS = {1: ("@long", "triangle-up"), -1: ("@short", "triangle-down"), 0: ("@muted", "circle")}


def price_chart(figure: PriceFigure, *, shown: str = "fade") -> Chart:
    """Price on a log scale with the trades of stance `shown`; the other stance on demand."""
    context = [
        ("funding, bps per 8 h", figure.funding),
        ("spot premium, bps", figure.premium),
    ]
    panels = [(title, line) for title, line in context if line is not None]
    heights = [_PRICE, max(len(figure.lanes), 1) * _LANE + 8, *[_CONTEXT] * len(panels)]
    domains = _domains(heights)
    shape = layout(
        hovermode="closest",
        xaxis=axis(
            type="date",
            anchor=f"y{len(heights)}",
            showgrid=False,
            range=[figure.close.time[0], figure.close.time[-1]],
        ),
        yaxis=axis(
            "price, log scale",
            type="log",
            domain=domains[0],
            nticks=5,
            minorloglabels="complete",
        ),
        yaxis2=_lane_axis(figure, domains[1]),
    )
    data = [*_price(figure), *_phases(figure)]
    for marks in figure.trades:
        data += _trades(marks, visible=marks.stance == shown or len(figure.trades) == 1)
    for place, (title, line) in enumerate(panels, start=3):
        data.append(_context(line, f"y{place}", title))
        shape[f"yaxis{place}"] = axis(
            title.replace(", ", ",<br>"), domain=domains[place - 1], zeroline=True, nticks=4
        )
    return Chart(data, shape, int(sum(heights) + _GAP * (len(heights) - 1) + _MARGINS))


def _domains(heights: list[int]) -> list[list[float]]:
    total = sum(heights) + _GAP * (len(heights) - 1)
    domains, top = [], float(total)
    for height in heights:
        domains.append([max((top - height) / total, 0.0), top / total])
        top -= height + _GAP
    return domains


def _lane_axis(figure: PriceFigure, domain: list[float]) -> dict[str, Any]:
    names = [inert(titled(lane.phase)) for lane in figure.lanes]
    return axis(
        domain=domain,
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.4, -0.6],
        fixedrange=True,
        gridcolor="@grid",
    )


def _price(figure: PriceFigure) -> list[Trace]:
    time, price = _outline(figure.range)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": packed(time, "f8"),
            "y": packed(price),
            "line": {"width": 0.5, "color": "@muted/0.35"},
            "fill": "toself",
            "fillcolor": "@muted/0.22",
            "hoverinfo": "skip",
            "name": "low to high",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "x": packed(figure.close.time, "f8"),
            "y": packed(figure.close.value),
            "line": {"color": "@ink", "width": 1.1},
            "name": "close",
            "hovertemplate": "%{x|%Y-%m-%d %H:%M} UTC<br>close %{y:,.5~g}<extra></extra>",
        },
    ]


def _outline(band: Band) -> tuple[FloatArray, FloatArray]:
    """The band as closed outlines, one for each run without a hole, NaN between them."""
    known = np.flatnonzero(~np.isnan(band.low) & ~np.isnan(band.high))
    xs, ys, gap = [], [], np.full(1, np.nan)
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        xs += [band.time[run], band.time[run][::-1], gap]
        ys += [band.low[run], band.high[run][::-1], gap]
    return np.concatenate(xs), np.concatenate(ys)


def _phases(figure: PriceFigure) -> list[Trace]:
    traces: list[Trace] = []
    spans = [(place, lane) for place, lane in enumerate(figure.lanes) if len(lane.planted)]
    if spans:
        traces.append(_planted(spans))
    legend = {1: "phase, lean long", -1: "phase, lean short", 0: "phase"}
    named: set[int] = set()
    for place, lane in enumerate(figure.lanes):
        if not lane.time.size:
            continue
        colour, symbol = _LEANS[lane.lean]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": packed(lane.time, "f8"),
                "y": packed(np.full(lane.time.size, place)),
                "yaxis": "y2",
                "customdata": packed(lane.strength),
                "marker": {"color": colour, "symbol": symbol, "size": 8, "opacity": 0.8},
                "name": legend[lane.lean],
                "legendgroup": f"lean{lane.lean}",
                "showlegend": lane.lean not in named,
                "hovertemplate": f"{inert(titled(lane.phase))}<br>known at the close of the bar of "
                "%{x|%Y-%m-%d %H:%M} UTC<br>strength %{customdata:.3~g}<extra></extra>",
            }
        )
        named.add(lane.lean)
    return traces


def _planted(spans: list[tuple[int, Lane]]) -> Trace:
    xs, ys = [], []
    for place, lane in spans:
        xs.append(np.column_stack([lane.planted, np.full(len(lane.planted), np.nan)]).ravel())
        ys.append(np.full(3 * len(lane.planted), float(place)))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": packed(np.concatenate(xs), "f8"),
        "y": packed(np.concatenate(ys)),
        "yaxis": "y2",
        "line": {"color": "@muted/0.5", "width": 11},
        "name": "planted (truth)",
        "hoverinfo": "skip",
    }


def _trades(marks: TradeMarks, *, visible: bool) -> list[Trace]:
    colour = f"@{marks.stance}"
    group = {"legendgroup": marks.stance, "visible": True if visible else "legendonly"}
    gap = np.full(marks.entry.size, np.nan)
    joined: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": packed(np.column_stack([marks.entry, marks.exit, gap]).ravel(), "f8"),
        "y": packed(np.column_stack([marks.entry_price, marks.exit_price, gap]).ravel()),
        "line": {"color": f"{colour}/0.75", "width": 1.6},
        "hoverinfo": "skip",
        "showlegend": False,
        **group,
    }
    won = marks.return_bps > 0
    entries: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": packed(marks.entry, "f8"),
        "y": packed(marks.entry_price),
        "marker": {
            "symbol": _symbols(marks.side, won),
            "size": 9,
            "color": colour,
            "line": {"color": colour, "width": 1},
        },
        "customdata": _labels(marks),
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]} at %{y:,.6~g}, "
        "%{x|%Y-%m-%d %H:%M} UTC<br>%{customdata[2]}<br>"
        f"<b>%{{customdata[3]:+.0f}}{THIN}bps</b> net<extra>{titled(marks.stance)}</extra>",
        "name": f"{marks.stance} trades",
        **group,
    }
    return [joined, entries]


def _symbols(side: FloatArray, won: Any) -> list[str]:
    shapes = np.where(side > 0, "triangle-up", "triangle-down")
    return [
        f"{shape}{'' if gained else '-open'}" for shape, gained in zip(shapes, won, strict=True)
    ]


def _labels(marks: TradeMarks) -> list[list[Any]]:
    held = (marks.exit - marks.entry) / 3.6e6
    rows = zip(
        marks.strategy, marks.phase, marks.side, marks.reason, held, marks.return_bps, strict=True
    )
    return [
        [
            inert(f"{strategy}, {titled(phase)}"),
            "bought" if side > 0 else "sold short",
            inert(f"left by {reason} after {hours:.0f} h"),
            None if np.isnan(gained) else round(float(gained), 1),
        ]
        for strategy, phase, side, reason, hours, gained in rows
    ]


def _context(line: Line, yaxis: str, title: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": packed(line.time, "f8"),
        "y": packed(line.value),
        "yaxis": yaxis,
        "line": {"color": "@muted", "width": 1},
        "showlegend": False,
        "hovertemplate": f"%{{x|%Y-%m-%d %H:%M}} UTC<br>{title.split(',')[0]} %{{y:+.1f}}{THIN}bps"
        "<extra></extra>",
    }
