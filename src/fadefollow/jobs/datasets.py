"""Data sets by their names: opened for a job, listed, sampled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.utc import as_utc
from fadefollow.errors import ParameterError
from fadefollow.market.dataset import Dataset
from fadefollow.market.dataset_spec import load_spec
from fadefollow.market.open import open_dataset
from fadefollow.market.store.store import Store
from fadefollow.workspace import Workspace, filled
from fadefollow.workspace.trial_ledger import Opening
from fadefollow.workspace.trial_records import stamp


def open_named(
    workspace: Workspace,
    name: str | None,
    *,
    symbols: tuple[str, ...] | None = None,
    since: str | None = None,
    until: str | None = None,
    opened_by: str | None = None,
    universe: int | None = None,
    revised: bool = False,
) -> Dataset:
    """The data set called `name`, or the workspace's default one.

    Args:
        workspace: where its TOML, the store and the ledger are.
        name: of the data set.
        symbols: only these coins.
        since, until: the range, as text.
        opened_by: the command that opens its holdout, which is recorded before anything is shown;
            by default it stays closed.
        universe, revised: see `fadefollow.market.open.open_dataset`.
    """
    name = name or workspace.settings.default_dataset
    spec = load_spec(workspace.path("datasets", name))
    dataset = open_dataset(
        spec, name, workspace.store, symbols=symbols,
        since=time_of(since, "--since"), until=time_of(until, "--until"),
        open_holdout=opened_by is not None, universe=universe, revised=revised,
    )  # fmt: skip
    if dataset.holdout is not None and dataset.holdout_open:
        now, begins = stamp(pd.Timestamp.now(tz="UTC")), stamp(dataset.holdout)
        opening = Opening(dataset.name, dataset.fingerprint, begins, now, opened_by or "")
        workspace.ledger.record([opening])
    return workspace.as_traded(dataset)


def list_datasets(workspace: Workspace) -> list[dict[str, Any]]:
    """One row a data set: name, title, bar, source, coins, first, last, state."""
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
            pointer = store.read(name)
            bars = [es.get("perp") or es["spot"] for es in pointer.tables.values()]
            row |= {"symbols": list(pointer.tables), "state": "imported"}
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
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParameterError(
            "a sample must not overwrite anything", got=str(folder), hint="name a new folder"
        )
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


def time_of(text: str | None, option: str) -> pd.Timestamp | None:
    """A day or a time as a user writes it, UTC; a day after `--until` is the last one that is in.

    Raises:
        ParameterError: it is neither; the message names the option.
    """
    if text is None:
        return None
    stamp = pd.to_datetime(text, errors="coerce")
    if pd.isna(stamp):
        raise ParameterError(f"{option} must be a day or a time", got=repr(text), hint="2021-04-01")
    if option == "--until" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
        stamp += pd.Timedelta(days=1)  # the day named is the last one that is in
    return as_utc(stamp)


def _hours(bar: pd.Timedelta) -> str:
    hours = bar / pd.Timedelta(hours=1)
    return f"{hours:g} h" if hours >= 1 else f"{60 * hours:g} min"
