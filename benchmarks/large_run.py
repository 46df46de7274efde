"""A run as large as they get: millions of trades on a thousand coins, as a result to be stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.cache.shelf import Shelf
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.phases import STANCES
from fadefollow.verdict.model import RunResult
from fadefollow.verdict.run.descriptive import coin_years
from tests.support.reporting_cases import assumptions_of, cells, equity_of, many, prices

COINS, DAYS, STRATEGIES, TRADES = 1_000, 1_826, 20, 5_000_000
_HOLD = 72  #: bars
_LEANS = {"long": 1, "short": -1}


def large_run(
    coins: int = COINS, days: int = DAYS, strategies: int = STRATEGIES, trades: int = TRADES
) -> RunResult:
    """So many trades of both stances, spread evenly over coins and over two phases a strategy."""
    names = tuple(f"COIN{number}" for number in range(coins))
    base = many(names[:1], 60, strategies)
    # together they are gigabytes
    bars = Shelf((one, prices((one,), days, seed=k)[one]) for k, one in enumerate(names))
    whose = tuple(base.strategies)
    each = -(-trades // (coins * strategies * len(_LEANS) * len(STANCES)))
    parts = [_of_coin(bars[coin], coin, whose, each) for coin in names]
    events = pd.concat([one for one, _ in parts], ignore_index=True)
    table = _both_stances(pd.concat([one for _, one in parts], ignore_index=True))
    verdicts = tuple(replace(v, symbols=names) for v in base.verdicts)
    index = bars[names[0]].index
    span = {"start": str(index[0]), "end": str(index[-1]), "rows": len(index)}
    streams = dict.fromkeys(("perp", "spot", "funding"), span)
    return replace(
        base,
        name=f"{trades} trades",
        verdicts=verdicts,
        splits=tuple(cell for v in verdicts for cell in cells(v)),
        phases=events,
        trades=table,
        hedged_trades=table.iloc[:0],
        equity=equity_of(table, dict.fromkeys(names, bars[names[0]])),
        prices=bars,
        truth=None,
        coin_years=coin_years(table),
        assumptions=assumptions_of(whose, names),
        dataset={**base.dataset, "coverage": dict.fromkeys(names, streams)},
        config={**base.config, "symbols": list(names)},
    )


def _of_coin(
    frame: pd.DataFrame, coin: str, strategies: tuple[str, ...], each: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The events of one coin, and a fade of each."""
    close = frame["close"].ffill().bfill().to_numpy(np.float64)
    place = [f"phase_{number}_{side}" for number in range(len(strategies)) for side in _LEANS]
    group = np.repeat(np.arange(len(place)), each)
    rng = np.random.default_rng([len(coin), *map(ord, coin)])
    at = rng.integers(0, len(close) - _HOLD - 2, group.size)
    lean = np.where(group % 2 == 0, 1, -1)
    side, size = -lean, 100_000.0 / close[at + 1]
    phase, strategy = _named(place, group), _named(list(strategies), group // 2)
    seen: dict[str, Any] = {
        "time": frame.index[at],
        "symbol": coin,
        "signal": "funding",
        "phase": phase,
        "lean": lean,
        "actor": "crowd",
        "strength": rng.gamma(2.0, size=group.size),
    }
    made: dict[str, Any] = {
        "strategy": strategy,
        "symbol": coin,
        "phase": phase,
        "stance": "fade",
        "book": "outright",
        "side": side,
        "signal_time": frame.index[at],
        "entry_time": frame.index[at + 1],
        "entry_price": close[at + 1],
        "exit_time": frame.index[at + 1 + _HOLD],
        "exit_price": close[at + 1 + _HOLD],
        "exit_reason": _named(["time", "opposite", "stop"], np.arange(group.size) % 3),
        "leg": "perp",
        "trade_id": [f"{coin}-fade-{number}" for number in range(group.size)],
        "size": size,
        "notional": 100_000.0,
        "fees": 100.0,
        "slippage": 40.0,
        "funding": 9.0 * lean,
        "hedge": 0.0,
        "beta": np.nan,
        "pnl": side * size * (close[at + 1 + _HOLD] - close[at + 1]) + 9.0 * lean - 140.0,
    }
    fades = pd.DataFrame(made)
    return pd.DataFrame(seen), fades.assign(**{"return": fades["pnl"] / fades["notional"]})


def _both_stances(fades: pd.DataFrame) -> pd.DataFrame:
    """The trades with those of the other side, which pay the same costs."""
    gross = fades["pnl"] + fades["fees"] + fades["slippage"]
    pnl = -gross - fades["fees"] - fades["slippage"]
    others = fades.assign(
        stance="follow",
        side=-fades["side"],
        trade_id=fades["trade_id"].str.replace("-fade-", "-follow-", regex=False),
        funding=-fades["funding"],
        pnl=pnl,
        **{"return": pnl / fades["notional"]},
    )
    return pd.concat([fades, others], ignore_index=True)[list(TRADE_COLUMNS)]


def _named(names: list[str], codes: Any) -> Any:
    return pd.array(names, dtype="str").take(codes)
