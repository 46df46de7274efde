"""Which streams a signal reads, seen by watching it; they must be those that it declares."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fadefollow.market.panel import FloatArray, IntArray, Market
from fadefollow.phases import Signal
from fadefollow.verdict.lookahead.altered_future import only
from fadefollow.verdict.lookahead.answers import ask_safely


class WatchedMarket(Market):
    """A market that remembers which of its streams were read.

    Args:
        market: to be read.
        read: the streams read so far, added to; by default none.
    """

    def __init__(self, market: Market, read: set[str] | None = None) -> None:
        start = market.index[0]
        super().__init__(
            market.symbol,
            bar=market.bar,
            start=start,
            end=start + len(market) * market.bar,
            tables={name: market.table(name) for name in market.streams},
            listed=market.listed,
            delisted=market.delisted,
            later=market.later,
        )
        self.members = market.members
        self.read = set[str]() if read is None else read

    def column(self, name: str, column: str) -> FloatArray:
        """See `Market`."""
        self.read.add(name)
        return super().column(name, column)

    def table(self, name: str) -> pd.DataFrame:
        """See `Market`."""
        self.read.add(name)
        return super().table(name)

    def as_of(self, name: str, values: FloatArray) -> FloatArray:
        """See `Market`."""
        self.read.add(name)
        return super().as_of(name, values)

    def steps(self, name: str) -> tuple[IntArray, IntArray]:
        """See `Market`."""
        self.read.add(name)
        return super().steps(name)

    def until(self, time: pd.Timestamp) -> Market:
        """See `Market`; watched as well."""
        return self._watched(super().until(time))

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> Market:
        """See `Market`; watched as well."""
        return self._watched(super().between(start, end))

    def _watched(self, part: Market) -> Market:
        return WatchedMarket(part, self.read) if len(part) else part


def undeclared_reads(signal: Signal, market: Market) -> tuple[str, ...]:
    """The streams that a signal reads and neither needs nor declares in `reads`, by name.

    It is watched on the market, and on the market without each stream that it needs, as it may
    take another one then. None where it declares no `reads`: all count as declared.
    """
    read = set[str]()
    for part in _with_and_without(signal, market):
        ask_safely(signal, WatchedMarket(part, read))
    return tuple(sorted(read - signal.may_read(market.streams)))


def _with_and_without(signal: Signal, market: Market) -> Iterator[Market]:
    yield market
    for name in signal.needs().streams:
        rest = [other for other in market.streams if other != name]
        if name in market.streams and {"perp", "spot"} & set(rest):
            yield only(market, rest)
