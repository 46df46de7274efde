"""The job behind `fadefollow watch update`: what is new, and what it says of each claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.utc import as_utc
from fadefollow.errors import DataError, ParameterError, unknown
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import Step
from fadefollow.jobs.watching.trades import (
    Traded,
    claim_trades,
    code_hash,
    request_of,
)
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest, FetchRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.fetch import fetch_job
from fadefollow.market.store.store import Store
from fadefollow.phases import Signal
from fadefollow.results.claims import (
    CLAIMS,
    AlarmLine,
    BlockLine,
    Claim,
    ClaimsFile,
    Line,
    Watched,
    WordLine,
    watched_claims,
)
from fadefollow.results.claims.lines import to_record
from fadefollow.results.notes import note_lines
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.answer import Answer
from fadefollow.verdict.sequential.blocks import block_sums
from fadefollow.workspace import Workspace

#: a fetch looks again at so much before the last stored bar
_AGAIN = pd.Timedelta(days=2)
#: two computations of one block's sum differ by no more than this
_SAME = 1e-9


@dataclass(frozen=True)
class Updated:
    """A claim brought up to date.

    Attributes:
        watched: the claim with all that is recorded of it.
        new: lines that this update recorded.
        trades: its trades since the start, with `state`: closed, open or cut.
        end: when the last bar closes, UTC.
        notes: what there is to say.
    """

    watched: Watched
    new: tuple[Line, ...]
    trades: pd.DataFrame
    end: pd.Timestamp
    notes: tuple[Note, ...]

    @property
    def open(self) -> pd.DataFrame:
        """Trades that may still end by their rules."""
        return self.trades[self.trades["state"] == "open"]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the claim, when its data end, its trades, and notes in words."""
        names = ["trade_id", "symbol", "side", "signal_time", "entry_time", "entry_price"]
        names += ["exit_time", "exit_price", "exit_reason", "return", "state"]
        rows = self.trades[names].to_dict("records")
        return {
            **self.watched.to_dict(),
            "data_until": self.end.isoformat(),
            "new": [to_record(line) for line in self.new],
            "trades": [{str(k): _plain(v) for k, v in row.items()} for row in rows],
            "notes": [line.text for line in note_lines(self.notes)],
        }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


def update_claims(
    workspace: Workspace,
    names: Sequence[str] = (),
    *,
    fetch: bool = False,
    step: Step,
    opened: dict[DataRequest, Dataset] | None = None,
) -> tuple[Updated, ...]:
    """Bring claims up to date with the stored data.

    Args:
        workspace: where names are looked up, and the claims file is.
        names: of claims; by default all that are not closed.
        fetch: first fetch what is new of their data sets.
        step: told what is being done.
        opened: is given the data sets that were opened, for those who go on with them.

    Returns:
        In the order of their registration; empty where nothing is watched.

    Raises:
        StoreError: a line of the claims file was changed.
        ParameterError: the code of a claim's signal or its universe was changed; it is closed.
        FadeFollowError: any other of its kinds, where data are not as they must be.
    """
    file = ClaimsFile(workspace.runs / CLAIMS)
    chosen = chosen_claims(file.lines(), names, open_only=True)
    if fetch:
        for name in dict.fromkeys(one.claim.dataset for one in chosen.values()):
            fetch_new(workspace, name, step=step)
    opened = {} if opened is None else opened
    done = []
    for number, (name, one) in enumerate(chosen.items()):
        step(f"updating {name}", number / len(chosen))
        dataset = _opened(workspace, one.claim, opened)
        found = trades_of(workspace, one.claim, dataset)
        done.append(_recorded(file, one.claim, found))
    return tuple(done)


def chosen_claims(
    lines: Sequence[Line], names: Sequence[str], *, open_only: bool = False
) -> dict[str, Watched]:
    """Claims by name: those asked for, or all.

    Args:
        lines: of the claims file.
        names: of claims; a part of a name that only one claim has will do.
        open_only: leave closed ones out, and refuse them where they are asked for.

    Raises:
        UnknownNameError: there is no such claim.
        ParameterError: several have that part in their names, or it is closed.
    """
    every = watched_claims(lines)
    if not names:
        return {n: one for n, one in every.items() if not open_only or one.closing is None}
    return {name: every[name] for name in (_named(every, n, open_only=open_only) for n in names)}


def _named(every: Mapping[str, Watched], asked: str, *, open_only: bool) -> str:
    alike = [asked] if asked in every else [name for name in every if asked in name]
    if open_only and len(alike) > 1:
        alike = [name for name in alike if every[name].closing is None] or alike
    if not alike:
        raise unknown("claim", asked, every)
    if len(alike) > 1:
        raise ParameterError("several claims match", got=f"{asked!r}: {', '.join(alike)}")
    if open_only and every[alike[0]].closing is not None:
        raise ParameterError("this claim is closed", got=alike[0])
    return alike[0]


def trades_of(workspace: Workspace, claim: Claim, dataset: Dataset) -> Traded:
    """The trades of a claim, if all that decides them is as it was registered.

    Raises:
        ParameterError: the signal's code or the universe's rule was changed.
    """
    signal = detector_of(workspace, claim)
    formed = dataset.universe
    rule = None if formed is None else formed.rule.words
    for what, same in (
        (f"the code of signal {claim.bet.signal}", code_hash(signal) == claim.code),
        (f"the universe of data set {claim.dataset}", rule == claim.universe_rule),
    ):
        if not same:
            raise ParameterError(
                f"{what} was changed since the claim was registered",
                where=claim.claim,
                hint="restore it, or `fadefollow watch close` the claim and add it anew",
            )
    return claim_trades(dataset, claim, signal)


def detector_of(workspace: Workspace, claim: Claim) -> Signal:
    """The signal of a claim, with the parameters that were registered."""
    strategy = workspace.checked(claim.bet, where=f"claim {claim.claim}")
    return workspace.detector(strategy)


def fetch_new(workspace: Workspace, name: str, *, step: Step) -> None:
    """Fetch what a venue has since the last stored bars: the same coins and streams.

    Raises:
        ParameterError: the data set is not one to fetch.
        DataError: the venue refuses or does not answer; what came is kept.
    """
    spec = load_spec(workspace.path("datasets", name))
    if spec.source != "fetch":
        raise ParameterError(
            "--fetch is for data sets of an exchange",
            got=f"{name}, which is imported",
            hint="import the new files with `fadefollow data import`, then update without --fetch",
        )
    tables = Store(workspace.store).read(name).tables
    lasts = [as_utc(entries["perp"].last) for entries in tables.values() if "perp" in entries]
    if not lasts:
        raise DataError("no perp is stored whose end a fetch could go on from", where=name)
    streams = dict.fromkeys(s.partition(":")[0] for entries in tables.values() for s in entries)
    request = FetchRequest(tuple(tables), min(lasts) - _AGAIN, streams=tuple(streams))
    fetch_job(spec, name, request, workspace.store, progress=step)


def new_lines(state: Watched, sums: DaySums, cut: Sequence[int]) -> list[Line]:
    """The lines that a claim's finished blocks add to what is recorded.

    Args:
        state: what is recorded; its blocks stand, whatever the data say of them now.
        sums: of all finished blocks, from the data there are.
        cut: trades of each that the end of a coin's data cut off.
    """
    known, name = len(state.blocks), state.claim.claim
    old = state.sums
    whole = DaySums(
        np.concatenate([old.total, sums.total[known:]]),
        np.concatenate([old.count, sums.count[known:]]),
    )
    claim = state.claim
    smallest = claim.smallest_bps / 1e4
    answer = Answer.of(whole, claim.past, alpha=claim.alpha, smallest=smallest)
    lines = list[Line]()
    decided, gone = state.decision is not None, state.alarm is not None
    for block in range(known, len(whole.total)):
        total, count = float(whole.total[block]), float(whole.count[block])
        lines.append(BlockLine(name, block, total, count, int(cut[block])))
        if not decided and answer.decided is not None and answer.decided <= block:
            lines.append(_word(name, answer, block))
            decided = True
        alarm = claim.past.alarm
        if not gone and alarm and answer.gone is not None and answer.gone <= block:
            height = float(answer.alarm[block])
            lines.append(AlarmLine(name, block, height, alarm.threshold))
            gone = True
    return lines


def _word(name: str, answer: Answer, block: int) -> WordLine:
    low, high = float(answer.low[block]), float(answer.high[block])
    return WordLine(
        name,
        block,
        answer.word,
        1e4 * float(answer.mean[block]),
        1e4 * low if np.isfinite(low) else None,
        1e4 * high if np.isfinite(high) else None,
        float(answer.e_value[block]),
    )


def _opened(workspace: Workspace, claim: Claim, opened: dict[DataRequest, Dataset]) -> Dataset:
    request = request_of(claim)
    if request not in opened:
        opened[request] = open_named(workspace, request)
    return opened[request]


def _recorded(file: ClaimsFile, claim: Claim, found: Traded) -> Updated:
    """Record a claim's finished blocks, and what they decide."""
    rule, mine = claim.blocks, found.since(claim.starts)
    blocks = rule.finished(found.end)
    sums = block_sums(mine, rule, blocks)
    lost = rule.block_of(mine["entry_time"][mine["state"] == "cut"])
    cut = np.bincount(lost[(lost >= 0) & (lost < blocks)], minlength=blocks)

    def lines(before: list[Line]) -> list[Line]:
        return new_lines(watched_claims(before)[claim.claim], sums, [int(c) for c in cut])

    state = watched_claims(file.lines())[claim.claim]
    if len(state.blocks) > blocks:
        raise DataError(
            "the data end before what was recorded of a claim",
            got=f"{found.end:%Y-%m-%d %H:%M} UTC, {len(state.blocks) - blocks} blocks too early",
            where=claim.claim,
            hint="restore the data set, or fetch it anew",
        )
    new = file.append(lines) if len(state.blocks) < blocks else []
    state = watched_claims(file.lines())[claim.claim]
    notes = (*found.notes, *_restated(state, sums))
    return Updated(state, tuple(new), mine, found.end, notes)


def _restated(state: Watched, sums: DaySums) -> list[Note]:
    """A note on recorded blocks of which the data now say something else."""
    was = state.sums
    k = min(len(was.total), len(sums.total))
    differs = (np.abs(was.total[:k] - sums.total[:k]) > _SAME) | (was.count[:k] != sums.count[:k])
    if not differs.any():
        return []
    return [Note("claim-restated", {}, {"claim": state.claim.claim, "blocks": int(differs.sum())})]
