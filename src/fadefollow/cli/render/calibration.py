"""What a person sees in the terminal of a calibration: of the tuner, and of any its promises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from fadefollow.cli.render.screen import Console
from fadefollow.tuning.calibration.words import planted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fadefollow.tuning.calibration import TunerCalibration
    from fadefollow.verdict.calibration.promises import Promise, State
    from fadefollow.verdict.calibration.proportions import Mean, Share

#: of the states of a promise
_COLOURS = {"kept": "green", "broken": "red", "not yet shown": "yellow"}


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
    table = Table(
        title=title,
        title_style="bold",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
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
