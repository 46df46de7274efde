"""The present of one data set as plain values, and where those of all watchers are kept.

The page shows what a loop of `scan` and one of `watch update` saw last, each of which writes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fadefollow.core.atomic_file import as_store_error, write_whole
from fadefollow.core.reading import regular_bytes
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.watch.message import claim_words
from fadefollow.results.claims import Watched
from fadefollow.scanning.model import Scan, ScanRow
from fadefollow.scanning.news import UNMEASURED, claims_on

#: of the file beside the runs
PANELS = ".watch-panels.json"
#: a panel that nobody wrote anew for so long is dropped
KEPT = pd.Timedelta(days=7)
#: from the gravest on: the fate that a badge shows where strategies differ
_BADGES = ("supported", "fade", "follow", "open", "refuted", "neither", "untestable", UNMEASURED)


class Plain(BaseModel):
    """Values that go to a file and come back."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(Plain):
    """One phase that is present in a coin."""

    symbol: str
    phase: str
    lean: int
    since: str  #: when it became known, UTC, ISO 8601
    share: float | None  #: of earlier events that were weaker; None without any
    rank: str
    left: str
    move: str
    fate: str
    history: tuple[str, ...]  #: fates by strategy, in words
    claims: tuple[str, ...]  #: answers of watched claims, in words


class Panel(Plain):
    """What was seen of one data set."""

    source: str  #: who saw it: a loop of a command
    title: str
    time: str  #: of the data, UTC, ISO 8601
    cells: tuple[Cell, ...]
    quiet: tuple[str, ...]  #: coins without any phase
    unseen: tuple[str, ...]  #: what could not be looked at, in sentences


_PANELS = TypeAdapter(tuple[Panel, ...])


def panel_of(scan: Scan, source: str, claims: Mapping[str, Watched]) -> Panel:
    """The panel of a scan."""
    left_out = tuple(f"{coin.symbol}: {coin.kind}, {coin.why}" for coin in scan.untrusted)
    return Panel(
        source=source,
        title=scan.title,
        time=scan.time.isoformat(),
        cells=tuple(_cell(scan, row, claims) for row in scan.rows),
        quiet=scan.quiet,
        unseen=(*left_out, *(one.text() for one in scan.unseen)),
    )


def kept_panels(runs: Path, source: str, panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """The panels of all watchers, those of this source being the new ones, which are kept.

    Args:
        runs: the folder of runs.
        source: whose panels are replaced.
        panels: the new ones.

    Raises:
        StoreError: they cannot be written.
    """
    path = runs / PANELS
    with as_store_error("cannot keep what the page shows", path, "free some space"):
        runs.mkdir(parents=True, exist_ok=True)
        with FileLock(runs / f"{PANELS}.lock"):
            others = [one for one in _read(path) if one.source != source]
            last = max((pd.Timestamp(one.time) for one in (*others, *panels)), default=None)
            fresh = [one for one in others if last is None or last - pd.Timestamp(one.time) < KEPT]
            every = (*panels, *fresh)
            write_whole(path, _PANELS.dump_json(every))
    return every


def _read(path: Path) -> tuple[Panel, ...]:
    """The panels that are kept; none where they cannot be read, as they are written anew."""
    try:
        return _PANELS.validate_json(regular_bytes(path))
    except (OSError, ValidationError):
        return ()


def _cell(scan: Scan, row: ScanRow, claims: Mapping[str, Watched]) -> Cell:
    standings = scan.history(row)
    fates = {one.fate or UNMEASURED for one in standings}
    rank = "the first of its kind here"
    if row.n_before:
        rank = f"stronger than {text.percent(row.stronger_than, 0)} of {text.fixed(row.n_before)}"
    return Cell(
        symbol=row.symbol,
        phase=row.phase,
        lean=row.lean,
        since=row.known.isoformat(),
        share=None if math.isnan(row.stronger_than) else row.stronger_than,
        rank=rank,
        left=text.hours(row.hours_left),
        move=text.bps(row.move_bps),
        fate=next((fate for fate in _BADGES if fate in fates), UNMEASURED),
        history=tuple(f"{one.strategy}: {one.fate or UNMEASURED}" for one in standings),
        claims=tuple(f"{one.claim.claim}: {claim_words(one)}" for one in claims_on(row, claims)),
    )
