"""Charts of a tuning job's parameters: what matters, all at once, one at a time, fold by fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fadefollow.reporting.charts.charts import Chart, Trace, axis, layout
from fadefollow.reporting.charts.downsample import packed
from fadefollow.reporting.text.formatting import inert
from fadefollow.reporting.tuning.charts import CLOSE, dots, span, star
from fadefollow.reporting.tuning.figures import Slice
from fadefollow.reporting.tuning.scales import Scale, cut, shown, ticks
from fadefollow.reporting.tuning.sentences import fold_name
from fadefollow.tuning.model import Fold, Trial, Tuning

#: parallel coordinates: shades from the worst to the best fifth
_FIFTHS = ("@muted/0.14", "@muted/0.2", "@muted/0.28", "/0.4", "")


def importance_chart(
    tuning: Tuning, means: Mapping[str, float], labels: Mapping[str, str]
) -> Chart:
    """A bar a parameter, the mean over folds, with a dot a fold."""
    stance = tuning.settings.stance
    names = [inert(labels.get(name, name)) for name in means]
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "name": "mean over folds",
        "y": names,
        "x": list(means.values()),
        "marker": {"color": f"@{stance}/0.35", "line": {"width": 0}},
        "width": 0.6,
        "hovertemplate": "%{y}: %{x:.0%} on average<extra></extra>",
    }
    places = [
        (inert(labels.get(name, name)), value, fold_name(fold))
        for fold in tuning.folds
        for name, value in fold.importance.items()
        if name in means and math.isfinite(value)
    ]
    points: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "one fold",
        "y": [name for name, _, _ in places],
        "x": [value for _, value, _ in places],
        "customdata": [fold for _, _, fold in places],
        "marker": {"size": 7, "color": f"@{stance}"},
        "hovertemplate": "%{y}, %{customdata}: %{x:.0%}<extra></extra>",
    }
    down = axis(autorange="reversed", showgrid=False, type="category")
    across = axis("share of the importance", tickformat=".0%", rangemode="tozero")
    height = 96 + 26 * max(len(names), 1)
    return Chart([bars, points], layout(xaxis=across, yaxis=down, hovermode="closest"), height)


def parallel_chart(
    trials: Sequence[Trial], places: Sequence[Scale], fold: Fold, tuning: Tuning
) -> Chart:
    """A line a trial over all parameters; the best fifth in full colour, the winner in ink.

    `trials` are sorted from the worst to the best.
    """
    stance = tuning.settings.stance
    table = np.array([[s.share(t.params.get(s.name)) for s in places] for t in trials])
    table = table.reshape(len(trials), len(places))
    data: list[Trace] = []
    parts = np.array_split(np.arange(len(trials)), len(_FIFTHS))
    for part, shade in zip(parts, _FIFTHS, strict=True):
        if not part.size:
            continue
        colour = shade if shade.startswith("@") else f"@{stance}{shade or '/0.8'}"
        data.append(
            {
                **_strands(table[part]),
                "line": {"color": colour, "width": 1.0 if shade else 1.4},
                "name": "best fifth" if not shade else "others",
                "showlegend": not shade or shade == _FIFTHS[2],
                "hoverinfo": "skip",
            }
        )
    if fold.winner is not None and fold.params:
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "winner",
                "x": list(range(len(places))),
                "y": packed([s.share(fold.params.get(s.name)) for s in places]),
                "customdata": [
                    f"{inert(s.label)} {inert(shown(fold.params.get(s.name)))}" for s in places
                ],
                "line": {"color": "@ink", "width": 2.2},
                "marker": {"color": "@ink", "size": 7},
                "hovertemplate": "%{customdata}<extra>winner</extra>",
            }
        )
    across = axis(
        tickmode="array",
        tickvals=list(range(len(places))),
        ticktext=[inert(cut(s.label, 18)) for s in places],
        range=[-0.3, len(places) - 0.7],
        showgrid=True,
        tickangle=-30 if len(places) > 4 else 0,
    )
    up = axis(
        tickmode="array", tickvals=[0, 1], ticktext=["lowest", "highest"], range=[-0.06, 1.06]
    )
    up["showgrid"] = False
    return Chart(data, layout(xaxis=across, yaxis=up, hovermode="closest"), 360)


def slice_chart(figure: Slice, floor: float, tuning: Tuning) -> Chart:
    """Score against one parameter; the file's own value as a dashed line."""
    stance, scale = tuning.settings.stance, figure.scale
    seen = figure.y >= floor
    x, y, number = (column[seen] for column in (figure.x, figure.y, figure.number))
    data: list[Trace] = [
        {
            **dots(_spread(x, scale), y, number, f"@{stance}/0.45"),
            "hovertemplate": "trial %{customdata}: %{y:.2f}<extra></extra>",
            "showlegend": False,
        }
    ]
    if figure.winner:
        data.append({**star(figure.winner, stance), "showlegend": False})
    across = axis(showgrid=False, automargin=bool(scale.words), **ticks(scale))
    if scale.words:
        across["range"] = [-0.5, scale.high + 0.5]
    shapes = []
    if math.isfinite(figure.file):
        shapes.append({**_STROKE, "x0": figure.file, "x1": figure.file, "yref": "paper"})
    up = axis(zeroline=True, automargin=False, **span(floor, y))
    shape = layout(xaxis=across, yaxis=up, shapes=shapes, hovermode="closest", margin=CLOSE)
    return Chart(data, shape, 210)


def stability_chart(tuning: Tuning, places: Sequence[Scale]) -> Chart:
    """A panel a parameter, one beneath the other: the winners' values from fold to fold."""
    stance = tuning.settings.stance
    folds = [fold_name(f) for f in tuning.folds]
    share = 1.0 / max(len(places), 1)
    data: list[Trace] = []
    axes: dict[str, Any] = {}
    notes, shapes = [], []
    for row, scale in enumerate(places):
        number = "" if row == 0 else str(row + 1)
        top = 1.0 - row * share
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": folds,
                "y": packed([scale.at(f.params.get(scale.name)) for f in tuning.folds]),
                "yaxis": f"y{number}",
                "line": {"color": f"@{stance}", "width": 1.6},
                "marker": {"size": 7, "color": f"@{stance}"},
                "customdata": [inert(shown(f.params.get(scale.name))) for f in tuning.folds],
                "hovertemplate": "%{x}: %{customdata}<extra></extra>",
                "showlegend": False,
            }
        )
        up = axis(domain=[top - 0.84 * share, top - 0.27 * share], nticks=3, **ticks(scale, most=3))
        pad = 0.12 * (scale.high - scale.low) or 0.5
        up["range"] = [scale.low - pad, scale.high + pad]
        if scale.log:
            up["range"] = [math.log10(v) for v in (scale.low / 1.3, scale.high * 1.3)]
        axes[f"yaxis{number}"] = up
        notes.append(
            {
                "text": inert(cut(scale.label, 40)),
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": top - 0.03 * share,
                "yref": "paper",
                "yanchor": "top",
                "showarrow": False,
                "font": {"size": 12, "color": "@ink"},
            }
        )
        file = scale.at(tuning.start_params.get(scale.name))
        if math.isfinite(file):
            across = {"x0": 0, "x1": 1, "xref": "paper", "y0": file, "y1": file}
            shapes.append({**_STROKE, **across, "yref": f"y{number}"})
    last = "" if len(places) <= 1 else str(len(places))
    across = axis(type="category", anchor=f"y{last}", showgrid=True)
    shape = layout(xaxis=across, **axes, annotations=notes, shapes=shapes, hovermode="closest")
    return Chart(data, shape, 60 + 96 * max(len(places), 1))


_STROKE: dict[str, Any] = {
    "type": "line",
    "y0": 0,
    "y1": 1,
    "line": {"color": "@ink", "width": 1, "dash": "dot"},
    "layer": "below",
}


def _strands(table: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Lines with a hole between them."""
    rows, width = table.shape
    x = np.tile(np.append(np.arange(width, dtype=float), np.nan), rows)
    y = np.column_stack((table, np.full(rows, np.nan))).ravel()
    return {"type": "scatter", "mode": "lines", "x": packed(x), "y": packed(y)}


def _spread(x: npt.NDArray[np.float64], scale: Scale) -> npt.NDArray[np.float64]:
    """Values in words side by side rather than on top of each other."""
    if not scale.words:
        return x
    return np.asarray(x + 0.4 * ((np.arange(x.size) * 0.618) % 1.0 - 0.5), np.float64)
