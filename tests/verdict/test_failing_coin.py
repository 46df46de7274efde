"""A signal that fails on one coin: the run leaves it out and says so, the others are measured."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import DataError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal
from fadefollow.verdict.run.notes import failed_notes
from fadefollow.verdict.run.prepare import prepare_bet

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")


class Brittle(Signal):
    """Finds an event a day; divides by zero in BTC."""

    phases: ClassVar = {"up": ("perp",)}

    def features(self, market: Market) -> dict:
        return {}

    def detect(self, market: Market) -> Phases:
        with np.errstate(divide="raise"):
            strength = np.float64(1.0) / np.float64(market.symbol != "BTC")
        row = {"bar": np.arange(9, 90, 24), "phase": "up", "lean": 1, "actor": "crowd"}
        return Phases.of(market, signal="brittle", events=[{**row, "strength": strength}])


def dataset(*coins: str) -> Dataset:
    time = pd.date_range(START, periods=96, freq="h", unit="ns")
    perp = pd.DataFrame({"time": time, "available": time + HOUR})
    perp = perp.assign(open=1.0, high=1.0, low=1.0, close=1.0)
    settled = time[::8]
    funding = pd.DataFrame({"time": settled, "rate": 1e-4, "interval_hours": 8.0})
    tables = {"perp": perp, "funding": funding.assign(available=settled)}
    markets = {coin: Market(coin, bar=HOUR, tables=tables) for coin in coins}
    return Dataset("demo", "Demo", HOUR, simulated=False, fingerprint="", markets=markets)


def strategy(symbols: list[str] | None = None) -> Strategy:
    return Strategy(
        name="fade_up",
        title="",
        claim="fade",
        account="a",
        signal="brittle",
        phases=("up",),
        symbols=symbols,
        trade=Trade(hold_hours=8.0),
    )


def test_the_other_coins_are_measured_and_the_one_is_named() -> None:
    detected: dict = {}
    made = prepare_bet(dataset("BTC", "ETH", "SOL"), strategy(), Brittle(), detected)
    assert [arrays.symbol for arrays in made.plan.coin_arrays] == ["ETH", "SOL"]
    assert [len(bars) for bars in made.plan.bars] == [4, 4]
    (note,) = failed_notes([(Brittle(), *detected.values())])
    assert (note.code, note.about["coin"]) == ("signal-failed", "BTC")
    assert "FloatingPointError" in note.figures["error"]


def test_a_strategy_for_that_coin_alone_cannot_be_measured() -> None:
    with pytest.raises(DataError, match="failed on every coin; got on BTC"):
        prepare_bet(dataset("BTC", "ETH"), strategy(["BTC"]), Brittle(), {})
