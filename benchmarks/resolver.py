"""The resolver against plain vectorbt: the same entries and exits, with and without the rest."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.engine.model import BarArrays, Costs, Events, Rules
from fadefollow.engine.portfolio import portfolio
from fadefollow.engine.resolver import resolve, resolve_returns

_HOUR = 3_600_000_000_000
_COSTS = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)


def main() -> Iterator[tuple[str, str]]:
    """Three years of hourly bars of one coin, 180 trades of 48 hours."""
    import vectorbt as vbt

    arrays = _arrays(26_280)
    events = _events(len(arrays.time), 180)
    rules = Rules(hold_hours=48, opposite=False)
    plain = _per_call(lambda: resolve_returns(arrays, events, rules=rules, costs=_COSTS))
    trades = len(resolve_returns(arrays, events, rules=rules, costs=_COSTS).value)
    yield "resolver, one backtest", f"{1e6 * plain:.0f} µs"
    yield "resolver, per trade", f"{1e6 * plain / trades:.2f} µs"
    full = Rules(hold_hours=48, stop=0.05, target=0.1, trail=0.04, leverage=5.0)
    busy = _per_call(lambda: resolve_returns(arrays, events, rules=full, costs=_COSTS))
    yield "the same with stop, target, trail, leverage, opposite", f"{1e6 * busy:.0f} µs"
    signals = _signals(arrays, events, rules)
    unfunded = replace(arrays, settle_rate=np.zeros_like(arrays.settle_rate))
    wanted = resolve_returns(unfunded, events, rules=rules, costs=_COSTS).value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        def backtest() -> Any:
            return vbt.Portfolio.from_signals(
                signals["close"],
                signals["long"],
                signals["exit"],
                short_entries=signals["short"],
                short_exits=signals["exit"],
                price=signals["open"],
                fees=_COSTS.fee,
                slippage=_COSTS.slippage,
                size=1.0,
                accumulate=False,
                freq="1h",
                init_cash=1e6,
            )

        found = backtest().trades.records_readable["Return"].to_numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-9)  # else the ratio means nothing
        theirs = _per_call(lambda: backtest().total_profit())
        book = resolve(arrays, events, rules=rules, costs=_COSTS)
        portfolio([arrays], [book], rules=rules).total_profit()
        ours = _per_call(lambda: portfolio([arrays], [book], rules=rules).total_profit())
    yield "vectorbt from_signals + total profit, the same trades", f"{1e6 * theirs:.0f} µs"
    yield "backtests a second: resolver", f"{1 / plain:,.0f}"
    yield "backtests a second: vectorbt", f"{1 / theirs:,.0f}"
    yield "resolver is faster by", f"{theirs / plain:.0f} ×"
    yield "funded portfolio from the trades + total profit", f"{1e6 * ours:.0f} µs"


def _per_call(call: Callable[[], object], *, seconds: float = 1.0) -> float:
    call()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        call()
        count += 1
    return (time.perf_counter() - start) / count


def _arrays(bars: int) -> BarArrays:
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.007, bars)))
    open_ = np.r_[100.0, close[:-1]]
    high, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    time_ = _HOUR * np.arange(bars, dtype=np.int64)
    paid = time_[::8].copy()
    rate = np.full(len(paid), 1e-4)
    return BarArrays(
        "COIN",
        _HOUR,
        time_,
        open_,
        high,
        low,
        close,
        open_,
        high,
        low,
        paid,
        rate,
        open_[::8].copy(),
    )


def _events(bars: int, count: int) -> Events:
    rng = np.random.default_rng(1)
    # far enough apart that no two positions meet: vectorbt has no holding time of its own
    bar = np.linspace(100, bars - 200, count).astype(np.int64)
    side = rng.choice([-1, 1], count).astype(np.int64)
    return Events(bar, side, np.zeros(count, np.int64), bar, side)


def _signals(arrays: BarArrays, events: Events, rules: Rules) -> dict[str, pd.Series]:
    index = pd.DatetimeIndex(arrays.time.astype("datetime64[ns]"))
    out = {name: pd.Series(data=False, index=index) for name in ("long", "short", "exit")}
    out["long"].iloc[events.bar[events.side > 0] + 1] = True
    out["short"].iloc[events.bar[events.side < 0] + 1] = True
    out["exit"].iloc[events.bar + 1 + int(rules.hold_hours)] = True
    out |= {"open": pd.Series(arrays.open, index), "close": pd.Series(arrays.close, index)}
    return out
