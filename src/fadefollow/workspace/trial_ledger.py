"""The trial ledger: configurations evaluated on each data set, and opened holdouts.

One JSON object a line, only ever appended. Writers take turns and flush to the disk; a line that a
killed writer left unfinished never counted, and the next writer removes it.
"""

from __future__ import annotations

import json
import math
import numbers
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import Timeout

from fadefollow.core.json_lines import append_in_turn, finished_lines, line_of
from fadefollow.core.reading import parsed_json
from fadefollow.errors import StoreError

#: name of the file in the folder of runs
LEDGER = "trials.jsonl"
LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Trial:
    """One question that was looked at: a configuration in one stance and book on one phase.

    Evaluated on one data set. Times are UTC.
    """

    dataset: str  #: its name
    fingerprint: str  #: of its data
    configuration: str  #: see `fadefollow.workspace.trial_records.configuration`
    strategy: str
    phase: str
    stance: str
    daily_sharpe: float  #: not annualised; NaN where nothing was traded
    seen_until: str  #: when the last bar that it saw closed, ISO 8601
    time: str  #: of the evaluation, ISO 8601
    command: str
    book: str = "outright"  #: which lines of earlier versions do not say


@dataclass(frozen=True)
class Opening:
    """A holdout was opened. Times are UTC."""

    dataset: str
    fingerprint: str
    holdout_from: str  #: ISO 8601
    time: str
    command: str


Line = Trial | Opening
_KINDS: dict[str, type[Line]] = {"trial": Trial, "opening": Opening}
Kind = TypeVar("Kind", Trial, Opening)


@dataclass(frozen=True)
class Known:
    """Number and variance of the trials on a data set, for deflation."""

    count: int  #: configurations × phases × stances × books, each counted once
    variance: float  #: between their daily Sharpe ratios; 0 where fewer than two have one


def known_of(rows: Iterable[Trial]) -> Known:
    """Number of distinct trials, and the variance between their latest Sharpe ratios."""
    latest = {(r.configuration, r.phase, r.stance, r.book): r.daily_sharpe for r in rows}
    sharpes = [value for value in latest.values() if math.isfinite(value)]
    return Known(len(latest), statistics.variance(sharpes) if len(sharpes) > 1 else 0.0)


@dataclass(frozen=True)
class Ledger:
    """The ledger in the file `path`, which need not exist yet.

    A data set is recognised by the fingerprint of its data, and where `dataset` is given also by
    its name: history that has grown since has another fingerprint, but has been searched.
    """

    path: Path

    def record(self, rows: Iterable[Line]) -> None:
        """Append trials or openings, all of them or none.

        Raises:
            StoreError: the file cannot be written, or another process keeps it locked.
        """
        text = "".join(_text(row) for row in rows)
        if not text:
            return
        try:
            append_in_turn(self.path, text.encode(), timeout=LOCK_SECONDS)
        except Timeout:
            raise self._error(f"a lock held for more than {LOCK_SECONDS:g} s") from None
        except OSError as error:
            raise self._error(error.strerror or str(error)) from error

    def record_new(self, rows: Iterable[Trial]) -> None:
        """Append the trials that the ledger lacks."""
        known = {_known(row) for row in self.lines() if isinstance(row, Trial)}
        self.record([row for row in rows if _known(row) not in known])

    def trials(
        self, fingerprint: str, dataset: str | None = None, *, without_phase: str | None = None
    ) -> Known:
        """Number of distinct trials on a data set, and the variance between their Sharpe ratios.

        A configuration that was evaluated again counts once, with its latest Sharpe ratio.

        Args:
            fingerprint, dataset: how the data set is recognised.
            without_phase: leave the trials on this phase out.
        """
        rows = self._of(Trial, fingerprint, dataset)
        return known_of(row for row in rows if row.phase != without_phase)

    def openings(self, fingerprint: str, dataset: str | None = None) -> list[Opening]:
        """When and by whom a data set's holdout was opened, in order."""
        return list(self._of(Opening, fingerprint, dataset))

    def seen_after(self, time: str, fingerprint: str, dataset: str | None = None) -> list[Trial]:
        """Trials that saw data from after `time` (ISO 8601, UTC), in order of evaluation."""
        return [row for row in self._of(Trial, fingerprint, dataset) if row.seen_until > time]

    def seen_unopened(self, time: str, fingerprint: str, dataset: str | None = None) -> list[Trial]:
        """Those of `seen_after` that were recorded before the data set's holdout was opened.

        By their order in the file, as two lines may carry the same second.
        """
        seen = []
        for row in self.lines():
            if row.fingerprint == fingerprint or row.dataset == dataset:
                if isinstance(row, Opening):
                    break
                if row.seen_until > time:
                    seen.append(row)
        return seen

    def _of(self, kind: type[Kind], fingerprint: str, dataset: str | None) -> Iterator[Kind]:
        return (
            row
            for row in self.lines()
            if isinstance(row, kind) and (row.fingerprint == fingerprint or row.dataset == dataset)
        )

    def lines(self) -> list[Line]:
        """Everything in the ledger, in order.

        Raises:
            StoreError: it cannot be read, or a line is not as it was written.
        """
        try:
            whole = finished_lines(self.path)
        except OSError as error:
            raise self._error(error.strerror or str(error)) from error
        return [self._line(number, line) for number, line in enumerate(whole, 1)]

    def _line(self, number: int, line: bytes) -> Line:
        hint = "restore the file; without it the number of trials is not known"
        with line_of("the trial ledger", self.path, number, hint=hint):
            fields: dict[str, Any] = parsed_json(line)
            kind = _KINDS[fields.pop("kind")]
            if kind is Trial:
                fields["daily_sharpe"] = _sharpe(fields["daily_sharpe"])
            if odd := [n for n, v in fields.items() if n != "daily_sharpe" and type(v) is not str]:
                raise TypeError(f"{odd[0]} must be text")
            return kind(**fields)

    def _error(self, got: str) -> StoreError:
        return StoreError(
            "cannot read or write the trial ledger",
            got=got,
            where=str(self.path),
            hint="every evaluation is recorded in it; free some space or check permissions",
        )


def _sharpe(value: Any) -> float:
    """The Sharpe ratio in a line; JSON has no NaN."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError("daily_sharpe must be a number")
    return float(value)


def _known(row: Trial) -> tuple[str, ...]:
    """What makes a trial one that is known; NaN is equal to itself as text."""
    sharpe = repr(row.daily_sharpe)
    asked = row.configuration, row.phase, row.stance, row.book
    return row.fingerprint, *asked, row.seen_until, sharpe


def _text(row: Line) -> str:
    kind = next(name for name, made in _KINDS.items() if isinstance(row, made))
    fields = asdict(row)
    if isinstance(row, Trial) and not math.isfinite(row.daily_sharpe):
        fields["daily_sharpe"] = None
    return json.dumps({"kind": kind, **fields}, allow_nan=False) + "\n"
