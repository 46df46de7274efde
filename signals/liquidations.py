"""Forced closing: the fuel that lies ahead of the price, and the flush when it has burnt.

**Fuel.** Every leveraged position has a price at which the exchange closes it. Where many lie close
above the price they are shorts, whose forced buying is fuel for a move up; where they lie below,
longs, fuel for a move down. Nobody publishes them; they are estimated. New open interest is taken
to be opened at the bar's close with leverages of 5 to 100 (`LADDER`), the share of each falling as
leverage^−`ladder_slope`. Who opens it is an assumption, `tilt`: at 1 only the crowd that chases the
last hours' move is leveraged, longs in a rise and shorts in a fall, and the more the faster it is,
while what is opened in a quiet market is hedged; at 0 half of it is longs and half shorts, always.
A position of leverage L is liquidated 1/L − m from its entry. A level is removed once a bar's high
or low has touched it, falling open interest beyond what was touched thins all levels alike, and
what is left is forgotten with a half-life. Levels count the less the farther they are, down to
nothing at `distance`.

**Flush.** Then it happens: shorts (or longs) are force-closed in a spike. It is seen within hours
in open interest that falls in a fast move, or in the exchange's report of the day, which is the
thing itself but is published hours to days late; whichever comes first. What it is worth is
disputed: account A, the story of a market maker who squeezes shorts, says that squeezes come in
waves, so that more follows (fade the flushed side); others that the move is over with its fuel
(follow it).

Source: documentation, accounts, A.3, B.1 and B.2; phases, rows `liquidations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from numba import njit

from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import (
    BoolArray,
    FloatArray,
    change,
    fire_once,
    memoised,
    past_quantile,
    trailing_mean,
    trailing_quantile,
    usual_size,
)

#: leverages that the crowd is taken to use
LADDER = (5.0, 10.0, 25.0, 50.0, 100.0)
#: width of the ledger's bins, in log price; quantiles look at one value in so many hours
_BIN, _SAMPLE_HOURS = 1e-3, 4.0
_HOUR = np.timedelta64(1, "h")
_FUEL = ("above_pct_of_oi", "below_pct_of_oi", "high_above_pct_of_oi", "high_below_pct_of_oi")
_FLUSH = (
    "move_sizes",
    "oi_change_pct",
    "oi_change_sizes",
    "shorts_times_usual",
    "longs_times_usual",
)


class Liquidations(Signal):
    """Estimated liquidation levels near the price, and spikes of forced closing."""

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "fuel_above": ("perp", "open_interest"),
        "fuel_below": ("perp", "open_interest"),
        "short_flush": ("perp", "liquidations|open_interest"),
        "long_flush": ("perp", "liquidations|open_interest"),
    }
    about: ClassVar[Mapping[str, str]] = {
        "fuel_above": "shorts' liquidation levels above price",
        "fuel_below": "longs' liquidation levels below price",
        "short_flush": "spike of liquidated shorts",
        "long_flush": "spike of liquidated longs",
    }
    reads: ClassVar[tuple[str, ...]] = ()

    ladder_slope: Annotated[float, Param(0, 2, about="leverage L has weight L^−slope")] = 0.5
    maintenance: Annotated[float, Param(0, 0.009, unit="of notional")] = 0.005
    tilt: Annotated[float, Param(0, 1, about="0: half and half; 1: with the move")] = 1.0
    move_hours: Annotated[float, Param(1, 168, unit="hours", about="at least one bar")] = 8.0
    chase_sizes: Annotated[float, Param(0.5, 5, unit="usual sizes of a move")] = 4.0
    oi_hours: Annotated[float, Param(1, 72, unit="hours", about="OI is averaged over")] = 8.0
    half_life_days: Annotated[float, Param(1, 60, unit="days")] = 2.0
    distance: Annotated[float, Param(0.01, 0.25, unit="of the price", log=True)] = 0.15
    smooth_hours: Annotated[float, Param(1, 72, unit="hours", about="fuel is averaged")] = 6.0
    quantile: Annotated[float, Param(0.7, 0.995)] = 0.95
    lookback_days: Annotated[float, Param(14, 365, unit="days")] = 60.0
    floor_pct: Annotated[float, Param(0.1, 50, unit="% of OI", log=True)] = 1.5
    lopsided: Annotated[float, Param(1, 10, unit="× the other side", log=True)] = 2.0
    #: of a flush
    flush_hours: Annotated[float, Param(1, 72, unit="hours", about="at least one bar")] = 4.0
    usual_days: Annotated[float, Param(7, 180, unit="days", about="that say what is usual")] = 14.0
    move_sizes: Annotated[float, Param(0.5, 10, unit="usual sizes of a move")] = 4.0
    oi_fall_sizes: Annotated[float, Param(0.5, 10, unit="usual sizes of a change")] = 2.0
    force: Annotated[float, Param(0.5, 20, about="geometric mean of both")] = 4.0
    oi_fall_pct: Annotated[float, Param(1, 40, unit="% of OI", log=True)] = 3.0
    spike_times: Annotated[float, Param(1.5, 100, unit="× a usual day", log=True)] = 15.0
    one_sided: Annotated[float, Param(1, 10, unit="× the other side", log=True)] = 2.0
    cooldown_hours: Annotated[float, Param(0, 336, unit="hours")] = 72.0

    def features(self, market: Market) -> dict[str, FloatArray]:
        """Fuel and forced closing as of each bar's close, shape (n,).

        Estimated liquidations of shorts within `distance` above the price and of longs below,
        weighted by nearness and averaged over `smooth_hours`, in % of open interest, and the
        quantiles that they must exceed; the move over `move_hours` in units of its usual size; the
        change of open interest over it in %, and in usual sizes; the published day's forced closing
        of each side over the median day before it. NaN in the warm-up, on missing bars, and where a
        stream is missing.
        """
        parts = (
            *_fuel(market, self._pile(), self.smooth_hours, self.quantile, self.lookback_days),
            *_moves(market, self.flush_hours, self.usual_days),
            *_reports(market, self.lookback_days),
        )
        return dict(zip((*_FUEL, *_FLUSH), parts, strict=True))

    def states(self, market: Market) -> dict[str, BoolArray]:
        """Whether each phase's condition holds at each bar's close, shape (n,); never on a NaN."""
        above, below, high_above, high_below, move, oi, oi_sizes, shorts, longs = self.features(
            market
        ).values()
        fell = (oi < -self.oi_fall_pct) & (oi_sizes < -self.oi_fall_sizes)
        return {
            "fuel_above": self._piled(above, below, high_above),
            "fuel_below": self._piled(below, above, high_below),
            "short_flush": (fell & self._fast(move, oi_sizes)) | self._spiked(shorts, longs),
            "long_flush": (fell & self._fast(-move, oi_sizes)) | self._spiked(longs, shorts),
        }

    def detect(self, market: Market) -> Phases:
        """Phases of this signal.

        Strength is the pile-up in % of open interest; of a flush, the fall of open interest in %,
        or the reported spike in usual days, as `seen_in` says.
        """
        missing, f, states = self.lacking(market), self.features(market), self.states(market)
        events: list[dict[str, Any]] = []
        for phase, lean in (
            ("fuel_above", -1),
            ("fuel_below", 1),
            ("short_flush", -1),
            ("long_flush", 1),
        ):
            if phase in missing:
                continue
            spike = f["shorts_times_usual" if lean < 0 else "longs_times_usual"]
            bar = fire_once(states[phase], cooldown_bars=market.bars(self.cooldown_hours))
            flush = phase.endswith("flush")
            reported = ~(f["oi_change_pct"][bar] < -self.oi_fall_pct) & flush
            fuel = f["above_pct_of_oi" if lean < 0 else "below_pct_of_oi"][bar]
            measured = np.where(reported, spike[bar], -f["oi_change_pct"][bar])
            events.append(
                {
                    "bar": bar,
                    "phase": phase,
                    "lean": lean,
                    "actor": "crowd",
                    "strength": measured if flush else fuel,
                    "seen_in": np.where(reported, "liquidations", "open interest"),
                    "move_sizes": f["move_sizes"][bar],
                }
            )
        return Phases.of(market, signal=self.name(), events=events, missing=missing)

    def detection_hours(self) -> float:
        """The move, or the half-life of the levels."""
        return max(self.move_hours, self.flush_hours, 24 * self.half_life_days)

    def _piled(self, here: FloatArray, there: FloatArray, high: FloatArray) -> BoolArray:
        enough = (here > high) & (here > self.floor_pct)
        return np.asarray(enough & (here > self.lopsided * there))

    def _fast(self, move: FloatArray, oi_sizes: FloatArray) -> BoolArray:
        force = np.sqrt(np.maximum(move, 0) * np.maximum(-oi_sizes, 0))
        return np.asarray((move > self.move_sizes) & (force > self.force))

    def _spiked(self, here: FloatArray, there: FloatArray) -> BoolArray:
        return np.asarray((here > self.spike_times) & (here > self.one_sided * there))

    def _pile(self) -> _Pile:
        return _Pile(
            self.ladder_slope,
            self.maintenance,
            self.tilt,
            self.move_hours,
            self.chase_sizes,
            self.usual_days,
            self.oi_hours,
            self.half_life_days,
            self.distance,
        )


class Bars(NamedTuple):
    """Bars of the perp and open interest as of their close, each shape (n,)."""

    high: FloatArray
    low: FloatArray
    close: FloatArray
    oi: FloatArray


class _Bins(NamedTuple):
    """The range of log prices that levels are counted in, in bins of `_BIN`."""

    first: int  #: number of the lowest bin, counted from price 1
    width: int
    reach: int  #: bins on each side of the price that are looked at


class _Pile(NamedTuple):
    """The parameters of the estimated levels."""

    ladder_slope: float
    maintenance: float
    tilt: float
    move_hours: float
    chase_sizes: float
    usual_days: float
    oi_hours: float
    half_life_days: float
    distance: float


@memoised
def _fuel(
    market: Market, pile: _Pile, smooth_hours: float, quantile: float, lookback_days: float
) -> tuple[FloatArray, ...]:
    """The levels above and below the price, averaged, and their quantiles, each shape (n,)."""
    span = max(market.bars(smooth_hours), 1)
    above, below = (trailing_mean(side, window_bars=span) for side in _levels(market, pile))
    window, every = market.bars_in(24 * lookback_days), market.bars(_SAMPLE_HOURS)
    highs = (
        trailing_quantile(side, quantile, window_bars=window, every_bars=every)
        for side in (above, below)
    )
    return above, below, *highs


@memoised
def _levels(market: Market, pile: _Pile) -> tuple[FloatArray, FloatArray]:
    """See `pile_up`."""
    high, low, close = (market.column("perp", c) for c in ("high", "low", "close"))
    oi = market.column("open_interest", "open_interest")
    hours = market.bar / _HOUR
    # single snapshots jitter; what is new is what stays
    steady = trailing_mean(oi, window_bars=max(market.bars(pile.oi_hours), 1))
    return pile_up(
        Bars(high, low, close, steady),
        shares=_shares(market, pile),
        ladder=ladder(slope=pile.ladder_slope, maintenance=pile.maintenance),
        keep_per_bar=0.5 ** (hours / 24 / pile.half_life_days),
        forget_per_bar=0.5 ** (hours / pile.oi_hours),
        distance=pile.distance,
    )


def _shares(market: Market, pile: _Pile) -> FloatArray:
    """Leveraged longs and shorts in new open interest, shape (2, n)."""
    close = market.column("perp", "close")
    move = change(np.log(close), max(market.bars(pile.move_hours), 1))
    usual = usual_size(move, market.bars_in(24 * pile.usual_days), floor=1e-3)
    chase = np.clip(np.nan_to_num(move / usual) / pile.chase_sizes, -1, 1)
    return np.stack([(1 - pile.tilt) / 2 + pile.tilt * np.maximum(s * chase, 0) for s in (1, -1)])


@memoised
def _moves(market: Market, flush_hours: float, usual_days: float) -> tuple[FloatArray, ...]:
    """The move, and the change of open interest in % and in usual sizes, each shape (n,)."""
    bars = max(market.bars(flush_hours), 1)
    lookback = market.bars_in(24 * usual_days)
    move = change(np.log(market.column("perp", "close")), bars)
    oi = np.log(np.maximum(market.column("open_interest", "open_interest"), 1e-9))
    fall = change(oi, bars)
    return (
        move / usual_size(move, lookback, floor=1e-3),
        100 * np.expm1(fall),
        fall / usual_size(fall, lookback, floor=5e-3),
    )


@memoised
def _reports(market: Market, lookback_days: float) -> tuple[FloatArray, ...]:
    """The last published day's forced closing of shorts, and of longs, over a median day."""
    if market.missing("liquidations"):
        return np.full(len(market), np.nan), np.full(len(market), np.nan)
    table = market.table("liquidations")
    sides = [table[c].to_numpy(float) for c in ("short_coins", "long_coins")]
    # one scale for both sides, or the quieter one would spike more often
    both = np.mean(sides, axis=0)
    time, available = table["time"], table["available"]
    usual = past_quantile(time, both, 0.5, days=lookback_days, available=available)
    return tuple(market.as_of("liquidations", side / np.maximum(usual, 1e-9)) for side in sides)


def ladder(*, slope: float, maintenance: float) -> FloatArray:
    """Distance from entry to liquidation, and share of the positions, by leverage, shape (2, k)."""
    leverage = np.array(LADDER)
    weight = leverage**-slope
    return np.stack([1 / leverage - maintenance, weight / weight.sum()])


def pile_up(
    bars: Bars,
    *,
    shares: FloatArray,
    ladder: FloatArray,
    keep_per_bar: float,
    forget_per_bar: float = 0.0,
    distance: float,
) -> tuple[FloatArray, FloatArray]:
    """Estimated liquidations near the price, each level weighted by 1 − its distance / `distance`.

    Args:
        bars: see `Bars`, shape (n,).
        shares: of new open interest, leveraged longs and leveraged shorts, shape (2, n).
        ladder: see `ladder`.
        keep_per_bar: what is left of a level after a bar.
        forget_per_bar: what is left after a bar of the liquidations that are yet to be seen in open
            interest.
        distance: fraction of the price.

    Returns:
        Shorts above and longs below, in % of open interest, shape (n,); NaN until open interest is
        known, and on missing bars.
    """
    high, low, close, oi = bars
    known = np.isfinite(low) & (low > 0) & np.isfinite(high)
    if not known.any():
        return np.full(len(close), np.nan), np.full(len(close), np.nan)
    # bins are counted from price 1, so that what is yet to come cannot move them
    lowest = int(np.floor(np.log(low[known].min() * (1 - ladder[0].max())) / _BIN)) - 2
    highest = int(np.floor(np.log(high[known].max() * (1 + ladder[0].max())) / _BIN)) + 2
    reach = max(round(np.log1p(distance) / _BIN), 1)
    bins = _Bins(lowest - reach, highest - lowest + 2 * reach, reach)
    above, below = _pile_up(bars, shares, ladder, keep_per_bar, forget_per_bar, bins)
    return 100 * above / oi, 100 * below / oi


@njit(cache=True)
def _bin(price: float, first: int) -> int:
    return int(np.floor(np.log(price) / _BIN)) - first


@njit(cache=True)
def _pile_up(
    bars: Bars,
    shares: FloatArray,
    ladder: FloatArray,
    keep_per_bar: float,
    forget_per_bar: float,
    bins: _Bins,
) -> tuple[FloatArray, FloatArray]:
    high, low, close, oi = bars
    first, width, reach = bins
    above, below = np.full(len(close), np.nan), np.full(len(close), np.nan)
    # coins by bin, to be multiplied by `scale`; the outermost bins that are not empty
    shorts, longs, scale = np.zeros(width), np.zeros(width), 1.0
    lowest_short, highest_long = width, -1
    counted, touched = np.nan, 0.0
    for i in range(len(close)):
        scale *= keep_per_bar
        touched *= forget_per_bar
        if scale < 1e-100:
            shorts *= scale
            longs *= scale
            scale = 1.0
        if np.isnan(close[i]) or np.isnan(high[i]) or np.isnan(low[i]):
            continue
        while lowest_short <= _bin(high[i], first):
            touched += shorts[lowest_short] * scale
            shorts[lowest_short] = 0.0
            lowest_short += 1
        while highest_long >= _bin(low[i], first):
            touched += longs[highest_long] * scale
            longs[highest_long] = 0.0
            highest_long -= 1
        if np.isnan(oi[i]):
            counted = np.nan  # what was opened in a hole is not known
            continue
        new = oi[i] - counted
        counted = oi[i]
        if new < 0.0:
            # what was liquidated left open interest as well; the rest was closed anywhere
            closed = min(max(-new - touched, 0.0), -new)
            scale *= oi[i] / (oi[i] + closed)
            touched = max(touched + new, 0.0)
        elif new > 0.0:
            for k in range(ladder.shape[1]):
                at = _bin(close[i] * (1.0 + ladder[0, k]), first)
                shorts[at] += shares[1, i] * ladder[1, k] * new / scale
                lowest_short = min(lowest_short, at)
                at = _bin(close[i] * (1.0 - ladder[0, k]), first)
                longs[at] += shares[0, i] * ladder[1, k] * new / scale
                highest_long = max(highest_long, at)
        here = _bin(close[i], first)
        above[i] = below[i] = 0.0
        for k in range(reach):
            nearness = scale * (1.0 - k / reach)
            above[i] += nearness * shorts[here + k]
            below[i] += nearness * longs[here - k]
    return above, below
