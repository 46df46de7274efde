"""Needs: what a phase cannot be detected without, parsed once from what its signal declares.

A need is a stream (`funding`), a column of one (`perp.volume`), or several of these of which one
is enough (`premium_index|spot`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

#: between alternatives, and between a stream and its column
_OR, _OF = "|", "."


class HasStreams(Protocol):
    """What can say which of its streams and columns are missing: a `Market`."""

    def lacks(self, stream: str, column: str = "") -> str | None:
        """The stream, or `stream.column`, that is missing; None where nothing is."""
        ...


@dataclass(frozen=True)
class StreamColumn:
    """A stream, or one of its columns."""

    stream: str
    column: str = ""  #: empty: any record of the stream will do

    def __str__(self) -> str:
        return f"{self.stream}{_OF}{self.column}" if self.column else self.stream


@dataclass(frozen=True)
class Need:
    """One need: the alternatives, of which one is enough."""

    alternatives: tuple[StreamColumn, ...]

    def __str__(self) -> str:
        return _OR.join(map(str, self.alternatives))

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams of all alternatives, each once."""
        return tuple(dict.fromkeys(one.stream for one in self.alternatives))

    def met_by(self, streams: Collection[str]) -> bool:
        """Whether one of these streams is among the alternatives."""
        return any(one.stream in streams for one in self.alternatives)

    def missing_in(self, market: HasStreams) -> str | None:
        """What the market lacks for it, in words of the declaration; None where it is met."""
        lacks = [market.lacks(one.stream, one.column) for one in self.alternatives]
        if None in lacks:
            return None
        return lacks[0] if len(lacks) == 1 else str(self)


@dataclass(frozen=True)
class Needs:
    """Several needs, all of which must be met; in the order of their declaration."""

    each: tuple[Need, ...] = ()

    @classmethod
    def of(cls, *texts: str) -> Needs:
        """The needs that these declarations stand for, each once."""
        return cls(tuple(dict.fromkeys(map(parse_need, texts))))

    def __iter__(self) -> Iterator[Need]:
        return iter(self.each)

    @property
    def streams(self) -> tuple[str, ...]:
        """Every stream that is named, of alternatives all, each once."""
        return tuple(dict.fromkeys(stream for need in self.each for stream in need.streams))

    def met_by(self, streams: Collection[str]) -> bool:
        """Whether these streams name an alternative of each."""
        return all(need.met_by(streams) for need in self.each)

    def missing_in(self, market: HasStreams) -> tuple[str, ...]:
        """What the market lacks, each once; see `Market.missing`."""
        found = (need.missing_in(market) for need in self.each)
        return tuple(dict.fromkeys(lack for lack in found if lack is not None))


@lru_cache(maxsize=1024)
def parse_need(text: str) -> Need:
    """One need from its declaration, e.g. `premium_index|spot` or `perp.volume`."""
    parts = (one.partition(_OF) for one in text.split(_OR))
    return Need(tuple(StreamColumn(stream, column) for stream, _, column in parts))
