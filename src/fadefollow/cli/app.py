"""The command line. Heavy imports stay inside the commands, so that `--help` is quick."""

from __future__ import annotations

import io
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.commands import data
from fadefollow.cli.commands.calibrate import calibrate
from fadefollow.cli.commands.report import report
from fadefollow.cli.commands.run import run
from fadefollow.cli.commands.scan import scan
from fadefollow.cli.commands.tune import tune
from fadefollow.cli.options import (
    JsonOption,
    listed,
    print_json,
    takes_data,
)

if TYPE_CHECKING:
    from fadefollow.market.request import DataRequest

app = typer.Typer(
    name="fadefollow",
    help="Does it pay to fade the crowd or to follow it? Measures every phase.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
new = typer.Typer(help="Start a strategy or a signal of your own.", no_args_is_help=True)
app.add_typer(data.app, name="data")
app.add_typer(new, name="new")


def _version(asked: bool) -> None:
    if asked:
        from fadefollow.core.version import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """What every command has."""


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a workspace: signals, strategies, data sets and report templates to edit."""
    from fadefollow.workspace import init_workspace

    for path in init_workspace(folder):
        typer.echo(f"made {path}")
    typer.echo(f"next: cd {shlex.quote(str(folder))} && fadefollow run")


app.command()(run)
app.command()(tune)
app.command()(scan)
app.command()(report)


@app.command()
@takes_data("dataset", "since", "until")
def check(
    strategy: Annotated[str, typer.Argument(help="Strategy by name.")],
    *,
    data: DataRequest,
    symbols: Annotated[
        str | None, typer.Option(help="Coins, separated by commas; by default the first two.")
    ] = None,
    days: Annotated[float, typer.Option(min=1, help="Days of each coin, at most.")] = 400.0,
    bars: Annotated[
        int, typer.Option(min=1, help="Bars of each coin after which the future is changed.")
    ] = 36,
    as_json: JsonOption = False,
) -> None:
    """Find look-ahead of a single bar, answers that differ, and parameters that do nothing.

    Exit status 2 if the strategy cannot be trusted; what is only a warning does not count.
    """
    from fadefollow.cli.render.console import progress, show_check
    from fadefollow.jobs.datasets import open_named
    from fadefollow.verdict.lookahead import CheckSettings, check_strategy
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    bet = workspace.strategy(strategy)
    named = listed(symbols)
    settings = CheckSettings(bars=bars, days=days, coins=len(named or ()) or CheckSettings.coins)
    with progress(quiet=as_json) as step:
        step("reading the data", None)
        opened = open_named(workspace, replace(data, symbols=named or bet.symbols))
        report = check_strategy(bet, workspace.detector(bet), opened, settings=settings, step=step)
    if as_json:
        print_json(report.to_dict())
    else:
        show_check(report)
    report.raise_errors()


app.command()(calibrate)


@new.command("strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(help="Name of the new file in strategies/.")],
    signal: Annotated[str, typer.Option(help="The signal it trades on.")] = "funding",
) -> None:
    """A strategy file with the signal's phases, parameters and search ranges filled in."""
    from fadefollow.workspace import find_workspace
    from fadefollow.workspace.scaffold import write_strategy

    typer.echo(f"wrote {write_strategy(find_workspace(), name, signal)}")


@new.command("signal")
def new_signal(
    name: Annotated[str, typer.Argument(help="Name of the new module in signals/.")],
) -> None:
    """A signal module that works, to be changed into your own."""
    from fadefollow.workspace import find_workspace
    from fadefollow.workspace.scaffold import write_signal

    typer.echo(f"wrote {write_signal(find_workspace(), name)}")


def main() -> None:
    """Entry point: 0 done, 1 a bug, 2 bad usage or input, 130 interrupted."""
    sys.exit(_main())


def _main() -> int:
    from fadefollow.errors import FadeFollowError

    # a terminal or a file that cannot show "−" gets something else, not a crash
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        # typer turns Ctrl-C into the value 130, and gives an exit's status back
        status = app(standalone_mode=False)
    except typer.Exit as stop:
        status = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BrokenPipeError:  # `fadefollow … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except FadeFollowError as error:
        if "--debug" in sys.argv:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # click's usage errors
            error.show()
            return 2
        if "--debug" in sys.argv:
            raise
        print(
            f"error: {type(error).__name__}: {error}\n  this is a bug; run again with "
            "`fadefollow --debug …` and report the traceback",
            file=sys.stderr,
        )
        return 1
    if status == 130:
        print("interrupted; nothing was left half-written", file=sys.stderr)
    return status if isinstance(status, int) else 0
