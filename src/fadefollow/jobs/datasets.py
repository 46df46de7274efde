"""Data sets by their names: opened for a job, listed, sampled."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.atomic_folder import filled, is_empty
from fadefollow.core.utc import stamp
from fadefollow.errors import ParameterError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.store.store import Store
from fadefollow.workspace import Workspace
from fadefollow.workspace.trial_ledger import Opening


def open_named(
    workspace: Workspace,
    request: DataRequest | str | None = None,
    *,
    streams: Collection[str] | None = None,
) -> Dataset:
    """The data set that is asked for.

    Args:
        workspace: where its TOML, the store and the ledger are.
        request: which data; a name alone asks for all of that data set but its holdout, None for
            that of the workspace's default one.
        streams: those to read, by default all.
    """
    if not isinstance(request, DataRequest):
        request = DataRequest(dataset=request)
    name = request.dataset or workspace.settings.default_dataset
    spec = load_spec(workspace.path("datasets", name))
    dataset = open_dataset(spec, name, workspace.store, request, streams=streams)
    if dataset.holdout is not None and dataset.holdout_open:
        now, begins = stamp(pd.Timestamp.now(tz="UTC")), stamp(dataset.holdout)
        opening = Opening(dataset.name, dataset.fingerprint, begins, now, request.opened_by or "")
        workspace.ledger.record([opening])
    return workspace.as_traded(dataset)


def list_datasets(workspace: Workspace) -> list[dict[str, Any]]:
    """A row per data set: name, title, bar, source, coins, first, last, state."""
    store = Store(workspace.store)
    stored = store.datasets()
    rows = []
    for name in workspace.names("datasets"):
        spec = load_spec(workspace.path("datasets", name))
        row: dict[str, Any] = {"name": name, "title": spec.title, "source": spec.source}
        row |= {"bar": _hours(spec.bar), "symbols": [], "first": None, "last": None}
        if spec.source == "lab":
            row["state"] = "simulated when used"
        elif name in stored:
            manifest = store.read(name)
            bars = [es.get("perp") or es["spot"] for es in manifest.tables.values()]
            row |= {"symbols": list(manifest.tables), "state": "imported"}
            row |= {"first": min(e.first for e in bars), "last": max(e.last for e in bars)}
        else:
            row["state"] = "not imported"
        rows.append(row)
    return rows


def sample(workspace: Workspace, name: str | None, folder: Path) -> list[Path]:
    """Write a data set's tables as `COIN/STREAM.parquet` below `folder`.

    Raises:
        ParameterError: the folder holds something already.
        StoreError: it cannot be written.
    """
    if folder.exists() and not (folder.is_dir() and is_empty(folder)):
        raise ParameterError("the folder is not empty", where=str(folder), hint="name a new folder")
    dataset = open_named(workspace, name)
    written = []
    with filled(folder) as stage:
        for symbol, market in dataset.markets.items():
            (stage / symbol).mkdir()
            for stream in market.streams:
                path = Path(symbol) / f"{stream}.parquet"
                market.table(stream).to_parquet(stage / path)
                written.append(folder / path)
        if dataset.truth is not None:
            dataset.truth.to_parquet(stage / "truth.parquet")
            written.append(folder / "truth.parquet")
    return written


def _hours(bar: pd.Timedelta) -> str:
    hours = bar / pd.Timedelta(hours=1)
    return f"{hours:g} h" if hours >= 1 else f"{60 * hours:g} min"
