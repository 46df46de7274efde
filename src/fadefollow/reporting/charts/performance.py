"""What the trades of a run amounted to: equity, drawdown, the split of P&L, returns, exits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.model import BOOKS, BookName
from fadefollow.phases import STANCES
from fadefollow.reporting.charts.downsample import FloatArray, Line, keep_extremes, millis, thin
from fadefollow.reporting.charts.monthly import compounds, yearly
from fadefollow.verdict.model import Interval, NotTraded, RunResult, Verdict

#: where the money went, in the order shown
PARTS = ("price", "funding", "fees", "slippage", "liquidation", "hedge")


@dataclass(frozen=True)
class EquityCurve:
    """One stance of a strategy in a book: gain and drawdown in per cent, and each year's gain.

    Usually positions are sized by a fixed capital, of which all these are shares, and gains add
    up. Where they compound, a drawdown is a share of the peak, a year's gain one of what the
    account was worth when the year began.
    """

    stance: str
    time: FloatArray  #: milliseconds since 1970 UTC, of both curves
    gain: FloatArray
    drawdown: FloatArray
    years: dict[int, float]  #: gain of each calendar year, fraction
    book: BookName = "outright"


@dataclass(frozen=True)
class EquityFigure:
    """One strategy's equity in both stances and books, as far as traded."""

    strategy: str
    curves: tuple[EquityCurve, ...]
    compound: bool = False  #: positions grow with gains
    simulated: bool = False
    held: Line | None = None  #: gain of holding the same coins, per cent; None where unknown
    #: by stance and book, mean gain over the last 365 days as of each week, per cent a year; empty
    #: of a history of less than that, and of runs of earlier versions
    means: dict[tuple[str, str], Line] = field(default_factory=dict)

    @property
    def hedged(self) -> bool:
        """Whether there is a curve of the hedged book."""
        return any(curve.book == "hedged" for curve in self.curves)


@dataclass(frozen=True)
class SplitFigure:
    """What each part contributed to the mean of one phase in one book, by stance.

    Of runs of the first schema, which knew no parts of a mean, to the net P&L.
    """

    strategy: str
    phase: str
    parts: dict[str, tuple[float, ...]]  #: in the order of PARTS
    book: BookName = "outright"
    unit: str = "bps a trade"  #: or quote currency
    #: by stance, and by part or `net`, in the same unit
    intervals: dict[str, dict[str, Interval]] = field(default_factory=dict)


@dataclass(frozen=True)
class GainFigure:
    """The summed net P&L of one phase's trades by stance, quote currency, at their exits."""

    strategy: str
    phase: str
    lines: dict[str, Line]


@dataclass(frozen=True)
class ReturnsFigure:
    """Counts of trade returns between common edges; the outer bins hold all beyond."""

    strategy: str
    phase: str
    edges_bps: FloatArray
    counts: dict[str, npt.NDArray[np.int64]]
    quantiles: dict[str, tuple[float, ...]]  #: 5, 25, 50, 75, 95 %, bps


@dataclass(frozen=True)
class TradeLists:
    """The best and worst trades of one phase and stance, and how trades ended."""

    strategy: str
    phase: str
    stance: str
    best: pd.DataFrame
    worst: pd.DataFrame
    exits: dict[str, int]


def equity_figures(run: RunResult, *, points: int = 800) -> tuple[EquityFigure, ...]:
    """Equity and drawdown of every strategy that has an equity curve."""
    tables: dict[BookName, pd.DataFrame] = {"outright": run.equity, "hedged": run.hedged_equity}
    columns = [(str(pair[0]), str(pair[1])) for pair in run.equity.columns]
    figures, means = [], _means(run)
    for strategy in dict.fromkeys(s for s, _ in columns):
        compound = compounds(run, strategy)
        curves = [
            _curve(
                (stance, book),
                tables[book][(strategy, stance)].dropna(),
                points,
                compound=compound,
            )
            for stance in STANCES
            for book in BOOKS
            if (strategy, stance) in tables[book].columns
        ]
        drawn = tuple(c for c in curves if c.time.size)
        figures.append(
            EquityFigure(
                strategy,
                drawn,
                compound,
                bool(run.dataset.get("simulated", False)),
                _benchmark(run, strategy, points),
                means.get(strategy, {}),
            )
        )
    return tuple(figures)


def _benchmark(run: RunResult, strategy: str, points: int) -> Line | None:
    if strategy not in run.benchmark:
        return None
    value = run.benchmark[strategy].dropna()
    if value.empty:
        return None
    gain = (value.to_numpy(np.float64) - 1.0) * 100.0
    return thin(millis(pd.DatetimeIndex(value.index)), gain, points=points // 2)


def by_book(rolling: pd.DataFrame) -> dict[str, dict[tuple[str, str], pd.DataFrame]]:
    """The rows of a run's rolling ratios by strategy, and of each by stance and book."""
    names = ["strategy", "stance", "book"]
    if not len(rolling):
        return {}
    found: dict[str, dict[tuple[str, str], pd.DataFrame]] = {}
    numbers = rolling.drop(columns=names)
    for (strategy, stance, book), rows in numbers.groupby([rolling[n] for n in names], sort=False):
        found.setdefault(str(strategy), {})[str(stance), str(book)] = rows
    return found


def _means(run: RunResult) -> dict[str, dict[tuple[str, str], Line]]:
    """By strategy, and by stance and book, the mean gain of the last year as of each week."""
    if "mean" not in run.rolling:
        return {}
    return {
        strategy: {
            key: Line(millis(rows["time"]), rows["mean"].to_numpy(np.float64) * 100.0)
            for key, rows in books.items()
            if len(rows) > 1
        }
        for strategy, books in by_book(run.rolling.dropna(subset=["mean"])).items()
    }


def split_figure(verdict: Verdict, book: BookName = "outright") -> SplitFigure:
    """The parts of one verdict's P&L in a book; stances that were not traded are left out."""
    found = {s: r for s in STANCES if not isinstance(r := verdict.result(s, book), NotTraded)}
    known = all(math.isfinite(r.parts_bps.price) for r in found.values() if r.n_trades)
    parts, intervals = dict[str, tuple[float, ...]](), dict[str, dict[str, Interval]]()
    for stance, result in found.items():
        split = result.parts_bps if known else result.pnl
        values = (float(getattr(split, part)) for part in PARTS)
        parts[str(stance)] = tuple(x if math.isfinite(x) else 0.0 for x in values)
        # hedged, the price's interval is that of price and hedge together
        price = {} if book == "hedged" else {"price": result.price_ci_bps}
        pairs = {**price, "funding": result.funding_ci_bps, "net": result.ci_bps}
        usable = {name: pair for name, pair in pairs.items() if math.isfinite(pair[0])}
        intervals[str(stance)] = usable if known else {}
    unit = "bps a trade" if known else "quote currency"
    return SplitFigure(verdict.strategy, verdict.phase, parts, book, unit, intervals)


class ClosedTrades:
    """The trades behind each verdict: whole trades, without those cut off by the end of the data.

    The legs of a carry trade are one row here: their P&L summed, over the future leg's notional.
    """

    def __init__(self, run: RunResult) -> None:
        whole = run.trades[run.trades["exit_reason"] != "end"]
        keys = ["strategy", "phase", "stance"]
        self._none = run.trades.iloc[:0]
        self._kept: dict[tuple[tuple[str, str, str], tuple[str, ...]], pd.DataFrame] = {}
        self._by_key = {
            tuple(map(str, key)): join_legs(rows)
            for key, rows in whole.groupby(keys, sort=False, observed=True)
        }

    def of(self, verdict: Verdict, stance: str) -> pd.DataFrame:
        """Those of one stance of a verdict, on its coins."""
        key = (verdict.strategy, verdict.phase, stance)
        if (key, verdict.symbols) not in self._kept:
            mine = self._by_key.get(key, self._none)
            kept = mine[mine["symbol"].isin(verdict.symbols)] if verdict.symbols else mine
            self._kept[key, verdict.symbols] = kept
        return self._kept[key, verdict.symbols]


def gain_figure(trades: ClosedTrades, verdict: Verdict, *, points: int = 160) -> GainFigure:
    """What one phase's trades earned one after the other, in both stances."""
    lines: dict[str, Line] = {}
    for stance in STANCES:
        mine = trades.of(verdict, stance)
        if len(mine):
            left, gains = millis(mine["exit_time"]), mine["pnl"].to_numpy(np.float64)
            order = np.argsort(left, kind="stable")
            begin = millis(mine["entry_time"]).min()
            total = np.concatenate(([0.0], np.cumsum(gains[order])))
            lines[stance] = thin(np.concatenate(([begin], left[order])), total, points=points)
    return GainFigure(verdict.strategy, verdict.phase, lines)


def returns_figure(trades: ClosedTrades, verdict: Verdict, *, bins: int = 36) -> ReturnsFigure:
    """How the returns of one phase's trades are spread, in both stances."""
    by_stance = {s: trades.of(verdict, s)["return"].dropna() * 1e4 for s in STANCES}
    traded = {s: r.to_numpy(np.float64) for s, r in by_stance.items() if len(r)}
    pooled = np.concatenate(list(traded.values())) if traded else np.zeros(1)
    low, high = np.quantile(pooled, [0.005, 0.995])
    reach = max(abs(low), abs(high), 1.0)
    edges = np.linspace(-reach, reach, bins + 1)
    return ReturnsFigure(
        strategy=verdict.strategy,
        phase=verdict.phase,
        edges_bps=edges,
        counts={s: np.histogram(r.clip(-reach, reach), edges)[0] for s, r in traded.items()},
        quantiles={
            s: tuple(float(q) for q in np.quantile(r, [0.05, 0.25, 0.5, 0.75, 0.95]))
            for s, r in traded.items()
        },
    )


def trade_lists(
    trades: ClosedTrades, verdict: Verdict, stance: str, *, most: int = 3
) -> TradeLists:
    """The `most` best and worst trades of one stance, and its exits by reason."""
    mine = trades.of(verdict, stance)
    half = min(most, len(mine) // 2) if len(mine) > 1 else len(mine)
    gains = pd.Series(mine["return"].to_numpy(np.float64))
    order = gains.sort_values(ascending=False).index.to_numpy()
    exits = mine["exit_reason"].iloc[order].astype(str).value_counts()
    return TradeLists(
        strategy=verdict.strategy,
        phase=verdict.phase,
        stance=stance,
        best=mine.iloc[order[:half]],
        worst=mine.iloc[order[len(mine) - half :][::-1] if len(mine) > 1 else order[:0]],
        exits={str(reason): int(n) for reason, n in exits.items()},
    )


def _curve(
    whose: tuple[str, BookName],
    value: pd.Series,
    points: int,
    *,
    compound: bool,
) -> EquityCurve:
    time = millis(pd.DatetimeIndex(value.index))
    series = value.to_numpy(np.float64)
    peak = np.maximum.accumulate(np.fmax(series, 1.0)) if series.size else series
    gain, drawdown = (series - 1) * 100, (series - peak) * 100
    if compound:
        drawdown = drawdown / peak
    kept = np.union1d(
        keep_extremes(gain, points=points // 2), keep_extremes(drawdown, points=points // 2)
    )
    return EquityCurve(
        stance=whose[0],
        book=whose[1],
        time=time[kept],
        gain=gain[kept],
        drawdown=drawdown[kept],
        years=yearly(value, compound=compound),
    )


def join_legs(trades: pd.DataFrame) -> pd.DataFrame:
    """One row a trade: the legs of a carry summed, over the first future leg's notional.

    It is left where its last future leg is: a future that is rolled is held on in the next one.
    """
    key = ["symbol", "trade_id"]
    if trades["trade_id"].is_unique or not trades.duplicated(key).any():
        return trades
    spot = trades["leg"].eq("spot")
    ordered = trades.assign(_spot=spot).sort_values(["_spot", "entry_time"], kind="stable")
    legs = ordered.groupby(key, sort=False)
    joined = legs.first()
    lasting = ordered[~ordered["_spot"]].groupby(key, sort=False).last()
    for column in ("exit_time", "exit_price", "exit_reason"):
        joined[column] = lasting[column].reindex(joined.index).fillna(joined[column])
    for column in ("fees", "slippage", "funding", "pnl"):
        joined[column] = legs[column].sum()
    joined["return"] = joined["pnl"] / joined["notional"]
    return joined.reset_index().reindex(columns=trades.columns)
