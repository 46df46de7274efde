"""fadefollow tune: search parameters on the past, and measure what the choice was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.options import (
    ClusterOption,
    JsonOption,
    SmallestOption,
    command,
    takes_data,
)
from fadefollow.core.limits import MOST_PARTS, MOST_SEED, MOST_TRIALS

if TYPE_CHECKING:
    from fadefollow.market.datasets.request import DataRequest
    from fadefollow.tuning.model import Trial, TuneSettings


@takes_data()
def tune(
    strategy: Annotated[str, typer.Argument(help="Name of the strategy.")],
    *,
    data: DataRequest,
    trials: Annotated[int, typer.Option(min=1, max=MOST_TRIALS, help="Trials per fold.")] = 200,
    folds: Annotated[
        int,
        typer.Option(min=2, max=MOST_PARTS, help="Number of folds, each with an untouched test."),
    ] = 5,
    window: Annotated[
        str, typer.Option(help="Past that each fold searches: expanding or rolling.")
    ] = "expanding",
    stance: Annotated[
        str | None,
        typer.Option(help="Book to maximise: fade or follow (default: the strategy's claim)."),
    ] = None,
    book: Annotated[
        str,
        typer.Option(
            help="Returns that are scored: outright, or hedged, each trade against the market."
        ),
    ] = "outright",
    objective: Annotated[
        str, typer.Option(help="Objective: t, psr, bps or calmar, or two separated by a comma.")
    ] = "t",
    min_trades: Annotated[int, typer.Option(min=2, help="Fewest trades of a valid trial.")] = 30,
    sampler: Annotated[
        str, typer.Option(help="Sampler: tpe, cmaes, qmc, random or nsga2.")
    ] = "tpe",
    inner: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_PARTS, help="Parts of the past after which trials may be pruned."
        ),
    ] = 4,
    pruning: Annotated[bool, typer.Option(help="Stop trials that start badly.")] = True,
    batch: Annotated[int, typer.Option(min=1, max=MOST_PARTS, help="Trials per batch.")] = 10,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MOST_SEED, help="Random seed of search and verdict.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar="FADEFOLLOW_STORAGE", help="Storage of the study: postgresql://… or a file."
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Name of the study (default: from strategy and data set).")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over; the old study is kept under another name.")
    ] = False,
    missing_funding: Annotated[
        str | None,
        typer.Option(
            help="When funding is missing: 'skip' trades held over the hole, or 'error' "
            "(default: skip; with --strict error)."
        ),
    ] = None,
    smallest_bps: SmallestOption = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Number of processes; -1 for all cores, 1 for this process only (default: all "
            "if starting them pays off)."
        ),
    ] = None,
    cluster: ClusterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a strategy's parameters fold by fold, and judge the winners out of sample.

    Rerun the same command to resume after an interruption.
    """
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.screen import say
    from fadefollow.cli.render.tuning import show_tuning
    from fadefollow.jobs.run import RunOptions
    from fadefollow.jobs.tune import TuneOptions, tune_job
    from fadefollow.tuning.settings import tune_settings
    from fadefollow.workspace import find_workspace

    workspace = find_workspace()
    asked = RunOptions.of(
        workspace,
        data,
        strategies=(strategy,),
        missing_funding=missing_funding,
        seed=seed,
        smallest_bps=smallest_bps,
    )
    settings = tune_settings(
        workspace.strategy(strategy),
        stance=stance,
        book=book,
        objective=objective,
        window=window,
        sampler=sampler,
        trials=trials,
        folds=folds,
        inner=inner,
        min_trades=min_trades,
        pruning=pruning,
        batch=batch,
        seed=asked.settings.seed,
    )
    options = TuneOptions(
        data=asked.data,
        strategy=strategy,
        settings=settings,
        judging=asked.settings,
        smallest_bps=asked.smallest_bps,
        storage=storage,
        study=study,
        fresh=fresh,
        jobs=jobs,
        cluster=cluster,
        command=command(),
    )
    best = _Best()
    try:
        with progress(quiet=as_json) as step:
            done = tune_job(workspace, options, step=step, on_trial=best.note)
    except KeyboardInterrupt:
        say(best.words(settings), err=True)
        say(f"resume with: {options.command}", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo((done.folder / "result.json").read_text("utf-8"))
    else:
        show_tuning(done.tuning, done.result, done.folder)


class _Best:
    """The best trial of the fold that is searched."""

    def __init__(self) -> None:
        self.trial: Trial | None = None
        self.last: Trial | None = None

    def note(self, trial: Trial) -> None:
        if self.last is None or trial.fold != self.last.fold:
            self.trial = None
        self.last = trial
        best = self.trial
        if trial.state == "complete" and (best is None or trial.scores > best.scores):
            self.trial = trial

    def words(self, settings: TuneSettings) -> str:
        if self.last is None:
            return "no trial has finished yet"
        done = (self.last.fold - 1) * settings.trials + self.last.number + 1
        text = f"{done} of {settings.trials * (settings.folds + 1)} trials are kept"
        if self.trial is None:
            return text
        params = ", ".join(
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.trial.params.items()
        )
        scores = ", ".join(
            f"{name} {score:.2f}"
            for name, score in zip(settings.objectives, self.trial.scores, strict=True)
        )
        return f"{text}; best of fold {self.trial.fold}, in sample: {scores} with {params}"
