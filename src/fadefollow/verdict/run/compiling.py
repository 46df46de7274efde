"""The processes that compile the kernels beside a run, which `compiler` begins.

Each takes small plans through what a run does, so that what it compiles is in the cache by the time
that the run asks for it. What is not yet there the run compiles itself: no result depends on them.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fadefollow.engine.model import (
    BOOKS,
    DAY_NS,
    HOUR_NS,
    BarArrays,
    Costs,
    DatedBarArrays,
    FloatArray,
    IntArray,
    Rules,
)
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES
from fadefollow.verdict.estimates.anyhour import all_outcomes
from fadefollow.verdict.estimates.estimates import estimate
from fadefollow.verdict.judging import days_of
from fadefollow.verdict.placebos.run import confront
from fadefollow.verdict.run.excursions import with_excursions
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.tables import trades_table
from fadefollow.verdict.settings import JudgeSettings
from fadefollow.verdict.study import event_study

_DAYS, _BARS_A_DAY, _EVERY = 150, 6, 11
_FEW = JudgeSettings(placebo_draws=4, bootstrap_draws=20)


def trading() -> None:
    """Trade a plan of each kind of instrument, and say what its trades say."""
    plans = _plans()
    made = {(plan.strategy, s): books_of(plan, s, "skip", []) for plan in plans for s in STANCES}
    with_excursions(trades_table(plans, made, "outright"), plans)
    days = days_of(plans, _FEW)
    for plan in plans:
        estimate(plan, made, all_outcomes(plan), resampling=days, alpha=_FEW.alpha)


def drawing() -> None:
    """Draw what needs no trades: placebos and event studies of the same plans."""
    plans = _plans()
    keys = [
        (plan.strategy, 0, stance, book) for plan in plans for stance in STANCES for book in BOOKS
    ]
    confront(plans, dict.fromkeys(keys, 5.0), draws=_FEW.placebo_draws, seed=1)
    event_study(plans[0], rng=np.random.default_rng(1), draws=2)


def _plans() -> list[Plan]:
    return [_plan("perp"), _plan("future"), _plan("carry")]


def _plan(instrument: str) -> Plan:
    """Two coins with events on both sides, the contrary ones ending positions."""
    arrays = tuple(_arrays(symbol, instrument, seed) for seed, symbol in enumerate(("BTC", "C01")))
    bars = np.arange(_EVERY, len(arrays[0].time) - _EVERY, _EVERY)
    leans = np.where(np.arange(len(bars)) % 3 == 0, -1, 1)
    costs = Costs(fee=0.0005, slippage=0.0005, maintenance=0.01, borrow=0.05)
    return Plan(
        strategy=instrument,
        signal="made up",
        phases=("phase",),
        coin_arrays=CoinArrays(arrays),
        costs=(costs,) * 2,
        bars=(bars,) * 2,
        leans=(leans,) * 2,
        codes=(np.zeros_like(bars),) * 2,
        exit_bars=(bars,) * 2,
        exit_leans=(leans,) * 2,
        rules=Rules(hold_hours=72.0),
        window_hours=24.0,
    )


def _arrays(symbol: str, instrument: str, seed: int) -> BarArrays:
    bar_ns = DAY_NS // _BARS_A_DAY
    time: IntArray = 19_000 * DAY_NS + np.arange(_DAYS * _BARS_A_DAY) * bar_ns
    steps = np.random.default_rng(seed).normal(0.0, 0.01, len(time) + 1)
    price: FloatArray = 100.0 * np.exp(np.cumsum(steps))
    open_, close = price[:-1].copy(), price[1:].copy()
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    settled = time[:: 8 * HOUR_NS // bar_ns].copy()
    plain: dict[str, Any] = {
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "liq_open": open_,
        "liq_high": high,
        "liq_low": low,
        "settle_rate": np.full(len(settled), 1e-4),
        "settle_mark": np.full(len(settled), 100.0),
    }
    if instrument == "perp":
        return BarArrays(symbol, bar_ns, time, settle_time=settled, **plain)
    unsettled = {"settle_rate": np.empty(0), "settle_mark": np.empty(0)}
    half = len(time) // 2
    return DatedBarArrays(
        symbol,
        bar_ns,
        time,
        settle_time=np.empty(0, np.int64),
        **plain | unsettled,
        carry=instrument == "carry",
        contracts=("future:1", "future:2"),
        dated_open=np.stack([open_] * 2),
        dated_high=np.stack([high] * 2),
        dated_low=np.stack([low] * 2),
        dated_close=np.stack([close] * 2),
        spot_open=open_,
        spot_close=close,
        nearest=(np.arange(len(time)) >= half).astype(np.int64),
        leave=np.array([half, len(time)]),
    )


if __name__ == "__main__":
    {"trading": trading, "drawing": drawing}[sys.argv[1]]()
