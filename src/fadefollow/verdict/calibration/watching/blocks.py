"""The trades of each claim on one market, by block: what they earned, and what they were worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.hedge.hedged import hedged_pnl
from fadefollow.engine.model import Book, BookName, IntArray, together
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.calibration.judged import trades_of
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.calibration.watching.worth import Worth
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.placebos.times import first_and_last
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.sequential.blocks import CUT_OFF, BlockRule, block_sums

#: a claim with fewer trades in its history is not watched
FEWEST = 10
#: days before the end of the data; a coin whose bars end earlier has died
_ALIVE = 7.0
_YEAR = pd.Timedelta(days=365.25)
#: what is claimed: phase, stance, book
Key = tuple[str, Stance, BookName]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lives:
    """The coins of a market by when they lived.

    Attributes:
        coins: number of them.
        listed: so many were listed while claims were watched.
        died: so many died then.
    """

    coins: int
    listed: int
    died: int


@dataclass(frozen=True)
class ClaimBlocks:
    """The blocks of one claim.

    Attributes:
        key: phase, stance and book.
        rule: of the blocks since the start.
        history, sums: net returns as traded, before the start and since.
        history_worth, worth: what the same trades were worth.
        on_new: trades since the start on coins that were listed since.
        cut: those since the start that the end of a coin's data cut off; they do not count.
    """

    key: Key
    rule: BlockRule
    history: DaySums
    history_worth: DaySums
    sums: DaySums
    worth: DaySums
    on_new: int
    cut: int

    def with_edge(self, edge: float) -> tuple[DaySums, DaySums]:
        """History and what came since, as if each trade had been worth `edge`, a fraction."""
        return (
            _worth(self.history, self.history_worth, edge),
            _worth(self.sums, self.worth, edge),
        )


def _worth(sums: DaySums, worth: DaySums, edge: float) -> DaySums:
    return DaySums(sums.total - worth.total + edge * sums.count, sums.count)


@dataclass(frozen=True)
class Span:
    """A market's span: the last bar's open, and when its claims start to be watched, UTC."""

    start: pd.Timestamp
    end: pd.Timestamp

    @classmethod
    def of(cls, design: WatchDesign, plan: Plan) -> Span:
        """The span of a plan."""
        first, end = (pd.Timestamp(int(plan.time[k]), tz="UTC") for k in (0, -1))
        return cls((first + (design.years - design.watched_years) * _YEAR).floor("D"), end)

    def bar(self, plan: Plan) -> int:
        """The bar from which on claims are watched."""
        return int(np.searchsorted(plan.time, self.start.value))


def lives_of(plan: Plan, span: Span) -> Lives:
    """Listings and deaths among the coins of a plan."""
    first, last = _first_and_last(plan)
    lived = first >= 0
    alive = len(plan.time) - _ALIVE * 86.4e12 / plan.bar_ns
    start = span.bar(plan)
    listed = int((lived & (first >= start)).sum())
    died = int((lived & (last >= start) & (last < alive)).sum())
    return Lives(int(lived.sum()), listed, died)


def claim_blocks(
    design: WatchDesign,
    plan: Plan,
    worth: Worth,
    *,
    books: Sequence[BookName],
    stances: Sequence[Stance] = STANCES,
) -> Iterator[ClaimBlocks]:
    """The claims of a plan that have enough trades in their history.

    Args:
        design: of the calibration.
        plan: with its events.
        worth: of its trades.
        books: in which claims are watched.
        stances: of each phase.
    """
    span = Span.of(design, plan)
    new = _first_and_last(plan)[0] >= span.bar(plan)
    for stance in stances:
        traded = {(plan.strategy, stance): books_of(plan, stance, "skip", [])}
        for code, phase in enumerate(plan.phases):
            cut = _cut(plan, traded[plan.strategy, stance], code, span)
            for book in books:
                trades = trades_of(plan, traded, code, stance, book)
                if len(trades) == 0:
                    continue
                table = _table(plan, trades, worth, book, new)
                made = _blocks((phase, stance, book), table, span, plan.rules.hold_hours, cut)
                if made is not None:
                    yield made


def _table(
    plan: Plan, trades: pd.DataFrame, worth: Worth, book: BookName, new: BoolArray
) -> pd.DataFrame:
    """Trades whose worth is known, as `block_sums` takes them."""
    net = trades["return"] if book == "outright" else hedged_pnl(trades) / trades["notional"]
    time = plan.time[trades["entry_bar"].to_numpy(int)]
    table = pd.DataFrame(
        {
            "entry_time": pd.to_datetime(time, utc=True),
            "exit_reason": trades["reason"].astype(str),
            "share": 1.0,
            "worth": worth.of(trades, book),
            "return": np.asarray(net, np.float64),
            "new": new[trades["coin"].to_numpy(int)],
        }
    )
    return table.dropna(ignore_index=True)


def _blocks(
    key: Key, trades: pd.DataFrame, span: Span, hold: float, cut: int
) -> ClaimBlocks | None:
    rule = BlockRule.of(span.start, hold_hours=hold)
    before = trades[trades["entry_time"] < span.start]
    if len(before) < FEWEST:
        return None
    back = math.ceil((span.start - before["entry_time"].min()) / rule.length)
    past = BlockRule.of(span.start - back * rule.length, hold_hours=hold)
    worth = trades.assign(**{"return": trades["worth"]})
    known, finished = min(back, past.finished(span.start)), rule.finished(span.end)
    since = trades[trades["entry_time"] >= span.start]
    return ClaimBlocks(
        key,
        rule,
        block_sums(before, past, known),
        block_sums(worth[worth["entry_time"] < span.start], past, known),
        block_sums(trades, rule, finished),
        block_sums(worth, rule, finished),
        int(since["new"].sum()),
        cut,
    )


def _cut(plan: Plan, books: Sequence[Book], code: int, span: Span) -> int:
    """Trades in finished blocks that the end of a coin's data cut off."""
    rule = BlockRule.of(span.start, hold_hours=plan.rules.hold_hours)
    trades = together(books)
    cut = trades[(trades["code"] == code) & (trades["reason"] == CUT_OFF)]
    entry = pd.to_datetime(plan.time[cut["entry_bar"].to_numpy(int)], utc=True)
    block = rule.block_of(pd.Series(entry))
    return int(((block >= 0) & (block < rule.finished(span.end))).sum())


def _first_and_last(plan: Plan) -> tuple[IntArray, IntArray]:
    """The first and the last bar of each coin, −1 where it has none, shape (coins,)."""
    ends = [first_and_last(plan, coin) for coin in range(len(plan.coin_arrays))]
    first, last = np.array(ends, np.int64).T
    return first, last
