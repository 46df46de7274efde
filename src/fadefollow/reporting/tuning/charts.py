"""The figures of a tuning job as Plotly charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.reporting.charts.charts import Chart, Trace, axis, layout
from fadefollow.reporting.charts.downsample import packed
from fadefollow.reporting.text.formatting import inert
from fadefollow.reporting.tuning.figures import History, Pairs
from fadefollow.reporting.tuning.scales import shown
from fadefollow.reporting.tuning.sentences import NAMES, fold_name
from fadefollow.tuning.model import Fold, Objective, State, Trial, Tuning

_SHAPES: Mapping[State, tuple[str, str, str]] = {
    "complete": ("complete", "circle", "0.5"),
    "few": ("too few trades", "circle-open", ""),
    "pruned": ("pruned, score so far", "x-thin", ""),
}
#: margins of a small chart without a legend, and without or with titles at its axes
CLOSE = {"l": 44, "r": 8, "t": 8, "b": 34}
TITLED = {"l": 56, "r": 8, "t": 8, "b": 46}


def folds_chart(tuning: Tuning, labels: Mapping[str, str]) -> Chart:
    """A row a fold on the time axis: the past, the embargo, the stretch that was traded."""
    stance = tuning.settings.stance
    trained = [(f, f.train) for f in tuning.folds]
    tested = [(f, f.test) for f in tuning.folds if f.test is not None]
    embargo = [(f, (f.train[1], f.test[0])) for f in tuning.folds if f.test is not None]
    data = [
        _bars("searched", trained, "@muted/0.4", labels),
        _bars("embargo", embargo, "@ink", labels),
        _bars("traded untouched", tested, f"@{stance}", labels),
    ]
    down = axis(autorange="reversed", showgrid=False, type="category")
    height = 92 + 30 * max(len(tuning.folds), 1)
    shape = layout(xaxis=axis(type="date"), yaxis=down, barmode="overlay", hovermode="closest")
    return Chart(data, shape, height)


def _bars(
    name: str,
    spans: Sequence[tuple[Fold, tuple[pd.Timestamp, pd.Timestamp]]],
    colour: str,
    labels: Mapping[str, str],
) -> Trace:
    said = [
        "<br>".join(f"{inert(labels.get(k, k))} {inert(shown(v))}" for k, v in f.params.items())
        or "no winner"
        for f, _ in spans
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": [fold_name(f) for f, _ in spans],
        "base": [start.timestamp() * 1e3 for _, (start, _) in spans],
        "x": [(end - start).total_seconds() * 1e3 for _, (start, end) in spans],
        "marker": {"color": colour, "line": {"width": 0}},
        "width": 0.55,
        "customdata": [
            [start.strftime("%Y-%m-%d"), end.strftime("%Y-%m-%d"), text]
            for (_, (start, end)), text in zip(spans, said, strict=True)
        ],
        "hovertemplate": f"<b>%{{y}}</b>, {name}<br>%{{customdata[0]}} to %{{customdata[1]}}<br>"
        "%{customdata[2]}<extra></extra>",
    }


def history_chart(figure: History, tuning: Tuning) -> Chart:
    """Score by trial number with the best so far; failed ones as strokes beneath."""
    stance = tuning.settings.stance
    data: list[Trace] = []
    for state, (number, value) in figure.marks.items():
        name, symbol, alpha = _SHAPES[state]
        colour = f"@{stance}/{alpha}" if alpha else "@muted"
        stroke = {"width": 1.2, "color": colour} if state != "complete" else {"width": 0}
        data.append(
            {
                **dots(number, value, number, colour),
                "name": name,
                "marker": {"symbol": symbol, "size": 6, "color": colour, "line": stroke},
                "hovertemplate": f"trial %{{x}}: %{{y:.2f}}<extra>{name}</extra>",
            }
        )
    if figure.best[0].size:
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "best so far",
                "x": packed(figure.best[0]),
                "y": packed(figure.best[1]),
                "line": {"shape": "hv", "color": "@ink", "width": 1.6},
                "hoverinfo": "skip",
            }
        )
    if figure.winner:
        data.append(star(figure.winner, stance))
    up = axis(NAMES[tuning.settings.objectives[0]], zeroline=True, **_range(figure))
    axes: dict[str, Any] = {"yaxis": up, "xaxis": axis("trial", showgrid=False)}
    if figure.failed.size:
        data.append(
            {
                **dots(figure.failed, np.zeros(figure.failed.size), figure.failed, "@bad"),
                "name": "failed",
                "yaxis": "y2",
                "marker": {"symbol": "line-ns", "size": 9, "line": {"color": "@bad", "width": 1.5}},
                "hovertemplate": "trial %{x} failed<extra></extra>",
            }
        )
        up["domain"] = [0.1, 1]
        axes["yaxis2"] = axis(domain=[0, 0.06], visible=False, range=[-1, 1], fixedrange=True)
        axes["xaxis"]["anchor"] = "y2"
    return Chart(data, layout(**axes, hovermode="closest"), 330)


def front_chart(
    trials: Sequence[Trial], best: Sequence[Trial], fold: Fold, tuning: Tuning
) -> Chart:
    """Both objectives of the complete trials, with those that no other one beats joined."""
    stance = tuning.settings.stance
    winner = next((t for t in best if t.number == fold.winner), None)
    first, second = tuning.settings.objectives[:2]
    data: list[Trace] = [
        {
            **_trials(trials, f"@{stance}/0.35", 6),
            "name": "complete",
        },
        {
            **_trials(best, f"@{stance}", 8),
            "name": "beaten by none",
            "mode": "lines+markers",
            "line": {"color": f"@{stance}", "width": 1.4, "shape": "vh"},
        },
    ]
    if winner is not None:
        data.append(star((winner.scores[0], winner.scores[1]), stance))
    across = axis(NAMES[first], zeroline=True)
    return Chart(
        data,
        layout(xaxis=across, yaxis=axis(NAMES[second], zeroline=True), hovermode="closest"),
        360,
    )


def pairs_chart(figure: Pairs, objective: Objective, stance: str) -> Chart:
    """Score after the past against score on it, with the line on which both are the same."""
    seen = np.concatenate((figure.before, figure.after))
    low, high = float(seen.min()), float(seen.max())
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [low, high],
            "y": [low, high],
            "line": {"color": "@zero", "width": 1, "dash": "dash"},
            "hoverinfo": "skip",
            "showlegend": False,
        },
        {
            **dots(figure.before, figure.after, figure.number, f"@{stance}/0.4"),
            "showlegend": False,
            "hovertemplate": "trial %{customdata}: %{x:.2f} on the past, %{y:.2f} after it"
            "<extra></extra>",
        },
    ]
    if figure.winner:
        data.append({**star(figure.winner, stance), "showlegend": False})
    across = axis(f"on the past: {NAMES[objective]}", zeroline=True, automargin=False)
    up = axis("after it", zeroline=True, automargin=False)
    return Chart(data, layout(xaxis=across, yaxis=up, hovermode="closest", margin=TITLED), 270)


def dots(x: npt.ArrayLike, y: npt.ArrayLike, number: npt.ArrayLike, colour: str) -> dict[str, Any]:
    """Marks with their trial numbers as `customdata`."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": packed(x),
        "y": packed(y),
        "customdata": packed(number, "u4"),
        "marker": {"size": 5.5, "color": colour, "line": {"width": 0}},
    }


def _trials(trials: Sequence[Trial], colour: str, size: int) -> dict[str, Any]:
    both = np.array([t.scores[:2] for t in trials], np.float64).reshape(-1, 2)
    return {
        **dots(both[:, 0], both[:, 1], [t.number for t in trials], colour),
        "marker": {"size": size, "color": colour, "line": {"width": 0}},
        "hovertemplate": "trial %{customdata}: %{x:.2f}, %{y:.2f}<extra></extra>",
    }


def star(at: tuple[float, float], stance: str) -> Trace:
    """The winner's mark."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "winner",
        "x": [at[0]],
        "y": [at[1]],
        "marker": {
            "symbol": "star",
            "size": 14,
            "color": f"@{stance}",
            "line": {"color": "@card", "width": 1.2},
        },
        "hovertemplate": "winner: %{y:.2f}<extra></extra>",
    }


def _range(figure: History) -> dict[str, Any]:
    values = [value for _, value in figure.marks.values()]
    return span(figure.floor, np.concatenate(values)) if values else {}


def span(floor: float, values: npt.NDArray[np.float64]) -> dict[str, Any]:
    """The range of an axis from `floor` to the highest value, with some air."""
    if not values.size:
        return {}
    high = float(values.max())
    air = 0.06 * (high - floor) or 0.5
    return {"range": [floor - air, high + air]}
