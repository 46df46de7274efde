"""A stored run read back, so that it can be rendered again or compared with others."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from fadefollow.core.reading import parsed_json
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.errors import FadeFollowError, StoreError
from fadefollow.results.record import SCHEMA
from fadefollow.results.tuning_record import tuning_from
from fadefollow.results.verdict_record import upgraded, verdict_from
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.exploratory import FragilityRow, SpaTest, SplitCell
from fadefollow.verdict.model import (
    EventStudy,
    Interval,
    RunResult,
    Verdict,
)

#: that can be read
SCHEMAS = (1, SCHEMA)
T = TypeVar("T")
_REPEAT = "the first line of its config.toml is the command that makes it anew"
#: columns without which a table cannot be shown
_NEEDED: dict[str, tuple[str, ...]] = {
    "trades": tuple(c for c in TRADE_COLUMNS if c not in ("book", "hedge", "beta")),
    "phases": ("time", "symbol", "phase"),
    "equity": ("time", "strategy", "stance", "value"),
    "prices": ("symbol",),
    "truth": ("symbol", "phase", "start", "end"),
    "splits": (),
}


def read_run(path: Path) -> RunResult:
    """The run stored in the folder `path`.

    What NaN was comes back as NaN; times inside `dataset` come back as ISO text.

    Raises:
        StoreError: the folder is no run, or one of its files cannot be read.
    """
    with _as_store_error(path):
        return _read(path)


def read_tuning(path: Path) -> Tuning | None:
    """The tuning job whose out-of-sample trades the run in the folder `path` is; None for others.

    Raises:
        StoreError: the folder is no run, or one of its files cannot be read.
    """
    with _as_store_error(path):
        record = _json(path / "result.json").get("tuning")
        return None if record is None else tuning_from(record, path)


@contextlib.contextmanager
def _as_store_error(path: Path) -> Iterator[None]:
    try:
        yield
    except FadeFollowError:
        raise
    except FileNotFoundError as error:
        lost = Path(error.filename).name if error.filename else "a file"
        known = (path / "config.toml").exists() and lost != "result.json"
        raise StoreError(
            "a run must be a folder that `fadefollow run` or `fadefollow tune` wrote",
            got=f"no {lost}",
            where=str(path),
            hint=_REPEAT if known else "reports/runs/index.html lists the runs",
        ) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise StoreError(
            "the files of a run must be as they were written",
            got=_told(error),
            where=str(path),
            hint=f"changed since, or written by an earlier version; {_REPEAT}",
        ) from error


def _told(error: Exception) -> str:
    return f"{'nothing called ' if isinstance(error, KeyError) else ''}{error}"


def _read(path: Path) -> RunResult:
    result = _json(path / "result.json")
    report = _json(path / "report.json")
    truth, splits = path / "truth.parquet", path / "splits.parquet"
    trades, equity = _with_books(_table(path, "trades")), _with_books(_table(path, "equity"))
    return RunResult(
        name=report["name"],
        command=result["command"],
        started=pd.Timestamp(report["started"]),
        version=result["version"],
        dataset=report["dataset"],
        verdicts=_verdicts(result, report),
        event_studies=tuple(_study(record) for record in report["event_studies"]),
        trades=trades[trades["book"] == "outright"].reset_index(drop=True),
        hedged_trades=trades[trades["book"] == "hedged"].reset_index(drop=True),
        phases=_table(path, "phases"),
        equity=_equity(equity[equity["book"] == "outright"]),
        hedged_equity=_equity(equity[equity["book"] == "hedged"]),
        prices=_prices(_table(path, "prices"), report["coins"]),
        strategies=report["strategies"],
        config=report["config"],
        assumptions=result.get("assumptions", {}),
        warnings=tuple(result["warnings"]),
        truth=_table(path, "truth") if truth.exists() else None,
        missing={
            outer: {inner: tuple(streams) for inner, streams in parts.items()}
            for outer, parts in report["missing"].items()
        },
        seconds=result["seconds"],
        versions=report["versions"],
        splits=_splits(_table(path, "splits")) if splits.exists() else (),
        fragility=tuple(_known(FragilityRow, row) for row in report.get("fragility", ())),
        spa=_known(SpaTest, result["spa"]) if result.get("spa") else None,
    )


def _json(path: Path) -> dict[str, Any]:
    record = parsed_json(path.read_text("utf-8"))
    schema = record.get("schema") if isinstance(record, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise StoreError(
            "a run must have been written by this version of fadefollow or an earlier one",
            got=f"schema {schema}, where this version knows {SCHEMA}",
            where=str(path),
            hint="update fadefollow",
        )
    if schema not in SCHEMAS:
        raise ValueError(f"{path.name}: schema {schema}, must be {SCHEMA}")
    return dict(record)


def _verdicts(result: dict[str, Any], report: dict[str, Any]) -> tuple[Verdict, ...]:
    if result["schema"] != 1:
        return tuple(verdict_from(record) for record in result["verdicts"])
    claims = {name: one.get("claim", "") for name, one in report["strategies"].items()}
    pairs = zip(result["verdicts"], report["verdicts"], strict=True)
    return tuple(
        verdict_from(upgraded(public, private, claim=claims.get(public["strategy"], "")))
        for public, private in pairs
    )


def _with_books(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its books; the first schema had the outright one only."""
    if "book" in table:
        return table
    if "pnl" not in table:
        return table.assign(book="outright")
    place = table.columns.get_loc("stance") + 1
    table.insert(place, "book", "outright")
    place = table.columns.get_loc("pnl")
    table.insert(place, "hedge", 0.0)
    table.insert(place + 1, "beta", math.nan)
    return table


def _table(path: Path, name: str) -> pd.DataFrame:
    file = path / f"{name}.parquet"
    file.stat()  # whose error names the file, as that of the library does not
    table = pd.read_parquet(file)
    lost = [column for column in _NEEDED[name] if column not in table.columns]
    if lost:
        raise ValueError(f"{name}.parquet: no column {', '.join(lost)}")
    return table


def _study(record: dict[str, Any]) -> EventStudy:
    turned: dict[str, Any] = {
        key: tuple(_number(x) for x in value) if isinstance(value, list) else value
        for key, value in record.items()
    }
    return EventStudy(**turned)


def _splits(table: pd.DataFrame) -> tuple[SplitCell, ...]:
    rows = table.to_dict("records")
    return tuple(SplitCell(**{str(key): value for key, value in row.items()}) for row in rows)


def _known(kind: type[T], record: dict[str, Any]) -> T:
    """A row as it was written, with NaN where null is."""
    return kind(**{key: math.nan if value is None else value for key, value in record.items()})


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _interval(pair: list[float | None]) -> Interval:
    low, high = pair
    return _number(low), _number(high)


def _equity(table: pd.DataFrame) -> pd.DataFrame:
    keys = list(dict.fromkeys(zip(table["strategy"], table["stance"], strict=True)))
    columns = pd.MultiIndex.from_tuples(keys, names=["strategy", "stance"])
    wide = table.set_index(["time", "strategy", "stance"])["value"].unstack(["strategy", "stance"])  # noqa: PD010  nothing to aggregate
    return wide.reindex(columns=columns)


def _prices(table: pd.DataFrame, coins: list[str]) -> dict[str, pd.DataFrame]:
    prices = {}
    for symbol in coins:
        mine = table[table["symbol"] == symbol].drop(columns="symbol").set_index("time")
        prices[symbol] = mine.dropna(axis=1, how="all")
    return prices
