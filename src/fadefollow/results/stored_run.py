"""A stored run: the only reader of the files in its folder, each read when it is asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import pandas as pd
import pyarrow.parquet as pq

from fadefollow.core.reading import parsed_json
from fadefollow.core.toml import read_toml
from fadefollow.errors import SpecError, StoreError
from fadefollow.results.prices import read_prices
from fadefollow.results.read import as_store_error, result_from, table_from
from fadefollow.results.schema import present_form
from fadefollow.results.tuning_record import TRIALS, tuning_from
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult

T = TypeVar("T")


def _part(read: Callable[[StoredRun], T]) -> cached_property[T]:
    """A part that is read once; what is wrong with its file becomes a StoreError."""

    @functools.wraps(read)
    def checked(run: StoredRun) -> T:
        with as_store_error(run.folder):
            return read(run)

    return cached_property(checked)


@dataclass(frozen=True)
class StoredRun:
    """The run in a folder. Nothing is read before it is asked for, and nothing twice.

    Every part raises StoreError where its file is missing, damaged, or of a later version.
    """

    folder: Path

    # ---- whole ----

    @_part
    def result(self) -> RunResult:
        """The run as it was: what NaN was is NaN again; times in `dataset` stay ISO text."""
        present = {path.stem for path in self.folder.glob("*.parquet")}
        record, report = self.record, self.report
        with as_store_error(self.folder):
            prices = read_prices(self.folder / "prices.parquet", report["coins"])
        return result_from(record, report, self.table, prices, present)

    @_part
    def tuning(self) -> Tuning | None:
        """The tuning job whose out-of-sample trades the run is; None for others."""
        job = self.record.get("tuning")
        return None if job is None else tuning_from(job, self.folder)

    # ---- files ----

    @_part
    def record(self) -> Mapping[str, Any]:
        """result.json, in the present form."""
        return _json(self.folder / "result.json")

    @_part
    def report(self) -> Mapping[str, Any]:
        """report.json, likewise."""
        return _json(self.folder / "report.json")

    @_part
    def config(self) -> Mapping[str, Any]:
        """config.toml."""
        path = self.folder / "config.toml"
        path.stat()  # whose error names the file
        try:
            return read_toml(path)
        except SpecError as error:
            raise StoreError(error.rule, got=error.got, where=str(path)) from error

    def table(self, name: str) -> pd.DataFrame:
        """The table in `NAME.parquet`.

        Raises:
            StoreError: it is missing or damaged.
        """
        with as_store_error(self.folder):
            return table_from(self.folder, name)

    @property
    def page(self) -> Path | None:
        """Its report; None where there is none."""
        path = self.folder / "report.html"
        return path if path.exists() else None

    # ---- what it is of ----

    @_part
    def name(self) -> str:
        """Its name, that of a strategy or a data set."""
        return str(self.report["name"])

    @_part
    def started(self) -> pd.Timestamp:
        """When it began, UTC."""
        return pd.Timestamp(self.report["started"])

    @_part
    def seconds(self) -> float:
        """How long it took."""
        return float(sum(self.record["seconds"].values()))

    @_part
    def versions(self) -> dict[str, str]:
        """Of all that the result depends on, by name."""
        return {str(name): str(said) for name, said in self.report.get("versions", {}).items()}

    @_part
    def dataset(self) -> str:
        """Name of its data set."""
        return str(self.record["dataset"]["name"])

    @_part
    def fingerprint(self) -> str:
        """Of its data."""
        return str(self.record["dataset"]["fingerprint"])

    @_part
    def simulated(self) -> bool:
        """Whether its coins are those of a lab."""
        known = self.report["dataset"].get("simulated")
        source = self.config["dataset"]["settings"]["source"] if known is None else ""
        return source == "lab" if known is None else bool(known)

    @_part
    def range(self) -> tuple[str, str]:
        """The first and the last bar of its data, UTC, as text."""
        coins = self.record["dataset"]["coverage"].values()
        bars = [coin[name] for coin in coins for name in ("perp", "spot") if name in coin]
        return min(str(b["first"]) for b in bars), max(str(b["last"]) for b in bars)

    @_part
    def bars(self) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The first and the last bar that it shows, from a table's footer; None without."""
        return _times(self.folder / "prices.parquet")

    # ---- what it found ----

    @_part
    def verdicts(self) -> list[Mapping[str, Any]]:
        """Its rows of result.json, splits too, as plain values."""
        rows: list[Mapping[str, Any]] = self.record["verdicts"]
        if not isinstance(rows, list):
            raise TypeError("result.json: no list of verdicts")
        return rows

    @_part
    def rows(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The verdicts by strategy and phase, no splits."""
        return {
            (str(v["strategy"]), str(v["phase"])): v for v in self.verdicts if v["split"] is None
        }

    @_part
    def tuned(self) -> tuple[str, str] | None:
        """Of a tuning job: the strategy it wrote (empty: none) and the one it searched."""
        job = self.record.get("tuning")
        if job is None:
            return None
        return PurePosixPath(job["tuned"] or "").stem, str(job["strategy"])

    @_part
    def searched(self) -> tuple[int, int] | None:
        """Of a tuning job: folds with a test, and trials in all; None for others."""
        job = self.record.get("tuning")
        if job is None:
            return None
        folds = sum(fold["test"] is not None for fold in job["folds"])
        return folds, int(pq.read_metadata(self.folder / TRIALS).num_rows)


def read_run(path: Path) -> RunResult:
    """The run stored in the folder `path`; see `StoredRun.result`."""
    return StoredRun(path).result


def read_tuning(path: Path) -> Tuning | None:
    """The tuning job stored in the folder `path`; see `StoredRun.tuning`."""
    return StoredRun(path).tuning


def _json(path: Path) -> Mapping[str, Any]:
    return present_form(parsed_json(path.read_text("utf-8")), where=path)


def _times(prices: Path) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    try:
        parts = pq.read_metadata(prices)
        at = parts.schema.names.index("time")
        groups = [parts.row_group(n).column(at).statistics for n in range(parts.num_row_groups)]
        return (
            pd.Timestamp(min(one.min for one in groups)),
            pd.Timestamp(max(one.max for one in groups)),
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return None
