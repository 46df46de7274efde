"""A calibration as one HTML page and one JSON file: places of points, and words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fadefollow.reporting.pages.page import fill
from fadefollow.results.write import write_files
from fadefollow.verdict.calibration import Calibration
from fadefollow.verdict.calibration.promises import headline
from fadefollow.verdict.calibration.proportions import Share
from fadefollow.verdict.calibration.summary import COVERAGE_BAND, POWER, ArmCounts, Power

#: of a picture, in pixels: width, height, margins left and bottom
_WIDE, _HIGH, _LEFT, _BOTTOM = 620, 260, 46, 34
#: of a picture of intervals: where the scale begins and ends
_FROM, _TO = 300, 600


@dataclass(frozen=True)
class Mark:
    """A share with its interval, placed along a scale; pixels."""

    label: str
    text: str
    at: float
    low: float
    high: float
    plain: bool  #: by a plain t-test


@dataclass(frozen=True)
class Ruler:
    """Marks above one another on a scale of shares, with a band in which they should lie."""

    title: str
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    band: tuple[float, float]  #: pixels

    @property
    def height(self) -> int:
        """Pixels."""
        return 22 * len(self.marks) + 34


@dataclass(frozen=True)
class Line:
    """Power by edge: one phase at one length of history."""

    label: str
    dots: tuple[tuple[float, float, float, float], ...]  #: x, y, y of the interval's ends
    path: str
    detectable: float  #: x of the median detectable effect; NaN if unknown
    plain: bool


@dataclass(frozen=True)
class PowerPlot:
    """Share of markets in which the planted edge was found, by its size."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    target: float  #: y of a power of 80 %


def write_calibration(
    found: Calibration, runs_dir: Path, templates: Path, *, command: str, started: pd.Timestamp
) -> Path:
    """Write `runs_dir/<UTC time>-calibration/` with report.html and calibration.json.

    Args:
        found: what was counted.
        runs_dir: the folder of all runs.
        templates: the workspace's `reports/` folder.
        command: that was run.
        started: when, UTC.

    Raises:
        SpecError: the template does not render; nothing is written.
        StoreError: the folder cannot be written; nothing is left behind.
    """
    files = {
        "report.html": render_calibration(found, templates, command=command, started=started),
        "calibration.json": as_json(found, command=command, started=started),
    }
    name = f"{started.strftime('%Y%m%dT%H%M%SZ')}-calibration"
    return write_files({k: v.encode("utf-8") for k, v in files.items()}, runs_dir / name)


def as_json(found: Calibration, *, command: str, started: pd.Timestamp) -> str:
    """All counts, and what made them."""
    said = {"command": command, "started": str(started), **found.to_dict()}
    return json.dumps(said, indent=1, allow_nan=False) + "\n"


def render_calibration(
    found: Calibration, templates: Path, *, command: str, started: pd.Timestamp
) -> str:
    """The page."""
    return fill(
        "calibration.html.j2",
        templates,
        {
            "found": found,
            "command": command,
            "started": f"{started:%Y-%m-%d %H:%M} UTC",
            "headline": headline(found.promises, who="The verdict"),
            "arms": [(arm, _false(arm, found.design.alpha), _coverage(arm)) for arm in found.arms],
            "plots": _plots(found),
            "percent": percent,
            "bps": _bps,
        },
    )


def percent(share: Share) -> str:
    """`2.5 % [0.8 %, 5.7 %]`, or a dash."""
    if not share.of:
        return "–"
    return f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _bps(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}"


def _false(arm: ArmCounts, alpha: float) -> Ruler:
    rows = [
        ("this verdict, any answer", arm.false_tables, False),
        ("by the rule of version 1", arm.old_false_tables, True),
        ("t-tests, any question", arm.t_false_tables, True),
        *((f"… {kind}", share, False) for kind, share in arm.by_kind.items() if share.count),
    ]
    top = max([share.high for _, share, _ in rows if share.of] or [0.1])
    return _ruler("Tables with a false answer", rows, 0.0, max(0.1, top), (0.0, alpha))


def _coverage(arm: ArmCounts) -> Ruler:
    rows: list[tuple[str, Share, bool]] = []
    for book, share in arm.covered.items():
        rows += [(f"{book}, all rows", share, False)]
        rows += [(f"{book}, by t-intervals", arm.t_covered[book], True)]
    rows += [(f"{r.phase}, {r.stance}, {r.book}", r.covered, False) for r in arm.rows]
    low = min([share.low for _, share, _ in rows if share.of] or [0.8])
    return _ruler("Intervals that hold the truth", rows, min(0.85, low), 1.0, COVERAGE_BAND)


def _ruler(
    title: str,
    rows: Sequence[tuple[str, Share, bool]],
    low: float,
    high: float,
    band: tuple[float, float],
) -> Ruler:
    def x(share: float) -> float:
        return round(_FROM + (_TO - _FROM) * (share - low) / (high - low), 1)

    marks = tuple(
        Mark(label, percent(share), x(share.value), x(share.low), x(share.high), plain)
        for label, share, plain in rows
        if share.of
    )
    step = 0.05 if high - low <= 0.3 else 0.2
    first = math.ceil(low / step - 1e-9)
    ticks = [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]
    return Ruler(
        title, marks, tuple((x(t), f"{100 * t:.0f} %") for t in ticks), (x(band[0]), x(band[1]))
    )


def _plots(found: Calibration) -> tuple[PowerPlot, ...]:
    cells = [cell for cell in found.power if not math.isnan(cell.edge_bps)]
    if not cells:
        return ()
    top = max(cell.edge_bps for cell in cells) * 1.05
    keys = dict.fromkeys((cell.phase, cell.book) for cell in cells)
    return tuple(_plot([c for c in cells if (c.phase, c.book) == key], top) for key in keys)


def _plot(cells: Sequence[Power], top: float) -> PowerPlot:
    lines = []
    for arm in dict.fromkeys(replace(cell.arm, effect_bps=0.0) for cell in cells):
        mine = [c for c in cells if replace(c.arm, effect_bps=0.0) == arm]
        mine.sort(key=lambda c: c.edge_bps)
        trades = sum(c.trades for c in mine) / len(mine)
        what = f"{arm.coins} coins, {arm.years:g} years, {trades:.0f} trades"
        detectable = sum(c.detectable_bps for c in mine) / len(mine)
        lines.append(_line(what, mine, [c.found for c in mine], top, detectable, plain=False))
        shares = [c.t_found for c in mine]
        lines.append(_line(f"{what}: t-test", mine, shares, top, math.nan, plain=True))
    step = 50 if top <= 400 else 100
    ticks = range(0, int(top) + 1, step)
    return PowerPlot(
        title=f"{cells[0].phase}, fade, {cells[0].book}",
        lines=tuple(lines),
        x_ticks=tuple((_x(float(t), top), f"{t}") for t in ticks),
        y_ticks=tuple((_y(k / 5), f"{20 * k} %") for k in range(6)),
        target=_y(POWER),
    )


def _line(
    label: str,
    cells: Sequence[Power],
    shares: Sequence[Share],
    top: float,
    detectable: float,
    *,
    plain: bool,
) -> Line:
    dots = tuple(
        (_x(c.edge_bps, top), _y(s.value), _y(s.low), _y(s.high))
        for c, s in zip(cells, shares, strict=True)
    )
    path = "M" + "L".join(f"{x} {y}" for x, y, _, _ in dots)
    at = math.nan if math.isnan(detectable) else _x(detectable, top)
    return Line(label, dots, path, at, plain)


def _x(bps: float, top: float) -> float:
    return round(_LEFT + (_WIDE - _LEFT - 12) * bps / top, 1)


def _y(share: float) -> float:
    return round(_HIGH - _BOTTOM - (_HIGH - _BOTTOM - 10) * share, 1)
