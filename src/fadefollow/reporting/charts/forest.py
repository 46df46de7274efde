"""The small chart in each row of the verdict table: intervals against zero, on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.text.answers import BOOKS, books_of, read_from
from fadefollow.reporting.text.formatting import bps, interval, plain_bps
from fadefollow.verdict.exploratory import SplitCell
from fadefollow.verdict.model import NotTraded, Verdict

#: the drawing's width and the margin at either end, in SVG units
WIDTH, MARGIN = 260.0, 10.0


@dataclass(frozen=True)
class ForestRow:
    """One stance in one book of a verdict in SVG units; None where there is nothing to draw.

    `cut_low` and `cut_high` say that the interval goes on beyond the scale. A mean beyond it is
    drawn as an arrow at the edge, with `beyond`, its number.
    """

    stance: str
    mean: float | None
    low: float | None
    high: float | None
    cut_low: bool
    cut_high: bool
    text: str
    book: BookName = "outright"
    beyond: str = ""
    y: float = 0.0  #: from the top


@dataclass(frozen=True)
class Forest:
    """All rows, with zero and the labelled ticks of the common scale."""

    zero: float
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[tuple[ForestRow, ...], ...]
    height: float = 40.0  #: of one row's drawing


def forest(verdicts: tuple[Verdict, ...]) -> Forest:
    """Every verdict's two stances in each book that any of them has, on one symmetric scale in bps.

    Drawn is the interval that the word is read from. The scale reaches as far as the usual row
    needs; a wider interval is cut and marked.
    """
    reach = _reach(verdicts)
    books = books_of(verdicts)
    # the books of one stance lie close together, its stances apart
    tops = [11.0 + 18.0 * n for n in range(2)] if len(books) == 1 else [9.0, 17.0, 31.0, 39.0]
    keys = [(s, b) for s in STANCES for b in books]
    rows = tuple(
        tuple(replace(_row(v, s, b, reach), y=y) for (s, b), y in zip(keys, tops, strict=True))
        for v in verdicts
    )
    return Forest(_place(0.0, reach), _ticks(reach), rows, tops[-1] + tops[0])


def cell_forest(pairs: Sequence[tuple[SplitCell | None, ...]]) -> Forest:
    """Fade and follow of each cell of a phase's splits on one scale of their own."""
    found = [found for pair in pairs for found in pair if found is not None]
    values = ((f.mean_net_bps, f.ci_low_bps, f.ci_high_bps) for f in found if not f.note)
    sizes = [max((abs(v) for v in three if math.isfinite(v)), default=0.0) for three in values]
    reach = _enough(sizes)
    rows = tuple(
        (_cell("fade", fade, reach), _cell("follow", follow, reach)) for fade, follow in pairs
    )
    return Forest(_place(0.0, reach), _ticks(reach), rows)


def _cell(stance: str, found: SplitCell | None, reach: float) -> ForestRow:
    if found is None:
        return ForestRow(
            stance,
            None,
            None,
            None,
            cut_low=False,
            cut_high=False,
            text=f"{stance}: no trades",
        )
    bounds = found.ci_low_bps, found.ci_high_bps
    text = f"{stance}: mean {bps(found.mean_net_bps)}, interval {interval(bounds)}"
    return ForestRow(
        stance=stance,
        mean=_inside(found.mean_net_bps, reach) if not found.note else None,
        low=_clipped(bounds[0], reach),
        high=_clipped(bounds[1], reach),
        cut_low=bounds[0] < -reach,
        cut_high=bounds[1] > reach,
        text=text,
    )


def _row(verdict: Verdict, stance: Stance, book: BookName, reach: float) -> ForestRow:
    result = verdict.result(stance, book)
    name = f"{stance} {BOOKS[book]}"
    if isinstance(result, NotTraded):
        text = f"{name}: not traded, {result.reason}"
        return ForestRow(
            stance,
            None,
            None,
            None,
            cut_low=False,
            cut_high=False,
            text=text,
            book=book,
        )
    low, high = read_from(result)
    text = (
        f"{name}: mean {bps(result.mean_net_bps)}, interval {interval((low, high))}, "
        f"any hour {bps(result.anyhour_mean_bps)}, placebo {bps(result.placebo_mean_bps)}"
    )
    return ForestRow(
        stance=stance,
        mean=_clipped(result.mean_net_bps, reach),
        low=_clipped(low, reach),
        high=_clipped(high, reach),
        cut_low=low < -reach,
        cut_high=high > reach,
        text=text,
        book=book,
        beyond=plain_bps(result.mean_net_bps) if abs(result.mean_net_bps) > reach else "",
    )


def _reach(verdicts: tuple[Verdict, ...]) -> float:
    """Half the width of the scale, bps: what the usual line needs."""
    needs = []
    for verdict in verdicts:
        for one in verdict.results.values():
            values = (one.mean_net_bps, *read_from(one))
            sizes = [abs(v) for v in values if math.isfinite(v)]
            needs.extend([max(sizes)] if sizes else [])
    return _enough(needs)


def _ticks(reach: float) -> tuple[tuple[float, str], ...]:
    step = _step(reach)
    marks = [k * step for k in range(-int(reach // step), int(reach // step) + 1)]
    return tuple((_place(m, reach), f"{m:+.0f}".replace("-", "−") if m else "0") for m in marks)


def _enough(needs: Sequence[float]) -> float:
    """What the usual row needs."""
    if not needs:
        return 10.0
    usual = sorted(needs)[len(needs) // 2]
    return max(min(max(needs), 1.4 * usual) * 1.05, 1.0)


def _step(reach: float) -> float:
    size = 10.0 ** math.floor(math.log10(reach))
    return next((size * k for k in (1, 2, 5) if reach / (size * k) < 2.6), size * 10)


def _place(value: float, reach: float) -> float:
    return round(MARGIN + (value + reach) / (2 * reach) * (WIDTH - 2 * MARGIN), 1)


def _clipped(value: float, reach: float) -> float | None:
    return _place(min(max(value, -reach), reach), reach) if math.isfinite(value) else None


def _inside(value: float, reach: float) -> float | None:
    return _place(value, reach) if math.isfinite(value) and abs(value) <= reach else None
