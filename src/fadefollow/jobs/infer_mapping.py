"""The job behind `fadefollow data import --guess`: an inferred mapping to check."""

from __future__ import annotations

import re
from pathlib import Path

from fadefollow.core.atomic_file import as_store_error, write_whole
from fadefollow.errors import ParameterError
from fadefollow.market.infer.mapping import InferredMapping, infer_mapping
from fadefollow.market.names import check_dataset_name
from fadefollow.workspace import Workspace


def guess_job(
    workspace: Workspace, source: Path, name: str | None = None
) -> tuple[InferredMapping, Path]:
    """The inferred mapping and the `datasets/NAME.toml` it was written to; imports nothing.

    Args:
        workspace: where the mapping goes.
        source: a file, or a folder of files.
        name: of the new data set; by default after the source.

    Returns:
        The mapping, and where it was written.

    Raises:
        DataError: there is no market data that can be told to be such.
        ParameterError: the data set is there already, or its name is none.
        StoreError: the mapping cannot be written.
    """
    name = name or re.sub(r"[^A-Za-z0-9_-]+", "_", source.resolve().stem).strip("_-") or "mine"
    path = workspace.root / "datasets" / f"{check_dataset_name(name)}.toml"
    if path.exists():
        raise ParameterError(
            "the data set exists already", where=str(path), hint="name another one"
        )
    made = infer_mapping(source, title=f"{name}, as inferred")
    with as_store_error("cannot write the mapping", path, ""):
        write_whole(path, made.text.encode())
    return made, path
