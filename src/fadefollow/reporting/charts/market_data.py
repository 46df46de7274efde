"""One coin's market as the page holds it: as fine as the budget allows, zipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fadefollow.reporting.charts.encoding import (
    candle_steps,
    decimals_of,
    differences,
    zipped,
)
from fadefollow.reporting.charts.market_panels import PANELS
from fadefollow.reporting.charts.prices import PriceFigure

#: bars that one point of the page may span, from the finest to the coarsest
STEPS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 96, 120, 168, 240, 336, 504, 720, 1440, 2880, 5760)
#: base64 bytes that a bar takes with its panels, at the least: where to begin to try
FIRST_GUESS = 3.5
#: base64 bytes for prices and panels in any case
_LEAST = 2_000


@dataclass(frozen=True)
class Codes:
    """Names that the coins share, and their places: numbers are smaller than names."""

    phases: tuple[str, ...]
    strategies: tuple[str, ...]


@dataclass(frozen=True)
class PackedCoin:
    """The data of one coin."""

    blob: str  #: base64 of zipped JSON
    step: int  #: bars that one price spans
    dense: float  #: bytes that prices and panels take, for each bar that is told alone


def packed_coin(
    figure: PriceFigure,
    codes: Codes,
    *,
    size: int,
    dense: float = FIRST_GUESS,
    beside: Callable[[int], Mapping[str, Any]] | None = None,
) -> PackedCoin:
    """A coin's market in at most about `size` bytes: finer where less has to be told.

    Args:
        figure: of a coin that has bars.
        codes: that hold all of its names.
        size: what the coin may take; events are told in any case.
        dense: bytes a bar that prices and panels may take, as a coin like this one did.
        beside: what else is packed with it, by the bars that one price spans.
    """
    events = _events(figure, codes)
    fixed = len(zipped({**events, **(beside(1) if beside else {})}))
    room = max(size - fixed, _LEAST)
    wanted = figure.grid.count * dense / room
    while True:
        step = next((s for s in STEPS if s >= wanted), STEPS[-1])
        blob = zipped({**_series(figure, step), **events, **(beside(step) if beside else {})})
        taken = len(blob) - fixed
        if taken <= room or step == STEPS[-1]:
            return PackedCoin(blob, step, step * taken / figure.grid.count)
        # so much coarser as it was too large, and never the same again
        wanted = max(step * taken / room, step + 1)


def _series(figure: PriceFigure, step: int) -> dict[str, Any]:
    c, grid = figure.candles(step), figure.grid
    return {
        "start": grid.start,
        "bar": grid.bar,
        "count": grid.count,
        "step": step,
        "price": candle_steps(c.open, c.high, c.low, c.close),
        "curves": [
            _curve(figure, number, place, step)
            for number, panel in enumerate(PANELS)
            for place, drawn in enumerate(panel.curves)
            if figure.has(drawn.column)
        ],
    }


def _curve(figure: PriceFigure, number: int, place: int, step: int) -> dict[str, Any]:
    panel = PANELS[number]
    # prices come before what is below them: one extreme a step where all would be too much
    rough = step if step == 1 else 2 * step
    curve = figure.curve(panel.curves[place].column, held=panel.held, step=rough)
    unit = figure.units[panel.curves[place].column]
    whole: dict[str, Any] = {
        "panel": number,
        "curve": place,
        "unit": unit,
        "decimals": decimals_of(unit),
        "value": differences(curve.value, unit),
    }
    if curve.place.size < figure.grid.count:
        whole["at"] = differences(curve.place.astype(np.float64))
    return whole


def _events(figure: PriceFigure, codes: Codes) -> dict[str, Any]:
    events = sorted(
        (int(at), codes.phases.index(lane.phase), float(f"{strength:.3g}"), int(door))
        for lane in figure.lanes
        for at, strength, door in zip(lane.place, lane.strength, lane.door, strict=True)
    )
    at, phase, strength, door = zip(*events, strict=True) if events else ((), (), (), ())
    planted = [
        (int(start), int(end), codes.phases.index(lane.phase))
        for lane in figure.lanes
        for start, end in lane.planted
    ]
    found: dict[str, Any] = {
        "at": differences(np.array(at, np.float64)),
        "phase": phase,
        "strength": strength,
        "door": door if any(door) else [],
    }
    return {"events": found, "planted": planted}
