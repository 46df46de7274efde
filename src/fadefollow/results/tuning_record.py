"""A tuning job on disk: the object `tuning` of result.json, and trials.parquet."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fadefollow.tuning.model import Fold, OutOfSample, Past, State, Trial, TuneSettings, Tuning

TRIALS = "trials.parquet"
#: of trials.parquet, before one column a parameter
_COLUMNS = pa.schema(
    [
        ("fold", pa.int64()),
        ("number", pa.int64()),
        ("state", pa.string()),
        ("scores", pa.list_(pa.float64())),
        ("inner", pa.list_(pa.float64())),
        ("n_trades", pa.int64()),
        ("mean_net_bps", pa.float64()),
        ("error", pa.string()),
        ("after", pa.float64()),
    ]
)
#: kinds of values that have a column of their own type; others are JSON in a column of text
_PLAIN: tuple[tuple[type, pa.DataType], ...] = (
    (bool, pa.bool_()),
    (int, pa.int64()),
    (float, pa.float64()),
    (str, pa.string()),
)
_JSON = {b"encoding": b"json"}
_LONG = 2**63


def tuning_record(tuning: Tuning) -> dict[str, Any]:
    """All but the trials, for `result.json`; floats may be NaN still."""
    record = {f.name: getattr(tuning, f.name) for f in fields(Tuning) if f.name != "trials"}
    return {
        **record,
        "settings": asdict(tuning.settings),
        # asdict cannot copy a Counter
        "folds": [asdict(replace(fold, counts=dict(fold.counts))) for fold in tuning.folds],
        "untuned": {stance: asdict(book) for stance, book in tuning.untuned.items()},
        "joined": {stance: asdict(book) for stance, book in tuning.joined.items()},
    }


def write_trials(tuning: Tuning, folder: Path) -> None:
    """One row a trial: its columns, and one a parameter, null where a trial has none.

    A parameter whose values differ in kind is JSON text; the field's metadata say so.
    """
    trials = tuning.trials
    told = {f.name: [_stored(getattr(t, f.name)) for t in trials] for f in _COLUMNS}
    columns = [pa.array(told[f.name], f.type) for f in _COLUMNS]
    schema = list(_COLUMNS)
    names = dict.fromkeys([*tuning.space, *(name for t in trials for name in t.params)])
    for name in names:
        field, column = _column(name, trials)
        schema.append(field)
        columns.append(column)
    table = pa.Table.from_arrays(columns, schema=pa.schema(schema))
    pq.write_table(table, folder / TRIALS, compression="zstd")


def tuning_from(record: Mapping[str, Any], folder: Path) -> Tuning:
    """The job as it was; what NaN was comes back as NaN, parameters that are lists as lists."""
    settings = record["settings"]
    with (folder / TRIALS).open("rb") as file:  # which names the file where there is none
        table = pq.read_table(file)
    trials = tuple(_trials(table))
    known: dict[str, Any] = {f.name: record[f.name] for f in fields(Tuning) if f.name in record}
    known |= {
        "settings": TuneSettings(**{**settings, "objectives": tuple(settings["objectives"])}),
        "trials": trials,
        "folds": tuple(_fold(fold, trials) for fold in record["folds"]),
        "psr": _numbers(record["psr"]),
        "embargo_hours": _number(record["embargo_hours"]),
        "untuned": {name: OutOfSample(**_counted(b)) for name, b in record["untuned"].items()},
        "joined": {
            name: OutOfSample(**_counted(b)) for name, b in record.get("joined", {}).items()
        },
        "seconds": _numbers(record["seconds"]),
    }
    return Tuning(**known)


def _column(name: str, trials: Sequence[Trial]) -> tuple[pa.Field, pa.Array]:
    values = [t.params.get(name) for t in trials]
    given = [t.params[name] for t in trials if name in t.params]
    for kind, arrow in _PLAIN:
        fits = all(type(v) is kind for v in given)
        if fits and not (kind is int and any(abs(v) >= _LONG for v in given)):
            return pa.field(name, arrow), pa.array([_stored(v) for v in values], arrow)
    texts = [json.dumps(t.params[name], default=str) if name in t.params else None for t in trials]
    return pa.field(name, pa.string(), metadata=_JSON), pa.array(texts, pa.string())


def _stored(value: Any) -> Any:
    """Text as UTF-8 can hold it."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def _trials(table: pa.Table) -> list[Trial]:
    fixed = [f.name for f in _COLUMNS]
    coded = {f.name for f in table.schema if (f.metadata or {}).get(b"encoding") == b"json"}
    return [_trial(row, fixed, coded) for row in table.to_pylist()]


def _trial(row: dict[str, Any], fixed: Sequence[str], coded: set[str]) -> Trial:
    told = {name: row.pop(name) for name in fixed}
    params = {
        name: json.loads(value) if name in coded else value
        for name, value in row.items()
        if value is not None
    }
    lists = {name: tuple(told[name]) for name in ("scores", "inner")}
    return Trial(params=params, **{**told, **lists})


def _fold(record: Mapping[str, Any], trials: Sequence[Trial]) -> Fold:
    test = record["test"]
    changed: dict[str, Any] = {
        "train": _span(record["train"]),
        "test": None if test is None else _span(test),
        "scores": tuple(_number(x) for x in record["scores"]),
        "after": tuple(_number(x) for x in record["after"]),
        "mean_net_bps": _number(record["mean_net_bps"]),
        "mean_net_bps_after": _number(record["mean_net_bps_after"]),
        "past": Past(**_counted(record["past"])),
        "importance": _numbers(record["importance"]),
    }
    if not set(record["counts"]) <= set(get_args(State)):  # an earlier version wrote other keys
        changed["counts"] = dict(Counter(t.state for t in trials if t.fold == record["number"]))
    return Fold(**{**record, **changed})


def _counted(record: Mapping[str, Any]) -> dict[str, Any]:
    """Counts as they are, all else as numbers that may be NaN."""
    return {k: v if k.startswith("n_") else _number(v) for k, v in record.items()}


def _span(pair: Sequence[str]) -> tuple[pd.Timestamp, pd.Timestamp]:
    start, end = pair
    return pd.Timestamp(start), pd.Timestamp(end)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {key: _number(value) for key, value in values.items()}
