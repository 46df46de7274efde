"""What a person sees in the terminal of a fetch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column, Table

from fadefollow.cli.render.screen import Console, harmless
from fadefollow.cli.render.tables import titled

if TYPE_CHECKING:
    from fadefollow.market.archives import ArchiveReport
    from fadefollow.market.fetch import FetchReport, PartReport
    from fadefollow.market.findings import Finding

#: more coins than this are told stream by stream, not one by one
FEW_COINS = 8
#: more findings than this are told by their counts
FEW_FINDINGS = 12
#: where there is no terminal, a line is written so often
EVERY_SECONDS = 30.0
_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}

Step = Callable[[str, float | None], None]


@contextmanager
def fetch_progress(*, quiet: bool = False) -> Iterator[Step]:
    """What is fetched, how fast and how long still, on standard error.

    A line that changes on a terminal; elsewhere (a log file) a line every half minute; nothing
    where `quiet`.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield _nothing if quiet else _Lines()
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        BarColumn(bar_width=12),
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("starting", total=None)

        def step(text: str, done: float | None) -> None:
            total = None if done is None else 1.0
            bar.update(task, description=escape(harmless(text)), total=total, completed=done or 0.0)

        yield step


def _nothing(text: str, done: float | None) -> None:
    """Say nothing."""


class _Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, text: str, done: float | None) -> None:
        if time.monotonic() - self.last < EVERY_SECONDS:
            return
        self.last = time.monotonic()
        share = "" if done is None else f"{100 * done:.0f} %, "
        Console(stderr=True).print(f"{share}{text}", markup=False, highlight=False, soft_wrap=True)


def show_reach(notes: Sequence[Finding]) -> None:
    """What is asked for beyond what a venue gives, before it is asked."""
    console = Console()
    for note in notes:
        console.print(f"{note.stream}: {note.sentence}", markup=False, highlight=False)


def show_fetch(report: FetchReport) -> None:
    """A row for each stream, what is odd, and what to do next."""
    console = Console()
    coins = dict.fromkeys(part.coin for part in report.parts)
    table = _table(f"Fetched from {report.venue}", "stream", "from", "to")
    for name in ("records", "asked", "again", "mended", "revised", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    if len(coins) > FEW_COINS:
        for stream in dict.fromkeys(part.stream for part in report.parts):
            mine = [p for p in report.parts if p.stream == stream and p.rows]
            if mine:
                table.add_row(*_row(f"{stream}, {len(mine)}", mine))
        console.print(f"{len(coins)} coins, together by stream", highlight=False)
    else:
        for coin in coins:
            table.add_section()
            table.add_row(f"[dim]{escape(coin)}[/]")
            for part in report.parts:
                if part.coin == coin and part.rows:
                    table.add_row(*_row(f" {part.stream}", [part]))
    console.print(table)
    _show_findings(console, report.findings)
    rate = report.records / max(report.seconds, 1e-3)
    console.print(
        f"{report.records:,} records in {report.requests:,} requests and {report.seconds:.0f} s "
        f"({rate:,.0f} a second), fingerprint {report.fingerprint[:12]}\n"
        "asked: requests; again: repeated ones; mended: what a first answer lacked",
        highlight=False,
    )
    show_next(console, report.dataset, [p.stream for p in report.parts if p.rows])


def show_archive(report: ArchiveReport) -> None:
    """What was read from an archive, what is odd, and what to do next."""
    console, made = Console(), report.imported
    table = _table(f"Read into {made.dataset}", "stream")
    table.add_column("rows in the store", justify="right")
    table.add_column("coins")
    streams = sorted({name for rows in made.tables.values() for name in rows})
    for name in streams:
        coins = {coin: rows[name] for coin, rows in made.tables.items() if name in rows}
        told = ", ".join(coins) if len(coins) <= FEW_COINS else f"{len(coins)}"
        table.add_row(name, f"{sum(coins.values()):,}", escape(told))
    console.print(table)
    _show_findings(console, made.findings)
    console.print(
        f"{len(report.files):,} files, {report.verified:,} of them verified by their checksums, "
        f"{report.fetched:,} fetched now; fingerprint {made.fingerprint[:12]}",
        highlight=False,
    )
    show_next(console, made.dataset, streams)


def _row(name: str, parts: Sequence[PartReport]) -> tuple[str, ...]:
    first, last = min(p.first for p in parts), max(p.last for p in parts)
    fields = ("records", "requests", "retried", "mended", "revised")
    counts = (sum(getattr(p, field) for p in parts) for field in fields)
    seconds = max(p.seconds for p in parts)
    return name, first[:10], last[:10], *(f"{count:,}" for count in counts), f"{seconds:.0f}"


def _table(title: str, *columns: str) -> Table:
    table = titled(escape(title), gap=0)
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def _show_findings(console: Console, findings: Sequence[Finding]) -> None:
    for f in findings[:FEW_FINDINGS]:
        often = f"{f.count:,} times, first " if f.count > 1 else ""
        where = f" ({often}{f.where})" if f.where else ""
        console.print(
            f"[{_COLOURS[f.grade]}]{f.grade}[/] "
            + escape(f"{f.symbol} {f.stream}, {f.code}: {f.sentence}{where}".strip()),
            highlight=False,
        )
    if len(findings) > FEW_FINDINGS:
        console.print(f"and {len(findings) - FEW_FINDINGS:,} more; --json has them all")


def show_next(console: Console, dataset: str, streams: Sequence[str]) -> None:
    """The command to go on with."""
    todo = "run --dataset" if {"perp", "funding"} <= set(streams) else "data audit"
    console.print(f"next: fadefollow {todo} {escape(dataset)}", highlight=False)
