"""A run on disk: complete or not at all.

Everything is first written into a folder beside the runs whose name begins with `.writing-`,
flushed to the disk, and then renamed in one step. While it is being written, a lock file is
held; a folder whose lock is free was left by a killed run and is removed by the next one.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import filelock
import pandas as pd

from fadefollow.errors import FadeFollowError, StoreError
from fadefollow.reporting.index import write_index
from fadefollow.reporting.page import render
from fadefollow.reporting.record import write_records, write_tables
from fadefollow.reporting.tuning_record import write_trials
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult

STAGING = ".writing-"


def write_run(
    result: RunResult, runs_dir: Path, templates: Path, *, tuning: Tuning | None = None
) -> Path:
    """Write a run's folder `runs_dir/<UTC time>-<name>/` and refresh the list of runs.

    Args:
        result: what the run found.
        runs_dir: the folder of all runs; made where it does not exist.
        templates: the workspace's `reports/` folder (`templates/`, `theme/`, `scripts/`).
        tuning: the job whose out-of-sample trades the result is, if it was one.

    Returns:
        The run's folder, which holds report.html, result.json, trades.parquet, phases.parquet,
        equity.parquet, prices.parquet, truth.parquet (lab only), trials.parquet (tuning only),
        config.toml and report.json.

    Raises:
        SpecError: a template does not render; nothing is written.
        StoreError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    page = render(result, templates, tuning)
    with _as_store_error(runs_dir):
        runs_dir.mkdir(parents=True, exist_ok=True)
        _sweep(runs_dir)
        with _staging(runs_dir) as folder:
            (folder / "report.html").write_bytes(page.encode("utf-8", "replace"))
            write_tables(result, folder)
            if tuning is not None:
                write_trials(tuning, folder)
            write_records(result, folder, tuning)
            _flush(folder)
            path = _publish(folder, runs_dir / folder_name(result))
        write_index(runs_dir, templates)
    return path


def write_files(files: Mapping[str, bytes], wanted: Path) -> Path:
    """Write a folder of files that is there completely or not at all.

    Args:
        files: by name.
        wanted: the folder; where it exists already, the next name that is free is taken.

    Raises:
        StoreError: it cannot be written; nothing is left behind.
    """
    runs_dir = wanted.parent
    with _as_store_error(runs_dir):
        runs_dir.mkdir(parents=True, exist_ok=True)
        _sweep(runs_dir)
        with _staging(runs_dir) as folder:
            for name, data in files.items():
                (folder / name).write_bytes(data)
            _flush(folder)
            return _publish(folder, wanted)


def folder_name(result: RunResult) -> str:
    """`20260305T120000Z-name`, with a name that any file system takes."""
    started = result.started
    utc = started.tz_localize("UTC") if started.tzinfo is None else started.tz_convert("UTC")
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", result.name).strip("-_")[:60].strip("-_")
    return f"{pd.Timestamp(utc).strftime('%Y%m%dT%H%M%SZ')}-{safe or 'run'}"


@contextlib.contextmanager
def _staging(runs_dir: Path) -> Iterator[Path]:
    folder = runs_dir / f"{STAGING}{secrets.token_hex(6)}"
    lock = _lock_of(folder)
    try:
        with filelock.FileLock(lock):
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)  # gone already where it was published
    finally:
        lock.unlink(missing_ok=True)


def _sweep(runs_dir: Path) -> None:
    """Remove what killed runs left."""
    for folder in runs_dir.glob(f"{STAGING}*"):
        if not folder.is_dir():
            continue
        lock = _lock_of(folder)
        with contextlib.suppress(filelock.Timeout), filelock.FileLock(lock, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _flush(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        _fsync(path)


def _fsync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _publish(folder: Path, wanted: Path) -> Path:
    """Rename to the wanted name, or to the next one that is free."""
    for number in range(1, 1_000):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if path.exists():
            continue
        try:
            folder.rename(path)
        except (FileExistsError, PermissionError, OSError):
            if not path.exists():
                raise
            continue
        _fsync(path.parent)
        return path
    raise StoreError("a run's folder must have a name of its own", got=str(wanted))


@contextlib.contextmanager
def _as_store_error(runs_dir: Path) -> Iterator[None]:
    try:
        yield
    except FadeFollowError:
        raise
    except OSError as error:
        raise StoreError(
            "the folder of runs must be writable, with room for a run",
            got=error.strerror or str(error),
            where=str(runs_dir),
            hint="free some space or give another folder; nothing of this run was kept",
        ) from error
