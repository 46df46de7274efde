"""Verdicts and the result of a run: frozen, documented, and all that a report may render.

How a notebook shows them is the report's business: `_repr_html_` asks it when a cell is shown, so
that nothing here depends on it otherwise.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.text import by_text, html_card, listed, plural
from fadefollow.verdict.exploratory import CoinCapacity, FragilityRow, SpaTest, SplitCell

Word = Literal["fade", "follow", "neither", "undecided"]
Interval = tuple[float, float]
#: verdicts that a terminal shows of a run
_SHOWN = 12


@dataclass(frozen=True)
class PnlSplit:
    """Where the money went, in the quote currency; the five sum to the net P&L.

    `liquidation` holds the whole loss of liquidated trades, which the other four leave out.
    """

    price: float
    funding: float
    fees: float  #: ≤ 0
    slippage: float  #: ≤ 0
    liquidation: float  #: ≤ 0


@dataclass(frozen=True)
class StanceResult:
    """One stance of one strategy × phase. NaN where the sample is too small to say."""

    n_trades: int  #: trades with a regular exit; those cut off by the end of data are left out
    mean_net_bps: float  #: mean net return per trade, bps of entry notional
    ci_bps: Interval  #: its studentised block-bootstrap interval
    anyhour_mean_bps: float  #: the same sides, holding and costs at every bar
    placebo_mean_bps: float  #: mean over the placebo draws
    momentum_mean_bps: float  #: mean excess over bars of like trailing return
    momentum_ci_bps: Interval
    p_placebo: float  #: share of placebo draws whose statistic is as large
    p_adjusted: float  #: corrected for all rows of the run
    sharpe: float  #: annualised, of daily returns
    max_drawdown: float  #: fraction of the capital that the account began with, ≤ 0
    breakeven_cost_bps: float  #: round-trip cost at which the mean is zero
    pnl: PnlSplit
    n_liquidated: int
    win_rate: float  #: share of trades with a positive net return
    mean_hold_hours: float
    n_days: int = 0  #: of the daily returns, those without a position included
    daily_skew: float = math.nan
    daily_kurtosis: float = math.nan  #: not in excess: 3 for normal returns
    #: probability that the true Sharpe ratio is above zero, as the best of all trials known
    deflated_sharpe: float = math.nan
    n_trials_known: int = 0  #: that the workspace knows to have been made on this data set
    p_placebo_error: float = math.nan  #: standard error that the number of draws leaves in the p
    p_adjusted_error: float = math.nan
    #: order size, quote currency, at which its own impact eats the mean net edge; NaN without one
    capacity_quote: float = math.nan
    capacity_median_quote: float = math.nan  #: median over coins, one without an edge counting 0
    capacity_by_coin: tuple[CoinCapacity, ...] = ()

    _repr_pretty_ = by_text

    def __str__(self) -> str:
        low, high = self.ci_bps
        interval = "" if math.isnan(low) else f" [{low:.0f}, {high:.0f}]"
        mean = "" if math.isnan(self.mean_net_bps) else f"{self.mean_net_bps:+.0f} bps{interval}, "
        return f"{mean}{plural(self.n_trades, 'trade')}".replace("-", "−")

    def _repr_html_(self) -> str | None:
        return html_card(self)


@dataclass(frozen=True)
class NotTraded:
    """A stance that could not be traded, and why."""

    reason: str

    _repr_pretty_ = by_text

    def __str__(self) -> str:
        return f"not traded ({self.reason})"


@dataclass(frozen=True)
class Verdict:
    """The answer for one strategy × phase."""

    strategy: str
    signal: str
    phase: str
    split: str | None
    symbols: tuple[str, ...]
    n_phases: int
    fade: StanceResult | NotTraded
    follow: StanceResult | NotTraded
    difference_ci_bps: Interval  #: interval of follow − fade
    detectable_bps: float  #: smallest effect that the whole rule shows with 80 % power
    verdict: Word
    why: str  #: one sentence: what decided
    #: on the lab: what was planted, in the lean's direction: for the perp its drift, by the label;
    #: for dated futures and spreads what trading the labelled episodes earns, by simulation
    planted_bps: float | None = None
    horizon_hours: float | None = None  #: on the lab: over which it acts
    planted_from: Literal["label", "simulation"] | None = None

    _repr_pretty_ = by_text

    def __str__(self) -> str:
        return (
            f"{self.strategy}, {self.phase} on {listed(self.symbols)}: {self.verdict}; "
            f"fade {self.fade}; follow {self.follow}"
        )

    def _repr_html_(self) -> str | None:
        return html_card(self)


@dataclass(frozen=True)
class EventStudy:
    """Mean cumulative return around the event in the lean's direction, net of funding, in bps.

    All arrays have one value an hour (or bar) in `hours`, 0 being the first possible entry.
    """

    strategy: str
    phase: str
    hours: tuple[float, ...]
    mean_bps: tuple[float, ...]
    placebo_mean_bps: tuple[float, ...]
    placebo_low_bps: tuple[float, ...]  #: 2.5 % quantile over placebo draws
    placebo_high_bps: tuple[float, ...]  #: 97.5 % quantile
    n_events: int
    #: mean path over all bars of the same coins and deciles of trailing return; empty if unknown
    momentum_mean_bps: tuple[float, ...] = ()

    _repr_pretty_ = by_text

    def __str__(self) -> str:
        span = f", {self.hours[0]:g} to {self.hours[-1]:g} h" if self.hours else ""
        events = plural(self.n_events, "event")
        return f"{self.strategy}: after {events} of {self.phase}{span}".replace(" -", " −")

    def _repr_html_(self) -> str | None:
        return html_card(self)


@dataclass(frozen=True)
class RunResult:
    """Everything that a run found; written by `fadefollow.reporting`, which computes nothing.

    Attributes:
        trades: TRADE_COLUMNS of `fadefollow.engine.model`.
        phases: every detected event (see `fadefollow.phases.Phases.table`).
        equity: daily, one row a UTC day; columns MultiIndex (strategy, stance): value of 1 unit
            of capital, marked to market at the day's end.
        prices: by coin, a frame with a UTC `time` index (open times) and the columns `open, high,
            low, close`, and what else was known at each bar's close, see
            `fadefollow.jobs.chart_data.prices_of`; runs of earlier versions have less of it.
        truth: on lab data, `symbol, phase, start, end, planted_bps, horizon_hours`.
        strategies: what the TOML of each strategy said, with all defaults filled in; and as
            `signal_about` what its signal's module says of the phases.
        splits: exploratory, they decide nothing.
        fragility: what flips under other assumptions; empty unless asked for.
        spa: whether the best book beats its placebo; None where no book could be tested.
        notes: what there is to say besides; `fadefollow.results.notes` words them.
        assumptions: `alpha`, and by name in `strategies`: `instrument, leverage, weight, capital,
            compound` and by coin `costs`, all defaults filled in; empty of earlier versions.
        folder: where it is stored; None where it is not, or where that is unknown.
    """

    name: str
    command: str
    started: pd.Timestamp
    version: str
    dataset: dict[str, Any]  #: name, title, fingerprint, coverage, simulated, audit
    verdicts: tuple[Verdict, ...]
    event_studies: tuple[EventStudy, ...]
    trades: pd.DataFrame
    phases: pd.DataFrame
    equity: pd.DataFrame
    prices: dict[str, pd.DataFrame]
    strategies: dict[str, dict[str, Any]]
    config: dict[str, Any]  #: all that is needed to run it again
    notes: tuple[Note, ...] = ()
    truth: pd.DataFrame | None = None
    missing: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    splits: tuple[SplitCell, ...] = ()
    fragility: tuple[FragilityRow, ...] = ()
    spa: SpaTest | None = None
    folder: Path | None = field(default=None, compare=False)
    assumptions: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        words = Counter(v.verdict for v in self.verdicts)
        found = ", ".join(f"{count} {word}" for word, count in words.most_common())
        told = f"RunResult({self.name} on {self.dataset.get('name')}: {found or 'no verdicts'})"
        shown = [
            f"  {v.phase}: {v.verdict}; fade {v.fade}; follow {v.follow}"
            for v in self.verdicts[:_SHOWN]
        ]
        rest = len(self.verdicts) - _SHOWN
        return "\n".join([told, *shown, *([f"  … and {rest} more: verdicts"] if rest > 0 else [])])

    def _repr_html_(self) -> str | None:
        return html_card(self)
