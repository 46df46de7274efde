"""The jobs behind `fadefollow report`: render a stored run again, compare several."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fadefollow.core.atomic_file import write_page
from fadefollow.errors import FadeFollowError, ParameterError, StoreError
from fadefollow.reporting.comparison.comparison import Comparison, compare, read_runs
from fadefollow.reporting.comparison.page import render_comparison
from fadefollow.reporting.pages.index import write_index
from fadefollow.reporting.pages.page import render
from fadefollow.reporting.pages.quantstats_sheet import Sheet, books, sheet
from fadefollow.results.find import find_run, stored_runs
from fadefollow.results.stored_run import StoredRun
from fadefollow.workspace import Workspace

Step = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Sheets:
    """QuantStats' tear sheets of a run."""

    paths: tuple[Path, ...]
    without: dict[str, str]  #: by `STRATEGY:STANCE`, why there is none


def stored(workspace: Workspace, asked: str | None) -> Path:
    """The folder of a run, as `find_run` finds it; without a name the latest one.

    Raises:
        UnknownNameError: there is no such run.
        ParameterError: several runs could be meant, there is none at all, or a calibration is.
    """
    if asked is None:
        runs = stored_runs(workspace.runs)
        if not runs:
            raise ParameterError(
                "no run is stored yet",
                where=str(workspace.runs),
                hint="`fadefollow run` makes the first",
            )
        return runs[0].resolve()
    try:
        return find_run(workspace.runs, asked).resolve()
    except FadeFollowError:
        calibration = _calibration(workspace, asked)
        if calibration is None:
            raise
    raise ParameterError(
        "a calibration is not a run; its page shows all that it holds",
        got=calibration.name,
        hint=f"open {calibration / 'report.html'}; `fadefollow calibrate` writes it again and "
        "reuses what was measured before",
    )


def render_job(workspace: Workspace, folder: Path) -> Path:
    """Render the report of a stored run or tuning job again with the workspace's templates.

    Only report.html changes, and that only once the new page stands; the list of runs is
    refreshed.

    Args:
        workspace: whose templates are used.
        folder: of the run.

    Returns:
        The page.

    Raises:
        StoreError: a file of the run is missing, damaged or of a later version, or the page
            cannot be written; the old page stays.
        SpecError: a template does not render; the old page stays.
    """
    stored = StoredRun(folder)
    run, tuning = stored.result, stored.tuning
    try:
        text = render(run, workspace.templates, tuning)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, FadeFollowError):
            raise
        raise StoreError(
            "cannot render the run",
            got=f"{type(error).__name__}: {error}",
            where=str(folder),
            hint=f"`fadefollow run --again {folder.name}` makes it anew",
        ) from error
    page = write_page(text, folder / "report.html")
    _refresh(workspace)
    return page


def sheets_job(folder: Path, named: Sequence[str], *, step: Step) -> Sheets:
    """Write QuantStats' tear sheets of a run's books beside its report.

    Args:
        folder: of the run.
        named: books as `STRATEGY` or `STRATEGY:STANCE`; by default all.
        step: told what is being done.

    Raises:
        ParameterError: the extra `quantstats` is not installed, or nothing was traded.
        UnknownNameError: there is no such book.
        StoreError: the run cannot be read, or a sheet cannot be written.
    """
    run = StoredRun(folder).result
    chosen = books(run.equity, named)
    paths: list[Path] = []
    without: dict[str, str] = {}
    for at, (strategy, stance) in enumerate(chosen):
        step(f"QuantStats: {strategy}, {stance}", at / len(chosen))
        made: Sheet = sheet(run.equity, strategy, stance, about=f"{run.name}, {folder.name}")
        if made.reason:
            without[f"{strategy}:{stance}"] = made.reason
        else:
            paths.append(write_page(made.page, folder / made.file))
    return Sheets(tuple(paths), without)


def compare_job(
    workspace: Workspace, folders: Sequence[Path], output: Path | None, *, step: Step
) -> tuple[Comparison, Path]:
    """Compare stored runs and write the page.

    Args:
        workspace: whose templates are used.
        folders: of two to eight runs.
        output: where the page goes; by default beside the runs, under a name that the same runs
            always have.
        step: told what is being done.

    Raises:
        ParameterError: fewer than two runs, too many, or one twice.
        StoreError: a run cannot be read, or the page cannot be written.
        SpecError: a template does not render.
    """
    step("reading the runs", None)
    found = compare(read_runs(folders))
    step("writing the comparison", None)
    names = "\n".join(folder.name for folder in folders)
    name = f"comparison-{hashlib.sha256(names.encode()).hexdigest()[:10]}.html"
    path = workspace.runs / name if output is None else output.absolute()
    page = write_page(
        render_comparison(found, workspace.templates, lambda folder: _link(folder, path)), path
    )
    _refresh(workspace)
    return found, page


def _link(folder: Path, page: Path) -> str:
    """The relative link from a page to a run's report; empty where there is none."""
    report = folder / "report.html"
    if not report.exists():
        return ""
    try:
        return quote(Path(os.path.relpath(report, page.parent.resolve())).as_posix())
    except ValueError:  # on another drive
        return ""


def _refresh(workspace: Workspace) -> None:
    if workspace.runs.is_dir():
        write_index(workspace.runs, workspace.templates)


def _calibration(workspace: Workspace, asked: str) -> Path | None:
    path = Path(asked)
    runs = workspace.runs.iterdir() if workspace.runs.is_dir() else ()
    alike = sorted((p for p in runs if asked in p.name), reverse=True)
    places = (path, path.parent, *alike)
    return next((place for place in places if (place / "calibration.json").exists()), None)
