"""Phases that are present at a time: detected, and not over yet.

An event is present for a strategy while a position that the strategy opened on it could still be
held: from when it became known, at its bar's close, until the longest hold after its entry is over,
unless an event that points the other way (`opposite`) came later and the strategy leaves on those.
At the very open at which the hold ends it is present no more. Stops and targets are not looked at:
they end a trade, not a phase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import DataError, FadeFollowError, ParameterError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.market.streams import stream
from fadefollow.phases import Phases, Signal
from fadefollow.scanning.model import Running, ScanRow, Unseen
from fadefollow.scanning.needs import Bet
from fadefollow.verdict.run.prepare import bet_key, detect_here, seen_by

Step = Callable[[str, float | None], None]
_HOUR = pd.Timedelta(hours=1)
_COLUMNS = ("symbol", "phase", "lean", "actor", "strength")


@dataclass(frozen=True)
class Present:
    """Detected phases at the scan's time."""

    rows: tuple[ScanRow, ...]  #: newest first
    unseen: tuple[Unseen, ...]
    notes: tuple[Note, ...]


def present_phases(
    dataset: Dataset, bets: Sequence[Bet], time: pd.Timestamp, *, step: Step
) -> Present:
    """The phases that are present at `time`, one row a coin, phase and signal with its parameters.

    Args:
        dataset: the coins to look at, all their data known at `time`.
        bets: strategies with their signals; those that share a signal with the same parameters
            share their rows.
        time: of the scan, UTC; not before the close of any bar.
        step: told what is being done.

    Raises:
        SignalError: a signal fails.
        DataError, ParameterError: the only signal there is cannot look at these data.
    """
    groups: dict[tuple[str, str], list[Bet]] = {}
    for bet in bets:
        groups.setdefault(bet_key(*bet), []).append(bet)
    rows: list[ScanRow] = []
    notes: list[Note] = []
    unseen: dict[tuple[str, tuple[str, ...], str], set[str]] = {}
    detected = detect_here(dataset, bets, step)
    for key, group in groups.items():
        signal, seen, found = group[0][1], seen_by(dataset, *group), detected[key]
        if isinstance(found, FadeFollowError):
            if len(groups) == 1 or not isinstance(found, DataError | ParameterError):
                raise found
            notes += [
                Note("not-looked-for", {"strategy": strategy.name}, {"error": str(found)})
                for strategy, _ in group
            ]
            continue
        notes += [note for note in seen.notes if note not in (*dataset.notes, *notes)]
        notes += [
            Note("signal-failed", {"signal": signal.name(), "coin": coin}, {"error": why})
            for coin, why in found.failed.items()
        ]
        events = _events(found, dataset.bar)
        for market in seen.markets.values():
            rows += _rows(market, group, events, time)
            for phase, streams, since in _lacking(market, group, time):
                unseen.setdefault((market.symbol, streams, since), set()).add(phase)
    rows.sort(key=lambda row: (-row.known.value, row.symbol, row.signal, row.phase))
    notes += _without_coins(dataset, bets)
    return Present(tuple(rows), _joined(unseen), tuple(notes))


def _events(found: Phases, bar: pd.Timedelta) -> pd.DataFrame:
    """All events of a signal: `known` (UTC) and `_COLUMNS`, in order of time within each coin."""
    table = found.table
    if not len(table):
        return pd.DataFrame({name: [] for name in ("known", *_COLUMNS)})
    known = pd.DatetimeIndex(table["time"]) + bar
    return table[list(_COLUMNS)].assign(known=known).reset_index(drop=True)


def _rows(
    market: Market, group: Sequence[Bet], events: pd.DataFrame, time: pd.Timestamp
) -> list[ScanRow]:
    mine = events[events["symbol"] == market.symbol]
    looked = [bet for bet in group if market.symbol in (bet[0].symbols or (market.symbol,))]
    rows = []
    for phase in dict.fromkeys(p for strategy, _ in looked for p in strategy.phases):
        own = mine[mine["phase"] == phase]
        if own.empty:
            continue
        # the newest event is present the longest, and whatever ends it ends those before
        newest = own.iloc[-1]
        running = [
            made
            for strategy, _ in looked
            if phase in strategy.phases
            and (made := _running(strategy, newest, mine, market.bar, time)) is not None
        ]
        if running:
            running.sort(key=lambda bet: (-bet.hours_left, bet.strategy))
            rows.append(_row(market, group[0][1], own, events, tuple(running), time))
    return rows


def _running(
    strategy: Strategy, event: pd.Series, mine: pd.DataFrame, bar: pd.Timedelta, time: pd.Timestamp
) -> Running | None:
    """A strategy for which the event is present; None where it is over."""
    trade = strategy.trade
    ends = event["known"] + trade.delay_bars * bar + trade.hold_hours * _HOUR
    if time >= ends:
        return None
    if trade.opposite:
        leaves = trade.exit_on or strategy.phases
        against = mine["phase"].isin(leaves) & (mine["lean"] == -event["lean"])
        if (mine["known"][against] > event["known"]).any():
            return None
    return Running(strategy.name, trade.hold_hours, (ends - time) / _HOUR)


def _row(
    market: Market,
    signal: Signal,
    own: pd.DataFrame,
    events: pd.DataFrame,
    running: tuple[Running, ...],
    time: pd.Timestamp,
) -> ScanRow:
    newest = own.iloc[-1]
    lean, strength = int(newest["lean"]), float(newest["strength"])
    hold = max(bet.hold_hours for bet in running) * _HOUR
    lately = own["known"][own["known"] > time - hold]
    earlier = (events["phase"] == newest["phase"]) & (events["known"] < newest["known"])
    before = events["strength"][earlier].to_numpy(np.float64)
    price, at, then = _prices(market, newest["known"])
    return ScanRow(
        symbol=market.symbol,
        signal=signal.name(),
        phase=str(newest["phase"]),
        params=signal.model_dump(mode="json"),
        lean=lean,
        actor=str(newest["actor"]),
        known=newest["known"],
        age_hours=(time - newest["known"]) / _HOUR,
        first=min(lately.min(), newest["known"]) if len(lately) else newest["known"],
        times=max(len(lately), 1),
        strength=strength,
        n_before=len(before),
        stronger_than=float((before < strength).mean()) if len(before) else float("nan"),
        price=price,
        price_time=at,
        move_bps=lean * (price / then - 1) * 1e4,
        bets=running,
    )


def _prices(market: Market, known: pd.Timestamp) -> tuple[float, pd.Timestamp, float]:
    """The last close, its time, and the close at which an event became known."""
    close = market.column(market.base, "close")
    there = np.flatnonzero(np.isfinite(close))
    last = int(there[-1])
    at = market.index[last] + market.bar
    then = int((known - market.bar - market.index[0]) // market.bar)
    return float(close[last]), at, float(close[then])


def _lacking(
    market: Market, group: Sequence[Bet], time: pd.Timestamp
) -> list[tuple[str, tuple[str, ...], str]]:
    """Phases that cannot be seen: the streams in the way, and when they ended."""
    signal, found = group[0][1], []
    for phase in dict.fromkeys(p for strategy, _ in group for p in strategy.phases):
        needs = signal.needs(phase)
        absent = needs.missing_in(market)
        if absent:
            found.append((phase, absent, ""))
            continue
        ended: dict[str, str] = {}
        for need in needs:  # they are all there, but have they gone on until now?
            names = set(need.streams) & set(market.streams)
            ends = {name: _ended(market, name, time) for name in sorted(names)}
            if all(ends.values()):
                ended.update(ends)
        if ended:
            found.append((phase, tuple(ended), max(ended.values())))
    return found


def _ended(market: Market, name: str, time: pd.Timestamp) -> str:
    """When a stream's last record was known, if at the scan's time it counts no more."""
    schema, last = stream(name), market.table(name)["available"].max()
    # a live scan is a little after the close of the last bar
    allowed = 2 * market.bar if schema.kind == "bars" else schema.max_age
    return "" if allowed is None or time - last <= allowed else f"{last:%Y-%m-%d %H:%M}"


def _joined(found: Mapping[tuple[str, tuple[str, ...], str], set[str]]) -> tuple[Unseen, ...]:
    """Coins that lack the same for the same phases in one row."""
    coins: dict[tuple[tuple[str, ...], tuple[str, ...], str], list[str]] = {}
    for (symbol, streams, since), phases in found.items():
        coins.setdefault((streams, tuple(sorted(phases)), since), []).append(symbol)
    return tuple(
        Unseen(tuple(symbols), streams, phases, since)
        for (streams, phases, since), symbols in coins.items()
    )


def _without_coins(dataset: Dataset, bets: Sequence[Bet]) -> list[Note]:
    return [
        Note("coins-absent", {"strategy": strategy.name}, {"coins": strategy.symbols})
        for strategy, _ in bets
        if strategy.symbols and not set(strategy.symbols) & set(dataset.symbols)
    ]
