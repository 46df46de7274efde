"""The tables of a run: phases, trades, equity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from fadefollow.engine.model import BOOKS, TRADE_COLUMNS, Book, BookName
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.plans.trading import trade_table
from fadefollow.phases import COLUMNS, STANCES, Phases, Stance
from fadefollow.verdict.run.prepare import Ready


def phases_table(detected: Sequence[Phases], ready: Sequence[Ready] = ()) -> pd.DataFrame:
    """The events that the run is about, each once.

    Of a signal with several sets of parameters, a phase's events are those of the strategies that
    trade it; those of a phase that no strategy trades are of the first set.
    """
    once = list({id(found): found for found in detected}.values())
    traded: dict[int, set[str]] = {}
    for one in ready:
        traded.setdefault(id(one.phases), set()).update(one.strategy.phases)
    wanted = {(_signal(f), name) for f in once for name in traded.get(id(f), ())}
    tables, first = [], set[tuple[str, str]]()
    for found in once:
        if not len(found.table):
            continue
        names = set(found.table["phase"].astype(str))
        free = {n for n in names if (_signal(found), n) not in wanted | first}
        first |= {(_signal(found), name) for name in free}
        tables.append(found.table[found.table["phase"].isin(traded.get(id(found), set()) | free)])
    if not tables:
        return next((found.table for found in once), pd.DataFrame(columns=COLUMNS))
    table = pd.concat(tables, ignore_index=True)
    table = table.drop_duplicates(["time", "symbol", "signal", "phase"])
    return table.sort_values(["time", "symbol", "phase"], kind="stable", ignore_index=True)


def _signal(found: Phases) -> str:
    return str(found.table["signal"].iloc[0]) if len(found.table) else ""


def trades_table(
    plans: Sequence[Plan], made: Mapping[tuple[str, Stance], Sequence[Book]], book: BookName
) -> pd.DataFrame:
    """All trades of one book, a row a trade, in the order of the plans."""
    tables = [
        trade_table(
            plan, {s: made[plan.strategy, s] for s in STANCES if (plan.strategy, s) in made}, book
        )
        for plan in plans
        if book == "outright" or plan.basket is not None
    ]
    kept = [table for table in tables if len(table)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=list(TRADE_COLUMNS))


def equity_tables(
    plans: Sequence[Plan], found: Sequence[Mapping[tuple[Stance, BookName], pd.Series]]
) -> dict[BookName, pd.DataFrame]:
    """By book, value of one unit of capital at each UTC day's end, as vectorbt's portfolio has it.

    Args:
        plans: the strategies.
        found: of each of them, by stance and book.

    Returns:
        One column a strategy and stance.
    """
    columns: dict[BookName, dict[tuple[str, Stance], pd.Series]] = {book: {} for book in BOOKS}
    for plan, values in zip(plans, found, strict=True):
        for (stance, book), series in values.items():
            columns[book][plan.strategy, stance] = series
    return {book: _framed(series) for book, series in columns.items()}


def _framed(columns: Mapping[tuple[str, Stance], pd.Series]) -> pd.DataFrame:
    index = pd.DatetimeIndex([], name="day") if not columns else None
    frame = pd.DataFrame(columns, index=index)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["strategy", "stance"])
    frame.index = pd.DatetimeIndex(frame.index, tz="UTC", name="day")
    return frame
