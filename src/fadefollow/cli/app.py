"""The command line. Heavy imports stay inside the commands, so that `--help` is quick."""

from __future__ import annotations

import errno
import gc
import io
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.commands import data, export, watch
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
from fadefollow.core.limits import MOST_DAYS

if TYPE_CHECKING:
    from fadefollow.errors import FadeFollowError
    from fadefollow.market.datasets.request import DataRequest

#: how libraries say that there is no memory, other than by a MemoryError
_NO_MEMORY = (
    "Cannot allocate memory",
    "cannot allocate memory",
    "can't start new thread",
    "failed to map segment",
)

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
app.add_typer(watch.app, name="watch")
app.add_typer(export.app, name="export")


def _version(asked: bool) -> None:
    if asked:
        from fadefollow.core.version import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _global(
    context: typer.Context,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Options of every command."""
    from fadefollow.core.memory import refuse_too_little

    if "--help" not in sys.argv:
        refuse_too_little(context.invoked_subcommand)


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Create a workspace with signals, strategies, data sets and report templates to edit."""
    from fadefollow.cli.render.screen import say
    from fadefollow.workspace import init_workspace

    for path in init_workspace(folder):
        say(f"made {path}")
    say(f"next: cd {shlex.quote(str(folder))} && fadefollow run")


app.command()(run)
app.command()(tune)
app.command()(scan)
app.command()(report)


@app.command()
@takes_data("dataset", "since", "until", "accept", "strict")
def check(
    strategy: Annotated[str, typer.Argument(help="Name of the strategy.")],
    *,
    data: DataRequest,
    symbols: Annotated[
        str | None, typer.Option(help="Coins, comma-separated (default: the first two).")
    ] = None,
    days: Annotated[
        float, typer.Option(min=1, max=MOST_DAYS, help="Maximum number of days per coin.")
    ] = 400.0,
    bars: Annotated[
        int,
        typer.Option(
            min=1, max=1_000_000, help="Bars of each coin after which the future is changed."
        ),
    ] = 36,
    as_json: JsonOption = False,
) -> None:
    """Check a signal for look-ahead, results that do not repeat, and unused parameters.

    Exit status 2 if there is an error; warnings do not count. Coins that the audit does not trust
    are passed over.
    """
    from fadefollow.cli.render.console import progress, show_check
    from fadefollow.cli.render.screen import say
    from fadefollow.jobs.data_gate import first_trusted
    from fadefollow.jobs.datasets import open_named
    from fadefollow.results.notes import note_lines, note_record
    from fadefollow.verdict.lookahead import CheckSettings, check_strategy
    from fadefollow.verdict.run.prepare import seen_by
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    bet = workspace.strategy(strategy)
    named = listed(symbols)
    settings = CheckSettings(bars=bars, days=days, coins=len(named or ()) or CheckSettings.coins)
    with progress(quiet=as_json) as step:
        step("reading the data", None)
        opened = open_named(workspace, replace(data, symbols=named or bet.symbols))
        signal = workspace.detector(bet)
        opened = seen_by(opened, (bet, signal))
        opened, notes = first_trusted(opened, [(bet, signal)], data, most=settings.coins)
        report = check_strategy(bet, signal, opened, settings=settings, step=step)
    if as_json:
        print_json({**report.to_dict(), "notes": [note_record(note) for note in notes]})
    else:
        show_check(report)
        for line in note_lines(notes):
            say(f"note: {line.text}")
    report.raise_errors()


app.command()(calibrate)


@new.command("strategy")
def new_strategy(
    name: Annotated[
        str, typer.Argument(help="Name of the strategy: the file strategies/NAME.toml.")
    ],
    signal: Annotated[str, typer.Option(help="Signal to trade on.")] = "funding",
) -> None:
    """Write a strategy file with the signal's phases, parameters and search ranges."""
    from fadefollow.cli.render.screen import say
    from fadefollow.workspace import find_workspace
    from fadefollow.workspace.scaffold import write_strategy

    say(f"wrote {write_strategy(find_workspace(), name, signal)}")


@new.command("signal")
def new_signal(
    name: Annotated[str, typer.Argument(help="Name of the signal: the module signals/NAME.py.")],
) -> None:
    """Write a working signal module to start from."""
    from fadefollow.cli.render.screen import say
    from fadefollow.workspace import find_workspace
    from fadefollow.workspace.scaffold import write_signal

    say(f"wrote {write_signal(find_workspace(), name)}")


def main() -> None:
    """Entry point: 0 done, 1 a bug, 2 bad usage or input, 130 interrupted."""
    # a collector that looks less often: its usual pace is a tenth of a run's time
    gc.set_threshold(10_000, 20, 20)
    sys.exit(_main())


def _main() -> int:
    # a terminal or a file that cannot show "−" gets something else, not a crash
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        # typer turns Ctrl-C into the value 130, and gives an exit's status back
        status = app(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except typer.Exit as stop:
        status = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BaseException as error:  # also a SystemExit, which is not ours
        if _reader_is_gone(error):
            return _hushed()
        if "--debug" in sys.argv:
            raise
        status = _failed(error)
    if status == 130:
        print("interrupted; nothing was left half-written", file=sys.stderr)
    return status if isinstance(status, int) else 0


def _reader_is_gone(error: BaseException | None) -> bool:
    """Whether it is the end of `fadefollow … | head`; rich and typer turn that into an exit."""
    while error is not None and not isinstance(error, BrokenPipeError):
        error = error.__context__ if isinstance(error, SystemExit) else None
    return error is not None


def _hushed() -> int:
    """The status of a program whose reader went away; what is still in its buffers goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    return 141


def _failed(error: BaseException) -> int:
    """Say what went wrong, and give the status: 2 for bad usage or input, 1 for a bug."""
    from fadefollow.core.printable import printable
    from fadefollow.errors import FadeFollowError

    if hasattr(error, "show") and hasattr(error, "exit_code"):  # click's usage errors
        if isinstance(said := getattr(error, "message", None), str):
            error.message = printable(said, limit=2000)  # type: ignore[attr-defined]
        error.show()
        return 2
    plain = error if isinstance(error, FadeFollowError) else _of_the_system(error)
    if plain is not None:
        print(f"error: {plain}", file=sys.stderr)
        return 2
    said = printable(f"{type(error).__name__}: {error}", limit=400)
    print(
        f"error: {said}\n  this is a bug; run again with "
        "`fadefollow --debug …` and report the traceback",
        file=sys.stderr,
    )
    return 1


def _of_the_system(error: BaseException) -> FadeFollowError | None:
    """What the system refused: memory, a file or a folder; None if it is something else."""
    from fadefollow.errors import StoreError, short_of_memory

    short = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if short or any(words in str(error) for words in _NO_MEMORY):
        return short_of_memory(error)
    if not isinstance(error, OSError):
        return None
    return StoreError(
        "files and folders must be usable",
        got=error.strerror or str(error),
        where=str(error.filename or ""),
    )
