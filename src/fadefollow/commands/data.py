"""fadefollow data: import, list, audit and sample market data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fadefollow.commands.shared import DatasetOption, JsonOption, SymbolsOption, listed, print_json

app = typer.Typer(help="Import, list, audit and sample market data.", no_args_is_help=True)


@app.command("import")
def data_import(
    name: Annotated[str, typer.Argument(help="Data set, a file in datasets/.")],
    source: Annotated[Path, typer.Option("--from", help="Folder that holds the files.")],
    as_json: JsonOption = False,
) -> None:
    """Import files into the store, as the data set's TOML maps them."""
    from fadefollow.market.dataset import load_spec
    from fadefollow.market.files import import_files
    from fadefollow.terminal import progress, show_import
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    spec = load_spec(workspace.path("datasets", name))
    with progress(quiet=as_json) as step:
        report = import_files(spec, name, source, workspace.store, progress=step)
    if as_json:
        print_json(report.to_dict())
    else:
        show_import(report)


@app.command("list")
def data_list(as_json: JsonOption = False) -> None:
    """The data sets there are, and what of them is in the store."""
    from fadefollow.job import list_datasets
    from fadefollow.terminal import show_datasets
    from fadefollow.workspace import find_workspace

    rows = list_datasets(find_workspace())
    if as_json:
        print_json(rows)
    else:
        show_datasets(rows)


@app.command("audit")
def data_audit(
    name: Annotated[str | None, typer.Argument(help="Data set.")] = None,
    symbols: SymbolsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Coverage, gaps, duplicates, jitter, stale rows, jumps and impossible values."""
    from fadefollow.job import open_named
    from fadefollow.market.audit import audit
    from fadefollow.terminal import progress, show_audit
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    with progress(quiet=as_json) as step:
        step("reading the data", None)
        opened = open_named(workspace, name, symbols=listed(symbols))
        step("auditing", None)
        found = audit(opened)
    if as_json:
        print_json(found.to_dict())
    else:
        show_audit(opened, found)


@app.command("sample")
def data_sample(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    dataset: DatasetOption = None,
) -> None:
    """Write a data set as Parquet files, to look at or to see what an import expects."""
    from fadefollow.job import sample
    from fadefollow.workspace import find_workspace

    for path in sample(find_workspace(), dataset, folder):
        typer.echo(f"wrote {path}")
