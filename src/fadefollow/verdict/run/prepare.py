"""One strategy made ready: its phases detected, its plan with costs and hedges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fadefollow.core.parallel import WorkerPool
from fadefollow.engine.costs import traded_at
from fadefollow.engine.hedge.hedging import Hedges
from fadefollow.engine.plans.plan import Prepared, prepare
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import DataError, FadeFollowError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal, detect_coins, detect_signals
from fadefollow.verdict.run.parallel_steps import (
    Step,
    detected_by,
)

Bet = tuple[Strategy, Signal]
#: what signals found by `bet_key`; the error of one that failed on every coin
Detected = dict[tuple[str, str], Phases | FadeFollowError]


@dataclass(frozen=True)
class Ready:
    """One strategy with its detected phases and its plan."""

    strategy: Strategy
    signal: Signal
    prepared: Prepared
    phases: Phases


def bet_key(strategy: Strategy, signal: Signal) -> tuple[str, str]:
    """What bets that detect the same on one data set have in common."""
    implied = " on implied funding" if strategy.implies(signal) else ""
    return signal.name(), signal.model_dump_json() + implied


def seen_by(dataset: Dataset, *bets: Bet) -> Dataset:
    """The data set as bets see it: with implied settlements where all of them ask for such."""
    implied = bool(bets) and all(strategy.implies(signal) for strategy, signal in bets)
    return dataset.implied if implied else dataset


def detect_in_pool(pool: WorkerPool, dataset: Dataset, bets: Sequence[Bet], step: Step) -> Detected:
    """What the signals find."""
    found: Detected = {}
    for seen, asked in _asked(dataset, bets):
        found |= detected_by(pool, seen.markets, asked, step)
    return found


def detect_here(dataset: Dataset, bets: Sequence[Bet], step: Step) -> Detected:
    """What the signals find, coin by coin; each market keeps it, for whoever asks again."""

    def told(markets: Mapping[str, Market]) -> Iterator[Market]:
        for number, market in enumerate(markets.values()):
            step("detecting", number / len(markets))
            yield market

    detected: Detected = {}
    for seen, asked in _asked(dataset, bets):
        found = detect_signals(list(asked.values()), told(seen.markets), keep=True)
        detected |= dict(zip(asked, found, strict=True))
    return detected


def _asked(
    dataset: Dataset, bets: Sequence[Bet]
) -> Iterator[tuple[Dataset, dict[tuple[str, str], Signal]]]:
    """The data set as it is and with implied settlements, each with the signals that look at it."""
    for implied in (False, True):
        asked = {bet_key(s, signal): signal for s, signal in bets if s.implies(signal) == implied}
        if asked:
            yield (dataset.implied if implied else dataset), asked


def prepare_bet(
    dataset: Dataset, strategy: Strategy, signal: Signal, detected: Detected
) -> Prepared:
    """One strategy's plan; what its signal detects is kept for the next that asks.

    Raises:
        FadeFollowError: the signal failed on every coin, or the strategy has nothing to trade.
    """
    key, dataset = bet_key(strategy, signal), seen_by(dataset, (strategy, signal))
    if key not in detected:
        detected[key] = detect(dataset.markets, signal)
    phases = detected[key]
    if isinstance(phases, FadeFollowError):
        raise phases
    chosen = traded_coins(dataset, strategy, phases)
    prepared = prepare(
        strategy,
        chosen.markets,
        phases,
        costs=traded_at(dataset),
        window_hours=signal.detection_hours(),
        weekly=signal.weekly,
        memo=chosen.memo,
    )
    return replace(prepared, plan=hedges_of(dataset).hedged(prepared.plan))


def hedges_of(dataset: Dataset) -> Hedges:
    """The baskets that hedge the data set's trades, formed once."""
    memo = dataset.memo
    return memo.get(
        "hedges", lambda: Hedges.of(dataset.markets, traded_at(dataset), memo=memo), keep=None
    )


def traded_coins(dataset: Dataset, strategy: Strategy, phases: Phases) -> Dataset:
    """The coins that a strategy is for, without untrusted ones and those that its signal fails on.

    Raises:
        UnknownNameError: it names a coin that the data set does not have.
        DataError: none is left.
    """
    named = [symbol for symbol in strategy.symbols or () if symbol not in dataset.left_out]
    if strategy.symbols and not named:
        raise DataError(
            f"no coin of strategy {strategy.name} can be trusted", got=", ".join(strategy.symbols)
        )
    chosen = dataset.select(*named) if named else dataset
    if not phases.failed:
        return chosen
    kept = [symbol for symbol in chosen.symbols if symbol not in phases.failed]
    if not kept:
        symbol = chosen.symbols[0]
        raise DataError(
            f"the signal of strategy {strategy.name} failed on every coin",
            got=f"on {symbol}: {phases.failed[symbol]}",
        )
    return chosen.select(*kept)


def detect(markets: Mapping[str, Market], signal: Signal) -> Phases:
    """Phases of one signal in every coin; see `fadefollow.phases.detect_coins`."""
    return detect_coins(signal, markets.values())
