"""Detection: each signal's time for three years of hourly bars, per million, and in a search."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.market.lab import simulate
from fadefollow.phases import Signal
from fadefollow.workspace import find_workspace


def main() -> Iterator[tuple[str, str]]:
    """One coin, all signals with their defaults, after compilation; the best of five markets."""
    workspace = find_workspace()
    signals = [workspace.signal(name)() for name in workspace.names("signals")]
    bar = pd.Timedelta(hours=1)
    lab = simulate({"seed": 5, "years": 3.0, "coins": 1}, bar=bar)
    (symbol, tables), *_ = lab.tables.items()
    seconds: dict[str, list[float]] = {}
    for _ in range(6):
        market = Market(symbol, bar=bar, tables=tables)  # fresh: nothing is memoised yet
        for signal in signals:
            start = time.perf_counter()
            signal.detect(market)
            seconds.setdefault(signal.name(), []).append(time.perf_counter() - start)
    bars = len(market)
    best = {name: min(times[1:]) for name, times in seconds.items()}
    for name, spent in best.items():
        yield f"{name}, {bars:,} bars", f"{1e3 * spent:.1f} ms"
        yield f"{name}, per million bars", f"{1e6 * spent / bars:.2f} s"
    yield "all signals, one coin, three years", f"{1e3 * sum(best.values()):.0f} ms"
    for signal in signals:
        spent = np.median(list(_searched(type(signal), market)))
        yield f"{signal.name()}, all parameters anew, one coin", f"{1e3 * spent:.2f} ms"


def _searched(kind: type[Signal], market: Market) -> Iterator[float]:
    """Seconds of detection and its marks with parameters never seen before, as a tuner asks."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        near = {
            name: np.clip(kind.model_fields[name].default * rng.uniform(0.8, 1.25), p.low, p.high)
            for name, p in kind.params().items()
            if kind.model_fields[name].annotation is not int
        }
        signal = kind(**near)
        start = time.perf_counter()
        signal.detect(market).marks(*kind.phases)
        yield time.perf_counter() - start
