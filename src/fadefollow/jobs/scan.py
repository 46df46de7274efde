"""The job behind `fadefollow scan`: present phases of a data set or of a venue's coins."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.errors import ParameterError
from fadefollow.jobs.data_gate import known_notes, streams_used, unreadable
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import Step
from fadefollow.market.audit.audit import audit, trusted_part
from fadefollow.market.audit.gate import accepted, pass_gate
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.fetch import fetch_spec, venue_named
from fadefollow.market.fetch.client import FIRST_WAIT
from fadefollow.market.names import check_dataset_name
from fadefollow.reporting.pages.index import write_index
from fadefollow.reporting.pages.scan import write_scan
from fadefollow.results.find import find_run
from fadefollow.scanning.history import History
from fadefollow.scanning.live import Fetched, LiveRequest, fetch_live
from fadefollow.scanning.model import Apart, Scan, Standing
from fadefollow.scanning.needs import Bet, days_needed, past_hours, seen_with, streams_needed
from fadefollow.scanning.present import Present, present_phases
from fadefollow.workspace import Workspace

#: what a live scan's own data set is called, after the venue's
SUFFIX = "_scan"
#: coins of a live scan where nothing else is asked for
TOP = 50
#: a scan of real data that ended longer ago than this says so
_OLD = pd.Timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class ScanOptions:
    """The options of a scan.

    Attributes:
        data: which data; its `until` is the time of the scan. A live scan takes no more of it
            than coins and codes.
        strategies: by name; by default the workspace's, without tuned ones.
        history: the run that speaks, by what `find_run` takes; by default the last on each phase.
        live: fetch from a venue and look at now.
        venue: a venue, or a data set of one; by default binance.
        top: so many coins, the largest by volume; by default 50.
        days: of the past to fetch; by default as many as the signals look back.
    """

    data: DataRequest = field(default_factory=DataRequest)
    strategies: tuple[str, ...] = ()
    history: str | None = None
    live: bool = False
    venue: str | None = None
    top: int | None = None
    days: int | None = None

    def __post_init__(self) -> None:
        accepted(self.data.accept or ())
        for name, given in (("--top", self.top), ("--venue", self.venue), ("--days", self.days)):
            if given is not None and not self.live:
                raise ParameterError(f"{name} needs --live", got=given, hint="add --live")
        if self.live and self.data.dataset is not None:
            raise ParameterError(
                "--live takes no --dataset",
                got=f"--dataset {self.data.dataset}",
                hint="name the exchange: --venue binance",
            )
        if self.live and self.data.until is not None:
            raise ParameterError(
                "--live takes no --until",
                got=f"--until {self.data.until}",
                hint="leave out --live to scan stored data as of then",
            )
        if self.top is not None and self.data.symbols:
            raise ParameterError(
                "--top and --symbols exclude each other",
                got=f"--top {self.top} and --symbols {','.join(self.data.symbols)}",
            )


def scan_job(
    workspace: Workspace, options: ScanOptions, *, step: Step, first_wait: float = FIRST_WAIT
) -> Scan:
    """The scan of a data set, or of a venue's coins.

    Args:
        workspace: where names are looked up; a live scan stores what it fetches there.
        options: what to scan.
        step: told what is being done.
        first_wait: of a live scan, seconds before a failed request is repeated.

    Raises:
        FadeFollowError: any of its kinds, where names, files or data are not as they must be. A
            coin whose data cannot be trusted or fetched is no error but a row.
    """
    run = find_run(workspace.runs, options.history) if options.history else None
    names = options.strategies or tuple(
        name for name in workspace.names("strategies") if not workspace.is_tuned(name)
    )
    if not names:
        raise ParameterError("no strategy to look for", where=str(workspace.root / "strategies"))
    bets = [(s, workspace.detector(s)) for s in map(workspace.strategy, dict.fromkeys(names))]
    if options.live:
        source = _live(workspace, options, bets, step, first_wait)
    else:
        source = _stored(workspace, options, step)
    return _scanned(workspace, source, bets, options, run=run, step=step)


def scan_bets(
    workspace: Workspace,
    dataset: Dataset,
    bets: Sequence[Bet],
    *,
    accept: tuple[str, ...] | None = None,
    step: Step,
) -> Scan:
    """The scan of an open data set for strategies with their signals, as of its last bar.

    Args:
        workspace: whose runs say what history says.
        dataset: what to look at.
        bets: strategies of different names.
        accept: codes of findings of the audit that may pass.
        step: told what is being done.

    Raises:
        FadeFollowError: as in `scan_job`.
    """
    source = _Source(dataset, _end(dataset), (dataset.name,), notes=tuple(dataset.notes))
    options = ScanOptions(data=DataRequest(accept=accept))
    return _scanned(workspace, source, bets, options, run=None, step=step)


def scan_page(workspace: Workspace, scan: Scan, path: Path | None = None) -> Scan:
    """The scan with the page that was written, beside the runs or at `path`.

    Raises:
        SpecError: the template does not render.
        StoreError: the page cannot be written; what was there stays.
    """
    target = path or workspace.runs / f"scan-{scan.dataset}.html"
    written = dataclasses.replace(scan, page=write_scan(scan, target, workspace.templates))
    if path is None:
        write_index(workspace.runs, workspace.templates)
    return written


@dataclass(frozen=True)
class _Source:
    """The data of a scan."""

    dataset: Dataset
    time: pd.Timestamp
    names: tuple[str, ...]  #: data sets whose runs speak first; the last is the one to measure on
    failed: tuple[Apart, ...] = ()
    notes: tuple[Note, ...] = ()


def _scanned(
    workspace: Workspace,
    source: _Source,
    bets: Sequence[Bet],
    options: ScanOptions,
    *,
    run: Path | None,
    step: Step,
) -> Scan:
    """The scan of a source for some strategies."""
    dataset, time = source.dataset, source.time
    step("auditing the data", None)
    good, apart, notes = _trusted(dataset, bets, options.data)
    step("detecting phases", 0.0)
    found = present_phases(good, bets, time, step=step) if good.markets else Present((), (), ())
    step("reading what history says", None)
    history = History(workspace, dataset, source.names, time, run)
    asked = {(bet.strategy, row.phase) for row in found.rows for bet in row.bets}
    by_name = {strategy.name: (strategy, signal) for strategy, signal in bets}
    standings: dict[tuple[str, str], Standing] = {
        (name, phase): history.standing(by_name[name], phase) for name, phase in sorted(asked)
    }
    speaking = {row.symbol for row in found.rows}
    every = {phase for strategy, _ in bets for phase in strategy.phases}
    blind = {
        symbol
        for symbol in good.symbols
        if every <= {phase for u in found.unseen if symbol in u.symbols for phase in u.phases}
    }
    return Scan(
        time=time,
        dataset=dataset.name,
        title=dataset.title,
        bar=dataset.bar,
        simulated=dataset.simulated,
        live=options.live,
        rows=found.rows,
        untrusted=(*source.failed, *apart),
        quiet=tuple(symbol for symbol in good.symbols if symbol not in speaking | blind),
        unseen=found.unseen,
        standings=standings,
        notes=(
            *source.notes,
            *notes,
            *known_notes(good, bets),
            *found.notes,
            *history.skipped,
        ),
    )


def _stored(workspace: Workspace, options: ScanOptions, step: Step) -> _Source:
    step("reading the data", None)
    dataset = open_named(workspace, options.data)
    time = _end(dataset)
    notes = list(dataset.notes)
    if dataset.holdout is not None:
        day = f"{dataset.holdout:%Y-%m-%d}"
        notes.append(Note("holdout-closed", {}, {"from": day}))
    ago = pd.Timestamp.now(tz="UTC") - time
    if options.data.until is None and not dataset.simulated and ago > _OLD:
        notes.append(Note("data-end-long-ago", {}, {"days": ago.days}))
    wanted = options.data.end
    if wanted is not None and dataset.holdout is None and wanted > time + dataset.bar:
        notes.append(Note("data-end-before", {}, {"last": f"{time:%Y-%m-%d %H:%M}"}))
    return _Source(dataset, time, (dataset.name,), notes=tuple(notes))


def _live(
    workspace: Workspace, options: ScanOptions, bets: Sequence[Bet], step: Step, first_wait: float
) -> _Source:
    folder = workspace.root / "datasets"
    base, spec = fetch_spec(folder, options.venue or "binance")
    venue = venue_named(spec.venue)
    name = check_dataset_name(f"{base}{SUFFIX}")
    if name in workspace.names("datasets"):
        raise ParameterError(
            "live scans need this name for their own data set",
            got=f"datasets/{name}.toml",
            hint="give yours another name",
        )
    seen = seen_with(bets, venue.streams)
    if not seen:
        raise ParameterError(
            f"{venue.title} lacks streams that the strategies need",
            got=", ".join(streams_needed(bets)),
            where=venue.name,
            hint=f"it gives {', '.join(venue.streams)}",
        )
    streams = tuple(s for s in streams_needed(seen) if s in venue.streams)
    needed = days_needed(seen)
    days = options.days or needed
    notes = [Note("live-source", {}, {"venue": venue.title, "days": days})]
    if days < needed:
        notes.append(Note("live-days-short", {}, {"days": days, "needed": needed}))
    if spec.holdout is not None:
        notes.append(Note("live-unbound", {}, {"dataset": base}))
    spec = spec.model_copy(
        update={
            "title": f"{venue.title}, live",
            "holdout_from": None,
            "universe": None,
        }
    )
    fetched = fetch_live(
        spec,
        name,
        workspace.store,
        LiveRequest(
            streams=streams,
            # a coin without dated futures needs no past of the signals that look at them
            days=lambda there: options.days or days_needed(seen_with(seen, there)),
            coins=options.data.symbols or (),
            top=options.top or TOP,
        ),
        progress=step,
        first_wait=first_wait,
    )
    failed = tuple(Apart(coin, "not fetched", why) for coin, why in fetched.failed.items())
    step("reading the data", None)
    if fetched.good:
        dataset = open_dataset(
            spec, name, workspace.store, DataRequest(symbols=tuple(fetched.good))
        )
    else:
        dataset = Dataset(name, spec.title, spec.bar, simulated=False, fingerprint="", markets={})
    notes += [*fetched.notes, *_short(dataset, seen, fetched)]
    return _Source(dataset, fetched.time, (name, base), failed, tuple(notes))


def _short(dataset: Dataset, bets: Sequence[Bet], fetched: Fetched) -> list[Note]:
    """Notes on streams that are shorter than the signals look back."""
    ago = {
        name: [
            (fetched.time - market.table(name)["time"].iloc[0]) / pd.Timedelta(days=1)
            for market in dataset.markets.values()
            if name in market.streams
        ]
        for name in streams_needed(bets)
    }
    bars = max(ago["perp"], default=0.0)
    said = []
    for name, days in ago.items():
        # what is as long as the bars was asked for so, and a snapshot has no past
        if not days or max(days) > bars - 2 or name == "options":
            continue
        phases = {
            phase
            for strategy, signal in bets
            for phase in strategy.phases
            if past_hours(signal) > 24 * max(days) and name in signal.needs(phase).streams
        }
        if phases:
            figures = {"days": max(days), "phases": sorted(phases)}
            said.append(Note("stream-short", {"stream": name}, figures))
    return said


def _trusted(
    dataset: Dataset, bets: Sequence[Bet], data: DataRequest
) -> tuple[Dataset, tuple[Apart, ...], list[Note]]:
    """The trusted coins, the others with the reason, and notes on accepted findings."""
    coins = (*dataset.symbols, *unreadable(dataset))
    if not coins:
        return dataset, (), []
    asked, uses = accepted(data.accept or (), coins), streams_used(dataset, bets)
    passed = pass_gate(audit(dataset), uses, asked, strict=data.strict, may_be_none=True)
    apart = []
    for symbol, findings in passed.left_out.items():
        first = findings[0]
        where = f" ({first.where})" if first.where else ""
        more = f"; and {len(findings) - 1} more findings" if len(findings) > 1 else ""
        why = f"{first.stream}, {first.code}: {first.text}{where}{more}"
        apart.append(Apart(symbol, "untrusted", why))
    return trusted_part(dataset, passed.left_out), tuple(apart), list(passed.notes)


def _end(dataset: Dataset) -> pd.Timestamp:
    """When the last bar of all coins closes, UTC."""
    return max(market.index[-1] + market.bar for market in dataset.markets.values())
