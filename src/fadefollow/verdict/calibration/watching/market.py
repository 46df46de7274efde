"""One market of a calibration: all its claims, watched with edges that are known.

The lab knows what each trade was worth when it was entered (`calibration.truth`); of real events at
random times it is the mean over entries at every hour of the same coin and side. What a trade
earned beyond that has mean zero, whatever came before, with the market's own tails, skewness,
clusters, listings and deaths. So a claim with any edge is that rest plus the edge.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fadefollow.engine.costs import traded_at
from fadefollow.engine.hedge.hedged import BookName, hedged_pnl
from fadefollow.engine.model import FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.judged import trades_of
from fadefollow.verdict.calibration.real_run import RealSource, at_other_times
from fadefollow.verdict.calibration.simulated_run import plans_of, simulated_plans
from fadefollow.verdict.calibration.truth import Growth, expected
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.estimates.anyhour import BookOutcomes, all_outcomes
from fadefollow.verdict.estimates.days import DaySums, Kind
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.prepare import Bet
from fadefollow.verdict.sequential.answer import Answer, Past
from fadefollow.verdict.sequential.blocks import BlockRule, block_sums

#: a claim with fewer trades in its history is not watched
FEWEST = 10


@dataclass(frozen=True)
class ClaimRecord:
    """What came of one claim; years until something that did not come are infinite.

    Attributes:
        book: in which it was traded.
        trades: while it was watched.
        confirmed: whether it ever was, with no edge at all.
        refuted: whether it ever was, with the smallest edge worth trading.
        false_word: whether its word was ever wrong as it was traded, with the costs it paid.
        detectable_bps: the edge that is promised to be found within a year with 80 % power.
        years, years_twice: until it was confirmed with that edge, and with twice that.
        alarm: whether the CUSUM rang although the edge was that of the history.
        years_gone: until it rang when the edge was gone from the start.
    """

    book: BookName
    trades: int
    confirmed: bool
    refuted: bool
    false_word: bool
    detectable_bps: float
    years: float
    years_twice: float
    alarm: bool
    years_gone: float


@dataclass(frozen=True)
class WatchPage:
    """The claims of one market."""

    arm: Arm
    seed: int
    claims: tuple[ClaimRecord, ...]
    seconds: float


def watch_market(
    design: WatchDesign, bets: tuple[Bet, ...], source: RealSource | None, arm: Arm, seed: int
) -> WatchPage:
    """All claims of one market.

    Args:
        design: of the calibration.
        bets: strategies with their signals.
        source: real prices; by default the lab makes them.
        arm: which kind of market.
        seed: of it.
    """
    began = time.perf_counter()
    made = (
        _simulated(design, bets, arm, seed)
        if source is None
        else _real(design, bets, source, arm, seed)
    )
    claims = tuple(record for plan, worth in made for record in _claims(design, plan, worth))
    return WatchPage(arm, seed, claims, time.perf_counter() - began)


@dataclass(frozen=True)
class Worth:
    """What trades of one plan were worth when they were entered.

    Attributes:
        growth: of a lab; None: it is the mean over entries at every hour.
        everywhere: net returns of entries at every hour; means are taken apart before and from
            the bar `start` on, as what any hour is worth changes over the years.
    """

    growth: Growth | None = None
    everywhere: BookOutcomes = field(default_factory=dict)
    start: int = 0

    def of(self, plan: Plan, trades: pd.DataFrame, book: BookName) -> FloatArray:
        """The expected net return of each trade, a fraction, shape (k,); NaN: not known."""
        if self.growth is not None:
            return expected(plan, trades, self.growth, book)
        names = ("coin", "side", "rule", "entry_bar")
        rows = trades[list(names)].astype(int).itertuples(index=False)
        known: dict[tuple[Kind, bool], float] = {}
        found = []
        with warnings.catch_warnings():
            # a coin that was listed too late for a single trade to end has no mean
            warnings.simplefilter("ignore", RuntimeWarning)
            for coin, side, rule, entry in rows:
                key = (coin, side, rule), entry >= self.start
                if key not in known:
                    values = self.everywhere[book][key[0]]
                    part = values[self.start :] if key[1] else values[: self.start]
                    known[key] = float(np.nanmean(part))
                found.append(known[key])
        return np.array(found, np.float64)


def _start(design: WatchDesign, plan: Plan) -> pd.Timestamp:
    """From when on the claims of a plan are watched."""
    first = pd.Timestamp(int(plan.time[0]), tz="UTC")
    return (first + pd.Timedelta(days=365.25 * (design.years - design.watched_years))).floor("D")


def _simulated(
    design: WatchDesign, bets: tuple[Bet, ...], arm: Arm, seed: int
) -> list[tuple[Plan, Worth]]:
    plans, growths = simulated_plans(design, bets, arm, seed)
    return [(plan, Worth(growths[plan.strategy])) for plan in plans]


def _real(
    design: WatchDesign, bets: tuple[Bet, ...], source: RealSource, arm: Arm, seed: int
) -> list[tuple[Plan, Worth]]:
    rng = np.random.default_rng([seed])
    markets, costs = source.sample(arm, rng), traded_at(source.dataset)
    plans = at_other_times(plans_of(markets, bets, costs=costs, found=dict(source.found)), rng)
    starts = [int(np.searchsorted(plan.time, _start(design, plan).value)) for plan in plans]
    return [
        (plan, Worth(None, all_outcomes(plan), start))
        for plan, start in zip(plans, starts, strict=True)
    ]


def _claims(design: WatchDesign, plan: Plan, worth: Worth) -> Iterator[ClaimRecord]:
    end = pd.Timestamp(int(plan.time[-1]), tz="UTC")
    start = _start(design, plan)
    books: tuple[BookName, ...] = ("outright",) if plan.basket is None else ("outright", "hedged")
    for stance in STANCES:
        made = {(plan.strategy, stance): books_of(plan, stance, "skip", [])}
        for code in range(len(plan.phases)):
            for book in books:
                trades = trades_of(plan, made, code, stance, book)
                if len(trades) == 0:
                    continue
                net = (
                    trades["return"]
                    if book == "outright"
                    else hedged_pnl(trades) / trades["notional"]
                )
                known = worth.of(plan, trades, book)
                entry = pd.to_datetime(plan.time[trades["entry_bar"].to_numpy(int)], utc=True)
                table = pd.DataFrame(
                    {
                        "entry_time": entry,
                        "exit_reason": trades["reason"].astype(str),
                        "share": 1.0,
                        "worth": known,
                        "return": np.asarray(net, np.float64) - known,
                    }
                )
                table = table.dropna(ignore_index=True)
                record = _record(design, table, book, (start, end, plan.rules.hold_hours))
                if record is not None:
                    yield record


def _record(
    design: WatchDesign,
    rest: pd.DataFrame,
    book: BookName,
    when: tuple[pd.Timestamp, pd.Timestamp, float],
) -> ClaimRecord | None:
    """One claim; `rest` has what each trade earned beyond its `worth`."""
    start, end, hold = when
    rule = BlockRule.of(start, hold_hours=hold)
    before = rest[rest["entry_time"] < start]
    if len(before) < FEWEST:
        return None
    back = int(-((before["entry_time"].min() - start) // rule.length))
    past_rule = BlockRule.of(start - back * rule.length, hold_hours=hold)
    history = block_sums(before, past_rule, min(back, past_rule.finished(start)))
    sums = block_sums(rest, rule, rule.finished(end))
    worth = block_sums(rest.assign(**{"return": rest["worth"]}), rule, rule.finished(end))
    smallest, alpha = design.smallest_bps / 1e4, design.alpha

    def past(edge: float) -> Past:
        return Past.of(
            _with(history, edge),
            blocks_a_year=rule.a_year,
            hold_hours=hold,
            false_alarms=design.false_alarms,
        )

    def answer(edge: float) -> Answer:
        return Answer.of(_with(sums, edge), still, alpha=alpha, smallest=smallest)

    def years(found: int | None) -> float:
        ends = math.inf if found is None else (rule.settled(found) - start) / pd.Timedelta(days=1)
        return ends / 365.25

    still = past(0.0)
    edge = still.detectable(alpha, years=1.0)
    as_traded = DaySums(sums.total + worth.total, sums.count)
    word = Answer.of(as_traded, still, alpha=alpha, smallest=smallest).word
    true_mean = worth.mean
    # an edge in the history that the CUSUM can be held against, and the same, or none, afterwards
    alarm = past(2.0 * edge - still.mean).alarm
    lives, gone = (
        np.zeros(len(sums.count), bool)
        if alarm is None
        else alarm.path(_with(sums, now)) >= alarm.threshold
        for now in (2.0 * edge, 0.0)
    )
    return ClaimRecord(
        book=book,
        trades=int(sums.count.sum()),
        confirmed=answer(0.0).word == "confirmed",
        refuted=answer(smallest).word == "refuted",
        false_word=(word == "confirmed" and true_mean <= 0.0)
        or (word == "refuted" and true_mean >= smallest),
        detectable_bps=1e4 * edge,
        years=years(_confirmed(answer(edge))),
        years_twice=years(_confirmed(answer(2.0 * edge))),
        alarm=bool(lives.any()),
        years_gone=years(int(np.argmax(gone)) if gone.any() else None),
    )


def _with(sums: DaySums, edge: float) -> DaySums:
    """The same blocks with an edge added to every trade."""
    return DaySums(sums.total + edge * sums.count, sums.count)


def _confirmed(answer: Answer) -> int | None:
    return answer.decided if answer.word == "confirmed" else None
