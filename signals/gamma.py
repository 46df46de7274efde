"""Short gamma: when dealers must chase the price, they amplify moves.

A dealer who is short options must buy as price rises and sell as it falls to stay neutral; one
who is long options does the opposite and calms the market. Account C, an anatomy of BTC's sell-off
in April 2021, names the first as a link in the chain: below 61,000 USD dealers' gamma was negative,
and they sold into the fall. The hypothesis is that a move that finds dealers short of gamma goes
on: follow it.

Whose side dealers are on is not published. The convention here assumes that customers sell calls
for income and buy puts for protection, so that dealers are **long the open calls and short the
open puts**. Where customers buy calls, as in a mania, the sign of the calls is wrong.

Source: documentation, accounts, C.4; phases, row `gamma`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import (
    BoolArray,
    FloatArray,
    IntArray,
    change,
    fire_once,
    memoised,
    usual_size,
)
from fadefollow.phases.greeks import OptionBooks

DEALERS_IN_CALLS, DEALERS_IN_PUTS = +1.0, -1.0
#: a move is measured against at least this, a day's worth of nothing
_LEAST_MOVE = 1e-4
_HOURS_PER_YEAR = 365 * 24


class Gamma(Signal):
    """Moves beyond their usual size while dealers' net gamma at the price is negative.

    Gamma is that of Black and Scholes at each bar's close, over the options then alive in the
    last known snapshot of open interest. A record without an implied volatility takes the
    volatility realised over `realised_days`.
    """

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "short_gamma_up": ("perp", "options"),
        "short_gamma_down": ("perp", "options"),
    }
    about: ClassVar[Mapping[str, str]] = {
        "short_gamma_up": "dealers short gamma, price rose",
        "short_gamma_down": "dealers short gamma, price fell",
    }
    reads: ClassVar[tuple[str, ...]] = ()

    window_hours: Annotated[float, Param(3, 96, unit="hours", about="of the last move")] = 24.0
    move_size: Annotated[float, Param(0.5, 5, unit="usual sizes")] = 1.4
    lookback_days: Annotated[float, Param(7, 180, unit="days", about="of the usual size")] = 30.0
    floor_bps: Annotated[float, Param(5, 1000, unit="bps", about="least move", log=True)] = 50.0
    short_share: Annotated[
        float, Param(0, 0.9, about="net gamma below minus this share of the gross")
    ] = 0.4
    realised_days: Annotated[float, Param(7, 90, unit="days")] = 30.0
    reach: Annotated[float, Param(0.05, 1, about="look so far for the flip, log price")] = 0.3
    cooldown_hours: Annotated[float, Param(0, 336, unit="hours")] = 12.0

    def detection_hours(self) -> float:
        """The window of the move; open interest needs no build-up."""
        return self.window_hours

    def features(self, market: Market) -> dict[str, FloatArray]:
        """Dealers' gamma and the last move as of each bar's close, each shape (n,).

        `net_gamma`: coins that dealers must trade against a rise of 1 % (negative: with it);
        `gamma_balance`: the same as a share of the gross gamma, −1 to 1; `flip_level`: the price
        nearest to it at which net gamma changes sign, when the snapshot became known (within
        `reach`, else its end); `flip_distance`: price / flip level − 1; `move`: price change over
        `window_hours` in logarithms; `usual_move`: its usual size. NaN in the warm-up and on
        missing bars.
        """
        net, gross, flip = _dealers(market, self.realised_days, self.reach)
        price = market.column("perp", "close")
        move, usual = _moves(market, self.window_hours, self.lookback_days)
        balance = np.divide(net, gross, out=np.where(np.isnan(net), np.nan, 0.0), where=gross > 0)
        return {
            "net_gamma": net,
            "gamma_balance": balance,
            "flip_level": flip,
            "flip_distance": price / flip - 1.0,
            "move": move,
            "usual_move": usual,
        }

    def short(self, market: Market) -> BoolArray:
        """Whether dealers are short gamma at each bar's close, shape (n,); never on a NaN."""
        return self.features(market)["gamma_balance"] < -self.short_share

    def detect(self, market: Market) -> Phases:
        """Phases `short_gamma_up` and `short_gamma_down`; strength is −`gamma_balance`."""
        missing = self.lacking(market)
        found, short = self.features(market), self.short(market)
        beyond = np.maximum(self.move_size * found["usual_move"], 1e-4 * self.floor_bps)
        events: list[dict[str, Any]] = []
        for phase, lean in (("short_gamma_up", 1), ("short_gamma_down", -1)):
            if phase in missing:
                continue
            chased = short & (lean * found["move"] > beyond)
            bar = fire_once(chased, cooldown_bars=market.bars(self.cooldown_hours))
            events.append(
                {
                    "bar": bar,
                    "phase": phase,
                    "lean": lean,
                    "actor": "dealers",
                    "strength": -found["gamma_balance"][bar],
                    "net_gamma": found["net_gamma"][bar],
                    "flip_level": found["flip_level"][bar],
                    "flip_distance": found["flip_distance"][bar],
                    "move_bps": 1e4 * found["move"][bar],
                }
            )
        return Phases.of(market, signal=self.name(), events=events, missing=missing)


@memoised
def _moves(market: Market, hours: float, days: float) -> tuple[FloatArray, FloatArray]:
    """The last move in logarithms and its usual size, each shape (n,)."""
    move = change(np.log(market.column("perp", "close")), market.bars_in(hours))
    return move, usual_size(move, market.bars_in(days * 24), floor=_LEAST_MOVE)


@memoised
def _books(market: Market) -> tuple[OptionBooks, IntArray]:
    """Dealers' books, and the number of the one known at each bar's close, −1 for none."""
    books = OptionBooks.of(
        market.table("options"), call_sign=DEALERS_IN_CALLS, put_sign=DEALERS_IN_PUTS
    )
    known = market.as_of("options", books.book.astype(np.float64))
    return books, np.nan_to_num(known, nan=-1.0).astype(np.int64)


@memoised
def _gammas(market: Market, realised_days: float | None) -> tuple[FloatArray, FloatArray]:
    """Dealers' net and gross gamma as of each bar's close, each shape (n,)."""
    books, book = _books(market)
    closes = market.close_time.astype(np.int64)
    return books.gamma(
        book, market.column("perp", "close"), closes, _realised(market, realised_days)
    )


def _dealers(
    market: Market, realised_days: float, reach: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Net gamma, gross gamma and flip level as of each bar's close, each shape (n,)."""
    if market.missing("options", "perp"):
        unknown = np.full(len(market), np.nan)
        return unknown, unknown.copy(), unknown.copy()
    market.bars_in(realised_days * 24)
    # where every volatility is published, none needs to be realised
    days = realised_days if np.isnan(_books(market)[0].volatility).any() else None
    return *_gammas(market, days), _flips(market, days, reach)


@memoised
def _flips(market: Market, realised_days: float | None, reach: float) -> FloatArray:
    """The flip level of the last known book, reckoned once, on the first bar that knows it."""
    books, book = _books(market)
    price, closes = market.column("perp", "close"), market.close_time.astype(np.int64)
    realised = _realised(market, realised_days)
    usable = np.flatnonzero((book >= 0) & ~np.isnan(price))
    numbers, first = np.unique(book[usable], return_index=True)
    at = np.full(len(books), -1)
    at[numbers] = usable[first]
    there = np.where(at >= 0, price[at], np.nan)
    level = books.flip(there, closes[at], realised[at], reach=reach)
    reckoned = (book >= 0) & ~np.isnan(price) & (np.arange(len(book)) >= at[book])
    return np.where(reckoned, level[book], np.nan)


@memoised
def _realised(market: Market, days: float | None) -> FloatArray:
    """Volatility realised over the last `days`, fraction a year, shape (n,); NaN if None."""
    if days is None:
        return np.full(len(market), np.nan)
    bars = market.bars_in(days * 24)
    steps = pd.Series(change(np.log(market.column("perp", "close")), 1))
    yearly = np.sqrt(_HOURS_PER_YEAR / (market.bar / pd.Timedelta(hours=1)))
    return yearly * steps.rolling(bars, min_periods=bars // 2).std().to_numpy()  # type: ignore[no-any-return]
