"""What a person sees in the terminal: progress, and results as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from fadefollow.cli.render.progress import Step, shown
from fadefollow.cli.render.screen import Console, say
from fadefollow.cli.render.tables import titled
from fadefollow.errors import MemoryShortError, short_of_memory

if TYPE_CHECKING:
    from fadefollow.market.audit.audit import Audit
    from fadefollow.market.datasets.dataset import Dataset
    from fadefollow.market.datasets.export import Exported
    from fadefollow.market.findings import Finding
    from fadefollow.market.importing.files import ImportReport
    from fadefollow.market.infer.mapping import InferredMapping
    from fadefollow.verdict.calibration.detection import Detection
    from fadefollow.verdict.lookahead import CheckReport

#: coins that an import left out, and reasons, that are named
MOST_LEFT_OUT = 40


@contextmanager
def progress(stages: Mapping[str, float] | None = None, *, quiet: bool = False) -> Iterator[Step]:
    """One line on standard error that says what is being done; `quiet` shows none.

    Args:
        stages: shares of the stages, where they are known (see `fadefollow.cli.render.pace`).
        quiet: show nothing.
    """
    doing = "starting"
    with shown(stages or {}, quiet=quiet) as told:

        def step(text: str, done: float | None) -> None:
            nonlocal doing
            doing = text
            told(text, done)

        try:
            yield step
        except MemoryError as error:
            if isinstance(error, MemoryShortError):
                raise
            raise short_of_memory(error, doing=doing) from error


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:+.0f}".replace("-", "−")


def show_datasets(rows: Sequence[Mapping[str, Any]]) -> None:
    """The data sets there are."""
    table = titled("Data sets")
    for name in ("name", "bar", "coins", "from", "to"):
        table.add_column(name, no_wrap=name == "name")
    for row in rows:
        if row["first"] is None:
            table.add_row(escape(row["name"]), row["bar"], row["state"])
        else:
            coins, first, last = ", ".join(row["symbols"]), row["first"][:10], row["last"][:10]
            table.add_row(escape(row["name"]), row["bar"], escape(coins), first, last)
    Console().print(table)
    for row in rows:
        if row["first"] is None and row["source"] == "files":
            name = escape(row["name"])
            Console().print(
                f"to import {name}: fadefollow data import {name} --from FOLDER", highlight=False
            )


def show_import(report: ImportReport) -> None:
    """What an import stored, and what it saw."""
    console = Console()
    table = titled(f"Imported {escape(report.dataset)}")
    table.add_column("stream")
    table.add_column("rows", justify="right")
    table.add_column("coins")
    for name in sorted({name for rows in report.tables.values() for name in rows}):
        coins = {coin: rows[name] for coin, rows in report.tables.items() if name in rows}
        table.add_row(name, f"{sum(coins.values()):,}", escape(", ".join(coins)))
    console.print(table)
    _show_findings(console, report.findings)
    console.print(
        f"{report.rows:,} rows from {report.files} files, fingerprint {report.fingerprint[:12]}\n"
        f"next: fadefollow run --dataset {escape(report.dataset)}",
        highlight=False,
    )


def warn_left_out(report: ImportReport) -> None:
    """Name, on standard error, the coins that an import left out, and why."""
    from fadefollow.core.text import listed, plural

    if not report.left_out:
        return
    of = len(report.tables) + len(report.left_out)
    names = listed(report.left_out, MOST_LEFT_OUT)
    head = f"warning: {plural(len(report.left_out), 'coin')} of {of} left out: {names}"
    whys = [why for found in report.left_out.values() for why in found]
    more = [f"and {len(whys) - MOST_LEFT_OUT:,} more"] * (len(whys) > MOST_LEFT_OUT)
    for line in (head, *(f"  - {one}" for one in [*whys[:MOST_LEFT_OUT], *more])):
        say(line, err=True)


def show_audit(dataset: Dataset, audit: Audit) -> None:
    """Coverage and findings of a data set."""
    console = Console()
    table = titled(f"Audit of {escape(dataset.name)}")
    for name in ("coin", "stream", "from", "to"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "missing", "gaps", "longest"):
        table.add_column(name, justify="right", no_wrap=True)
    for c in audit.coverage:
        table.add_row(
            escape(c.symbol),
            c.stream,
            c.first[:10],
            c.last[:10],
            f"{c.rows:,}",
            f"{c.missing:,}",
            f"{c.gaps:,}",
            f"{c.longest_gap_hours:g} h",
        )
    console.print(table)
    _show_findings(console, audit.findings)
    counts = [f"{len(audit.of(grade)):,} {grade}s" for grade in ("error", "warning", "note")]
    console.print(f"{', '.join(counts)}", highlight=False)
    if audit.of("error"):
        codes = ",".join(sorted({f.code for f in audit.of("error")}))
        console.print(
            "a run that uses these streams stops at the errors; mend the data, or go on with "
            f"--accept {codes}",
            highlight=False,
        )


def show_guess(made: InferredMapping, path: Path) -> None:
    """A guessed mapping: what it holds, what to check, and the next command."""
    console = Console()
    for name, coins in made.streams.items():
        console.print(f"{name}: {escape(', '.join(coins))}", highlight=False)
    for doubt in made.doubts:
        console.print(f"[yellow]check[/] {escape(doubt)}", highlight=False)
    for reason in made.left_out:
        console.print(f"[dim]left out[/] {escape(reason)}", highlight=False)
    console.print(
        f"wrote {path}; nothing is imported yet. Check it, then\n"
        f"  fadefollow data import {path.stem} --from {made.source}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def show_export(done: Exported, folder: Path) -> None:
    """What an export wrote, and how to read it back."""
    part = "all of it" if done.whole else "what of it was asked for and is known by its last bar"
    if done.left_out:
        coins = escape(", ".join(done.left_out))
        part = f"{part}, without {coins}, whose stored files cannot be read"
    name = escape(done.dataset)
    Console().print(
        f"wrote {len(done.files)} files with {done.rows:,} rows of {name} ({part}) to {folder}; "
        f"read back, they are the same, fingerprint {done.fingerprint}\n"
        f"what the columns mean: {folder / 'schema.json'}\n"
        f"to import them: copy {folder / name}.toml into datasets/, then\n"
        f"  fadefollow data import {name} --from {folder}",
        highlight=False,
        soft_wrap=True,
    )


def show_detection(found: Sequence[Detection]) -> None:
    """Precision, recall and delay by phase, and whether the promise of 0.8 is kept."""
    from fadefollow.cli.render.calibration import coloured
    from fadefollow.verdict.calibration.promises import overall

    table = titled("Detection on simulated markets")
    for name in ("signal", "phase"):
        table.add_column(name, no_wrap=True)
    for name in ("episodes", "events", "recall", "precision", "delay"):
        table.add_column(name, justify="right")
    table.add_column("at least 0.8")
    for d in found:
        numbers = ("–" if math.isnan(x) else f"{x:.2f}" for x in (d.recall, d.precision))
        delay = "–" if math.isnan(d.delay_hours) else f"{d.delay_hours:.0f} h"
        counts = f"{d.episodes:,}", f"{d.events:,}"
        state = coloured(overall(d.promises))
        table.add_row(escape(d.signal), escape(d.phase), *counts, *numbers, delay, state)
    Console().print(table)
    Console().print(
        "at least 0.8: recall and precision both, by their 95 % intervals over the markets",
        highlight=False,
    )


def show_check(report: CheckReport) -> None:
    """What a check tried and found."""
    console = Console()
    table = titled(f"Check of {escape(report.strategy)}")
    table.add_column("found", no_wrap=True)
    for name in ("stream", "bar", "what"):
        table.add_column(name)
    for fault in report.faults:
        colour = "red" if fault.is_error else "yellow"
        bar = "" if fault.bar is None else f"{fault.symbol} {fault.bar:%Y-%m-%d %H:%M}"
        table.add_row(f"[{colour}]{fault.kind}[/]", fault.stream, bar, escape(fault.text))
    if report.faults:
        console.print(table)
    events = ", ".join(f"{count:,} {phase}" for phase, count in report.events.items())
    console.print(
        f"tried on {escape(report.dataset)}, {escape(', '.join(report.symbols))}, "
        f"{report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}: {report.bars_tried} bars with other "
        f"futures, {report.features} features, {escape(events)}; "
        f"it reads {', '.join(report.streams) or 'nothing'}",
        highlight=False,
    )
    if not report.errors:
        console.print("[green]no look-ahead found[/], and the same answer each time")


def _where(finding: Finding) -> str:
    """How often, and where first."""
    often = f"{finding.count:,} times, first " if finding.count > 1 else ""
    return f" ({often}{finding.where})" if finding.where else ""


def _show_findings(console: Console, findings: Sequence[Finding]) -> None:
    colours = {"error": "red", "warning": "yellow", "note": "dim"}
    for f in findings:
        where = " ".join(part for part in (f.symbol, f.stream) if part)
        console.print(
            f"[{colours[f.grade]}]{f.grade}[/] {escape(where)}, {f.code}: "
            + escape(f.sentence)
            + _where(f),
            highlight=False,
        )
