"""A tuning job whose study is in a real PostgreSQL database, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import psycopg
import pytest

from fadefollow.workspace import find_workspace, init_workspace
from tests.support.postgres import PASSWORD

ARGUMENTS = [
    "tune",
    "fade_crowded_funding",
    "--symbols",
    "IBEX",
    "--dataset",
    "lab",
    "--trials",
    "60",
    "--folds",
    "2",
    "--min-trades",
    "5",
    "--jobs",
    "1",
    "--json",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "mine")
    return tmp_path / "mine"


def start(root: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("fadefollow")), *words],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def told(out: str) -> dict:
    result = json.loads(out)
    for name in ("seconds", "command"):
        del result[name]
    for name in ("seconds", "storage", "study"):
        result["tuning"].pop(name, None)
    return result


@pytest.mark.slow
def test_a_study_in_a_database_is_killed_resumed_and_the_same(root: Path, database: str) -> None:
    assert unquote(urlsplit(database).password or "") == PASSWORD
    words = [*ARGUMENTS, "--storage", database]
    job = start(root, *words)
    for _ in range(600):
        if _trials(database) >= 20:
            break
        time.sleep(0.1)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    kept = _trials(database)
    assert 20 <= kept < 180
    second = start(root, *words)
    out, err = second.communicate(timeout=180)
    assert second.returncode == 0, err
    plain = start(root, *ARGUMENTS)  # the same in a file
    alone, err = plain.communicate(timeout=180)
    assert plain.returncode == 0, err
    assert told(out) == told(alone)
    folders = sorted(p for p in find_workspace(root).runs.glob("*-tune-*") if p.is_dir())
    assert len(folders) == 2
    one, two = (pd.read_parquet(folder / "trials.parquet") for folder in folders)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    hidden = urlsplit(database).password
    for path in root.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            data = path.read_bytes()
            assert PASSWORD.encode() not in data, path
            assert hidden.encode() not in data, path


def _trials(url: str) -> int:
    """Trials in the database; 0 before there are tables."""
    with psycopg.connect(url) as connection:
        try:
            row = connection.execute("select count(*) from trials").fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
    return int(row[0])


def test_the_storage_may_stand_in_the_environment(root: Path, database: str) -> None:
    short = [*ARGUMENTS]
    short[short.index("60")] = "10"
    job = start(root, *short, FADEFOLLOW_STORAGE=database)
    out, err = job.communicate(timeout=180)
    assert job.returncode == 0, err
    assert json.loads(out)["tuning"]["storage"].startswith("postgresql://")
    assert not (root / "reports" / "runs" / "studies").exists()
    assert _trials(database) == 30
