"""The job behind `fadefollow data export`: a folder that is complete or not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fadefollow.core.atomic_folder import filled, is_empty
from fadefollow.errors import ParameterError
from fadefollow.jobs.data_gate import unreadable
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import Step
from fadefollow.market.datasets.export import FORMATS, Exported, tables_of, write_export
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.workspace import Workspace


def export_job(
    workspace: Workspace,
    data: DataRequest | str,
    folder: Path,
    *,
    format: str = "csv",
    streams: tuple[str, ...] | None = None,
    step: Step,
) -> Exported:
    """Write a data set's canonical tables, their schema, and the mapping that reads them back.

    Whatever the audit says of them, so that they can be mended; a coin of which a stored file
    cannot be read is left out and named.

    Args:
        workspace: where the data set is.
        data: which data; a name alone asks for all of that data set but its holdout.
        folder: a new or empty one.
        format: csv or parquet.
        streams: only these; by default all.
        step: told what is being done.

    Raises:
        FadeFollowError: any of its kinds; nothing is left in the folder then.
    """
    if format not in FORMATS:
        raise ParameterError(f"--format must be {' or '.join(FORMATS)}", got=repr(format))
    if folder.exists() and not (folder.is_dir() and is_empty(folder)):
        raise ParameterError("the folder is not empty", where=str(folder), hint="name a new folder")
    step("reading the data", None)
    request = data if isinstance(data, DataRequest) else DataRequest(dataset=data)
    dataset = open_named(workspace, request)
    spec = load_spec(workspace.path("datasets", dataset.name))
    start = min(market.index[0] for market in dataset.markets.values()) if request.since else None
    tables = tables_of(
        dataset,
        spec,
        workspace.store,
        streams=streams,
        since=start,
        cut=request.since is not None or request.until is not None,
    )
    step("writing, and reading back", None)
    with filled(folder) as stage:
        done = write_export(
            tables, dataset, spec, stage, format="csv" if format == "csv" else "parquet"
        )
    return replace(done, left_out=unreadable(dataset))
