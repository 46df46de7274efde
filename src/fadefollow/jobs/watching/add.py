"""The job behind `fadefollow watch add`: a claim is registered before its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from fadefollow.core.utc import stamp
from fadefollow.core.version import __version__
from fadefollow.engine.model import BOOKS, BookName
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import ParameterError, unknown
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import Step, with_smallest
from fadefollow.jobs.watching.trades import (
    Question,
    Traded,
    code_hash,
    costs_table,
    traded,
)
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest, time_of
from fadefollow.market.datasets.spec import load_spec
from fadefollow.phases import STANCES, Stance
from fadefollow.results.claims import CLAIMS, Claim, ClaimsFile, Line, watched_claims
from fadefollow.verdict.run.measure import Settings
from fadefollow.verdict.run.prepare import Bet, seen_by
from fadefollow.verdict.sequential.answer import Past
from fadefollow.verdict.sequential.blocks import BlockRule, block_days, block_sums
from fadefollow.verdict.sequential.cusum import FALSE_ALARMS
from fadefollow.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ClaimRequest:
    """What is claimed, as a command asks for it; None where the default is meant.

    Attributes:
        strategy: its name.
        data: which data.
        phase: by default the strategy's only one.
        stance: by default the one that the strategy claims.
        book: by default hedged where trades are hedged, else outright.
        start: the first day (UTC); by default the next after now and after the stored data.
        smallest_bps: the smallest edge worth trading; by default the strategy's.
    """

    strategy: str
    data: DataRequest = field(default_factory=DataRequest)
    phase: str | None = None
    stance: str | None = None
    book: str | None = None
    start: str | None = None
    smallest_bps: float | None = None


def add_claim(
    workspace: Workspace, request: ClaimRequest, *, step: Step, now: pd.Timestamp | None = None
) -> Claim:
    """Register a claim in the claims file of the workspace.

    Args:
        workspace: where names are looked up and the file is.
        request: what is claimed.
        step: told what is being done.
        now: of the registration, UTC; by default this machine's clock.

    Raises:
        ParameterError: a claim that cannot be, is watched already, or starts in data that are
            stored.
        FadeFollowError: any of its kinds, where names or data are not as they must be; nothing is
            written then.
    """
    now = now or pd.Timestamp.now(tz="UTC")
    settings = Settings(smallest_bps=workspace.settings.smallest_bps)
    strategy = with_smallest(
        workspace.strategy(request.strategy), settings, asked=request.smallest_bps
    )
    signal = workspace.detector(strategy)
    filled = strategy.model_copy(update={"params": signal.model_dump(mode="json")})
    phase, stance = _phase(strategy, request.phase), _stance(strategy, request.stance)
    step("reading the data", None)
    dataset = _watchable(workspace, request.data)
    step("trading the history", None)
    bet, accept = (filled, signal), request.data.accept or ()
    question, history = _question(dataset, bet, (phase, stance, request.book), accept)
    start = _start(request.start, history.end, now)
    formed = seen_by(dataset, bet).universe
    assert strategy.smallest_bps is not None

    def line(before: list[Line]) -> Sequence[Line]:
        return [
            Claim(
                claim=_name(before, strategy.name, question, dataset.name),
                registered=stamp(now),
                start=stamp(start),
                seen_until=stamp(history.end),
                dataset=dataset.name,
                symbols=request.data.symbols,
                universe=request.data.universe,
                universe_rule=None if formed is None else formed.rule.words,
                revised=request.data.revised,
                accept=tuple(accept),
                strategy=filled.model_dump(mode="json", exclude_none=True),
                phase=question.phase,
                stance=question.stance,
                book=question.book,
                code=code_hash(signal),
                version=__version__,
                costs=costs_table(dataset, strategy),
                smallest_bps=float(strategy.smallest_bps or 0.0),
                alpha=workspace.settings.alpha,
                false_alarms=FALSE_ALARMS,
                past=past_of(history, start, false_alarms=FALSE_ALARMS),
            )
        ]

    (claim,) = ClaimsFile(workspace.runs / CLAIMS).append(line)
    assert isinstance(claim, Claim)
    return claim


def past_of(history: Traded, start: pd.Timestamp, *, false_alarms: float) -> Past:
    """What the trades before a claim's start say.

    Their blocks end at the start and begin with the one of the first trade; the last ones, whose
    trades had not ended, are left out.
    """
    hold = history.plan.rules.hold_hours
    days = pd.Timedelta(days=block_days(hold))
    trades = history.trades[history.trades["entry_time"] < start]
    back = int(-((trades["entry_time"].min() - start) // days)) if len(trades) else 0
    rule = BlockRule.of(start - back * days, hold_hours=hold)
    blocks = min(back, rule.finished(history.end))
    return Past.of(
        block_sums(trades, rule, blocks),
        blocks_a_year=rule.a_year,
        hold_hours=hold,
        false_alarms=false_alarms,
    )


def _watchable(workspace: Workspace, data: DataRequest) -> Dataset:
    """The data set, if there can be anything new in it."""
    name = data.dataset or workspace.settings.default_dataset
    if load_spec(workspace.path("datasets", name)).source == "lab":
        raise ParameterError(
            "a simulated data set has no new data to watch",
            got=name,
            hint="name one that is fetched or imported: --dataset NAME",
        )
    dataset = open_named(workspace, data)
    if dataset.holdout is not None and not dataset.holdout_open:
        raise ParameterError(
            "a data set with a closed holdout shows nothing new",
            got=f"{name}, from {dataset.holdout:%Y-%m-%d} on",
            hint="watch a data set without holdout_from",
        )
    return dataset


def _question(
    dataset: Dataset, bet: Bet, asked: tuple[str, Stance, str | None], accept: tuple[str, ...]
) -> tuple[Question, Traded]:
    """What is claimed, and its trades; without a book the hedged one where there is one."""
    phase, stance, book = asked
    if book is not None and book not in BOOKS:
        raise ParameterError(f"--book must be {' or '.join(BOOKS)}", got=repr(book))
    chosen: BookName = "hedged" if book == "hedged" else "outright"
    question = Question(phase, stance, chosen)
    found = traded(dataset, bet, question, accept=accept)
    if book is None and found.plan.basket is not None:
        question = Question(phase, stance, "hedged")
        found = traded(dataset, bet, question, accept=accept)
    return question, found


def _phase(strategy: Strategy, asked: str | None) -> str:
    if asked is None and len(strategy.phases) == 1:
        return strategy.phases[0]
    if asked is None:
        raise ParameterError(
            "a claim is about one phase",
            got=f"{len(strategy.phases)} of strategy {strategy.name}",
            hint=f"--phase {' or '.join(strategy.phases)}",
        )
    if asked not in strategy.phases:
        raise unknown("phase", asked, strategy.phases, where=f"strategy {strategy.name}")
    return asked


def _stance(strategy: Strategy, asked: str | None) -> Stance:
    chosen = asked or strategy.claim
    for stance in STANCES:
        if chosen == stance:
            return stance
    if asked is None:
        raise ParameterError(
            "a claim takes one side, and this strategy's is disputed",
            got=strategy.name,
            hint=f"--stance {' or '.join(STANCES)}",
        )
    raise ParameterError(f"--stance must be {' or '.join(STANCES)}", got=repr(asked))


def _start(asked: str | None, seen: pd.Timestamp, now: pd.Timestamp) -> pd.Timestamp:
    """The start of a claim: a midnight after all stored data."""
    if asked is None:
        return max(now, seen).ceil("D")
    start = time_of(asked, "--start")
    assert start is not None
    if start != start.floor("D"):
        raise ParameterError("--start must be a day", got=repr(asked), hint=f"{seen.ceil('D'):%F}")
    if start < seen:
        raise ParameterError(
            "a claim must start after the data that it could be chosen by",
            got=f"{start:%Y-%m-%d}; data are stored until {seen:%Y-%m-%d %H:%M}",
            hint=f"--start {seen.ceil('D'):%Y-%m-%d}, or none",
        )
    return start


def _name(before: Sequence[Line], strategy: str, question: Question, dataset: str) -> str:
    """A name that no claim has; a claim that is watched already is refused."""
    watched = watched_claims(before)
    asked = (strategy, question.phase, question.stance, question.book, dataset)
    for name, one in watched.items():
        claim = one.claim
        same = (claim.strategy["name"], claim.phase, claim.stance, claim.book, claim.dataset)
        if same == asked and one.closing is None:
            raise ParameterError(
                "this claim is watched already",
                got=name,
                hint=f"fadefollow watch close {name} --why …, and add it again",
            )
    base = f"{strategy}-{question.phase}-{question.stance}-{question.book}"
    number = next(n for n in range(1, len(watched) + 2) if _numbered(base, n) not in watched)
    return _numbered(base, number)


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"
