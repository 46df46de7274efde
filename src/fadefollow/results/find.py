"""Stored runs of a workspace by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from fadefollow.errors import ParameterError, StoreError, UnknownNameError

#: so many names are told in a message
_TOLD = 3
_RESULT = "result.json"


def stored_runs(runs: Path) -> tuple[Path, ...]:
    """The folders of all runs and tuning jobs below `runs`, newest first."""
    if not runs.is_dir():
        return ()
    found = (p for p in runs.iterdir() if not p.name.startswith(".") and is_run(p))
    return tuple(sorted(found, key=lambda path: path.name, reverse=True))


def find_run(runs: Path, asked: str) -> Path:
    """The folder of the run named `asked`.

    Args:
        runs: the folder of all runs.
        asked: a run's folder or a file in it, the folder's name below `runs`, that name without
            its time (the newest such run), a part of it that only one run has, or `latest`.

    Raises:
        UnknownNameError: there is no such run; the message has the nearest name.
        ParameterError: several runs have that part in their names, or it is empty.
        StoreError: it is a folder that holds no run.
    """
    if not asked.strip():
        raise ParameterError(
            "a name must not be empty", got=repr(asked), hint="latest is the newest run"
        )
    stored = stored_runs(runs)
    if asked == "latest" and stored:
        return stored[0]
    for path in (places := (Path(asked), runs / asked)):
        if is_run(folder := path.parent if path.is_file() else path):
            return folder
    named = [folder for folder in stored if folder.name.partition("-")[2] == asked]
    alike = named[:1] or [folder for folder in stored if asked in folder.name]
    if len(alike) > 1:
        raise ParameterError(
            "several runs match",
            got=f"{asked!r}, in {len(alike)} names: {_listed(alike)}",
            hint="give more of the name, or latest",
        )
    if not alike:
        raise _no_run(asked, places, runs, stored)
    return alike[0]


def _no_run(
    asked: str, places: Sequence[Path], runs: Path, stored: Sequence[Path]
) -> StoreError | UnknownNameError:
    for folder in places:
        if folder.is_dir():
            return StoreError(
                "not the folder of a run",
                got=_instead(folder),
                where=str(folder),
                hint=_known(stored),
            )
    near = difflib.get_close_matches(asked, [f.name for f in stored], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UnknownNameError(
        "no run named",
        got=repr(asked),
        where=str(runs),
        hint=f"{hint}{_known(stored)}",
    )


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run."""
    return (folder / _RESULT).is_file()


def _instead(folder: Path) -> str:
    return "a calibration" if (folder / "calibration.json").exists() else f"no {_RESULT} in it"


def _known(stored: Sequence[Path]) -> str:
    return f"the newest: {_listed(stored)}" if stored else "no run is stored yet"


def _listed(folders: Sequence[Path]) -> str:
    more = [f"and {len(folders) - _TOLD} more"] if len(folders) > _TOLD else []
    return ", ".join([*(folder.name for folder in folders[:_TOLD]), *more])
