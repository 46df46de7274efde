"""What a person sees in the terminal of a scan."""

from __future__ import annotations

import math

from rich.markup import escape
from rich.table import Table

from fadefollow.cli.render.run import COLOURS, WORD_COLOURS
from fadefollow.cli.render.screen import Console
from fadefollow.cli.render.tables import titled
from fadefollow.results.notes import note_lines
from fadefollow.scanning.model import Scan, ScanRow, Standing, Tried

#: from these widths on there is room for more columns
WIDE, WIDEST = 110, 140
#: more kinds of what cannot be seen than this are only counted
FEW_UNSEEN = 5
_LEANS = {1: "long", -1: "short"}


def show_scan(scan: Scan) -> None:
    """The phases that are present, what history says of them, and what could not be seen."""
    console = Console()
    kind = "simulated coins, " if scan.simulated else ""
    console.print(
        f"[bold]{escape(scan.title)}[/]\n{kind}as of {scan.time:%Y-%m-%d %H:%M} UTC",
        highlight=False,
    )
    if scan.rows:
        console.print(_present(scan, console.width))
        if any(standing.measured for standing in scan.standings.values()):
            console.print(_history(scan, wide=console.width >= WIDE))
            for standing in scan.standings.values():
                if len(standing.fates) > 1:
                    said = f"{standing.strategy} {standing.phase}: {_books(standing)}"
                    console.print(f"[dim]{escape(said)}[/]", highlight=False)
        _caveats(console, scan)
    else:
        console.print("none of the phases looked for is present", highlight=False)
    for coin in scan.untrusted:
        console.print(
            f"[red]{coin.kind}[/] {escape(coin.symbol)}: {escape(coin.why)}", highlight=False
        )
    if scan.quiet:
        console.print(f"[dim]in no phase:[/] {escape(', '.join(scan.quiet))}", highlight=False)
    unseen = sorted(scan.unseen, key=lambda u: -len(u.symbols))
    for one in unseen[:FEW_UNSEEN]:
        console.print(f"[dim]not seen:[/] {escape(one.text())}", highlight=False)
    if len(unseen) > FEW_UNSEEN:
        more = len(unseen) - FEW_UNSEEN
        console.print(
            f"[dim]not seen:[/] and {more} more kinds; --json has them all", highlight=False
        )
    for line in note_lines(scan.notes):
        console.print(f"[yellow]note:[/] {escape(line.text)}", highlight=False)
    if scan.page is not None:
        console.print(f"page: {scan.page}", soft_wrap=True, highlight=False, markup=False)
    console.print(
        "[dim]The lean is the crowd's, or whoever acts. Nothing here is advice.[/]", highlight=False
    )


def _present(scan: Scan, width: int) -> Table:
    wide = width >= WIDE
    # 80 columns have room for a coin of ten letters, the longest phase, and its whole verdict
    table = titled("Present phases, newest first", gap=1 if wide else 0)
    table.add_column("coin", no_wrap=True, max_width=10)
    table.add_column("phase", no_wrap=True, max_width=18 if wide else 16)
    table.add_column("lean", no_wrap=True)
    if wide:
        table.add_column("who", no_wrap=True, max_width=14)
    table.add_column("since, UTC", no_wrap=True)
    more = (["age"] if wide else []) + (["strength", "price"] if width >= WIDEST else [])
    for name in ("left", *more, "stronger\nthan", "move\nbps"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last verdict", min_width=len("untestable*"))
    for row in scan.rows:
        cells = [escape(row.symbol), escape(row.phase), _LEANS[row.lean]]
        cells += [escape(row.actor)] if wide else []
        cells += [f"{row.known:%m-%d %H:%M}", _hours(row.hours_left)]
        cells += [_hours(row.age_hours)] if wide else []
        cells += [f"{row.strength:.3g}", f"{row.price:.6g}"] if width >= WIDEST else []
        cells += [_rank(row, wide=wide), _signed(row.move_bps), _words(row, scan.history(row))]
        table.add_row(*cells)
    return table


def _words(row: ScanRow, standings: tuple[Standing, ...]) -> str:
    """The fates of the claims, each once; a star where one is not of just this."""
    found: dict[str, bool] = {}
    for standing in standings:
        word = standing.fate if standing.measured else "not measured"
        elsewhere = standing.measured and row.symbol not in standing.symbols
        found[word] = found.get(word, False) or bool(standing.caveats) or elsewhere
    return ", ".join(
        f"[{COLOURS.get(word, 'dim')}]{escape(word)}[/]{'*' if starred else ''}"
        for word, starred in found.items()
    )


def _history(scan: Scan, *, wide: bool) -> Table:
    """A row a strategy and phase: the claim's fate, and both stances in the book that speaks."""
    table = titled("What history says: word and net bps a trade, with its interval")
    table.add_column("phase: claim", overflow="fold")
    table.add_column("fate", no_wrap=True)
    for name in ("fade", "follow"):
        table.add_column(name, justify="right", overflow="fold")
        if wide:
            table.add_column("trades", justify="right", no_wrap=True)
            table.add_column("p", justify="right", no_wrap=True)
    table.add_column("detects", justify="right", no_wrap=True)
    strategy = None
    for standing in scan.standings.values():
        if not standing.measured:
            continue  # told below, with the command that would
        if standing.strategy != strategy:
            strategy = standing.strategy
            table.add_section()
            table.add_row(f"[dim]{escape(strategy)}[/]")
        star = "*" if standing.caveats else ""
        word = standing.fate
        cells = [
            f" {escape(standing.phase)}: {escape(standing.claim)}",
            f"[{COLOURS.get(word, 'dim')}]{escape(word)}[/]{star}",
        ]
        for tried in (standing.fade, standing.follow):
            cells += _tried(tried, wide=wide)
        table.add_row(*cells, _number(standing.detectable_bps))
    return table


def _books(standing: Standing) -> str:
    """The book whose figures are shown, and what the other says: `against the market; …`."""
    from fadefollow.reporting.text.answers import BOOKS

    said = {
        book: f"{standing.fates[book]} {BOOKS[book]}" for book in BOOKS if book in standing.fates
    }
    first = [text for book, text in said.items() if book == standing.speaking]
    return "; ".join([*first, *(text for book, text in said.items() if book != standing.speaking)])


def _tried(tried: Tried | None, *, wide: bool) -> list[str]:
    if tried is None:
        return ["not traded", *(["", ""] if wide else [])]
    low, high = tried.ci_bps
    ends = "" if math.isnan(low) else f" \\[{_number(low)}, {_number(high)}]"
    word = f"[{WORD_COLOURS.get(tried.word, 'default')}]{escape(tried.word)}[/]"
    known = "" if math.isnan(tried.mean_net_bps) else f" {_signed(tried.mean_net_bps)}{ends}"
    cells = [f"{word}{known}"]
    if wide:
        p = tried.p_adjusted
        cells += [f"{tried.n_trades:,}", "–" if math.isnan(p) else f"{p:.3f}"]
    return cells


def _caveats(console: Console, scan: Scan) -> None:
    """Where each verdict comes from, and why it may not be of just this; the same once."""
    runs: dict[tuple[str, str], list[str]] = {}
    unmeasured: dict[str, dict[str, None]] = {}
    for standing in scan.standings.values():
        if not standing.measured:
            unmeasured.setdefault(standing.measure_on, {})[standing.strategy] = None
            continue
        where = (
            f"{standing.run}: {standing.dataset}, {', '.join(standing.symbols)}, "
            f"{standing.first[:10]} to {standing.last[:10]}"
        )
        runs.setdefault((where, ""), [])
        for caveat in standing.caveats:
            runs.setdefault((where, caveat), []).append(f"{standing.strategy} {standing.phase}")
    measured = sum(standing.measured for standing in scan.standings.values())
    for (where, caveat), places in runs.items():
        if not caveat:
            console.print(f"[dim]measured by[/] {escape(where)}", highlight=False)
            continue
        lead = "" if len(places) == measured else f"{', '.join(places)}: "
        console.print(f"[yellow]*[/] {escape(lead + caveat)}", highlight=False)
    for dataset, names in unmeasured.items():
        console.print(
            escape(
                f"not measured; this would: fadefollow run {' '.join(names)} --dataset {dataset}"
            ),
            highlight=False,
        )
    absent = sorted(
        {
            row.symbol
            for row in scan.rows
            for standing in scan.history(row)
            if standing.measured and row.symbol not in standing.symbols
        }
    )
    if absent:
        console.print(f"[yellow]*[/] measured without {escape(', '.join(absent))}", highlight=False)


def _rank(row: ScanRow, *, wide: bool) -> str:
    if not row.n_before:
        return "the first" if wide else "first"
    return f"{100 * row.stronger_than:.0f} %" + (f" of {row.n_before:,}" if wide else "")


def _hours(value: float) -> str:
    return f"{value:.0f} h" if value < 96 else f"{value / 24:.0f} d"


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{round(value) or 0:+.0f}".replace("-", "−")


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}".replace("-", "−")
