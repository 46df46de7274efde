"""What came of a claim that was watched with known edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.engine.model import BookName
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.watching.blocks import ClaimBlocks, Lives
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.answer import Answer, Past
from fadefollow.verdict.sequential.blocks import BlockRule

_YEAR = 365.25


@dataclass(frozen=True)
class Found:
    """How a claim fared with an edge; years until something that did not come are infinite.

    Attributes:
        edge_bps: that it had on average while it was watched.
        years, years_twice: until it was confirmed with that edge, and with twice that.
        alarm: whether the CUSUM rang although twice the edge, which history had too, lived on.
        years_gone: until it rang when twice the edge was gone from the start.
    """

    edge_bps: float
    years: float
    years_twice: float
    alarm: bool
    years_gone: float


@dataclass(frozen=True)
class ClaimRecord:
    """What came of one claim.

    Attributes:
        book: in which it was traded.
        trades: while it was watched.
        on_new: of these on coins that were listed since.
        cut: trades that the death of a coin cut off; they do not count.
        confirmed: whether it ever was, with no edge at all.
        refuted: whether it ever was, with the smallest edge worth trading.
        false_word: whether its word was ever wrong as it was traded, with the costs it paid; where
            edges are planted, with either of them too.
        added: with the detectable edge, the one that is promised to be found within a year with
            80 % power, added to each trade.
        planted: with the same edge planted in the market; None where nothing is.
    """

    book: BookName
    trades: int
    on_new: int
    cut: int
    confirmed: bool
    refuted: bool
    false_word: bool
    added: Found
    planted: Found | None = None


@dataclass(frozen=True)
class WatchPage:
    """The claims of one market, and the seconds of CPU that they took."""

    arm: Arm
    seed: int
    lives: Lives
    claims: tuple[ClaimRecord, ...]
    seconds: float


@dataclass(frozen=True)
class Judge:
    """Judges the blocks of one claim as `watch` does.

    Attributes:
        design: of the calibration.
        rule: of the claim's blocks.
    """

    design: WatchDesign
    rule: BlockRule

    def past(self, history: DaySums) -> Past:
        """What history says."""
        return Past.of(
            history,
            blocks_a_year=self.rule.a_year,
            hold_hours=self.rule.hold / pd.Timedelta(hours=1),
            false_alarms=self.design.false_alarms,
        )

    def answer(self, sums: DaySums, past: Past) -> Answer:
        """The answer to what came since."""
        smallest = self.design.smallest_bps / 1e4
        return Answer.of(sums, past, alpha=self.design.alpha, smallest=smallest)

    def confirmed(self, sums: DaySums, past: Past) -> float:
        """Years until the claim was confirmed."""
        answer = self.answer(sums, past)
        return self.years(answer.decided if answer.word == "confirmed" else None)

    def rings(self, sums: DaySums, past: Past) -> float:
        """Years until the alarm rang; infinite where there is none, or it did not."""
        if past.alarm is None:
            return math.inf
        above = past.alarm.path(sums) >= past.alarm.threshold
        return self.years(int(np.argmax(above)) if above.any() else None)

    def years(self, block: int | None) -> float:
        """Years from the start until a block counts; infinite for none."""
        if block is None:
            return math.inf
        return float((self.rule.settled(block) - self.rule.start) / pd.Timedelta(days=_YEAR))

    def wrong(self, sums: DaySums, worth: DaySums, past: Past) -> bool:
        """Whether the word is wrong, by what the trades were worth."""
        word, mean = self.answer(sums, past).word, worth.mean
        smallest = self.design.smallest_bps / 1e4
        return (word == "confirmed" and mean <= 0.0) or (word == "refuted" and mean >= smallest)


def detectable_of(design: WatchDesign, blocks: ClaimBlocks) -> float:
    """The edge that history promises to be found within a year with 80 % power, a fraction."""
    past = Judge(design, blocks.rule).past(blocks.with_edge(0.0)[0])
    return past.detectable(design.alpha, years=1.0)


def record_of(design: WatchDesign, blocks: ClaimBlocks) -> ClaimRecord:
    """One claim with edges that are added to its trades."""
    judge = Judge(design, blocks.rule)
    past = judge.past(blocks.with_edge(0.0)[0])
    edge = past.detectable(design.alpha, years=1.0)
    nothing, least = (blocks.with_edge(edge)[1] for edge in (0.0, design.smallest_bps / 1e4))
    history, twice = blocks.with_edge(2.0 * edge)
    before = judge.past(history)
    return ClaimRecord(
        book=blocks.key[2],
        trades=int(blocks.sums.count.sum()),
        on_new=blocks.on_new,
        cut=blocks.cut,
        confirmed=judge.answer(nothing, past).word == "confirmed",
        refuted=judge.answer(least, past).word == "refuted",
        false_word=judge.wrong(blocks.sums, blocks.worth, past),
        added=Found(
            edge_bps=1e4 * edge,
            years=judge.confirmed(blocks.with_edge(edge)[1], past),
            years_twice=judge.confirmed(twice, past),
            alarm=math.isfinite(judge.rings(twice, before)),
            years_gone=judge.rings(nothing, before),
        ),
    )
