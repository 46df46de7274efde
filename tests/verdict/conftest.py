"""Small markets and plans for the verdict's tests, as fixtures that give their makers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from fadefollow.engine.model import BarArrays, Book, Costs, Rules
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.resolver import resolve

HOUR_NS = 3_600_000_000_000
#: a Monday, midnight UTC
START = pd.Timestamp("2024-01-01", tz="UTC").value
FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)


def arrays_of(
    close: Any, *, symbol: str = "X", bar_hours: int = 1, start: int = START
) -> BarArrays:
    """Bars that open at the last close and never leave the way between; no settlements."""
    close = np.asarray(close, float)
    open_ = np.concatenate([close[:1], close[:-1]])
    open_ = np.where(np.isnan(close), np.nan, np.where(np.isnan(open_), close, open_))
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    bar_ns = bar_hours * HOUR_NS
    none = np.empty(0)
    return BarArrays(
        symbol=symbol,
        bar_ns=bar_ns,
        time=start + bar_ns * np.arange(len(close)),
        open=open_,
        high=high,
        low=low,
        close=close,
        liq_open=open_,
        liq_high=high,
        liq_low=low,
        settle_time=none.astype(np.int64),
        settle_rate=none,
        settle_mark=none,
    )


def plan_of(
    coin_arrays: Any,
    bars: Any,
    leans: Any = None,
    codes: Any = None,
    *,
    rules: Rules | None = None,
    costs: Costs = FREE,
    phases: tuple[str, ...] = ("a",),
    strategy: str = "s",
    **rest: Any,
) -> Plan:
    """A plan whose own events also end its positions."""
    coin_arrays, k = tuple(coin_arrays), len(tuple(coin_arrays))
    bars = tuple(np.asarray(b, np.int64) for b in bars)
    leans = tuple(np.asarray(x, np.int64) for x in leans or [np.ones(len(b)) for b in bars])
    codes = tuple(np.asarray(x, np.int64) for x in codes or [np.zeros(len(b)) for b in bars])
    rules = rules or Rules(hold_hours=24.0, opposite=False)
    return Plan(
        strategy,
        "sig",
        phases,
        coin_arrays,
        (costs,) * k,
        bars,
        leans,
        codes,
        bars,
        leans,
        rules,
        **rest,
    )


def books_of(*plans: Plan) -> dict[tuple[str, str], list[Book]]:
    return {
        (plan.strategy, stance): [
            resolve(arrays, plan.events(i, stance), rules=plan.rules, costs=plan.costs[i])
            for i, arrays in enumerate(plan.coin_arrays)
        ]
        for plan in plans
        for stance in ("fade", "follow")
        if stance not in plan.refused
    }


def stormy_plan(
    rng: np.random.Generator,
    *,
    days: int = 400,
    coins: int = 3,
    edge: float = 0.0,
    drift: float = 0.0,
    events_a_year: float = 40.0,
    hold: int = 72,
    bar_hours: int = 4,
    costs: Costs = FREE,
    opposite: bool = True,
) -> Plan:
    """Martingale coins with a common factor and volatility clusters, and events in storms.

    Events are drawn from the *past* of volatility alone, so that they know nothing of what follows,
    but for `edge`: a planted drift over `hold` hours from the entry, in the lean's direction.
    """
    n, per_day = days * 24 // bar_hours, 24 // bar_hours
    log_vol = _ar(rng, n, 1.0 - 1.0 / (20 * per_day), 0.5)
    vol = 0.04 / np.sqrt(per_day) * np.exp(log_vol)
    common = rng.standard_normal(n)
    chance = np.clip(events_a_year / 365 / per_day * np.exp(0.8 * _ar(rng, n, 0.97, 1.0)), 0, 0.5)
    chance *= np.concatenate([[0.0], vol[:-1] / vol.mean()])
    spark = rng.random(n)
    coin_arrays, bars, leans = [], [], []
    for coin in range(coins):
        shock = vol * (0.8 * common + 0.6 * rng.standard_normal(n)) - vol**2 / 2.0
        joint = rng.random(n) < 0.5
        fires = np.flatnonzero(np.where(joint, spark, rng.random(n)) < chance)
        fires = fires[np.diff(fires, prepend=-100) >= per_day]
        lean = np.where(rng.random(len(fires)) < 0.7, 1, -1)
        held = hold // bar_hours
        for bar, sign in zip(fires, lean, strict=True):
            shock[bar + 1 : bar + 1 + held] += sign * edge / held
        coin_arrays.append(
            arrays_of(
                100 * np.exp(np.cumsum(shock + drift / per_day)),
                symbol=f"C{coin}",
                bar_hours=bar_hours,
            )
        )
        bars.append(fires)
        leans.append(lean)
    rules = Rules(hold_hours=float(hold), opposite=opposite)
    return plan_of(coin_arrays, bars, leans, rules=rules, costs=costs, window_hours=24.0)


def _ar(rng: np.random.Generator, n: int, memory: float, spread: float) -> np.ndarray:
    noise = rng.standard_normal(n) * spread * np.sqrt(1.0 - memory**2)
    noise[0] = rng.standard_normal() * spread
    return lfilter([1.0], [1.0, -memory], noise)


@pytest.fixture
def make_arrays() -> Callable[..., BarArrays]:
    return arrays_of


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    return plan_of


@pytest.fixture
def make_books() -> Callable[..., dict[tuple[str, str], list[Book]]]:
    return books_of


@pytest.fixture
def make_stormy() -> Callable[..., Plan]:
    return stormy_plan
