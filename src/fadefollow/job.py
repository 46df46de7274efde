"""The jobs behind the commands: a workspace's names resolved, the work done, the result kept."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow import __version__
from fadefollow.crew import crew
from fadefollow.crew.worker import program
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import ParameterError
from fadefollow.holdout import holdout_notes
from fadefollow.ledger import Known, Ledger, Opening
from fadefollow.market.dataset import Dataset, load_spec, open_dataset
from fadefollow.market.store import Store
from fadefollow.phases import Signal
from fadefollow.price_table import prices_of
from fadefollow.reporting.write import write_run
from fadefollow.spec import read_toml
from fadefollow.trusted import skips_holes, trusted_notes
from fadefollow.verdict.fragility import fragility
from fadefollow.verdict.measure import Measured, Settings, measure
from fadefollow.verdict.model import RunResult, Verdict
from fadefollow.verdict.rows import FragilityRow
from fadefollow.verdict.trials import (
    configuration,
    deflate,
    known_by,
    market_of,
    modules_of,
    stamp,
    trials_of,
)
from fadefollow.workspace import Workspace, filled

Step = Callable[[str, float | None], None]

#: whose versions a result depends on
_PACKAGES = ("vectorbt", "pandas", "numpy", "numba", "arch", "scipy", "ccxt", "optuna", "pyarrow")
#: of the framework itself, as its version stays the same while it is worked on
CODE = "fadefollow's code"


@dataclass(frozen=True)
class RunOptions:
    """A run with all its choices made; with the strategies' files, enough to run it again."""

    dataset: str
    strategies: tuple[str, ...]
    symbols: tuple[str, ...] | None
    since: str | None
    until: str | None
    command: str
    settings: Settings
    open_holdout: bool = False
    fragility: bool = False
    accept: tuple[str, ...] | None = None  #: codes of findings that may pass the gate
    universe: int | None = None  #: so many coins, the largest; 0 for all
    revised: bool = False  #: records in their last vintages, a look-ahead

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        *,
        strategies: tuple[str, ...] = (),
        dataset: str | None = None,
        symbols: tuple[str, ...] | None = None,
        since: str | None = None,
        until: str | None = None,
        missing_funding: str = "error",
        seed: int | None = None,
        placebo_draws: int | None = None,
        bootstrap_draws: int | None = None,
        open_holdout: bool = False,
        fragility: bool = False,
        accept: tuple[str, ...] | None = None,
        universe: int | None = None,
        revised: bool = False,
        command: str = "fadefollow run",
    ) -> RunOptions:
        """What was asked for, the rest from the workspace's settings.

        Raises:
            ParameterError: missing_funding is neither "error" nor "skip"; accept holds a code that
                there is not.
        """
        if missing_funding not in ("error", "skip"):
            raise ParameterError("--missing-funding must be error or skip", got=missing_funding)
        if skips_holes(accept):
            missing_funding = "skip"
        ours = workspace.settings
        settings = Settings(
            missing_funding=missing_funding,
            alpha=ours.alpha,
            placebo_draws=placebo_draws or ours.placebo_draws,
            bootstrap_draws=bootstrap_draws or ours.bootstrap_draws,
            seed=ours.seed if seed is None else seed,
        )
        names = strategies or tuple(
            name for name in workspace.names("strategies") if not workspace.is_tuned(name)
        )
        chosen = tuple(dict.fromkeys(names))
        return cls(
            dataset or ours.default_dataset, chosen, symbols, since, until, command, settings,
            open_holdout, fragility, accept, universe, revised,
        )  # fmt: skip


def run_job(
    workspace: Workspace, options: RunOptions, *, step: Step, cluster: str | None = None
) -> tuple[RunResult, Path]:
    """Measure, write the report, and say where it is.

    Args:
        workspace: where names are looked up and runs are written.
        options: what to measure.
        step: told what is being done.
        cluster: address of a Dask scheduler whose workers share the work; the result is the same.

    Raises:
        FadeFollowError: any of its kinds, where names, files, data or folders are not as they
            must be; nothing is written then.
    """
    result = run_result(workspace, options, step=step, cluster=cluster)
    step("writing the report", None)
    return result, write_run(result, workspace.runs, workspace.templates)


def run_result(
    workspace: Workspace, options: RunOptions, *, step: Step, cluster: str | None = None
) -> RunResult:
    """Measure, and write nothing but the ledger; arguments and errors are those of `run_job`."""
    started, clock = pd.Timestamp.now(tz="UTC"), Clock()
    bets = [(s, workspace.detector(s)) for s in map(workspace.strategy, options.strategies)]
    step("reading the data", None)
    dataset = open_named(
        workspace, options.dataset, symbols=options.symbols,
        since=options.since, until=options.until,
        opened_by=options.command if options.open_holdout else None,
        universe=options.universe, revised=options.revised,
    )  # fmt: skip
    clock.lap("data")
    step("auditing the data", None)
    trusted = trusted_notes(dataset, bets, options.accept)
    clock.lap("audit")
    with crew(cluster=cluster) if cluster else nullcontext() as team:
        found = measure(dataset, bets, settings=options.settings, step=step, team=team)
    verdicts, known = _remembered(workspace, options, bets, dataset, found.verdicts)
    clock.lap("measure")
    flips = (
        fragility(dataset, bets, settings=options.settings, step=step) if options.fragility else ()
    )
    if options.fragility:
        clock.lap("fragility")
    return result_of(
        workspace, dataset, found, bets,
        name=options.strategies[0] if len(options.strategies) == 1 else f"{dataset.name}-all",
        command=options.command, started=started,
        asked={"run": asked_for(options), "ledger": judged_by(workspace.ledger, known)},
        verdicts=verdicts, notes=trusted, seconds=clock.seconds, fragility=flips,
    )  # fmt: skip


def result_of(
    workspace: Workspace,
    dataset: Dataset,
    found: Measured,
    bets: Sequence[tuple[Strategy, Signal]],
    *,
    name: str,
    command: str,
    started: pd.Timestamp,
    asked: Mapping[str, Mapping[str, Any]],
    verdicts: Sequence[Verdict],
    notes: Sequence[str],
    seconds: dict[str, float],
    fragility: tuple[FragilityRow, ...] = (),
) -> RunResult:
    """A measurement with all that a report says of how it was made.

    Args:
        workspace, dataset, bets: what it was made with.
        found: the measurement.
        name, command, started, seconds: of the job.
        asked: by kind of job its options, and what the ledger knew.
        verdicts: those of the measurement, deflated.
        notes: what the job has to say before all others.
        fragility: what flips under other assumptions.
    """
    return RunResult(
        name=name, command=command, started=started, version=__version__,
        dataset=described(dataset), verdicts=tuple(verdicts), event_studies=found.event_studies,
        trades=found.trades, phases=found.phases, equity=found.equity,
        prices={symbol: prices_of(market) for symbol, market in dataset.markets.items()},
        strategies={
            s.name: {**s.model_dump(mode="json"), "signal_about": _about(signal)}
            for s, signal in bets
        },
        config=config_of(workspace, asked, bets, dataset),
        warnings=(
            *notes, *dataset.notes, *holdout_notes(dataset, workspace.ledger),
            *tuned_notes(bets, dataset), *found.warnings,
        ),
        truth=dataset.truth, missing=found.missing, seconds=seconds, versions=versions(),
        splits=found.splits, fragility=fragility, spa=found.spa,
    )  # fmt: skip


def open_named(
    workspace: Workspace,
    name: str | None,
    *,
    symbols: tuple[str, ...] | None = None,
    since: str | None = None,
    until: str | None = None,
    opened_by: str | None = None,
    universe: int | None = None,
    revised: bool = False,
) -> Dataset:
    """The data set called `name`, or the workspace's default one.

    Args:
        workspace: where its TOML, the store and the ledger are.
        name: of the data set.
        symbols: only these coins.
        since, until: the range, as text.
        opened_by: the command that opens its holdout, which is recorded before anything is shown;
            by default it stays closed.
        universe, revised: see `fadefollow.market.dataset.open_dataset`.
    """
    name = name or workspace.settings.default_dataset
    spec = load_spec(workspace.path("datasets", name))
    dataset = open_dataset(
        spec, name, workspace.store, symbols=symbols,
        since=time_of(since, "--since"), until=time_of(until, "--until"),
        open_holdout=opened_by is not None, universe=universe, revised=revised,
    )  # fmt: skip
    if dataset.holdout is not None and dataset.holdout_open:
        now, begins = stamp(pd.Timestamp.now(tz="UTC")), stamp(dataset.holdout)
        opening = Opening(dataset.name, dataset.fingerprint, begins, now, opened_by or "")
        workspace.ledger.record([opening])
    return dataset


def list_datasets(workspace: Workspace) -> list[dict[str, Any]]:
    """One row a data set: name, title, bar, source, coins, first, last, state."""
    store = Store(workspace.store)
    stored = store.datasets()
    rows = []
    for name in workspace.names("datasets"):
        spec = load_spec(workspace.path("datasets", name))
        row: dict[str, Any] = {"name": name, "title": spec.title, "source": spec.source}
        row |= {"bar": _hours(spec.bar), "symbols": [], "first": None, "last": None}
        if spec.source == "lab":
            row["state"] = "simulated when used"
        elif name in stored:
            pointer = store.read(name)
            bars = [es.get("perp") or es["spot"] for es in pointer.tables.values()]
            row |= {"symbols": list(pointer.tables), "state": "imported"}
            row |= {"first": min(e.first for e in bars), "last": max(e.last for e in bars)}
        else:
            row["state"] = "not imported"
        rows.append(row)
    return rows


def sample(workspace: Workspace, name: str | None, folder: Path) -> list[Path]:
    """Write a data set's tables as `COIN/STREAM.parquet` below `folder`.

    Raises:
        ParameterError: the folder holds something already.
        StoreError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParameterError(
            "a sample must not overwrite anything", got=str(folder), hint="name a new folder"
        )
    dataset = open_named(workspace, name)
    written = []
    with filled(folder) as stage:
        for symbol, market in dataset.markets.items():
            (stage / symbol).mkdir()
            for stream in market.streams:
                path = Path(symbol) / f"{stream}.parquet"
                market.table(stream).to_parquet(stage / path)
                written.append(folder / path)
        if dataset.truth is not None:
            dataset.truth.to_parquet(stage / "truth.parquet")
            written.append(folder / "truth.parquet")
    return written


def _remembered(
    workspace: Workspace,
    options: RunOptions,
    bets: Sequence[tuple[Strategy, Signal]],
    dataset: Dataset,
    verdicts: Sequence[Verdict],
) -> tuple[tuple[Verdict, ...], Known]:
    """The verdicts, recorded in the ledger and deflated by all that it then knows; and that."""
    names = {
        strategy.name: configuration(
            strategy, signal, market=market_of(dataset), since=options.since, until=options.until,
            missing_funding=options.settings.missing_funding,
        )
        for strategy, signal in bets
    }  # fmt: skip
    now = pd.Timestamp.now(tz="UTC")
    rows = trials_of(verdicts, names, dataset=dataset, command=options.command, time=now)
    workspace.ledger.record(rows)
    known = workspace.ledger.trials(*known_by(dataset))
    return deflate(verdicts, known), known


def judged_by(ledger: Ledger, known: Known) -> dict[str, Any]:
    """The table `[ledger]` of a run's config.toml: by what its Sharpe ratios were deflated.

    Args:
        ledger: with the run's own trials.
        known: what it knew of the data set; `lines` is how long it was then.
    """
    return {"trials": known.count, "variance": known.variance, "lines": len(ledger.lines())}


def versions() -> dict[str, str]:
    """Versions of all that a result depends on."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    own = {"fadefollow": __version__, CODE: program()[CODE]}
    return {**own, "python": platform.python_version(), **found}


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a stage."""
        now = time.perf_counter()
        self.seconds[name], self._last = round(now - self._last, 3), now


def asked_for(options: Any) -> dict[str, Any]:
    """A job's options as plain values, the command line left out."""
    asked = asdict(options)
    del asked["command"]
    return {k: v for k, v in asked.items() if v is not None}


def config_of(
    workspace: Workspace,
    asked: Mapping[str, Mapping[str, Any]],
    bets: Sequence[tuple[Strategy, Signal]],
    dataset: Dataset,
) -> dict[str, Any]:
    """All that is needed to run a job again, or to see what has changed since.

    Args:
        workspace: where the data set's and the signals' files are.
        asked: by kind of job its options, and what the ledger knew.
        bets: strategies with their signals.
        dataset: what it ran on.
    """
    filled = {}
    for strategy, signal in bets:
        dumped = strategy.model_dump(mode="json", exclude_none=True)
        filled[strategy.name] = {**dumped, "params": signal.model_dump(mode="json")}
    files = {name: path for _, signal in bets for name, path in modules_of(signal).items()}
    code = {name.removeprefix("signals."): files[name].read_bytes() for name in sorted(files)}
    return {
        **asked,
        "dataset": {
            "fingerprint": dataset.fingerprint,
            "settings": read_toml(workspace.path("datasets", dataset.name)),
        },
        "signals": {name: {"sha256": hashlib.sha256(c).hexdigest()} for name, c in code.items()},
        "strategies": filled,
    }


def _about(signal: Signal) -> str:
    """What a signal's module says of its phases, without its source."""
    said = inspect.getdoc(inspect.getmodule(type(signal))) or ""
    paragraphs = said.partition("\n\nSource:")[0].split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def described(dataset: Dataset) -> dict[str, Any]:
    """What a result says of its data set."""
    audit = dataset.audit
    return {
        "name": dataset.name,
        "title": dataset.title,
        "fingerprint": dataset.fingerprint,
        "coverage": dataset.coverage(),
        "simulated": dataset.simulated,
        "audit": {
            "summary": audit.summary(),
            "findings": [finding.to_dict() for finding in audit.findings],
        },
    }


def tuned_notes(bets: Sequence[tuple[Strategy, Signal]], dataset: Dataset) -> list[str]:
    """What is in sample, as its parameters were chosen by a tuning job on the same data set."""
    notes = []
    for strategy, _ in bets:
        tuned = strategy.tuned
        if tuned is None:
            continue
        what = (
            "in sample"
            if dataset.name == tuned.dataset
            else "in sample where it is the same history"
        )
        notes.append(
            f"{strategy.name} was tuned on {tuned.dataset} until {tuned.until[:10]} "
            f"({tuned.trials} trials): what it earned before is {what}; what the choice is "
            "worth out of sample is in the tuning job's report"
        )
    return notes


def time_of(text: str | None, option: str) -> pd.Timestamp | None:
    """A day or a time as a user writes it, UTC; a day after `--until` is the last one that is in.

    Raises:
        ParameterError: it is neither; the message names the option.
    """
    if text is None:
        return None
    stamp = pd.to_datetime(text, errors="coerce")
    if pd.isna(stamp):
        raise ParameterError(f"{option} must be a day or a time", got=repr(text), hint="2021-04-01")
    if option == "--until" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
        stamp += pd.Timedelta(days=1)  # the day named is the last one that is in
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def _hours(bar: pd.Timedelta) -> str:
    hours = bar / pd.Timedelta(hours=1)
    return f"{hours:g} h" if hours >= 1 else f"{60 * hours:g} min"
