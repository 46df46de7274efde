"""fadefollow data fetch: market data from exchanges and archives, in one command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.options import JsonOption, UntilOption, listed, print_json

if TYPE_CHECKING:
    import pandas as pd

    from fadefollow.market.datasets.request import FetchRequest
    from fadefollow.workspace import Workspace

GO_ON = "fetched pages are kept; rerun the same command to resume"


@dataclass(frozen=True)
class _Options:
    """The options of the command, parsed and checked."""

    workspace: Workspace
    name: str
    request: FetchRequest
    bar: str | None
    into: str | None
    mirror: Path | None
    skip_damaged: bool
    unverified: bool
    as_json: bool


def data_fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="Venue (binance, bybit, okx, deribit, hyperliquid, gate), a data set of one, or "
            "an archive (binance-archive, coinmetrics)."
        ),
    ],
    coins: Annotated[list[str], typer.Argument(help="Coins, such as BTC ETH.")],
    since: Annotated[str, typer.Option(help="First day or time (UTC).")],
    until: UntilOption = None,
    bar: Annotated[
        str | None, typer.Option(help="Bar size, such as 1h (default: the data set's).")
    ] = None,
    streams: Annotated[
        str | None,
        typer.Option(help="Streams, comma-separated, or 'all' (default: all with history)."),
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="Data set to store an archive in (default: binance).")
    ] = None,
    mirror: Annotated[
        Path | None, typer.Option(help="Read the archive from this folder instead of the network.")
    ] = None,
    skip_damaged: Annotated[
        bool,
        typer.Option("--skip-damaged", help="Leave out damaged files or pages, with a warning."),
    ] = False,
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="Accept archive files without a checksum."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch market data: only what is missing. Rerun to resume.

    Every page is stored as it arrives, so an interrupted fetch loses nothing. Streams by venue:
    see the documentation, "Venues".
    """
    from fadefollow.market.datasets.request import FetchRequest, time_of
    from fadefollow.workspace import find_workspace

    first, end = time_of(since, "--since"), time_of(until, "--until")
    assert first is not None
    _check_range(first, end)
    options = _Options(
        find_workspace(),
        name,
        FetchRequest(tuple(coins), first, end, listed(streams) or ()),
        bar,
        into,
        mirror,
        skip_damaged,
        unverified,
        as_json,
    )
    from fadefollow.market.fetch.spec import ARCHIVES

    try:
        _from_archive(options) if name in ARCHIVES else _from_venue(options)
    except KeyboardInterrupt:
        typer.echo(GO_ON, err=True)
        raise


def _check_range(since: pd.Timestamp, until: pd.Timestamp | None) -> None:
    import pandas as pd

    from fadefollow.errors import ParameterError

    if until is not None and since >= until:
        got = f"since {since:%Y-%m-%d %H:%M}, until {until:%Y-%m-%d %H:%M}"
        raise ParameterError("--since must lie before --until", got=got)
    # a clock that is a little wrong is the venue's to judge
    if since > pd.Timestamp.now(tz="UTC") + pd.Timedelta(days=1):
        raise ParameterError("--since must lie in the past", got=f"{since:%Y-%m-%d %H:%M}")


def _from_venue(options: _Options) -> None:
    from fadefollow.cli.render.fetch import fetch_progress, show_fetch, show_reach
    from fadefollow.errors import ParameterError
    from fadefollow.market.fetch import fetch_job, fetch_spec, reach_notes

    for option, given in (
        ("--into", options.into),
        ("--mirror", options.mirror),
        ("--unverified", options.unverified),
    ):
        if given:
            raise ParameterError(
                f"{option} needs an archive",
                got=options.name,
                hint="binance-archive and coinmetrics are archives",
            )
    name, spec = fetch_spec(options.workspace.root / "datasets", options.name, options.bar)
    show_reach(reach_notes(spec, options.request), err=options.as_json)
    with fetch_progress(quiet=options.as_json) as step:
        report = fetch_job(
            spec,
            name,
            options.request,
            options.workspace.store,
            skip_damaged=options.skip_damaged,
            progress=step,
        )
    if options.as_json:
        print_json(report.to_dict())
    else:
        show_fetch(report)


def _from_archive(options: _Options) -> None:
    import pandas as pd

    from fadefollow.cli.render.fetch import fetch_progress, show_archive
    from fadefollow.market.archives import ArchiveSettings, archive_job
    from fadefollow.market.bars import bar_text
    from fadefollow.market.fetch.spec import archive_named, archive_spec

    folder = options.workspace.root / "datasets"
    archive = archive_named(options.name)
    name, spec = archive_spec(folder, archive, options.into or "binance", options.bar)
    settings = ArchiveSettings(
        skip_damaged=options.skip_damaged,
        unverified=options.unverified,
        lag_hours=spec.lag("netflow") / pd.Timedelta(hours=1),
        mirror=options.mirror,
    )
    with fetch_progress(quiet=options.as_json) as step:
        report = archive_job(
            archive,
            options.request,
            store_root=options.workspace.store,
            dataset=name,
            bar=bar_text(spec.bar),
            settings=settings,
            progress=step,
        )
    if options.as_json:
        print_json(report.to_dict())
    else:
        show_archive(report)
