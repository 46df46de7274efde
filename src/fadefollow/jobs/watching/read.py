"""Claims as they are recorded: listed, shown beside history's verdict, closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.utc import stamp
from fadefollow.errors import ParameterError
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.watching.trades import request_of
from fadefollow.jobs.watching.update import chosen_claims, detector_of
from fadefollow.results.claims import CLAIMS, ClaimsFile, Closing, Line, Watched, watched_claims
from fadefollow.scanning.history import History
from fadefollow.scanning.model import Standing, Tried
from fadefollow.workspace import Workspace

#: of the reason for which a claim is closed
_LONGEST = 500


@dataclass(frozen=True)
class Shown:
    """A claim beside what history says of its phase."""

    watched: Watched
    history: Standing
    notes: tuple[Note, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the claim, and the word of its stance and book in the run that speaks."""
        one = self.history
        return {
            **self.watched.to_dict(),
            "history": {
                "run": one.run or None,
                "dataset": one.dataset or None,
                "fate": one.fate or None,
                "word": None if self.then is None else self.then.word,
                "mean_net_bps": None if self.then is None else self.then.mean_net_bps,
                "caveats": list(one.caveats),
            },
        }

    @property
    def then(self) -> Tried | None:
        """The claim's own stance and book in the run that speaks; None: it was not traded."""
        return self.history.tried.get((self.watched.claim.stance, self.watched.claim.book))


def list_claims(workspace: Workspace) -> tuple[list[Watched], str]:
    """All claims in the order of their registration, and the hash of the file's last line."""
    file = ClaimsFile(workspace.runs / CLAIMS)
    return list(watched_claims(file.lines()).values()), file.head


def show_claim(workspace: Workspace, name: str) -> Shown:
    """One claim with history's verdict, that of the latest run that saw nothing of its data.

    Raises:
        UnknownNameError: there is no such claim.
    """
    file = ClaimsFile(workspace.runs / CLAIMS)
    (one,) = chosen_claims(file.lines(), [name]).values()
    claim = one.claim
    dataset = open_named(workspace, request_of(claim))
    history = History(workspace, dataset, (claim.dataset,), claim.starts)
    standing = history.standing((claim.bet, detector_of(workspace, claim)), claim.phase)
    return Shown(one, standing, tuple(history.skipped))


def close_claim(
    workspace: Workspace, name: str, why: str, *, now: pd.Timestamp | None = None
) -> Watched:
    """Close a claim; it stays in the file, with the reason.

    Args:
        workspace: where the claims file is.
        name: of a claim that is open.
        why: a sentence.
        now: by default this machine's clock.

    Raises:
        ParameterError: no reason, or one that is too long; the claim is closed already.
    """
    if not why.strip() or len(why) > _LONGEST:
        raise ParameterError(
            f"--why must be a sentence of at most {_LONGEST} letters", got=f"{len(why)} letters"
        )
    time = stamp(now or pd.Timestamp.now(tz="UTC"))

    def line(before: list[Line]) -> list[Line]:
        (chosen,) = chosen_claims(before, [name], open_only=True)
        return [Closing(chosen, time, why.strip())]

    file = ClaimsFile(workspace.runs / CLAIMS)
    (closing,) = file.append(line)
    return watched_claims(file.lines())[closing.claim]
