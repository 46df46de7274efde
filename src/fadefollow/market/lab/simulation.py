"""simulate: settings in, canonical tables and truth out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.errors import unknown
from fadefollow.market.lab.clock import HOURS_PER_YEAR, Clock, FloatArray, stream, wander
from fadefollow.market.lab.contracts import contracts
from fadefollow.market.lab.episodes import FAMILIES, LEANS
from fadefollow.market.lab.forces import Forces, Truth
from fadefollow.market.lab.kernel import CROWD, PREMIUM, Inputs, Path, walk
from fadefollow.market.lab.ledgers import keep
from fadefollow.market.lab.settings import LabSettings
from fadefollow.market.lab.shocks import MarketFactor, Shocks, coin_shocks, market_factor
from fadefollow.market.lab.tables import Streams

#: what tips the crowd besides price: level, slow sentiment and short whims (half-life h, scale)
_MOOD, _SENTIMENT, _WHIM = 0.0, (1500.0, 0.17), (20.0, 0.04)
#: single prints of spot and of the mark against the perp, fractions
_SPOT_PRINT, _MARK_PRINT = 2.0e-4, 2.0e-4
#: range of first prices, USDT, and the notional of one usual side of the crowd, USDT
_PRICES, _SIDE_USDT = (5.0, 5000.0), 2e8

TRUTH_COLUMNS = ("symbol", "phase", "start", "end", "planted_bps", "horizon_hours")


@dataclass(frozen=True)
class Lab:
    """A simulated market.

    Attributes:
        tables: coin → stream → canonical table.
        truth: the planted phases, one row each, sorted by time and symbol: `symbol`, `phase`,
            `start` and `end` (UTC; from `start` the phase is in full force and its drift acts),
            `planted_bps` (mean perp return after funding and beyond the market's drift, in the
            direction of the lean, over the horizon; negative: fading it pays), `horizon_hours`.
        listed: coin → when its trading began.
    """

    tables: Mapping[str, Mapping[str, pd.DataFrame]]
    truth: pd.DataFrame
    listed: Mapping[str, pd.Timestamp]


def simulate(settings: Mapping[str, Any], *, bar: pd.Timedelta) -> Lab:
    """Simulate a market; the same settings and bar give the same tables.

    Args:
        settings: the `[lab]` table of a data set, see `LabSettings`.
        bar: size of the bars; a part of 8 hours in whole minutes, or 8 or 24 hours. Bars of
            different sizes show the same market, as long as `step_minutes` divides them.

    Raises:
        ParameterError: a setting out of its bounds, or episodes that do not fit.
        UnknownNameError: a setting or phase that does not exist.
    """
    checked = LabSettings.read(settings)
    for phase in checked.plants:
        if phase not in LEANS:
            raise unknown("phase", phase, LEANS, where="[lab.plants]")
    clock = Clock.of(checked, bar)
    market = market_factor(clock, checked)
    coins = {symbol: _Coin(clock, checked, symbol, market) for symbol in checked.symbols}
    return Lab(
        {symbol: coin.tables() for symbol, coin in coins.items()},
        _truth_table(clock, {symbol: coin.truth for symbol, coin in coins.items()}),
        dict.fromkeys(coins, clock.start),
    )


class _Coin:
    """One coin: its forces, shocks and path."""

    def __init__(
        self, clock: Clock, settings: LabSettings, symbol: str, market: MarketFactor
    ) -> None:
        self.clock, self.settings, self.symbol = clock, settings, symbol
        low, high = np.log(_PRICES)
        self.first_price = math.exp(self._rng("listing").uniform(low, high))
        self.forces = Forces.none(clock)
        families = [f(clock, settings, self._rng("episodes", f.__name__)) for f in FAMILIES]
        for family in families:
            family.shake(self.forces)
        self.shocks: Shocks = coin_shocks(
            clock, settings, symbol, market, volatility_force=self.forces.volatility
        )
        self.shocks.log_return.setflags(write=False)
        self.truth: list[Truth] = []
        for family in families:
            self.truth += family.play(self.forces, self.shocks.log_return)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Walk the path and write it down."""
        rng = self._rng("path")
        count = len(self.clock)
        # uniforms on (0, 1]: a logarithm is taken
        up, down = 1.0 - rng.random(count), 1.0 - rng.random(count)
        path = self._walk(up, down)
        spot = path.perp / (1.0 + path.premium)
        futures = contracts(
            self.clock,
            self._rng("futures"),
            spot=spot,
            net_crowd=path.longs - path.shorts,
            carry_force=self.forces.carry,
        )
        ledgers = keep(
            self.clock,
            self._rng("ledgers"),
            path,
            side_coins=_SIDE_USDT / self.first_price,
            heat=self.shocks.variance / self.shocks.typical,
            future_volume_force=self.forces.future_volume,
            netflow_force=self.forces.netflow,
        )
        streams = Streams(
            self.clock,
            first_price=self.first_price,
            variance=self.shocks.variance,
            up=up,
            down=down,
            netflow_lag=pd.Timedelta(hours=self.settings.netflow_lag_hours),
        )
        return streams.tables(path, spot, futures, ledgers)

    def _walk(self, up: FloatArray, down: FloatArray) -> Path:
        clock, forces, count = self.clock, self.forces, len(self.clock)
        steady = (1.0 + self.settings.annual_drift) ** (clock.hours / HOURS_PER_YEAR) - 1.0
        prints = self._rng("prints")
        given = Inputs(
            log_return=self.shocks.log_return,
            variance=self.shocks.variance,
            drift=(1.0 + steady) * (1.0 + forces.drift) - 1.0,
            settles=clock.settles,
            mood=self._mood(),
            long_inflow=forces.long_inflow,
            short_inflow=forces.short_inflow,
            spot_pressure=forces.spot_pressure,
            premium_noise=self._rng("premium").standard_normal(count),
            print_noise=_SPOT_PRINT * prints.standard_normal(count),
            mark_noise=_MARK_PRINT * prints.standard_normal(count),
            up=up,
            down=down,
        )
        path = walk(given, clock.hours, self.first_price, self.shocks.typical, CROWD, PREMIUM)
        return Path(*path)

    def _mood(self) -> FloatArray:
        rng, count, hours = self._rng("mood"), len(self.clock), self.clock.hours
        slow = wander(rng, count, hours=hours, half_life=_SENTIMENT[0], scale=_SENTIMENT[1])
        fast = wander(rng, count, hours=hours, half_life=_WHIM[0], scale=_WHIM[1])
        return _MOOD + slow + fast

    def _rng(self, *names: str) -> np.random.Generator:
        return stream(self.settings.seed, self.symbol, *names)


def _truth_table(clock: Clock, truth: Mapping[str, list[Truth]]) -> pd.DataFrame:
    rows = [
        (symbol, t.phase, clock.time(t.start), clock.time(t.end), t.planted_bps, t.horizon_hours)
        for symbol, listed in truth.items()
        for t in listed
    ]
    table = pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))
    for column in ("start", "end"):
        table[column] = pd.to_datetime(table[column], utc=True).dt.as_unit("ns")
    table = table.astype({"symbol": "str", "phase": "str"})
    table = table.astype({"planted_bps": "float64", "horizon_hours": "float64"})
    return table.sort_values(["start", "symbol"], kind="stable", ignore_index=True)
