"""What each trade on a lab market was really worth: its expected net return, known exactly.

After funding the lab's perp is a martingale plus drifts that are known: the market's own, and those
that a plant adds over its horizon. Whatever a strategy knew when it entered or left, the sum of
its trades' net returns less the sum of these expected ones is a martingale too (optional stopping):
their mean is the truth that an interval should cover.

With G the growth that the drifts promise from entry to exit, s the side, slippage c and fee f:

    q = G·(1 − s·c) / (1 + s·c),    expected net return = s·(q − 1) − f·(1 + q)

What this leaves out is below a tenth of a basis point: slippage and fees are paid on the price,
G is of price and funding together. A liquidation costs the maintenance margin more; at leverage 1
and holdings of days there is none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fadefollow.engine.model import FloatArray
from fadefollow.engine.strategy_plan import Plan
from fadefollow.market.lab.clock import HOURS_PER_YEAR
from fadefollow.market.lab.phases import LEANS
from fadefollow.verdict.estimates.days import HOUR_NS


def log_growth(plan: Plan, planted: pd.DataFrame, *, annual_drift: float) -> list[FloatArray]:
    """Per coin the log growth that the drifts promise up to each bar's open.

    Of shape (n + 1,); the last is at the end.

    Args:
        plan: on perps of the lab.
        planted: its truth table.
        annual_drift: of the lab's settings.
    """
    return [
        _coin(plan, planted[planted["symbol"] == tape.symbol], annual_drift) for tape in plan.tapes
    ]


def _coin(plan: Plan, planted: pd.DataFrame, annual_drift: float) -> FloatArray:
    time, bar_hours = plan.tapes[0].time, plan.tapes[0].bar_ns / HOUR_NS
    steps = np.full(len(time), np.log1p(annual_drift) * bar_hours / HOURS_PER_YEAR)
    begin = (time - time[0]) / HOUR_NS
    worth = planted[planted["planted_bps"] != 0.0]
    starts = pd.DatetimeIndex(worth["start"]).tz_convert(None).to_numpy("datetime64[ns]")
    first = (starts.astype(np.int64) - time[0]) / HOUR_NS
    for phase, bps, start, hours in zip(
        worth["phase"], worth["planted_bps"], first, worth["horizon_hours"], strict=True
    ):
        within = np.minimum(begin + bar_hours, start + hours) - np.maximum(begin, start)
        steps += np.log1p(LEANS[phase] * bps / 1e4) * np.maximum(within, 0.0) / hours
    return np.concatenate([[0.0], np.cumsum(steps)])


def expected(plan: Plan, trades: pd.DataFrame, growth: list[FloatArray]) -> FloatArray:
    """The expected net return of each trade, a fraction, shape (k,).

    Args:
        plan: what was traded.
        trades: as from `regular_trades`.
        growth: as from `log_growth`.
    """
    return _each(plan, trades, growth)


def expected_at_other_times(
    plan: Plan, trades: pd.DataFrame, growth: list[FloatArray]
) -> FloatArray:
    """The same of like trades at any time: same coin, side and holding time, shape (k,)."""
    even = [np.linspace(0.0, g[-1], len(g)) for g in growth]
    return _each(plan, trades, even)


def _each(plan: Plan, trades: pd.DataFrame, growth: list[FloatArray]) -> FloatArray:
    coin, side, entry, last = (
        trades[name].to_numpy(np.int64) for name in ("coin", "side", "entry_bar", "exit_bar")
    )
    gained = np.array(
        [growth[c][b] - growth[c][a] for c, a, b in zip(coin, entry, last, strict=True)], np.float64
    )
    fee = np.array([plan.costs[c].fee for c in coin])
    slip = side * np.array([plan.costs[c].slippage for c in coin])
    ratio = np.exp(gained) * (1.0 - slip) / (1.0 + slip)
    return np.asarray(side * (ratio - 1.0) - fee * (1.0 + ratio))
