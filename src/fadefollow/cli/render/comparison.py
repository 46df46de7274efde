"""A comparison of runs, as a person sees it in the terminal and as a script reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from fadefollow.cli.render.screen import Console
from fadefollow.cli.render.tables import titled
from fadefollow.engine.model import BOOKS
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.comparison.comparison import Comparison, Row
from fadefollow.reporting.comparison.sentences import headline, marks, notes
from fadefollow.reporting.comparison.settings import Setting
from fadefollow.reporting.text.formatting import bps, interval
from fadefollow.results.record import clean
from fadefollow.verdict.model import NotTraded, StanceResult, Verdict

#: lines of a table; the page has all
_MOST = 12


def show_comparison(found: Comparison, page: Path) -> None:
    """The main thing, what differs, and where the page is."""
    console = Console(highlight=False)
    for one in found.runs:
        console.print(f"[bold]{one.letter}[/] {escape(one.folder.name)}")
    console.print(f"[bold]{escape(headline(found))}[/]")
    for note in notes(found):
        console.print(f"[yellow]note:[/] {escape(note)}")
    if found.settings:
        console.print(_settings(found))
        _more(console, len(found.settings), "keys that differ")
    changed = [row for row in found.rows if row.changed]
    if changed:
        console.print(_results(found, changed[:_MOST]))
        _more(console, len(changed), "phases that differ")
    console.print(f"comparison: {escape(str(page))}", soft_wrap=True)


def comparison_record(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON can hold it; NaN becomes null."""
    letters = [one.letter for one in found.runs]
    record = {
        "headline": headline(found),
        "notes": notes(found),
        "runs": {one.letter: one.folder for one in found.runs},
        "same_data": found.same_data,
        "settings": [
            {"group": one.group, "key": one.key, **_by_letter(letters, one)}
            for one in found.settings
        ],
        "same_settings": found.equal,
        "results": [
            {
                "strategy": row.strategy,
                "phase": row.phase,
                "split": row.split,
                "flipped": row.flipped,
                "intervals_apart": row.apart,
                "runs": {
                    letter: None if v is None else _verdict(v)
                    for letter, v in zip(letters, row.verdicts, strict=True)
                },
            }
            for row in found.rows
        ],
        "trades": [vars(one) for one in found.overlaps],
    }
    cleaned: dict[str, Any] = clean(record)
    return cleaned


def _by_letter(letters: Sequence[str], one: Setting) -> dict[str, Any]:
    return {"values": dict(zip(letters, one.values, strict=True))}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    told: dict[str, Any] = {
        "claim": verdict.claim,
        "fate": verdict.fate,
        "fate_book": verdict.fates.book,
        "fates": dict(verdict.fates.by_book),
    }
    for stance in STANCES:
        told[stance] = {book: _stance(verdict.result(stance, book)) for book in BOOKS}
    return told


def _stance(result: StanceResult | NotTraded) -> dict[str, Any] | None:
    if isinstance(result, NotTraded):
        return None
    return {
        "word": result.word,
        "n_trades": result.n_trades,
        "mean_net_bps": result.mean_net_bps,
        "ci_bps": result.ci_bps,
        "p_adjusted": result.p_adjusted,
    }


def _settings(found: Comparison) -> Table:
    table = titled("What differs in configuration")
    table.add_column("key", overflow="fold")
    for run in found.runs:
        table.add_column(run.letter, overflow="fold", max_width=34)
    group = None
    for one in sorted(found.settings, key=lambda one: not one.counted)[:_MOST]:
        if one.group != group:
            table.add_row(f"[dim]{escape(one.group)}[/]")
            group = one.group
        table.add_row(f" {escape(one.key)}", *map(escape, one.values))
    return table


def _results(found: Comparison, rows: Sequence[Row]) -> Table:
    table = titled("What differs in results, means in bps with their intervals")
    table.add_column("phase", overflow="fold")
    table.add_column("run", no_wrap=True)
    table.add_column("fate", no_wrap=True)
    for name in STANCES:
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        told = "; ".join(marks(row, found.runs))
        table.add_section()
        table.add_row(f"[dim]{escape(row.strategy)}[/]")
        for at, (one, v) in enumerate(zip(found.runs, row.verdicts, strict=True)):
            lead = escape(row.phase) if at == 0 else f"[dim]{told}[/]" if at == 1 else ""
            if v is None:
                table.add_row(f" {lead}", one.letter, "[dim]not in it[/]")
                continue
            word = f"[bold]{v.fate}[/]" if row.flipped else v.fate
            table.add_row(f" {lead}", one.letter, word, *(_mean(v, stance) for stance in STANCES))
    return table


def _mean(verdict: Verdict, stance: Stance) -> str:
    """Word, mean and interval of a stance in the book that speaks, else outright."""
    result = verdict.result(stance, verdict.fates.book or "outright")
    if not isinstance(result, StanceResult):
        return "not traded"
    mean = bps(result.mean_net_bps).removesuffix("\u202fbps")
    bounds = interval(result.ci_bps)
    shown = mean if "—" in bounds else f"{mean} {bounds}"
    return escape(f"{result.word} {shown}")


def _more(console: Console, number: int, what: str) -> None:
    if number > _MOST:
        console.print(f"… and {number - _MOST} more {what}, on the page")
