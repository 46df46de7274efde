"""What lies in a folder of runs: runs, tuning jobs, calibrations and pages, newest first.

What a folder holds does not change, so that it is read once: the list is kept in `.index.json`
with the time and size of each file it was read from. It may be deleted at any time.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from fadefollow.core.atomic_file import write_page
from fadefollow.core.reading import parsed_json
from fadefollow.engine.model import BOOKS
from fadefollow.errors import StoreError
from fadefollow.phases import STANCES
from fadefollow.results.find import is_run
from fadefollow.results.stored_run import StoredRun

Kind = Literal["run", "tuning", "calibration", "comparison", "scan", "page"]
Trouble = Literal["", "unreadable", "no report"]
_CACHE = ".index.json"
#: of the cache; another one is not read
_FORMAT = 4
#: of a page's beginning, in which its title is
_HEAD = 20_000
_CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class Best:
    """The claimed stance whose mean lies furthest above zero, in widths of its interval."""

    phase: str
    stance: str
    book: str
    mean_bps: float
    word: str


@dataclass(frozen=True)
class Entry:
    """One folder or page; `trouble` says what is wrong with it."""

    folder: str  #: name of the folder, or of the page
    page: str  #: what to open, below the folder of runs
    kind: Kind
    name: str
    started: str = ""  #: UTC, as 2026-03-05 12:00; empty where it is not known
    dataset: str = ""
    simulated: bool = False
    days: tuple[str, str] | None = None  #: of the first and the last bar, as 2026-03-05
    words: tuple[tuple[str, int], ...] = ()  #: fates of the claims, and how often
    paying: tuple[tuple[str, str], ...] = ()  #: strategies and phases with a stance that pays
    strategies: tuple[str, ...] = ()
    searched: tuple[int, int] | None = None  #: folds and trials of a tuning job
    about: str = ""  #: the command of a calibration, or what a page says
    coins: tuple[str, ...] = ()
    options: str = ""  #: of the command that made it: `--universe 50 --since 2022-01-01`
    best: Best | None = None  #: the claim with the most evidence for it
    seconds: float | None = None
    trouble: Trouble = ""
    detail: str = ""  #: of trouble


Known = Mapping[tuple[str, str], Entry]


def entries(runs_dir: Path) -> tuple[Entry, ...]:
    """All runs and pages in the folder, newest first; folders being written are none."""
    return _listed(runs_dir, {})[0]


def remembered_entries(runs_dir: Path) -> tuple[Entry, ...]:
    """The same; what was read before comes from the cache, which is brought up to date.

    Two callers must take turns.

    Raises:
        StoreError: the cache cannot be written.
    """
    known = _remembered(runs_dir / _CACHE)
    found, kept = _listed(runs_dir, known)
    if kept != known:
        write_page(_as_json(kept), runs_dir / _CACHE)
    return found


def _listed(runs_dir: Path, known: Known) -> tuple[tuple[Entry, ...], dict[tuple[str, str], Entry]]:
    """All entries in order, and those worth remembering by name and stamp."""
    kept: dict[tuple[str, str], Entry] = {}
    found: list[tuple[str, Entry]] = []
    for path in runs_dir.iterdir():
        key = path.name, _stamp(path)
        if not key[1]:
            continue
        entry = known.get(key) or _entry(path)
        if not entry.trouble:
            kept[key] = entry
        found.append((_time_of(path), entry))
    found.sort(key=lambda pair: (pair[0], pair[1].folder), reverse=True)
    return tuple(entry for _, entry in found), kept


# ---- what is there, and whether it was read before ----


def _stamp(path: Path) -> str:
    """Size and time of what an entry is read from; empty for what is none."""
    if path.name.startswith(".") or path.name == "index.html":
        return ""
    if path.suffix == ".html":
        read = [path]
    elif is_run(path):
        read = [path / name for name in ("result.json", "report.json", "report.html")]
    else:
        read = [path / name for name in (_CALIBRATION, "report.html")]
        read = read if read[0].exists() else []
    return ";".join(_size_and_time(one) for one in read)


def _size_and_time(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "none"
    # a report may be rendered again as often as one likes
    return "there" if path.name == "report.html" else f"{found.st_size} {found.st_mtime_ns}"


def _time_of(path: Path) -> str:
    """When it was made, as folders' names begin: `20260305T120000Z`."""
    if re.match(r"\d{8}T\d{6}Z", path.name):
        return path.name
    return _changed(path).strftime("%Y%m%dT%H%M%SZ")


def _changed(path: Path) -> pd.Timestamp:
    return pd.Timestamp(path.stat().st_mtime_ns, tz="UTC")


def _as_json(kept: Known) -> str:
    rows = [[name, stamp, asdict(entry)] for (name, stamp), entry in kept.items()]
    return json.dumps({"format": _FORMAT, "entries": rows}, separators=(",", ":"))


def _remembered(cache: Path) -> dict[tuple[str, str], Entry]:
    try:
        said = parsed_json(cache.read_text("utf-8"))
        if said["format"] != _FORMAT:
            return {}
        return {(name, stamp): _again(entry) for name, stamp, entry in said["entries"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _again(record: Mapping[str, Any]) -> Entry:
    values = {field.name: record[field.name] for field in fields(Entry)}
    for name in ("days", "searched"):
        values[name] = None if record[name] is None else tuple(record[name])
    values["words"] = tuple((str(word), int(often)) for word, often in record["words"])
    values["paying"] = tuple((str(one), str(phase)) for one, phase in record["paying"])
    values["strategies"], values["coins"] = tuple(record["strategies"]), tuple(record["coins"])
    values["best"] = None if record["best"] is None else Best(**record["best"])
    return Entry(**values)


# ---- reading one ----


def _entry(path: Path) -> Entry:
    try:
        if path.suffix == ".html":
            return _page(path)
        found = _run(StoredRun(path)) if is_run(path) else _calibration(path)
    except (StoreError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        detail = str(error.got) if isinstance(error, StoreError) else str(error)
        page = f"{path.name}/report.html"
        return Entry(path.name, page, "run", path.name, trouble="unreadable", detail=detail)
    if not (path / "report.html").exists():
        return replace(found, page=f"{path.name}/", trouble="no report")
    return found


def _run(run: StoredRun) -> Entry:
    words = Counter(str(v["fate"]) for v in run.verdicts)
    return Entry(
        folder=run.folder.name,
        page=f"{run.folder.name}/report.html",
        kind="run" if run.tuned is None else "tuning",
        name=run.name,
        started=_minute(run.started),
        dataset=run.dataset,
        simulated=run.simulated,
        days=None if run.bars is None else (_day(run.bars[0]), _day(run.bars[1])),
        words=tuple(words.items()),
        paying=tuple((str(v["strategy"]), str(v["phase"])) for v in run.verdicts if _pays(v)),
        strategies=tuple(dict.fromkeys(str(v["strategy"]) for v in run.verdicts)),
        searched=run.searched,
        seconds=run.seconds,
        coins=tuple(str(coin) for coin in run.report["coins"]),
        options=_options(str(run.record["command"])),
        best=_best(run.verdicts),
    )


def _options(command: str) -> str:
    """What a command asks for beyond its names: all from the first option on."""
    found = re.search(r"(?:^|\s)(--?[a-z].*)$", command)
    return found[1] if found else ""


def _best(rows: Sequence[Mapping[str, Any]]) -> Best | None:
    """Of all claimed stances in their books, the surest to be above zero."""
    found: list[tuple[float, Best]] = []
    for row in rows:
        asked = STANCES if row["claim"] == "disputed" else (str(row["claim"]),)
        for stance, book in ((s, b) for s in asked for b in BOOKS):
            one = row[stance][book]
            low, high = (one or {}).get("ci_bps") or (None, None)
            if one is None or one["word"] == "untestable" or one["mean_net_bps"] is None:
                continue
            if low is None or high is None or not high > low:
                continue
            mean = float(one["mean_net_bps"])
            best = Best(str(row["phase"]), stance, book, mean, str(one["word"]))
            found.append((mean / (high - low), best))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _pays(row: Mapping[str, Any]) -> bool:
    """Whether some stance pays in some book."""
    books = (row[stance][book] for stance in STANCES for book in BOOKS)
    return any(one is not None and one["word"] == "pays" for one in books)


def _calibration(path: Path) -> Entry:
    said = parsed_json((path / _CALIBRATION).read_text("utf-8"))
    return Entry(
        folder=path.name,
        page=f"{path.name}/report.html",
        kind="calibration",
        name="calibration",
        started=_minute(pd.Timestamp(said["started"])),
        simulated=True,
        about=str(said["command"]),
        seconds=float(said["seconds"]),
    )


def _page(path: Path) -> Entry:
    """A page beside the runs, by its title."""
    head = path.read_bytes()[:_HEAD].decode("utf-8", "replace")
    title = re.search(r"<title>(.*?)</title>", head, re.DOTALL)
    first = path.name.partition("-")[0]
    kinds: dict[str, Kind] = {"comparison": "comparison", "scan": "scan"}
    said = " ".join(html.unescape(title[1]).split()) if title else ""
    name, _, about = said.partition(" · ")
    return Entry(
        folder=path.name,
        page=path.name,
        kind=kinds.get(first, "page"),
        name=name or path.stem,
        started=_minute(_changed(path)),
        about=about,
    )


def _minute(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%d %H:%M")


def _day(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%d")
