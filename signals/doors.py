"""Doors: who opens a way for price, spot or the crowd on the perp?

When price drops while the spot premium rises, the perp is being sold harder than spot: retail
shorts enter, and their liquidation orders above are fuel for a move up. That is a short door; a
long door is its mirror image. When the premium stays flat, no door was opened: an institution
moved the price, a genuine move. When price and premium go the same way, spot itself is bought or
sold. Doors alternate, shorts first, then longs, and the third or fourth may end the game; account
B claims that doors are to be faded and the moves of spot to be followed, best after a quiet
weekend. All of these are hypotheses.

Source: DOMAIN.md, part 2 B, and part 3, rows `doors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from fadefollow.features import (
    BoolArray,
    FloatArray,
    change,
    fire_once,
    lagged,
    trailing_mean,
    usual_size,
)
from fadefollow.features import spot_premium_bps as spot_premium
from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal

_NEEDS = ("perp", "spot")
#: phase of each side (the price's), by what the spot premium does meanwhile
_AGAINST = {1: "long_door", -1: "short_door"}
_FLAT = {1: "spot_led_up", -1: "spot_led_down"}
_WITH = {1: "spot_buying", -1: "spot_selling"}
_ACTORS = {"long_door": "crowd", "short_door": "crowd", "spot_led_up": "institutions",
           "spot_led_down": "institutions", "spot_buying": "spot buyers",
           "spot_selling": "spot sellers"}  # fmt: skip


class Doors(Signal):
    """Moves of price, told apart by what the spot premium did over the same window.

    Both changes are measured in their own usual size: the robust scale of the changes over
    windows of the same length that ended before, not less than a floor. The premium's is from its
    mean over the window before to its mean over the last few hours, as a single close is mostly
    noise. The lean of each phase is the side to which price went.
    """

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(_ACTORS, _NEEDS)

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
        premium = spot_premium(market)
        price_moves = change(1e4 * np.log(market.column("perp", "close")), window)
        before = lagged(trailing_mean(premium, window_bars=window), window)
        premium_moves = trailing_mean(premium, window_bars=settle) - before
        premium_moves[np.isnan(premium)] = np.nan
        return {
            "premium_bps": premium,
            "price_move_bps": price_moves,
            "usual_price_move_bps": usual_size(price_moves, lookback, floor=self.price_floor_bps),
            "premium_move_bps": premium_moves,
            "usual_premium_move_bps": usual_size(
                premium_moves, lookback, floor=self.premium_floor_bps
            ),
        }

    def detect(self, market: Market) -> Phases:
        """All six phases; strength is the move in usual sizes, the smaller of the two for doors.

        Context: the move and the premium, `door_number` (0 for what is no door) and
        `quiet_weekend`.
        """
        features = self.features(market)
        missing = self.lacking(market)
        events: list[dict[str, Any]] = []
        if not missing:
            price = features["price_move_bps"] / features["usual_price_move_bps"]
            premium = features["premium_move_bps"] / features["usual_premium_move_bps"]
            events = self._fired(market, price, premium)
        numbers = self._door_numbers(market, [e for e in events if "door" in e["phase"]])
        quiet = self._after_quiet_weekend(market) if events else np.zeros(0, np.bool_)
        for event in events:
            bar = event["bar"]
            for name in ("price_move_bps", "premium_move_bps", "premium_bps"):
                event[name] = features[name][bar]
            event["door_number"] = numbers.get(bar, 0) if "door" in event["phase"] else 0
            event["quiet_weekend"] = bool(quiet[bar])
        return Phases.of(market, signal=self.name(), events=events, missing=missing)

    def detection_hours(self) -> float:
        """The window and the one before, with which the premium is compared."""
        return 2 * self.window_hours

    def _fired(
        self, market: Market, price: FloatArray, premium: FloatArray
    ) -> list[dict[str, Any]]:
        """Rows of the events; `price` and `premium` are the moves in usual sizes."""
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
                row = {"phase": phase, "lean": side, "actor": _ACTORS[phase]}
                for bar in fire_once(holds, cooldown_bars=cooldown):
                    events.append({"bar": int(bar), **row, "strength": strength[bar]})
        return events

    def _door_numbers(self, market: Market, doors: list[dict[str, Any]]) -> dict[int, int]:
        """The number of each door in its game, by bar.

        A door on the other side than the one before has the next number; another one on the same
        side keeps it. The game begins anew once price has closed beyond the range in which it
        began, or no door has been opened for `game_hours`.
        """
        close = market.column("perp", "close")
        span, limit = market.bars_in(self.range_hours), market.bars(self.game_hours)
        numbers: dict[int, int] = {}
        number = began = last = side = 0
        low = high = np.nan
        for door in sorted(doors, key=lambda e: e["bar"]):
            bar = door["bar"]
            since = close[began + 1 : bar + 1]
            if number == 0 or bar - last > limit or _leaves(since, low, high, self.breakout):
                number, began = 1, bar
                before = close[max(bar + 1 - span, 0) : bar + 1]
                low, high = np.nanmin(before), np.nanmax(before)
            elif door["lean"] != side:
                number += 1
            numbers[bar], last, side = number, bar, door["lean"]
        return numbers

    def _after_quiet_weekend(self, market: Market) -> BoolArray:
        """Whether a bar opens on a Monday, UTC, after a weekend quiet for this coin."""
        day = market.open_time.astype("datetime64[D]").astype(np.int64) + 3  # 1970-01-01: Thursday
        week, weekday = day // 7, day % 7
        bars = pd.DataFrame(
            {name: market.column("perp", name)[weekday >= 5] for name in ("high", "low")}
        )
        weekends = bars.groupby(week[weekday >= 5]).agg({"high": "max", "low": "min"})
        height = (weekends["high"] / weekends["low"]).transform(np.log)
        usual = height.rolling(self.quiet_weekends, min_periods=4).median().shift()
        quiet = (height < self.quiet_ratio * usual).rename_axis("week")
        found: BoolArray = (weekday == 0) & np.isin(week - 1, quiet.index[quiet])
        return found


def _leaves(close: FloatArray, low: float, high: float, margin: float) -> bool:
    """Whether a close lies beyond the range by more than `margin` heights of it."""
    slack = margin * (high - low)
    return bool(((close > high + slack) | (close < low - slack)).any())
