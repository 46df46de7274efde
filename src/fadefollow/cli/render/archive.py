"""What a person sees in the terminal of a fetch of all coins: the plan, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape

from fadefollow.cli.render.fetch import FEW_COINS, show_next
from fadefollow.cli.render.screen import Console
from fadefollow.cli.render.tables import titled
from fadefollow.core.text import duration, plural

if TYPE_CHECKING:
    from fadefollow.market.archives import UniversePlan, UniverseReport

#: so many coins that are left out are named one by one
_FEW_LEFT_OUT = 20
#: a coin whose files end so much earlier than the others' is listed no more
_RECENT_DAYS = 3


def show_plan(plan: UniversePlan, dataset: str) -> None:
    """How many coins, files and bytes, and how long; nothing is fetched yet."""
    console, todo = Console(), plan.todo
    table = titled(escape(f"Coins of the archive into {dataset}"))
    table.add_column("", no_wrap=True)
    for name in ("coins", "files", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    parts = (
        ("to fetch", todo),
        ("stored already", tuple(coin for coin in plan.coins if coin.stored)),
    )
    for title, coins in parts:
        size = bytes_text(sum(coin.size for coin in coins))
        files = sum(coin.files for coin in coins)
        table.add_row(title, f"{len(coins):,}", f"{files:,}", size)
    console.print(table)
    if todo:
        first, last = min(coin.first for coin in todo), max(coin.end for coin in plan.coins)
        dead = sum((last - coin.end).days > _RECENT_DAYS for coin in todo)
        names = [coin.coin for coin in todo]
        few = f": {', '.join(names)}" if len(names) <= FEW_COINS else ""
        console.print(
            escape(
                f"{plural(len(todo), 'coin')}{few}, {first:%Y-%m-%d} to {last:%Y-%m-%d}, "
                f"{dead:,} of them no longer listed; about {duration(plan.seconds)}"
            ),
            highlight=False,
        )
    _show_left_out(console, plan.left_out)


def show_universe(report: UniverseReport) -> None:
    """What was stored, which coins were left out and why, and what to do next."""
    console = Console()
    table = titled(escape(f"Read into {report.dataset}"))
    table.add_column("stream", no_wrap=True)
    table.add_column("rows in the store", justify="right")
    for name, rows in sorted(report.rows.items()):
        table.add_row(name, f"{rows:,}")
    console.print(table)
    counts: dict[str, int] = {}
    for finding in report.findings:
        if finding.grade != "note":
            counts[finding.code] = counts.get(finding.code, 0) + 1
    if counts:
        told = ", ".join(f"{code} ({number:,})" for code, number in sorted(counts.items()))
        console.print(escape(f"warnings, with the number of coins and streams: {told}"))
    _show_left_out(console, report.failed)
    console.print(
        f"{plural(len(report.coins), 'coin')} stored, {len(report.unchanged):,} stored before; "
        f"{report.files:,} files, {report.verified:,} of them verified by their checksums, "
        f"{report.fetched:,} fetched now; {duration(report.seconds)}, "
        f"fingerprint {report.fingerprint[:12]}",
        highlight=False,
    )
    show_next(console, report.dataset, sorted(report.rows))


def _show_left_out(console: Console, left_out: Mapping[str, str]) -> None:
    for symbol, reason in list(left_out.items())[:_FEW_LEFT_OUT]:
        console.print(f"[yellow]left out[/] {escape(f'{symbol}: {reason}')}", highlight=False)
    if len(left_out) > _FEW_LEFT_OUT:
        console.print(f"and {len(left_out) - _FEW_LEFT_OUT:,} more; --json has them all")


def bytes_text(size: int) -> str:
    """`640 kB`, `12.3 MB`, `4.1 GB`."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"
