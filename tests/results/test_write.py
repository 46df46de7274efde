"""A run is on disk complete or not at all."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.core.atomic_folder import STAGING
from fadefollow.errors import SpecError, StoreError
from fadefollow.reporting import write_run
from fadefollow.reporting.pages.page import render
from fadefollow.results import write
from fadefollow.results.catalog import entries
from fadefollow.results.record import folder_name
from fadefollow.verdict.model import RunResult
from tests.support.reporting_cases import (
    IMG,
    REPORTS,
    Cases,
    write_many,
    write_slowly,
    write_within,
)

SPAWN = multiprocessing.get_context("spawn")
FILES = {
    "report.html",
    "result.json",
    "report.json",
    "config.toml",
    "trades.parquet",
    "phases.parquet",
    "equity.parquet",
    "prices.parquet",
    "splits.parquet",
    "truth.parquet",
}


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_run_folder_holds_all_files(cases: Cases, tmp_path: Path) -> None:
    path = write_run(cases.plain, tmp_path / "deep" / "runs", REPORTS)
    assert path.name == "20260305T120007Z-fade_crowded_funding"
    assert {p.name for p in path.iterdir()} == FILES
    assert visible(path.parent) == [path.name, "index.html"]
    assert not list(path.parent.glob(f"{STAGING}*"))


def test_same_name_and_second_get_folders_of_their_own(cases: Cases, tmp_path: Path) -> None:
    paths = [write_run(cases.hostile, tmp_path, REPORTS) for _ in range(3)]
    assert [p.name.rpartition("Z-")[2] for p in paths] == [
        "img-src-x-onerror-alert-1",
        "img-src-x-onerror-alert-1-2",
        "img-src-x-onerror-alert-1-3",
    ]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("", "run"),
        ("..", "run"),
        ("a/b\\c:d\x00e", "a-b-c-d-e"),
        (IMG, "img-src-x-onerror-alert-1"),
        ("é" * 5 + "ok", "ok"),
        ("x" * 500, "x" * 60),
    ],
)
def test_folder_name_is_safe(cases: Cases, name: str, safe: str) -> None:
    started = pd.Timestamp("2026-03-05T14:00", tz="Europe/Paris")
    run = replace(cases.plain, name=name, started=started)
    assert folder_name(run) == f"20260305T130000Z-{safe}"


def test_failing_template_leaves_nothing(cases: Cases, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    shutil.copytree(REPORTS, reports, ignore=shutil.ignore_patterns("runs"))
    bad = reports / "templates" / "sections" / "market.html.j2"
    bad.write_text("one\n{{ nothing.here }}\n", "utf-8")
    with pytest.raises(
        SpecError, match=r"market\.html\.j2:2: cannot render a template of the report"
    ):
        write_run(cases.hostile, tmp_path / "runs", reports)
    bad.write_text("{% if %}", "utf-8")
    with pytest.raises(
        SpecError, match=r"market\.html\.j2:1: cannot render a template of the report"
    ):
        write_run(cases.hostile, tmp_path / "runs", reports)
    bad.unlink()
    with pytest.raises(SpecError, match=r"got no sections/market\.html\.j2"):
        write_run(cases.hostile, tmp_path / "runs", reports)
    assert not (tmp_path / "runs").exists()


def test_unreadable_template_is_named_and_not_the_folder_of_runs(
    cases: Cases, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    shutil.copytree(REPORTS, reports, ignore=shutil.ignore_patterns("runs"))
    bad = reports / "templates" / "sections" / "market.html.j2"
    bad.unlink()
    bad.symlink_to(bad)  # refused by the system even to root
    with pytest.raises((StoreError, SpecError), match=r"market\.html\.j2"):
        write_run(cases.hostile, tmp_path / "runs", reports)
    assert not (tmp_path / "runs").exists()


def test_damaged_compiled_templates_are_compiled_again(
    cases: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    page = render(cases.hostile, REPORTS)
    (folder,) = tmp_path.glob("_jinja2-cache-*")
    kept = list(folder.iterdir())
    assert len(kept) > 5
    for file in kept:
        file.write_bytes(file.read_bytes()[:20])
    assert render(cases.hostile, REPORTS) == page


def test_missing_theme_is_named(cases: Cases, tmp_path: Path) -> None:
    shutil.copytree(REPORTS / "templates", tmp_path / "mine" / "templates")
    message = r"theme/colours\.css: cannot read the report.s theme and scripts"
    with pytest.raises(StoreError, match=message):
        write_run(cases.hostile, tmp_path / "runs", tmp_path / "mine")
    assert visible(tmp_path) == ["mine"]


def test_full_disk_leaves_nothing(
    cases: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: RunResult, folder: Path) -> None:
        (folder / "trades.parquet").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write, "write_tables", full)
    with pytest.raises(StoreError, match=r"(?s)No space left on device.*hint: free some"):
        write_run(cases.hostile, tmp_path, REPORTS)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(cases: Cases, tmp_path: Path) -> None:
    # a file where a folder should be: refused by the system even to root
    (tmp_path / "runs").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="the folder of runs must be writable"):
        write_run(cases.hostile, tmp_path / "runs", REPORTS)
    assert visible(tmp_path) == ["runs"]


@pytest.mark.parametrize("megabytes", [1, 6])
def test_file_that_cannot_grow_leaves_nothing(megabytes: int, tmp_path: Path) -> None:
    """The system refuses to write on in report.html (1 MB) and in prices.parquet (6 MB)."""
    writer = SPAWN.Process(target=write_within, args=(megabytes * 1_000_000, tmp_path))
    writer.start()
    writer.join()
    assert writer.exitcode == 42  # a StoreError
    assert list(tmp_path.iterdir()) == []


def test_killed_writer_leaves_no_run_and_is_cleaned_up_later(cases: Cases, tmp_path: Path) -> None:
    writer = SPAWN.Process(target=write_slowly, args=(tmp_path,))
    writer.start()
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(f"{STAGING}*/truth.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert writer.pid is not None

    other = write_run(cases.hostile, tmp_path, REPORTS)  # the first one is alive: left alone
    assert len(list(tmp_path.glob(f"{STAGING}*/truth.parquet"))) == 1

    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert entries(tmp_path)[0].folder == other.name
    assert len(entries(tmp_path)) == 1
    write_run(cases.hostile, tmp_path, REPORTS)
    assert not list(tmp_path.glob(f"{STAGING}*"))
    assert len(entries(tmp_path)) == 2


def test_two_writers_at_once(tmp_path: Path) -> None:
    writers = [SPAWN.Process(target=write_many, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [w.exitcode for w in writers] == [0, 0]
    assert len(entries(tmp_path)) == 6
    page = (tmp_path / "index.html").read_text("utf-8")
    assert page.count("report.html") == 6
