"""Out-of-sample trades of each fold's winner, as parts of one joined book.

The stretches are traded in one book: a position that is open at the end of one lives on into the
next, and keeps the book from an entry there. A stretch traded by itself would end such positions
and enter where the book was taken, and its figures would not add up to those that are judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fadefollow.engine.hedge.hedged import hedged_pnl
from fadefollow.engine.model import DAY_NS, Book, BookName, FloatArray, IntArray, Span
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.tuning.model import Fold, OutOfSample, Trial, TuneSettings
from fadefollow.tuning.objective import score
from fadefollow.tuning.space import Space
from fadefollow.verdict.correction.overfit import TrackRecord, probabilistic_sharpe
from fadefollow.verdict.estimates.daily import daily_pnl
from fadefollow.verdict.estimates.metrics import DAYS_A_YEAR


@dataclass(frozen=True)
class JoinedBook:
    """The trades of one book that came to a regular end, all coins, shape (k,) each."""

    known: IntArray  #: when the phase of each became known, nanoseconds since 1970 UTC
    day: IntArray  #: of entry, since 1970
    value: FloatArray  #: net return on entry notional
    daily: pd.Series[float]  #: return of the book by UTC day, positions of all trades included

    @classmethod
    def of(cls, plan: Plan, books: Sequence[Book], *, name: BookName = "outright") -> JoinedBook:
        """From the trades of one stance, one book a coin in the order of `plan.coin_arrays`.

        In the hedged book returns hold the hedge, and trades without one are left out.
        """
        known, day, value = [], [], []
        for arrays, book in zip(plan.coin_arrays, books, strict=True):
            trades = book.trades[book.trades["reason"] != "end"]
            if name == "hedged":
                trades = trades[trades["beta"].notna()]
                trades = trades.assign(**{"return": hedged_pnl(trades) / trades["notional"]})
            known.append(arrays.time[trades["signal_bar"].to_numpy(int)] + arrays.bar_ns)
            day.append(arrays.time[trades["entry_bar"].to_numpy(int)] // DAY_NS)
            value.append(trades["return"].to_numpy(float))
        return cls(
            np.concatenate(known),
            np.concatenate(day),
            np.concatenate(value),
            daily_pnl(plan, books, book=name),
        )

    def total(self) -> OutOfSample:
        """The result of the whole book."""
        record = TrackRecord.of(np.asarray(self.daily, np.float64))
        return OutOfSample(
            n_trades=len(self.value),
            mean_net_bps=_mean_bps(self.value),
            sharpe=record.sharpe * math.sqrt(DAYS_A_YEAR),
            psr=probabilistic_sharpe(record),
        )

    def within(self, span: Span) -> JoinedBook:
        """The trades whose phase became known in [start, end), and the days of that time."""
        start, end = span
        kept = (self.known >= start.value) & (self.known < end.value)
        days = (self.daily.index >= start.floor("D")) & (self.daily.index < end)
        return JoinedBook(self.known[kept], self.day[kept], self.value[kept], self.daily[days])


def with_stretches(
    folds: Sequence[Fold], book: JoinedBook, *, space: Space, settings: TuneSettings
) -> tuple[Fold, ...]:
    """The folds with what their winners earned in the joined book.

    Args:
        folds: in order.
        book: of the stance that was maximised.
        space, settings: of the job.
    """
    return tuple(_with_stretch(fold, book, space, settings) for fold in folds)


def with_winners(trials: Sequence[Trial], folds: Sequence[Fold]) -> tuple[Trial, ...]:
    """The trials, those of the winners with what came after them in the joined book."""
    after = {(fold.number, fold.winner): fold.after[0] for fold in folds if fold.test is not None}
    return tuple(
        replace(trial, after=after[trial.fold, trial.number])
        if (trial.fold, trial.number) in after
        else trial
        for trial in trials
    )


def _with_stretch(fold: Fold, book: JoinedBook, space: Space, settings: TuneSettings) -> Fold:
    if fold.test is None or fold.winner is None:
        return fold
    mine = book.within(fold.test)
    hold_hours = space.with_params(fold.params).trade.hold_hours
    scores = tuple(
        score(
            objective,
            day=mine.day,
            value=mine.value,
            hold_hours=hold_hours,
            daily=np.asarray(mine.daily, np.float64),
        )
        for objective in settings.objectives
    )
    return replace(
        fold,
        after=scores,
        n_trades_after=len(mine.value),
        mean_net_bps_after=_mean_bps(mine.value),
    )


def _mean_bps(value: FloatArray) -> float:
    return 1e4 * float(value.mean()) if len(value) else math.nan
