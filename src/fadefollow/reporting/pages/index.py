"""`index.html` beside the runs: runs, tuning jobs, calibrations and pages, newest first.

What a folder holds does not change, so that it is read once: the list is kept in `.index.json`
with the time and size of each file it was read from. It may be deleted at any time.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import filelock
import pandas as pd
import pyarrow.parquet as pq

from fadefollow.core.atomic_file import as_store_error, write_page
from fadefollow.phases import STANCES
from fadefollow.reporting.pages.page import fill
from fadefollow.reporting.text.formatting import count, human, listed, when
from fadefollow.results.tuning_record import TRIALS

Kind = Literal["run", "tuning", "calibration", "comparison", "scan", "page"]
#: verdicts in the order in which they are counted
_WORDS = (*STANCES, "neither", "undecided")
_CACHE = ".index.json"
#: of the cache; another one is not read
_FORMAT = 1
#: of a page's beginning, in which its title is
_HEAD = 20_000


@dataclass(frozen=True)
class Entry:
    """One line of the list; `trouble` says why it cannot be read."""

    folder: str  #: name of the folder, or of the page
    link: str
    kind: Kind
    name: str
    started: str  #: UTC, to the minute
    dataset: str = ""
    simulated: bool = False
    range: str = ""  #: first and last day of the bars
    verdicts: tuple[tuple[str, int], ...] = ()  #: word and how often
    paying: tuple[str, ...] = ()  #: strategies and phases with a stance that pays
    about: str = ""  #: strategies, how much was searched, or what a page says
    seconds: float | None = None
    trouble: str = ""


def write_index(runs_dir: Path, templates: Path) -> Path:
    """Write `runs_dir/index.html` anew, atomically; two writers take turns.

    Raises:
        SpecError: the template does not render.
        StoreError: the folder cannot be written.
    """
    rule, hint = "the list of runs must be writable", "free some space"
    with as_store_error(rule, runs_dir, hint), filelock.FileLock(runs_dir / ".index.lock"):
        known = _remembered(runs_dir / _CACHE)
        found, kept = _listed(runs_dir, known)
        if kept != known:
            write_page(_as_json(kept), runs_dir / _CACHE)
        page = fill("index.html.j2", templates, {"entries": found, "counts": _counts(found)})
        return write_page(page, runs_dir / "index.html")


def entries(runs_dir: Path) -> tuple[Entry, ...]:
    """All runs and pages in the folder, newest first; folders being written are none."""
    return _listed(runs_dir, {})[0]


def _listed(
    runs_dir: Path, known: Mapping[tuple[str, str], Entry]
) -> tuple[tuple[Entry, ...], dict[tuple[str, str], Entry]]:
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


# ---- what there is, and whether it was read before ----


def _stamp(path: Path) -> str:
    """Size and time of what an entry is read from; empty for what is none."""
    if path.name.startswith(".") or path.name == "index.html":
        return ""
    if path.suffix == ".html":
        read = [path]
    elif (path / "result.json").exists():
        read = [path / name for name in ("result.json", "report.json", "report.html")]
    else:
        read = [path / name for name in ("calibration.json", "report.html")]
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


def _as_json(kept: Mapping[tuple[str, str], Entry]) -> str:
    rows = [[name, stamp, asdict(entry)] for (name, stamp), entry in kept.items()]
    return json.dumps({"format": _FORMAT, "entries": rows}, separators=(",", ":"))


def _remembered(cache: Path) -> dict[tuple[str, str], Entry]:
    try:
        said = json.loads(cache.read_text("utf-8"))
        if said["format"] != _FORMAT:
            return {}
        return {(name, stamp): _again(entry) for name, stamp, entry in said["entries"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _again(record: Mapping[str, Any]) -> Entry:
    values = {field.name: record[field.name] for field in fields(Entry)}
    values["verdicts"] = tuple((str(word), int(often)) for word, often in record["verdicts"])
    values["paying"] = tuple(record["paying"])
    return Entry(**values)


# ---- reading one ----


def _entry(path: Path) -> Entry:
    try:
        if path.suffix == ".html":
            return _page(path)
        found = _run(path) if (path / "result.json").exists() else _calibration(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        trouble = f"cannot be read ({type(error).__name__})"
        return Entry(path.name, _link(path), "run", path.name, "", trouble=trouble)
    if not (path / "report.html").exists():
        lost = "its report.html is missing: `fadefollow report` makes it again"
        return Entry(path.name, f"{quote(path.name)}/", found.kind, found.name, found.started,
                     trouble=lost)  # fmt: skip
    return found


def _run(path: Path) -> Entry:
    result = json.loads((path / "result.json").read_text("utf-8"))
    report = json.loads((path / "report.json").read_text("utf-8"))
    verdicts = result["verdicts"]
    words = Counter(str(v["verdict"]) for v in verdicts)
    strategies = list(dict.fromkeys(str(v["strategy"]) for v in verdicts))
    tuning = result.get("tuning")
    return Entry(
        folder=path.name,
        link=_link(path),
        kind="run" if tuning is None else "tuning",
        name=str(report["name"]),
        started=when(pd.Timestamp(report["started"])),
        dataset=str(result["dataset"]["name"]),
        simulated=bool(report["dataset"].get("simulated", False)),
        range=_range(path / "prices.parquet"),
        verdicts=tuple((word, words[word]) for word in _WORDS if words[word]),
        paying=tuple(
            f"{v['strategy']}: {human(str(v['phase']))}"
            for v in verdicts
            if v["verdict"] in STANCES
        ),
        about=listed(strategies, 3) if tuning is None else _searched(tuning, path),
        seconds=float(sum(result["seconds"].values())),
    )


def _searched(tuning: Mapping[str, Any], path: Path) -> str:
    folds = sum(fold["test"] is not None for fold in tuning["folds"])
    trials = pq.read_metadata(path / TRIALS).num_rows
    return f"{count(folds, 'fold')}, {count(trials, 'trial')}"


def _calibration(path: Path) -> Entry:
    said = json.loads((path / "calibration.json").read_text("utf-8"))
    return Entry(
        folder=path.name,
        link=_link(path),
        kind="calibration",
        name="calibration",
        started=when(pd.Timestamp(said["started"])),
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
    kind, changed = kinds.get(first, "page"), when(_changed(path))
    return Entry(path.name, quote(path.name), kind, name or path.stem, changed, about=about)


def _range(prices: Path) -> str:
    """First and last day of the bars, from the table's footer; empty where it does not say."""
    try:
        parts = pq.read_metadata(prices)
        place = parts.schema.names.index("time")
        told = [parts.row_group(at).column(place).statistics for at in range(parts.num_row_groups)]
        first, last = min(one.min for one in told), max(one.max for one in told)
    except (OSError, ValueError, AttributeError, TypeError):
        return ""
    return f"{when(first, clock=False)} to {when(last, clock=False)}"


def _link(path: Path) -> str:
    return f"{quote(path.name)}/report.html"


def _counts(found: tuple[Entry, ...]) -> str:
    """`12 runs, 4 tuning jobs and 1 calibration`."""
    nouns = {"run": "run", "tuning": "tuning job", "calibration": "calibration",
             "comparison": "comparison", "scan": "scan", "page": "page"}  # fmt: skip
    kinds = Counter(entry.kind for entry in found)
    told = [count(kinds[kind], noun) for kind, noun in nouns.items() if kinds[kind]]  # type: ignore[index]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told) or "No runs"
