"""Write a run's folder, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from fadefollow.core.atomic_file import as_store_error
from fadefollow.core.atomic_folder import publish, staged_in
from fadefollow.core.parallel import beside
from fadefollow.results.record import folder_name, write_records, write_tables
from fadefollow.results.tuning_record import write_trials
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult


def store_run(
    result: RunResult, runs_dir: Path, page: Callable[[], str], *, tuning: Tuning | None = None
) -> Path:
    """Write a run's folder `runs_dir/<UTC time>-<name>/`.

    Args:
        result: what the run found.
        runs_dir: the folder of all runs; made where it does not exist.
        page: makes its report, HTML, while the rest is written; whatever it raises is raised.
        tuning: the job whose out-of-sample trades the result is, if it was one.

    Returns:
        The run's folder, which holds report.html, result.json, trades.parquet, phases.parquet,
        equity.parquet, prices.parquet, truth.parquet (lab only), trials.parquet (tuning only),
        config.toml and report.json.

    Raises:
        StoreError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with _as_store_error(runs_dir), staged_in(runs_dir) as folder:
        with beside(lambda: _write_data(result, folder, tuning)) as written:
            text = page()
            written()
        (folder / "report.html").write_bytes(text.encode("utf-8", "replace"))
        return publish(folder, runs_dir / folder_name(result))


def _write_data(result: RunResult, folder: Path, tuning: Tuning | None) -> None:
    """All but the page."""
    write_tables(result, folder)
    if tuning is not None:
        write_trials(tuning, folder)
    write_records(result, folder, tuning)


def write_files(files: Mapping[str, bytes], wanted: Path) -> Path:
    """Write a folder of files that is there completely or not at all.

    Args:
        files: by name.
        wanted: the folder; where it exists already, the next name that is free is taken.

    Raises:
        StoreError: it cannot be written; nothing is left behind.
    """
    runs_dir = wanted.parent
    with _as_store_error(runs_dir), staged_in(runs_dir) as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return publish(folder, wanted)


def _as_store_error(runs_dir: Path) -> AbstractContextManager[None]:
    return as_store_error(
        "the folder of runs must be writable, with room for a run",
        runs_dir,
        "free some space or give another folder; nothing of this run was kept",
    )
