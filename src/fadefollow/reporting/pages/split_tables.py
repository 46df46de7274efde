"""Splits and fragility as a reader sees them: one table a phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fadefollow.phases import STANCES
from fadefollow.reporting.charts.forest import Forest, ForestRow, cell_forest
from fadefollow.reporting.text.formatting import (
    DASH,
    bps,
    chance,
    count,
    fixed,
    interval,
    plain_bps,
    prose,
    titled,
)
from fadefollow.verdict.exploratory import FragilityRow, SplitCell
from fadefollow.verdict.model import RunResult, Verdict

#: by split and cell, the cell of each stance
_Pairs = dict[tuple[str, str], dict[str, SplitCell]]
#: q below which a cell is marked
MARKED = 0.05
#: cells that are shown of one split: those that are marked, then those with the most trades
MOST = 30


@dataclass(frozen=True)
class SplitStance:
    """One stance in one cell."""

    trades: str
    mean: str
    interval: str  #: or "too few"
    anyhour: str
    q: str
    marked: bool  #: q is below 5 %


@dataclass(frozen=True)
class SplitRow:
    """One cell with both stances; `first` begins a split."""

    split: str
    label: str
    first: bool
    fade: SplitStance
    follow: SplitStance
    forest: tuple[ForestRow, ...]

    @property
    def drawn(self) -> bool:
        """Whether there is an interval to draw."""
        return any(row.low is not None for row in self.forest)


@dataclass(frozen=True)
class SplitTable:
    """All cells of one phase."""

    title: str
    strategy: str
    rows: tuple[SplitRow, ...]
    scale: Forest
    summary: str
    left_out: str  #: how many cells of which split are not shown; empty where all are


@dataclass(frozen=True)
class FragilityTable:
    """What one verdict becomes under each change."""

    title: str
    strategy: str
    rows: tuple[FragilityShown, ...]
    summary: str


@dataclass(frozen=True)
class FragilityShown:
    """One change."""

    change: str
    verdict: str
    stance: str
    mean: str
    trades: str
    flips: bool
    note: str


def split_tables(run: RunResult) -> dict[tuple[str, str], SplitTable]:
    """By strategy and phase, one table a verdict that has splits."""
    by_key: dict[tuple[str, str], list[SplitCell]] = {}
    for found in run.splits:
        by_key.setdefault((found.strategy, found.phase), []).append(found)
    keys = {(v.strategy, v.phase): v for v in run.verdicts}
    return {key: _split_table(v, by_key[key]) for key, v in keys.items() if key in by_key}


def fragility_tables(run: RunResult) -> dict[tuple[str, str], FragilityTable]:
    """By strategy and phase, one table a verdict that was judged under changes."""
    by_key: dict[tuple[str, str], list[FragilityRow]] = {}
    for row in run.fragility:
        by_key.setdefault((row.strategy, row.phase), []).append(row)
    keys = {(v.strategy, v.phase): v for v in run.verdicts}
    return {key: _fragility_table(v, by_key[key]) for key, v in keys.items() if key in by_key}


def _split_table(verdict: Verdict, cells: list[SplitCell]) -> SplitTable:
    pairs: _Pairs = {}
    for found in cells:
        pairs.setdefault((found.split, found.cell), {})[found.stance] = found
    sizes = Counter(split for split, _ in pairs)
    pairs = _shown(pairs, sizes)
    scale = cell_forest([tuple(both.get(s) for s in STANCES) for both in pairs.values()])
    rows, before = [], ""
    for ((split, label), both), drawn in zip(pairs.items(), scale.rows, strict=True):
        fade, follow = (_stance(both.get(s)) for s in STANCES)
        rows.append(SplitRow(split, label, split != before, fade, follow, drawn))
        before = split
    marked = sum(found.q < MARKED for found in cells)
    tested = sum(found.q <= 1.0 for found in cells)
    said = f"{count(tested, 'cell')} large enough"
    said += f", {fixed(marked)} unlike any hour of the same cell" if marked else ", none stands out"
    left_out = ", ".join(
        f"{fixed(MOST)} of {fixed(n)} by {split}" for split, n in sizes.items() if n > MOST
    )
    title = titled(verdict.phase)
    return SplitTable(title, verdict.strategy, tuple(rows), scale, said, left_out)


def _shown(pairs: _Pairs, sizes: Mapping[str, int]) -> _Pairs:
    """The cells of each split that are shown, in their order; of many the most telling ones."""
    kept: set[tuple[str, str]] = set()
    for split, size in sizes.items():
        keys = [key for key in pairs if key[0] == split]
        kept.update(keys if size <= MOST else sorted(keys, key=lambda k: _weight(pairs[k]))[:MOST])
    return {key: both for key, both in pairs.items() if key in kept}


def _weight(both: Mapping[str, SplitCell]) -> tuple[bool, int]:
    """Marked cells come before others, then those with the most trades."""
    cells = both.values()
    return not any(one.q < MARKED for one in cells), -max(one.n_trades for one in cells)


def _stance(found: SplitCell | None) -> SplitStance:
    if found is None:
        return SplitStance(DASH, DASH, "", DASH, DASH, marked=False)
    return SplitStance(
        trades=fixed(found.n_trades),
        mean=plain_bps(found.mean_net_bps),
        interval=found.note or interval((found.ci_low_bps, found.ci_high_bps)),
        anyhour=plain_bps(found.anyhour_mean_bps),
        q=chance(found.q),
        marked=found.q < MARKED,
    )


def _fragility_table(verdict: Verdict, rows: list[FragilityRow]) -> FragilityTable:
    flips = [row for row in rows if row.flips]
    said = ", ".join(f"{row.change}: {row.verdict}" for row in flips)
    summary = f"{count(len(flips), 'flip')}: {said}" if flips else "nothing flips it"
    shown = tuple(
        FragilityShown(
            change=row.change,
            verdict=row.verdict,
            stance=row.stance,
            mean=bps(row.mean_net_bps),
            trades=fixed(row.n_trades) if row.verdict else DASH,
            flips=row.flips,
            note=prose(row.note) if row.note else "",
        )
        for row in rows
    )
    return FragilityTable(titled(verdict.phase), verdict.strategy, shown, summary)
