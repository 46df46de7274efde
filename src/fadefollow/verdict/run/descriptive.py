"""What describes the books of a run and decides nothing: ratios, benchmarks, coins by year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from vectorbt_rust.returns import (
    annualized_return_rs,
    beta_rs,
    calmar_ratio_rs,
    rolling_beta_rs,
    rolling_sharpe_ratio_rs,
    sharpe_ratio_rs,
    sortino_ratio_rs,
)

from fadefollow.engine.model import DAY_NS, BookName, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.exploratory import BookRatios, Fall

#: of a rolling ratio, days; and every how many days it is kept
WINDOW, STEP = 365, 7
_YEAR = 365.0  #: days


def benchmarks(plans: Sequence[Plan]) -> pd.DataFrame:
    """By strategy, the value of one unit that held its coins, at each UTC day's end.

    An equal amount in each coin that had a price on the day before, set anew each day, as gains of
    the books are shares of a fixed capital and add up. No costs, no funding.
    """
    made: dict[tuple[str, ...], pd.Series] = {}
    columns: dict[str, pd.Series] = {}
    for plan in plans:
        key = (*plan.symbols, *map(str, plan.time[[0, -1]]))
        if key not in made:
            made[key] = _held(plan)
        columns[plan.strategy] = made[key]
    return pd.DataFrame(columns, index=None if columns else pd.DatetimeIndex([], tz="UTC"))


def _held(plan: Plan) -> pd.Series:
    day = plan.time // DAY_NS
    # the last known close of each day; of a day without one none
    closes = [pd.Series(arrays.close).groupby(day).last() for arrays in plan.coin_arrays]
    table = pd.concat(closes, axis=1)
    gains = table / table.shift(1) - 1.0
    index = pd.DatetimeIndex(pd.to_datetime(table.index.to_numpy() * DAY_NS, utc=True), name="day")
    return pd.Series(1.0 + gains.mean(axis=1).fillna(0.0).cumsum().to_numpy(), index=index)


def ratios(
    equity: Mapping[BookName, pd.DataFrame], held: pd.DataFrame
) -> tuple[tuple[BookRatios, ...], pd.DataFrame]:
    """The ratios of each book, and its rolling mean, Sharpe ratio and beta.

    Ratios are vectorbt's. Mean, Sharpe, Sortino, beta and the best and worst day are of daily P&L
    over the capital that the account began with, as is the Sharpe ratio of a verdict; growth a
    year and Calmar's ratio are of the account's own value, and NaN of one that ever had nothing
    left.

    Args:
        equity: by book, value of one unit at each UTC day's end, columns (strategy, stance).
        held: from `benchmarks`.

    Returns:
        The ratios, and a table `time, strategy, stance, book, mean, sharpe, beta`, one row a week:
        over the last 365 days, of which the mean is that of the daily gains, a year.
    """
    found: list[BookRatios] = []
    rolling: list[pd.DataFrame] = []
    for book, values in equity.items():
        if not len(values) or not len(values.columns):
            continue
        naive = values.tz_localize(None)
        daily = naive.diff()
        daily.iloc[0] = naive.iloc[0] - 1.0
        beside = held.reindex(columns=values.columns.get_level_values(0))
        market = beside.tz_localize(None).reindex(naive.index).diff().fillna(0.0)
        market.columns = daily.columns
        found.extend(_of_book(book, naive, daily, market))
        rolling.append(_rolling(book, daily, market))
    names = ["time", "strategy", "stance", "book", "mean", "sharpe", "beta"]
    table = pd.concat(rolling, ignore_index=True) if rolling else pd.DataFrame(columns=names)
    return tuple(found), table


def _of_book(
    book: BookName, values: pd.DataFrame, daily: pd.DataFrame, market: pd.DataFrame
) -> list[BookRatios]:
    own = values.where(values > 0.0)
    growth = (own / own.shift(1, fill_value=1.0) - 1.0).to_numpy(np.float64)
    fixed = daily.fillna(0.0).to_numpy(np.float64)
    solvent = (values.fillna(1.0) > 0.0).all()

    def by_book(found: FloatArray) -> pd.Series:
        return pd.Series(found, values.columns)

    tables = {
        "growth_a_year": by_book(annualized_return_rs(growth, _YEAR)).where(solvent),
        "calmar": by_book(calmar_ratio_rs(growth, _YEAR)).where(solvent),
        "sharpe": by_book(sharpe_ratio_rs(fixed, _YEAR)),
        "sortino": by_book(sortino_ratio_rs(fixed, _YEAR)),
        "beta": by_book(beta_rs(fixed, market.to_numpy(np.float64))),
        "best_day": daily.max(),
        "worst_day": daily.min(),
        "days_in_market": (daily.fillna(0.0) != 0.0).mean(),
    }
    falls = _falls(values)
    years = values.notna().sum() / 365.0
    gains = (values.ffill().iloc[-1] - 1.0) / years
    return [
        BookRatios(
            strategy=str(key[0]),
            stance=str(key[1]),
            book=book,
            gain_a_year=float(gains[key]),
            falls=falls.get((str(key[0]), str(key[1])), ()),
            **{name: _finite(table[key]) for name, table in tables.items()},
        )
        for key in values.columns
    ]


def _falls(values: pd.DataFrame) -> dict[tuple[str, str], tuple[Fall, ...]]:
    """The deepest drawdowns of each book."""
    before = values.index[0] - pd.Timedelta(days=1)
    begun = pd.DataFrame(1.0, index=[before], columns=values.columns)
    whole = pd.concat([begun, values.ffill().fillna(1.0)])
    days = pd.DatetimeIndex(whole.index).strftime("%Y-%m-%d")
    columns = whole.to_numpy(np.float64).T
    return {
        (str(pair[0]), str(pair[1])): _deepest(value, days)
        for pair, value in zip(whole.columns, columns, strict=True)
    }


def _deepest(value: FloatArray, days: pd.Index, most: int = 5) -> tuple[Fall, ...]:
    """The deepest drawdowns of one account, as in vectorbt's records.

    From the last day at a peak to the first day at or above it again. (vectorbt's own function
    imports all of the package.)
    """
    under = value < np.maximum.accumulate(value)
    edges = np.flatnonzero(np.diff(under, prepend=False, append=False))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        valley = start + int(np.argmin(value[start:end]))
        over = days[end] if end < len(value) else ""
        depth = float(value[valley] - value[start - 1])
        found.append(Fall(days[start - 1], days[valley], over, depth))
    return tuple(sorted(found, key=lambda fall: fall.depth)[:most])


def _rolling(book: BookName, daily: pd.DataFrame, market: pd.DataFrame) -> pd.DataFrame:
    """One row a week and book, from the end of the first window on."""
    gains = daily.fillna(0.0)
    fixed, beside = gains.to_numpy(np.float64), market.to_numpy(np.float64)
    mean = gains.rolling(WINDOW, min_periods=WINDOW).mean() * 365.0
    tables = {
        "mean": mean.to_numpy(np.float64),
        "sharpe": rolling_sharpe_ratio_rs(fixed, WINDOW, WINDOW, _YEAR),
        "beta": rolling_beta_rs(fixed, WINDOW, WINDOW, beside),
    }
    weeks = slice(WINDOW - 1, None, STEP)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "time": pd.DatetimeIndex(daily.index[weeks]).tz_localize("UTC"),
                    "strategy": str(key[0]),
                    "stance": str(key[1]),
                    "book": book,
                    **{name: table[weeks, number] for name, table in tables.items()},
                }
            )
            for number, key in enumerate(daily.columns)
        ],
        ignore_index=True,
    ).replace([math.inf, -math.inf], math.nan)


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else math.nan


def coin_years(trades: pd.DataFrame) -> pd.DataFrame:
    """Number and mean net return of the trades by phase, stance, coin and year of entry.

    Without those that the end of data cut off. Columns `strategy, phase, stance, symbol, year,
    n_trades, mean_net_bps`; legs of one trade count as one.
    """
    keys = ["strategy", "phase", "stance", "symbol", "year"]
    names = [*keys, "n_trades", "mean_net_bps"]
    if trades.empty:
        return pd.DataFrame(columns=names)
    whole = trades[trades["exit_reason"] != "end"]
    year = pd.DatetimeIndex(whole["entry_time"]).year
    net = whole.assign(year=year).groupby([*keys, "trade_id"], observed=True, sort=False)["return"]
    table = net.sum().groupby(level=keys, observed=True, sort=False).agg(["size", "mean"])
    table = table.reset_index().set_axis(names, axis=1)
    return table.assign(mean_net_bps=1e4 * table["mean_net_bps"])
