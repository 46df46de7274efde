"""Notes on a data set's holdout, from the ledger."""

from __future__ import annotations

from fadefollow.core.notes import Note
from fadefollow.core.utc import stamp
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.workspace.trial_ledger import Ledger
from fadefollow.workspace.trial_records import known_by


def holdout_notes(dataset: Dataset, ledger: Ledger) -> list[Note]:
    """Notes on whether the holdout is closed and who opened it; empty without a holdout."""
    if dataset.holdout is None:
        return []
    key, day = known_by(dataset), f"{dataset.holdout:%Y-%m-%d}"
    openings = ledger.openings(*key)
    notes = [Note("holdout-open" if dataset.holdout_open else "holdout-closed", {}, {"from": day})]
    if openings:
        told = tuple((_when(one.time), one.command) for one in openings)
        notes.append(Note("holdout-opened", {}, {"openings": told}))
    early = ledger.seen_unopened(stamp(dataset.holdout), *key)
    if early:
        first = {"first": _when(early[0].time), "command": early[0].command}
        figures = {"from": day, "trials": len(early), **first}
        notes.append(Note("holdout-seen-early", {}, figures))
    return notes


def _when(time: str) -> str:
    return f"{time[:10]} {time[11:16]}"
