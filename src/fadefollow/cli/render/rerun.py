"""What a person sees in the terminal of a repeated run: identical or not, what changed, how far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from fadefollow.cli.render.screen import Console
from fadefollow.cli.render.tables import titled

if TYPE_CHECKING:
    from fadefollow.jobs.rerun import Again
    from fadefollow.jobs.rerun_inputs import Input
    from fadefollow.results.diff import Answer, Differences, Example, Part

#: verdicts, and notes, that are told one by one
_FEW = 12


def show_again(done: Again) -> None:
    """The answer in the first line, then what the repeat was made of, then what differs."""
    console = Console(highlight=False)
    console.print(_answer(done), soft_wrap=True)
    used = [one for one in done.inputs if not one.informational]
    if used:
        unmoved = ", and no number with it" if done.numbers.identical else ""
        console.print(_inputs(f"Changed since the run{unmoved}", used))
    elif not done.numbers.identical:
        console.print(
            "Nothing that is known has changed: data, signals, options and versions are those of "
            "the run."
        )
    if not done.numbers.identical:
        _show_numbers(console, done.numbers)
    _show_notes(console, done.numbers)
    unused = [one for one in done.inputs if one.informational]
    if unused:
        console.print(_inputs("Changed in the workspace; the repeat took the folder's", unused))
    console.print(f"repeated: {escape(str(done.run))}", soft_wrap=True)
    console.print(_where(done), soft_wrap=True)


def _answer(done: Again) -> str:
    found = done.numbers
    if found.identical:
        rows = ", ".join(f"{part.rows_now:,} {_counted(part)}" for part in found.parts)
        return f"[bold green]identical[/]: all {found.values:,} values of {rows}"
    shares = [f"{found.differing:,} of {found.values:,} values differ"]
    gone, added = (sum(n) for n in zip(*((p.gone, p.added) for p in found.parts), strict=True))
    if gone or added:
        shares.append(f"{gone:,} rows are gone and {added:,} are new")
    words = sum(answer.reworded for answer in found.answers)
    if words:
        shares.append(f"{words} verdict{'' if words == 1 else 's'} changed")
    return f"[bold yellow]not identical[/]: {', '.join(shares)}"


def _inputs(title: str, inputs: Sequence[Input]) -> Table:
    table = titled(title)
    table.add_column("what", ratio=2, overflow="fold")
    for name in ("then", "now"):
        table.add_column(name, ratio=1, overflow="fold")
    for one in inputs:
        table.add_row(escape(one.what), escape(one.then), escape(one.now))
    return table


def _show_numbers(console: Console, found: Differences) -> None:
    table = titled("What differs")
    table.add_column("what", no_wrap=True)
    for name in ("values", "differ", "rows gone", "rows new", "at most"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in found.parts:
        if not part.identical:
            table.add_row(
                part.what,
                f"{part.values:,}",
                f"{part.differing:,}",
                f"{part.gone:,}",
                f"{part.added:,}",
                _percent(part.largest),
            )
    console.print(table)
    for part in found.parts:
        for text in _examples(part):
            console.print(f"{part.what}: {text}")
    same = [part.what for part in found.parts if part.identical]
    if same:
        console.print(f"identical: {', '.join(same)}")
    if found.answers:
        console.print(_answers(found.answers[:_FEW]))
        _more(console, len(found.answers), "verdicts")


def _answers(answers: Sequence[Answer]) -> Table:
    from fadefollow.reporting.text.answers import BOOKS

    table = titled("Verdicts then → now, means in bps")
    table.add_column("phase, stance and book", overflow="fold")
    table.add_column("fate or word", no_wrap=True)
    table.add_column("mean", no_wrap=True, justify="right")
    strategy = None
    for one in answers:
        if one.strategy != strategy:
            table.add_row(f"[dim]{escape(one.strategy)}[/]")
            strategy = one.strategy
        table.add_row(f" {escape(one.phase)}", _words(one.fate))
        for stance in one.stances:
            if stance.differs:
                name = f"   {stance.stance} {BOOKS[stance.book]}"
                table.add_row(name, _words(stance.word), _means(stance.mean_bps))
    return table


def _words(pair: tuple[str, str]) -> str:
    then, now = (word or "not traded" for word in pair)
    return then if then == now else f"[bold]{then} → {now}[/]"


def _means(pair: tuple[float, float]) -> str:
    then, now = ("–" if math.isnan(x) else f"{x:+.1f}".replace("-", "−") for x in pair)
    return f"{then} → {now}"


def _examples(part: Part) -> Iterable[str]:
    if part.largest is not None:
        one = part.largest
        row = f"{escape(one.row)}, " if one.row else ""
        yield f"{row}{escape(one.field)}: {_pair(one)}"
    elif part.gone:
        yield f"gone: {escape(part.gone_example)}"
    elif part.added:
        yield f"new: {escape(part.added_example)}"


def _show_notes(console: Console, found: Differences) -> None:
    from fadefollow.results.notes import note_lines

    for when, notes in (("then", found.notes_gone), ("now", found.notes_added)):
        lines = note_lines(notes)
        for line in lines[:_FEW]:
            console.print(f"[yellow]note, {when} only:[/] {escape(line.text)}")
        _more(console, len(lines), f"notes of {when} only")


def _more(console: Console, count: int, what: str) -> None:
    if count > _FEW:
        console.print(f"… and {count - _FEW} more {what}")


def _where(done: Again) -> str:
    if done.folder is None:
        return "identical; no new run folder written"
    return f"report: {escape(str(done.folder / 'report.html'))}"


def _counted(part: Part) -> str:
    """The rows in words: `1 best book`, `28 verdicts`."""
    if part.rows_now != 1:
        return {"equity": "days of equity", "best book": "best books"}.get(part.what, part.what)
    one = {"equity": "day of equity", "event studies": "event study", "phases": "phase"}
    return one.get(part.what, part.what.removesuffix("s"))


def _pair(one: Example) -> str:
    """Both values, with as many digits as tell them apart."""
    for digits in (4, 8, 17):
        then, now = (_value(value, digits) for value in (one.then, one.now))
        if then != now:
            break
    return f"{then} → {now}"


def _value(value: float | str | None, digits: int) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return escape(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}".replace("-", "−")


def _percent(example: Example | None) -> str:
    if example is None or math.isnan(example.relative):
        return "–"
    return f"{100 * example.relative:.3g} %"
