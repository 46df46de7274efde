"""The files of a run besides its report: result.json, config.toml and the Parquet tables.

`result.json` is the public record; docs/reference/results.md lists its fields. `report.json` holds
what only the report shows beyond it, so that `fadefollow report RUN` can render again without
computing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

from fadefollow.core.utc import as_utc
from fadefollow.engine.model import FURTHER_TRADE_COLUMNS, TRADE_COLUMNS
from fadefollow.errors import SpecError
from fadefollow.results.notes import note_record
from fadefollow.results.prices import write_prices
from fadefollow.results.tuning_record import tuning_record
from fadefollow.results.verdict_record import verdict_record
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.exploratory import SplitCell
from fadefollow.verdict.model import RunResult

SCHEMA = 2


def folder_name(result: RunResult) -> str:
    """`20260305T120000Z-name`, with a name that any file system takes."""
    started = as_utc(result.started)
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", result.name).strip("-_")[:60].strip("-_")
    return f"{started.strftime('%Y%m%dT%H%M%SZ')}-{safe or 'run'}"


def result_record(run: RunResult, tuning: Tuning | None = None) -> dict[str, Any]:
    """The content of result.json (docs/reference/results.md); NaN becomes null."""
    public = ("name", "fingerprint", "coverage")
    audit = run.dataset.get("audit")
    summary = audit.get("summary", []) if isinstance(audit, Mapping) else list(audit or [])
    record = {
        "schema": SCHEMA,
        "version": run.version,
        "command": run.command,
        "dataset": {key: run.dataset.get(key) for key in public}
        | {"left_out": run.dataset.get("left_out", {}), "audit": summary},
        "assumptions": run.assumptions,
        "verdicts": [verdict_record(v) for v in run.verdicts],
        "notes": [note_record(note) for note in run.notes],
        "seconds": run.seconds,
    }
    if run.spa is not None:
        record["spa"] = asdict(run.spa)
    if tuning is not None:
        record["tuning"] = tuning_record(tuning)
    cleaned: dict[str, Any] = clean(record)
    return cleaned


def report_record(run: RunResult) -> dict[str, Any]:
    """The content of report.json: all else that a `RunResult` holds outside its tables."""
    record = {
        "schema": SCHEMA,
        "name": run.name,
        "started": run.started,
        "dataset": run.dataset,
        "event_studies": [asdict(study) for study in run.event_studies],
        "fragility": [asdict(row) for row in run.fragility],
        "ratios": [asdict(row) for row in run.ratios],
        "strategies": run.strategies,
        "config": run.config,  # config.toml lacks what is absent
        "missing": run.missing,
        "versions": run.versions,
        "coins": list(run.prices),
    }
    cleaned: dict[str, Any] = clean(record)
    return cleaned


def write_tables(run: RunResult, folder: Path) -> None:
    """The Parquet files of a run.

    `equity` is long (`time, strategy, stance, book, value`), and `prices` has a `symbol` column.
    """
    further = [c for c in FURTHER_TRADE_COLUMNS if c in run.trades]
    tables = {
        "trades": _both(run.trades, run.hedged_trades)[[*TRADE_COLUMNS, *further]],
        "phases": run.phases,
        "equity": _both(
            _long_equity(run.equity, "outright"), _long_equity(run.hedged_equity, "hedged")
        ),
        "splits": _splits(run),
    }
    if run.truth is not None:
        tables["truth"] = run.truth
    for name in ("rolling", "coin_years"):
        if len(table := getattr(run, name)):
            tables[name] = table
    if len(run.benchmark):
        tables["benchmark"] = run.benchmark.rename_axis("time").reset_index()
    for name, table in tables.items():
        table.reset_index(drop=True).to_parquet(folder / f"{name}.parquet", compression="zstd")
    write_prices(folder / "prices.parquet", run.prices)


def write_records(run: RunResult, folder: Path, tuning: Tuning | None = None) -> None:
    """result.json, report.json and config.toml."""
    for name, record in (("result", result_record(run, tuning)), ("report", report_record(run))):
        text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=True)
        (folder / f"{name}.json").write_text(text + "\n", "utf-8")
    (folder / "config.toml").write_bytes(config_text(run).encode("utf-8", "replace"))


def config_text(run: RunResult) -> str:
    """The run's configuration as TOML; absent values are left out, as TOML has no null."""
    told = (" ".join(part.split()) for part in (run.version, run.command))
    head = "# fadefollow {}: {}\n".format(*told)
    printable = "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in head)
    return printable + tomli_w.dumps(_tomlable(run.config, "config"))


def clean(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinity as None, times in ISO form."""
    if isinstance(value, Mapping):
        return {str(key): clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [clean(inner) for inner in value]
    if value is None or value is pd.NaT or isinstance(value, str | bool):
        return None if value is pd.NaT else value
    if isinstance(value, np.generic):
        return clean(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _splits(run: RunResult) -> pd.DataFrame:
    names = [f.name for f in fields(SplitCell)]
    return pd.DataFrame(map(attrgetter(*names), run.splits), columns=names)


def _both(outright: pd.DataFrame, hedged: pd.DataFrame) -> pd.DataFrame:
    """The rows of both books; those of the hedged one are the last."""
    return pd.concat([outright, hedged], ignore_index=True) if len(hedged) else outright


def _long_equity(equity: pd.DataFrame, book: str) -> pd.DataFrame:
    days, pairs = len(equity), list(equity.columns)
    if not pairs:
        empty = pd.DataFrame(
            {"time": pd.DatetimeIndex([], tz="UTC"), "strategy": [], "stance": [], "book": []}
        )
        return empty.assign(value=0.0)
    strategies, stances = (
        pd.Series([str(name) for name in names], dtype="str") for names in zip(*pairs, strict=True)
    )
    curve = np.repeat(np.arange(len(pairs)), days)
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(equity.index).take(np.tile(np.arange(days), len(pairs))),
            "strategy": strategies.take(curve).array,
            "stance": stances.take(curve).array,
            "book": book,
            "value": equity.to_numpy(np.float64).ravel(order="F"),
        }
    )


_TOML: tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((pd.Timestamp,), lambda value: value.to_pydatetime(warn=False)),
    ((str, bool, int, float, date), lambda value: value),
    ((np.generic,), lambda value: value.item()),
)


def _tomlable(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _tomlable(inner, f"{where}.{key}")
            for key, inner in value.items()
            if inner is not None
        }
    if isinstance(value, list | tuple):
        return [_tomlable(inner, where) for inner in value]
    if value is None:
        raise SpecError("a list in a configuration holds an empty value", where=where)
    convert = next((turn for kinds, turn in _TOML if isinstance(value, kinds)), str)
    return convert(value)
