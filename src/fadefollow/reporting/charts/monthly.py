"""Returns by calendar month: a row a year, a column a month."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES
from fadefollow.reporting.text.formatting import count, fixed, percent, titled
from fadefollow.verdict.model import RunResult

MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
Key = TypeVar("Key")
#: steps of colour on either side of zero
STEPS = 4


@dataclass(frozen=True)
class Month:
    """One cell: per cent as text, and how strongly it is coloured, −4 to 4."""

    text: str
    level: int = 0
    note: str = ""  #: what more there is to know of it


@dataclass(frozen=True)
class Year:
    """One row: twelve months, those outside the equity curve empty, and their total."""

    year: str
    months: tuple[Month, ...]
    total: Month


@dataclass(frozen=True)
class MonthlyTable:
    """All months of one stance of a strategy."""

    stance: str
    title: str
    years: tuple[Year, ...]
    summary: str  #: how many months gained, the best and the worst


def monthly_tables(
    run: RunResult, strategy: str, book: BookName = "outright"
) -> tuple[MonthlyTable, ...]:
    """One table a stance that has an equity curve, coloured on one scale; latest year first."""
    compound = compounds(run, strategy)
    equity = run.hedged_equity if book == "hedged" else run.equity
    curves = {
        stance: equity[(strategy, stance)].dropna()
        for stance in STANCES
        if (strategy, stance) in equity.columns
    }
    found = {
        str(stance): (monthly(curve, compound=compound), yearly(curve, compound=compound))
        for stance, curve in curves.items()
        if len(curve)
    }
    sizes = [abs(gain) for months, _ in found.values() for gain in months.values() if gain]
    reach = float(np.quantile(sizes, 0.9)) if sizes else 1.0
    return tuple(_table(s, months, years, reach) for s, (months, years) in found.items())


def compounds(run: RunResult, strategy: str) -> bool:
    """Whether a strategy's positions grow with its gains."""
    trade = run.strategies.get(strategy, {}).get("trade", {})
    return bool(trade.get("compound", False)) if isinstance(trade, Mapping) else False


def monthly(equity: pd.Series, *, compound: bool = False) -> dict[tuple[int, int], float]:
    """The gain of each calendar month, UTC.

    Args:
        equity: value of 1 unit of capital at the end of each UTC day, without NaN.
        compound: whether positions grow with gains. If so a gain is a share of what the account
            was worth when the month began; else of the fixed capital, and months add up.

    Returns:
        Fractions by year and month; months before the first and after the last day are not there.
    """
    days = pd.DatetimeIndex(equity.index)
    return _gains(
        equity, list(zip(days.year.tolist(), days.month.tolist(), strict=True)), compound=compound
    )


def yearly(equity: pd.Series, *, compound: bool = False) -> dict[int, float]:
    """The gain of each calendar year, UTC; as `monthly`."""
    return _gains(equity, pd.DatetimeIndex(equity.index).year.tolist(), compound=compound)


def _gains(equity: pd.Series, keys: list[Key], *, compound: bool) -> dict[Key, float]:
    ends = dict(zip(keys, equity.to_numpy(np.float64).tolist(), strict=True))  # the last one stays
    starts = [1.0, *ends.values()]
    pairs = [(k, end, start) for (k, end), start in zip(ends.items(), starts, strict=False)]
    if compound:  # of an account that has nothing left, no month is a share
        return {k: end / start - 1 for k, end, start in pairs if start > 0}
    return {k: end - start for k, end, start in pairs}


def _table(
    stance: str, months: dict[tuple[int, int], float], years: dict[int, float], reach: float
) -> MonthlyTable:
    rows = tuple(
        Year(
            year=str(year),
            months=tuple(_month(months.get((year, month)), reach) for month in range(1, 13)),
            total=_month(total, math.inf),
        )
        for year, total in reversed(years.items())
    )
    return MonthlyTable(stance, titled(stance), rows, _summary(months))


def _month(gain: float | None, reach: float) -> Month:
    if gain is None:
        return Month("")
    text = fixed(gain * 100, 1 if abs(gain) < 0.0995 else 0, sign=True)
    if not text.strip("0."):
        return Month("0")
    if math.isinf(reach):
        return Month(text)
    step = min(max(math.ceil(STEPS * abs(gain) / reach), 1), STEPS)
    return Month(text, step if gain > 0 else -step)


def _summary(months: dict[tuple[int, int], float]) -> str:
    moved = {key: gain for key, gain in months.items() if gain}
    if not moved:
        return "No month with a gain or a loss."
    ups = sum(gain > 0 for gain in moved.values())
    best, worst = max(moved, key=lambda k: moved[k]), min(moved, key=lambda k: moved[k])
    told = (f"{MONTHS[k[1] - 1]} {k[0]} ({percent(moved[k], sign=True)})" for k in (best, worst))
    return (
        f"{fixed(ups)} of {count(len(moved), 'month')} with a gain or a loss gained; best "
        f"{', worst '.join(told)}."
    )
