"""What the lab planted behind a verdict's phase: by its label, or by simulating more markets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fadefollow.core.cache.memo import Memo
from fadefollow.core.cache.shelf import Shelf
from fadefollow.engine.model import HOUR_NS, BarArrays, Costs, Events, FloatArray
from fadefollow.engine.plans.bar_arrays import calendar
from fadefollow.engine.plans.plan import NEEDS, covered, instrument_arrays
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.resolver import hold_bars, resolve_returns
from fadefollow.engine.strategy import Strategy
from fadefollow.market.lab import simulate
from fadefollow.market.lab.clock import HOURS_PER_YEAR
from fadefollow.market.lab.phases import LEANS
from fadefollow.market.panel import Market

#: other markets that the truth of a spread is averaged over, and coins in each
_MARKETS, _COINS = 2, 4
#: less than that of what is planted elsewhere is chance
LEAST_BPS = 10.0
#: what positions in spot and dated futures are made of
_STREAMS = ("perp", "spot", "mark", "funding", "future")
_FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0, borrow=0.0)


def labelled(truth: pd.DataFrame, phase: str) -> tuple[float, float | None]:
    """Mean planted drift of the perp in the lean's direction, bps, and the hours that it acts over.

    Zero and None where the market has no episode of the phase.
    """
    rows = truth[truth["phase"] == phase]
    if rows.empty:
        return 0.0, None
    return float(rows["planted_bps"].mean()), float(rows["horizon_hours"].mean())


def inherited(plan: Plan, phase: str, truth: pd.DataFrame) -> float:
    """What is planted in other phases that a phase's events fall into, bps.

    Phases overlap: the shorts of a squeeze are crowded shorts, and have their drift.

    Args:
        plan: on perps of the lab.
        phase: one of its phases, in which nothing is planted.
        truth: planted episodes of the data set.

    Returns:
        The mean planted drift from the first possible entry over the holding time, in the lean's
        direction; 0 where it is below `LEAST_BPS`, or there is no event.
    """
    code, hold = plan.phases.index(phase), hold_bars(plan.rules, plan.bar_ns)
    gains = [np.empty(0)]
    for coin, (bars, leans, codes) in enumerate(
        zip(plan.bars, plan.leans, plan.codes, strict=True)
    ):
        mine = codes == code
        if mine.any():
            growth = _growth(plan, coin, truth)
            last = len(growth) - 1
            entry = np.minimum(bars[mine] + 1, last)
            gain = np.expm1(growth[np.minimum(entry + hold, last)] - growth[entry])
            gains.append(leans[mine] * gain)
    every = np.concatenate(gains)
    mean = 1e4 * float(every.mean()) if len(every) else 0.0
    return mean if abs(mean) >= LEAST_BPS else 0.0


def _growth(plan: Plan, coin: int, truth: pd.DataFrame) -> FloatArray:
    """What is planted in one coin, see `planted_growth`; plans that share its bars share it."""

    def make(arrays: BarArrays) -> FloatArray:
        mine = truth[truth["symbol"] == arrays.symbol]
        return planted_growth(plan, mine, annual_drift=0.0)

    return plan.coin_arrays.derived("planted growth", coin, make)


def planted_growth(plan: Plan, planted: pd.DataFrame, *, annual_drift: float) -> FloatArray:
    """What drifts promise of one coin up to each bar's open, as logs, shape (n + 1,).

    Args:
        plan: on whose calendar.
        planted: the coin's episodes.
        annual_drift: of the lab's settings.
    """
    time, bar_hours = plan.time, plan.bar_ns / HOUR_NS
    steps = np.full(len(time), np.log1p(annual_drift) * bar_hours / HOURS_PER_YEAR)
    begin = (time - time[0]) / HOUR_NS
    end = begin + bar_hours
    worth = planted[planted["planted_bps"] != 0.0]
    starts = pd.DatetimeIndex(worth["start"]).tz_convert(None).to_numpy("datetime64[ns]")
    first = (starts.astype(np.int64) - time[0]) / HOUR_NS
    for phase, bps, start, hours in zip(
        worth["phase"], worth["planted_bps"], first, worth["horizon_hours"], strict=True
    ):
        acts = slice(
            np.searchsorted(end, start, side="right"), np.searchsorted(begin, start + hours)
        )
        within = np.minimum(end[acts], start + hours) - np.maximum(begin[acts], start)
        steps[acts] += np.log1p(LEANS[phase] * bps / 1e4) * within / hours
    return np.concatenate([[0.0], np.cumsum(steps)])


def simulated(
    strategy: Strategy,
    phase: str,
    *,
    lab: Mapping[str, Any],
    bar: pd.Timedelta,
    memo: Memo | None = None,
) -> tuple[float, float | None]:
    """Mean return of following a phase on spot or dated futures, by simulation.

    A label's drift is that of the perp; a spread also earns the convergence of its basis. Episodes
    of other markets with the same settings are traded from their labelled start for the holding
    time, without costs.

    Args:
        strategy: on `spot`, a `future` or `carry`.
        phase: one of its phases.
        lab: settings of the data set's lab.
        bar: size of the bars.
        memo: that of the data set, by which its strategies share the other markets.

    Returns:
        Mean return in the lean's direction, bps of the notional (of a spread, its future's), and
        the holding time in hours; NaN without an episode that could be traded.
    """
    kept = memo or Memo()
    others = kept.get("other markets", lambda: _others(lab, bar), keep=None)
    values = [
        value
        for other in others
        for symbol, rows in other.truth[other.truth["phase"] == phase].groupby("symbol")
        for value in _traded(strategy, other.markets[str(symbol)], rows)
    ]
    return (1e4 * float(np.mean(values)) if values else math.nan), strategy.trade.hold_hours


class _Other(NamedTuple):
    """Another market of the same lab."""

    truth: pd.DataFrame
    markets: Shelf[str, Market]


def _others(lab: Mapping[str, Any], bar: pd.Timedelta) -> tuple[_Other, ...]:
    """The other markets that a data set's truth is averaged over."""
    coins = lab.get("coins", _COINS)
    few = min(coins, _COINS) if isinstance(coins, int) else coins[:_COINS]
    others = []
    for number in range(1, _MARKETS + 1):
        seed = int(lab.get("seed", 1)) + 10_000 * number
        made = simulate({**lab, "coins": few, "seed": seed}, bar=bar, streams=_STREAMS)
        markets = Shelf((s, Market(s, bar=bar, tables=t)) for s, t in made.tables.items())
        others.append(_Other(made.truth, markets))
    return tuple(others)


def _traded(strategy: Strategy, market: Market, episodes: pd.DataFrame) -> list[float]:
    span = covered(market, *NEEDS[strategy.trade.instrument])
    time = calendar([span], market.bar)
    arrays: BarArrays = instrument_arrays(strategy.trade, market, time, span)
    starts = pd.DatetimeIndex(episodes["start"]).tz_convert(None).to_numpy("datetime64[ns]")
    bar = np.searchsorted(time, starts.astype(np.int64)).astype(np.int64) - 1
    order = np.argsort(bar, kind="stable")
    lean = np.array([LEANS[phase] for phase in episodes["phase"]], np.int64)[order]
    none = np.empty(0, np.int64)
    events = Events(bar[order], lean, np.zeros(len(bar), np.int64), none, none)
    found = resolve_returns(arrays, events, rules=strategy.trade.rules(), costs=_FREE)
    return [float(v) for v in found.value if not math.isnan(v)]
