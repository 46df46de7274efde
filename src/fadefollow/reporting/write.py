"""A run rendered, stored and listed."""

from __future__ import annotations

from pathlib import Path

from fadefollow.reporting.pages.index import write_index
from fadefollow.reporting.pages.page import render
from fadefollow.results.write import store_run
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult


def write_run(
    result: RunResult, runs_dir: Path, templates: Path, *, tuning: Tuning | None = None
) -> Path:
    """The folder of a run, written with its report; the list of runs is refreshed.

    Args:
        result: what the run found.
        runs_dir: the folder of all runs; made where it does not exist.
        templates: the workspace's `reports/` folder (`templates/`, `theme/`, `scripts/`).
        tuning: the job whose out-of-sample trades the result is, if it was one.

    Raises:
        SpecError: a template does not render; nothing is written.
        StoreError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    path = store_run(result, runs_dir, lambda: render(result, templates, tuning), tuning=tuning)
    write_index(runs_dir, templates)
    return path
