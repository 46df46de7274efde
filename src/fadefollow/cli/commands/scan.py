"""fadefollow scan: each coin's present phase, and what history says of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.options import (
    JsonOption,
    note_misnamed,
    print_json,
    takes_data,
)
from fadefollow.cli.rounds import takes_rounds

if TYPE_CHECKING:
    from fadefollow.jobs.notifying.rounds import LoopRequest
    from fadefollow.jobs.scan import ScanOptions
    from fadefollow.market.datasets.request import DataRequest
    from fadefollow.workspace import Workspace


@takes_data("dataset", "symbols", "until", "accept", "strict")
@takes_rounds
def scan(
    strategies: Annotated[
        list[str] | None,
        typer.Argument(help="Strategies whose phases to look for (default: all but tuned ones)."),
    ] = None,
    *,
    data: DataRequest,
    history: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Run whose verdicts are shown (default: latest per phase)."
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Fetch from a venue and scan the present.")
    ] = False,
    venue: Annotated[
        str | None,
        typer.Option(help="Venue, or a data set of one, with --live (default: binance)."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Number of coins, the largest by 24-hour volume, with --live (default: 50).",
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3650,
            help="Days of history, with --live (default: as far as the signals look back).",
        ),
    ] = None,
    loop: LoopRequest | None,
    page: Annotated[
        bool, typer.Option("--page", help="Also write a page, beside the runs.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page to this file.")
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Also open the page in the browser.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which coin is in which phase now, since when, and the verdict of the last run.

    A phase is present while a position opened on it could still be held.

    The scan is as of the data set's last bar, or as of --until.

    A live scan stores its data in a data set of its own, VENUE_scan.

    With --every it goes on, tells of each phase that begins by --notify, and keeps
    reports/runs/watch.html up to date. Stop at any time; rerun to go on.

    JSON: schema, time, dataset, title, bar_hours, simulated, live, rows (one a coin and phase,
    each with its history by strategy), untrusted, quiet, unseen, notes.

    Nothing here is advice.
    """
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.fetch import fetch_progress
    from fadefollow.cli.render.scan import show_scan
    from fadefollow.jobs.scan import ScanOptions, scan_job, scan_page
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    if not strategies:
        note_misnamed(workspace, "strategies")
    options = ScanOptions(
        data=data,
        strategies=tuple(strategies or ()),
        history=history,
        live=live,
        venue=venue,
        top=top,
        days=days,
    )
    if loop is not None:
        _go_on(workspace, options, loop, (page, to, open_), as_json=as_json)
        return
    with fetch_progress(quiet=as_json) if live else progress(quiet=as_json) as step:
        found = scan_job(workspace, options, step=step)
        if page or to or open_:
            step("writing the page", None)
            found = scan_page(workspace, found, to)
    if as_json:
        print_json(found.to_dict())
    else:
        show_scan(found)
    if open_ and found.page is not None:
        import webbrowser

        webbrowser.open(found.page.resolve().as_uri())


def _go_on(
    workspace: Workspace,
    options: ScanOptions,
    loop: LoopRequest,
    pages: tuple[bool, Path | None, bool],
    *,
    as_json: bool,
) -> None:
    """Scan round after round; `pages` are --page, --to and --open."""
    import os

    from fadefollow.cli.render.fetch import fetch_progress
    from fadefollow.cli.rounds import print_rounds
    from fadefollow.errors import ParameterError
    from fadefollow.jobs.notifying.rounds import Look, rounds
    from fadefollow.jobs.notifying.sources import SCAN_OUTBOX, look_live
    from fadefollow.jobs.scan import scan_page
    from fadefollow.market.names import check_dataset_name

    if not options.live:
        raise ParameterError("--every needs --live", got="stored data", hint="add --live")
    page, to, open_ = pages

    def look() -> Look:
        with fetch_progress(quiet=as_json) as step:
            found, scanned = look_live(workspace, options, step=step)
            if page or to:
                scan_page(workspace, scanned, to)
        return found

    name = SCAN_OUTBOX.format(venue=check_dataset_name(options.venue or "binance"))
    made = rounds(look, loop, workspace.runs / name, environ=os.environ)
    print_rounds(made, as_json=as_json, opens=open_)
