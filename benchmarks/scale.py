"""Every coin there ever was: many coins through one strategy, and through all of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.memory import family, held
from fadefollow.market.store.store import Store
from fadefollow.workspace import init_workspace

COINS, YEARS = 1000, 5.0
#: those of Binance with funding, in the first version's largest run
ALL_COINS, ALL_YEARS = 537, 6.0
_STRATEGY = "fade_crowded_funding"
_TOML = """\
title = "{coins} coins of simulated prices"
source = "files"
bar = "{hours}h"
files = [
  {{ stream = "perp", path = "{{coin}}.parquet" }},
  {{ stream = "funding", path = "{{coin}}.parquet" }},
  {{ stream = "spot", path = "{{coin}}.parquet" }},
]
"""


def main(coins: int = COINS, years: float = YEARS) -> Iterator[tuple[str, str]]:
    """Each run in a process of its own, which reads the coins from the store.

    One strategy on a quarter of the coins and on all of them, hourly; all strategies on fewer
    coins at four hours.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        init_workspace(root)
        took: dict[int, float] = {}
        for count in (coins // 4, coins):
            name = write(root, count, years, hours=1, spot=False)
            start = time.perf_counter()
            peak = _peak(root, "run", _STRATEGY, "--dataset", name)
            took[count] = time.perf_counter() - start
            what = f"one strategy on {count} coins × {years:g} years, 1,000 and 2,000 draws"
            yield what, f"{took[count]:.0f} s"
            yield "peak memory of that", f"{peak:.2f} GB"
        start = time.perf_counter()
        peak = _peak(root, "run", _STRATEGY, "--dataset", name, "--universe", str(coins // 10))
        yield f"the same among the {coins // 10} largest", f"{time.perf_counter() - start:.0f} s"
        yield "peak memory of that", f"{peak:.2f} GB"
        linear = took[coins] / (4 * took[coins // 4])
        yield "time of all / four times that of a quarter", f"{linear:.2f}"
        some = min(coins, ALL_COINS)
        name = write(root, some, min(6.0, ALL_YEARS * years / YEARS), hours=4, spot=True)
        start = time.perf_counter()
        peak = _peak(root, "run", "--dataset", name)
        yield f"all strategies on {some} coins at 4 hours", f"{time.perf_counter() - start:.0f} s"
        yield "peak memory of that", f"{peak:.2f} GB"


def _peak(root: Path, *words: str) -> float:
    """Peak memory of a command and its forks together, GB; what they share counts once."""
    command = [sys.executable, "-m", "fadefollow", *words]
    quiet, most = subprocess.DEVNULL, 0.0
    with subprocess.Popen(command, cwd=root, stdout=quiet, stderr=quiet) as process:
        while process.poll() is None:
            most = max(most, sum(map(held, family(process.pid))))
            time.sleep(0.5)
    assert process.returncode == 0
    return most


def write(root: Path, coins: int, years: float, *, hours: int, spot: bool) -> str:
    """A stored data set of a workspace; its name."""
    name, bars = f"scale_{coins}_{hours}h", round(years * 8766 / hours)
    (root / "datasets" / f"{name}.toml").write_text(_TOML.format(coins=coins, hours=hours))
    made = _Coins(coins, bars, hours, spot=spot)
    Store(root / "datasets" / "store").write(name, made, bar=pd.Timedelta(hours=hours))
    return name


class _Coins(Mapping[str, dict[str, pd.DataFrame]]):
    """Random walks with a market in common, and funding that is crowded now and then."""

    def __init__(self, count: int, bars: int, hours: int, *, spot: bool) -> None:
        self._names = [f"COIN{k}" for k in range(count)]
        self._market = np.random.default_rng(0).normal(0, 0.004 * hours**0.5, bars)
        start, step = "2020-01-01", f"{hours}h"
        self._time = pd.date_range(start, periods=bars, freq=step, tz="UTC", unit="ns")
        self._bar, self._spot = pd.Timedelta(hours=hours), spot

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __getitem__(self, name: str) -> dict[str, pd.DataFrame]:
        rng = np.random.default_rng([7, self._names.index(name)])
        bars = len(self._time)
        close = 10 * np.exp(np.cumsum(self._market + rng.normal(0, 1.5 * self._market.std(), bars)))
        open_ = np.concatenate([[10.0], close[:-1]])
        wick = np.abs(rng.normal(0, 0.002, bars))
        perp: dict[str, Any] = {
            "time": self._time,
            "available": self._time + self._bar,
            "open": open_,
            "high": np.maximum(open_, close) * (1 + wick),
            "low": np.minimum(open_, close) * (1 - wick),
            "close": close,
            "volume": rng.lognormal(12, 1, bars),
        }
        every = max(pd.Timedelta(hours=8) // self._bar, 1)
        due = self._time[every::every]
        mood = pd.Series(rng.normal(0, 1, len(due))).ewm(halflife=6).mean().to_numpy()
        funding: dict[str, Any] = {
            "time": due,
            "available": due,
            "rate": 1e-4 + 4e-4 * mood**3,
            "interval_hours": 8.0,
        }
        made = {"perp": pd.DataFrame(perp), "funding": pd.DataFrame(funding)}
        if self._spot:
            premium = np.exp(pd.Series(rng.normal(0, 2e-4, bars)).ewm(halflife=9).mean())
            prices = made["perp"][["open", "high", "low", "close"]].mul(premium, axis=0)
            made["spot"] = made["perp"].assign(**{name: prices[name] for name in prices})
        return made
