"""The command line. Heavy imports stay inside the commands, so that `--help` is quick."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fadefollow.workspace import Workspace

app = typer.Typer(
    name="fadefollow",
    help="Does it pay to fade the crowd or to follow it? Measures every phase.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Import, list, audit and sample market data.", no_args_is_help=True)
new = typer.Typer(help="Start a strategy or a signal of your own.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(new, name="new")

DatasetOption = Annotated[
    str | None, typer.Option("--dataset", "-d", help="Data set; by default the workspace's.")
]
SymbolsOption = Annotated[
    str | None, typer.Option(help="Coins, separated by commas; by default all.")
]
SinceOption = Annotated[str | None, typer.Option(help="First day or time, UTC.")]
UntilOption = Annotated[str | None, typer.Option(help="Last day or time, UTC.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from fadefollow import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a workspace: signals, strategies, data sets and report templates to edit."""
    from fadefollow.workspace import init_workspace

    for path in init_workspace(folder):
        typer.echo(f"made {path}")
    typer.echo(f"next: cd {folder} && fadefollow run")


@app.command()
def run(
    strategies: Annotated[
        list[str] | None, typer.Argument(help="Strategies by name; by default all.")
    ] = None,
    dataset: DatasetOption = None,
    symbols: SymbolsOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    missing_funding: Annotated[
        str, typer.Option(help="At a hole in funding: 'error', or 'skip' the trades held over it.")
    ] = "error",
    seed: Annotated[int | None, typer.Option(min=0, help="Of placebo and bootstrap.")] = None,
    placebo_draws: Annotated[int | None, typer.Option(min=100)] = None,
    bootstrap_draws: Annotated[int | None, typer.Option(min=100)] = None,
    open_holdout: Annotated[
        bool,
        typer.Option("--open-holdout", help="See what the data set holds out; it is recorded."),
    ] = False,
    fragility: Annotated[
        bool,
        typer.Option(
            "--fragility", help="Also judge under changed assumptions; takes some times as long."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure whether fading or following each phase pays, and write the report."""
    from fadefollow.job import RunOptions, run_job
    from fadefollow.terminal import progress, show_run
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    options = RunOptions.of(
        workspace,
        strategies=tuple(strategies or ()),
        dataset=dataset,
        symbols=_listed(symbols),
        since=since,
        until=until,
        missing_funding=missing_funding,
        seed=seed,
        placebo_draws=placebo_draws,
        bootstrap_draws=bootstrap_draws,
        open_holdout=open_holdout,
        fragility=fragility,
        command=_command(),
    )
    with progress(quiet=as_json) as step:
        result, folder = run_job(workspace, options, step=step)
    if as_json:
        typer.echo((folder / "result.json").read_text())
    else:
        show_run(result, folder)


@app.command()
def calibrate(
    detection: Annotated[
        bool, typer.Option("--detection", help="Measure how well the detectors find the truth.")
    ] = False,
    signals: Annotated[
        str | None, typer.Option(help="With --detection: signals; by default all.")
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option(help="Strategies judged together; drifts are planted in the first's phases."),
    ] = None,
    markets: Annotated[
        int | None, typer.Option(min=0, help="Markets with nothing planted, one a seed.")
    ] = None,
    planted: Annotated[
        int | None, typer.Option(min=0, help="Markets for each planted drift and length.")
    ] = None,
    years: Annotated[float, typer.Option(help="Length of each.")] = 2.0,
    coins: Annotated[int | None, typer.Option(min=1, help="Coins in each.")] = None,
    bar: Annotated[str, typer.Option(help="Size of the bars.")] = "1h",
    draws: Annotated[int, typer.Option(min=50, help="Placebo shifts.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the first market.")] = 1_000_000,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for all cores.")] = -1,
    markdown: Annotated[bool, typer.Option(help="Print the table as the docs hold it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """How often the product's own answers are right, measured on simulated markets.

    Exit status 2 if the verdict is wrong more often than it promises. Interrupted, it goes on
    where it was when it is started again.
    """
    from dataclasses import asdict

    from fadefollow.market.bars import bar_size
    from fadefollow.terminal import progress, show_detection
    from fadefollow.verdict.detection import FIRST_SEED, as_markdown, measure_detection
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    if not detection:
        given = {"markets": markets, "planted_markets": planted, "coins": coins}
        settings: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        settings |= {"years": years, "bar": bar, "draws": draws, "seed": seed}
        _calibrate_verdicts(workspace, _listed(strategies), settings, jobs=jobs, as_json=as_json)
        return
    names = _listed(signals) or tuple(workspace.names("signals"))
    kinds = [workspace.signal(name)() for name in names]
    with progress(quiet=as_json) as step:
        found = measure_detection(
            kinds, seeds=range(FIRST_SEED, FIRST_SEED + (markets or 10)),
            lab={"years": years, "coins": coins or 2}, bar=bar_size(bar), jobs=jobs, step=step,
        )  # fmt: skip
    left_out = sorted(set(names) - {row.signal for row in found})
    if left_out:
        text = f"note: windows do not fit bars of {bar}, left out: {', '.join(left_out)}"
        typer.echo(text, err=True)
    if as_json:
        _print_json([{k: _finite(v) for k, v in asdict(row).items()} for row in found])
    elif markdown:
        typer.echo(as_markdown(found), nl=False)
    else:
        show_detection(found)


def _calibrate_verdicts(
    workspace: Workspace,
    strategies: tuple[str, ...] | None,
    settings: dict[str, Any],
    *,
    jobs: int,
    as_json: bool,
) -> None:
    import pandas as pd

    from fadefollow.reporting.calibration import write_calibration
    from fadefollow.terminal import progress, show_calibration
    from fadefollow.verdict import calibrating

    started = pd.Timestamp.now(tz="UTC")
    chosen = map(workspace.strategy, strategies or calibrating.STRATEGIES)
    bets = tuple((strategy, workspace.detector(strategy)) for strategy in chosen)
    design = calibrating.Design(families=calibrating.families_of(bets), **settings)
    notebook = calibrating.Notebook(workspace.runs / calibrating.NOTEBOOK)
    with progress(quiet=as_json) as step:
        found = calibrating.calibrate(design, bets, notebook=notebook, jobs=jobs, step=step)
    folder = write_calibration(
        found, workspace.runs, workspace.templates, command=_command(), started=started
    )
    if as_json:
        typer.echo((folder / "calibration.json").read_text("utf-8"), nl=False)
    else:
        show_calibration(found, folder)
    found.raise_failures()


@app.command()
def check(
    strategy: Annotated[str, typer.Argument(help="Strategy by name.")],
    dataset: DatasetOption = None,
    symbols: Annotated[
        str | None, typer.Option(help="Coins, separated by commas; by default the first two.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    days: Annotated[float, typer.Option(min=1, help="Days of each coin, at most.")] = 400.0,
    bars: Annotated[
        int, typer.Option(min=1, help="Bars of each coin after which the future is changed.")
    ] = 36,
    as_json: JsonOption = False,
) -> None:
    """Find look-ahead of a single bar, answers that differ, and parameters that do nothing.

    Exit status 2 if the strategy cannot be trusted; what is only a warning does not count.
    """
    from fadefollow.job import open_named
    from fadefollow.terminal import progress, show_check
    from fadefollow.verdict.checking import CheckSettings, check_strategy
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    bet = workspace.strategy(strategy)
    named = _listed(symbols)
    settings = CheckSettings(bars=bars, days=days, coins=len(named or ()) or CheckSettings.coins)
    with progress(quiet=as_json) as step:
        step("reading the data", None)
        opened = open_named(
            workspace, dataset, symbols=named or bet.symbols, since=since, until=until
        )
        report = check_strategy(bet, workspace.detector(bet), opened, settings=settings, step=step)
    if as_json:
        _print_json(report.to_dict())
    else:
        show_check(report)
    report.raise_errors()


@data.command("import")
def data_import(
    name: Annotated[str, typer.Argument(help="Data set, a file in datasets/.")],
    source: Annotated[Path, typer.Option("--from", help="Folder that holds the files.")],
    as_json: JsonOption = False,
) -> None:
    """Import files into the store, as the data set's TOML maps them."""
    from fadefollow.market.dataset import load_spec
    from fadefollow.market.files import import_files
    from fadefollow.terminal import progress, show_import
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    spec = load_spec(workspace.path("datasets", name))
    with progress(quiet=as_json) as step:
        report = import_files(spec, name, source, workspace.store, progress=step)
    if as_json:
        _print_json(report.to_dict())
    else:
        show_import(report)


@data.command("list")
def data_list(as_json: JsonOption = False) -> None:
    """The data sets there are, and what of them is in the store."""
    from fadefollow.job import list_datasets
    from fadefollow.terminal import show_datasets
    from fadefollow.workspace import find_workspace

    rows = list_datasets(find_workspace())
    if as_json:
        _print_json(rows)
    else:
        show_datasets(rows)


@data.command("audit")
def data_audit(
    name: Annotated[str | None, typer.Argument(help="Data set.")] = None,
    symbols: SymbolsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Coverage, gaps, duplicates, jitter, stale rows, jumps and impossible values."""
    from fadefollow.job import open_named
    from fadefollow.market.audit import audit
    from fadefollow.terminal import progress, show_audit
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    with progress(quiet=as_json) as step:
        step("reading the data", None)
        opened = open_named(workspace, name, symbols=_listed(symbols))
        step("auditing", None)
        found = audit(opened)
    if as_json:
        _print_json(found.to_dict())
    else:
        show_audit(opened, found)


@data.command("sample")
def data_sample(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    dataset: DatasetOption = None,
) -> None:
    """Write a data set as Parquet files, to look at or to see what an import expects."""
    from fadefollow.job import sample
    from fadefollow.workspace import find_workspace

    for path in sample(find_workspace(), dataset, folder):
        typer.echo(f"wrote {path}")


@new.command("strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(help="Name of the new file in strategies/.")],
    signal: Annotated[str, typer.Option(help="The signal it trades on.")] = "funding",
) -> None:
    """A strategy file with the signal's phases, parameters and search ranges filled in."""
    from fadefollow.scaffold import write_strategy
    from fadefollow.workspace import find_workspace

    typer.echo(f"wrote {write_strategy(find_workspace(), name, signal)}")


@new.command("signal")
def new_signal(
    name: Annotated[str, typer.Argument(help="Name of the new module in signals/.")],
) -> None:
    """A signal module that works, to be changed into your own."""
    from fadefollow.scaffold import write_signal
    from fadefollow.workspace import find_workspace

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


def _listed(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    if not text.strip(" ,"):
        from fadefollow.errors import ParameterError

        raise ParameterError("a list must name at least one thing", got=repr(text))
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _command() -> str:
    import shlex

    return shlex.join(["fadefollow", *sys.argv[1:]])


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, default=str, allow_nan=False))
