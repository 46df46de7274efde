"""The market, strategy and studies of the tuner's benchmark, and the same trials by its peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial

from fadefollow.core.parallel import WorkerPool
from fadefollow.engine.costs import CostSettings
from fadefollow.engine.model import Costs
from fadefollow.engine.strategy import Range, Strategy
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.tuning.evaluator import TrialData, TrialRequest, evaluate
from fadefollow.tuning.folds import Cut, FoldBars, cut_calendar
from fadefollow.tuning.model import Trial, TuneSettings
from fadefollow.tuning.review import Reviewed, look, review
from fadefollow.tuning.samplers import sampler_of
from fadefollow.tuning.search import Evaluate, Log, Searched, search
from fadefollow.tuning.settings import tune_settings
from fadefollow.tuning.space import Space
from fadefollow.verdict.run.prepare import prepare_bet
from fadefollow.workspace import find_workspace

if TYPE_CHECKING:  # vectorbt takes seconds to import, and memory
    from benchmarks.peers import Backtesting, Metrics, Vectorbt

    Peer = Vectorbt | Backtesting

FEE = 0.0005


def lab(coins: int, years: float) -> Dataset:
    """Simulated coins with crowds that come and go, and only the streams that are needed."""
    bar = pd.Timedelta(hours=1)
    settings = {"seed": 5, "years": years, "coins": coins, "families": ["crowd"]}
    made, kept = simulate(settings, bar=bar), ("perp", "mark", "funding")
    markets = {
        symbol: Market(symbol, bar=bar, tables={name: tables[name] for name in kept})
        for symbol, tables in made.tables.items()
    }
    return Dataset(
        "tuning",
        "lab",
        bar,
        simulated=True,
        fingerprint="-",
        markets=markets,
        truth=made.truth,
        lab=settings,
    )


def trial_data(
    dataset: Dataset, *, trials: int, min_trades: int = 30, everything: bool = False
) -> TrialData:
    """What trials are evaluated on, by default with what all can express.

    Holding times are one hour more than a multiple of the eight between two settlements, so that
    no event falls on the open at which a position ends: vectorbt takes one order at an open.
    """
    workspace = find_workspace()
    strategy = workspace.strategy("fade_crowded_funding")
    settings = tune_settings(strategy, trials=trials, min_trades=min_trades, pruning=everything)
    strategy = _with_everything(strategy) if everything else _with_little(strategy)
    signal = workspace.detector(strategy)
    space = Space.of(strategy, signal, bar_hours=1.0)
    prepared = prepare_bet(dataset, strategy, signal, {})
    made = TrialData.of(space, settings, prepared, dataset.markets)
    if everything:
        return made
    coins = []
    for coin in made.coins:
        arrays, never = (
            coin.arrays,
            np.full(len(made.time), np.nan),
        )  # no level is ever touched by it
        free = np.zeros_like(arrays.settle_rate)
        arrays = replace(arrays, settle_rate=free, liq_open=never, liq_high=never, liq_low=never)
        coins.append(replace(coin, arrays=arrays, costs=Costs(FEE, slippage=0.0, maintenance=0.0)))
    return replace(made, coins=tuple(coins))


def _with_little(strategy: Strategy) -> Strategy:
    hold = Range(low=25, high=169, step=8)
    trade = strategy.trade.model_copy(update={"opposite": False, "hold_hours": 73.0})
    search_ = {**strategy.search, "trade.hold_hours": hold}
    return strategy.model_copy(update={"search": search_, "trade": trade})


def _with_everything(strategy: Strategy) -> Strategy:
    more = {
        "trade.stop": Range(low=0.03, high=0.2),
        "trade.trail": Range(low=0.03, high=0.2),
        "trade.opposite": Range(choices=(True, False)),
    }
    costs = CostSettings(taker_fee_bps=1e4 * FEE, slippage_bps=5.0)
    return strategy.model_copy(update={"search": {**strategy.search, **more}, "costs": costs})


@dataclass
class Memory:
    """A log of trials that is nowhere."""

    kept: list[FrozenTrial] = field(default_factory=list)

    def trials(self) -> list[FrozenTrial]:
        """Those kept."""
        return list(self.kept)

    def append(self, trials: Sequence[FrozenTrial]) -> None:
        """Keep more."""
        self.kept.extend(trials)


def whole(made: TrialData) -> tuple[int, int]:
    """All bars of the calendar."""
    return 0, len(made.time)


def searched(made: TrialData, evaluated: Evaluate | None = None) -> Searched:
    """A study over all of the time, by default in this process."""
    start, end = pd.to_datetime(made.time[[0, -1]], utc=True)
    return search(
        FoldBars(Cut(1, (start, end), None), train=whole(made)),
        space=made.space,
        settings=made.settings,
        log=Memory(),
        evaluate=evaluated or (lambda requests: [evaluate(made, request) for request in requests]),
    )


def by_all(made: TrialData, pool: WorkerPool) -> Evaluate:
    """Evaluate on all cores, as a tuning job does."""
    shared = pool.share(made)
    return lambda requests: pool.map(evaluate, requests, shared)


def sampled(space: Space, settings: TuneSettings, trials: Sequence[Trial]) -> None:
    """The same study by bare Optuna, told what is known: what the sampler takes by itself."""
    study = optuna.create_study(direction="maximize")
    for first in range(0, len(trials), settings.batch):
        study.sampler = sampler_of(settings, fold=1, batch=first // settings.batch)
        asked = [study.ask(dict(space.distributions)) for _ in range(settings.batch)]
        for trial, known in zip(asked, trials[first:], strict=False):
            assert trial.params == known.params
            study.tell(trial, list(known.scores))


def compared(made: TrialData, peer: Peer, params: Sequence[Mapping[str, Any]]) -> list[Metrics]:
    """What a peer finds, once it is what this tuner finds.

    Raises:
        AssertionError: they differ by more than 1e-9, or a trial has too few trades.
    """
    found = []
    for one in params:
        told = evaluate(made, TrialRequest(0, one, whole(made)))
        assert told.state == "complete", told
        theirs = by(made, peer, one)
        ours = told.scores[0], told.n_trades, told.mean_net_bps
        np.testing.assert_allclose(theirs, ours, rtol=1e-9)
        found.append(theirs)
    return found


def by(made: TrialData, peer: Any, params: Mapping[str, Any]) -> Metrics:
    """One trial by a peer: detect, trade, measure."""
    signal, trade = made.space.candidate(params)
    return peer.backtest(peer.detect(signal), int(trade.hold_hours))  # type: ignore[no-any-return]


def peers(made: TrialData) -> tuple[Any, Any, Any]:
    """vectorbt as fast as it goes and as its documentation has it, and backtesting.py."""
    from benchmarks.peers import Backtesting, PlainVectorbt, Vectorbt

    markets = {coin.market.symbol: coin.market for coin in made.coins}
    given = markets, made.space.strategy.phases, FEE
    return Vectorbt(*given), PlainVectorbt(*given), Backtesting(*given)


def fold(made: TrialData, pool: WorkerPool, log: Log) -> Reviewed:
    """The last fold of a walk-forward, searched and reviewed."""
    start, end = pd.to_datetime(made.time[[0, -1]], utc=True)
    hours, shared = made.space.longest_hours, pool.share(made)
    cut = cut_calendar(start, end, folds=5, window="expanding", embargo_hours=hours)[-2]
    assert cut.test is not None
    bars = made.fold(cut)
    study = search(
        bars,
        space=made.space,
        settings=made.settings,
        log=log,
        evaluate=lambda requests: pool.map(evaluate, requests, shared),
    )
    return review(
        bars,
        study,
        space=made.space,
        settings=made.settings,
        look_at=lambda looks: pool.map(look, looks, shared),
    )


def by_optuna(
    made: TrialData, peer: Any, params: Sequence[Mapping[str, Any]]
) -> Callable[[], None]:
    """The plain way; its trials are given to it, so that its sampler costs nothing."""

    def objective(trial: optuna.Trial) -> float:
        asked = {
            key: trial.suggest_float(key, d.low, d.high, log=d.log, step=d.step)
            for key, d in made.space.distributions.items()
            if isinstance(d, FloatDistribution)
        }
        found = by(made, peer, asked)
        trial.set_user_attr("n_trades", found.n_trades)
        trial.set_user_attr("mean_net_bps", found.mean_net_bps)
        return found.t

    def job() -> None:
        sampler = optuna.samplers.TPESampler(seed=1)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for one in params:
            study.enqueue_trial(dict(one))
        study.optimize(objective, n_trials=len(params))

    return job
