"""simulate_universe: settings in, canonical tables of many coins and the truth out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from fadefollow.errors import ParameterError, unknown
from fadefollow.market.lab.clock import (
    HOURS_PER_YEAR,
    SETTLEMENT_HOURS,
    Clock,
    FloatArray,
    stream,
    wander,
)
from fadefollow.market.lab.listing import TRUTH_COLUMNS, Lab
from fadefollow.market.lab.settings import LabSettings
from fadefollow.market.lab.tables import bars, canonical, extremes
from fadefollow.market.lab.universe.episodes import PLANTED, Episodes, Event, event_rate
from fadefollow.market.lab.universe.lives import MAJORS, Life, lives
from fadefollow.market.lab.universe.premiums import coin_premium, common_wander
from fadefollow.market.lab.universe.returns import Common, coin_shocks, common
from fadefollow.market.lab.universe.settings import UniverseSettings

#: first prices, USDT, altcoins' range
_PRICES, _MAJOR_PRICES = (0.02, 200.0), {"BTC": 30_000.0, "ETH": 1_500.0}
#: volume: USDT an hour of the median altcoin and of BTC and ETH, spread of altcoins' logs
_VOLUME, _MAJOR_VOLUME, _VOLUMES = 6e5, 1e8, 1.2
#: its wandering (half-life in hours, scale of the log), how it follows variance, its noise, and
#: spot's part of the perp's
_VOLUME_SLOW, _VOLUME_HEAT, _VOLUME_NOISE, _SPOT_PART = (600.0, 0.85), 0.65, 0.4, 0.25


def simulate_universe(settings: LabSettings, rules: UniverseSettings, *, bar: pd.Timedelta) -> Lab:
    """Simulate a universe; the same settings and bar give the same tables.

    Streams: perp, spot and funding. After funding each perp is a martingale times the growth that
    the market's drift and the truth table promise.

    Args:
        settings: of the lab; its span, seed, coins, drift and plants.
        rules: of the universe.
        bar: size of the bars, which is the simulation's step: 1, 2, 4 or 8 hours, or whole minutes
            that divide 8 hours.

    Raises:
        ParameterError: bars that do not divide 8 hours.
        UnknownNameError: a plant that a universe does not have.
    """
    for phase in settings.plants:
        if phase not in PLANTED:
            raise unknown("phase", phase, PLANTED, where="[lab.plants] of a universe")
    market = _Universe(_clock(settings, bar), settings, rules)
    coins = {symbol: market.coin(symbol) for symbol in settings.symbols}
    clock, spans = market.clock, market.lives
    return Lab(
        {symbol: tables for symbol, (tables, _) in coins.items()},
        _truth(clock, {symbol: events for symbol, (_, events) in coins.items()}),
        {symbol: clock.time(life.listed) for symbol, life in spans.items()},
        {symbol: clock.time(life.end) for symbol, life in spans.items() if life.dies},
    )


def _clock(settings: LabSettings, bar: pd.Timedelta) -> Clock:
    minutes = bar / pd.Timedelta(minutes=1)
    if minutes < 1 or minutes % 1 or (60 * SETTLEMENT_HOURS) % minutes:
        raise ParameterError("a universe's bar must divide 8 hours", got=str(bar), where="bar")
    days = round(settings.years * 365.25)
    start = pd.Timestamp(settings.start, tz="UTC")
    return Clock(start, int(minutes), 1, days * 24 * 60 // int(minutes))


class _Universe:
    """What the coins share."""

    def __init__(self, clock: Clock, settings: LabSettings, rules: UniverseSettings) -> None:
        self.clock, self.settings, self.rules = clock, settings, rules
        self.lives: dict[str, Life] = lives(clock, settings, rules)
        self.shared: Common = common(clock, settings)
        self.wandering = common_wander(clock, settings)
        self.rate = event_rate(clock, settings, rules)

    def coin(self, symbol: str) -> tuple[dict[str, pd.DataFrame], list[Event]]:
        """One coin's tables and labels."""
        clock, settings = self.clock, self.settings
        shocks = coin_shocks(clock, settings, self.rules, symbol, self.shared)
        premium = coin_premium(clock, settings, symbol, self.wandering, shocks)
        episodes = Episodes(
            clock,
            settings,
            symbol,
            rules=self.rules,
            life=self.lives[symbol],
            rate=self.rate,
            shocks=shocks,
            premium=premium,
        )
        episodes.play()
        rate = premium.settled(clock)
        growth = shocks.log_return + shocks.crash + episodes.drift
        growth += math.log1p(settings.annual_drift) * clock.hours / HOURS_PER_YEAR
        # what funding takes at a settlement the price gives back
        growth[clock.per_settlement - 1 :: clock.per_settlement] -= np.log1p(-rate)
        first = self._first_price(symbol)
        perp = first * np.exp(np.cumsum(growth))
        spot = perp / (1.0 + premium.index + premium.gap)
        volume = self._volume(symbol, shocks.variance / shocks.typical)
        tables = self._tables(symbol, perp, spot, shocks.variance, volume=volume, first=first)
        return tables | {"funding": self._funding(symbol, rate)}, episodes.events

    def _first_price(self, symbol: str) -> float:
        low, high = np.log(_PRICES)
        drawn = math.exp(stream(self.settings.seed, symbol, "listing").uniform(low, high))
        return _MAJOR_PRICES.get(symbol, drawn)

    def _volume(self, symbol: str, heat: FloatArray) -> FloatArray:
        """USDT by step, shape (n,)."""
        rng, count = stream(self.settings.seed, symbol, "volume"), len(self.clock)
        level = math.log(_VOLUME) + _VOLUMES * rng.standard_normal()
        if symbol in MAJORS:
            level = math.log(_MAJOR_VOLUME)
        half_life, scale = _VOLUME_SLOW
        slow = wander(rng, count, hours=self.clock.hours, half_life=half_life, scale=scale)
        noise = _VOLUME_NOISE * rng.standard_normal(count)
        return np.asarray(
            self.clock.hours * np.exp(level + slow + _VOLUME_HEAT * np.log(heat) + noise)
        )

    def _tables(
        self,
        symbol: str,
        perp: FloatArray,
        spot: FloatArray,
        variance: FloatArray,
        *,
        volume: FloatArray,
        first: float,
    ) -> dict[str, pd.DataFrame]:
        life, rng = self.lives[symbol], stream(self.settings.seed, symbol, "path")
        # uniforms on (0, 1]: a logarithm is taken
        up, down = 1.0 - rng.random(len(perp)), 1.0 - rng.random(len(perp))
        made = {}
        for name, price, begin, part in (
            ("perp", perp, life.listed, 1.0),
            ("spot", spot, life.spot, _SPOT_PART),
        ):
            inside = slice(begin, life.end)
            before = np.concatenate([[first], price[:-1]])[inside]
            after = price[inside]
            high, low = extremes(before, after, variance[inside], up[inside], down[inside])
            columns = bars(1, float(before[0]), after, high, low)
            columns["volume"] = part * volume[inside] / after
            times = self.clock.opens[inside]
            step = pd.Timedelta(minutes=self.clock.minutes)
            made[name] = canonical(times, times + step, columns)
        return made

    def _funding(self, symbol: str, rate: FloatArray) -> pd.DataFrame:
        """Settlements after the listing, up to the end."""
        life, per = self.lives[symbol], self.clock.per_settlement
        first, last = life.listed // per, life.end // per
        span = np.timedelta64(SETTLEMENT_HOURS, "h") * np.arange(first + 1, last + 1)
        times = pd.DatetimeIndex(self.clock.start.tz_convert(None) + span, tz="UTC")
        hours = np.full(len(times), float(SETTLEMENT_HOURS))
        return canonical(times, times, {"rate": rate[first:last], "interval_hours": hours})


def _truth(clock: Clock, labelled: dict[str, list[Event]]) -> pd.DataFrame:
    """The truth table, see `Lab.truth`."""
    rows = [
        (symbol, e.phase, clock.time(e.start), clock.time(e.end), e.planted_bps, e.horizon_hours)
        for symbol, events in labelled.items()
        for e in events
    ]
    table = pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))
    for column in ("start", "end"):
        table[column] = pd.DatetimeIndex(pd.to_datetime(table[column], utc=True)).as_unit("ns")
    table = table.astype({"symbol": "str", "phase": "str"})
    table = table.astype({"planted_bps": "float64", "horizon_hours": "float64"})
    return table.sort_values(["start", "symbol"], kind="stable", ignore_index=True)
