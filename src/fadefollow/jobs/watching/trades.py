"""The trades of a claim, by the same engine as a run's."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.toml import build
from fadefollow.engine.costs import CostSettings, all_resolved, traded_at
from fadefollow.engine.model import Book, BookName
from fadefollow.engine.plans.plan import Prepared
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.plans.trading import trade_table
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import ParameterError
from fadefollow.jobs.data_gate import skips_holes, trusted
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.phases import Signal, Stance, detect_coins
from fadefollow.results.claims import Claim
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.prepare import Bet, bet_key, prepare_bet, seen_by
from fadefollow.verdict.sequential.blocks import CUT_OFF, GRACE
from fadefollow.workspace.trial_records import code_of

#: of a trade that has several legs, what is that of its first, of its last, and the sum
_FIRST = ("strategy", "symbol", "phase", "stance", "book", "side", "signal_time", "entry_time")
_FIRST_TOO = ("entry_price", "leg", "size", "notional", "beta")
_LAST = ("exit_time", "exit_price", "exit_reason")
_SUMMED = ("fees", "slippage", "funding", "hedge", "pnl", "return")


@dataclass(frozen=True)
class Question:
    """Which trades are asked for: of a phase in a stance and a book."""

    phase: str
    stance: Stance
    book: BookName


@dataclass(frozen=True)
class Traded:
    """The trades of a question on the data there are.

    Attributes:
        prepared: the plan, hedged where it can be.
        books: of the stance, one a coin, with the trades of all its phases.
        trades: of the phase, in order of entry, one row a trade: TRADE_COLUMNS, and `share`, by
            which it counts in means.
        end: when the last bar closes that all needed streams cover, UTC; a position is not
            accounted for beyond the last settlement.
        events: what the signal detected in all data, columns as in `Phases`.
        now: when the last bar of all coins closes, UTC.
        notes: what there is to say of the data and the trades.
    """

    prepared: Prepared
    books: tuple[Book, ...]
    trades: pd.DataFrame
    end: pd.Timestamp
    events: pd.DataFrame
    now: pd.Timestamp
    notes: tuple[Note, ...]

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.prepared.plan

    @property
    def bar(self) -> pd.Timedelta:
        """Size of the bars."""
        return pd.Timedelta(self.plan.bar_ns, unit="ns")

    @property
    def hold(self) -> pd.Timedelta:
        """The longest holding time."""
        return pd.Timedelta(hours=self.plan.rules.hold_hours)

    def place(self, symbol: str) -> int:
        """The place of a coin in the plan."""
        return self.plan.symbols.index(symbol)

    def since(self, start: pd.Timestamp) -> pd.DataFrame:
        """The trades whose phase began at or after a time, with `state`.

        `closed`; `open`: it may still end by its rules; `cut`: its coin's data ended before.
        """
        mine = self.trades[self.trades["signal_time"] >= start].reset_index(drop=True)
        running = mine["entry_time"] + self.hold + GRACE > self.end
        state = np.where(running, "open", "cut")
        ended = (mine["exit_reason"] != CUT_OFF).to_numpy()
        return mine.assign(state=np.where(ended, "closed", state))


def traded(
    dataset: Dataset, bet: Bet, question: Question, *, accept: tuple[str, ...] = ()
) -> Traded:
    """The trades of a question by the engine.

    Args:
        dataset: with the costs that it is traded at.
        bet: the strategy with its signal.
        question: phase, stance and book.
        accept: codes of findings of the audit that may pass.

    Raises:
        DataError: the data cannot be trusted, or no coin can be traded.
        ParameterError: the stance or the book cannot be traded.
        FundingHoleError: a position was held over a hole in the settlements.
    """
    strategy, signal = bet
    request = DataRequest(accept=tuple(accept))
    dataset, notes = trusted(seen_by(dataset, bet), [bet], request)
    # kept by the markets: other claims, and the scan of an update, ask for the same phases
    found = detect_coins(signal, dataset.markets.values(), keep=True)
    prepared = prepare_bet(dataset, strategy, signal, {bet_key(strategy, signal): found})
    plan = prepared.plan
    if question.stance in plan.refused:
        raise _untradable(strategy, question.stance, plan.refused[question.stance])
    if question.book == "hedged" and plan.basket is None:
        raise _untradable(strategy, "hedged book", plan.unhedged)
    missing = "skip" if skips_holes(accept) else "error"
    books = books_of(plan, question.stance, missing, notes)
    table = trade_table(plan, {question.stance: books}, question.book)
    table = _whole(table[table["phase"] == question.phase])
    table = table.assign(share=_shares(plan, table))
    trades = table.sort_values(["entry_time", "symbol"], kind="stable", ignore_index=True)
    end = max(last for _, last in prepared.spans.values())
    events = found.table
    now = max(market.index[-1] + market.bar for market in dataset.markets.values())
    return Traded(prepared, books, trades, end, events, now, tuple(notes))


def claim_trades(dataset: Dataset, claim: Claim, signal: Signal) -> Traded:
    """The trades of a claim, at the costs that it was registered with; see `traded`."""
    priced = dataclasses.replace(dataset, costs_then=claim.costs)
    question = Question(claim.phase, claim.stance, claim.book)
    return traded(priced, (claim.bet, signal), question, accept=claim.accept)


def request_of(claim: Claim) -> DataRequest:
    """The data that a claim is about."""
    return DataRequest(
        dataset=claim.dataset,
        symbols=claim.symbols,
        universe=claim.universe,
        revised=claim.revised,
        accept=claim.accept or None,
    )


def costs_table(dataset: Dataset, strategy: Strategy) -> dict[str, Any]:
    """The data set's costs as a `[costs]` table, defaults of its coins filled in."""
    own = traded_at(dataset)
    filled = all_resolved(dataset.symbols, own, strategy.costs)
    whole = build(CostSettings, {**_dumped(own), "coins": _dumped(filled)["coins"]}, where="costs")
    return _dumped(whole)


def code_hash(signal: Signal) -> str:
    """SHA-256 of the code that decides what a signal detects."""
    return hashlib.sha256(code_of(signal).encode()).hexdigest()


def _dumped(costs: CostSettings) -> dict[str, Any]:
    return costs.model_dump(mode="json", exclude_none=True)


def _whole(legs: pd.DataFrame) -> pd.DataFrame:
    """One row a trade; the returns of its legs, on the notional of its first, add up to its own."""
    if not legs["trade_id"].duplicated().any():
        return legs.reset_index(drop=True)
    how: Mapping[str, str] = {
        **dict.fromkeys((*_FIRST, *_FIRST_TOO), "first"),
        **dict.fromkeys(_LAST, "last"),
        **dict.fromkeys(_SUMMED, "sum"),
    }
    return legs.groupby("trade_id", sort=False).agg(how).reset_index()


def _shares(plan: Plan, trades: pd.DataFrame) -> np.ndarray:
    """The share of the full size of each trade, 1 where all positions have it."""
    share = np.ones(len(trades))
    for arrays in plan.coin_arrays:
        if arrays.share is not None:
            mine = (trades["symbol"] == arrays.symbol).to_numpy()
            entry = trades["entry_time"].to_numpy("datetime64[ns]").astype(np.int64)[mine]
            share[mine] = arrays.share[np.searchsorted(arrays.time, entry)]
    return share


def _untradable(strategy: Strategy, what: str, why: str) -> ParameterError:
    return ParameterError(
        f"{what} cannot be traded", got=why, where=f"strategy {strategy.name}", hint="claim another"
    )
