"""fadefollow report: a stored run rendered again, or several compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadefollow.cli.options import JsonOption, print_json

if TYPE_CHECKING:
    from fadefollow.workspace import Workspace


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Folder or name of a run, part of a name, or latest (the default); several "
            "runs are compared.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the page of a comparison."),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
    quantstats: Annotated[
        bool,
        typer.Option(
            "--quantstats",
            help="Also write QuantStats' tear sheet of each traded book (needs the extra).",
        ),
    ] = False,
    book: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRATEGY[:STANCE]",
            help="Only this book, with --quantstats; repeatable.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Render a stored run again, without recomputing it, or compare two to eight runs.

    Works on tuning jobs too. Also refreshes index.html, the list of all runs.
    """
    from fadefollow.errors import ParameterError
    from fadefollow.jobs.report import stored
    from fadefollow.workspace import find_workspace

    several = len(runs or ()) > 1
    if several and (quantstats or book):
        raise ParameterError("--quantstats takes one run", got=f"{len(runs or ())} runs")
    if book and not quantstats:
        raise ParameterError("--book needs --quantstats", got=", ".join(book))
    if output is not None and not several:
        raise ParameterError(
            "--output needs several runs: a single report stays in its run's folder",
            got=str(output),
        )
    workspace = find_workspace()
    asked: list[str | None] = [*runs] if runs else [None]
    folders = [stored(workspace, name) for name in asked]
    if several:
        page = _compare(workspace, folders, output, as_json=as_json)
    else:
        named = tuple(book or ()) if quantstats else None
        page = _render(workspace, folders[0], named, latest=not runs, as_json=as_json)
    if open_page:
        _show(page)


def _render(
    workspace: Workspace,
    folder: Path,
    books: tuple[str, ...] | None,
    *,
    latest: bool,
    as_json: bool,
) -> Path:
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.screen import say
    from fadefollow.jobs.report import render_job, sheets_job

    with progress(quiet=as_json) as step:
        step("rendering the report", None)
        page = render_job(workspace, folder)
        sheets = None if books is None else sheets_job(folder, books, step=step)
    if as_json:
        said: dict[str, Any] = {"report": str(page)}
        if sheets is not None:
            said |= {"quantstats": [str(path) for path in sheets.paths], "without": sheets.without}
        print_json(said)
        return page
    if latest:
        say(f"the latest run: {folder.name}")
    say(f"report: {page}")
    for path in sheets.paths if sheets is not None else ():
        say(f"tear sheet: {path}")
    for name, reason in (sheets.without if sheets is not None else {}).items():
        say(f"no tear sheet of {name}: {reason}", err=True)
    return page


def _compare(
    workspace: Workspace, folders: list[Path], output: Path | None, *, as_json: bool
) -> Path:
    from fadefollow.cli.render.comparison import comparison_record, show_comparison
    from fadefollow.cli.render.console import progress
    from fadefollow.jobs.report import compare_job

    with progress(quiet=as_json) as step:
        found, page = compare_job(workspace, folders, output, step=step)
    if as_json:
        print_json({"comparison": str(page), **comparison_record(found)})
    else:
        show_comparison(found, page)
    return page


def _show(page: Path) -> None:
    import webbrowser

    from fadefollow.cli.render.screen import say

    if not webbrowser.open(page.absolute().as_uri()):
        say(f"no browser was found; open {page}", err=True)
