"""What people in notebooks call: a workspace's names in, the framework's own objects out.

    import fadefollow as ff

    market = ff.open_dataset("lab").markets["IBEX"]
    phases = ff.detect("funding", market, quantile=0.97)
    result = ff.run("fade_crowded_funding", dataset="lab")

Names belong to the workspace around the current folder, as on the command line.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import fadefollow.reporting.notebook  # noqa: F401 - registers the cards
from fadefollow.cli.render.console import Step, progress
from fadefollow.core.toml import build
from fadefollow.errors import ParameterError
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import RunOptions, run_job
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal, detect_checked
from fadefollow.results.find import find_run
from fadefollow.results.stored_run import read_run as _read_run
from fadefollow.results.stored_run import read_tuning as _read_tuning
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult
from fadefollow.workspace import find_workspace

#: seconds between two words on what is being done
_PACE = 0.2


def open_dataset(
    name: str | None = None,
    *,
    symbols: Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    universe: int | str | None = None,
    revised: bool = False,
) -> Dataset:
    """A data set of the workspace; what it holds out stays closed.

    Args:
        name: of the data set; by default the workspace's own.
        symbols: only these coins; by default all.
        since, until: first and last day or time, UTC, as text.
        universe, revised: see `fadefollow.market.datasets.request.DataRequest`.

    Raises:
        FadeFollowError: any of its kinds, where name, range or stored data are not as they must be.
    """
    request = DataRequest(
        dataset=name,
        symbols=_names(symbols),
        since=since,
        until=until,
        universe=universe,
        revised=revised,
    )
    return open_named(find_workspace(), request)


def signal(name: str, /) -> type[Signal]:
    """The signal class in `signals/NAME.py`; call it with parameters, or give it to `detect`.

    Raises:
        UnknownNameError: there is none of that name.
        SpecError: its module cannot be used.
    """
    return find_workspace().signal(name)


def detect(
    signal: str | Signal | type[Signal],
    where: Dataset | Market | Iterable[Market],
    /,
    **params: Any,
) -> Phases:
    """The phases of one market or of several.

    Args:
        signal: its name, its class, or one with its parameters.
        where: a data set, a market, or several.
        params: the signal's parameters, the rest at their defaults.

    Raises:
        FadeFollowError: name, parameters or bars do not fit, or the signal fails.
    """
    if isinstance(signal, Signal):
        if params:
            raise ParameterError("a signal that has its parameters takes no others", got=[*params])
        chosen = signal
    else:
        kind = find_workspace().signal(signal) if isinstance(signal, str) else signal
        chosen = build(kind, params, where=kind.name())
    return Phases.concat([detect_checked(chosen, market) for market in _markets(where)])


def indicator(signal: str | type[Signal], /) -> Any:
    """The vectorbt indicator of a signal: see `fadefollow.phases.indicators.indicator`."""
    from fadefollow.phases.indicators import indicator as made  # vectorbt takes seconds

    return made(find_workspace().signal(signal) if isinstance(signal, str) else signal)


def run(
    *strategies: str,
    dataset: str | None = None,
    symbols: Sequence[str] | None = None,
    **options: Any,
) -> RunResult:
    """Measure whether fading or following pays, as `fadefollow run` does, and write the report.

    Args:
        strategies: by name; by default all of the workspace that no tuning job wrote.
        dataset: its name; by default the workspace's own.
        symbols: only these coins; by default all.
        options: those of `fadefollow run`, with underscores: `since`, `until`, `seed`,
            `placebo_draws`, `bootstrap_draws`, `fragility`, `universe`, …

    Returns:
        What was found; its `folder` holds the report.

    Raises:
        FadeFollowError: any of its kinds; nothing is written then.
    """
    workspace = find_workspace()
    asked = {"dataset": dataset, "symbols": _names(symbols), **options}
    command = _command(strategies, asked)
    data, others = DataRequest.split(asked, command=command)
    chosen = RunOptions.of(workspace, data, strategies=strategies, command=command, **others)
    with _told() as step:
        result, folder = run_job(workspace, chosen, step=step)
    return replace(result, folder=folder)


def read_run(run: str = "latest", /) -> RunResult:
    """A stored run.

    Args:
        run: `"latest"`, its folder, its name, or a part of the name that only it has.

    Raises:
        UnknownNameError: there is no such run.
        ParameterError: several runs have that part in their names.
        StoreError: it cannot be read.
    """
    folder = find_run(find_workspace().runs, run)
    return replace(_read_run(folder), folder=folder)


def read_tuning(run: str = "latest", /) -> Tuning | None:
    """The tuning job that a stored run is the outcome of; None for others. As `read_run`."""
    return _read_tuning(find_run(find_workspace().runs, run))


def _names(given: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(given, str):  # a word is a sequence of letters, which nobody means
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return None if given is None else tuple(given)


def _markets(where: Dataset | Market | Iterable[Market]) -> list[Market]:
    if isinstance(where, Dataset):
        return list(where.markets.values())
    return [where] if isinstance(where, Market) else list(where)


def _command(strategies: Sequence[str], asked: dict[str, Any]) -> str:
    """The command line that does the same."""
    words = ["fadefollow", "run", *strategies]
    for name, value in asked.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(",".join(value) if isinstance(value, tuple | list) else str(value))
    return shlex.join(words)


@contextmanager
def _told() -> Iterator[Step]:
    """Says what is being done: a line in the cell of a notebook, else a bar in the terminal."""
    if not _in_notebook():
        with progress() as step:
            yield step
        return
    from IPython.display import display

    first = {"text/plain": "starting"}
    handle: Any = display(first, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    last = 0.0

    def tell(text: str, done: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _PACE:
            last = time.monotonic()
            share = "" if done is None else f" {done:.0%}"
            handle.update({"text/plain": f"{text}{share}"}, raw=True)

    try:
        yield tell
    finally:
        handle.update({"text/plain": ""}, raw=True)  # the result takes its place


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
