"""A comparison as one HTML page: everything is worked out here, the template only lays it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.charts.forest import ForestRow, forest
from fadefollow.reporting.comparison import sentences as words
from fadefollow.reporting.comparison.comparison import Comparison, Overlap, Row, Stored
from fadefollow.reporting.comparison.curves import books
from fadefollow.reporting.comparison.settings import Setting
from fadefollow.reporting.comparison.tuning import tuning_table
from fadefollow.reporting.pages.page import fill, packed_plotly
from fadefollow.reporting.text.answers import books_of, read_from
from fadefollow.reporting.text.formatting import (
    DASH,
    Table,
    bps,
    chance,
    count,
    fixed,
    interval,
    percent,
    titled,
    when,
)
from fadefollow.reporting.text.metrics import Column, reason
from fadefollow.verdict.model import NotTraded, Verdict

#: with more differing keys than this, a group is closed at first
_FEW_KEYS = 14
#: with more strategies than this, only those with something to look at are shown at once
_FEW_BOOKS = 4


@dataclass(frozen=True)
class RunLine:
    """One run in the list of what is compared."""

    letter: str
    name: str
    link: str  #: to its report; empty where there is no way to it
    started: str
    dataset: str
    span: str
    coins: str
    kind: str


@dataclass(frozen=True)
class StanceCell:
    """One stance of one run in one book."""

    stance: Stance
    book: BookName
    word: str
    mean: str
    interval: str
    note: str  #: trades and p, or why there is no mean
    apart: bool  #: its interval does not overlap with that of another run


@dataclass(frozen=True)
class ResultLine:
    """One run's result of a phase; `verdict` is None where the run does not have it."""

    letter: str
    verdict: Verdict | None
    stances: tuple[tuple[StanceCell, ...], ...] = ()  #: fade and follow, each in its books
    forest: tuple[ForestRow, ...] | None = None


@dataclass(frozen=True)
class Result:
    """One phase in all runs."""

    strategy: str
    title: str
    marks: tuple[str, ...]
    lines: tuple[ResultLine, ...]


@dataclass(frozen=True)
class Group:
    """What differs in one part of the configuration."""

    title: str
    table: Table
    open: bool


def render_comparison(found: Comparison, reports: Path, link: Callable[[Path], str]) -> str:
    """The page of a comparison.

    Args:
        found: by `compare`.
        reports: the workspace's `reports/` folder: `templates/`, `theme/`, `scripts/`.
        link: from the page to the report in a run's folder; empty where there is no way.

    Raises:
        SpecError: a template is missing or wrong; says which and where.
    """
    runs = found.runs
    verdicts = tuple(v for row in found.rows for v in row.present)
    scale = forest(verdicts)
    drawn = iter(scale.rows)
    known = books_of(verdicts)
    results = [(row, _result(row, runs, drawn, known)) for row in found.rows]
    changed = tuple(result for row, result in results if row.changed)
    curves = books(runs, _at_once(found))
    values = {
        "headline": words.headline(found),
        "notes": words.notes(found),
        "runs": tuple(_run_line(one, link) for one in runs),
        "groups": _groups(found),
        "equal": found.equal,
        "scale": scale,
        "changed": changed,
        "stayed": tuple(result for row, result in results if not row.changed),
        "tuning": tuning_table(runs),
        "overlap": _overlap_table(found.overlaps),
        "books": curves,
        "plotly": packed_plotly() if curves else "",
    }
    return fill("comparison.html.j2", reports, values)


def _at_once(found: Comparison) -> tuple[str, ...]:
    strategies = tuple(dict.fromkeys(row.strategy for row in found.rows))
    if len(strategies) <= _FEW_BOOKS:
        return strategies
    return tuple(dict.fromkeys(r.strategy for r in found.rows if r.flipped or r.apart))


def _run_line(one: Stored, link: Callable[[Path], str]) -> RunLine:
    span = one.span
    bars = "" if span is None else " to ".join(when(day, clock=False) for day in span)
    return RunLine(
        letter=one.letter,
        name=one.folder.name,
        link=link(one.folder),
        started=when(one.run.started),
        dataset=str(one.run.dataset.get("name")),
        span=bars,
        coins=", ".join(one.coins) if len(one.coins) <= 5 else count(len(one.coins), "coin"),
        kind="run" if one.tuning is None else "tuning",
    )


def _groups(found: Comparison) -> tuple[Group, ...]:
    head = ("Key", *(one.letter for one in found.runs))
    groups: dict[str, list[Setting]] = {}
    for one in found.settings:
        groups.setdefault(one.group, []).append(one)
    return tuple(
        Group(
            title,
            Table(head, tuple((one.key, *one.values) for one in mine)),
            len(mine) <= _FEW_KEYS,
        )
        for title, mine in groups.items()
    )


def _result(
    row: Row,
    runs: Sequence[Stored],
    drawn: Iterator[tuple[ForestRow, ...]],
    books: tuple[BookName, ...],
) -> Result:
    lines = tuple(
        ResultLine(one.letter, None)
        if verdict is None
        else ResultLine(
            one.letter,
            verdict,
            tuple(tuple(_cell(verdict, (s, book), row) for book in books) for s in STANCES),
            next(drawn),
        )
        for one, verdict in zip(runs, row.verdicts, strict=True)
    )
    title = titled(row.phase) + (f" ({row.split})" if row.split else "")
    return Result(row.strategy, title, words.marks(row, tuple(runs)), lines)


def _cell(verdict: Verdict, key: Column, row: Row) -> StanceCell:
    stance, book = key
    found = verdict.result(stance, book)
    apart = key in row.apart
    mean = DASH if isinstance(found, NotTraded) else bps(found.mean_net_bps)
    if isinstance(found, NotTraded) or mean == DASH:
        few = (
            ""
            if isinstance(found, NotTraded) or not found.n_trades
            else (f" ({count(found.n_trades, 'trade')})")
        )
        return StanceCell(stance, book, "", DASH, "", f"{reason(found)}{few}", apart)
    bounds = interval(read_from(found))
    p = chance(found.p_adjusted)
    asked = "" if found.placebo is None else f" of {count(found.placebo.questions, 'question')}"
    note = count(found.n_trades, "trade") + (f" · p {p}{asked}" if p != DASH else "")
    shown = "" if DASH in bounds else bounds
    return StanceCell(stance, book, found.word, mean, shown, note, apart)


def _overlap_table(overlaps: Sequence[Overlap]) -> Table | None:
    if not overlaps:
        return None
    head = (
        "Strategy",
        "Runs",
        "In both",
        "Of these, same end and return",
        "Only in the first",
        "Only in the other",
        "Outside the other's time or coins",
    )
    rows = (
        (
            o.strategy,
            f"{o.one}, {o.other}",
            fixed(o.both),
            _share(o.same, o.both),
            fixed(o.only_one),
            fixed(o.only_other),
            fixed(o.outside),
        )
        for o in overlaps
    )
    return Table(head, tuple(rows))


def _share(part: int, whole: int) -> str:
    return f"{fixed(part)} ({percent(part / whole, 0)})" if whole else DASH
