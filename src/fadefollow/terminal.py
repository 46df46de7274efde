"""What a person sees in the terminal: progress, and results as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict

#: called with what is being done and how much of it is done, from 0 to 1, or None if unknown
Step = Callable[[str, float | None], None]

_COLOURS = {"fade": "magenta", "follow": "cyan", "neither": "red", "undecided": "yellow"}


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Step]:
    """A progress bar on standard error; `quiet` shows none."""
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True, disable=quiet,
    )  # fmt: skip
    with bar:
        task = bar.add_task("starting", total=None)

        def step(text: str, done: float | None) -> None:
            bar.update(task, description=escape(text), total=None if done is None else 1.0,
                       completed=done or 0.0)  # fmt: skip

        yield step


def show_run(result: RunResult, folder: Path) -> None:
    """The verdicts of a run, its warnings, and where the report is."""
    console = Console()
    table = Table(title=f"Fade or follow? {escape(str(result.dataset['title']))}", title_style="bold")
    for name in ("strategy", "phase", "verdict"):
        table.add_column(name, overflow="fold")
    for name in ("phases", "fade: bps a trade", "follow: bps a trade"):
        table.add_column(name, justify="right")
    planted = any(v.planted_bps is not None for v in result.verdicts)
    if planted:
        table.add_column("planted, bps", justify="right")
    for v in result.verdicts:
        row = [escape(v.strategy), escape(v.phase), f"[{_COLOURS[v.verdict]}]{v.verdict}[/]",
               str(v.n_phases), _stance(v.fade), _stance(v.follow)]  # fmt: skip
        table.add_row(*row, *([_number(v.planted_bps)] if planted else []))
    console.print(table)
    for v in result.verdicts:
        console.print(f"[bold]{escape(v.phase)}[/]: {escape(v.why)}", highlight=False)
    for warning in result.warnings:
        console.print(f"[yellow]note:[/] {escape(warning)}", highlight=False)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)


def _stance(result: StanceResult | NotTraded) -> str:
    if isinstance(result, NotTraded):
        return "not traded"
    low, high = result.ci_bps
    interval = "" if math.isnan(low) else f" \\[{_number(low)}, {_number(high)}]"
    return f"{_number(result.mean_net_bps)}{interval}"


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:+.0f}".replace("-", "−")


def show_datasets(rows: Sequence[Mapping[str, Any]]) -> None:
    """The data sets there are."""
    table = Table(title="Data sets", title_style="bold")
    for name in ("name", "bar", "source", "coins", "from", "to", "state"):
        table.add_column(name, overflow="fold")
    for row in rows:
        coins = ", ".join(row["symbols"]) or "–"
        table.add_row(*(escape(str(x if x is not None else "–")) for x in (
            row["name"], row["bar"], row["source"], coins, row["first"], row["last"], row["state"]
        )))  # fmt: skip
    Console().print(table)
