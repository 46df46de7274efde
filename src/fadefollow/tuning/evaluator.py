"""The data of a study and the evaluation of its trials: detect, resolve, score.

The markets are detected whole, as a phase depends on no later bar (the contract tests see to
that), and everything else ends where the fold's past ends: events, prices, settlements.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from fadefollow.core.cache.memo import Memo
from fadefollow.engine.coin_books import CoinBooks
from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.kernels.book import FLOATS, INTS
from fadefollow.engine.model import (
    DAY_NS,
    BarArrays,
    Costs,
    DatedBarArrays,
    FloatArray,
    IntArray,
    Rules,
)
from fadefollow.engine.plans.bar_arrays import cut_arrays
from fadefollow.engine.plans.plan import Prepared, Span
from fadefollow.engine.resolver import resolve, resolve_returns
from fadefollow.errors import ParameterError
from fadefollow.market.panel import Market
from fadefollow.phases.batch import CoinBatch, detect_marks
from fadefollow.tuning.folds import Cut, FoldBars
from fadefollow.tuning.hedged_trials import HedgeLegs
from fadefollow.tuning.model import Objective, State, TuneSettings
from fadefollow.tuning.objective import DAILY, FLOOR, score
from fadefollow.tuning.space import Space
from fadefollow.tuning.trial_events import TrialEvents, Window, trial_events
from fadefollow.verdict.estimates.daily import (
    MARKED_FLOATS,
    MARKED_INTS,
    DayMarks,
    coin_pnl,
    held_series,
    listed_days,
)
from fadefollow.verdict.estimates.days import day_of_bar

_ENTRY, _EXIT = (INTS.index(name) for name in ("entry_bar", "exit_bar"))
_WHOLE, _MONEY = [INTS.index(c) for c in MARKED_INTS], [FLOATS.index(c) for c in MARKED_FLOATS]


@dataclass(frozen=True)
class Coin:
    """One coin of a study's data."""

    market: Market
    arrays: BarArrays  #: on the union calendar
    costs: Costs
    offset: int  #: from the market's number of a bar to the calendar's
    first: int  #: events count from this bar of the calendar …
    last: int  #: … to before this one: where its streams cover


@dataclass(frozen=True)
class TrialData:
    """The data that all trials of a study share; sent to each worker once."""

    space: Space
    settings: TuneSettings
    coins: tuple[Coin, ...]
    time: IntArray  #: open times of the calendar's bars, nanoseconds since 1970 UTC, shape (n,)
    day: IntArray  #: of each bar, from the calendar's first, shape (n,)
    basket: Basket | None = None  #: on the calendar; hedges the trades that are scored
    _memo: Memo = field(default_factory=Memo, repr=False, compare=False)

    @property
    def batch(self) -> CoinBatch:
        """The markets, for a signal that looks at all of them at once."""
        return self._memo.get("batch", lambda: CoinBatch(c.market for c in self.coins), keep=1)

    def view(self, bars: tuple[int, int]) -> FoldView:
        """The view of a range of bars; made once for all trials."""
        return self._memo.get(("view", bars), lambda: FoldView.of(self, bars), keep=4)

    @classmethod
    def of(
        cls, space: Space, settings: TuneSettings, prepared: Prepared, markets: Mapping[str, Market]
    ) -> TrialData:
        """From the strategy as it is in its file.

        Args:
            space: what is searched.
            settings: of the job.
            prepared: coin_arrays, costs and the time that all needed streams cover.
            markets: by coin.

        Raises:
            ParameterError: the hedged book is to be scored, and the trades have no hedge.
        """
        plan = prepared.plan
        basket = plan.basket if settings.book == "hedged" else None
        if settings.book == "hedged" and basket is None:
            raise ParameterError(
                "--book hedged needs trades that can be hedged",
                got=plan.unhedged or "no hedge",
                where=plan.strategy,
                hint="leave it out to score the trades outright",
            )
        time, bar = plan.time, plan.bar_ns
        coins = []
        for arrays, costs in zip(plan.coin_arrays, plan.costs, strict=True):
            market, span = markets[arrays.symbol], prepared.spans[arrays.symbol]
            offset = (market.index[0].value - int(time[0])) // bar
            first, last = np.searchsorted(time, [edge.value for edge in span])
            coins.append(Coin(market, arrays, costs, offset, int(first), int(last)))
        return cls(space, settings, tuple(coins), time, day_of_bar(plan), basket)

    def fold(self, cut: Cut) -> FoldBars:
        """A fold's bars and its inner parts."""
        train, inner = self._bars_in(cut.train), self.settings.inner
        days = self.days(train)
        return FoldBars(
            cut,
            train=train,
            test=self._bars_in(cut.test) if cut.test else None,
            parts=tuple(days * part // inner for part in range(1, inner)),
        )

    def _bars_in(self, span: Span) -> tuple[int, int]:
        """The bars that open in a span."""
        first, last = np.searchsorted(self.time, [time.value for time in span])
        return int(first), int(last)

    def days(self, bars: tuple[int, int]) -> int:
        """Days in a range of bars of the calendar, those at its ends counted whole."""
        return int(self.day[bars[1] - 1] - self.day[bars[0]]) + 1


@dataclass(frozen=True)
class FoldView:
    """A range of bars of the calendar, numbered from 0."""

    coin_arrays: tuple[BarArrays, ...]
    window: Window  #: where events count
    day: IntArray  #: of each bar, from the first, shape (n,)
    books: CoinBooks | None  #: None where dated futures are traded
    marks: tuple[DayMarks, ...]  #: by coin; empty where dated futures are traded
    listed: IntArray  #: coins that are listed, by day, shape (days,)
    basket: Basket | None = None  #: on these bars; None where trades are scored outright

    @classmethod
    def of(cls, data: TrialData, bars: tuple[int, int]) -> FoldView:
        """The view of a range of bars."""
        coin_arrays = tuple(cut_arrays(coin.arrays, *bars) for coin in data.coins)
        day = data.day[slice(*bars)] - data.day[bars[0]]
        first, days = int(coin_arrays[0].time[0] // DAY_NS), int(day[-1]) + 1
        # what became known as the time began is traded at its first open
        edges = [
            (coin.offset, max(coin.first, bars[0] - 1), min(coin.last, bars[1]))
            for coin in data.coins
        ]
        window = Window(*(np.array(edges, np.int64).T - bars[0]))
        books, marks = None, tuple[DayMarks, ...]()
        if not isinstance(coin_arrays[0], DatedBarArrays):
            books = CoinBooks.of(coin_arrays, [coin.costs for coin in data.coins])
            marks = tuple(
                DayMarks.of(arrays, close=arrays.close, day=day, first_day=first)
                for arrays in coin_arrays
            )
        listed = np.sum([listed_days(arrays.close, day, days) for arrays in coin_arrays], axis=0)
        basket = None if data.basket is None else data.basket.on(coin_arrays[0].time)
        return cls(coin_arrays, window, day, books, marks, listed, basket)


@dataclass(frozen=True)
class TrialRequest:
    """A trial to evaluate.

    Attributes:
        bars: of the calendar, first and behind the last: the time that counts.
        parts: days of that time at which all inner parts but the last end.
        thresholds: by part, the score below which the trial is pruned; NaN never.
    """

    number: int
    params: Mapping[str, Any]
    bars: tuple[int, int]
    parts: tuple[int, ...] = ()
    thresholds: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial: its state, and scores where it has some."""

    state: State
    scores: tuple[float, ...] = ()
    inner: tuple[float, ...] = ()
    n_trades: int = 0
    mean_net_bps: float = math.nan
    error: str | None = None


def evaluate(data: TrialData, request: TrialRequest) -> TrialResult:
    """The result of a trial; an error in it is a result, too."""
    try:
        return _result(data, request)
    except Exception as error:
        return TrialResult("failed", error=f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Past:
    """The regular trades of one trial in the time that counts, all coins, shape (k,) each.

    In the book that is scored: in the hedged one returns hold the hedge, and trades without one
    are left out.
    """

    day: IntArray  #: of entry
    exit_day: IntArray
    value: FloatArray  #: net return on entry notional
    hold_hours: float
    daily: Callable[[], FloatArray]  #: return of the book by day of that time, shape (days,)

    def __len__(self) -> int:
        return len(self.value)

    def score(self, objective: Objective, *, days: int | None = None) -> float:
        """An objective, by default on all of it, else on what was over in the first `days`."""
        over = slice(None) if days is None else self.exit_day < days
        daily = self.daily()[:days] if objective in DAILY else None
        return score(
            objective,
            day=self.day[over],
            value=self.value[over],
            hold_hours=self.hold_hours,
            daily=daily,
        )


def past(data: TrialData, request: TrialRequest) -> Past:
    """Detect with a trial's parameters, and trade the time that counts.

    Raises:
        FadeFollowError: the parameters do not go together, or the signal fails.
    """
    signal, trade = data.space.candidate(request.params)
    rules, view = trade.rules(), data.view(request.bars)
    events = trial_events(
        detect_marks(signal, data.batch),
        view.window,
        phases=data.space.strategy.phases,
        trade=trade,
        sign=1 if data.settings.stance == "follow" else -1,
    )
    traded = (_dated if view.books is None else _traded)(data, view, events, rules)
    regular, day = ~np.isnan(traded.value), view.day
    return Past(
        day=day[traded.entry_bar[regular]],
        exit_day=day[traded.exit_bar[regular]],
        value=traded.value[regular],
        hold_hours=rules.hold_hours,
        daily=functools.cache(
            lambda: traded.pnl() / np.maximum(view.listed, 1) / rules.capital,
        ),
    )


class _Traded(NamedTuple):
    """The trades of all coins, shape (k,)."""

    entry_bar: IntArray
    exit_bar: IntArray
    value: FloatArray  #: net return on entry notional in the scored book; NaN: does not count
    pnl: Callable[[], FloatArray]  #: of that book by day, quote currency, shape (days,)


def _traded(data: TrialData, view: FoldView, events: TrialEvents, rules: Rules) -> _Traded:
    """Those of perps and spot."""
    assert view.books is not None
    trades = view.books.trades(events.entries, events.exits, rules)
    own = [slice(*edges) for edges in itertools.pairwise(trades.start)]
    legs, value = None, trades.value
    if view.basket is not None:
        legs = [
            HedgeLegs.of(trades.ints[rows], trades.floats[rows], arrays, view.basket)
            for rows, arrays in zip(own, view.coin_arrays, strict=True)
        ]
        value = value + np.concatenate([one.value for one in legs])

    def pnl() -> FloatArray:
        total = np.zeros(len(view.listed))
        for number, (coin, marks) in enumerate(zip(data.coins, view.marks, strict=True)):
            ints, floats = trades.ints[own[number]], trades.floats[own[number]]
            if legs is not None and view.basket is not None:
                ints, floats = ints[legs[number].hedged], floats[legs[number].hedged]
                total += legs[number].daily(view.basket, view.day, len(total))
            total += marks.pnl(ints[:, _WHOLE], floats[:, _MONEY], fee=coin.costs.fee)
        return total

    return _Traded(trades.ints[:, _ENTRY], trades.ints[:, _EXIT], value, pnl)


def _dated(data: TrialData, view: FoldView, events: TrialEvents, rules: Rules) -> _Traded:
    """Those of dated futures and carries."""
    coins = [
        (arrays, events.of_coin(number), coin.costs)
        for number, (arrays, coin) in enumerate(zip(view.coin_arrays, data.coins, strict=True))
    ]
    found = [resolve_returns(a, seen, rules=rules, costs=costs) for a, seen, costs in coins]

    def pnl() -> FloatArray:
        total = np.zeros(len(view.listed))
        for arrays, seen, costs in coins:
            book = resolve(arrays, seen, rules=rules, costs=costs)
            day, first = view.day, int(arrays.time[0] // DAY_NS)
            for close, held in held_series(arrays, book):
                total += coin_pnl(arrays, costs, held, close=close, day=day, first_day=first)
        return total

    entry, last, value = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("entry_bar", "exit_bar", "value")
    )
    return _Traded(entry, last, value, pnl)


def _result(data: TrialData, request: TrialRequest) -> TrialResult:
    settings = data.settings
    book, inner = past(data, request), list[float]()
    for days, threshold in zip(request.parts, request.thresholds, strict=False):
        inner.append(book.score(settings.objectives[0], days=days))
        if inner[-1] < threshold:
            return TrialResult("pruned", (), tuple(inner), len(book))
    scores = tuple(book.score(objective) for objective in settings.objectives)
    bps = 1e4 * float(book.value.mean()) if len(book) else math.nan
    if len(book) < settings.min_trades or not all(map(math.isfinite, scores)):
        low = FLOOR + len(book)
        return TrialResult("few", (low,) * len(scores), tuple(inner), len(book), bps)
    return TrialResult("complete", scores, (*inner, scores[0]), len(book), bps)
