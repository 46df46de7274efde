"""`index.html` beside the runs: runs, tuning jobs, calibrations and pages, newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import filelock

from fadefollow.core.atomic_file import as_store_error, write_page
from fadefollow.reporting.pages.page import fill
from fadefollow.reporting.text.answers import FATE_ORDER, FATES
from fadefollow.reporting.text.formatting import bps, count, human, listed
from fadefollow.results.catalog import Entry, Kind, remembered_entries
from fadefollow.verdict.words import Fate

_NOUNS: dict[Kind, str] = {
    "run": "run",
    "tuning": "tuning job",
    "calibration": "calibration",
    "comparison": "comparison",
    "scan": "scan",
    "page": "page",
}

#: coins that a line names
_NAMED = 4


@dataclass(frozen=True)
class Count:
    """So many claims of one fate."""

    fate: Fate
    often: int
    text: str


@dataclass(frozen=True)
class Line:
    """One line of the list, as it is shown."""

    folder: str  #: name of the folder, or of the page
    link: str
    kind: Kind
    name: str
    started: str
    dataset: str
    simulated: bool
    range: str  #: first and last day of the bars
    verdicts: tuple[Count, ...]  #: claims by fate
    paying: tuple[str, ...]
    about: str  #: strategies, how much was searched, or what a page says
    seconds: float | None
    trouble: str  #: why it cannot be read, or what it lacks
    coins: str  #: their names, or how many
    options: str  #: of the command that made it
    best: str  #: the claim with the most evidence: `crowded shorts: fade +116 bps hedged, pays`

    @property
    def compares(self) -> bool:
        """Whether `fadefollow report` compares it with others."""
        return self.kind in ("run", "tuning") and not self.trouble


def write_index(runs_dir: Path, templates: Path) -> Path:
    """Write `runs_dir/index.html` anew, atomically; two writers take turns.

    Raises:
        SpecError: the template does not render.
        StoreError: the folder cannot be written.
    """
    rule, hint = "the list of runs must be writable", "free some space"
    with as_store_error(rule, runs_dir, hint), filelock.FileLock(runs_dir / ".index.lock"):
        found = lines(remembered_entries(runs_dir))
        page = fill("index.html.j2", templates, {"entries": found, "counts": _counts(found)})
        return write_page(page, runs_dir / "index.html")


def lines(entries: Sequence[Entry]) -> tuple[Line, ...]:
    """The lines of the list, in the order of the entries."""
    return tuple(_line(entry) for entry in entries)


def _line(entry: Entry) -> Line:
    words = dict(entry.words)
    return Line(
        folder=entry.folder,
        link=quote(entry.page),
        kind=entry.kind,
        name=entry.name,
        started=entry.started,
        dataset=entry.dataset,
        simulated=entry.simulated,
        range="" if entry.days is None else " to ".join(entry.days),
        verdicts=tuple(
            Count(fate, words[fate], FATES[fate]) for fate in FATE_ORDER if words.get(fate)
        ),
        paying=tuple(f"{strategy}: {human(phase)}" for strategy, phase in entry.paying),
        about=_about(entry),
        seconds=entry.seconds,
        trouble=_trouble(entry),
        coins=", ".join(entry.coins) if len(entry.coins) <= _NAMED else f"{len(entry.coins)} coins",
        options=entry.options,
        best=_best(entry),
    )


def _best(entry: Entry) -> str:
    if entry.best is None:
        return ""
    one = entry.best
    book = " against the market" if one.book == "hedged" else ""
    return f"{human(one.phase)}: {one.stance} {bps(one.mean_bps)}{book}, {one.word}"


def _about(entry: Entry) -> str:
    if entry.searched is not None:
        folds, trials = entry.searched
        return f"{count(folds, 'fold')}, {count(trials, 'trial')}"
    return entry.about or listed(entry.strategies, 3)


def _trouble(entry: Entry) -> str:
    if entry.trouble == "unreadable":
        return f"cannot be read ({entry.detail})"
    lost = "its report.html is missing: `fadefollow report` makes it again"
    return lost if entry.trouble else ""


def _counts(found: Sequence[Line]) -> str:
    """`12 runs, 4 tuning jobs and 1 calibration`."""
    kinds = Counter(line.kind for line in found)
    parts = [count(kinds[kind], noun) for kind, noun in _NOUNS.items() if kinds[kind]]
    if not parts:
        return "No runs"
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
