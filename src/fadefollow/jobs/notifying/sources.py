"""What a round looks at: a venue's coins, or the data of watched claims."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fadefollow.core.text import plural
from fadefollow.jobs.notifying.rounds import Look
from fadefollow.jobs.run import Step
from fadefollow.jobs.scan import ScanOptions, scan_bets, scan_job
from fadefollow.jobs.watching.trades import request_of
from fadefollow.jobs.watching.update import Updated, detector_of, update_claims
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.fetch.client import FIRST_WAIT
from fadefollow.reporting.watch.page import write_watch
from fadefollow.reporting.watch.panel import kept_panels, panel_of
from fadefollow.results.claims import CLAIMS, ClaimsFile, Watched, watched_claims
from fadefollow.scanning.model import Scan
from fadefollow.scanning.needs import Bet
from fadefollow.scanning.news import Event, claim_events, phase_events
from fadefollow.workspace import Workspace

#: outboxes of `scan` and of `watch update`, beside the runs
SCAN_OUTBOX, WATCH_OUTBOX = "outbox-scan-{venue}.jsonl", "outbox-watch.jsonl"
_WATCH = "watch update"


def look_live(
    workspace: Workspace, options: ScanOptions, *, step: Step, first_wait: float = FIRST_WAIT
) -> tuple[Look, Scan]:
    """A live scan as a round of `scan --every`: its phases; the page of the watch is written.

    Raises:
        FadeFollowError: as `scan_job`.
    """
    scan = scan_job(workspace, options, step=step, first_wait=first_wait)
    claims = _claims(workspace)
    page = _page(workspace, f"scan {scan.dataset}", [scan], claims)
    apart = [f"{coin.symbol}: {coin.kind}, {coin.why}" for coin in scan.untrusted]
    lines = (f"{plural(len(scan.rows), 'phase')} present", *apart)
    return Look(phase_events(scan, claims), lines, page), scan


def look_at_claims(
    workspace: Workspace, names: Sequence[str] = (), *, fetch: bool = False, step: Step
) -> tuple[Look, tuple[Updated, ...]]:
    """Claims brought up to date, with the phases that they are about; the page is written.

    Raises:
        FadeFollowError: as `update_claims`.
    """
    opened: dict[DataRequest, Dataset] = {}
    updated = update_claims(workspace, names, fetch=fetch, step=step, opened=opened)
    claims = _claims(workspace)
    mine = {one.watched.claim.claim: one.watched for one in updated}
    scans = _claim_scans(workspace, mine, opened, step)
    page = _page(workspace, _WATCH, scans, claims)
    # phases of the lines that were registered, and not of what strategies' files say now
    phases = [event for scan in scans for event in phase_events(scan, mine)]
    told = {event.id: event for event in phases}  # two claims may be about one phase
    events: tuple[Event, ...] = (*told.values(), *claim_events(mine.values()))
    return Look(events, tuple(_line(one) for one in updated), page), updated


def _claim_scans(
    workspace: Workspace,
    claims: Mapping[str, Watched],
    opened: Mapping[DataRequest, Dataset],
    step: Step,
) -> list[Scan]:
    """A scan for each strategy and data of some claims, with the phases that they are about."""
    groups: dict[tuple[DataRequest, str], list[Watched]] = {}
    for one in claims.values():
        key = (request_of(one.claim), json.dumps(dict(one.claim.strategy), sort_keys=True))
        groups.setdefault(key, []).append(one)
    scans = []
    for (request, _), group in groups.items():
        first = group[0].claim
        phases = dict.fromkeys(one.claim.phase for one in group)
        strategy = first.bet.model_copy(update={"phases": tuple(phases)})
        bet: Bet = (strategy, detector_of(workspace, first))
        dataset, accept = opened[request], request.accept
        scans.append(scan_bets(workspace, dataset, [bet], accept=accept, step=step))
    return scans


def _claims(workspace: Workspace) -> dict[str, Watched]:
    return watched_claims(ClaimsFile(workspace.runs / CLAIMS).lines())


def _page(
    workspace: Workspace, source: str, scans: Sequence[Scan], claims: Mapping[str, Watched]
) -> Path:
    panels = [panel_of(scan, source, claims) for scan in scans]
    every = kept_panels(workspace.runs, source, panels)
    now = pd.Timestamp.now(tz="UTC")
    return write_watch(every, claims, workspace.runs, workspace.templates, now=now)


def _line(one: Updated) -> str:
    claim = one.watched.claim
    data = f"data until {one.end:%Y-%m-%d %H:%M}"
    return f"{claim.claim}: {one.watched.word}, {data}, {plural(len(one.open), 'open trade')}"
