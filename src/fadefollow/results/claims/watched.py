"""Claims with what was recorded of them since."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from fadefollow.results.claims.lines import (
    AlarmLine,
    BlockLine,
    Claim,
    Closing,
    Line,
    WordLine,
    to_record,
)
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.answer import Answer, WatchWord


@dataclass(frozen=True)
class Watched:
    """A claim and the lines about it."""

    claim: Claim
    blocks: tuple[BlockLine, ...] = field(default=())
    decision: WordLine | None = None
    alarm: AlarmLine | None = None
    closing: Closing | None = None

    @property
    def word(self) -> WatchWord:
        """`confirmed`, `refuted` or `open`, as it was recorded."""
        return "open" if self.decision is None else self.decision.word

    @property
    def sums(self) -> DaySums:
        """Sums of its finished blocks."""
        totals = np.array([line.total for line in self.blocks], np.float64)
        return DaySums(totals, np.array([line.count for line in self.blocks], np.float64))

    @cached_property
    def answer(self) -> Answer:
        """The answer after each finished block."""
        claim = self.claim
        smallest = claim.smallest_bps / 1e4
        return Answer.of(self.sums, claim.past, alpha=claim.alpha, smallest=smallest)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what was registered, the lines since, and the answer after the last block."""
        lines = (self.decision, self.alarm, self.closing)
        decision, alarm, closing = (None if one is None else to_record(one) for one in lines)
        return {
            **to_record(self.claim),
            "late": self.claim.late,
            "block_days": self.claim.blocks.days,
            "word": self.word,
            "decision": decision,
            "alarm": alarm,
            "closing": closing,
            "blocks": [to_record(line) for line in self.blocks],
            "answer": self.last,
        }

    @property
    def last(self) -> dict[str, float | None]:
        """The answer after the last block: trades, mean, limits (bps) and the e-value."""
        answer, blocks = self.answer, len(self.blocks)
        figures = {
            "trades": float(self.sums.count.sum()),
            "mean_bps": 1e4 * answer.mean[-1] if blocks else math.nan,
            "low_bps": 1e4 * answer.low[-1] if blocks else math.nan,
            "high_bps": 1e4 * answer.high[-1] if blocks else math.nan,
            "e_value": answer.e_value[-1] if blocks else 1.0,
            "detectable_bps": 1e4 * self.claim.past.detectable(self.claim.alpha, years=1.0),
        }
        return {k: float(v) if math.isfinite(v) else None for k, v in figures.items()}


def watched_claims(lines: Iterable[Line]) -> dict[str, Watched]:
    """Claims by name, in the order of their registration."""
    found: dict[str, Watched] = {}
    for line in lines:
        if isinstance(line, Claim):
            found[line.claim] = Watched(line)
            continue
        one = found[line.claim]
        if isinstance(line, BlockLine):
            found[line.claim] = replace(one, blocks=(*one.blocks, line))
        elif isinstance(line, WordLine):
            found[line.claim] = replace(one, decision=line)
        elif isinstance(line, AlarmLine):
            found[line.claim] = replace(one, alarm=line)
        else:
            found[line.claim] = replace(one, closing=line)
    return found
