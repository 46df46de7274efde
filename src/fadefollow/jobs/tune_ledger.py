"""Identity of a tuning job, and its trials in the ledger."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from fadefollow.core.utc import stamp
from fadefollow.core.version import __version__
from fadefollow.engine.strategy import Strategy
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.phases import Signal
from fadefollow.tuning.folds import Cut, Span
from fadefollow.tuning.model import Trial, TuneSettings
from fadefollow.tuning.review import Reviewed
from fadefollow.tuning.space import Space
from fadefollow.verdict.model import Verdict
from fadefollow.verdict.run.measure import Settings
from fadefollow.workspace import Workspace
from fadefollow.workspace.trial_ledger import Known
from fadefollow.workspace.trial_ledger import Trial as Evaluated
from fadefollow.workspace.trial_records import (
    code_of,
    configuration,
    deflate,
    known_by,
    market_of,
    trials_of,
)

#: the phase under which the ledger keeps a trial of a search, which is of the whole book
SEARCHED = "all"


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """The options of a tuning job.

    Attributes:
        data: which data it is tuned on.
        strategy: the name of what is tuned.
        settings, judging: of the search, and of the verdict on its winners.
        smallest_bps: the smallest edge worth trading, as of `RunOptions`.
        storage: URL or path of the study; by default a file below the runs.
        study: its name; by default strategy and data set.
        fresh: begin anew where a study of this name is another job's.
        jobs: processes, −1 for all cores, 1 for this one alone; None: all cores where that is
            worth their start.
        cluster: address of a Dask scheduler.
    """

    data: DataRequest
    strategy: str
    settings: TuneSettings
    judging: Settings
    smallest_bps: float | None = None
    storage: str | None = None
    study: str | None = None
    fresh: bool = False
    jobs: int | None = None
    cluster: str | None = None
    command: str = "fadefollow tune"


@dataclass(frozen=True)
class Job:
    """The inputs of a tuning job."""

    workspace: Workspace
    options: TuneOptions
    dataset: Dataset
    strategy: Strategy
    signal: Signal
    space: Space  #: what it searches

    def configuration(self, strategy: Strategy, signal: Signal, **more: Any) -> str:
        """See `fadefollow.workspace.trial_records.configuration`."""
        options = self.options
        return configuration(
            strategy,
            signal,
            market=market_of(self.dataset),
            since=options.data.since,
            until=options.data.until,
            missing_funding=options.judging.missing_funding,
            **more,
        )


def identity(job: Job) -> dict[str, Any]:
    """Everything that decides a study's trials except their number, which may grow."""
    settings = searched_by(job.options.settings)
    del settings["trials"]
    code = code_of(job.signal).encode()
    markets = job.dataset.markets
    return {
        "fadefollow": __version__,
        "strategy": {
            "name": job.strategy.name,
            **job.strategy.traded(),
            "search": job.strategy.model_dump(mode="json", include={"search"})["search"],
            "order_of_search": list(job.strategy.search),
        },
        "signal": {
            "code": hashlib.sha256(code).hexdigest()[:16],
            "params": job.signal.model_dump(mode="json"),
        },
        "data": {
            "name": job.dataset.name,
            "fingerprint": job.dataset.fingerprint,
            **market_of(job.dataset),
            "order_of_coins": list(markets),
            # a holdout that is open shows more of the same data
            "shown": {
                coin: f"{stamp(market.index[0])} to {stamp(market.index[-1] + market.bar)}"
                for coin, market in markets.items()
            },
            "missing_funding": job.options.judging.missing_funding,
        },
        "settings": settings,
    }


def searched_by(settings: TuneSettings) -> dict[str, Any]:
    """The settings of a search as plain values.

    The outright book is not named, as earlier versions knew no other: their studies go on, and
    their trials count as what they are.
    """
    plain = asdict(settings)
    if settings.book == "outright":
        del plain["book"]
    return plain


def remember_asked(job: Job, cut: Cut, trials: Sequence[Trial]) -> None:
    """Trials go into the ledger as they are evaluated, also those of a search that never ends."""
    rows = _rows(job, cut.train, trials, sharpes={})
    job.workspace.ledger.record(rows)


def remember_reviewed(job: Job, found: Reviewed) -> None:
    """The same trials with their Sharpe ratios, as far as the ledger does not know them."""
    rows = _rows(job, found.fold.train, found.trials, found.sharpes)
    job.workspace.ledger.record_new(rows)


def remember_book(job: Job, verdicts: Sequence[Verdict]) -> tuple[tuple[Verdict, ...], Known]:
    """The joined out-of-sample book, recorded, and deflated by all books ever looked at; and those.

    The searches' own trials do not count for it: none was chosen by what it earned there.
    """
    settings = {k: v for k, v in searched_by(job.options.settings).items() if k != "batch"}
    name = job.configuration(
        job.strategy,
        job.signal,
        search=job.strategy.model_dump(mode="json", include={"search"}),
        tuned=settings,
    )
    now = pd.Timestamp.now(tz="UTC")
    rows = trials_of(
        verdicts,
        {job.strategy.name: name},
        dataset=job.dataset,
        command=job.options.command,
        time=now,
    )
    ledger = job.workspace.ledger
    ledger.record_new(rows)
    known = ledger.trials(*known_by(job.dataset), without_phase=SEARCHED)
    return deflate(verdicts, known), known


def _rows(
    job: Job, past: Span, trials: Sequence[Trial], sharpes: Mapping[int, float]
) -> list[Evaluated]:
    space, now, rows = job.space, stamp(pd.Timestamp.now(tz="UTC")), list[Evaluated]()
    begin, end = (stamp(time) for time in past)
    row = Evaluated(
        dataset=job.dataset.name,
        fingerprint=job.dataset.fingerprint,
        configuration="",
        strategy=job.strategy.name,
        phase=SEARCHED,
        stance=job.options.settings.stance,
        book=job.options.settings.book,
        daily_sharpe=math.nan,
        seen_until=end,
        time=now,
        command=job.options.command,
    )
    for trial in trials:
        if trial.state == "failed":
            continue
        strategy, (signal, _) = space.with_params(trial.params), space.candidate(trial.params)
        name = job.configuration(strategy, signal, past=[begin, end])
        sharpe = sharpes.get(trial.number, math.nan)
        rows.append(replace(row, configuration=name, daily_sharpe=sharpe))
    return rows
