"""The stored runs of a workspace: found by what a person calls them."""

from __future__ import annotations

from pathlib import Path

from fadefollow.errors import ParameterError, unknown


def stored_runs(runs: Path) -> tuple[Path, ...]:
    """The folders of all runs and tuning jobs below `runs`, newest first."""
    if not runs.is_dir():
        return ()
    found = (p for p in runs.iterdir() if not p.name.startswith(".") and _is_run(p))
    return tuple(sorted(found, key=lambda path: path.name, reverse=True))


def find_run(runs: Path, asked: str) -> Path:
    """The folder of the run that is called `asked`.

    Args:
        runs: the folder of all runs.
        asked: a run's folder or a file in it, the folder's name below `runs`, a part of that name
            that only one run has, or `latest`.

    Raises:
        UnknownNameError: there is no such run; the message has the nearest name.
        ParameterError: several runs have that part in their names.
    """
    path = Path(asked)
    for folder in (path, path.parent):
        if path.exists() and _is_run(folder):
            return folder
    stored = stored_runs(runs)
    if asked == "latest" and stored:
        return stored[0]
    exact = [folder for folder in stored if folder.name == asked]
    alike = exact or [folder for folder in stored if asked in folder.name]
    if len(alike) > 1:
        raise ParameterError(
            "a part of a run's name must belong to one run",
            got=f"{asked}, in {len(alike)} names: {', '.join(p.name for p in alike[:3])}, …",
            hint="give more of the name, or latest",
        )
    if not alike:
        raise unknown("run", asked, [folder.name for folder in stored], where=str(runs))
    return alike[0]


def _is_run(folder: Path) -> bool:
    return folder.is_dir() and (folder / "result.json").exists()
