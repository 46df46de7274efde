"""What if it were held longer, or cost more: two exploratory curves of a phase.

Neither asks the engine again: the first is the event study less a round trip's cost, the second the
break-even cost less another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.charts.charts import Chart, Trace, axis, layout
from fadefollow.reporting.charts.downsample import FloatArray, packed
from fadefollow.reporting.charts.exhibit import Exhibit, exhibit
from fadefollow.reporting.text.answers import BOOKS, books_of, read_from
from fadefollow.reporting.text.formatting import (
    THIN,
    Table,
    cost,
    fixed,
    hours,
    interval,
    plain_bps,
    titled,
)
from fadefollow.reporting.text.sentences import round_trip_bps
from fadefollow.verdict.model import EventStudy, RunResult, StanceResult, Verdict

#: fees of a fill that an exchange's tiers ask for, bps: name and fee
TIERS: tuple[tuple[str, float], ...] = (("maker", 1.0), ("taker, top tier", 2.5), ("taker", 5.0))
#: of a holding-time curve
_POINTS = 84
_SIGNS: Mapping[Stance, float] = {"fade": -1.0, "follow": 1.0}


def holding(run: RunResult, verdict: Verdict) -> Exhibit:
    """Net edge of every event against the hours held, over the claimed stance's placebo band."""
    title = "Holding-time curve"
    study = _study(run, verdict)
    if study is None:
        return Exhibit(title, "There are no events to hold.")
    at = np.array(study.hours)
    kept = np.flatnonzero(at > 0.0)
    kept = kept[:: max(-(-len(kept) // _POINTS), 1)]
    held, cost_bps = at[kept], _round_trip(verdict)
    if not math.isfinite(cost_bps) or not len(held):
        return Exhibit(title, "No trade says what a round trip costs.")
    lines = {s: sign * np.array(study.mean_bps)[kept] - cost_bps for s, sign in _SIGNS.items()}
    asked: Stance = "follow" if verdict.claim == "follow" else "fade"
    ends = [
        _SIGNS[asked] * np.array(values)[kept] - cost_bps
        for values in (study.placebo_low_bps, study.placebo_high_bps)
    ]
    data = [*_band(held, ends, asked), *(_line(held, lines[s], s) for s in STANCES)]
    hold = hold_hours(run, verdict.strategy)
    chart = Chart(data, _held_layout(held, hold), 300)
    marks = sorted({len(held) - 1, *(int(n) for n in np.linspace(0, len(held) - 1, 9))})
    rows = tuple(
        (hours(float(held[n])), *(plain_bps(float(lines[s][n])) for s in STANCES)) for n in marks
    )
    said = f", dashed: the strategy's {hours(hold)}" if 0.0 < hold <= held[-1] else ""
    whose = "fading" if asked == "fade" else "following"
    caption = (
        f"Exploratory. Mean over all events if each were held so long{said}: price and funding, "
        f"less {cost(cost_bps)} for the round trip, outright; no stop, no liquidation, positions "
        f"may overlap. Grey: {whose} at shifted times, 95{THIN}% of draws."
    )
    head = ("Held", *(f"{titled(s)}, bps" for s in STANCES))
    return exhibit(title, caption, chart, Table(head, rows))


def costs(run: RunResult, verdict: Verdict) -> Exhibit:
    """Mean net return of each stance against the cost of a round trip, with fee tiers marked."""
    title = "Cost curve"
    books = books_of([verdict])
    book: BookName = verdict.fates.book or "outright"
    found = {
        s: one
        for s in STANCES
        if isinstance(one := verdict.result(s, book), StanceResult)
        and math.isfinite(one.breakeven_cost_bps)
    }
    if not found:
        return Exhibit(title, "There are no closed trades.")
    paid = next(iter(map(round_trip_bps, found.values())))
    reach = _reach(found, paid)
    across = np.array([0.0, reach])
    data: list[Trace] = []
    for stance, one in found.items():
        low, high = read_from(one)
        if math.isfinite(low):
            ends = [one.breakeven_cost_bps - across + (x - one.mean_net_bps) for x in (low, high)]
            data += _band(across, ends, stance, colour=f"@{stance}/0.12", name="")
        data.append(_line(across, one.breakeven_cost_bps - across, stance, what="a round trip"))
    slip = _slippage(run, verdict)
    tiers = [(name, 2.0 * (fee + slip)) for name, fee in TIERS]
    shapes = [_upright(x, "@zero", "dot") for _, x in tiers if x < reach]
    notes = [_note(x, name) for name, x in tiers if x < reach]
    shapes.append(_upright(paid, "@ink", "dash"))
    rest = {
        "shapes": shapes,
        "annotations": [*notes, _note(paid, "paid here", top=False)],
        "xaxis": axis("cost of a round trip, bps", range=[0, reach], showgrid=False),
        "yaxis": axis("net a trade, bps", zeroline=True),
        "hovermode": "x unified",
    }
    rows = tuple(
        (
            titled(s),
            cost(one.breakeven_cost_bps),
            *(plain_bps(one.breakeven_cost_bps - x) for _, x in tiers),
            f"{plain_bps(one.mean_net_bps)} {interval(read_from(one))}",
        )
        for s, one in found.items()
    )
    told = ", ".join(f"{fixed(fee, 1)} ({name})" for name, fee in TIERS)
    where = f" {BOOKS[book].capitalize()}." if len(books) > 1 else ""
    caption = (
        f"Exploratory.{where} What a trade would have made at another cost of the round trip, fees "
        f"and slippage together; it is nothing at the break-even cost. Dashed: {cost(paid)}, paid "
        f"here; dotted: fees of {told} bps a fill, with {cost(slip)} of slippage."
    )
    head = ("Stance", "Break-even", *(f"{n}, bps" for n, _ in tiers), "Paid here, bps")
    return exhibit(title, caption, Chart(data, layout(**rest), 300), Table(head, rows))


def _study(run: RunResult, verdict: Verdict) -> EventStudy | None:
    for study in run.event_studies:
        if (study.strategy, study.phase) == (verdict.strategy, verdict.phase):
            return study if study.n_events and study.hours else None
    return None


def _round_trip(verdict: Verdict) -> float:
    paid = [round_trip_bps(verdict.result(stance, "outright")) for stance in STANCES]
    return next((x for x in paid if math.isfinite(x)), math.nan)


def hold_hours(run: RunResult, strategy: str) -> float:
    """Longest holding time, hours; NaN where it is not known."""
    trade = run.strategies.get(strategy, {}).get("trade", {})
    known = trade.get("hold_hours") if isinstance(trade, Mapping) else None
    return float(known) if isinstance(known, int | float) else math.nan


def _slippage(run: RunResult, verdict: Verdict) -> float:
    """Mean slippage of a fill over the coins of the phase, bps."""
    stakes = run.assumptions.get("strategies", {}).get(verdict.strategy, {})
    of = stakes.get("costs", {})
    known = [of[c]["slippage_bps"] for c in verdict.symbols if "slippage_bps" in of.get(c, {})]
    return float(np.mean(known)) if known else 5.0


def _reach(found: Mapping[Stance, StanceResult], paid: float) -> float:
    """How far the costs go: past the break-even costs that are near, and past what was paid."""
    known = [one.breakeven_cost_bps for one in found.values() if one.breakeven_cost_bps > 0.0]
    most = min(max(known, default=0.0), 6.0 * max(paid, 5.0))
    return float(max(2.0 * max(paid, 10.0), 1.15 * most))


def _line(x: FloatArray, y: FloatArray, stance: Stance, *, what: str = "held") -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": titled(stance),
        "x": packed(x),
        "y": packed(y),
        "line": {"color": f"@{stance}", "width": 2},
        "hovertemplate": f"<b>{titled(stance)}</b> %{{y:+.1f}}{THIN}bps<extra></extra>",
        "meta": what,
    }


def _band(
    x: FloatArray,
    ends: list[FloatArray],
    stance: Stance,
    *,
    colour: str = "@muted/0.2",
    name: str = "placebo",
) -> list[Trace]:
    edge: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "x": packed(x),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    said = {"showlegend": True, "name": f"{name}, {stance}"} if name else {}
    fill = {"fill": "tonexty", "fillcolor": colour}
    return [{**edge, "y": packed(ends[0])}, {**edge, "y": packed(ends[1]), **fill, **said}]


def _held_layout(held: FloatArray, hold: float) -> dict[str, Any]:
    days = range(int(held[-1] // 24) + 1)
    time = axis(
        "held, days",
        tickvals=[24 * d for d in days],
        ticktext=[str(d) for d in days],
        showgrid=False,
    )
    shapes = [_upright(hold, "@ink", "dash")] if 0.0 < hold <= held[-1] else []
    net = axis("net a trade, bps", zeroline=True)
    return layout(xaxis=time, yaxis=net, hovermode="x unified", shapes=shapes)


def _upright(x: float, colour: str, dash: str) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": colour, "width": 1.2, "dash": dash},
    }


def _note(x: float, text: str, *, top: bool = True) -> dict[str, Any]:
    return {
        "x": x,
        "y": 1 if top else 0,
        "yref": "paper",
        "text": text,
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "top" if top else "bottom",
        "textangle": 90 if top else 0,
        "font": {"size": 10, "color": "@muted"},
    }
