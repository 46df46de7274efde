"""What the files of a run say, as the types that they were written from."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.errors import FadeFollowError, StoreError
from fadefollow.results.notes import stored_notes
from fadefollow.results.verdict_record import verdict_from
from fadefollow.verdict.exploratory import BookRatios, Fall, FragilityRow, SpaTest, SplitCell
from fadefollow.verdict.model import (
    EventStudy,
    RunResult,
)

T = TypeVar("T")
_REPEAT = "the first line of its config.toml is the command that makes it anew"
#: columns without which a table cannot be shown
_NEEDED: dict[str, tuple[str, ...]] = {
    "trades": tuple(c for c in TRADE_COLUMNS if c not in ("book", "hedge", "beta")),
    "phases": ("time", "symbol", "phase"),
    "equity": ("time", "strategy", "stance", "value"),
    "truth": ("symbol", "phase", "start", "end"),
    "splits": (),
    "rolling": ("time", "strategy", "stance", "book", "sharpe", "beta"),
    "benchmark": ("time",),
    "coin_years": ("strategy", "phase", "stance", "symbol", "year", "n_trades", "mean_net_bps"),
}


@contextlib.contextmanager
def as_store_error(path: Path) -> Iterator[None]:
    """Raise what is wrong with the files of the run in `path` as a StoreError."""
    try:
        yield
    except FadeFollowError:
        raise
    except FileNotFoundError as error:
        lost = Path(error.filename).name if error.filename else "a file"
        known = (path / "config.toml").exists() and lost != "result.json"
        raise StoreError(
            "not the folder of a run",
            got=f"no {lost}",
            where=str(path),
            hint=_REPEAT if known else "reports/runs/index.html lists the runs",
        ) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise StoreError(
            "cannot read the run",
            got=_told(error),
            where=str(path),
            hint=f"changed since, or written by an earlier version; {_REPEAT}",
        ) from error


def _told(error: Exception) -> str:
    return f"{'nothing called ' if isinstance(error, KeyError) else ''}{error}"


def result_from(
    result: Mapping[str, Any],
    report: Mapping[str, Any],
    table: Callable[[str], pd.DataFrame],
    prices: Mapping[str, pd.DataFrame],
    present: Collection[str],
) -> RunResult:
    """The run as it was; what NaN was comes back as NaN.

    Args:
        result, report: the content of result.json and report.json.
        table: reads a Parquet file by its name.
        prices: by coin.
        present: names of those that are there; not every run has `truth` and `splits`.
    """
    trades, equity = _with_books(table("trades")), _with_books(table("equity"))
    return RunResult(
        name=report["name"],
        command=result["command"],
        started=pd.Timestamp(report["started"]),
        version=result["version"],
        dataset=report["dataset"],
        verdicts=tuple(verdict_from(record) for record in result["verdicts"]),
        event_studies=tuple(_study(record) for record in report["event_studies"]),
        trades=trades[trades["book"] == "outright"].reset_index(drop=True),
        hedged_trades=trades[trades["book"] == "hedged"].reset_index(drop=True),
        phases=table("phases"),
        equity=_equity(equity[equity["book"] == "outright"]),
        hedged_equity=_equity(equity[equity["book"] == "hedged"]),
        prices=prices,
        strategies=report["strategies"],
        config=report["config"],
        assumptions=result.get("assumptions", {}),
        notes=stored_notes(result),
        truth=table("truth") if "truth" in present else None,
        missing={
            outer: {inner: tuple(streams) for inner, streams in parts.items()}
            for outer, parts in report["missing"].items()
        },
        seconds=result["seconds"],
        versions=report["versions"],
        splits=_splits(table("splits")) if "splits" in present else (),
        ratios=tuple(_ratios(row) for row in report.get("ratios", ())),
        rolling=table("rolling") if "rolling" in present else pd.DataFrame(),
        coin_years=table("coin_years") if "coin_years" in present else pd.DataFrame(),
        benchmark=_by_day(table("benchmark")) if "benchmark" in present else pd.DataFrame(),
        fragility=tuple(_known(FragilityRow, row) for row in report.get("fragility", ())),
        spa=_known(SpaTest, result["spa"]) if result.get("spa") else None,
    )


def _by_day(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("time").rename_axis("day")


def _with_books(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its books; the first schema had the outright one only."""
    if "book" in table:
        return table
    if "pnl" not in table:
        return table.assign(book="outright")
    names = list(table.columns)
    stance, pnl = names.index("stance") + 1, names.index("pnl")
    order = [*names[:stance], "book", *names[stance:pnl], "hedge", "beta", *names[pnl:]]
    return table.assign(book="outright", hedge=0.0, beta=math.nan)[order]


def table_from(path: Path, name: str) -> pd.DataFrame:
    """The table in `NAME.parquet` of the run in `path`."""
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


def _ratios(record: dict[str, Any]) -> BookRatios:
    falls = tuple(_known(Fall, fall) for fall in record.get("falls", ()))
    return _known(BookRatios, {**record, "falls": falls})


def _known(kind: type[T], record: dict[str, Any]) -> T:
    """A row as it was written, with NaN where null is."""
    return kind(**{key: math.nan if value is None else value for key, value in record.items()})


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _equity(table: pd.DataFrame) -> pd.DataFrame:
    keys = table[["strategy", "stance"]].drop_duplicates().itertuples(index=False, name=None)
    columns = pd.MultiIndex.from_tuples(keys, names=["strategy", "stance"])
    wide = table.set_index(["time", "strategy", "stance"])["value"].unstack(["strategy", "stance"])  # noqa: PD010  nothing to aggregate
    return wide.reindex(columns=columns)
