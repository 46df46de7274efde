"""Campaign: a market maker lifts a small coin, squeezes its shorts, and leaves them the top.

Account A's process, one state after the other. The market maker collects a long while price stays
flat (accumulation). A little money lifts spot, price rises 15–20 % in a day, retail shorts it, and
funding falls to its first trough (ignition). Spot is lifted again, shorts are liquidated in waves
(squeeze). When the disbelievers are gone or have turned long (handover), the market maker closes
the longs, shorts the top, which makes the second trough of funding (distribution), and sells the
spot (dump). So the same reading, deeply negative funding, is to be faded at the first trough and
to be followed at the second: what tells them apart is what has happened in between. A variation
leaves the accumulation out, as too many longs are easily noticed. All of this is a hypothesis.

Source: documentation, accounts, A; phases, rows `campaign` and paragraph 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.market.implied import with_implied_funding
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import (
    FloatArray,
    IntArray,
    Past,
    change,
    closes_with_past,
    lagged,
    memoised,
    rolling_median,
    usual_size,
)
from fadefollow.phases.features import spot_premium_bps as spot_premium
from fadefollow.phases.takers import taker_context
from signals._campaign import ACCUMULATION, BarInputs, Rules, walk

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
_DAY = 24.0
#: the rate that longs pay where perp and spot agree, bps per 8 h
_NEUTRAL_BPS = 1.0
#: of the measures of price: the longest look-back, base and day
_LONGEST_HOURS = (120 + 14 + 1) * _DAY


class Campaign(Signal):
    """The phases of a campaign, in order, each within its time limit, by a state machine per coin.

    Nothing counts out of order: distribution is a second trough only after a squeeze or a
    handover, and a coin that takes too long or falls back to its base is idle again. The crowd may
    turn long without having been squeezed. Where open interest is missing, shorts can be squeezed
    unseen: funding that has recovered from its trough while price is well above the ignition
    stands for it, without an event. Spot must lead the pull-up and the dump where it is known. All
    that follows the ignition needs funding, too, as no ignition is known without it.

    A perp that is listed while its spot has traded for long has a past: what is usual, the base
    and the day's rise are then measured on spot before the listing, its premium counts as zero and
    its funding as the default rate.
    """

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "accumulation": ("perp", "open_interest", "funding"),
        "ignition": _FUNDED,
        "squeeze": ("perp", "open_interest", "funding"),
        "handover": _FUNDED,
        "distribution": _FUNDED,
        "dump": _FUNDED,
    }
    about: ClassVar[Mapping[str, str]] = {
        "accumulation": "open interest grows, price flat",
        "ignition": "pump against deeply negative funding",
        "squeeze": "new highs while shorts close",
        "handover": "funding recovers, price stalls high",
        "distribution": "shorts crowd again near top",
        "dump": "price breaks the top's range",
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
    unseen_rise: Annotated[
        float, Param(0.02, 1, unit="fraction above the ignition", about="without open interest")
    ] = 0.1
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
        low_of_day, rise = _day(market)
        oi_rise, largest_oi_rise = _oi_rise(market, base)
        usual_oi_rise = _usual_oi_rise(market, base, lookback)
        width, usual_range, width_before, usual_before = _ranges(market, base, lookback)
        funding = _funding(market, self.implied_funding)
        mean_funding, trough, trough_before = _troughs(
            market, self.implied_funding, base, market.bars_in(self.trough_days * 24)
        )
        day_premium, perp_to_spot = _of_spot(market)
        return {
            "oi_rise": oi_rise,
            "usual_oi_rise": np.maximum(usual_oi_rise, self.oi_rise_floor / self.oi_rise),
            "largest_oi_rise_of_a_day": largest_oi_rise,
            "range": width,
            "usual_range": np.maximum(usual_range, self.range_floor),
            "range_a_day_ago": width_before,
            "usual_range_a_day_ago": np.maximum(usual_before, self.range_floor),
            "base_price": _base_price(market, base),
            "low_of_day": low_of_day,
            "rise": rise,
            "usual_rise": np.maximum(_usual_rise(market, lookback), self.rise / self.rise_sizes),
            "funding_bps_per_8h": funding,
            "mean_funding_bps_per_8h": mean_funding,
            "trough_of_day_bps_per_8h": trough,
            "trough_before_bps_per_8h": trough_before,
            "spot_lead_bps": day_premium - _usual_premium(market, lookback),
            "premium_change_bps": _premium_change(market, market.bars_in(self.range_hours)),
            "perp_to_spot_volume": perp_to_spot,
        }

    def detect(self, market: Market) -> Phases:
        """The phases of all campaigns.

        Strength is the height above the base, for accumulation the rise of OI in usual sizes.

        Context: `base_price`, `height_above_base`, `first_trough_bps_per_8h` (NaN before there is
        one), `funding_bps_per_8h`, `accumulated` (or else the variation without),
        `perp_to_spot_volume`, the stand-in for concentrated spot, `funding_implied`,
        `squeeze_unseen` (open interest is missing, and the squeeze was only inferred), and
        `warm_up_on_spot` (what is usual was measured on spot from before the perp's listing). Where
        the taker buy volume of both is known, `led_by` (`spot`, `perp` or `neither`: whose takers
        pushed harder to where price went over the last day) with both imbalances.
        """
        missing = self.lacking(market)
        f = self.features(market)
        bars, codes, bases, troughs, accumulated, unseen = walk(
            self._inputs(market, f), self._rules(market)
        )
        close = market.column("perp", "close")
        height = close[bars] / bases - 1
        oi_sizes = f["oi_rise"][bars] / f["usual_oi_rise"][bars]
        events = {
            "bar": bars,
            "phase": [_STORY[code][0] for code in codes],
            "lean": np.array([_STORY[code][1] for code in codes], np.int64),
            "actor": [_STORY[code][2] for code in codes],
            "strength": np.where(codes == ACCUMULATION, oi_sizes, np.maximum(height, 0.0)),
            "base_price": bases,
            "height_above_base": height,
            "first_trough_bps_per_8h": troughs,
            "funding_bps_per_8h": f["funding_bps_per_8h"][bars],
            "accumulated": accumulated,
            "perp_to_spot_volume": f["perp_to_spot_volume"][bars],
            "funding_implied": _implied_at(market, bars),
            "squeeze_unseen": unseen,
            "warm_up_on_spot": _past(market).reaches(
                bars, market.bars(self.lookback_days * 24 + self.base_hours)
            ),
            **_takers(market, bars),
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

    def _inputs(self, market: Market, f: Mapping[str, FloatArray]) -> BarInputs:
        """What is known at each bar without knowing the state."""
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
        based = f["range_a_day_ago"] < self.base_width * f["usual_range_a_day_ago"]
        sold = f["premium_change_bps"]
        return BarInputs(
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

    def _rules(self, market: Market) -> Rules:
        days = (
            self.accumulation_days,
            self.ignition_days,
            self.squeeze_days,
            self.handover_days,
            self.distribution_days,
        )
        limits = np.array([market.bars(24 * d) for d in days], np.int64)
        return Rules(
            limits=limits,
            cooldown=market.bars(self.cooldown_hours),
            span=market.bars_in(self.range_hours),
            stall=market.bars_in(self.stall_hours),
            rise=self.rise,
            new_high=self.new_high,
            unseen_rise=self.unseen_rise,
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


def _past(market: Market) -> Past:
    """Closes from before the listing, as far back as any parameter looks."""
    return closes_with_past(market, hours=_LONGEST_HOURS)


def _implied_at(market: Market, bars: IntArray) -> Any:
    """Whether the funding known at some bars was implied from the premium."""
    implied = market.funding_implied
    return market.missing("funding") != () if implied is None else implied[bars]


def _takers(market: Market, bars: IntArray) -> dict[str, Any]:
    """Who led the day that ends at some bars."""
    day = market.bars_in(_DAY)
    moves = np.nan_to_num(change(market.column("perp", "close"), day)[bars])
    return taker_context(market, bars, np.sign(moves).astype(np.int64), day)


@memoised
def _day(market: Market) -> tuple[FloatArray, FloatArray]:
    """Of the last day: the lowest close, and the rise from it."""
    past = _past(market)
    low = _lowest(past.closes, market.bars_in(_DAY))
    return past.cut(low), past.cut(past.closes / low - 1)


@memoised
def _of_spot(market: Market) -> tuple[FloatArray, FloatArray]:
    """Of the last day: the mean premium, and the perp's volume over spot's."""
    day, past, premium = market.bars_in(_DAY), _past(market), spot_premium(market)
    perp, spot = (_mean(market.column(name, "volume"), day) for name in ("perp", "spot"))
    mean = _mean(premium, day)
    if past.known:
        # its first day is too short for a day's mean, and is the one that counts
        first = slice(past.listed, past.listed + day)
        mean[first] = pd.Series(premium[first]).expanding().mean()
    return mean, perp / spot


@memoised
def _usual_rise(market: Market, lookback: int) -> FloatArray:
    """The usual size of a day's price change."""
    past = _past(market)
    moves = change(np.log(past.closes), market.bars_in(_DAY))
    return past.cut(usual_size(moves, lookback, floor=0.0))


@memoised
def _usual_premium(market: Market, lookback: int) -> FloatArray:
    """The usual premium; none after a listing, until it is known."""
    past = _past(market)
    usual = rolling_median(spot_premium(market), lookback)
    return np.where(np.isnan(usual), 0.0, usual) if past.known else usual


@memoised
def _oi_rise(market: Market, bars: int) -> tuple[FloatArray, FloatArray]:
    """Over a base: the log rise of open interest, and its largest in a day."""
    day = market.bars_in(_DAY)
    log_oi = np.log(market.column("open_interest", "open_interest"))
    return change(log_oi, bars), _highest(change(log_oi, day), max(bars - day, 1))


@memoised
def _usual_oi_rise(market: Market, bars: int, lookback: int) -> FloatArray:
    """The usual size of open interest's rise over a base."""
    return usual_size(_oi_rise(market, bars)[0], lookback, floor=0.0)


@memoised
def _base_price(market: Market, bars: int) -> FloatArray:
    """The median close of a base."""
    past = _past(market)
    return past.cut(rolling_median(past.closes, bars))


@memoised
def _ranges(market: Market, bars: int, lookback: int) -> tuple[FloatArray, ...]:
    """The log range of a base and what is usual for it, then both a day before."""
    past = _past(market)
    day = market.bars_in(_DAY)
    width = np.log(_highest(past.closes, bars) / _lowest(past.closes, bars))
    usual = rolling_median(width, lookback)
    before = (lagged(value, day) for value in (width, usual))
    return tuple(past.cut(value) for value in (width, usual, *before))


@memoised
def _funding(market: Market, implied: int) -> FloatArray:
    """Funding in bps per 8 h, implied by the exchange's formula only where asked for."""
    known = with_implied_funding(market) if implied and market.missing("funding") else market
    rate, hours = (known.column("funding", c) for c in ("rate", "interval_hours"))
    return 1e4 * rate * 8 / hours


@memoised
def _troughs(market: Market, implied: int, base: int, before: int) -> tuple[FloatArray, ...]:
    """Funding's mean over a base, its lowest of the day, and its lowest before that day."""
    day, funding = market.bars_in(_DAY), _funding(market, implied)
    past = _past(market)
    led = past.led(funding, _NEUTRAL_BPS)
    lowest_before = lagged(_lowest(led, before), day)
    return _mean(funding, base), past.cut(_lowest(led, day)), past.cut(lowest_before)


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
    return _rolling(values, bars).mean().to_numpy(copy=True)  # type: ignore[no-any-return]
