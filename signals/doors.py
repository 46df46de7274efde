"""Doors: who opens a way for price, spot or the crowd on the perp?

When price drops while the spot premium rises, the perp is being sold harder than spot: retail
shorts enter, and their liquidation orders above are fuel for a move up. That is a short door; a
long door is its mirror image. When the premium stays flat, no door was opened: an institution
moved the price, a genuine move. When price and premium go the same way, spot itself is bought or
sold. Doors alternate, shorts first, then longs, and the third or fourth may end the game. Account
B, a trader's story of BTC near 106,000, claims that doors are to be faded and the moves of spot to
be followed, best after a quiet weekend. All of these are hypotheses.

Source: documentation, accounts, B; phases, rows `doors` and paragraph 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

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
    fire_once,
    lagged,
    memoised,
    trailing_mean,
    usual_size,
)
from fadefollow.phases.features import spot_premium_bps as spot_premium
from fadefollow.phases.takers import taker_context

_NEEDS = ("perp", "spot")
#: phase of each side (the price's), by what the spot premium does meanwhile
_AGAINST = {1: "long_door", -1: "short_door"}
_FLAT = {1: "spot_led_up", -1: "spot_led_down"}
_WITH = {1: "spot_buying", -1: "spot_selling"}
_ACTORS = {
    "long_door": "crowd",
    "short_door": "crowd",
    "spot_led_up": "institutions",
    "spot_led_down": "institutions",
    "spot_buying": "spot buyers",
    "spot_selling": "spot sellers",
}


class Doors(Signal):
    """Moves of price, told apart by what the spot premium did over the same window.

    Both changes are measured in their own usual size: the robust scale of the changes over
    windows of the same length that ended before, not less than a floor. The premium's is from its
    mean over the window before to its mean over the last few hours, as a single close is mostly
    noise. The lean of each phase is the side to which price went.
    """

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(_ACTORS, _NEEDS)
    about: ClassVar[Mapping[str, str]] = {
        "long_door": "price up, spot premium down",
        "short_door": "price down, spot premium up",
        "spot_led_up": "price up, premium stays flat",
        "spot_led_down": "price down, premium stays flat",
        "spot_buying": "price and spot premium rise",
        "spot_selling": "price and spot premium fall",
    }
    reads: ClassVar[tuple[str, ...]] = ()

    window_hours: Annotated[float, Param(1, 72, unit="hours")] = 8.0
    settle_hours: Annotated[float, Param(0, 12, unit="hours", about="premium averaged over")] = 4.0
    lookback_days: Annotated[float, Param(7, 120, unit="days")] = 30.0
    price_move: Annotated[float, Param(0.5, 5, unit="usual sizes")] = 1.5
    premium_move: Annotated[float, Param(0.5, 8, unit="usual sizes")] = 3.5
    led_move: Annotated[float, Param(0.5, 5, unit="usual sizes", about="premium flat")] = 2.5
    flat: Annotated[float, Param(0.05, 2, unit="usual sizes", about="of the premium")] = 1.0
    price_floor_bps: Annotated[float, Param(1, 500, unit="bps", log=True)] = 50.0
    premium_floor_bps: Annotated[float, Param(0.1, 50, unit="bps", log=True)] = 1.5
    cooldown_hours: Annotated[float, Param(0, 336, unit="hours")] = 12.0
    range_hours: Annotated[float, Param(24, 336, unit="hours", about="range of a game")] = 72.0
    breakout: Annotated[float, Param(0, 2, unit="heights of the range")] = 0.25
    game_hours: Annotated[float, Param(24, 720, unit="hours", about="door to door")] = 168.0
    quiet_ratio: Annotated[float, Param(0.2, 1, unit="of the median weekend's range")] = 0.75
    quiet_weekends: Annotated[int, Param(4, 52, unit="weekends before, to compare with")] = 12

    def features(self, market: Market) -> dict[str, FloatArray]:
        """The changes over the window and their usual sizes in bps, and the premium, shape (n,).

        NaN in the warm-up (the window and half of the look-back) and where a bar is missing: of
        perp at either end of the window, of spot at its end or for half of either mean.
        """
        window = market.bars_in(self.window_hours)
        settle = max(market.bars(self.settle_hours), 1)
        lookback = market.bars_in(self.lookback_days * 24)
        price_move, usual_price_move = _price_moves(market, window, lookback)
        premium_move, usual_premium_move = _premium_moves(market, window, settle, lookback)
        return {
            "premium_bps": spot_premium(market),
            "price_move_bps": price_move,
            "usual_price_move_bps": np.maximum(usual_price_move, self.price_floor_bps),
            "premium_move_bps": premium_move,
            "usual_premium_move_bps": np.maximum(usual_premium_move, self.premium_floor_bps),
        }

    def detect(self, market: Market) -> Phases:
        """All six phases; strength is the move in usual sizes, the smaller of the two for doors.

        Context: the move and the premium, `door_number` (0 for what is no door) and
        `quiet_weekend`; and where the taker buy volume of both is known, `led_by` (`spot`, `perp`
        or `neither`: whose takers pushed price that way harder over the window) with both
        imbalances.
        """
        f, missing = self.features(market), self.lacking(market)
        if missing:
            return Phases.of(market, signal=self.name(), events=[], missing=missing)
        price = f["price_move_bps"] / f["usual_price_move_bps"]
        premium = f["premium_move_bps"] / f["usual_premium_move_bps"]
        events = self._fired(market, price, premium)
        numbers = self._door_numbers(market, [e for e in events if "door" in e["phase"]])
        quiet = _after_quiet_weekend(market, self.quiet_ratio, self.quiet_weekends)
        for event in events:
            bar = event["bar"]
            for name in ("price_move_bps", "premium_move_bps", "premium_bps"):
                event[name] = f[name][bar]
            # a bar may show a phase of spot besides its door
            event["door_number"] = numbers[bar] if "door" in event["phase"] else 0
            event["quiet_weekend"] = quiet[bar]
            event |= taker_context(market, bar, event["lean"], market.bars_in(self.window_hours))
        return Phases.of(market, signal=self.name(), events=events, missing=missing)

    def detection_hours(self) -> float:
        """The window and the one before, with which the premium is compared."""
        return 2 * self.window_hours

    def _fired(
        self, market: Market, price: FloatArray, premium: FloatArray
    ) -> list[dict[str, Any]]:
        """The events by phase; `price` and `premium` are the moves in usual sizes."""
        cooldown = market.bars(self.cooldown_hours)
        smaller = np.minimum(np.abs(price), np.abs(premium))
        events: list[dict[str, Any]] = []
        for side in (1, -1):
            moved = side * price > self.price_move
            led = (side * price > self.led_move) & (np.abs(premium) < self.flat)
            for phase, holds, strength in (
                (_AGAINST[side], moved & (side * premium < -self.premium_move), smaller),
                (_FLAT[side], led, np.abs(price)),
                (_WITH[side], moved & (side * premium > self.premium_move), smaller),
            ):
                bar = fire_once(holds, cooldown_bars=cooldown)
                row = {"phase": phase, "lean": side, "actor": _ACTORS[phase]}
                events.append({"bar": bar, **row, "strength": strength[bar]})
        return events

    def _door_numbers(self, market: Market, doors: list[dict[str, Any]]) -> IntArray:
        """The number in its game of the door at each bar, shape (n,); 0 where there is none.

        A door on the other side than the one before has the next number; another one on the same
        side keeps it. The game begins anew once price has closed beyond the range in which it
        began, or no door has been opened for `game_hours`.
        """
        bars = np.concatenate([door["bar"] for door in doors])
        sides = np.repeat([door["lean"] for door in doors], [len(door["bar"]) for door in doors])
        order = np.argsort(bars)
        numbers = np.zeros(len(market), np.int64)
        numbers[bars[order]] = _numbers(
            bars[order],
            sides[order],
            market.column("perp", "close"),
            market.bars_in(self.range_hours),
            market.bars(self.game_hours),
            self.breakout,
        )
        return numbers


@memoised
def _price_moves(market: Market, window: int, lookback: int) -> tuple[FloatArray, FloatArray]:
    """Changes of the price over the window in bps, and their usual size, each shape (n,)."""
    moves = change(1e4 * np.log(market.column("perp", "close")), window)
    return moves, usual_size(moves, lookback, floor=0.0)


@memoised
def _premium_moves(
    market: Market, window: int, settle: int, lookback: int
) -> tuple[FloatArray, FloatArray]:
    """The same of the premium, settled, against its mean over the window before."""
    premium = spot_premium(market)
    before = lagged(trailing_mean(premium, window_bars=window), window)
    moves = trailing_mean(premium, window_bars=settle) - before
    moves[np.isnan(premium)] = np.nan
    return moves, usual_size(moves, lookback, floor=0.0)


@memoised
def _after_quiet_weekend(market: Market, ratio: float, weekends: int) -> BoolArray:
    """Whether a bar opens on a Monday, UTC, after a weekend quiet for this coin, shape (n,)."""
    day = market.open_time.astype("datetime64[D]").astype(np.int64) + 3  # 1970-01-01: Thursday
    week, weekday = day // 7, day % 7
    bars = pd.DataFrame(
        {name: market.column("perp", name)[weekday >= 5] for name in ("high", "low")}
    )
    extremes = bars.groupby(week[weekday >= 5]).agg({"high": "max", "low": "min"})
    height = (extremes["high"] / extremes["low"]).transform(np.log)
    usual = height.rolling(weekends, min_periods=4).median().shift()
    quiet = (height < ratio * usual).rename_axis("week")
    found: BoolArray = (weekday == 0) & np.isin(week - 1, quiet.index[quiet])
    return found


@njit(cache=True)
def _numbers(
    bars: IntArray, sides: IntArray, close: FloatArray, span: int, limit: int, breakout: float
) -> IntArray:
    numbers = np.zeros(len(bars), np.int64)
    number = began = last = side = 0
    low = high = np.nan
    for k in range(len(bars)):
        bar = bars[k]
        slack = breakout * (high - low)
        left = False
        for i in range(began + 1, bar + 1):
            left = left or close[i] > high + slack or close[i] < low - slack
        if number == 0 or bar - last > limit or left:
            number, began = 1, bar
            low = high = np.nan
            for i in range(max(bar + 1 - span, 0), bar + 1):
                low = close[i] if not low <= close[i] and not np.isnan(close[i]) else low
                high = close[i] if not high >= close[i] and not np.isnan(close[i]) else high
        elif sides[k] != side:
            number += 1
        numbers[k], last, side = number, bar, sides[k]
    return numbers
