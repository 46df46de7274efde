"""What the files of a run say, as the types that they were written from."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.errors import FadeFollowError, StoreError
from fadefollow.results.notes import stored_notes
from fadefollow.results.record import PRIVATE
from fadefollow.verdict.exploratory import CoinCapacity, FragilityRow, SpaTest, SplitCell
from fadefollow.verdict.model import (
    EventStudy,
    Interval,
    NotTraded,
    PnlSplit,
    RunResult,
    StanceResult,
    Verdict,
)

T = TypeVar("T")
_REPEAT = "the first line of its config.toml is the command that makes it anew"
#: columns without which a table cannot be shown
_NEEDED: dict[str, tuple[str, ...]] = {
    "trades": TRADE_COLUMNS,
    "phases": ("time", "symbol", "phase"),
    "equity": ("time", "strategy", "stance", "value"),
    "prices": ("symbol",),
    "truth": ("symbol", "phase", "start", "end"),
    "splits": (),
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
    present: Collection[str],
) -> RunResult:
    """The run as it was; what NaN was comes back as NaN.

    Args:
        result, report: the content of result.json and report.json.
        table: reads a Parquet file by its name.
        present: names of those that are there; not every run has `truth` and `splits`.
    """
    return RunResult(
        name=report["name"],
        command=result["command"],
        started=pd.Timestamp(report["started"]),
        version=result["version"],
        dataset=report["dataset"],
        verdicts=tuple(
            _verdict(public, private)
            for public, private in zip(result["verdicts"], report["verdicts"], strict=True)
        ),
        event_studies=tuple(_study(record) for record in report["event_studies"]),
        trades=table("trades"),
        phases=table("phases"),
        equity=_equity(table("equity")),
        prices=_prices(table("prices"), report["coins"]),
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
        fragility=tuple(_known(FragilityRow, row) for row in report.get("fragility", ())),
        spa=_known(SpaTest, result["spa"]) if result.get("spa") else None,
    )


def table_from(path: Path, name: str) -> pd.DataFrame:
    """The table in `NAME.parquet` of the run in `path`."""
    file = path / f"{name}.parquet"
    file.stat()  # whose error names the file, as that of the library does not
    table = pd.read_parquet(file)
    lost = [column for column in _NEEDED[name] if column not in table.columns]
    if lost:
        raise ValueError(f"{name}.parquet: no column {', '.join(lost)}")
    return table


def _verdict(public: dict[str, Any], private: dict[str, Any]) -> Verdict:
    return Verdict(
        strategy=public["strategy"],
        signal=public["signal"],
        phase=public["phase"],
        split=public["split"],
        symbols=tuple(public["symbols"]),
        n_phases=public["n_phases"],
        fade=_stance(public, private, "fade"),
        follow=_stance(public, private, "follow"),
        difference_ci_bps=_interval(public["difference_ci_bps"]),
        detectable_bps=_number(public["detectable_bps"]),
        verdict=public["verdict"],
        why=private["why"],
        planted_bps=public.get("planted_bps"),
        horizon_hours=public.get("horizon_hours"),
        planted_from=private.get("planted_from"),  # an earlier version did not say
    )


def _stance(public: dict[str, Any], private: dict[str, Any], name: str) -> StanceResult | NotTraded:
    record = public[name]
    if record is None:
        return NotTraded(public["reason"][name])
    merged = {**record, **{key: private[name][key] for key in PRIVATE if key in private[name]}}
    # what a run of an earlier version lacks has a default
    values: dict[str, Any] = {
        f.name: merged[f.name]
        for f in fields(StanceResult)
        if f.name in merged or f.default is MISSING
    }
    for key, value in values.items():
        if key.startswith("n_"):
            continue
        if key == "capacity_by_coin":
            values[key] = tuple(_known(CoinCapacity, coin) for coin in value)
        elif key == "pnl":
            values[key] = PnlSplit(**{part: _number(x) for part, x in value.items()})
        else:
            values[key] = _interval(value) if key.endswith("ci_bps") else _number(value)
    return StanceResult(**values)


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
