"""simulate: settings in, canonical tables and truth out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.errors import unknown
from fadefollow.market.lab.calendar import Calendar
from fadefollow.market.lab.clock import HOURS_PER_YEAR, Clock, FloatArray, stream, wander
from fadefollow.market.lab.contracts import contracts
from fadefollow.market.lab.episodes import FAMILIES
from fadefollow.market.lab.forces import Truth
from fadefollow.market.lab.kernel import CROWD, PREMIUM, Inputs, Path, walk
from fadefollow.market.lab.ledgers import keep
from fadefollow.market.lab.listing import TRUTH_COLUMNS, Lab, listed_with_pump
from fadefollow.market.lab.options import Book, option_book
from fadefollow.market.lab.phases import PHASES
from fadefollow.market.lab.script import Script
from fadefollow.market.lab.settings import LabSettings
from fadefollow.market.lab.shocks import MarketFactor, Shocks, coin_shocks, market_factor
from fadefollow.market.lab.tables import MARKED, Streams
from fadefollow.market.lab.universe.simulation import simulate_universe

#: what tips the crowd besides price: level, slow sentiment and short whims (half-life h, scale)
_MOOD, _SENTIMENT, _WHIM = 0.0, (1500.0, 0.17), (20.0, 0.04)
#: single prints of spot and of the mark against the perp, fractions
_SPOT_PRINT, _MARK_PRINT = 2.0e-4, 2.0e-4
#: range of first prices, USDT, and the notional of one usual side of the crowd, USDT
_PRICES, _SIDE_USDT = (5.0, 5000.0), 2e8


def simulate(
    settings: Mapping[str, Any], *, bar: pd.Timedelta, streams: Collection[str] | None = None
) -> Lab:
    """Simulate a market; the same settings and bar give the same tables.

    Args:
        settings: the `[lab]` table of a data set, see `LabSettings`.
        bar: size of the bars; a part of 8 hours in whole minutes, or 8 or 24 hours. Bars of
            different sizes show the same market, as long as `step_minutes` divides them.
        streams: the tables to make, by default all; a universe's are always all made.

    Raises:
        ParameterError: a setting out of its bounds, or episodes that do not fit.
        UnknownNameError: a setting, phase or family that does not exist.
    """
    checked = LabSettings.read(settings)
    if checked.universe is not None:
        return simulate_universe(checked, checked.universe, bar=bar)
    for phase in checked.plants:
        if phase not in PHASES:
            raise unknown("phase", phase, PHASES, where="[lab.plants]")
    for family in checked.families or ():
        if family not in FAMILIES:
            raise unknown("family", family, FAMILIES, where="[lab].families")
    clock = Clock.of(checked, bar)
    market = market_factor(clock, checked)
    coins = {symbol: _Coin(clock, checked, symbol, market) for symbol in checked.symbols}
    lab = Lab(
        {symbol: coin.tables(streams) for symbol, coin in coins.items()},
        _truth_table(clock, {symbol: coin.truth for symbol, coin in coins.items()}),
        dict.fromkeys(coins, clock.start),
    )
    return listed_with_pump(lab) if checked.listed_with_pump else lab


class _Coin:
    """One coin: its forces, shocks and path."""

    def __init__(
        self, clock: Clock, settings: LabSettings, symbol: str, market: MarketFactor
    ) -> None:
        self.clock, self.settings, self.symbol = clock, settings, symbol
        low, high = np.log(_PRICES)
        self.first_price = math.exp(self._rng("listing").uniform(low, high))
        calm = coin_shocks(clock, settings, symbol, market)
        calendar = Calendar(clock, self._rng("calendar"), quiet_days=settings.quiet_days)
        self.script = Script(clock, settings, calendar, calm)
        self.forces, self.truth = self.script.forces, self.script.truth
        self.shocks = self._perform()

    def _perform(self) -> Shocks:
        """Let the families play; the shocks under the volatility that they set."""
        chosen = self.settings.families
        families = {
            name: made(self.script, self._rng("episodes", name))
            for name, made in FAMILIES.items()
            if chosen is None or name in chosen
        }
        wants = [(name, want) for name, family in families.items() for want in family.wants()]
        slots = self.script.calendar.book(wants)
        for name, family in families.items():
            family.slots = slots.get(name, ())
            family.shake()
        shocks = self.script.calm.under(self.forces.volatility)
        shocks.log_return.setflags(write=False)
        for family in families.values():
            family.play(shocks.log_return)
        return shocks

    def tables(self, names: Collection[str] | None) -> dict[str, pd.DataFrame]:
        """Walk the path and write it down: the streams named, by default all."""
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
            hash_rate_force=self.forces.hash_rate,
        )
        streams = Streams(
            self.clock,
            first_price=self.first_price,
            variance=self.shocks.variance,
            up=up,
            down=down,
            netflow_lag=pd.Timedelta(hours=self.settings.netflow_lag_hours),
        )
        made = streams.tables(path, spot, futures, ledgers, names=names)
        if names is None or not set(names).isdisjoint(MARKED):
            options = self._options(spot)
            marked = streams.marked(options, self.script.news)
            made |= {name: t for name, t in marked.items() if names is None or name in names}
        return made

    def _options(self, spot: FloatArray) -> Book:
        return option_book(
            self.clock,
            self._rng("options"),
            spot=spot,
            variance=self.shocks.variance,
            put_demand=self.forces.put_demand,
            side_coins=_SIDE_USDT / self.first_price,
        )

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
            long_forced=forces.long_forced,
            short_forced=forces.short_forced,
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
        (symbol, t.phase, t.start, t.end, t.planted_bps, t.horizon_hours)
        for symbol, listed in truth.items()
        for t in listed
    ]
    table = pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))
    for column in ("start", "end"):
        span = pd.to_timedelta(clock.minutes * table[column].astype("int64"), unit="min")
        table[column] = (clock.start + span).dt.as_unit("ns")
    table = table.astype({"symbol": "str", "phase": "str"})
    table = table.astype({"planted_bps": "float64", "horizon_hours": "float64"})
    return table.sort_values(["start", "symbol"], kind="stable", ignore_index=True)
