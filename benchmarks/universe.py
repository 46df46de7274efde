"""A universe of 100 coins: one strategy with 1,000 placebo and 2,000 bootstrap draws, by book."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.memory import peak
from fadefollow.engine.hedge.hedging import Hedges
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.verdict.run.measure import Settings, measure
from fadefollow.verdict.run.prepare import Bet
from fadefollow.workspace import find_workspace

COINS, YEARS = 100, 3.0


def main(coins: int = COINS, years: float = YEARS) -> Iterator[tuple[str, str]]:
    """Hourly bars of each coin: outright alone, then both books, each with a placebo of its own."""
    workspace = find_workspace()
    strategy = workspace.strategy("fade_crowded_funding")
    bet = [(strategy, workspace.detector(strategy))]
    settings = Settings(placebo_draws=1000, bootstrap_draws=2000)
    small = _universe(22, 0.5)
    for dataset in (small, _outright(small)):
        _seconds(dataset, bet, settings)  # compiles
    start = time.perf_counter()
    universe = _universe(coins, years)
    yield f"simulating {coins} coins × {years:g} years", f"{time.perf_counter() - start:.1f} s"
    yield "peak memory of that, with streams that are not used", f"{peak():.2f} GB"
    took = {}
    for name, dataset in (("outright alone", _outright(universe)), ("both books", universe)):
        _anew()
        took[name] = _seconds(dataset, bet, settings)
        yield f"{name}: detect, trade, judge, study, splits, portfolio", f"{took[name]:.1f} s"
        yield "peak memory of that", f"{peak():.2f} GB"
    yield "both books / outright alone", f"{took['both books'] / took['outright alone']:.2f}"


def _outright(universe: Dataset) -> Dataset:
    """The same data set without a basket to hedge by."""
    bare = replace(universe)  # with a memory of its own
    bare.memo.get("hedges", lambda: Hedges(None, None), keep=None)
    return bare


def _anew() -> None:
    """The peak of memory starts anew; what was used before goes back."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # Linux


def _seconds(universe: Dataset, bet: list[Bet], settings: Settings) -> float:
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
        f"{coins} coins",
        bar,
        simulated=True,
        fingerprint="-",
        markets=markets,
        truth=made.truth,
        lab=lab,
    )
