"""`index.html` beside the runs: all of them, newest first."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import filelock
import pandas as pd

from fadefollow.reporting.page import fill
from fadefollow.reporting.text import count, when


@dataclass(frozen=True)
class Entry:
    """One run in the list; `trouble` says why it cannot be read."""

    folder: str
    link: str
    name: str
    started: str
    dataset: str
    simulated: bool
    verdicts: tuple[tuple[str, str, str], ...]  #: strategy, phase, verdict
    seconds: float
    trouble: str = ""
    tuning: str = ""  #: how much was searched, if it was a tuning job


def write_index(runs_dir: Path, templates: Path) -> Path:
    """Write `runs_dir/index.html` anew, atomically; two writers take turns."""
    path = runs_dir / "index.html"
    with filelock.FileLock(runs_dir / ".index.lock"):
        page = fill("index.html.j2", templates, {"entries": entries(runs_dir)})
        draft = runs_dir / f".index-{secrets.token_hex(4)}.html"
        try:
            with draft.open("wb") as file:
                file.write(page.encode("utf-8", "replace"))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return path


def entries(runs_dir: Path) -> tuple[Entry, ...]:
    """All runs in the folder, newest first; folders being written are none."""
    folders = [
        path
        for path in runs_dir.iterdir()
        if path.is_dir() and not path.name.startswith(".") and (path / "result.json").exists()
    ]
    return tuple(_entry(path) for path in sorted(folders, key=lambda p: p.name, reverse=True))


def _entry(path: Path) -> Entry:
    link = f"{quote(path.name)}/report.html"
    try:
        result = json.loads((path / "result.json").read_text("utf-8"))
        report = json.loads((path / "report.json").read_text("utf-8"))
        return _described(path.name, link, result, report)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        trouble = f"cannot be read ({type(error).__name__})"
        return Entry(path.name, link, path.name, "", "", False, (), 0.0, trouble)


def _described(folder: str, link: str, result: dict[str, Any], report: dict[str, Any]) -> Entry:
    verdicts = ((v["strategy"], v["phase"], v["verdict"]) for v in result["verdicts"])
    return Entry(
        folder=folder,
        link=link,
        name=str(report["name"]),
        started=when(pd.Timestamp(report["started"])),
        dataset=str(result["dataset"]["name"]),
        simulated=bool(report["dataset"].get("simulated", False)),
        verdicts=tuple((str(s), str(p), str(w)) for s, p, w in verdicts),
        seconds=float(sum(result["seconds"].values())),
        tuning=_searched(result.get("tuning")),
    )


def _searched(tuning: dict[str, Any] | None) -> str:
    if tuning is None:
        return ""
    folds = sum(fold["test"] is not None for fold in tuning["folds"])
    trials = sum(sum(fold["counts"].values()) for fold in tuning["folds"])
    return f"{count(folds, 'fold')}, {count(trials, 'trial')}"
