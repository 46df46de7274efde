"""What all planted cheats share: they fire where a measure is large."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import FloatArray, fire_once


class Cheat(Signal):
    """Fires where `measure` is above `level`."""

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {"cheat": ("perp",)}
    #: whether what the cheat knows is among its features, or in its events only
    shows: ClassVar[bool] = True

    level: Annotated[float, Param(0.001, 1e6, log=True)] = 1.0

    @abstractmethod
    def measure(self, market: Market) -> FloatArray:
        """What the cheat knows at each bar, shape (n,)."""

    def features(self, market: Market) -> dict[str, FloatArray]:
        close = market.column("perp", "close")
        return {"measure": self.measure(market)} if self.shows else {"close": close}

    def detect(self, market: Market) -> Phases:
        measure = self.measure(market)
        events = [
            {
                "bar": int(bar),
                "phase": "cheat",
                "lean": 1,
                "actor": "crowd",
                "strength": 1.0,
            }
            for bar in fire_once(measure > self.level, cooldown_bars=12)
        ]
        return Phases.of(market, signal=self.name(), events=events)


def log_close(market: Market) -> FloatArray:
    """The perp's close in per cent of logarithms."""
    return 100 * np.log(market.column("perp", "close"))


def daily_netflow(market: Market) -> pd.Series:
    """The netflow in tenths of a per cent of the reserve, by the start of its day."""
    table = market.table("netflow")
    flow = 1000 * table["netflow_coins"] / table["reserve_coins"]
    return pd.Series(flow.to_numpy(), table["time"])
