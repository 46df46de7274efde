"""Options and result of a tuning job; reports render these and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from fadefollow.core.text import by_text, html_card, plural
from fadefollow.engine.model import BookName
from fadefollow.phases import Stance

Objective = Literal["t", "psr", "bps", "calmar"]
Sampler = Literal["tpe", "cmaes", "qmc", "random", "nsga2"]
Window = Literal["expanding", "rolling"]
#: `few`: evaluated, but with fewer trades than a trial must have
State = Literal["complete", "few", "pruned", "failed"]

#: objectives by name, in words
OBJECTIVES: Mapping[Objective, str] = {
    "t": "mean net return over its block standard error",
    "psr": "probabilistic Sharpe ratio of daily returns",
    "bps": "mean net return in bps per trade",
    "calmar": "annual return over maximum drawdown",
}


@dataclass(frozen=True)
class TuneSettings:
    """How to tune; together with the strategy and the data it decides every number of the result.

    Attributes:
        trials: per fold.
        folds: out-of-sample stretches; one more search on the last window gives what to trade next.
        window: of the past that a fold learns from: all of it, or as much as the first fold has.
        inner: consecutive parts of the past, after each of which a trial may be pruned.
        objectives: what is maximised; two of them take a sampler for several objectives.
        stance: whose returns are maximised.
        book: in which: the trades outright, or each with its hedge against the market.
        min_trades: that a trial must have in the past to be considered.
        batch: trials asked at once; what a sampler knows is what earlier batches told.
    """

    stance: Stance
    book: BookName = "outright"
    trials: int = 200
    folds: int = 5
    window: Window = "expanding"
    inner: int = 4
    objectives: tuple[Objective, ...] = ("t",)
    min_trades: int = 30
    sampler: Sampler = "tpe"
    pruning: bool = True
    batch: int = 10
    seed: int = 1


@dataclass(frozen=True)
class Trial:
    """One configuration, evaluated on the past of one fold."""

    fold: int  #: counted from 1; `folds` + 1 is the search for what to trade next
    number: int  #: within the fold, from 0, in the order in which it was asked for
    state: State
    params: dict[str, Any]  #: "params.NAME" or "trade.NAME" → value
    scores: tuple[float, ...]  #: one per objective, on the whole past; empty unless complete or few
    inner: tuple[float, ...]  #: first objective up to the end of each inner part that was reached
    n_trades: int = 0
    mean_net_bps: float = math.nan
    error: str | None = None  #: of a failed trial
    #: first objective on the stretch after the past, looked at when the fold was over, each trial
    #: by itself; of the winner in the joined book; NaN unknown
    after: float = math.nan


@dataclass(frozen=True)
class Past:
    """Luck in a fold's in-sample winner; Sharpe ratios are daily, not annualised."""

    sharpe: float  #: the winner's, on the past
    n_trials: int  #: that were evaluated there: complete, few and pruned
    variance: float  #: between the Sharpe ratios of the trials
    deflated_sharpe: float  #: probability that the winner's true Sharpe ratio is above zero
    pbo: float  #: probability of backtest overfitting by CSCV on complete trials; NaN: too few
    n_cscv: int  #: trials in it
    p_loss: float  #: share of CSCV's choices whose winner loses in the other half
    slope: float  #: of out-of-sample on in-sample Sharpe ratio in CSCV


@dataclass(frozen=True)
class Fold:
    """One fold: a search on the past and its winner's test."""

    number: int
    train: tuple[pd.Timestamp, pd.Timestamp]  #: UTC; the past that was searched
    test: tuple[pd.Timestamp, pd.Timestamp] | None  #: UTC; None for what to trade next
    winner: int | None  #: number of the trial; None where none had enough trades
    params: dict[str, Any]  #: the winner's
    scores: tuple[float, ...]  #: the winner's on the past
    #: the same objectives on the stretch, as its part of the joined book; NaN without enough
    after: tuple[float, ...]
    n_trades: int
    n_trades_after: int  #: in the joined book; those of all folds add up to its trades
    mean_net_bps: float
    mean_net_bps_after: float
    past: Past
    counts: Mapping[State, int]  #: trials by state
    importance: Mapping[str, float] = field(default_factory=dict)  #: by parameter, sums to 1


@dataclass(frozen=True)
class OutOfSample:
    """Out-of-sample result of one book on all tests; trades that the end cut off do not count."""

    n_trades: int
    mean_net_bps: float  #: NaN without trades
    sharpe: float  #: of daily returns, annualised; NaN where they do not vary
    psr: float  #: probability that the true Sharpe ratio is above zero


@dataclass(frozen=True)
class Tuning:
    """The result of a tuning job.

    Attributes:
        space: by parameter what was searched, in words, e.g. "0.85 to 0.99", "one of 1, 2, 3".
        trials: of all folds, in order.
        folds: in order; the last one has no stretch after it: its winner is what to trade next.
        start_params: what the strategy's file says for the searched parameters.
        psr: by stance, the probabilistic Sharpe ratio of the joined out-of-sample trades, in the
            book that was scored; `joined` and `untuned` are of the same.
        joined: by stance, what those trades came to, the one out-of-sample figure; empty of
            earlier versions.
        tuned: the file that was written, relative to the workspace, None if there is no winner.
        storage: where the study is, without credentials.
        study: its name there.
        untuned: by stance, the file's own parameters on the same stretches.
        embargo_hours: between a fold's past and its stretch.
    """

    settings: TuneSettings
    strategy: str
    space: Mapping[str, str]
    trials: tuple[Trial, ...]
    folds: tuple[Fold, ...]
    start_params: Mapping[str, Any]
    psr: Mapping[Stance, float]
    tuned: str | None
    storage: str
    study: str
    embargo_hours: float
    untuned: Mapping[Stance, OutOfSample] = field(default_factory=dict)
    joined: Mapping[Stance, OutOfSample] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)  #: not part of the result

    _repr_pretty_ = by_text

    def __str__(self) -> str:
        folds = plural(sum(fold.test is not None for fold in self.folds), "fold")
        trials = plural(len(self.trials), "trial")
        return f"Tuning of {self.strategy}, {self.settings.stance}: {trials} in {folds}"

    def _repr_html_(self) -> str | None:
        return html_card(self)
