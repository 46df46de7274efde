"""Verdicts and the result of a run: frozen, documented, and all that a report may render.

How a notebook shows them is the report's business: `_repr_html_` asks it when a cell is shown, so
that nothing here depends on it otherwise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.text import by_text, figure, html_card, listed, plural
from fadefollow.engine.model import BOOKS, BookName
from fadefollow.errors import ParameterError, unknown
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.exploratory import (
    BookRatios,
    CoinCapacity,
    FragilityRow,
    SpaTest,
    SplitCell,
)
from fadefollow.verdict.words import Claim, Fate, Fates, Reason, ReasonCode, Settle, Word

#: a row in one word: the stance that pays, neither where both lose or are small, else open
RowWord = Literal["fade", "follow", "neither", "open"]
Interval = tuple[float, float]
NOWHERE: Interval = (math.nan, math.nan)
#: verdicts that a terminal shows of a run
_SHOWN = 12


@dataclass(frozen=True)
class PnlSplit:
    """Where the money went, in the quote currency; the parts sum to the net P&L.

    `liquidation` holds the whole loss of liquidated trades, which all others but `hedge` leave out.
    """

    price: float
    funding: float
    fees: float  #: ≤ 0
    slippage: float  #: ≤ 0
    liquidation: float  #: ≤ 0
    hedge: float = 0.0  #: price, funding and costs of the hedge legs


@dataclass(frozen=True)
class PlaceboInfo:
    """How a placebo was made."""

    kind: Literal["time", "coins"]  #: what it changes
    questions: int  #: over how many its p is corrected
    reach_days: float = math.nan  #: median distance of a shifted event from its own time
    kept: float = 1.0  #: share of the events that could be moved


@dataclass(frozen=True)
class StanceResult:
    """One stance of one strategy × phase in one book. NaN where the sample is too small to say."""

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
    word: Word = "untestable"
    reason: Reason = field(default_factory=lambda: Reason("few_blocks"))
    #: interval that holds for all questions asked together, from which the word is read
    band_bps: Interval = NOWHERE
    #: parts of the mean, bps a trade: price, funding, fees, slippage, liquidation, hedge
    parts_bps: PnlSplit = PnlSplit(*(math.nan,) * 6)
    price_ci_bps: Interval = NOWHERE  #: of the price part; in the hedged book of price and hedge
    funding_ci_bps: Interval = NOWHERE
    shrunken_bps: float = math.nan  #: pooled over coins, for reading only
    shrunken_ci_bps: Interval = NOWHERE
    spread_bps: float = math.nan  #: standard deviation of the coins' true edges, likewise
    placebo: PlaceboInfo | None = None  #: how its placebo was made
    detectable_bps: float = math.nan  #: smallest edge that the rule finds with 80 % power
    blocks: float = math.nan  #: effective number of independent blocks
    block_days: float = math.nan
    trades_a_year: float = math.nan
    time_in_market: float = math.nan  #: mean share of a listed coin's time in a position

    _repr_pretty_ = by_text

    def __str__(self) -> str:
        low, high = self.ci_bps
        interval = "" if math.isnan(low) else f" [{low:.0f}, {high:.0f}]"
        mean = "" if math.isnan(self.mean_net_bps) else f"{self.mean_net_bps:+.0f} bps{interval}, "
        return f"{self.word}, {mean}{plural(self.n_trades, 'trade')}".replace("-", "−")

    def _repr_html_(self) -> str | None:
        return html_card(self)


#: of `RunResult.table`
TABLE_COLUMNS = (
    *("strategy", "phase", "claim", "fate", "stance", "book", "word", "n_trades", "mean_net_bps"),
    *("ci_low_bps", "ci_high_bps", "band_low_bps", "band_high_bps"),
    *(f"{part}_bps" for part in ("price", "funding", "fees", "slippage", "liquidation", "hedge")),
    *("p_placebo", "p_adjusted", "placebo_mean_bps", "anyhour_mean_bps", "momentum_mean_bps"),
    *("detectable_bps", "blocks", "breakeven_cost_bps", "sharpe", "max_drawdown", "win_rate"),
    *("mean_hold_hours", "trades_a_year", "n_liquidated", "deflated_sharpe", "n_trials_known"),
)


def _figures(one: StanceResult) -> dict[str, Any]:
    """The columns of a row of `RunResult.table` that one stance in one book fills."""
    own = {name: getattr(one, name) for name in TABLE_COLUMNS if hasattr(one, name)}
    parts = {f"{part.name}_bps": getattr(one.parts_bps, part.name) for part in fields(PnlSplit)}
    low, high = one.ci_bps
    edges = {"ci_low_bps": low, "ci_high_bps": high}
    return (
        own
        | parts
        | edges
        | dict(zip(("band_low_bps", "band_high_bps"), one.band_bps, strict=True))
    )


@dataclass(frozen=True)
class NotTraded:
    """A stance, or a book of it, that could not be traded, and why."""

    reason: str
    code: ReasonCode = "not_tradable"
    streams: tuple[str, ...] = ()

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
    fade: StanceResult | NotTraded  #: outright
    follow: StanceResult | NotTraded
    difference_ci_bps: Interval  #: interval of follow − fade, outright
    claim: Claim = "disputed"  #: what the account says pays
    fates: Fates = field(default_factory=lambda: Fates("disputed", "untestable", None))
    reason: Reason = field(default_factory=lambda: Reason("no_trades"))
    settle: Settle | None = None  #: of an open or untestable row, what would settle it
    hedged: Mapping[Stance, StanceResult | NotTraded] = field(default_factory=dict)
    hedged_difference_ci_bps: Interval = NOWHERE
    #: on the lab: what was planted, in the lean's direction: for the perp its drift, by the label;
    #: or, where the label plants nothing, what is planted in other phases that its events fall
    #: into; for dated futures and spreads what trading the labelled episodes earns, by simulation
    planted_bps: float | None = None
    horizon_hours: float | None = None  #: on the lab: over which it acts
    planted_from: Literal["label", "others", "simulation"] | None = None

    _repr_pretty_ = by_text

    def result(self, stance: Stance, book: BookName) -> StanceResult | NotTraded:
        """One stance in one book."""
        if book == "outright":
            return self.fade if stance == "fade" else self.follow
        return self.hedged.get(stance, NotTraded("no hedged book", "no_hedge"))

    @property
    def results(self) -> dict[tuple[Stance, BookName], StanceResult]:
        """Every stance in every book that was traded."""
        keys = [(stance, book) for stance in STANCES for book in BOOKS]
        found = {key: self.result(*key) for key in keys}
        return {key: one for key, one in found.items() if isinstance(one, StanceResult)}

    @property
    def paying(self) -> tuple[tuple[Stance, BookName], ...]:
        """The stances that pay, with the book in which they do."""
        return tuple(key for key, one in self.results.items() if one.word == "pays")

    @property
    def fate(self) -> Fate:
        """What became of the claim."""
        return self.fates.fate

    @property
    def verdict(self) -> RowWord:
        """The row in one word."""
        if self.paying:
            return self.paying[0][0]
        for book in BOOKS:
            words = [one.word for (_, mine), one in self.results.items() if mine == book]
            if words and all(word in ("loses", "small") for word in words):
                return "neither"
        return "open"

    @property
    def detectable_bps(self) -> float:
        """The smallest edge that the rule finds with 80 % power in some stance and book."""
        known = [one.detectable_bps for one in self.results.values()]
        return min((bps for bps in known if not math.isnan(bps)), default=math.nan)

    def to_frame(self) -> pd.DataFrame:
        """A row for each stance and book that was traded, see `RunResult.table`."""
        return pd.DataFrame(self._rows(), columns=list(TABLE_COLUMNS))

    def plot(self) -> Any:
        """Mean net return of each stance and book with its interval: a Plotly figure."""
        return figure(self)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                **{name: getattr(self, name) for name in TABLE_COLUMNS[:4]},
                "stance": stance,
                "book": book,
                **_figures(one),
            }
            for (stance, book), one in self.results.items()
        ]

    def __str__(self) -> str:
        return (
            f"{self.strategy}, {self.phase} on {listed(self.symbols)}: {self.fate}; "
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

    def to_frame(self) -> pd.DataFrame:
        """A row an hour in `hours`: mean_bps, placebo_mean_bps, placebo_low_bps, …"""
        names = ("mean_bps", "placebo_mean_bps", "placebo_low_bps", "placebo_high_bps")
        columns = {name: getattr(self, name) for name in names}
        if self.momentum_mean_bps:
            columns["momentum_mean_bps"] = self.momentum_mean_bps
        return pd.DataFrame(columns, index=pd.Index(self.hours, name="hours"))

    def plot(self) -> Any:
        """The mean path over the placebo's band: a Plotly figure."""
        return figure(self)

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
            `signal_about` what its signal's module says of the phases, as `phase_about` what each
            is in about five words.
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
    prices: Mapping[str, pd.DataFrame]
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
    #: trades and daily equity of the hedged book; empty where nothing is hedged
    hedged_trades: pd.DataFrame = field(default_factory=pd.DataFrame)
    hedged_equity: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: exploratory: ratios of each book, its rolling mean, Sharpe ratio and beta, what holding the
    #: same coins was worth, and means by coin and year; empty of earlier versions
    ratios: tuple[BookRatios, ...] = ()
    rolling: pd.DataFrame = field(default_factory=pd.DataFrame)
    benchmark: pd.DataFrame = field(default_factory=pd.DataFrame)
    coin_years: pd.DataFrame = field(default_factory=pd.DataFrame)
    folder: Path | None = field(default=None, compare=False)
    assumptions: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """All numbers: a row for each strategy, phase, stance and book that was traded.

        Columns: strategy, phase, claim, fate, stance, book, word, n_trades, mean_net_bps, its
        interval (ci_low_bps, ci_high_bps) and the one that holds for all questions (band_low_bps,
        band_high_bps), the parts of the mean (price_bps, funding_bps, fees_bps, slippage_bps,
        liquidation_bps, hedge_bps), and the other numbers of `StanceResult`.
        """
        rows = [row for verdict in self.verdicts for row in verdict._rows()]
        return pd.DataFrame(rows, columns=list(TABLE_COLUMNS))

    def to_frame(self) -> pd.DataFrame:
        """The same as `table`."""
        return self.table

    def __getitem__(self, key: str | tuple[str, str]) -> Verdict:
        """The verdict of a phase, of a strategy, or of (strategy, phase).

        Raises:
            UnknownNameError: there is none.
            ParameterError: there are several; the message names them.
        """
        asked = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(part, str) for part in asked):
            raise ParameterError("a verdict is found by phase or strategy", got=repr(key))
        found = [v for v in self.verdicts if set(asked) <= {v.strategy, v.phase}]
        if not found:
            known = {name for v in self.verdicts for name in (v.phase, v.strategy)}
            raise unknown("phase or strategy", ", ".join(asked), known, where=self.name)
        if len(found) > 1:
            both = ", ".join(f"[{v.strategy!r}, {v.phase!r}]" for v in found)
            raise ParameterError("several verdicts have this name", got=repr(key), hint=both)
        return found[0]

    def plot(self, what: Literal["verdicts", "equity"] = "verdicts", **choices: Any) -> Any:
        """A Plotly figure.

        Args:
            what: "verdicts" draws every mean with its interval; "equity" one strategy's gain and
                drawdown, in each stance and book.
            choices: of equity, `strategy`; by default the only one.
        """
        return figure(self, what, **choices)

    def __repr__(self) -> str:
        words = Counter(v.fate for v in self.verdicts)
        found = ", ".join(f"{count} {word}" for word, count in words.most_common())
        told = f"RunResult({self.name} on {self.dataset.get('name')}: {found or 'no verdicts'})"
        shown = [
            f"  {v.phase}: {v.fate}; fade {v.fade}; follow {v.follow}"
            for v in self.verdicts[:_SHOWN]
        ]
        rest = len(self.verdicts) - _SHOWN
        return "\n".join([told, *shown, *([f"  … and {rest} more: verdicts"] if rest > 0 else [])])

    def _repr_html_(self) -> str | None:
        return html_card(self)
