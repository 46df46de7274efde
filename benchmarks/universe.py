"""A universe of 100 coins: one strategy judged with 1,000 placebo and 2,000 bootstrap draws."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fadefollow.market.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.verdict.measure import Settings, measure
from fadefollow.workspace import find_workspace

COINS, YEARS = 100, 3.0


def main() -> Iterator[tuple[str, str]]:
    """Three years of hourly bars of each coin."""
    workspace = find_workspace()
    strategy = workspace.strategy("fade_crowded_funding")
    bet = [(strategy, workspace.detector(strategy))]
    settings = Settings(placebo_draws=1000, bootstrap_draws=2000)
    _seconds(_universe(2, 0.5), bet, settings)  # compiles
    start = time.perf_counter()
    universe = _universe(COINS, YEARS)
    yield f"simulating {COINS} coins × {YEARS:g} years", f"{time.perf_counter() - start:.1f} s"
    yield "peak memory of that, with streams that are not used", f"{_peak():.2f} GB"
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what the simulation used goes back
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew
    yield (
        "detect, trade, judge, event study, splits, portfolio",
        (f"{_seconds(universe, bet, settings):.1f} s"),
    )
    yield "peak memory of that", f"{_peak():.2f} GB"


def _peak() -> float:
    """Peak memory of this process in GB, since it was last reset."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024**2


def _seconds(universe: Dataset, bet: list, settings: Settings) -> float:
    start = time.perf_counter()
    measure(universe, bet, settings=settings, step=lambda *_: None)
    return time.perf_counter() - start


def _universe(coins: int, years: float) -> Dataset:
    bar = pd.Timedelta(hours=1)
    lab = {"seed": 5, "years": years, "coins": coins, "families": ["crowd"]}
    made = simulate(lab, bar=bar)
    kept = ("perp", "spot", "mark", "funding")
    markets = {
        symbol: Market(symbol, bar=bar, tables={s: t for s, t in tables.items() if s in kept})
        for symbol, tables in made.tables.items()
    }
    return Dataset(
        "universe",
        "100 coins",
        bar,
        simulated=True,
        fingerprint="-",
        markets=markets,
        truth=made.truth,
        lab=lab,
    )
