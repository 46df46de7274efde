"""fadefollow data fetch: market data from exchanges and archives, in one command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from fadefollow.cli.options import JsonOption, UntilOption, listed, print_json

if TYPE_CHECKING:
    import pandas as pd

    from fadefollow.market.archives import ArchiveSettings, Universe
    from fadefollow.market.datasets.request import FetchRequest
    from fadefollow.market.datasets.spec import DatasetSpec
    from fadefollow.workspace import Workspace

GO_ON = "fetched pages are kept; rerun the same command to resume"
#: nothing in an archive is older
EARLIEST = "2017-08-01"


@dataclass(frozen=True)
class _Options:
    """The options of the command, parsed and checked."""

    workspace: Workspace
    name: str
    request: FetchRequest
    bar: str | None
    into: str | None
    mirror: Path | None
    quote: str | None
    everything: _Everything | None
    skip_damaged: bool
    unverified: bool
    as_json: bool


@dataclass(frozen=True)
class _Everything:
    """The options of `--all`."""

    universe: Universe
    plan_only: bool
    yes: bool


def data_fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="Venue (binance, bybit, okx, deribit, hyperliquid, gate), a data set of one, or "
            "an archive (binance-archive, coinmetrics)."
        ),
    ],
    coins: Annotated[
        list[str] | None, typer.Argument(help="Coins, such as BTC ETH; none with --all.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="First day or time (UTC); needed, but with --all all there is."),
    ] = None,
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
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Every perpetual that binance-archive ever had, dead coins too."
        ),
    ] = False,
    quote: Annotated[
        str | None,
        typer.Option(help="Currency of binance-archive's contracts (default: USDT)."),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(help="With --all, only symbols like this: '*PEPE*', or a regex '/^1000/'."),
    ] = None,
    min_days: Annotated[
        int | None,
        typer.Option(min=0, help="With --all, only coins with files of so many days."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="With --all, show what there is and fetch nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --all, do not ask first.")] = False,
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

    only_all = {"--match": match, "--min-days": min_days, "--plan": plan, "--yes": yes}
    _check_coins(name, coins or (), quote, everything=everything, only_all=only_all)
    first = time_of(since or (EARLIEST if everything else None), "--since")
    end = time_of(until, "--until")
    if first is None:
        _missing("a fetch needs --since", "--since 2021-01-01")
    _check_range(first, end)
    options = _Options(
        find_workspace(),
        name,
        FetchRequest(tuple(coins or ()), first, end, listed(streams) or ()),
        bar,
        into,
        mirror,
        quote,
        _everything(quote, match, min_days, plan_only=plan, yes=yes) if everything else None,
        skip_damaged,
        unverified,
        as_json,
    )
    from fadefollow.market.fetch.spec import ARCHIVES

    try:
        if options.everything is not None:
            _from_archive_all(options, options.everything)
        elif name in ARCHIVES:
            _from_archive(options)
        else:
            _from_venue(options)
    except KeyboardInterrupt:
        typer.echo(GO_ON, err=True)
        raise


def _missing(rule: str, hint: str) -> NoReturn:
    from fadefollow.errors import ParameterError

    raise ParameterError(rule, got="none", hint=hint)


def _check_coins(
    name: str,
    coins: Sequence[str],
    quote: str | None,
    *,
    everything: bool,
    only_all: Mapping[str, object],
) -> None:
    """Coins or `--all`, one of the two; and options only where they have a meaning."""
    from fadefollow.errors import ParameterError

    if everything and name != "binance-archive":
        raise ParameterError("--all needs the archive binance-archive", got=name)
    if everything and coins:
        got, hint = " ".join(coins), "choose coins with --match"
        raise ParameterError("--all and names of coins exclude each other", got=got, hint=hint)
    given = [option for option, value in only_all.items() if value not in (None, False)]
    if given and not everything:
        raise ParameterError(f"{given[0]} needs --all", got=" ".join(coins) or "no --all")
    if quote and name != "binance-archive":
        raise ParameterError("--quote needs the archive binance-archive", got=name)
    if not everything and not coins:
        _missing("a fetch needs at least one coin", "name coins, such as BTC ETH")


def _everything(
    quote: str | None, match: str | None, min_days: int | None, *, plan_only: bool, yes: bool
) -> _Everything:
    from fadefollow.market.archives import Universe

    return _Everything(Universe(quote or "USDT", match, min_days or 0), plan_only, yes)


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
    if not options.as_json:  # there it is among the findings
        show_reach(reach_notes(spec, options.request))
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


def _archive(options: _Options) -> tuple[str, DatasetSpec, ArchiveSettings]:
    """The data set that an archive goes into, its TOML, and how the archive is reached."""
    import pandas as pd

    from fadefollow.market.archives import ArchiveSettings
    from fadefollow.market.fetch.spec import archive_named, archive_spec

    folder = options.workspace.root / "datasets"
    archive = archive_named(options.name)
    name, spec = archive_spec(folder, archive, options.into or "binance", options.bar)
    settings = ArchiveSettings(
        quote=options.quote or "USDT",
        skip_damaged=options.skip_damaged,
        unverified=options.unverified,
        lag_hours=spec.lag("netflow") / pd.Timedelta(hours=1),
        mirror=options.mirror,
    )
    return name, spec, settings


def _from_archive(options: _Options) -> None:
    from fadefollow.cli.render.fetch import fetch_progress, show_archive
    from fadefollow.market.archives import archive_job
    from fadefollow.market.bars import bar_text
    from fadefollow.market.fetch.spec import archive_named

    name, spec, settings = _archive(options)
    with fetch_progress(quiet=options.as_json) as step:
        report = archive_job(
            archive_named(options.name),
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


def _from_archive_all(options: _Options, everything: _Everything) -> None:
    from fadefollow.cli.render.archive import show_plan, show_universe
    from fadefollow.cli.render.fetch import fetch_progress
    from fadefollow.market.archives import UniverseJob
    from fadefollow.market.bars import bar_text

    as_json = options.as_json
    if not everything.plan_only and not everything.yes:
        _check_can_ask(as_json=as_json)
    name, spec, settings = _archive(options)
    job = UniverseJob(
        everything.universe,
        options.request,
        options.workspace.store,
        name,
        bar_text(spec.bar),
        settings,
    )
    with fetch_progress(quiet=as_json) as step:
        plan = replace(job, progress=step).plan()
    if everything.plan_only and as_json:
        print_json(plan.to_dict())
        return
    if not as_json:
        show_plan(plan, name)
    if everything.plan_only:
        return
    if not everything.yes and plan.todo and not typer.confirm("Fetch them?", err=True):
        typer.echo("nothing was fetched", err=True)
        return
    with fetch_progress(quiet=as_json) as step:
        report = replace(job, progress=step).run(plan)
    if as_json:
        print_json(report.to_dict())
    else:
        show_universe(report)


def _check_can_ask(*, as_json: bool) -> None:
    """Refuse to begin what nobody can confirm."""
    if as_json or not sys.stdin.isatty():
        from fadefollow.errors import ParameterError

        raise ParameterError(
            "--all must be confirmed with --yes where nobody can be asked",
            got="--json" if as_json else "no terminal",
            hint="--plan shows what there is and how long it takes",
        )
