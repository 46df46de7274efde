"""The job behind `fadefollow run --again`: repeat a stored run and compare every number."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fadefollow.engine.strategy import Strategy
from fadefollow.errors import FadeFollowError, StoreError
from fadefollow.jobs.provenance import asked_for
from fadefollow.jobs.rerun_config import Recipe, read_recipe
from fadefollow.jobs.rerun_inputs import Input, files_changed, inputs_changed, signals_changed
from fadefollow.jobs.run import RunOptions, Step, run_result
from fadefollow.jobs.tune import tune_result
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.reporting.write import write_run
from fadefollow.results.diff import Differences, Part, differences
from fadefollow.results.notes import note_record
from fadefollow.results.record import clean, write_records, write_tables
from fadefollow.results.stored_run import StoredRun
from fadefollow.results.tuning_record import write_trials
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult
from fadefollow.workspace import Workspace
from fadefollow.workspace.trial_ledger import Known, Ledger, Line, Opening, Trial

#: what a report says of where a repeated tuning job's study is
_NOT_KEPT = "a file that was not kept"


@dataclass(frozen=True)
class Again:
    """A run that was repeated."""

    run: Path  #: the folder of the run that was repeated
    inputs: tuple[Input, ...]
    numbers: Differences
    folder: Path | None  #: of the repeat, which is written only where something differs

    def to_dict(self) -> dict[str, Any]:
        """The value that `--json` prints."""
        return {
            "identical": self.numbers.identical,
            "run": str(self.run),
            "inputs": [asdict(one) for one in self.inputs],
            "numbers": [_part(part) for part in self.numbers.parts],
            "verdicts": [clean(asdict(answer)) for answer in self.numbers.answers],
            "notes": {
                "only_then": [note_record(note) for note in self.numbers.notes_gone],
                "only_now": [note_record(note) for note in self.numbers.notes_added],
            },
            "folder": None if self.folder is None else str(self.folder),
        }


def _part(part: Part) -> dict[str, Any]:
    """A part as JSON: None, infinity and NaN become null."""
    largest = part.largest
    said = {**asdict(part), "largest": None, "identical": part.identical}
    if largest is not None:
        said["largest"] = {**asdict(largest), "relative": largest.relative}
    cleaned: dict[str, Any] = clean(said)
    return cleaned


def again_job(
    workspace: Workspace, run: Path, *, step: Step, command: str, cluster: str | None = None
) -> Again:
    """Repeat a run or a tuning job from its folder, and compare every number.

    Strategies, costs, options, seed and range are those of the folder, and its Sharpe ratios are
    deflated by the trials that the ledger knew then; data, signals and the program are the present
    ones. The ledger counts nothing twice: what it knows already it is not told again. A tuning job
    searches from scratch in a study of its own, and writes no strategy.

    Args:
        workspace: where data sets and signals are looked up.
        run: folder of the run.
        step: told what is being done.
        command: what asked for it.
        cluster: address of a Dask scheduler whose workers share the work; the result is the same.

    Raises:
        FadeFollowError: any of its kinds, where the folder, the data or the signals are not as
            they must be; nothing is written then.
    """
    step("reading the run", None)
    recipe = read_recipe(run, command=command)
    then, tuning_then = _stored(run)
    with _blaming_what_changed(workspace, recipe):
        made, tuning = _repeated(workspace, recipe, step, cluster)
    step("comparing", None)
    now, tuning_now = _as_stored(made, tuning)
    found = differences(then, now, tuning_then=tuning_then, tuning_now=tuning_now)
    inputs = (*inputs_changed(recipe, made), *files_changed(workspace, recipe))
    folder = None
    if not found.identical:
        step("writing the report", None)
        folder = write_run(made, workspace.runs, workspace.templates, tuning=tuning)
    return Again(run, inputs, found, folder)


def _stored(run: Path) -> tuple[RunResult, Tuning | None]:
    try:
        stored = StoredRun(run)
        return stored.result, stored.tuning
    except StoreError as error:
        raise StoreError(
            error.rule,
            got=error.got,
            where=error.where,
            hint="there is nothing to compare with; the first line of its config.toml has the "
            "command that makes the run anew",
        ) from error


# ---- the workspace as the run saw it ----


@dataclass(frozen=True)
class _LedgerThen(Ledger):
    """The ledger as of a run's time; new trials go into the present one.

    Attributes:
        known: what it knew then; None: what it knows now.
        length: lines that it had then; None: all.
    """

    known: Known | None = None
    length: int | None = None

    def lines(self) -> list[Line]:
        return super().lines()[: self.length]

    def trials(
        self, fingerprint: str, dataset: str | None = None, *, without_phase: str | None = None
    ) -> Known:
        if self.known is not None:
            return self.known
        return super().trials(fingerprint, dataset, without_phase=without_phase)

    def record(self, rows: Iterable[Line]) -> None:
        told, ledger = list(rows), Ledger(self.path)
        ledger.record([row for row in told if isinstance(row, Opening)])
        ledger.record_new([row for row in told if isinstance(row, Trial)])

    def record_new(self, rows: Iterable[Trial]) -> None:
        self.record(rows)


@dataclass(frozen=True)
class _WorkspaceThen(Workspace):
    """A workspace with the strategies and costs of a run's folder, and the ledger of its time."""

    recipe: Recipe

    @property
    def ledger(self) -> Ledger:
        return _LedgerThen(super().ledger.path, self.recipe.known, self.recipe.lines)

    def as_traded(self, dataset: Dataset) -> Dataset:
        if self.recipe.costs is None:
            return dataset
        return replace(
            dataset,
            costs=self.recipe.dataset.get("costs", {}),
            costs_then=self.recipe.costs.model_dump(exclude_none=True),
        )

    def strategy(self, name: str) -> Strategy:
        where = f"{self.recipe.folder / 'config.toml'}, [strategies.{name}]"
        return self.checked(self.recipe.strategies[name], where=where)


def _repeated(
    workspace: Workspace, recipe: Recipe, step: Step, cluster: str | None
) -> tuple[RunResult, Tuning | None]:
    past = _WorkspaceThen(workspace.root, workspace.output, workspace.settings, recipe)
    options = recipe.options
    if isinstance(options, RunOptions):
        return run_result(past, options, step=step, cluster=cluster), None
    with _scratch() as folder:
        study = str(folder / "study.log")
        anew = replace(options, storage=study, study=None, fresh=False, cluster=cluster)
        result, tuning, _ = tune_result(past, anew, step=step, write_strategy=False)
    config = {**result.config, "tune": asked_for(options)}
    return replace(result, config=config), replace(tuning, storage=_NOT_KEPT)


def _as_stored(result: RunResult, tuning: Tuning | None) -> tuple[RunResult, Tuning | None]:
    """The result as it is read back from a folder."""
    with _scratch() as folder:
        write_tables(result, folder)
        if tuning is not None:
            write_trials(tuning, folder)
        write_records(result, folder, tuning)
        stored = StoredRun(folder)
        return stored.result, stored.tuning


@contextmanager
def _scratch() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="fadefollow-") as folder:
            yield Path(folder)
    except FadeFollowError:
        raise
    except OSError as error:
        raise StoreError(
            "cannot write to the system's folder for temporary files",
            got=error.strerror or str(error),
            where=tempfile.gettempdir(),
        ) from error


@contextmanager
def _blaming_what_changed(workspace: Workspace, recipe: Recipe) -> Iterator[None]:
    """Add the signals whose code has changed to the hint of an error."""
    try:
        yield
    except FadeFollowError as error:
        changed = signals_changed(workspace, recipe)
        if not changed:
            raise
        files = ", ".join(f"signals/{name}.py" for name in changed)
        hint = f"{files} changed since the run"
        raise type(error)(
            error.rule,
            got=error.got,
            where=error.where,
            hint=f"{error.hint}; {hint}" if error.hint else hint,
        ) from error
