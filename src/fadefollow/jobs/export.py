"""The job behind `fadefollow data export`: a folder that is complete or not there."""

from __future__ import annotations

from pathlib import Path

from fadefollow.core.atomic_folder import filled, is_empty
from fadefollow.errors import ParameterError
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import Step
from fadefollow.market.dataset_spec import load_spec
from fadefollow.market.export import FORMATS, Exported, tables_of, write_export
from fadefollow.workspace import Workspace


def export_job(
    workspace: Workspace,
    name: str,
    folder: Path,
    *,
    format: str = "csv",
    symbols: tuple[str, ...] | None = None,
    streams: tuple[str, ...] | None = None,
    since: str | None = None,
    until: str | None = None,
    opened_by: str | None = None,
    step: Step,
) -> Exported:
    """Write a data set's canonical tables, their schema, and the mapping that reads them back.

    Args:
        workspace: where the data set is.
        name: of the data set.
        folder: a new or empty one.
        format: csv or parquet.
        symbols, streams: only these; by default all.
        since, until: the range, as text.
        opened_by: the command that opens its holdout; by default that stays out of the export.
        step: told what is being done.

    Raises:
        FadeFollowError: any of its kinds; nothing is left in the folder then.
    """
    if format not in FORMATS:
        raise ParameterError(f"--format must be {' or '.join(FORMATS)}", got=repr(format))
    if folder.exists() and not (folder.is_dir() and is_empty(folder)):
        raise ParameterError("the folder is not empty", where=str(folder), hint="name a new folder")
    spec = load_spec(workspace.path("datasets", name))
    step("reading the data", None)
    dataset = open_named(
        workspace, name, symbols=symbols, since=since, until=until, opened_by=opened_by
    )
    start = min(market.index[0] for market in dataset.markets.values()) if since else None
    tables = tables_of(
        dataset,
        spec,
        workspace.store,
        streams=streams,
        since=start,
        cut=since is not None or until is not None,
    )
    step("writing, and reading back", None)
    with filled(folder) as stage:
        return write_export(
            tables, dataset, spec, stage, format="csv" if format == "csv" else "parquet"
        )
