"""fadefollow data: fetch, record, import, list, audit, export and sample market data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.commands.fetch import data_fetch
from fadefollow.cli.commands.record import data_record
from fadefollow.cli.options import (
    DatasetOption,
    JsonOption,
    listed,
    note_misnamed,
    print_json,
    takes_data,
)

if TYPE_CHECKING:
    from fadefollow.market.datasets.request import DataRequest

app = typer.Typer(
    help="Fetch, record, import, list, audit, export and sample market data.", no_args_is_help=True
)
app.command("fetch")(data_fetch)
app.command("record")(data_record)


@app.command("import")
def data_import(
    name: Annotated[
        str | None, typer.Argument(help="Name of the data set, a file in datasets/.")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="Folder with the files.")] = None,
    guess: Annotated[
        Path | None,
        typer.Option(
            help="Infer a mapping from this file or folder and write it; imports nothing."
        ),
    ] = None,
    called: Annotated[
        str | None, typer.Option("--name", help="Name of the mapping, with --guess.")
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="CODE,…",
            help="Audit findings with which a coin is imported, as CODE or COIN:CODE.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Import nothing if a coin would have to be left out."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import files into the store as the data set's TOML maps them, or infer it with --guess.

    A coin of which a file is bad is left out and named; exit status 2 only if none is left, or
    with --strict.
    """
    from fadefollow.cli.render.console import progress, show_import, warn_left_out
    from fadefollow.errors import ParameterError
    from fadefollow.market.datasets.spec import load_spec
    from fadefollow.market.importing.files import import_files
    from fadefollow.workspace import find_workspace

    if guess is not None:
        if source is not None:
            raise ParameterError("--guess and --from exclude each other", hint="run --guess first")
        _guess(guess, called or name, as_json=as_json)
        return
    if name is None or source is None or called is not None:
        raise ParameterError(
            "an import needs a data set and --from FOLDER",
            hint="no mapping yet? fadefollow data import --guess FOLDER --name NAME writes one",
        )
    workspace = find_workspace()
    spec = load_spec(workspace.path("datasets", name))
    with progress(quiet=as_json) as step:
        report = import_files(
            spec,
            name,
            source,
            workspace.store,
            progress=step,
            accept=listed(accept) or (),
            strict=strict,
        )
    if as_json:
        print_json(report.to_dict())
    else:
        show_import(report)
    warn_left_out(report)


def _guess(source: Path, name: str | None, *, as_json: bool) -> None:
    from fadefollow.cli.render.console import progress, show_guess
    from fadefollow.jobs.infer_mapping import guess_job
    from fadefollow.workspace import find_workspace

    with progress(quiet=as_json) as step:
        step("looking at the files", None)
        made, path = guess_job(find_workspace(), source, name)
    if as_json:
        print_json({"path": str(path), **made.to_dict()})
    else:
        show_guess(made, path)


@app.command("list")
def data_list(as_json: JsonOption = False) -> None:
    """List the data sets and what the store holds of each."""
    from fadefollow.cli.render.console import show_datasets
    from fadefollow.jobs.datasets import list_datasets
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    note_misnamed(workspace, "datasets")
    rows = list_datasets(workspace)
    if as_json:
        print_json(rows)
    else:
        show_datasets(rows)


@app.command("audit")
@takes_data("symbols", "since", "until", "open_holdout")
def data_audit(
    name: Annotated[str | None, typer.Argument(help="Data set.")] = None,
    *,
    data: DataRequest,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 2 if there is an error.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what the data cover, and errors, warnings and notes about them.

    An error stops a run that uses the stream; `run --accept CODE` accepts it.
    """
    from fadefollow.cli.render.console import progress, show_audit
    from fadefollow.jobs.datasets import open_named
    from fadefollow.market.audit.audit import audit
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    with progress(quiet=as_json) as step:
        step("reading the data", None)
        opened = open_named(workspace, replace(data, dataset=name))
        step("auditing", None)
        found = audit(opened)
    if as_json:
        print_json(found.to_dict())
    else:
        show_audit(opened, found)
    if strict and found.worst == "error":
        raise typer.Exit(2)


@app.command("export")
@takes_data("symbols", "since", "until", "open_holdout")
def data_export(
    name: Annotated[str, typer.Argument(help="Data set.")],
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    format: Annotated[str, typer.Option(help="File format: csv or parquet.")] = "csv",
    *,
    data: DataRequest,
    streams: Annotated[
        str | None, typer.Option(help="Streams, comma-separated (default: all).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the tables with their schema and a mapping that imports them again."""
    from fadefollow.cli.render.console import progress, show_export
    from fadefollow.jobs.export import export_job
    from fadefollow.workspace import find_workspace

    with progress(quiet=as_json) as step:
        done = export_job(
            find_workspace(),
            replace(data, dataset=name),
            folder,
            format=format,
            streams=listed(streams),
            step=step,
        )
    if as_json:
        print_json(done.to_dict())
    else:
        show_export(done, folder)


@app.command("sample")
def data_sample(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    dataset: DatasetOption = None,
) -> None:
    """Write a data set as Parquet files, as an example of what an import expects."""
    from fadefollow.cli.render.screen import say
    from fadefollow.jobs.datasets import sample
    from fadefollow.workspace import find_workspace

    for path in sample(find_workspace(), dataset, folder):
        say(f"wrote {path}")
