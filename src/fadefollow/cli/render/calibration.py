"""What a person sees in the terminal of a calibration: of verdict and tuner, and their promises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from fadefollow.cli.render.screen import Console
from fadefollow.cli.render.tables import titled
from fadefollow.tuning.calibration.words import planted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fadefollow.tuning.calibration import TunerCalibration
    from fadefollow.verdict.calibration import Calibration
    from fadefollow.verdict.calibration.promises import Promise, State
    from fadefollow.verdict.calibration.proportions import Mean, Share
    from fadefollow.verdict.calibration.watching import WatchArm, WatchCalibration

#: of the states of a promise
_COLOURS = {"kept": "green", "broken": "red", "not yet shown": "yellow"}


def show_calibration(found: Calibration, folder: Path) -> None:
    """How often verdicts were wrong, intervals covered, and edges were found.

    Args:
        found: what was counted.
        folder: of its page.
    """
    console = Console()
    for arm in found.arms:
        table = _table(
            f"{arm.markets} markets: {escape(arm.arm.name)}", "verdict", "version 1", "t-test"
        )
        table.add_row(
            "false tables",
            *map(_share, (arm.false_tables, arm.old_false_tables, arm.t_false_tables)),
        )
        for kind, share in arm.by_kind.items():
            if share.count:
                table.add_row(f"… {kind}", _share(share), "", "")
        for book, share in arm.covered.items():
            if share.of:
                table.add_row(f"intervals, {book}", _share(share), "", _share(arm.t_covered[book]))
        console.print(table)
    if found.power:
        console.print(_power_table(found))
    show_promises(found.promises, who="The verdict")
    console.print(f"on {escape(found.about)}", highlight=False)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)


def show_watch_calibration(found: WatchCalibration) -> None:
    """How often watched claims were answered wrongly, and how long answers and alarms took."""
    console = Console()
    for arm in found.arms:
        _show_watch_arm(console, found, arm)
    show_promises(found.promises, who="Watching")


def _show_watch_arm(console: Console, found: WatchCalibration, arm: WatchArm) -> None:
    living = arm.living
    console.print(
        f"{arm.markets} markets ({escape(found.design.about)}, {arm.what}), {arm.claims} claims "
        f"watched for {found.design.watched_years:g} years; median of {arm.trades:.0f} trades. "
        f"Of {living.coins:.0f} coins {living.listed:.1f} were listed and {living.died:.1f} died "
        f"meanwhile; {100.0 * living.on_new:.0f} % of the trades were on coins that history had "
        f"not, deaths cut off {living.cut}",
        highlight=False,
    )
    table = _table("Years until …", "half of the claims", "80 % of the claims")
    for how, delays in (("added", arm.added), ("planted", arm.planted)):
        if delays is None:
            continue
        for name, delay in (
            (f"confirmed, {delays.edge_bps:.0f} bps {how} (the detectable edge)", delays.edge),
            (f"confirmed, twice that {how}", delays.twice),
            ("the alarm, when twice that was gone", delays.gone),
        ):
            table.add_row(name, *(_years(value) for value in (delay.median, delay.most)))
    console.print(table)


def _years(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "not within"


def _power_table(found: Calibration) -> Table:
    table = titled("An edge planted: how often it was found")
    for name in ("phase", "book"):
        table.add_column(name, no_wrap=True)
    for name in ("coins", "years", "trades", "edge bps", "detectable", "found", "t-test"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in found.power:
        table.add_row(
            escape(cell.phase),
            cell.book,
            f"{cell.arm.coins}",
            f"{cell.arm.years:g}",
            f"{cell.trades:.0f}",
            _number(cell.edge_bps),
            _number(cell.detectable_bps),
            _share(cell.found),
            _share(cell.t_found),
        )
    return table


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}"


def show_tuner_calibration(found: TunerCalibration) -> None:
    """A row for each kind of market: what the past promised, and what came out of sample."""
    past = _table(
        "In the past, where the search looked", "bps", "t > 2", "PSR > 95 %", "DSR > 95 %"
    )
    after = _table("Out of sample", "bps", "the file's own", "mean > 0", "named")
    for arm in found.arms:
        name = f"{arm.markets}, {planted(arm.arm.effect_bps)}"
        shares = arm.last.t, arm.last.psr, arm.last.deflated
        past.add_row(name, _mean(arm.in_sample), *map(_share, shares))
        means = arm.out_of_sample, arm.own
        after.add_row(name, *map(_mean, means), _share(arm.earned), _share(arm.named))
    console = Console()
    console.print(past, after)
    text = "bps: mean net return of a trade. PSR, DSR: of the last search's winner. named: by the"
    console.print(f"{text} verdict. More with --markdown or --json.", highlight=False)
    show_promises(found.promises, who="The tuner")


def show_promises(promises: Sequence[Promise], *, who: str) -> None:
    """A row a promise: what was promised and measured, and whether it is kept.

    Args:
        promises: of a calibration.
        who: what was calibrated.
    """
    from fadefollow.verdict.calibration.promises import headline

    table = _table("Promises")
    for name in ("promised", "measured"):
        table.add_column(name, justify="right")
    table.add_column("state", no_wrap=True)
    for promise in promises:
        said = promise.what, promise.promised, promise.measured
        table.add_row(*map(escape, said), coloured(promise.state))
    console = Console()
    console.print(table)
    console.print(f"[bold]{escape(headline(promises, who=who))}[/]", highlight=False)


def coloured(state: State) -> str:
    """A state in its colour, as markup."""
    return f"[{_COLOURS[state]}]{state}[/]"


def _table(title: str, *columns: str) -> Table:
    table = titled(title)
    table.add_column("promise" if not columns else "markets")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _mean(mean: Mean) -> str:
    return "–" if math.isnan(mean.value) else escape(str(mean))


def _share(share: Share) -> str:
    if not share.of:
        return "–"
    value, low, high = (100.0 * x for x in (share.value, share.low, share.high))
    return f"{value:.0f} % \\[{low:.0f}, {high:.0f}]"
