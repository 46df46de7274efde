"""The result of a scan: present phases with past verdicts, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.engine.model import BOOKS
from fadefollow.results.notes import note_record

#: 2: fates, and words by stance and book, in place of one verdict a strategy and phase
SCHEMA = 2


@dataclass(frozen=True)
class Tried:
    """Past result of one stance on a phase in one book; NaN where the run could not say."""

    word: str
    n_trades: int
    mean_net_bps: float
    ci_bps: tuple[float, float]  #: that the word is read from; of early runs the plain one
    p_adjusted: float  #: corrected for all that the run tried
    detectable_bps: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**vars(self), "ci_bps": list(self.ci_bps)}


@dataclass(frozen=True)
class Standing:
    """What the last run on it says of one strategy's phase; without a run it was never measured."""

    strategy: str
    phase: str
    measure_on: str  #: the data set on which a run would measure it
    run: str = ""  #: name of the run's folder; empty: not measured
    report: Path | None = None
    dataset: str = ""
    symbols: tuple[str, ...] = ()
    first: str = ""  #: first and last bar of the run's data, UTC
    last: str = ""
    claim: str = ""
    fate: str = ""
    book: str = ""  #: that speaks; empty: none does
    fates: Mapping[str, str] = field(default_factory=dict)  #: by book
    #: by stance and book; what was not traded is absent
    tried: Mapping[tuple[str, str], Tried] = field(default_factory=dict)
    settle: Mapping[str, Any] | None = None  #: what would settle it, as the run's record has it
    #: why it is less than the verdict on just this: other settings, other data, …
    caveats: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether there is a run."""
        return bool(self.run)

    @property
    def speaking(self) -> str:
        """The book that its figures are shown in: the one that speaks, else the outright one."""
        return self.book or "outright"

    @property
    def fade(self) -> Tried | None:
        """Fading in the book that speaks; None: not traded."""
        return self.tried.get(("fade", self.speaking))

    @property
    def follow(self) -> Tried | None:
        """Following in the book that speaks; None: not traded."""
        return self.tried.get(("follow", self.speaking))

    @property
    def verdict(self) -> str:
        """What became of the claim; empty where nothing was measured."""
        return self.fate

    @property
    def detectable_bps(self) -> float:
        """The smallest edge that some stance in the book that speaks would have shown."""
        known = [one.detectable_bps for one in (self.fade, self.follow) if one is not None]
        return min((bps for bps in known if not math.isnan(bps)), default=math.nan)

    @property
    def measure(self) -> str:
        """The command that would measure it."""
        return f"fadefollow run {self.strategy} --dataset {self.measure_on}"

    def to_dict(self) -> dict[str, Any]:
        """As plain values; `run` is null where nothing was measured."""
        told: dict[str, Any] = {
            "strategy": self.strategy,
            "phase": self.phase,
            "run": self.run or None,
            "measure": self.measure,
        }
        if not self.measured:
            return told
        more: dict[str, Any] = {
            "report": None if self.report is None else self.report.as_posix(),
            "dataset": self.dataset,
            "symbols": list(self.symbols),
            "first": self.first,
            "last": self.last,
            "claim": self.claim,
            "fate": self.fate,
            "fate_book": self.book or None,
            "fates": dict(self.fates),
            "fade": self._books("fade"),
            "follow": self._books("follow"),
            "settle": self.settle,
            "caveats": list(self.caveats),
        }
        return told | more

    def _books(self, stance: str) -> dict[str, Any]:
        found = {book: self.tried.get((stance, book)) for book in BOOKS}
        return {book: None if one is None else one.to_dict() for book, one in found.items()}


@dataclass(frozen=True)
class Running:
    """A strategy for which a phase is present: its longest hold is not over yet."""

    strategy: str
    hold_hours: float
    hours_left: float  #: above 0, until a position opened on the event would be over


@dataclass(frozen=True)
class ScanRow:
    """One phase that is present in one coin.

    Attributes:
        symbol, signal, phase: what and where.
        params: of the signal.
        lean: +1 if the crowd (or whoever acts) leans long, −1 short.
        actor: who leans.
        known: when the event became known, UTC: the close of its bar.
        age_hours: from then to the scan's time.
        first: when the earliest event of the phase within the longest hold became known.
        times: so many events of the phase became known since then, this one among them.
        strength: raw, ≥ 0, in the signal's own unit.
        n_before: events of this phase that became known before, in all coins of the scan.
        stronger_than: the share of them that were weaker; NaN without any.
        price: close of the coin's last bar.
        price_time: when that bar closed, UTC.
        move_bps: of the price since the event became known, in the direction of the lean.
        bets: the strategies for which it is present, the longest left first.
    """

    symbol: str
    signal: str
    phase: str
    params: Mapping[str, Any]
    lean: int
    actor: str
    known: pd.Timestamp
    age_hours: float
    first: pd.Timestamp
    times: int
    strength: float
    n_before: int
    stronger_than: float
    price: float
    price_time: pd.Timestamp
    move_bps: float
    bets: tuple[Running, ...]

    @property
    def hours_left(self) -> float:
        """Hours until the longest hold of all strategies ends."""
        return self.bets[0].hours_left


@dataclass(frozen=True)
class Apart:
    """An excluded coin and the reason."""

    symbol: str
    kind: str  #: "untrusted": the audit stops at its data; "not fetched": the venue failed
    why: str


@dataclass(frozen=True)
class Unseen:
    """Phases that cannot be seen in some coins, as streams are missing or have ended."""

    symbols: tuple[str, ...]
    streams: tuple[str, ...]
    phases: tuple[str, ...]
    since: str = ""  #: when the streams ended, UTC; empty: they are not there

    def text(self) -> str:
        """In one sentence."""
        what = " and ".join(self.streams)
        ends = f"ended {self.since} UTC" if self.since else "missing"
        return f"{_few(self.symbols)}: {what} {ends}, so {_few(self.phases, 6)} cannot be seen"


@dataclass(frozen=True)
class Scan:
    """The result of a scan.

    Attributes:
        time: UTC; the close of the last bar, or of a live scan the venue's clock.
        dataset, title, bar: of the data.
        simulated: whether the coins are simulated.
        live: whether it was fetched for this scan.
        rows: the phases that are present, newest first.
        untrusted: coins of which nothing is shown.
        quiet: coins without any of the phases looked for.
        unseen: phases that could not be looked for.
        standings: what history says, by strategy and phase.
        notes: all else there is to say.
        page: where the scan was written as a page; None where it was not.
    """

    time: pd.Timestamp
    dataset: str
    title: str
    bar: pd.Timedelta
    simulated: bool
    live: bool
    rows: tuple[ScanRow, ...]
    untrusted: tuple[Apart, ...] = ()
    quiet: tuple[str, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    standings: Mapping[tuple[str, str], Standing] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    page: Path | None = None

    def history(self, row: ScanRow) -> tuple[Standing, ...]:
        """Past verdicts on a row, by strategy."""
        return tuple(self.standings[bet.strategy, row.phase] for bet in row.bets)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON: null for NaN, times in ISO form with UTC.

        `schema` (2), `time`, `dataset`, `title`, `bar_hours`, `simulated`, `live`, `rows`,
        `untrusted` (`symbol, kind, why`), `quiet` (coins), `unseen` (`symbols, streams, phases,
        since`), `notes` (`code, about, figures, text`). A row has the fields of `ScanRow`, and
        `history`: for each strategy `strategy, hold_hours, hours_left, run, measure`, and where
        there is a run (not null) `report, dataset, symbols, first, last, claim, fate, fate_book`,
        `fates` by book, `fade, follow` (by book `word, n_trades, mean_net_bps, ci_bps, p_adjusted,
        detectable_bps`; null: not traded), `settle, caveats`, and `includes_coin`.
        """
        plain = {
            "schema": SCHEMA,
            "time": self.time.isoformat(),
            "dataset": self.dataset,
            "title": self.title,
            "bar_hours": self.bar / pd.Timedelta(hours=1),
            "simulated": self.simulated,
            "live": self.live,
            "rows": [self._row(row) for row in self.rows],
            "untrusted": [dict(vars(coin)) for coin in self.untrusted],
            "quiet": list(self.quiet),
            "unseen": [{**vars(u), "since": u.since or None} for u in self.unseen],
            "notes": [note_record(note) for note in self.notes],
        }
        told: dict[str, Any] = _cleaned(plain)
        return told

    def _row(self, row: ScanRow) -> dict[str, Any]:
        made = {**vars(row), "params": dict(row.params), "hours_left": row.hours_left}
        del made["bets"]
        for name in ("known", "first", "price_time"):
            made[name] = getattr(row, name).isoformat()
        made["history"] = [
            {**vars(bet), **standing.to_dict(), "includes_coin": row.symbol in standing.symbols}
            for bet, standing in zip(row.bets, self.history(row), strict=True)
        ]
        return made


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _few(names: tuple[str, ...], most: int = 4) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
