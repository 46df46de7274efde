"""The market figure of one coin: price, phases, planted truth, trades, funding and premium."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fadefollow.phases import STANCES
from fadefollow.reporting.budget import Budget
from fadefollow.reporting.thin import Band, FloatArray, Line, millis, ranges, thin
from fadefollow.verdict.model import RunResult


@dataclass(frozen=True)
class Lane:
    """One phase of one coin: when it was known, and where the lab had planted it."""

    phase: str
    lean: int
    time: FloatArray
    strength: FloatArray
    seen: int  #: phases found, of which the strongest are drawn where there are too many
    #: planted stretches, shape (k, 2), milliseconds
    planted: FloatArray = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class TradeMarks:
    """The trades of one stance on one coin, one value a trade in each array."""

    stance: str
    side: FloatArray
    entry: FloatArray
    entry_price: FloatArray
    exit: FloatArray
    exit_price: FloatArray
    return_bps: FloatArray
    phase: tuple[str, ...]
    strategy: tuple[str, ...]
    reason: tuple[str, ...]
    left_out: int  #: trades with smaller returns, by strategy, that are not drawn


@dataclass(frozen=True)
class PriceFigure:
    """All that is drawn about one coin's market."""

    symbol: str
    range: Band
    close: Line
    lanes: tuple[Lane, ...]
    trades: tuple[TradeMarks, ...]
    funding: Line | None
    premium: Line | None


def price_figure(run: RunResult, symbol: str, budget: Budget) -> PriceFigure:
    """The market of `symbol`, thinned for drawing with all extremes kept."""
    frame = run.prices[symbol]
    time = millis(pd.DatetimeIndex(frame.index))
    points = budget.price_points
    trades = tuple(_marks(run.trades, symbol, stance, budget.trades) for stance in STANCES)
    return PriceFigure(
        symbol=symbol,
        range=ranges(time, frame["low"], frame["high"], points=points // 3),
        close=thin(time, frame["close"], points=points // 2),
        lanes=_lanes(run, symbol, budget.events),
        trades=tuple(t for t in trades if t.entry.size),
        funding=_context(frame, time, "funding_bps_per_8h", points // 4),
        premium=_context(frame, time, "premium_bps", points // 4),
    )


def _context(frame: pd.DataFrame, time: FloatArray, column: str, points: int) -> Line | None:
    if column not in frame or frame[column].isna().all():
        return None
    values = frame[column].to_numpy(np.float64)
    known = ~np.isnan(values)
    if known.mean() < 0.6:  # settlements stand hours apart: join them
        time, values = time[known], values[known]
    return thin(time, values, points=points)


def _lanes(run: RunResult, symbol: str, most: int) -> tuple[Lane, ...]:
    seen = run.phases[run.phases["symbol"] == symbol]
    truth = run.truth if run.truth is not None else pd.DataFrame({"symbol": [], "phase": []})
    planted = truth[truth["symbol"] == symbol]
    names = dict.fromkeys([*run.phases["phase"].astype(str), *planted["phase"].astype(str)])
    leans = dict(zip(run.phases["phase"].astype(str), run.phases["lean"], strict=True))
    lanes = []
    each = most // max(len(names), 1)
    for name in sorted(names):
        mine, true = seen[seen["phase"] == name], planted[planted["phase"] == name]
        spans = np.empty((0, 2))
        if len(true):
            spans = np.column_stack([millis(true["start"]), millis(true["end"])])
        found = len(mine)
        if found > each:
            strongest = mine["strength"].to_numpy(np.float64).argsort()[found - each :]
            mine = mine.iloc[np.sort(strongest)]
        lanes.append(
            Lane(
                phase=name,
                lean=int(leans.get(name, 0)),
                time=millis(mine["time"]),
                strength=mine["strength"].to_numpy(np.float64),
                seen=found,
                planted=spans,
            )
        )
    return tuple(lanes)


def _marks(trades: pd.DataFrame, symbol: str, stance: str, most: int) -> TradeMarks:
    mine = trades[(trades["symbol"] == symbol) & (trades["stance"] == stance)]
    left_out = max(len(mine) - most, 0)
    if left_out:
        size = mine["return"].abs()
        rank = size.groupby(mine["strategy"]).rank(ascending=False, method="first")
        mine = mine.iloc[np.sort(rank.to_numpy(np.float64).argsort(kind="stable")[:most])]
    return TradeMarks(
        stance=stance,
        side=mine["side"].to_numpy(np.float64),
        entry=millis(mine["entry_time"]),
        entry_price=mine["entry_price"].to_numpy(np.float64),
        exit=millis(mine["exit_time"]),
        exit_price=mine["exit_price"].to_numpy(np.float64),
        return_bps=mine["return"].to_numpy(np.float64) * 1e4,
        phase=tuple(mine["phase"].astype(str)),
        strategy=tuple(mine["strategy"].astype(str)),
        reason=tuple(mine["exit_reason"].astype(str)),
        left_out=left_out,
    )
