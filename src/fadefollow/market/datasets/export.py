"""Export: canonical tables as CSV or Parquet, with their schema and the mapping that reads them.

An export is checked before it is shown: its files are read back as an import would, and their
content must be the same to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import tomli_w

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.bars import bar_text
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.spec import DatasetSpec, load_spec
from fadefollow.market.findings import when
from fadefollow.market.importing.files import read_files
from fadefollow.market.store.store import Store, content_hash, fingerprint
from fadefollow.market.streams import Stream, stream

Format = Literal["csv", "parquet"]
Tables = Mapping[str, Mapping[str, pd.DataFrame]]

FORMATS: tuple[Format, ...] = ("csv", "parquet")
SCHEMA_FILE = "schema.json"
#: what `time` is, by kind of stream
_TIME = {
    "bars": "when the bar opens",
    "event": "when it happens",
    "snapshot": "when it was taken",
    "interval": "when the interval begins",
}


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    dataset: str
    fingerprint: str  #: of the exported tables: what importing them gives
    whole: bool  #: whether that is all that the data set holds
    files: tuple[str, ...]  #: relative to the folder
    rows: int
    left_out: tuple[str, ...] = ()  #: coins of which a stored file cannot be read

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "whole": self.whole,
            "files": list(self.files),
            "rows": self.rows,
            "left_out": list(self.left_out),
        }


def tables_of(
    dataset: Dataset,
    spec: DatasetSpec,
    store: Path,
    *,
    streams: tuple[str, ...] | None = None,
    since: pd.Timestamp | None = None,
    cut: bool = False,
) -> dict[str, dict[str, pd.DataFrame]]:
    """The canonical tables to export, by coin and stream.

    Args:
        dataset: as opened: what it holds out or does not reach is not in it.
        spec: what its TOML says.
        store: the store's folder.
        streams: only these, by default all.
        since: leave out records that are older.
        cut: whether a range was asked for. If none was, and nothing is held out, the stored tables
            are taken whole, with the records that are known only after the last bar.

    Raises:
        ParameterError: a stream that no coin has.
    """
    hidden = dataset.holdout is not None and not dataset.holdout_open
    if spec.source == "lab" or cut or hidden:
        found = {
            symbol: {name: market.table(name) for name in market.streams}
            for symbol, market in dataset.markets.items()
        }
    else:
        kept = Store(store)
        manifest = kept.read(dataset.name)
        found = {s: kept.load(dataset.name, s, manifest=manifest) for s in dataset.symbols}
    there = {name for tables in found.values() for name in tables}
    for name in streams or ():
        if name not in there:
            raise ParameterError(
                f"no stream {name!r} in the data set",
                where=dataset.name,
                hint=f"it has {', '.join(sorted(there))}",
            )
    made: dict[str, dict[str, pd.DataFrame]] = {}
    for symbol, tables in found.items():
        for name, table in tables.items():
            if streams is not None and name not in streams:
                continue
            part = table if since is None else table[table["time"] >= since]
            if len(part):
                made.setdefault(symbol, {})[name] = part.reset_index(drop=True)
    if not made:
        raise ParameterError("no records to export", got="none", where=dataset.name)
    return made


def write_export(
    tables: Tables, dataset: Dataset, spec: DatasetSpec, folder: Path, *, format: Format
) -> Exported:
    """Write tables as `COIN/STREAM.csv` or `.parquet`, their schema, and a mapping for `import`.

    Args:
        tables: canonical, by coin and stream.
        dataset: what they are of.
        spec: what its TOML says; costs, lags and holdout go into the mapping.
        folder: is there and empty.
        format: csv or parquet.

    Raises:
        DataError: what was written does not read back as it was.
        OSError: the folder cannot be written.
    """
    for symbol, streams in tables.items():
        (folder / symbol).mkdir()
        for name, table in streams.items():
            path = folder / symbol / f"{name}.{format}"
            if format == "csv":
                table.to_csv(path, index=False)
            else:
                table.to_parquet(path, index=False)
    mapping = folder / f"{dataset.name}_export.toml"
    mapping.write_text(_mapping(tables, dataset, spec, format), encoding="utf-8")
    print_ = fingerprint(dataset.bar, tables)
    listed = _schema(tables, dataset, format, print_)
    (folder / SCHEMA_FILE).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    _verify(tables, load_spec(mapping), folder)
    files = [f"{symbol}/{name}.{format}" for symbol, streams in tables.items() for name in streams]
    rows = sum(len(table) for streams in tables.values() for table in streams.values())
    whole = print_ == dataset.fingerprint
    return Exported(dataset.name, print_, whole, (*files, mapping.name, SCHEMA_FILE), rows)


def _verify(tables: Tables, mapping: DatasetSpec, folder: Path) -> None:
    """Read what was written as an import would, and compare it to the last bit."""
    read = read_files(mapping, folder).tables
    for symbol, streams in tables.items():
        for name, table in streams.items():
            back = read.get(symbol, {}).get(name)
            if back is None or content_hash(back) != content_hash(table):
                raise DataError(
                    "the export does not read back as it was",
                    got="other values, as CSV cannot tell some texts from missing values",
                    where=f"{symbol} {name}",
                    hint="--format parquet keeps them",
                )


def _mapping(tables: Tables, dataset: Dataset, spec: DatasetSpec, format: Format) -> str:
    """The data set's TOML: one `[[files]]` table a stream and set of columns."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for symbol, streams in tables.items():
        for name, table in streams.items():
            columns = tuple(str(c) for c in table.columns if c != "time")
            groups.setdefault((name, columns), []).append(symbol)
    files = [
        {
            "stream": name,
            "path": f"{{coin}}/{name}.{format}",
            "coins": coins,
            "columns": {column: column for column in columns},
        }
        for (name, columns), coins in groups.items()
    ]
    said = {"title": spec.title, "source": "files", "bar": bar_text(dataset.bar)}
    more: dict[str, Any] = {"about": spec.about, "holdout_from": spec.holdout_from}
    more |= {"publication_lag_hours": dict(spec.publication_lag_hours), "costs": dict(spec.costs)}
    head = (
        f"# An export of {dataset.name}. Copy this file into datasets/, then\n"
        f"#   fadefollow data import {dataset.name}_export --from THIS_FOLDER\n"
    )
    return head + tomli_w.dumps({**said, **{k: v for k, v in more.items() if v}, "files": files})


def _schema(tables: Tables, dataset: Dataset, format: Format, print_: str) -> dict[str, Any]:
    names = dict.fromkeys(name for streams in tables.values() for name in streams)
    return {
        "format": 1,
        "dataset": dataset.name,
        "title": dataset.title,
        "simulated": dataset.simulated,
        "bar": bar_text(dataset.bar),
        "fingerprint": print_,
        "of_fingerprint": dataset.fingerprint,
        "encoding": "UTF-8, comma-separated, times as ISO 8601 in UTC" if format == "csv" else "",
        "streams": {name: _stream(stream(name), tables) for name in names},
        "tables": [
            {
                "coin": symbol,
                "stream": name,
                "file": f"{symbol}/{name}.{format}",
                "rows": len(table),
                "first": when(table["time"].iloc[0]),
                "last": when(table["time"].iloc[-1]),
            }
            for symbol, streams in tables.items()
            for name, table in streams.items()
        ],
        "listings": {
            symbol: {"listed": when(market.listed), "delisted": when(market.delisted)}
            for symbol, market in dataset.markets.items()
            if symbol in tables and (market.listed is not None or market.delisted is not None)
        },
    }


def _stream(schema: Stream, tables: Tables) -> dict[str, Any]:
    """One stream's columns: dtype, unit and meaning."""
    there = (streams[schema.name] for streams in tables.values() if schema.name in streams)
    table = max(there, key=lambda table: len(table.columns))  # optional columns some coins lack
    columns: dict[str, dict[str, Any]] = {
        "time": {"dtype": str(table["time"].dtype), "unit": "UTC", "about": _TIME[schema.kind]}
    }
    for name, column in schema.columns.items():
        if name in table:
            bounds = {"low": column.low, "high": column.high}
            columns[name] = {"dtype": str(table[name].dtype), "unit": column.unit}
            columns[name] |= {key: bound for key, bound in bounds.items() if bound is not None}
            columns[name]["optional"] = column.optional
    about = "when the record could first be known; a backtest may use it from then on"
    columns["available"] = {"dtype": str(table["available"].dtype), "unit": "UTC", "about": about}
    key = ["time", *schema.key]
    return {"about": schema.about, "kind": schema.kind, "key": key, "columns": columns}
