"""Campaign: a market maker lifts a small coin, squeezes its shorts, and leaves them the top.

Account A's process, one state after the other. The market maker collects a long while price stays
flat (accumulation). A little money lifts spot, price rises 15–20 % in a day, retail shorts it, and
funding falls to its first trough (ignition). Spot is lifted again, shorts are liquidated in waves
(squeeze). When the disbelievers are gone or have turned long (handover), the market maker closes
the longs, shorts the top, which makes the second trough of funding (distribution), and sells the
spot (dump). So the same reading, deeply negative funding, is to be faded at the first trough and
to be followed at the second: what tells them apart is what has happened in between. A variation
leaves the accumulation out, as too many longs are easily noticed. All of this is a hypothesis.

Source: DOMAIN.md, part 2 A, and part 3, rows `campaign`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numba import njit

from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import (
    BoolArray,
    FloatArray,
    IntArray,
    change,
    lagged,
    memoised,
    rolling_median,
    usual_size,
)
from fadefollow.phases.features import spot_premium_bps as spot_premium

_PERP, _FUNDED = ("perp",), ("perp", "funding")
#: in order: phase, lean, actor
_STORY = (
    ("accumulation", 1, "market maker"),
    ("ignition", -1, "crowd"),
    ("squeeze", -1, "crowd"),
    ("handover", 1, "crowd"),
    ("distribution", -1, "market maker"),
    ("dump", -1, "market maker"),
)
_IDLE, _ACCUMULATION, _IGNITION, _SQUEEZE, _HANDOVER, _DISTRIBUTION, _DUMP = range(-1, 6)
_DAY = 24.0


class Campaign(Signal):
    """The phases of a campaign, in order, each within its time limit, by a state machine per coin.

    Nothing counts out of order: distribution is a second trough only after a squeeze or a
    handover, and a coin that takes too long or falls back to its base is idle again. The crowd may
    turn long without having been squeezed, or unseen where open interest is missing. Spot must
    lead the pull-up and the dump where it is known. All that follows the ignition needs funding,
    too, as no ignition is known without it.
    """

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "accumulation": ("perp", "open_interest", "funding"),
        "ignition": _FUNDED,
        "squeeze": ("perp", "open_interest", "funding"),
        "handover": _FUNDED,
        "distribution": _FUNDED,
        "dump": _FUNDED,
    }
    reads: ClassVar[tuple[str, ...]] = ("spot", "premium_index")

    # what is usual for the coin
    lookback_days: Annotated[float, Param(7, 120, unit="days")] = 30.0
    base_hours: Annotated[float, Param(48, 336, unit="hours", about="of a base")] = 120.0
    # accumulation
    oi_rise: Annotated[float, Param(0.5, 6, unit="usual sizes, over the base")] = 1.5
    oi_rise_floor: Annotated[float, Param(0.02, 1, unit="log change", log=True)] = 0.12
    range_floor: Annotated[float, Param(0.001, 0.3, unit="log", log=True)] = 0.03
    steady: Annotated[float, Param(0.2, 1, unit="of the rise", about="at most in a day")] = 0.4
    narrow: Annotated[float, Param(0.2, 2, unit="of the median range")] = 0.8
    neutral_bps: Annotated[float, Param(0, 10, unit="bps per 8 h", about="not positive")] = 1.5
    # ignition
    rise: Annotated[float, Param(0.03, 0.5, unit="fraction in a day")] = 0.15
    rise_sizes: Annotated[float, Param(0.5, 6, unit="usual daily sizes")] = 2.5
    base_width: Annotated[float, Param(0.5, 6, unit="of the median range")] = 2.5
    trough_days: Annotated[float, Param(2, 60, unit="days")] = 10.0
    trough_bps: Annotated[float, Param(0.1, 100, unit="bps per 8 h", log=True)] = 3.0
    lead_bps: Annotated[float, Param(0, 500, unit="bps of spot premium")] = 3.0
    # squeeze
    new_high: Annotated[float, Param(0, 0.5, unit="fraction above the ignition")] = 0.03
    oi_step: Annotated[float, Param(0.01, 0.5, unit="fraction", about="a fall of OI")] = 0.05
    oi_rebuild: Annotated[float, Param(0, 0.2, unit="fraction", about="from its low")] = 0.01
    # handover
    handover_bps: Annotated[float, Param(-10, 10, unit="bps per 8 h")] = 0.0
    stall_hours: Annotated[float, Param(4, 168, unit="hours without a new high")] = 24.0
    near_high: Annotated[float, Param(0.02, 0.5, unit="fraction below the high")] = 0.15
    # distribution
    recovery: Annotated[float, Param(0.3, 1, unit="of the first trough", about="between")] = 0.75
    second_trough: Annotated[float, Param(0.1, 2, unit="of the first trough")] = 0.5
    height: Annotated[float, Param(0.02, 1, unit="fraction above the base")] = 0.08
    # dump
    range_hours: Annotated[float, Param(8, 168, unit="hours", about="distribution range")] = 48.0
    breakdown: Annotated[float, Param(0, 0.3, unit="fraction below the range")] = 0.03
    # time limits
    accumulation_days: Annotated[float, Param(1, 90, unit="days to ignition")] = 21.0
    ignition_days: Annotated[float, Param(0.5, 30, unit="days to squeeze")] = 7.0
    squeeze_days: Annotated[float, Param(1, 60, unit="days to handover")] = 14.0
    handover_days: Annotated[float, Param(1, 60, unit="days to distribution")] = 14.0
    distribution_days: Annotated[float, Param(1, 60, unit="days to dump")] = 5.0
    cooldown_hours: Annotated[float, Param(0, 720, unit="hours")] = 72.0
    implied_funding: Annotated[
        int, Param(0, 1, about="1: where funding is missing, imply it from the premium")
    ] = 0

    def features(self, market: Market) -> dict[str, FloatArray]:
        """What the state machine looks at, as of each bar's close, shape (n,).

        NaN in the warm-up, where the bar is missing, and where the stream is.
        """
        base, lookback = market.bars_in(self.base_hours), market.bars_in(self.lookback_days * 24)
        low_of_day, rise, day_premium, perp_to_spot = _day(market)
        oi_rise, largest_oi_rise, width, base_price = _base(market, base)
        usual_oi_rise, usual_range = _usual_base(market, base, lookback)
        usual_rise, usual_premium = _usual_day(market, lookback)
        funding = _funding(market, self.implied_funding)
        mean_funding, trough, trough_before = _troughs(
            market, self.implied_funding, base, market.bars_in(self.trough_days * 24)
        )
        return {
            "oi_rise": oi_rise,
            "usual_oi_rise": np.maximum(usual_oi_rise, self.oi_rise_floor / self.oi_rise),
            "largest_oi_rise_of_a_day": largest_oi_rise,
            "range": width,
            "usual_range": np.maximum(usual_range, self.range_floor),
            "base_price": base_price,
            "low_of_day": low_of_day,
            "rise": rise,
            "usual_rise": np.maximum(usual_rise, self.rise / self.rise_sizes),
            "funding_bps_per_8h": funding,
            "mean_funding_bps_per_8h": mean_funding,
            "trough_of_day_bps_per_8h": trough,
            "trough_before_bps_per_8h": trough_before,
            "spot_lead_bps": day_premium - usual_premium,
            "premium_change_bps": _premium_change(market, market.bars_in(self.range_hours)),
            "perp_to_spot_volume": perp_to_spot,
        }

    def detect(self, market: Market) -> Phases:
        """The phases of all campaigns; strength is the height above the base, for accumulation
        the rise of OI in usual sizes.

        Context: `base_price`, `height_above_base`, `first_trough_bps_per_8h` (NaN before there is
        one), `funding_bps_per_8h`, `accumulated` (or else the variation without), and
        `perp_to_spot_volume`, the stand-in for concentrated spot.
        """
        missing = self.lacking(market)
        f = self.features(market)
        bars, codes, bases, troughs, accumulated = _walk(
            *self._arrays(market, f), self._rules(market)
        )
        close = market.column("perp", "close")
        height = close[bars] / bases - 1
        oi_sizes = f["oi_rise"][bars] / f["usual_oi_rise"][bars]
        events = {
            "bar": bars,
            "phase": [_STORY[code][0] for code in codes],
            "lean": np.array([_STORY[code][1] for code in codes], np.int64),
            "actor": [_STORY[code][2] for code in codes],
            "strength": np.where(codes == _ACCUMULATION, oi_sizes, np.maximum(height, 0.0)),
            "base_price": bases,
            "height_above_base": height,
            "first_trough_bps_per_8h": troughs,
            "funding_bps_per_8h": f["funding_bps_per_8h"][bars],
            "accumulated": accumulated,
            "perp_to_spot_volume": f["perp_to_spot_volume"][bars],
            "funding_implied": "funding" not in market.streams,
        }
        return Phases.of(market, signal=self.name(), events=[events], missing=missing)

    def lacking(self, market: Market) -> dict[str, tuple[str, ...]]:
        """Phases that this market cannot show; funding may be implied where that is asked for."""
        lacks = super().lacking(market)
        if not self.implied_funding or market.missing("premium_index|spot"):
            return lacks
        rest = {p: tuple(s for s in streams if s != "funding") for p, streams in lacks.items()}
        return {phase: streams for phase, streams in rest.items() if streams}

    def detection_hours(self) -> float:
        """The longest window of a measure: the base, or that of the lowest funding, and a day."""
        return max(self.base_hours, self.trough_days * 24) + _DAY

    def _arrays(self, market: Market, f: Mapping[str, FloatArray]) -> tuple[Any, ...]:
        """What is known at each bar without knowing the state."""
        day = market.bars_in(_DAY)
        flat = f["range"] < self.narrow * f["usual_range"]
        collects = (
            (f["oi_rise"] > self.oi_rise * f["usual_oi_rise"])
            & (f["largest_oi_rise_of_a_day"] < self.steady * f["oi_rise"])
            & flat
            & (f["mean_funding_bps_per_8h"] < self.neutral_bps)
        )
        trough, before = f["trough_of_day_bps_per_8h"], f["trough_before_bps_per_8h"]
        led = f["spot_lead_bps"] > self.lead_bps
        pulls_up = (
            (f["rise"] > self.rise_sizes * f["usual_rise"])
            & (trough < before)
            & (trough < -self.trough_bps)
            & (led | np.isnan(f["spot_lead_bps"]))
        )
        based = lagged(f["range"], day) < self.base_width * lagged(f["usual_range"], day)
        sold = f["premium_change_bps"]
        return (
            market.column("perp", "close"),
            market.column("open_interest", "open_interest"),
            f["funding_bps_per_8h"],
            collects,
            pulls_up,
            based,
            f["base_price"],
            f["low_of_day"],
            f["trough_of_day_bps_per_8h"],
            (sold < 0) | np.isnan(sold),
        )

    def _rules(self, market: Market) -> _Rules:
        days = (
            self.accumulation_days,
            self.ignition_days,
            self.squeeze_days,
            self.handover_days,
            self.distribution_days,
        )
        limits = np.array([market.bars(24 * d) for d in days], np.int64)
        return _Rules(
            limits=limits,
            cooldown=market.bars(self.cooldown_hours),
            span=market.bars_in(self.range_hours),
            stall=market.bars_in(self.stall_hours),
            rise=self.rise,
            new_high=self.new_high,
            oi_step=self.oi_step,
            oi_rebuild=self.oi_rebuild,
            handover_bps=self.handover_bps,
            near_high=self.near_high,
            recovery=self.recovery,
            second_trough=self.second_trough,
            trough_bps=self.trough_bps,
            height=self.height,
            breakdown=self.breakdown,
        )


class _Rules(NamedTuple):
    """The parameters as the state machine takes them; times in bars."""

    limits: IntArray
    cooldown: int
    span: int
    stall: int
    rise: float
    new_high: float
    oi_step: float
    oi_rebuild: float
    handover_bps: float
    near_high: float
    recovery: float
    second_trough: float
    trough_bps: float
    height: float
    breakdown: float


@memoised
def _day(market: Market) -> tuple[FloatArray, ...]:
    """Of the last day: lowest close, the rise from it, mean premium, perp volume over spot's."""
    day, close = market.bars_in(_DAY), market.column("perp", "close")
    perp, spot = (_mean(market.column(name, "volume"), day) for name in ("perp", "spot"))
    low = _lowest(close, day)
    return low, close / low - 1, _mean(spot_premium(market), day), perp / spot


@memoised
def _usual_day(market: Market, lookback: int) -> tuple[FloatArray, FloatArray]:
    """What is usual: the size of a day's price change, and the premium."""
    moves = change(np.log(market.column("perp", "close")), market.bars_in(_DAY))
    return usual_size(moves, lookback, floor=0.0), rolling_median(spot_premium(market), lookback)


@memoised
def _base(market: Market, bars: int) -> tuple[FloatArray, ...]:
    """Over a base: OI's log rise and its largest in a day, the log range, the median price."""
    day, close = market.bars_in(_DAY), market.column("perp", "close")
    log_oi = np.log(market.column("open_interest", "open_interest"))
    width = np.log(_highest(close, bars) / _lowest(close, bars))
    largest = _highest(change(log_oi, day), max(bars - day, 1))
    return change(log_oi, bars), largest, width, rolling_median(close, bars)


@memoised
def _usual_base(market: Market, bars: int, lookback: int) -> tuple[FloatArray, FloatArray]:
    """What is usual over a base: the size of OI's rise, and the range."""
    oi_rise, _, width, _ = _base(market, bars)
    return usual_size(oi_rise, lookback, floor=0.0), rolling_median(width, lookback)


@memoised
def _funding(market: Market, implied: int) -> FloatArray:
    """Funding in bps per 8 h, implied by the exchange's formula only where asked for."""
    if not market.missing("funding") or not implied:
        rate, hours = (market.column("funding", c) for c in ("rate", "interval_hours"))
        return 1e4 * rate * 8 / hours
    if market.missing("premium_index"):
        perp_premium = -spot_premium(market)
    else:
        perp_premium = 1e4 * market.column("premium_index", "close")
    mean = _mean(perp_premium, max(market.bars(8), 1))
    return mean + np.clip(1.0 - mean, -5.0, 5.0)


@memoised
def _troughs(market: Market, implied: int, base: int, before: int) -> tuple[FloatArray, ...]:
    """Funding's mean over a base, its lowest of the day, and its lowest before that day."""
    day, funding = market.bars_in(_DAY), _funding(market, implied)
    lowest_before = lagged(_lowest(funding, before), day)
    return _mean(funding, base), _lowest(funding, day), lowest_before


@memoised
def _premium_change(market: Market, bars: int) -> FloatArray:
    """The premium against its mean."""
    premium = spot_premium(market)
    return premium - _mean(premium, bars)


def _rolling(values: FloatArray, bars: int) -> Any:
    return pd.Series(values).rolling(bars, min_periods=-(-bars // 2))


def _lowest(values: FloatArray, bars: int) -> FloatArray:
    return _rolling(values, bars).min().to_numpy()  # type: ignore[no-any-return]


def _highest(values: FloatArray, bars: int) -> FloatArray:
    return _rolling(values, bars).max().to_numpy()  # type: ignore[no-any-return]


def _mean(values: FloatArray, bars: int) -> FloatArray:
    return _rolling(values, bars).mean().to_numpy()  # type: ignore[no-any-return]


@njit(cache=True)
def _walk(
    close: FloatArray,
    oi: FloatArray,
    funding: FloatArray,
    collects: BoolArray,
    pulls_up: BoolArray,
    based: BoolArray,
    base_here: FloatArray,
    low_of_day: FloatArray,
    trough_of_day: FloatArray,
    sold: BoolArray,
    rules: _Rules,
) -> tuple[IntArray, IntArray, FloatArray, FloatArray, BoolArray]:
    """The state machine: bar, phase, base price, first trough and variation of each event."""
    n = len(close)
    bars, codes = np.empty(n, np.int64), np.empty(n, np.int64)
    bases, troughs, accumulated = np.empty(n), np.empty(n), np.empty(n, np.bool_)
    count, state, since = 0, _IDLE, 0
    collect_armed = pull_armed = True
    last_collect = last_pull = -rules.cooldown - 1
    base = trough = ignited = peak = oi_peak = oi_low = range_low = np.nan
    peak_at, recovered, collected = 0, False, False
    for t in range(n):
        collect_armed = collect_armed or not collects[t]
        pull_armed = pull_armed or not pulls_up[t]
        price, rate = close[t], funding[t]
        if np.isnan(price):
            continue
        if state != _IDLE and t - since > rules.limits[state]:
            state = _IDLE
        if _IGNITION <= state <= _HANDOVER:
            if price <= base:
                state = _IDLE
            if price > peak:
                peak, peak_at = price, t
            recovered = recovered or rate > (1 - rules.recovery) * trough
            if not recovered and rate < trough:
                trough = rate
            if np.isnan(oi_peak) or oi[t] > oi_peak:
                oi_peak = oi_low = oi[t]
            elif oi[t] < oi_low:
                oi_low = oi[t]
        fired = _IDLE
        if state in (_IDLE, _ACCUMULATION):
            from_collected = state == _ACCUMULATION and price > base * (1 + rules.rise / 2)
            may_ignite = pull_armed and t - last_pull >= rules.cooldown
            if pulls_up[t] and may_ignite and (from_collected or based[t]):
                fired, pull_armed, last_pull = _IGNITION, False, t
                base = base if from_collected else low_of_day[t]
                ignited, peak, peak_at = price, price, t
                collected, recovered, trough = from_collected, False, trough_of_day[t]
                oi_peak = oi_low = oi[t]
            elif collects[t] and collect_armed and t - last_collect >= rules.cooldown:
                fired, collect_armed, last_collect = _ACCUMULATION, False, t
                base, trough, collected = base_here[t], np.nan, True
        if state == _IGNITION and _squeezed(peak / ignited, oi[t], oi_peak, oi_low, rules):
            fired = _SQUEEZE
        elif state in (_IGNITION, _SQUEEZE):
            handed = _handed_over(price / peak, t - peak_at, rate, rules)
            fired = _HANDOVER if handed else fired
        if state in (_SQUEEZE, _HANDOVER):
            if recovered and _second_trough(price / base, rate, trough, rules):
                fired = _DISTRIBUTION
                range_low = np.nanmin(close[max(peak_at, t - rules.span + 1) : t + 1])
        elif state == _DISTRIBUTION:
            if price < range_low * (1 - rules.breakdown) and sold[t]:
                fired = _DUMP
            elif price <= base:
                state = _IDLE
        if fired != _IDLE:
            bars[count], codes[count], bases[count] = t, fired, base
            troughs[count], accumulated[count] = trough, collected
            count += 1
            state, since = (_IDLE if fired == _DUMP else fired), t
    return bars[:count], codes[:count], bases[:count], troughs[:count], accumulated[:count]


@njit(cache=True)
def _squeezed(lift: float, oi: float, oi_peak: float, oi_low: float, rules: _Rules) -> bool:
    """A new high after the ignition, a step down of OI, and the first of its rebuilding."""
    fell = oi_low < oi_peak * (1 - rules.oi_step)
    return lift > 1 + rules.new_high and fell and oi > oi_low * (1 + rules.oi_rebuild)


@njit(cache=True)
def _handed_over(of_peak: float, since_peak: int, rate: float, rules: _Rules) -> bool:
    """Longs pay again, or nobody does, while price has stalled near its high."""
    stalls = since_peak >= rules.stall and of_peak > 1 - rules.near_high
    return stalls and rate > rules.handover_bps


@njit(cache=True)
def _second_trough(of_base: float, rate: float, trough: float, rules: _Rules) -> bool:
    """Funding far below zero once more, well above the base."""
    deep = rate < -rules.trough_bps and rate < rules.second_trough * trough
    return deep and of_base > 1 + rules.height
