"""fadefollow calibrate: how often verdicts, detectors and tuning are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadefollow.cli.options import (
    ClusterOption,
    JsonOption,
    command,
    listed,
    note_misnamed,
    print_json,
)
from fadefollow.core.limits import MOST_DRAWS, MOST_PARTS, MOST_SEED, MOST_TRIALS

if TYPE_CHECKING:
    from fadefollow.workspace import Workspace


def calibrate(
    detection: Annotated[
        bool,
        typer.Option("--detection", help="Measure how well the detectors find planted phases."),
    ] = False,
    tuning: Annotated[
        bool, typer.Option("--tuning", help="Measure whether tuned results hold out of sample.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Measure how often watched claims are answered wrongly, on simulated universes or "
            "with --real.",
        ),
    ] = False,
    universe: Annotated[
        bool, typer.Option("--universe", help="Judge universes of 30 and 100 simulated coins.")
    ] = False,
    real: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            help="Judge real prices of a data set, with real events at other times and coins.",
        ),
    ] = None,
    signals: Annotated[
        str | None, typer.Option(help="Signals, with --detection (default: all).")
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option(
            help="Strategies judged together; drifts are planted in the phases of the first. "
            "With --tuning, the strategy to tune."
        ),
    ] = None,
    markets: Annotated[
        int | None,
        typer.Option(min=0, help="Number of markets of each kind with nothing to find."),
    ] = None,
    planted: Annotated[
        int | None, typer.Option(min=0, help="Number of markets for each planted drift and length.")
    ] = None,
    years: Annotated[
        float | None, typer.Option(help="Years per market (default: 2; with --tuning 3).")
    ] = None,
    coins: Annotated[
        int | None, typer.Option(min=1, max=MOST_PARTS, help="Coins per market.")
    ] = None,
    bar: Annotated[
        str | None,
        typer.Option(help="Bar size (default: 1h, of a universe 4h, of a data set its own)."),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            min=50,
            max=MOST_DRAWS,
            help="Number of placebo draws (default: 200; with --tuning 300).",
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, max=MOST_TRIALS, help="Trials per fold, with --tuning.")
    ] = 40,
    folds: Annotated[
        int, typer.Option(min=2, max=MOST_PARTS, help="Folds per market, with --tuning.")
    ] = 4,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MOST_SEED, help="Seed of the first market.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Number of processes; -1 for all cores.")] = -1,
    cluster: ClusterOption = None,
    markdown: Annotated[bool, typer.Option(help="Print the table as Markdown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how often verdicts, detectors or tuning are right.

    On simulated markets, whose truth is known, or on real ones. Each promise is kept, broken, or
    not yet shown, by its 95 % interval. Exit status 2 if a promise of the verdict or of the tuner
    is broken. Rerun an interrupted command to resume.
    """
    from fadefollow.cli.render.console import progress, show_detection
    from fadefollow.market.bars import bar_size
    from fadefollow.verdict.calibration.detection import FIRST_SEED, as_markdown, measure_detection
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    crewed: dict[str, Any] = {"jobs": jobs, "cluster": cluster}
    if not detection:
        given = {
            "markets": markets,
            "planted_markets": planted,
            "coins": coins,
            "years": years,
            "seed": seed,
            "bar": bar,
            "draws": draws,
        }
        settings: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        chosen = listed(strategies)
        if watch:
            asked = {"real": real, "strategies": chosen, "settings": settings}
            _calibrate_watching(workspace, asked, crewed=crewed, as_json=as_json)
        elif tuning:
            settings |= {"trials": trials, "folds": folds}
            _calibrate_tuner(
                workspace, chosen, settings, crewed=crewed, markdown=markdown, as_json=as_json
            )
        else:
            _calibrate_verdicts(
                workspace,
                {"universe": universe, "real": real, "strategies": chosen, "settings": settings},
                crewed=crewed,
                as_json=as_json,
            )
        return
    if signals is None:
        note_misnamed(workspace, "signals")
    names = listed(signals) or tuple(workspace.names("signals"))
    kinds = [workspace.signal(name)() for name in names]
    with progress(quiet=as_json) as step:
        found = measure_detection(
            kinds,
            seeds=range(FIRST_SEED, FIRST_SEED + (markets or 10)),
            lab={"years": years or 2.0, "coins": coins or 2},
            bar=bar_size(bar or "1h"),
            step=step,
            **crewed,
        )
    left_out = sorted(set(names) - {row.signal for row in found})
    if left_out:
        text = f"note: windows do not fit bars of {bar or '1h'}, left out: {', '.join(left_out)}"
        typer.echo(text, err=True)
    if as_json:
        print_json([row.to_dict() for row in found])
    elif markdown:
        typer.echo(as_markdown(found), nl=False)
    else:
        show_detection(found)


def _calibrate_verdicts(
    workspace: Workspace,
    asked: dict[str, Any],
    *,
    crewed: dict[str, Any],
    as_json: bool,
) -> None:
    import pandas as pd

    from fadefollow.cli.render.calibration import show_calibration
    from fadefollow.cli.render.console import progress
    from fadefollow.errors import ParameterError
    from fadefollow.jobs.calibrate import CalibrationRequest, calibrate_verdicts
    from fadefollow.reporting.pages.calibration import write_calibration

    if asked["universe"] and asked["real"]:
        raise ParameterError("--universe and --real are two calibrations")
    started = pd.Timestamp.now(tz="UTC")
    with progress(quiet=as_json) as step:
        found = calibrate_verdicts(workspace, CalibrationRequest(**asked), step=step, **crewed)
    folder = write_calibration(
        found, workspace.runs, workspace.templates, command=command(), started=started
    )
    if as_json:
        typer.echo((folder / "calibration.json").read_text("utf-8"), nl=False)
    else:
        show_calibration(found, folder)
    found.raise_failures()


def _calibrate_watching(
    workspace: Workspace,
    asked: dict[str, Any],
    *,
    crewed: dict[str, Any],
    as_json: bool,
) -> None:
    from fadefollow.cli.render.calibration import show_watch_calibration
    from fadefollow.cli.render.console import progress
    from fadefollow.jobs.calibrate import CalibrationRequest, calibrate_watch

    with progress(quiet=as_json) as step:
        found = calibrate_watch(workspace, CalibrationRequest(**asked), step=step, **crewed)
    if as_json:
        print_json(found.to_dict())
    else:
        show_watch_calibration(found)
    found.raise_failures()


def _calibrate_tuner(
    workspace: Workspace,
    strategies: tuple[str, ...] | None,
    settings: dict[str, Any],
    *,
    crewed: dict[str, Any],
    markdown: bool,
    as_json: bool,
) -> None:
    import pandas as pd

    from fadefollow.cli.render.calibration import show_tuner_calibration
    from fadefollow.cli.render.console import progress
    from fadefollow.errors import ParameterError
    from fadefollow.tuning import calibration as calibrating
    from fadefollow.tuning.calibration.words import as_markdown
    from fadefollow.verdict.calibration import families_of

    started = pd.Timestamp.now(tz="UTC")
    names = strategies or (calibrating.TUNED_STRATEGY,)
    if len(names) > 1:
        raise ParameterError("--tuning takes one strategy", got=", ".join(names))
    strategy = workspace.strategy(names[0])
    bet = strategy, workspace.detector(strategy)
    design = calibrating.TunerDesign(families=families_of((bet,)), **settings)
    notebook = calibrating.TunerNotebook(workspace.runs / calibrating.TUNER_NOTEBOOK)
    with progress(quiet=as_json) as step:
        found = calibrating.calibrate_tuner(design, bet, notebook=notebook, step=step, **crewed)
    said = found.to_dict()
    if as_json:
        print_json({"command": command(), "started": str(started), **said})
    elif markdown:
        typer.echo(as_markdown(said), nl=False)
    else:
        show_tuner_calibration(found)
    found.raise_failures()
