"""Every coin there ever was: 1,000 coins × 5 years of hourly bars, one strategy, both books."""

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

from fadefollow.market.store.store import Store
from fadefollow.workspace import init_workspace

COINS, YEARS = 1000, 5.0
_STRATEGY = "fade_crowded_funding"
_TOML = """\
title = "{coins} coins of simulated prices"
source = "files"
bar = "1h"

[[files]]
stream = "perp"
path = "{{coin}}.parquet"
time = "time"
columns = {{ open = "open", high = "high", low = "low", close = "close", volume = "volume" }}
"""
#: the command, and its own peak of memory as its last line
_RUN = """\
import resource, sys
from fadefollow.cli.app import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main(coins: int = COINS, years: float = YEARS) -> Iterator[tuple[str, str]]:
    """A quarter of the coins and all of them, each read from the store by a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        init_workspace(root)
        took: dict[int, float] = {}
        for count in (coins // 4, coins):
            start = time.perf_counter()
            _write(root, count, years)
            yield f"writing {count} coins × {years:g} years", f"{_since(start):.0f} s"
            start = time.perf_counter()
            peak = _peak(root, f"scale_{count}")
            took[count] = _since(start)
            yield (
                "run, one strategy, 1,000 placebo and 2,000 bootstrap draws",
                f"{took[count]:.0f} s",
            )
            yield "peak memory of that", f"{peak:.2f} GB"
        yield (
            "time of all / four times that of a quarter",
            (f"{took[coins] / (4 * took[coins // 4]):.2f}"),
        )


def _since(start: float) -> float:
    return time.perf_counter() - start


def _peak(root: Path, dataset: str) -> float:
    """Peak memory in GB of a run."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "run", _STRATEGY, "--dataset", dataset],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1]) / 1024**2


def _write(root: Path, coins: int, years: float) -> None:
    name = f"scale_{coins}"
    (root / "datasets" / f"{name}.toml").write_text(_TOML.format(coins=coins))
    Store(root / "datasets" / "store").write(
        name, _Coins(coins, round(years * 8766)), bar=pd.Timedelta(hours=1)
    )


class _Coins(Mapping[str, dict[str, pd.DataFrame]]):
    """Random walks with a market in common, and funding that is crowded now and then."""

    def __init__(self, count: int, bars: int) -> None:
        self._names = [f"COIN{k}" for k in range(count)]
        self._market = np.random.default_rng(0).normal(0, 0.004, bars)
        self._time = pd.date_range("2020-01-01", periods=bars, freq="h", tz="UTC", unit="ns")

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __getitem__(self, name: str) -> dict[str, pd.DataFrame]:
        rng = np.random.default_rng([7, self._names.index(name)])
        bars = len(self._time)
        close = 10 * np.exp(np.cumsum(self._market + rng.normal(0, 0.006, bars)))
        open_ = np.concatenate([[10.0], close[:-1]])
        wick = np.abs(rng.normal(0, 0.002, bars))
        perp: dict[str, Any] = {
            "time": self._time,
            "available": self._time + pd.Timedelta(hours=1),
            "open": open_,
            "high": np.maximum(open_, close) * (1 + wick),
            "low": np.minimum(open_, close) * (1 - wick),
            "close": close,
            "volume": rng.lognormal(12, 1, bars),
        }
        due = self._time[8::8]
        mood = pd.Series(rng.normal(0, 1, len(due))).ewm(halflife=6).mean().to_numpy()
        funding: dict[str, Any] = {
            "time": due,
            "available": due,
            "rate": 1e-4 + 4e-4 * mood**3,
            "interval_hours": 8.0,
        }
        return {"perp": pd.DataFrame(perp), "funding": pd.DataFrame(funding)}
