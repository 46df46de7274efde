"""What is worth a message: a phase that began in a coin, a claim that was answered.

A phase of a coin is one event from its first record until a position opened on its last one would
be over: records that repeat while it is present are no news.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from fadefollow.results.claims import Watched
from fadefollow.scanning.model import Scan, ScanRow, Standing, _cleaned

#: of the body of a message
SCHEMA = 1
#: of a phase that no stored run has measured
UNMEASURED = "unmeasured"
_TOLD = ("strategy", "claim", "fate", "fate_book", "fates", "run", "dataset", "first", "last")
_TOLD_TOO = ("fade", "follow", "caveats")
_PLACE = ("symbol", "signal", "phase", "lean", "actor", "known", "age_hours", "hours_left")
_SIZE = ("times", "strength", "n_before", "stronger_than", "price", "price_time", "move_bps")


@dataclass(frozen=True)
class PhaseEvent:
    """A phase that is present in a coin, with what history and watched claims say of it."""

    dataset: str
    title: str
    row: ScanRow
    standings: tuple[Standing, ...]
    claims: tuple[Watched, ...]

    @property
    def key(self) -> str:
        """What stays the same from one record of the phase to the next."""
        params = json.dumps(dict(self.row.params), sort_keys=True, default=str)
        return _digest("phase", self.dataset, *self.where, self.row.signal, params)

    @property
    def known(self) -> pd.Timestamp:
        """When its newest record became known, UTC."""
        return self.row.known

    @property
    def lasts(self) -> pd.Timedelta:
        """How long after a record the phase is present."""
        return pd.Timedelta(hours=max(bet.hold_hours for bet in self.row.bets))

    @property
    def id(self) -> str:
        """Of the message: the same after a restart."""
        return _digest(self.key, self.known.isoformat())

    @property
    def where(self) -> tuple[str, str]:
        """Coin and phase."""
        return self.row.symbol, self.row.phase

    @property
    def fates(self) -> tuple[str, ...]:
        """What became of it in the past, by strategy."""
        return tuple(dict.fromkeys(one.fate or UNMEASURED for one in self.standings))

    def to_dict(self) -> dict[str, Any]:
        """As plain values: null for NaN, times in ISO form with UTC."""
        row = {name: getattr(self.row, name) for name in (*_PLACE, *_SIZE)}
        for name in ("known", "price_time"):
            row[name] = row[name].isoformat()
        told = [one.to_dict() for one in self.standings]
        made: dict[str, Any] = _cleaned(
            {
                "schema": SCHEMA,
                "id": self.id,
                "kind": "phase",
                "dataset": self.dataset,
                **row,
                "history": [{k: v for k, v in t.items() if k in _TOLD + _TOLD_TOO} for t in told],
                "watch": [claim_record(one) for one in self.claims],
            }
        )
        return made


@dataclass(frozen=True)
class ClaimEvent:
    """A watched claim that got its word, or whose confirmed edge has gone."""

    watched: Watched
    kind: Literal["word", "alarm"]
    known: pd.Timestamp  #: from when on the block counts that decided it, UTC

    @property
    def key(self) -> str:
        """A claim gets one word and one alarm."""
        return _digest("claim", self.watched.claim.claim, self.kind)

    @property
    def lasts(self) -> pd.Timedelta:
        """It does not repeat."""
        return pd.Timedelta(0)

    @property
    def id(self) -> str:
        """Of the message: the same after a restart."""
        return _digest(self.key, self.known.isoformat())

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        made: dict[str, Any] = _cleaned(
            {
                "schema": SCHEMA,
                "id": self.id,
                "kind": self.kind,
                "dataset": self.watched.claim.dataset,
                "phase": self.watched.claim.phase,
                "known": self.known.isoformat(),
                "watch": [claim_record(self.watched)],
            }
        )
        return made


Event = PhaseEvent | ClaimEvent


@dataclass(frozen=True)
class Filters:
    """What a reader wants to be told of; empty: all.

    Attributes:
        phases: names of phases, also of those that claims are about.
        coins: names of coins.
        fates: of the past, `unmeasured` where no run has looked; of several strategies one is
            enough.
    """

    phases: tuple[str, ...] = ()
    coins: tuple[str, ...] = ()
    fates: tuple[str, ...] = ()

    def pass_(self, event: Event) -> bool:
        """Whether an event is wanted; coins and fates say nothing of claims."""
        if isinstance(event, ClaimEvent):
            return not self.phases or event.watched.claim.phase in self.phases
        symbol, phase = event.where
        return (
            (not self.phases or phase in self.phases)
            and (not self.coins or symbol in self.coins)
            and (not self.fates or not set(self.fates).isdisjoint(event.fates))
        )


def phase_events(scan: Scan, claims: Mapping[str, Watched]) -> tuple[PhaseEvent, ...]:
    """The phases of a scan as events, the oldest first.

    Args:
        scan: of any data.
        claims: that are watched; those on a row's strategies and phase are told with it.
    """
    return tuple(
        PhaseEvent(scan.dataset, scan.title, row, scan.history(row), claims_on(row, claims))
        for row in reversed(scan.rows)
    )


def claims_on(row: ScanRow, claims: Mapping[str, Watched]) -> tuple[Watched, ...]:
    """The open claims on a row's strategies and phase."""
    names = {bet.strategy for bet in row.bets}
    return tuple(
        one
        for one in claims.values()
        if one.closing is None
        and one.claim.strategy["name"] in names
        and one.claim.phase == row.phase
    )


def claim_events(claims: Iterable[Watched]) -> tuple[ClaimEvent, ...]:
    """The words and alarms of claims that are not closed."""
    found = []
    for one in claims:
        lines: Sequence[tuple[Literal["word", "alarm"], Any]]
        lines = (("word", one.decision), ("alarm", one.alarm))
        for kind, line in lines:
            if line is not None and one.closing is None:
                found.append(ClaimEvent(one, kind, one.claim.blocks.settled(line.block)))
    return tuple(found)


def claim_record(one: Watched) -> dict[str, Any]:
    """A claim and its answer after the last block, as plain values."""
    claim = one.claim
    return {
        "claim": claim.claim,
        "strategy": str(claim.strategy["name"]),
        "phase": claim.phase,
        "stance": claim.stance,
        "book": claim.book,
        "dataset": claim.dataset,
        "start": claim.start,
        "word": one.word,
        "gone": one.alarm is not None,
        **one.last,
    }


def _digest(*parts: str) -> str:
    text = json.dumps(parts, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
