"""What a person sees in the terminal of a tuning job: the folds, the answer, the last choice."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from fadefollow.cli.render.screen import Console

if TYPE_CHECKING:
    from fadefollow.tuning.model import Fold, Tuning
    from fadefollow.verdict.model import RunResult


def show_tuning(tuning: Tuning, result: RunResult, folder: Path) -> None:
    """A row a fold, the winners' parameters, the answer in words, and where all of it is.

    Args:
        tuning: the job.
        result: the joined out-of-sample trades of all folds' winners, judged.
        folder: that the report was written to.
    """
    from fadefollow.reporting.tuning import sentences as words
    from fadefollow.results.notes import note_lines

    console = Console()
    console.print(_folds(tuning))
    console.print(_winners(tuning))
    console.print(f"[bold]{escape(words.headline(result, tuning))}[/]", highlight=False)
    for say in (words.answer, words.looked, words.worth):
        said = say(result, tuning)
        if str(said):
            console.print(escape(str(said)), highlight=False)
    for line in note_lines(result.notes):
        console.print(f"[yellow]note:[/] {escape(line.text)}", highlight=False)
    if tuning.tuned:
        said = f"chosen on all data: {escape(tuning.tuned)}"
        console.print(said, soft_wrap=True, highlight=False)
    else:
        console.print(escape(str(words.next_up(tuning))), highlight=False)
    report = escape(str(folder / "report.html"))
    console.print(f"report: {report}", soft_wrap=True, highlight=False)


def _folds(tuning: Tuning) -> Table:
    objective = tuning.settings.objectives[0]
    hedged = " against the market" if tuning.settings.book == "hedged" else ""
    table = Table(
        title=f"Folds of {escape(tuning.strategy)}: {objective}{hedged} in and out of sample",
        title_style="bold",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in ("fold", "past until", "traded until"):
        table.add_column(name, no_wrap=True)
    for name in ("trials", "in", "out", "trades", "DSR", "PBO"):
        table.add_column(name, justify="right", no_wrap=True)
    for fold in tuning.folds:
        table.add_row(*_row(fold, tuning))
    return table


def _row(fold: Fold, tuning: Tuning) -> tuple[str, ...]:
    from fadefollow.reporting.text.formatting import DASH, fixed, ratio, when
    from fadefollow.reporting.tuning.sentences import fold_label, score

    objective = tuning.settings.objectives[0]
    name, past = fold_label(fold), fold.past
    times = (
        when(fold.train[1], clock=False),
        when(fold.test[1], clock=False) if fold.test else DASH,
    )
    trials = fixed(sum(fold.counts.values()))
    if fold.winner is None:
        return (name, *times, trials, *[DASH] * 5)
    return (
        name,
        *times,
        trials,
        score(objective, fold.scores[0] if fold.scores else math.nan),
        score(objective, fold.after[0] if fold.after else math.nan),
        fixed(fold.n_trades_after) if fold.test else DASH,
        ratio(past.deflated_sharpe),
        fixed(100 * past.pbo, unit=" %") if math.isfinite(past.pbo) else DASH,
    )


def _winners(tuning: Tuning) -> Table:
    from fadefollow.reporting.tuning.figures import as_found, short_names
    from fadefollow.reporting.tuning.sentences import counted, fold_label, parameters

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("fold", no_wrap=True)
    table.add_column("winner's parameters", overflow="fold")
    labels = short_names(tuning)
    table.add_row("file", escape(parameters(as_found(tuning.start_params, tuning), labels)))
    for fold in tuning.folds:
        said = parameters(as_found(fold.params, tuning), labels)
        if fold.winner is None:
            said = f"no winner: {counted(fold)}"
        table.add_row(fold_label(fold), escape(said))
    return table
