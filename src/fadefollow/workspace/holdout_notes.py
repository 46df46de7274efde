"""Notes on a data set's holdout, from the ledger."""

from __future__ import annotations

from fadefollow.market.dataset import Dataset
from fadefollow.workspace.trial_ledger import Ledger, Opening
from fadefollow.workspace.trial_records import known_by, stamp


def holdout_notes(dataset: Dataset, ledger: Ledger) -> list[str]:
    """Notes on whether the holdout is closed and who opened it; empty without a holdout."""
    if dataset.holdout is None:
        return []
    key, day = known_by(dataset), f"{dataset.holdout:%Y-%m-%d}"
    openings = ledger.openings(*key)
    notes = [
        f"the holdout is open: this run sees data from {day} on, which is no longer unseen"
        if dataset.holdout_open
        else f"the holdout is closed: nothing from {day} on is in this run"
    ]
    if openings:
        notes.append(_opened(openings))
    early = ledger.seen_unopened(stamp(dataset.holdout), *key)
    if early:
        notes.append(
            f"the holdout was seen before it was opened or declared: {len(early)} trials used data "
            f"from {day} on, first on {_when(early[0].time)} by `{early[0].command}`"
        )
    return notes


def _opened(openings: list[Opening]) -> str:
    told = [f"on {_when(o.time)} by `{o.command}`" for o in openings]
    most = 3
    if len(told) > most:
        told = [*told[: most - 1], f"{len(told) - most} more times", told[-1]]
    return f"the holdout was opened {', '.join(told[:-1]) + ' and ' if told[1:] else ''}{told[-1]}"


def _when(time: str) -> str:
    return f"{time[:10]} {time[11:16]} UTC"
