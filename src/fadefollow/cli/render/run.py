"""The answers of a run in the terminal: what can be tested first, the surest at the top."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fadefollow.cli.render.screen import Console, harmless

if TYPE_CHECKING:
    from fadefollow.engine.model import BookName
    from fadefollow.phases import Stance
    from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict
    from fadefollow.verdict.words import Settle

#: from these widths on blocks and detectable edge, then all else, have columns of their own
WIDE, WIDEST = 112, 180
COLOURS = {
    "supported": "green",
    "fade": "green",
    "follow": "green",
    "refuted": "red",
    "neither": "red",
    "open": "yellow",
    "untestable": "dim",
}
WORD_COLOURS = {"pays": "green", "loses": "red", "small": "red"}
#: how a verdict stands against what the lab planted
_KINDS = {
    "match": "right",
    "missed": "missed",
    "not tested": "not testable here",
    "false alarm": "false alarm",
    "wrong way": "wrong way",
    "within costs": "rightly not paying (planted effect below costs)",
    "nothing planted": "rightly open (no planted effect)",
    "unknown": "not held against it",
}
#: a condition that fails, in few words
_FAILS = {
    "blocks": "too few blocks",
    "mean": "too uncertain",
    "placebo": "like placebo",
    "momentum": "like momentum",
}
#: beyond so many times this history, more of it is no answer
_OUT_OF_REACH = 50.0
#: up to so many times this history, a little more of it is wanted
_NEARLY = 1.05
#: missing streams that are named
_NAMED = 2
#: why a row cannot be tested, by the code of its reason
_UNTESTED = {
    "few_blocks": "too few independent blocks",
    "never_seen": "never seen",
    "no_trades": "no finished trade",
    "not_tradable": "not tradable",
    "no_hedge": "no hedge",
    "no_data": "no data",
}


def show_run(result: RunResult, folder: Path) -> None:
    """The answers of a run, its notes, and where the report is."""
    from fadefollow.reporting.text.answers import evidence_rank
    from fadefollow.results.notes import note_lines

    console = Console(highlight=False)
    rows = [_Row(v) for v in result.verdicts if v.fate != "untestable"]
    rest = [v for v in result.verdicts if v.fate == "untestable"]
    console.print(f"[bold]Fade or follow? {escape(str(result.dataset['title']))}[/]")
    console.print(_count(result.verdicts))
    if rows:
        _show_rows(console, sorted(rows, key=lambda row: evidence_rank(row.verdict)))
        console.print(
            "[dim]Means in bps a trade after costs; intervals hold for all questions together.[/]"
        )
    if rest:
        console.print(f"{len(rest)} not testable: {escape(untested(rest))}")
    if any(v.planted_bps is not None for v in result.verdicts):
        console.print(f"against the planted truth: {_truths(result)}")
    lines = note_lines(result.notes)
    if lines:
        console.print(f"[yellow]{len(lines)} note{'' if len(lines) == 1 else 's'}[/]")
    for line in lines:
        console.print(Padding(Text(harmless(line.text)), (0, 0, 0, 2), expand=False))
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, markup=False)


def untested(verdicts: Sequence[Verdict]) -> str:
    """Why rows cannot be tested, counted: `options 2, too few independent blocks 4`."""
    return ", ".join(f"{why} {n}" for why, n in Counter(map(_why, verdicts)).most_common())


def _why(verdict: Verdict) -> str:
    reason = verdict.reason
    if reason.code == "missing_streams" and reason.streams:
        more = len(reason.streams) - _NAMED
        named = [name.replace("_", " ") for name in reason.streams[:_NAMED]]
        return " and ".join([*named, *([f"{more} more streams"] if more > 0 else [])])
    return _UNTESTED.get(reason.code, reason.code.replace("_", " "))


def word_cell(result: StanceResult | NotTraded | None) -> str:
    """`loses −43 [−71, −15]`, with the interval that the word is read from."""
    from fadefollow.verdict.model import StanceResult

    if not isinstance(result, StanceResult):
        return "[dim]not traded[/]"
    colour = WORD_COLOURS.get(result.word, "default")
    known = math.isnan(result.mean_net_bps)
    mean = "" if known else f" {number(result.mean_net_bps)}{_interval(result)}"
    return f"[{colour}]{result.word}[/]{mean}"


def number(value: float | None) -> str:
    """A signed whole number, with a real minus; a dash for what is not known."""
    if value is None or math.isnan(value):
        return "–"
    return f"{round(value):+.0f}".replace("-", "−") if round(value) else "0"


def _interval(result: StanceResult) -> str:
    low, high = result.ci_bps if math.isnan(result.band_bps[0]) else result.band_bps
    return "" if math.isnan(low) else f" \\[{number(low)}, {number(high)}]"


@dataclass(frozen=True)
class _Row:
    """One row that could be tested, in the book that speaks."""

    verdict: Verdict

    @property
    def book(self) -> BookName:
        """The book that decides, or the one that is nearest to an answer."""
        settle = self.verdict.settle
        nearest = None if settle is None else settle.book
        return nearest or self.verdict.fates.book or "outright"

    @property
    def asked(self) -> tuple[Stance, ...]:
        """The stances that the claim is about."""
        from fadefollow.phases import STANCES

        return STANCES if self.verdict.claim == "disputed" else (self.verdict.claim,)

    @property
    def results(self) -> list[StanceResult]:
        """Of the claimed stances in this book, those that were traded."""
        found = self.verdict.results
        return [found[stance, self.book] for stance in self.asked if (stance, self.book) in found]

    @property
    def blocks(self) -> str:
        """`32 × 7 d`: independent blocks and how long each is."""
        known = [one for one in self.results if not math.isnan(one.blocks)]
        if not known:
            return "–"
        one = min(known, key=lambda result: result.blocks)
        return f"{math.floor(one.blocks)} × {one.block_days:.3g} d"

    @property
    def detectable(self) -> str:
        """The smallest edge that would have been found."""
        known = [one.detectable_bps for one in self.results]
        best = min((bps for bps in known if not math.isnan(bps)), default=math.nan)
        return "–" if math.isnan(best) else f"{best:.0f}"

    @property
    def fate(self) -> str:
        """The fate of the claim, in its colour."""
        from fadefollow.reporting.text.answers import FATES

        return f"[{COLOURS[self.verdict.fate]}]{FATES[self.verdict.fate]}[/]"

    @property
    def both(self) -> str:
        """The fate with the book that speaks and what the other says."""
        from fadefollow.reporting.text.answers import fate_text

        return fate_text(self.verdict)

    @property
    def settles(self) -> str:
        """What would settle an open row, in one line; empty for others."""
        v = self.verdict
        return settle_line(v.settle) if v.fate == "open" and v.settle is not None else ""

    @property
    def briefly(self) -> str:
        """The same below a heading that asks for it."""
        v = self.verdict
        return settle_line(v.settle, brief=True) if v.fate == "open" and v.settle else ""

    def cells(self) -> list[str]:
        """Words of both stances in the book that speaks."""
        from fadefollow.phases import STANCES

        return [word_cell(self.verdict.result(stance, self.book)) for stance in STANCES]


def settle_line(settle: Settle, *, brief: bool = False) -> str:
    """What is missing, and what would settle it: `too uncertain; 1.3 × this history would …`.

    Args:
        settle: of an open row.
        brief: without the verb, below a heading that has it.
    """
    decides = "" if brief else " would decide it"
    parts = [", ".join(_FAILS[name] for name in settle.conditions)] if settle.conditions else []
    if settle.streams:
        parts.append(f"needs {', '.join(settle.streams)}")
    if settle.multiple > _OUT_OF_REACH:
        parts.append(f"it would take {settle.multiple:,.0f} × this history")
    elif settle.multiple > _NEARLY:
        ways = [f"{settle.years:.1f} more years"] if settle.years > 0.0 else []
        ways += [] if math.isnan(settle.coins) else [f"{settle.coins:.0f} coins"]
        more = f" ({' or '.join(ways)})" if ways else ""
        parts.append(f"{settle.multiple:.2g} × this history{more}{decides}")
    elif settle.multiple > 1.0:
        parts.append(f"a little more history{decides}")
    elif not math.isnan(settle.detectable_bps):
        parts.append(f"an edge of {settle.detectable_bps:.0f} bps would likely have been found")
    return "; ".join(parts)


def _count(verdicts: Sequence[Verdict]) -> str:
    """How many claims have which fate."""
    from fadefollow.reporting.text.answers import FATE_ORDER, FATES

    counts = Counter(v.fate for v in verdicts)
    said = [f"[{COLOURS[f]}]{counts[f]} {FATES[f]}[/]" for f in FATE_ORDER if counts[f]]
    questions = f"{len(verdicts)} claim{'' if len(verdicts) == 1 else 's'}"
    return f"{questions}: {', '.join(said)}" if said else questions


def _show_rows(console: Console, rows: Sequence[_Row]) -> None:
    planted = any(row.verdict.planted_bps is not None for row in rows)
    if console.width >= WIDEST:
        console.print(_widest(rows, planted=planted))
        return
    wide = console.width >= WIDE
    heads = ["phase: claim" if wide else "phase", "fate", "fade, bps", "follow, bps"]
    heads += ["blocks", "detects"] if wide else []
    heads += ["planted"] if planted and wide else []
    lines = [_columns(row, wide=wide, planted=planted) for row in rows]
    widths = [
        max(Text.from_markup(cell).cell_len for cell in column)
        for column in zip(heads, *lines, strict=True)
    ]
    spare = console.width - sum(widths) - len(widths) + 1
    if spare < 0:  # only the phase may fold
        widths[0] = max(12, widths[0] + spare)
    console.print(_grid(widths, [f"[bold]{head}[/]" for head in heads]))
    for row, cells in zip(rows, lines, strict=True):
        console.print(_grid(widths, cells))
        for text in _packed(_below(row, wide=wide, planted=planted), console.width - 2):
            below = Text(harmless(text), style="dim")
            console.print(Padding(below, (0, 0, 0, 2), expand=False))


def _columns(row: _Row, *, wide: bool, planted: bool) -> list[str]:
    v = row.verdict
    named = f"{v.phase}: {v.claim}" if wide else v.phase
    cells = [escape(named), row.fate, *row.cells()]
    cells += [row.blocks, row.detectable] if wide else []
    return cells + ([number(v.planted_bps)] if planted and wide else [])


def _below(row: _Row, *, wide: bool, planted: bool) -> list[list[str]]:
    """What has no column of its own, in parts."""
    v = row.verdict
    claim = "disputed" if v.claim == "disputed" else f"claims {v.claim}"
    said = [v.strategy] if wide else [f"{v.strategy}, {claim}"]
    said += [row.both] if len(row.verdict.fates.by_book) > 1 else []
    if not wide:
        said += [f"blocks {row.blocks}", f"detects {row.detectable} bps"]
        if planted and row.verdict.planted_bps is not None:
            said.append(f"planted {number(row.verdict.planted_bps)}")
    return [said, *([row.settles.split("; ")] if row.settles else [])]


def _packed(blocks: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Lines of a block's parts; a line ends between two of them, so that figures stay whole."""
    for parts in blocks:
        line = ""
        for part in parts:
            longer = f"{line}; {part}" if line else part
            if line and len(longer) + 1 > width:
                yield f"{line};"
                longer = part
            line = longer
        yield line


def _grid(widths: Sequence[int], cells: Sequence[str]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    for place, width in enumerate(widths):
        grid.add_column(width=width, overflow="fold", justify="left" if place < 2 else "right")
    grid.add_row(*cells)
    return grid


def _widest(rows: Sequence[_Row], *, planted: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("strategy", "phase: claim"):
        table.add_column(name, no_wrap=True)
    table.add_column("fate", max_width=30)
    for name in ("fade, bps", "follow, bps", "blocks", "detects"):
        table.add_column(name, justify="right", no_wrap=True)
    if planted:
        table.add_column("planted", justify="right", no_wrap=True)
    table.add_column("what would settle it", overflow="fold")
    for row in rows:
        v = row.verdict
        fate = f"[{COLOURS[v.fate]}]{escape(row.both)}[/]"
        cells = [escape(v.strategy), escape(f"{v.phase}: {v.claim}"), fate, *row.cells()]
        cells += [row.blocks, row.detectable, *([number(v.planted_bps)] if planted else [])]
        table.add_row(*cells, escape(row.briefly))
    return table


def _truths(result: RunResult) -> str:
    """How many verdicts are right, missed, false alarms, …"""
    from fadefollow.reporting.text.sentences import truth, truths_counted

    trades = {name: said.get("trade", {}) for name, said in result.strategies.items()}
    counted = truths_counted(
        truth(v, str(trades.get(v.strategy, {}).get("instrument", "perp"))) for v in result.verdicts
    )
    return ", ".join(f"{n} {_KINDS[kind]}" for kind, n in counted.items())
