"""fadefollow run: measure whether fading or following each phase pays, or repeat a stored run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.options import (
    ClusterOption,
    JsonOption,
    SmallestOption,
    check_names,
    command,
    note_misnamed,
    print_json,
    takes_data,
)
from fadefollow.core.limits import MOST_DRAWS, MOST_SEED

if TYPE_CHECKING:
    from fadefollow.market.datasets.request import DataRequest

#: options that change no number, and so may go with --again
_HARMLESS = ("again", "cluster", "as_json", "context")


@takes_data()
def run(
    context: typer.Context,
    strategies: Annotated[
        list[str] | None, typer.Argument(help="Names of strategies (default: all but tuned ones).")
    ] = None,
    *,
    data: DataRequest,
    missing_funding: Annotated[
        str | None,
        typer.Option(
            help="When funding is missing: 'skip' trades held over the hole, or 'error' "
            "(default: skip; with --strict error)."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MOST_SEED, help="Random seed of placebo and bootstrap.")
    ] = None,
    placebo_draws: Annotated[
        int | None,
        typer.Option(
            min=100, max=MOST_DRAWS, help="Number of placebo draws (default: the workspace's)."
        ),
    ] = None,
    bootstrap_draws: Annotated[
        int | None,
        typer.Option(
            min=100,
            max=MOST_DRAWS,
            help="Bootstrap replicates per interval (default: the workspace's).",
        ),
    ] = None,
    smallest_bps: SmallestOption = None,
    fragility: Annotated[
        bool,
        typer.Option(
            "--fragility", help="Also judge under changed assumptions; takes several times as long."
        ),
    ] = False,
    cluster: ClusterOption = None,
    again: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Repeat a stored run or tuning job and report whether every number is "
            "identical, or what changed. RUN: folder, part of its name, or 'latest'.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure whether fading or following each phase pays, and write the report."""
    if again is not None:
        _alone(context)
        _again(again, cluster=cluster, as_json=as_json)
        return
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    if not strategies:
        note_misnamed(workspace, "strategies")
    check_names(workspace, strategies=strategies or (), dataset=data.dataset)
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.pace import RUN_STAGES
    from fadefollow.cli.render.run import show_run

    with progress(RUN_STAGES, quiet=as_json) as step:
        from fadefollow.jobs.run import RunOptions, run_job  # takes a second

        options = RunOptions.of(
            workspace,
            data,
            strategies=tuple(strategies or ()),
            missing_funding=missing_funding,
            seed=seed,
            placebo_draws=placebo_draws,
            bootstrap_draws=bootstrap_draws,
            smallest_bps=smallest_bps,
            fragility=fragility,
            command=command(),
        )
        result, folder = run_job(workspace, options, step=step, cluster=cluster)
    if as_json:
        typer.echo((folder / "result.json").read_text("utf-8"))
    else:
        show_run(result, folder)


def _again(asked: str, *, cluster: str | None, as_json: bool) -> None:
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.pace import RUN_STAGES
    from fadefollow.cli.render.rerun import show_again
    from fadefollow.jobs.rerun import again_job
    from fadefollow.results.find import find_run
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    folder = find_run(workspace.runs, asked)
    with progress(RUN_STAGES, quiet=as_json) as step:
        done = again_job(workspace, folder, step=step, command=command(), cluster=cluster)
    if as_json:
        print_json(done.to_dict())
    else:
        show_again(done)


def _alone(context: typer.Context) -> None:
    """Refuse what would change the run that is to be repeated."""
    from fadefollow.errors import ParameterError

    given = [
        name
        for name in context.params
        if name not in _HARMLESS
        and (source := context.get_parameter_source(name)) is not None
        and source.name != "DEFAULT"
    ]
    if given:
        words = ("strategies" if name == "strategies" else _option(name) for name in given)
        raise ParameterError(
            "--again repeats a run with its own settings and takes no option that changes them",
            got=", ".join(words),
            hint="the first line of the folder's config.toml is the command to change",
        )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
