"""The page to leave open: phases now, watched claims over time, what began today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fadefollow.core.atomic_file import write_page
from fadefollow.reporting.pages.page import fill
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.watch.message import phase_name
from fadefollow.reporting.watch.panel import Cell, Panel
from fadefollow.reporting.watch.sequences import HEIGHT, WIDTH, card_of
from fadefollow.results.claims import Watched
from fadefollow.scanning.news import UNMEASURED, claim_events

#: name of the page in the folder of runs
WATCH_PAGE = "watch.html"
#: seconds after which a browser loads it anew
REFRESH = 60
#: a phase's own colour takes between so much of a cell, per cent: text stays legible on it
_PALEST, _FULLEST = 8.0, 45.0
_LEANS = {1: "long", -1: "short"}
_BADGES = {
    "supported": "✓",
    "fade": "fade",
    "follow": "follow",
    "refuted": "✕",
    "neither": "neither",
    "open": "?",
    "untestable": "n/a",
    UNMEASURED: "–",
}


@dataclass(frozen=True)
class Tile:
    """A cell of the heat map."""

    lean: str
    shade: str  #: per cent of the lean's colour
    rank: str  #: what stands in it: the share of earlier ones that were weaker
    fate: str
    badge: str
    says: str  #: all of it, for a reader who points at it or does not see it
    today: bool


@dataclass(frozen=True)
class Heat:
    """The heat map of a panel."""

    title: str
    time: str
    phases: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Tile | None, ...]], ...]  #: by coin; None: not present
    quiet: str
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class Began:
    """A phase that began today."""

    symbol: str
    phase: str
    lean: str
    since: str
    sort: str
    rank: str
    move: str
    left: str
    fate: str
    history: tuple[str, ...]
    claims: tuple[str, ...]


def write_watch(
    panels: Sequence[Panel],
    claims: Mapping[str, Watched],
    runs: Path,
    templates: Path,
    *,
    now: pd.Timestamp,
) -> Path:
    """Write the page, atomically.

    Args:
        panels: what was seen last, by data set.
        claims: that are watched; closed ones are not shown.
        runs: the folder of runs, in which it goes.
        templates: the workspace's `reports/` folder.
        now: UTC.

    Raises:
        SpecError: the template does not render; nothing is written.
        StoreError: the page cannot be written; what was there stays.
    """
    page = render_watch(panels, claims, templates, now=now)
    return write_page(page, runs / WATCH_PAGE, rule="cannot write the page of the watch")


def render_watch(
    panels: Sequence[Panel], claims: Mapping[str, Watched], templates: Path, *, now: pd.Timestamp
) -> str:
    """The page."""
    watched = [one for one in claims.values() if one.closing is None]
    began = [one for panel in panels for one in _began(panel)]
    today = f"{now:%Y-%m-%d}"
    cells = [cell for panel in panels for cell in panel.cells]
    coins = {(panel.title, cell.symbol) for panel in panels for cell in panel.cells}
    headline = (
        f"{text.count(len(cells), 'phase')} present in {text.count(len(coins), 'coin')}, "
        f"{len(began)} begun today"
    )
    return fill(
        "watch.html.j2",
        templates,
        {
            "refresh": REFRESH,
            "headline": headline,
            "time": f"{text.when(now)} UTC",
            "heats": tuple(heat_of(panel) for panel in panels),
            "began": tuple(sorted(began, key=lambda one: one.sort, reverse=True)),
            "answered": tuple(
                f"{e.watched.claim.claim}: {e.watched.word if e.kind == 'word' else 'edge gone'}"
                for e in claim_events(watched)
                if f"{e.known:%Y-%m-%d}" == today
            ),
            "cards": tuple(card_of(one) for one in watched),
            "box": (WIDTH, HEIGHT),
            "badges": _BADGES,
            "unmeasured": UNMEASURED,
        },
    )


def heat_of(panel: Panel) -> Heat:
    """The heat map of a panel: coins with the most phases first, phases by how many have them."""
    by_coin: dict[str, dict[str, Cell]] = {}
    often: dict[str, int] = {}
    for cell in panel.cells:
        by_coin.setdefault(cell.symbol, {})
        # two signals may know one phase: the newer of both is shown
        if cell.phase not in by_coin[cell.symbol]:
            often[cell.phase] = often.get(cell.phase, 0) + 1
        by_coin[cell.symbol].setdefault(cell.phase, cell)
    phases = sorted(often, key=lambda phase: (-often[phase], phase))
    coins = sorted(by_coin, key=lambda coin: (-len(by_coin[coin]), coin))
    return Heat(
        title=panel.title,
        time=f"{text.when(panel.time)} UTC",
        phases=tuple(map(phase_name, phases)),
        rows=tuple(
            (coin, tuple(_tile(by_coin[coin].get(phase), panel) for phase in phases))
            for coin in coins
        ),
        quiet=", ".join(panel.quiet),
        unseen=panel.unseen,
    )


def _tile(cell: Cell | None, panel: Panel) -> Tile | None:
    if cell is None:
        return None
    share = 0.5 if cell.share is None else cell.share
    lean = _LEANS.get(cell.lean, "long")
    says = [f"{cell.symbol}, {phase_name(cell.phase)}", f"leans {lean}", cell.rank]
    says += [f"since {text.when(cell.since)} UTC", f"{cell.left} left", f"{cell.move} since then"]
    return Tile(
        lean=lean,
        shade=f"{_PALEST + (_FULLEST - _PALEST) * share:.0f}",
        rank="new" if cell.share is None else f"{100 * cell.share:.0f}",
        fate=cell.fate,
        badge=_BADGES.get(cell.fate, cell.fate),
        says="; ".join((", ".join(says), *cell.history, *cell.claims)),
        today=_is_today(cell, panel),
    )


def _began(panel: Panel) -> list[Began]:
    return [
        Began(
            symbol=cell.symbol,
            phase=phase_name(cell.phase),
            lean=_LEANS.get(cell.lean, ""),
            since=text.when(cell.since),
            sort=cell.since,
            rank=cell.rank,
            move=cell.move,
            left=cell.left,
            fate=cell.fate,
            history=cell.history,
            claims=cell.claims,
        )
        for cell in panel.cells
        if _is_today(cell, panel)
    ]


def _is_today(cell: Cell, panel: Panel) -> bool:
    """Whether it became known on the UTC day on which the panel's data end."""
    return pd.Timestamp(cell.since).floor("D") == pd.Timestamp(panel.time).floor("D")
