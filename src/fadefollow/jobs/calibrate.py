"""Calibrate the verdict: on the lab's markets, on its universes, or on real prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.engine.hedge.basket import MIN_MEMBERS
from fadefollow.jobs.data_gate import trusted
from fadefollow.jobs.datasets import open_named
from fadefollow.market.bars import bar_size
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.results.notes import note_lines
from fadefollow.verdict import calibration as calibrating
from fadefollow.verdict.calibration import (
    ArmKind,
    Calibration,
    Design,
    Notebook,
    RealDesign,
    RealSource,
)
from fadefollow.verdict.calibration.watching import (
    WATCH_NOTEBOOK,
    WatchCalibration,
    WatchDesign,
    WatchNotebook,
    calibrate_watching,
)
from fadefollow.verdict.run.prepare import Bet
from fadefollow.workspace import Workspace

#: coins of a real market whose data set has more, so that tables differ
REAL_COINS = 40
#: a window that holds fewer bars than the first is made of so many as the second
_FEWEST_BARS, _USUAL_BARS = 3, 6


@dataclass(frozen=True)
class CalibrationRequest:
    """Which markets, and how they are judged.

    Attributes:
        universe: on universes of the lab.
        real: on this data set, with real events where they were not.
        strategies: judged together; by default those of a calibration.
        settings: of the `Design`, where they are not its defaults.
    """

    universe: bool = False
    real: str | None = None
    strategies: Sequence[str] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def notebook(self) -> str:
        """Name of the file that keeps what was judged."""
        name = self.real or ("universe" if self.universe else "")
        return f"calibration-{name}.jsonl" if name else calibrating.NOTEBOOK


def calibrate_verdicts(
    workspace: Workspace,
    request: CalibrationRequest,
    *,
    jobs: int = -1,
    cluster: str | None = None,
    step: Callable[[str, float | None], None],
) -> Calibration:
    """How often the verdict is wrong; an interrupted calibration goes on where it was.

    Real coins that cannot be trusted are left out, and named where it says on what was calibrated.

    Args:
        workspace: strategies, signals, data sets, and the folder of runs.
        request: which markets, and how they are judged.
        jobs: markets at work at the same time; −1 for all cores.
        cluster: address of a Dask scheduler; by default this machine.
        step: told how far it is.
    """
    dataset = open_named(workspace, request.real) if request.real else None
    design = _design(request, dataset)
    names = request.strategies or calibrating.STRATEGIES
    bets = tuple(_fitting(workspace, name, bar_size(design.bar)) for name in names)
    source, notes = None, list[Note]()
    if dataset is not None:
        step("auditing the data", None)
        dataset, notes = trusted(dataset, bets, DataRequest())
        design = _design(request, dataset)
        step(f"detecting in {dataset.name}", None)
        source = RealSource.of(dataset, bets)
    elif not request.universe:
        families = calibrating.families_of(bets)
        design = Design(**({"families": families} | dict(request.settings)))
    found = calibrating.calibrate(
        design,
        bets,
        notebook=Notebook(workspace.runs / request.notebook),
        source=source,
        jobs=jobs,
        cluster=cluster,
        step=step,
    )
    return replace(
        found, about="; ".join([found.about, *(line.text for line in note_lines(notes))])
    )


def calibrate_watch(
    workspace: Workspace,
    request: CalibrationRequest,
    *,
    jobs: int = -1,
    cluster: str | None = None,
    step: Callable[[str, float | None], None],
) -> WatchCalibration:
    """How often watched claims are answered wrongly; arguments as in `calibrate_verdicts`.

    On universes of the lab, or on a real data set with its events at random times and on other
    coins.
    """
    dataset = open_named(workspace, request.real) if request.real else None
    usual: dict[str, Any] = {}
    if dataset is not None:
        usual = {"dataset": dataset.name, "coins": min(len(dataset.markets), REAL_COINS)}
        usual |= {"bar": _bar_of(dataset), "kinds": _kinds_of(dataset)}
    design = WatchDesign(**(usual | dict(request.settings)))
    names = request.strategies or calibrating.STRATEGIES[:1]
    bets = tuple(_fitting(workspace, name, bar_size(design.bar)) for name in names)
    source = None
    if dataset is not None:
        step(f"detecting in {dataset.name}", None)
        source = RealSource.of(dataset, bets)
    path = workspace.runs / f"{WATCH_NOTEBOOK}-{request.real or 'universe'}.jsonl"
    return calibrate_watching(
        design,
        bets,
        notebook=WatchNotebook(path),
        source=source,
        jobs=jobs,
        cluster=cluster,
        step=step,
    )


def _design(request: CalibrationRequest, dataset: Dataset | None) -> Design:
    if dataset is None:
        kind = calibrating.UniverseDesign if request.universe else Design
        return kind(**request.settings)
    usual: dict[str, Any] = {
        "bar": _bar_of(dataset),
        "coins": min(len(dataset.markets), REAL_COINS),
        "kinds": _kinds_of(dataset),
    }
    return RealDesign(dataset=dataset.name, **(usual | dict(request.settings)))


def _bar_of(dataset: Dataset) -> str:
    return f"{dataset.bar / pd.Timedelta(hours=1):g}h"


def _kinds_of(dataset: Dataset) -> tuple[ArmKind, ...]:
    """At random times, and on other coins where there are enough of them."""
    return ("times", "coins") if len(dataset.markets) >= 2 * MIN_MEMBERS else ("times",)


def _fitting(workspace: Workspace, name: str, bar: pd.Timedelta) -> Bet:
    """A strategy and its signal, its windows made long enough for the bars."""
    strategy = workspace.strategy(name)
    hours = bar / pd.Timedelta(hours=1)
    window = strategy.params.get("window_hours")
    if isinstance(window, int | float) and window < _FEWEST_BARS * hours:
        params = {**strategy.params, "window_hours": _USUAL_BARS * hours}
        strategy = strategy.model_copy(update={"params": params})
    return strategy, workspace.detector(strategy)
