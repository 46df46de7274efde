"""A scan as one HTML page; its template only lays out what is worked out here."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fadefollow.core.atomic_file import write_page
from fadefollow.reporting.pages.page import fill
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.answers import BOOKS, FATES
from fadefollow.results.notes import note_lines
from fadefollow.scanning.model import Scan, ScanRow, Standing, Tried

_LEANS = {1: "long", -1: "short"}


@dataclass(frozen=True)
class TriedCell:
    """One stance of a run, in words and numbers."""

    mean: str
    interval: str
    trades: str
    p: str
    sort: str  #: the mean, plain


@dataclass(frozen=True)
class Told:
    """What history says of one strategy's phase."""

    strategy: str
    phase: str
    anchor: str
    fate: str  #: of the claim; empty: not measured
    claim: str
    fates: str  #: by book, where there are two: `refuted against the market, open outright`
    measure: str
    run: str
    link: str  #: to the report, from where the page lies; empty: none
    source: str  #: data set, coins and range
    fade: TriedCell
    follow: TriedCell
    detectable: str
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One row of the page: a phase present in a coin."""

    symbol: str
    phase: str
    signal: str
    lean: str
    actor: str
    since: str
    since_sort: str
    age: str
    repeated: str
    rank: str
    rank_sort: str
    strength: str
    left: str
    left_sort: str
    move: str
    move_sort: str
    price: str
    told: tuple[tuple[Told, bool], ...]  #: and whether the run had this coin


def write_scan(scan: Scan, path: Path, templates: Path) -> Path:
    """Write the page, atomically.

    Args:
        scan: what was found.
        path: of the page; links to reports are relative to where it lies.
        templates: the workspace's `reports/` folder.

    Raises:
        SpecError: the template does not render; nothing is written.
        StoreError: the file cannot be written; what was there stays.
    """
    page = render_scan(scan, templates, path.parent)
    return write_page(
        page, path, rule="cannot write the page of the scan", hint="name another file with --to"
    )


def render_scan(scan: Scan, templates: Path, folder: Path) -> str:
    """The page.

    Args:
        scan: what was found.
        templates: the workspace's `reports/` folder.
        folder: where the page will lie, for its links.
    """
    told = {
        key: _told(standing, number, folder)
        for number, (key, standing) in enumerate(scan.standings.items(), start=1)
    }
    lines = tuple(
        _line(
            row,
            tuple(
                (told[bet.strategy, row.phase], row.symbol in standing.symbols)
                for bet, standing in zip(row.bets, scan.history(row), strict=True)
            ),
        )
        for row in scan.rows
    )
    coins = len({row.symbol for row in scan.rows})
    everyone = coins + len(scan.quiet)
    headline = f"{text.count(len(lines), 'phase')} present in {coins} of {everyone} coins"
    return fill(
        "scan.html.j2",
        templates,
        {
            "scan": scan,
            "time": f"{text.when(scan.time)} UTC",
            "lines": lines,
            "told": tuple(told.values()),
            "headline": headline,
            "unseen": tuple(u.text() for u in scan.unseen),
            "notes": note_lines(scan.notes),
        },
    )


def _line(row: ScanRow, told: tuple[tuple[Told, bool], ...]) -> Line:
    share = row.stronger_than
    rank = (
        f"stronger than {text.percent(share, 0)} of {text.fixed(row.n_before)}"
        if row.n_before
        else "the first of its kind here"
    )
    again = f"{row.times} times since {text.when(row.first)}" if row.times > 1 else ""
    return Line(
        symbol=row.symbol,
        phase=_named(row.phase),
        signal=row.signal,
        lean=_LEANS[row.lean],
        actor=row.actor,
        since=text.when(row.known),
        since_sort=str(row.known.value),
        age=text.hours(row.age_hours),
        repeated=again,
        rank=rank,
        rank_sort=_plain(share),
        strength=f"{row.strength:.3g}",
        left=text.hours(row.hours_left),
        left_sort=_plain(row.hours_left),
        move=text.bps(row.move_bps),
        move_sort=_plain(row.move_bps),
        price=text.price(row.price),
        told=told,
    )


def _told(standing: Standing, number: int, folder: Path) -> Told:
    source = link = ""
    if standing.measured:
        days = f"{standing.first[:10]} to {standing.last[:10]}"
        source = f"{standing.dataset}: {text.listed(standing.symbols)}, {days}"
    if standing.report is not None:
        link = quote(os.path.relpath(standing.report, folder).replace(os.sep, "/"))
    return Told(
        strategy=standing.strategy,
        phase=_named(standing.phase),
        anchor=f"h{number}",
        fate=standing.fate,
        claim=standing.claim,
        fates=_fates(standing),
        measure=standing.measure,
        run=standing.run,
        link=link,
        source=source,
        fade=_tried(standing.fade, standing),
        follow=_tried(standing.follow, standing),
        detectable=text.cost(standing.detectable_bps),
        caveats=standing.caveats,
    )


def _tried(tried: Tried | None, standing: Standing) -> TriedCell:
    if tried is None:
        return TriedCell("not traded" if standing.measured else text.DASH, "", "", "", "")
    ends = "" if math.isnan(tried.ci_bps[0]) else text.interval(tried.ci_bps)
    p = "" if math.isnan(tried.p_adjusted) else f"p {text.chance(tried.p_adjusted)}"
    trades = text.count(tried.n_trades, "trade")
    mean = f"{tried.word} {text.bps(tried.mean_net_bps)}"
    return TriedCell(mean, ends, trades, p, _plain(tried.mean_net_bps))


def _fates(standing: Standing) -> str:
    """What both books say, the one that speaks first; its figures are those that are shown."""
    if len(standing.fates) < 2:
        return ""
    order = sorted(standing.fates, key=lambda book: book != standing.speaking)
    named = {str(book): name for book, name in BOOKS.items()}
    known = {str(fate): name for fate, name in FATES.items()}
    said = (f"{known.get(f, f)} {named.get(b, b)}" for b in order for f in [standing.fates[b]])
    return ", ".join(said)


def _named(phase: str) -> str:
    """A phase as a cell calls it: one event of it, so no plural."""
    name = phase.replace("_", " ")
    return name[:1].upper() + name[1:]


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
