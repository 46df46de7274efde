"""What a person sees in the terminal of watched claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from fadefollow.cli.render.run import number
from fadefollow.cli.render.screen import Console
from fadefollow.cli.render.tables import titled
from fadefollow.results.notes import note_lines

if TYPE_CHECKING:
    from fadefollow.jobs.watching.export import ExportedSignals
    from fadefollow.jobs.watching.fills import Compared, Slippage
    from fadefollow.jobs.watching.read import Shown
    from fadefollow.jobs.watching.update import Updated
    from fadefollow.results.claims import Claim, Watched

COLOURS = {"confirmed": "green", "refuted": "red", "open": "yellow"}
#: blocks of a claim that `watch show` lists, the last ones
_BLOCKS = 12
#: open trades of a claim that `watch update` lists
_TRADES = 20
#: letters that the other columns of a table of claims take, and the fewest that a name is given
_BESIDE, _NARROWEST = 58, 22
#: an e-value from which on it is written by its power of ten
_LARGE = 1e6


def show_added(claim: Claim) -> None:
    """What was registered, and what it can be expected to show."""
    console, past = Console(), claim.past
    _say(console, f"[bold]registered[/] {escape(claim.claim)}")
    _say(
        console,
        f"{claim.stance} {escape(claim.phase)} on {escape(claim.dataset)}, {claim.book}, from "
        f"{claim.start[:10]} on, in blocks of {claim.blocks.days} days",
    )
    if claim.late:
        _say(
            console,
            f"[yellow]note:[/] its start lies before its registration ({claim.registered[:10]}): "
            "part of its data could have been seen",
        )
    edge = past.detectable(claim.alpha, years=1.0)
    if past.trades:
        mean = f"{number(1e4 * past.mean)} bps a trade, {past.trades:.0f} trades"
        _say(console, f"history: {mean}, {past.rate * past.blocks_a_year:.0f} a year")
    else:
        _say(console, "history: no trade of it; what edge would be confirmed, cannot be said")
    if not math.isnan(edge):
        _say(
            console,
            f"an edge of {1e4 * edge:.0f} bps a trade would be confirmed within a year with 80 % "
            "power, if trades come as often as they did",
        )
    elif past.trades:
        _say(console, "[yellow]note:[/] at this rate no edge would be confirmed within a year")
    _say(console, "next: fadefollow watch update [--fetch], as often as you like")


def show_claims(claims: Sequence[Watched], head: str) -> None:
    """All claims with their answers."""
    console = Console()
    if not claims:
        _say(console, "no claim is watched; fadefollow watch add STRATEGY registers one")
        return
    console.print(_answers(claims, console.width))
    for one in claims:
        if one.closing is not None:
            _say(console, f"[dim]closed[/] {escape(one.claim.claim)}: {escape(one.closing.why)}")
    _say(
        console,
        f"[dim]Each claim has its own chance of a wrong word, {_percent(claims)}. "
        f"Last hash: {head[:16]}[/]",
    )


def show_one(shown: Shown) -> None:
    """A claim: what was registered, what history says, the answer after its last blocks."""
    console, one = Console(), shown.watched
    claim = one.claim
    console.print(_answers([one], console.width))
    _say(
        console,
        f"{claim.stance} {escape(claim.phase)} on {escape(claim.dataset)}, {claim.book}; "
        f"registered {claim.registered}, start {claim.start[:10]}, alpha {claim.alpha:g}, "
        f"smallest edge {claim.smallest_bps:g} bps, blocks of {claim.blocks.days} days",
    )
    if claim.late:
        _say(console, "[yellow]late:[/] part of its data could be seen when it was registered")
    if one.decision is not None:
        when = claim.blocks.settled(one.decision.block)
        _say(console, f"{one.word} on {when:%Y-%m-%d}, after block {one.decision.block}")
    if one.alarm is not None:
        when = claim.blocks.settled(one.alarm.block)
        _say(console, f"[red]the edge is gone:[/] CUSUM alarm on {when:%Y-%m-%d}")
    _say(console, f"history: {_history(shown)}")
    for caveat in shown.history.caveats:
        _say(console, f"[yellow]*[/] {escape(caveat)}")
    if one.blocks:
        console.print(_path(one))
    for line in note_lines(shown.notes):
        _say(console, f"[yellow]note:[/] {escape(line.text)}")


def show_updated(found: Sequence[Updated]) -> None:
    """What is new of each claim, its answer, and its open trades."""
    console = Console()
    if not found:
        _say(console, "no claim is watched; fadefollow watch add STRATEGY registers one")
        return
    console.print(_answers([one.watched for one in found], console.width))
    for one in found:
        _news(console, one)
    held = [(one, one.open) for one in found if len(one.open)]
    if held:
        table = titled("Open trades, as at the last close, costs of leaving included")
        for name in ("claim", "coin", "side", "entered, UTC", "bps"):
            table.add_column(name, justify="right" if name == "bps" else "left", no_wrap=True)
        for one, trades in held:
            for row in trades.head(_TRADES).to_dict("records"):
                table.add_row(*_open_row(one, row))
        console.print(table)
    for line in note_lines([note for one in found for note in one.notes]):
        _say(console, f"[yellow]note:[/] {escape(line.text)}")


def show_closed(one: Watched) -> None:
    """That a claim is closed, and its answer."""
    why = "" if one.closing is None else one.closing.why
    _say(Console(), f"closed {escape(one.claim.claim)} ({_word(one)}): {escape(why)}")


def show_exported(found: ExportedSignals) -> None:
    """The files that were written, and how many orders they hold."""
    console = Console()
    for path in found.files:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False, markup=False)
    states = found.orders["state"].value_counts()
    said = ", ".join(f"{int(n)} {name}" for name, n in states.items()) or "none"
    _say(console, f"orders: {said}")


def show_compared(found: Compared) -> None:
    """Slippage of live fills beyond the assumed one."""
    console = Console()
    table = titled("Fills against the backtest's, bps of the price; positive is worse")
    for name in ("", "fills", "days", "beyond\nassumed", "95 % interval", "assumed", "fee beyond"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for name, one in (("all", found.all), ("enter", found.enter), ("exit", found.exit)):
        table.add_row(name, *_slippage(one))
    console.print(table)
    if found.unmatched or found.missed:
        _say(
            console,
            f"{found.unmatched} fills belong to no order; {found.missed} orders of these days have "
            "no fill",
        )


def _answers(claims: Sequence[Watched], width: int) -> Table:
    """The answers; names are broken at hyphens where a terminal of this width has no room."""
    room = max(_NARROWEST, width - _BESIDE)
    table = titled("Claims")
    table.add_column("claim", overflow="fold")
    table.add_column("answer", no_wrap=True)
    for name in ("trades", "mean\nbps", "limits\nbps", "e-value\nno edge", "from"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in claims:
        last = one.last
        table.add_row(
            escape("\n".join(wrap(one.claim.claim, room))),
            _word(one),
            f"{last['trades']:.0f}",
            number(last["mean_bps"]),
            f"{_limit(last['low_bps'])} … {_limit(last['high_bps'])}",
            _evidence(last["e_value"]),
            one.claim.start[:10],
        )
    return table


def _news(console: Console, one: Updated) -> None:
    from fadefollow.results.claims import BlockLine, WordLine

    claim = one.watched.claim
    blocks = sum(isinstance(line, BlockLine) for line in one.new)
    nxt = claim.blocks.settled(len(one.watched.blocks))
    _say(
        console,
        f"{escape(claim.claim)}: data until {one.end:%Y-%m-%d %H:%M}, {blocks} new blocks of "
        f"{claim.blocks.days} days, the next on {nxt:%Y-%m-%d}",
    )
    for line in one.new:
        if isinstance(line, WordLine):
            when = claim.blocks.settled(line.block)
            _say(console, f"  [{COLOURS[line.word]}]{line.word}[/] on {when:%Y-%m-%d}")
    if one.watched.alarm is not None:
        when = claim.blocks.settled(one.watched.alarm.block)
        _say(console, f"  [red]the edge is gone[/] since {when:%Y-%m-%d}")


def _path(one: Watched) -> Table:
    """The answer after each of the last blocks."""
    answer, rule = one.answer, one.claim.blocks
    table = titled("After each block")
    for name in ("block from", "trades", "net bps", "mean", "limits", "e-value"):
        table.add_column(name, justify="left" if name == "block from" else "right", no_wrap=True)
    for line in one.blocks[-_BLOCKS:]:
        k = line.block
        net = 1e4 * line.total / line.count if line.count else math.nan
        low, high = (float(limit[k]) for limit in (answer.low, answer.high))
        table.add_row(
            f"{rule.begins(k):%Y-%m-%d}",
            f"{line.count:.0f}",
            number(net),
            number(1e4 * float(answer.mean[k])),
            f"{_limit(1e4 * low)} … {_limit(1e4 * high)}",
            _evidence(float(answer.e_value[k])),
        )
    return table


def _history(shown: Shown) -> str:
    one, then = shown.history, shown.then
    if not one.measured:
        return "not measured; " + escape(
            f"fadefollow run {one.strategy} --dataset {one.measure_on} would"
        )
    stance = f"{shown.watched.claim.stance} {shown.watched.claim.book}"
    if then is None:
        return f"{escape(one.fate)} ({stance} was not traded), by {escape(one.run)}"
    low, high = then.ci_bps
    said = f"{then.word} {number(then.mean_net_bps)} bps \\[{number(low)}, {number(high)}]"
    return f"{escape(one.fate)}; {stance} {said}, {then.n_trades} trades, by {escape(one.run)}"


def _open_row(one: Updated, row: dict[Any, Any]) -> tuple[str, ...]:
    side = "long" if row["side"] > 0 else "short"
    entered = pd.Timestamp(row["entry_time"])
    name, symbol = escape(one.watched.claim.claim), escape(str(row["symbol"]))
    return name, symbol, side, f"{entered:%m-%d %H:%M}", number(1e4 * float(row["return"]))


def _slippage(one: Slippage) -> tuple[str, ...]:
    between = f"{_tenth(one.low_bps)} … {_tenth(one.high_bps)}"
    if math.isnan(one.low_bps):
        between = "–"
    return (
        str(one.fills),
        str(one.days),
        _tenth(one.mean_bps),
        between,
        _tenth(one.assumed_bps),
        _tenth(one.fee_bps),
    )


def _word(one: Watched) -> str:
    gone = ", gone" if one.alarm is not None else ""
    closed = ", closed" if one.closing is not None else ""
    return f"[{COLOURS[one.word]}]{one.word}[/]{gone}{closed}"


def _limit(value: float | None) -> str:
    return "none" if value is None or not math.isfinite(value) else number(value)


def _evidence(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0e}" if value >= _LARGE else f"{value:.3g}"


def _tenth(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.1f}".replace("-", "−")


def _percent(claims: Sequence[Watched]) -> str:
    levels = sorted({one.claim.alpha for one in claims})
    return " or ".join(f"{100 * level:g} %" for level in levels)


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False)
