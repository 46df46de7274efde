"""Anatomy of a sell-off: many weak causes at once, on longs that are crowded.

Account C takes the sell-off of 11 to 18 April 2021 apart, nearly 10 billion USD of liquidations,
and finds no single cause but a series of events: coins flow onto exchanges day after day; a
listing disappoints and spot weakens; the dated contract is attacked; dealers are short gamma and
sell into the fall; miners go offline; hacked accounts post bad news. Six factors, each weak alone;
the claim is about their conjunction. Crowded longs are the state that they strike, not a cause:
they are the victims. The hypothesis is that the crowd is then about to be liquidated: fade it.

Which factors can be seen depends on the data. An event says which were seen, which were looked for
in vain, and which could not be observed.

Source: documentation, accounts, C; phases, row `stress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Any, ClassVar

import numpy as np

from fadefollow.market import Market, Needs
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import (
    BoolArray,
    FloatArray,
    change,
    fire_once,
    held_within,
    memoised,
    past_quantile,
    usual_size,
)
from signals.basis import Basis
from signals.funding import Funding
from signals.gamma import Gamma
from signals.netflow import Netflow

#: the six factors, in the account's order, with the streams that each is seen in
FACTORS: dict[str, tuple[str, ...]] = {
    "netflow": ("netflow",),
    "listing": ("news", "spot"),
    "carry_attack": Basis.phases["carry_attack"],
    "gamma": ("options",),
    "hash_rate": ("hash_rate",),
    "bad_news": ("news",),
}
#: labels of the `news` stream
_LISTING = ("listing",)
_BAD_NEWS = ("hack", "hacked_account", "bad_news")
#: the least usual size, as a fraction, of a day's price change or a day's hash rate
_LEAST = 1e-4
_NORMAL_MEDIAN = 0.6745

#: whether a factor holds at each bar's close, and whether it could be observed; shape (n,) each
Factor = tuple[BoolArray, BoolArray]


class Stress(Signal):
    """At least `factors` of six within a window, in which longs are or were crowded."""

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {"selloff_watch": ("perp", "funding")}
    about: ClassVar[Mapping[str, str]] = {
        "selloff_watch": "crowded longs, several stress factors",
    }
    reads: ClassVar[tuple[str, ...]] = Needs.of(*chain(*FACTORS.values())).streams

    factors: Annotated[float, Param(1, 6, about="k: so many of the six")] = 4.0
    window_hours: Annotated[float, Param(24, 504, unit="hours", about="a factor counts")] = 168.0
    #: crowded longs
    crowd_quantile: Annotated[float, Param(0.80, 0.99, about="of funding")] = 0.80
    crowd_days: Annotated[float, Param(14, 180, unit="days", about="of that quantile")] = 30.0
    crowd_floor_bps: Annotated[float, Param(0.1, 30, unit="bps per 8 h", log=True)] = 1.5
    crowd_hours: Annotated[float, Param(8, 504, unit="hours", about="crowding lasts")] = 72.0
    #: a listing that disappoints: spot falls from where it stood
    listing_hours: Annotated[float, Param(12, 168, unit="hours")] = 72.0
    listing_fall_bps: Annotated[float, Param(20, 2000, unit="bps", log=True)] = 200.0
    listing_size: Annotated[float, Param(0.2, 4, unit="usual daily changes")] = 0.75
    #: miners going offline: the hash rate under its median of the days before
    hash_days: Annotated[float, Param(10, 120, unit="days")] = 30.0
    hash_drop: Annotated[float, Param(0.02, 0.5, unit="fraction")] = 0.10
    hash_size: Annotated[float, Param(0.5, 8, unit="usual deviations")] = 2.5
    cooldown_hours: Annotated[float, Param(0, 720, unit="hours")] = 168.0

    def detection_hours(self) -> float:
        """The longest window: that in which factors count, or the slowest of the factors."""
        slowest = max(Netflow().detection_hours(), Basis().detection_hours(), self.listing_hours)
        return self.window_hours + slowest

    def features(self, market: Market) -> dict[str, FloatArray]:
        """What has come together as of each bar's close, each shape (n,).

        `seen`: how many factors have held within the window; one column a factor: 1 seen, 0 not
        seen, NaN not observable; `crowded`: 1 where longs were crowded within `crowd_hours`, NaN
        in the warm-up of funding's threshold; `rate_bps_per_8h`.
        """
        window = market.bars(self.window_hours)
        flags: dict[str, FloatArray] = {}
        for name, (holds, observable) in self._factors(market).items():
            seen = held_within(holds, bars=window)
            flags[name] = np.where(seen, 1.0, np.where(observable, 0.0, np.nan))
        rate, crowded = self._crowd(market)
        count = np.nansum(list(flags.values()), axis=0)
        return {"seen": count, **flags, "crowded": crowded, "rate_bps_per_8h": rate}

    def lacking(self, market: Market) -> dict[str, tuple[str, ...]]:
        """As for every signal; also where too few of the factors can be observed at all."""
        lacks = super().lacking(market)
        blind = {name: market.missing(*needs) for name, needs in FACTORS.items()}
        if lacks or sum(not streams for streams in blind.values()) >= self.factors:
            return lacks
        return {"selloff_watch": tuple(dict.fromkeys(s for need in blind.values() for s in need))}

    def detect(self, market: Market) -> Phases:
        """Phase `selloff_watch`; strength is the number of factors seen."""
        missing = self.lacking(market)
        found = self.features(market)
        watch = (found["seen"] >= self.factors) & (found["crowded"] == 1.0)
        events: list[dict[str, Any]] = []
        if not missing:
            for bar in fire_once(watch, cooldown_bars=market.bars(self.cooldown_hours)):
                flags = {name: found[name][bar] for name in FACTORS}
                events.append(
                    {
                        "bar": bar,
                        "phase": "selloff_watch",
                        "lean": 1,
                        "actor": "crowd",
                        "strength": found["seen"][bar],
                        "factors_seen": int(found["seen"][bar]),
                        "seen": ", ".join(n for n, flag in flags.items() if flag == 1.0),
                        "not_seen": ", ".join(n for n, flag in flags.items() if flag == 0.0),
                        "unobservable": ", ".join(n for n, f in flags.items() if np.isnan(f)),
                        "rate_bps_per_8h": found["rate_bps_per_8h"][bar],
                    }
                )
        return Phases.of(market, signal=self.name(), events=events, missing=missing)

    def _factors(self, market: Market) -> dict[str, Factor]:
        """The six, in the account's order."""
        found = {
            "netflow": _netflow(market),
            "listing": self._listing(market),
            "carry_attack": _carry_attack(market),
            "gamma": _gamma(market),
            "hash_rate": self._hash_rate(market),
            "bad_news": _bad_news(market),
        }
        return {name: found[name] for name in FACTORS}

    def _crowd(self, market: Market) -> tuple[FloatArray, FloatArray]:
        """Funding in bps per 8 h, and 1 where longs are or lately were crowded."""
        funding = Funding(
            quantile=self.crowd_quantile,
            lookback_days=self.crowd_days,
            floor_bps=self.crowd_floor_bps,
        )
        rate, high, _ = _rates(market, funding)
        crowded = held_within(
            (rate > high) & (rate > self.crowd_floor_bps), bars=market.bars(self.crowd_hours)
        )
        warm = np.cumsum(~np.isnan(high)) > 0
        return rate, np.where(warm, crowded.astype(np.float64), np.nan)

    def _listing(self, market: Market) -> Factor:
        """Spot has fallen beyond a usual day's change since a listing of the last hours."""
        spot = market.column("spot", "close")
        usual = _usual_day(market)
        bound = np.maximum(self.listing_size * usual, 1e-4 * self.listing_fall_bps)
        holds = np.zeros(len(market), bool)
        for bar in _bars_of_news(market, _LISTING):
            after = slice(bar, bar + market.bars(self.listing_hours) + 1)
            before = spot[: bar + 1][~np.isnan(spot[: bar + 1])]
            if len(before):
                holds[after] |= np.log(spot[after] / before[-1]) < -bound[after]
        return holds, _known(market, "news") & ~np.isnan(bound)

    def _hash_rate(self, market: Market) -> Factor:
        """The newest published day's hash rate lies far under the median of the days before."""
        if market.missing("hash_rate"):
            return _never(market)
        median, off, usual = _hash_rates(market, self.hash_days)
        bound = np.fmax(self.hash_size * np.fmax(usual, _LEAST), self.hash_drop)
        fallen = np.where(np.isnan(median), np.nan, (off < -bound).astype(float))
        flag = market.as_of("hash_rate", fallen)
        return flag == 1.0, ~np.isnan(flag)


@memoised
def _rates(market: Market, funding: Funding) -> tuple[FloatArray, ...]:
    """What `funding` measures."""
    return tuple(funding.features(market).values())


@memoised
def _usual_day(market: Market) -> FloatArray:
    """The usual size of a day's change of spot, as a logarithm, shape (n,)."""
    day, month = market.bars_in(24.0), market.bars_in(24.0 * 30)
    return usual_size(change(np.log(market.column("spot", "close")), day), month, floor=_LEAST)


@memoised
def _hash_rates(market: Market, days: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """By record: the median before it, how far it is off that, and how far it usually is."""
    table = market.table("hash_rate")
    rate = table["hash_rate"].to_numpy(float)

    def usual(values: FloatArray) -> FloatArray:
        time, available = table["time"], table["available"]
        return past_quantile(time, values, 0.5, days=days, available=available)

    median = usual(rate)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = rate / median - 1.0
    return median, off, usual(np.abs(off)) / _NORMAL_MEDIAN


@memoised
def _netflow(market: Market) -> Factor:
    """A streak of net inflow."""
    netflow = Netflow()
    if market.missing("netflow"):
        return _never(market)
    large = netflow.features(market)["large_pct_of_reserve"]
    return netflow.states(market)["inflow_streak"], ~np.isnan(large)


@memoised
def _carry_attack(market: Market) -> Factor:
    """Rich carry that large traders sell."""
    basis = Basis()
    if market.missing(*FACTORS["carry_attack"]):
        return _never(market)
    measured = np.sum(list(basis.features(market).values()), axis=0)
    return basis.states(market)["carry_attack"], ~np.isnan(measured)


@memoised
def _gamma(market: Market) -> Factor:
    """Dealers short of gamma at the price."""
    gamma = Gamma()
    return gamma.short(market), ~np.isnan(gamma.features(market)["gamma_balance"])


@memoised
def _bad_news(market: Market) -> Factor:
    """News of a hack, or posted by hacked accounts."""
    holds = np.zeros(len(market), bool)
    holds[list(_bars_of_news(market, _BAD_NEWS))] = True
    return holds, _known(market, "news")


@memoised
def _bars_of_news(market: Market, kinds: tuple[str, ...]) -> tuple[int, ...]:
    """The bars at whose closes news of these kinds became known."""
    if market.missing("news"):
        return ()
    table = market.table("news")
    stamps = table.loc[table["kind"].isin(kinds), "available"].dt.tz_convert(None)
    bars = np.searchsorted(market.close_time, stamps.to_numpy("datetime64[ns]"), side="left")
    # what was known before the first bar is no news to it
    fresh = stamps.to_numpy("datetime64[ns]") >= market.open_time[:1]
    return tuple(int(bar) for bar in bars[fresh] if bar < len(market))


@memoised
def _known(market: Market, name: str) -> BoolArray:
    """Whether anything was known of a stream at each bar's close."""
    if market.missing(name):
        return np.zeros(len(market), bool)
    ones = np.ones(len(market.table(name)))
    return ~np.isnan(market.as_of(name, ones))


def _never(market: Market) -> Factor:
    return np.zeros(len(market), bool), np.zeros(len(market), bool)
