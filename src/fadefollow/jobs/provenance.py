"""Provenance of a result: data, settings, versions, seconds."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from fadefollow.core.cache.shelf import Shelf
from fadefollow.core.notes import Note
from fadefollow.core.parallel.worker import program
from fadefollow.core.toml import read_toml
from fadefollow.core.version import __version__
from fadefollow.engine.costs import CoinCosts, CostSettings, all_resolved, pinned, traded_at
from fadefollow.engine.strategy import Strategy
from fadefollow.jobs.chart_data import prices_of
from fadefollow.jobs.data_gate import known_notes
from fadefollow.market.audit.audit import audit
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import Signal
from fadefollow.verdict.exploratory import FragilityRow
from fadefollow.verdict.model import RunResult
from fadefollow.verdict.run.measure import Measured, Settings
from fadefollow.workspace import Workspace
from fadefollow.workspace.holdout_notes import holdout_notes
from fadefollow.workspace.trial_ledger import Known, Ledger
from fadefollow.workspace.trial_records import modules_of

#: whose versions a result depends on
_PACKAGES = ("vectorbt", "pandas", "numpy", "numba", "arch", "scipy", "ccxt", "optuna", "pyarrow")
#: what of `[trade]` decides how much is at stake
_STAKES = ("instrument", "leverage", "weight", "capital", "compound")
#: of the framework itself, as its version stays the same while it is worked on
CODE = "fadefollow's code"


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """What a job says of itself.

    Attributes:
        name: of its folder.
        command: what asked for it.
        started: UTC.
        asked: by kind of job its options, and what the ledger knew.
        judging: how it judged.
        seconds: by stage.
        notes: what it has to say before all others.
    """

    name: str
    command: str
    started: pd.Timestamp
    asked: Mapping[str, Mapping[str, Any]]
    judging: Settings
    seconds: dict[str, float]
    notes: tuple[Note, ...] = ()


def result_of(
    workspace: Workspace,
    dataset: Dataset,
    found: Measured,
    bets: Sequence[tuple[Strategy, Signal]],
    *,
    job: JobRecord,
    fragility: tuple[FragilityRow, ...] = (),
) -> RunResult:
    """The `RunResult` of a measurement, with its provenance.

    Args:
        workspace, dataset, bets: what it was made with; the strategies have the smallest edge
            that they were judged by.
        found: the measurement, its Sharpe ratios deflated.
        job: what made it.
        fragility: what flips under other assumptions.
    """
    return RunResult(
        name=job.name,
        command=job.command,
        started=job.started,
        version=__version__,
        dataset=described(dataset),
        verdicts=found.verdicts,
        event_studies=found.event_studies,
        trades=found.trades,
        phases=found.phases,
        equity=found.equity,
        hedged_trades=found.hedged_trades,
        hedged_equity=found.hedged_equity,
        ratios=found.ratios,
        rolling=found.rolling,
        benchmark=found.benchmark,
        coin_years=found.coin_years,
        prices=Shelf((symbol, prices_of(market)) for symbol, market in dataset.markets.items()),
        strategies={
            s.name: {
                **s.model_dump(mode="json"),
                "signal_about": _about(signal),
                "phase_about": {p: t for p, t in signal.about.items() if p in s.phases},
            }
            for s, signal in bets
        },
        config=config_of(workspace, job.asked, bets, dataset),
        assumptions=assumed(bets, dataset, judging=job.judging),
        notes=(
            *job.notes,
            *dataset.notes,
            *holdout_notes(dataset, workspace.ledger),
            *tuned_notes(bets, dataset),
            *found.notes,
            *known_notes(dataset, bets),
        ),
        truth=dataset.truth,
        missing=found.missing,
        seconds=job.seconds,
        versions=versions(),
        splits=found.splits,
        fragility=fragility,
        spa=found.spa,
    )


def config_of(
    workspace: Workspace,
    asked: Mapping[str, Mapping[str, Any]],
    bets: Sequence[tuple[Strategy, Signal]],
    dataset: Dataset,
) -> dict[str, Any]:
    """The configuration that repeats a job or shows what has changed since.

    Args:
        workspace: where the data set's and the signals' files are.
        asked: by kind of job its options, and what the ledger knew.
        bets: strategies with their signals.
        dataset: what it ran on.
    """
    filled = {}
    for strategy, signal in bets:
        fixed = strategy.model_copy(update={"costs": pinned(strategy.costs)})
        dumped = fixed.model_dump(mode="json", exclude_none=True)
        filled[strategy.name] = {**dumped, "params": signal.model_dump(mode="json")}
    files = {name: path for _, signal in bets for name, path in modules_of(signal).items()}
    code = {name.removeprefix("signals."): files[name].read_bytes() for name in sorted(files)}
    return {
        **asked,
        "costs": all_resolved(dataset.symbols, traded_at(dataset)).model_dump(
            mode="json", include={"coins"}, exclude_none=True
        ),
        "dataset": {
            "fingerprint": dataset.fingerprint,
            "settings": {}
            if dataset.handed_over
            else read_toml(workspace.path("datasets", dataset.name)),
        },
        "signals": {name: {"sha256": hashlib.sha256(c).hexdigest()} for name, c in code.items()},
        "strategies": filled,
    }


def assumed(
    bets: Sequence[tuple[Strategy, Signal]], dataset: Dataset, *, judging: Settings
) -> dict[str, Any]:
    """What was assumed: the level of the tests, and of every strategy its costs and stakes.

    Args:
        bets: strategies with their signals.
        dataset: what they were traded on.
        judging: how they were judged; its smallest edge is that of strategies without their own.
    """
    costs = traded_at(dataset)
    return {
        "alpha": judging.alpha,
        "smallest_bps": judging.smallest_bps,
        "strategies": {
            strategy.name: {
                **_assumed(strategy, dataset, costs),
                "smallest_bps": judging.smallest_bps
                if strategy.smallest_bps is None
                else strategy.smallest_bps,
            }
            for strategy, _ in bets
        },
    }


def _assumed(strategy: Strategy, dataset: Dataset, costs: CostSettings) -> dict[str, Any]:
    trade: dict[str, Any] = {name: getattr(strategy.trade, name) for name in _STAKES}
    if strategy.trade.size_by != "notional":
        trade |= {n: getattr(strategy.trade, n) for n in ("size_by", "target_volatility")}
    coins = [c for c in strategy.symbols or dataset.symbols if c not in dataset.left_out]
    found = all_resolved(coins, costs, strategy.costs).coins
    return {**trade, "costs": {c: _plain(one) for c, one in found.items()}}


def _plain(costs: CoinCosts) -> dict[str, Any]:
    return costs.model_dump(mode="json", exclude_none=True)


def described(dataset: Dataset) -> dict[str, Any]:
    """The description of a data set in a result."""
    audited = audit(dataset)
    return {
        "name": dataset.name,
        "title": dataset.title,
        "fingerprint": dataset.fingerprint,
        "coverage": dataset.coverage(),
        "simulated": dataset.simulated,
        "left_out": {
            coin: [{**finding.to_dict(), "code": finding.code} for finding in found]
            for coin, found in dataset.left_out.items()
        },
        "audit": {
            "summary": audited.summary(),
            "findings": [finding.to_dict() for finding in audited.findings],
        },
    }


def tuned_notes(bets: Sequence[tuple[Strategy, Signal]], dataset: Dataset) -> list[Note]:
    """Notes on trades that are in sample, as a tuning job chose the parameters on this data set."""
    notes = []
    for strategy, _ in bets:
        tuned = strategy.tuned
        if tuned is None:
            continue
        figures = {
            "dataset": tuned.dataset,
            "until": tuned.until[:10],
            "trials": tuned.trials,
            "same_data": dataset.name == tuned.dataset,
        }
        notes.append(Note("tuned-on", {"strategy": strategy.name}, figures))
    return notes


def judged_by(ledger: Ledger, known: Known) -> dict[str, Any]:
    """The table `[ledger]` of a run's config.toml: by what its Sharpe ratios were deflated.

    Args:
        ledger: with the run's own trials.
        known: what it knew of the data set; `lines` is how long it was then.
    """
    return {"trials": known.count, "variance": known.variance, "lines": len(ledger.lines())}


def asked_for(options: Any) -> dict[str, Any]:
    """A job's options as plain values, those of its data among them, without the command line."""
    asked = asdict(options)
    del asked["command"], asked["data"]
    return {k: v for k, v in {**options.data.record(), **asked}.items() if v is not None}


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
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


def _about(signal: Signal) -> str:
    """The docstring of a signal's module, without its source."""
    said = inspect.getdoc(inspect.getmodule(type(signal))) or ""
    paragraphs = said.partition("\n\nSource:")[0].split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
