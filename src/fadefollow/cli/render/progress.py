"""The one line that says what a command is doing: stage, share, a running clock, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from fadefollow.cli.render.pace import Pace, clocked, worded
from fadefollow.cli.render.screen import Console, harmless

#: where there is no terminal, a line is written so often
EVERY_SECONDS = 30.0
#: from this width on the bar is long
WIDE = 100
Step = Callable[[str, float | None], None]


@contextmanager
def shown(stages: Mapping[str, float], *, quiet: bool = False) -> Iterator[Step]:
    """Progress on standard error: one line on a terminal, elsewhere a line every half minute.

    Args:
        stages: the shares of the stages, where they are known (see `Pace`).
        quiet: show nothing.
    """
    console, pace = Console(stderr=True), Pace(stages)
    if quiet:
        yield pace.step
        return
    if not console.is_terminal:
        yield _Lines(console, pace)
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn(
            "{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
        ),
        BarColumn(bar_width=28 if console.width >= WIDE else 10),
        _Words(pace),
        console=console,
        transient=True,
        expand=True,
    )
    with bar:
        task = bar.add_task("starting", total=None)

        def step(text: str, done: float | None) -> None:
            pace.step(text, done)
            share = pace.share()
            bar.update(
                task,
                description=escape(harmless(text)),
                total=None if share is None else 1.0,
                completed=min(share or 0.0, 0.999),  # a task that is done stops its clock
            )

        yield step


class _Words(ProgressColumn):
    """Share, clock and time left; the clock runs whatever is being done."""

    max_refresh = 0.2

    def __init__(self, pace: Pace) -> None:
        super().__init__(Column(no_wrap=True, justify="right", min_width=5))
        self.pace = pace

    def render(self, task: Task) -> Text:
        """What stands at the end of the line."""
        share, left = self.pace.share(), self.pace.left()
        if share is not None:
            task.completed = min(share, 0.999)
        parts = [f"{100 * share:.0f} %"] if share is not None else []
        parts.append(clocked(self.pace.elapsed))
        parts += [worded(left)] if left is not None else []
        return Text("  ".join(parts), style="progress.elapsed")


class _Lines:
    """A line now and then, for a log."""

    def __init__(self, console: RichConsole, pace: Pace) -> None:
        self.console, self.pace, self.last = console, pace, time.monotonic()

    def __call__(self, text: str, done: float | None) -> None:
        self.pace.step(text, done)
        if time.monotonic() - self.last < EVERY_SECONDS:
            return
        self.last = time.monotonic()
        share, left = self.pace.share(), self.pace.left()
        parts = [f"{100 * share:.0f} %"] if share is not None else []
        parts += [clocked(self.pace.elapsed), harmless(text)]
        parts += [worded(left)] if left is not None else []
        self.console.print(", ".join(parts), markup=False, highlight=False, soft_wrap=True)
