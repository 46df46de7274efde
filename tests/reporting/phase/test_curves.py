"""The exploratory curves are the event study less a cost, and the break-even cost less another."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fadefollow.reporting.charts.exhibit import Exhibit
from fadefollow.reporting.phase.curves import costs, hold_hours, holding
from fadefollow.verdict.model import StanceResult
from tests.support.reporting_cases import Cases


def drawn(item: Exhibit) -> tuple[dict[str, list[tuple[np.ndarray, np.ndarray]]], dict[str, Any]]:
    """Lines by name as (x, y), and the layout."""
    chart = json.loads(str(item.island))
    lines: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for trace in chart["data"]:
        pair = tuple(
            np.frombuffer(base64.b64decode(trace[axis]["bdata"]), "<f4") for axis in ("x", "y")
        )
        lines.setdefault(trace.get("name", ""), []).append(pair)  # type: ignore[arg-type]
    return lines, chart["layout"]


def test_holding_is_the_study_less_a_round_trip(cases: Cases) -> None:
    verdict = cases.plain.verdicts[0]
    trade = {verdict.strategy: {"trade": {"hold_hours": 72}}}
    run = replace(cases.plain, strategies=trade)
    lines, layout = drawn(holding(run, verdict))
    (study,) = [s for s in cases.plain.event_studies if s.phase == verdict.phase]
    ((at, fade),), ((_, follow),) = lines["Fade"], lines["Follow"]
    path = dict(zip(study.hours, study.mean_bps, strict=True))
    # a round trip cost 14 bps: break-even cost less mean
    for hour, lost, gained in zip(at.tolist(), fade, follow, strict=True):
        assert lost == pytest.approx(-path[hour] - 14.0, abs=1e-3)
        assert gained == pytest.approx(path[hour] - 14.0, abs=1e-3)
    assert hold_hours(run, verdict.strategy) == 72.0
    assert [shape["x0"] for shape in layout["shapes"]] == [72.0]


def test_costs_cross_zero_at_the_break_even_cost(cases: Cases) -> None:
    verdict = cases.plain.verdicts[0]
    item = costs(cases.plain, verdict)
    lines, _ = drawn(item)
    ((at, net),) = lines["Fade"]
    assert isinstance(verdict.fade, StanceResult)
    assert net[0] == pytest.approx(verdict.fade.breakeven_cost_bps, abs=1e-3)
    assert net[1] == pytest.approx(verdict.fade.breakeven_cost_bps - at[1], abs=1e-3)
    assert item.table is not None
    # mean 42.3, break-even 56.3; a maker's fills cost 2 × (1 + 3), as slippage is 3 bps on average
    assert item.table.rows[0][:3] == ("Fade", "56\u202fbps", "+48")
    assert "Exploratory" in item.caption


def test_without_events_or_trades_a_curve_says_so(cases: Cases) -> None:
    nothing = cases.plain.verdicts[2]
    assert holding(cases.plain, nothing).island is None
    assert costs(cases.plain, nothing).caption == "There are no closed trades."
