"""One market, tuned: what its past said of each winner, and what came out of sample."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from optuna.trial import FrozenTrial

from fadefollow.core.parallel import make_pool
from fadefollow.market.bars import bar_size
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.phases import Stance
from fadefollow.tuning.calibration.design import TunerDesign, stance_of
from fadefollow.tuning.evaluator import TrialData, TrialRequest, past
from fadefollow.tuning.model import Fold, OutOfSample, TuneSettings
from fadefollow.tuning.walk_forward import Observer, Walked, walk
from fadefollow.verdict.calibration.design import Arm, planted_phases
from fadefollow.verdict.correction.overfit import TrackRecord, probabilistic_sharpe
from fadefollow.verdict.model import StanceResult, Verdict
from fadefollow.verdict.run.prepare import Bet, prepare_bet


@dataclass(frozen=True)
class Search:
    """The winner of one search; bps a trade, NaN where there is none."""

    t: float  #: on the past: mean net return over its block standard error, what was maximised
    psr: float  #: on the past, as if nothing else had been tried
    deflated: float  #: on the past, deflated by the trials of the search
    pbo: float
    p_loss: float  #: share of CSCV's choices whose winner loses in the other half
    bps: float  #: on the past
    after_bps: float  #: on the stretch that followed; NaN after the last search
    rank: float  #: share of the search's other trials that it beats there


@dataclass(frozen=True)
class Answer:
    """The verdict on one phase of the joined out-of-sample book; bps a trade."""

    phase: str
    verdict: str
    tested: bool  #: there were enough independent blocks
    mean: float  #: net, of the stance that was tuned
    low: float  #: of the verdict's interval
    high: float
    anyhour: float  #: the same trades at any hour


@dataclass(frozen=True)
class TunedMarket:
    """One market; of the book that was maximised."""

    arm: Arm
    seed: int
    searches: tuple[Search, ...]  #: in order; the last is of what to trade next
    answers: tuple[Answer, ...]
    n_trades: int  #: out of sample
    mean: float  #: out of sample, net bps a trade
    psr: float  #: out of sample
    costs: float  #: fees and slippage, bps a trade
    own_mean: float  #: of the file's own parameters on the same stretches
    seconds: float


def tune_market(design: TunerDesign, bet: Bet, arm: Arm, seed: int) -> TunedMarket:
    """Make one market and tune the strategy on it, as `fadefollow tune` would.

    Args:
        design: of the calibration.
        bet: strategy and signal.
        arm: what is planted, and so whose book is maximised.
        seed: of market, search, placebo and bootstrap.
    """
    began = time.perf_counter()
    strategy, signal = bet
    dataset = _made(design, bet, arm, seed)
    settings, stance = design.tuning(arm, seed), stance_of(arm)
    walked = walk(
        dataset,
        strategy,
        signal,
        settings=settings,
        judging=design.judging(seed),
        logs=lambda _cut: _Forgotten(),
        make_pool=lambda _seconds: make_pool(jobs=1),
        observer=Observer(),
    )
    data = TrialData.of(
        walked.space, settings, prepare_bet(dataset, strategy, signal, {}), dataset.markets
    )
    nothing = OutOfSample(0, math.nan, math.nan, math.nan)
    tuned, own = walked.books.get(stance, (nothing, nothing))
    return TunedMarket(
        arm=arm,
        seed=seed,
        searches=tuple(_search(data, fold, walked, settings) for fold in walked.folds),
        answers=tuple(_answer(verdict, stance) for verdict in walked.measured.verdicts),
        n_trades=tuned.n_trades,
        mean=tuned.mean_net_bps,
        psr=tuned.psr,
        costs=_costs(walked, stance),
        own_mean=own.mean_net_bps,
        seconds=time.perf_counter() - began,
    )


class _Forgotten:
    """A log of trials that keeps none: a market is short, and made anew if it is interrupted."""

    def trials(self) -> list[FrozenTrial]:
        return []

    def append(self, trials: Sequence[FrozenTrial]) -> None:
        pass


def _made(design: TunerDesign, bet: Bet, arm: Arm, seed: int) -> Dataset:
    bar = bar_size(design.bar)
    lab = design.lab(arm, seed, planted_phases((bet,)))
    tables = simulate(lab, bar=bar).tables
    markets = {coin: Market(coin, bar=bar, tables=streams) for coin, streams in tables.items()}
    return Dataset(
        name="calibration",
        title="one market of a calibration",
        bar=bar,
        simulated=True,
        fingerprint=str(seed),
        markets=markets,
        lab=lab,
    )


def _search(data: TrialData, fold: Fold, walked: Walked, settings: TuneSettings) -> Search:
    psr = math.nan
    if fold.winner is not None:
        first, last = np.searchsorted(data.time, [stamp.value for stamp in fold.train])
        record = TrackRecord.of(
            past(data, TrialRequest(0, fold.params, (int(first), int(last)))).daily()
        )
        psr = probabilistic_sharpe(record)
    return Search(
        t=fold.scores[settings.objectives.index("t")],
        psr=psr,
        deflated=fold.past.deflated_sharpe,
        pbo=fold.past.pbo,
        p_loss=fold.past.p_loss,
        bps=fold.mean_net_bps,
        after_bps=fold.mean_net_bps_after,
        rank=_rank(fold, walked),
    )


def _rank(fold: Fold, walked: Walked) -> float:
    """Of complete trials, equal ones half; NaN where there are no others."""
    after = {t.number: t.after for t in walked.trials if t.fold == fold.number}
    mine = after.pop(fold.winner, math.nan) if fold.winner is not None else math.nan
    others = np.array([value for value in after.values() if not math.isnan(value)])
    if math.isnan(mine) or not len(others):
        return math.nan
    return float((others < mine).mean() + (others == mine).mean() / 2.0)


def _answer(verdict: Verdict, stance: Stance) -> Answer:
    result = getattr(verdict, stance)
    if not isinstance(result, StanceResult):
        none = math.nan
        return Answer(
            verdict.phase,
            verdict.verdict,
            tested=False,
            mean=none,
            low=none,
            high=none,
            anyhour=none,
        )
    return Answer(
        verdict.phase,
        verdict.verdict,
        not math.isnan(result.p_adjusted),
        result.mean_net_bps,
        *result.ci_bps,
        result.anyhour_mean_bps,
    )


def _costs(walked: Walked, stance: Stance) -> float:
    trades: pd.DataFrame = walked.measured.trades
    mine = trades[(trades["stance"] == stance) & (trades["exit_reason"] != "end")]
    paid = (mine["fees"].abs() + mine["slippage"].abs()) / mine["notional"]
    return 1e4 * float(paid.mean()) if len(mine) else math.nan
