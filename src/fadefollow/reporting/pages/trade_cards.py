"""The best and worst trades of a phase, each with its own small drawing of the price around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.reporting.charts.downsample import FloatArray, IntArray, keep_extremes
from fadefollow.reporting.text.formatting import bps, hours, money, price, when

#: the drawing's size and its margins, in SVG units, and the most points of its line
WIDTH, HEIGHT, SIDE, TOP = 480.0, 170.0, 12.0, 16.0
POINTS = 64
#: bars before the entry and after the exit: this many at least, or this share of the holding
LEAST, SHARE = 8, 0.4
_COLUMNS = (
    "symbol",
    "side",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "exit_reason",
    "leg",
    "funding",
    "return",
)


@dataclass(frozen=True)
class Drawing:
    """Price around a trade in SVG units: paths of whole numbers, and where entry and exit stand."""

    before: str
    held: str
    after: str
    entry: tuple[int, int]
    exit: tuple[int, int]


@dataclass(frozen=True)
class TradeCard:
    """One trade in words, numbers and a drawing; None where its bars are not stored."""

    symbol: str
    side: str  #: "bought" or "sold short"
    gain: str  #: net, bps
    gained: bool
    entered: str
    left: str
    held: str
    entry_price: str
    exit_price: str
    exit_reason: str
    funding: str
    words: str  #: all of it in a sentence
    drawing: Drawing | None
    coin: int = 0  #: the number of its chart on the market page; 0 if it has none
    stretch: tuple[int, int] = (0, 0)  #: entry and exit, ms since 1970 UTC

    @property
    def up(self) -> bool:
        """Whether it was bought."""
        return self.side == "bought"


class Bars:
    """The bars of a run's coins, looked up by time."""

    def __init__(self, prices: Mapping[str, pd.DataFrame]) -> None:
        self._prices = prices
        self._numbers = {symbol: number for number, symbol in enumerate(prices, start=1)}
        self._known: dict[str, tuple[IntArray, FloatArray]] = {}

    def number(self, symbol: str) -> int:
        """The coin's number among the run's coins, from 1; 0 if it is none of them."""
        return self._numbers.get(symbol, 0)

    def of(self, symbol: str) -> tuple[IntArray, FloatArray] | None:
        """Open times in ns since 1970 UTC and opening prices, both (n,); None without bars."""
        if symbol not in self._known:
            frame = self._prices.get(symbol)
            if frame is None or frame.empty:
                return None
            times = pd.DatetimeIndex(frame.index).as_unit("ns").asi8
            self._known[symbol] = times, frame["open"].to_numpy(np.float64)
        return self._known[symbol]


def trade_cards(trades: pd.DataFrame, bars: Bars) -> tuple[TradeCard, ...]:
    """A card for each row of `trades`, in its order."""
    columns = [trades[name].tolist() for name in _COLUMNS]
    rows = (dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True))
    return tuple(_card(trade, bars) for trade in rows)


def _card(trade: Mapping[Any, Any], bars: Bars) -> TradeCard:
    side = "bought" if trade["side"] > 0 else "sold short"
    entered, left = pd.Timestamp(trade["entry_time"]), pd.Timestamp(trade["exit_time"])
    held = hours((left - entered) / pd.Timedelta(hours=1))
    gain = bps(trade["return"] * 1e4)
    at, out = price(trade["entry_price"]), price(trade["exit_price"])
    funding = money(trade["funding"])
    reason = str(trade["exit_reason"])
    words = (
        f"{trade['symbol']} {side} at {at} on {when(entered)} UTC, left by {reason} at {out} on "
        f"{when(left)} UTC after {held}: {gain} net, funding {funding}."
    )
    return TradeCard(
        symbol=str(trade["symbol"]),
        side=side,
        gain=gain,
        gained=trade["return"] > 0,
        entered=when(entered),
        left=when(left),
        held=held,
        entry_price=at,
        exit_price=out,
        exit_reason=reason,
        funding=funding,
        words=words,
        drawing=draw(trade, bars),
        coin=bars.number(str(trade["symbol"])),
        stretch=(entered.value // 1_000_000, left.value // 1_000_000),
    )


def draw(trade: Mapping[Any, Any], bars: Bars) -> Drawing | None:
    """The opening prices around one trade, thinned by extremes.

    Entry and exit stand at their fills; those of a dated contract, whose price is not that of the
    line, stand on the line.

    Args:
        trade: one row of the trades.
        bars: where the coin's bars are.

    Returns:
        None where the coin has no bars, or none with a price in that time.
    """
    found = bars.of(str(trade["symbol"]))
    if found is None:
        return None
    times, opened = found
    stamps = [pd.Timestamp(trade[name]).as_unit("ns").value for name in ("entry_time", "exit_time")]
    first, last = (min(int(np.searchsorted(times, t)), len(times) - 1) for t in stamps)
    around = max(LEAST, round(SHARE * (last - first)))
    begin, end = max(first - around, 0), min(last + around + 1, len(times))
    line = opened[begin:end]
    if np.isnan(line).all():
        return None
    marks = [float(trade["entry_price"]), float(trade["exit_price"])]
    if str(trade["leg"]).startswith("future"):
        marks = [_near(line, first - begin), _near(line, last - begin)]
    return _drawn(line, first - begin, last - begin, marks)


def _drawn(line: FloatArray, first: int, last: int, marks: list[float]) -> Drawing:
    known = np.concatenate((line[~np.isnan(line)], [m for m in marks if math.isfinite(m)]))
    low, high = float(known.min()), float(known.max())
    across = (WIDTH - 2 * SIDE) / max(len(line) - 1, 1)
    down = (HEIGHT - 2 * TOP) / ((high - low) or 1.0)

    def place(at: int, value: float) -> tuple[int, int]:
        return round(SIDE + at * across), round(TOP + (high - value) * down)

    values = line.tolist()

    def path(begin: int, end: int) -> str:
        kept = begin + keep_extremes(line[begin : end + 1], points=POINTS // 2)
        return _path(
            [None if math.isnan(values[i]) else place(i, values[i]) for i in kept.tolist()]
        )

    return Drawing(
        before=path(0, first),
        held=path(first, last),
        after=path(last, len(line) - 1),
        entry=place(first, marks[0]),
        exit=place(last, marks[1]),
    )


def _near(line: FloatArray, at: int) -> float:
    """The value of the line at a place, or the nearest one that is known."""
    known = np.flatnonzero(~np.isnan(line))
    return float(line[known[np.abs(known - at).argmin()]])


def _path(points: list[tuple[int, int] | None]) -> str:
    """An SVG path through the points, in relative steps; broken where there is none."""
    parts: list[str] = []
    here: tuple[int, int] | None = None
    for point in points:
        if point is None:
            here = None
            continue
        if here is None:
            parts.append(f"M{point[0]} {point[1]}")
        elif point != here:
            parts.append(f"l{point[0] - here[0]} {point[1] - here[1]}")
        here = point
    return "".join(parts)
