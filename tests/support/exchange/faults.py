"""Faults on a schedule, the same for the same seed whatever the timing."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from tests.support.exchange.oddities import ODDITIES

#: what happens to the connection or to the answer as a whole, and answers that are not what was
#: asked for; the client must ask again
TRANSPORT = (
    "429",
    "418",
    "500",
    "503",
    "timeout",
    "cut",
    "bad_json",
    "half_json",
    "odd_json",
    "maintenance",
    *ODDITIES,
)
#: what is wrong inside an answer that looks well; the client must notice
CONTENT = ("short", "shuffled", "overlap", "skip", "empty", "twice", "broken", "newest")
#: an answer's content is spoilt once for each so many hours of a series
REGION = 24 * 20


@dataclass
class Faults:
    """Which fault an answer gets.

    Attributes:
        seed, rate: each request has this probability of a fault, drawn from the seed, the
            request's target and how often it was asked for.
        kinds: those that are drawn from.
        fixed: (part of a path, or of `path symbol`, kind, how often) in order; they come first.
        in_a_row: at most so many faults one after the other on one target.
    """

    seed: int = 0
    rate: float = 0.0
    kinds: tuple[str, ...] = (*TRANSPORT, *CONTENT)
    fixed: list[list[object]] = field(default_factory=list)
    in_a_row: int = 3
    asked: Counter[str] = field(default_factory=Counter)
    row: Counter[str] = field(default_factory=Counter)
    spoilt: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)

    def draw(self, path: str, symbol: str, start: int) -> str:
        """The fault of this request, or an empty string."""
        kind = self._fixed(f"{path} {symbol}") or self._drawn(path, symbol, start)
        if kind:
            self.seen[kind] += 1
        return kind

    def _fixed(self, target: str) -> str:
        for rule in self.fixed:
            part, kind, left = str(rule[0]), str(rule[1]), int(str(rule[2]))
            if part in target and left:
                rule[2] = left - 1
                return kind
        return ""

    def _drawn(self, path: str, symbol: str, start: int) -> str:
        target = f"{path} {symbol}"
        self.asked[target] += 1
        text = f"{self.seed} {target} {start} {self.asked[target]}"
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        if number / 2**64 >= self.rate or self.row[target] >= self.in_a_row:
            self.row[target] = 0
            return ""
        kind = self.kinds[number % len(self.kinds)]
        if kind in CONTENT:
            region = f"{target} {start // (REGION * 3_600_000)}"
            if region in self.spoilt or not symbol:
                return ""
            self.spoilt.add(region)
        else:
            self.row[target] += 1
        return kind
