"""The market chart of one coin: price with trades, phases below it, then funding and premium."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fadefollow.reporting.charts import Chart, Trace, axis, layout
from fadefollow.reporting.prices import Lane, PriceFigure, TradeMarks
from fadefollow.reporting.text import THIN, inert, titled
from fadefollow.reporting.thin import Line, clock, packed, steps

#: heights in pixels of the price panel, of a lane of phases, of a context panel; gaps between
_PRICE, _LANE, _CONTEXT, _GAP = 320, 26, 96, 16
#: the height of a lane where there are many
_LOW_LANE, _MANY = 17, 8
_MARGINS = 68
_LEANS = {1: ("@long", "triangle-up"), -1: ("@short", "triangle-down"), 0: ("@muted", "circle")}


def price_chart(
    figure: PriceFigure, *, shown: str = "fade", strategies: tuple[str, ...] = ()
) -> Chart:
    """Price on a log scale with the trades of stance `shown`; the other stance on demand.

    The trades carry the place of their strategy in `strategies`, by which the page chooses.
    """
    context = [
        ("funding, bps per 8 h", figure.funding),
        ("spot premium, bps", figure.premium),
    ]
    panels = [(title, line) for title, line in context if line is not None]
    heights = [_PRICE, max(len(figure.lanes), 1) * _lane(figure) + 8, *[_CONTEXT] * len(panels)]
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
        data.append(
            _trades(marks, strategies, visible=marks.stance == shown or len(figure.trades) == 1)
        )
    for place, (title, line) in enumerate(panels, start=3):
        data.append(_context(line, f"y{place}", title))
        shape[f"yaxis{place}"] = axis(
            title.replace(", ", ",<br>"), domain=domains[place - 1], zeroline=True, nticks=4
        )
    return Chart(data, shape, int(sum(heights) + _GAP * (len(heights) - 1) + _MARGINS))


def _lane(figure: PriceFigure) -> int:
    return _LANE if len(figure.lanes) <= _MANY else _LOW_LANE


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
    band = figure.range
    return [
        {
            "type": "scatter",
            "mode": "lines",
            # the page draws the outline; in one trace, since filling between two fills holes
            "meta": {
                "band": {"x": steps(band.time), "low": packed(band.low), "high": packed(band.high)}
            },
            "x": [],
            "y": [],
            "line": {"width": 0.5, "color": "@muted/0.35"},
            "fill": "toself",
            "fillcolor": "@muted/0.22",
            "hoverinfo": "skip",
            "name": "low to high",
        },
        {
            "type": "scatter",
            "mode": "lines",
            **clock(figure.close.time),
            "y": packed(figure.close.value),
            "line": {"color": "@ink", "width": 1.1},
            "name": "close",
            "hovertemplate": "%{x|%Y-%m-%d %H:%M} UTC<br>close %{y:,.5~g}<extra></extra>",
        },
    ]


def _phases(figure: PriceFigure) -> list[Trace]:
    """One trace a lean, whose height is the lane; the axis names the lanes."""
    spans = [(place, lane) for place, lane in enumerate(figure.lanes) if len(lane.planted)]
    traces = [_planted(spans)] if spans else []
    names = {1: "phase, lean long", -1: "phase, lean short", 0: "phase"}
    for lean, (colour, symbol) in _LEANS.items():
        mine = [(n, x) for n, x in enumerate(figure.lanes) if x.lean == lean and x.time.size]
        if not mine:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": steps(np.concatenate([lane.time for _, lane in mine])),
                "y": packed(np.concatenate([np.full(x.time.size, n) for n, x in mine]), "u2"),
                "yaxis": "y2",
                "customdata": packed(np.concatenate([lane.strength for _, lane in mine])),
                "marker": {"color": colour, "symbol": symbol, "size": 8, "opacity": 0.8},
                "name": names[lean],
                "hovertemplate": "%{y}<br>known at the close of the bar of "
                "%{x|%Y-%m-%d %H:%M} UTC<br>strength %{customdata:.3~g}<extra></extra>",
            }
        )
    return traces


def _planted(spans: list[tuple[int, Lane]]) -> Trace:
    both = np.concatenate([lane.planted for _, lane in spans])
    lanes = np.concatenate([np.full(len(lane.planted), place) for place, lane in spans])
    columns = {
        "start": steps(both[:, 0]),
        "end": steps(both[:, 1]),
        "lane": packed(lanes, "u2"),
    }
    return {
        "type": "scatter",
        "mode": "lines",
        "meta": {"planted": columns},
        "x": [],
        "y": [],
        "yaxis": "y2",
        "line": {"color": "@muted/0.5", "width": 11},
        "name": "planted (truth)",
        "hoverinfo": "skip",
    }


def _trades(marks: TradeMarks, strategies: tuple[str, ...], *, visible: bool) -> Trace:
    """All trades of one stance as columns, from which the page draws those of one strategy."""
    labels, label = _coded(
        inert(f"{s}, {titled(p)}") for s, p in zip(marks.strategy, marks.phase, strict=True)
    )
    reasons, reason = _coded(inert(r) for r in marks.reason)
    order = {name: place for place, name in enumerate(strategies)}
    columns: dict[str, Any] = {
        "entry": steps(marks.entry),
        "exit": steps(marks.exit),
        "price": packed(marks.entry_price),
        "left": packed(marks.exit_price),
        "gain": packed(marks.return_bps),
        "side": packed(marks.side, "i1"),
        "label": packed(label, "u2"),
        "reason": packed(reason, "u1"),
        "strategy": packed([order.get(s, 0) for s in marks.strategy], "u2"),
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "meta": {"trades": columns, "labels": labels, "reasons": reasons},
        "x": [],
        "y": [],
        "marker": {"size": 9, "color": f"@{marks.stance}", "line": {"width": 1}},
        "line": {"color": f"@{marks.stance}/0.75", "width": 1.6},
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]} at %{y:,.6~g}, "
        "%{x|%Y-%m-%d %H:%M} UTC<br>left by %{customdata[2]} after %{customdata[3]:.0f} h<br>"
        f"<b>%{{customdata[4]:+.0f}}{THIN}bps</b> net<extra>{titled(marks.stance)}</extra>",
        "name": f"{marks.stance} trades",
        "legendgroup": marks.stance,
        "visible": True if visible else "legendonly",
    }


def _coded(texts: Iterable[str]) -> tuple[list[str], list[int]]:
    """Different texts once, and for each text its place among them."""
    places: dict[str, int] = {}
    coded = [places.setdefault(text, len(places)) for text in texts]
    return list(places), coded


def _context(line: Line, yaxis: str, title: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        **clock(line.time),
        "y": packed(line.value),
        "yaxis": yaxis,
        "line": {"color": "@muted", "width": 1},
        "showlegend": False,
        "hovertemplate": f"%{{x|%Y-%m-%d %H:%M}} UTC<br>{title.split(',')[0]} %{{y:+.1f}}{THIN}bps"
        "<extra></extra>",
    }
