"""Two or more stored runs side by side: what differs in what they were made of and in results.

Nothing is computed anew and nothing tested: each run keeps its own means and intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from fadefollow.engine.model import BOOKS
from fadefollow.errors import ParameterError
from fadefollow.phases import STANCES
from fadefollow.reporting.comparison.settings import Setting, settings
from fadefollow.reporting.text.metrics import Column
from fadefollow.results.stored_run import StoredRun
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult, Verdict
from fadefollow.verdict.words import Word

#: what runs are called in a comparison, in the order given
LETTERS = "ABCDEFGH"
#: what makes a trade the same bet in two runs
_BET = ["strategy", "stance", "symbol", "leg", "side", "entry_time"]
#: returns differ by rounding up to so much
_ROUNDING = 1e-9

Span = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True)
class Stored:
    """A run of a comparison."""

    letter: str
    folder: Path
    run: RunResult
    tuning: Tuning | None = None

    @property
    def span(self) -> Span | None:
        """Open times of the first and the last bar, UTC; None without bars."""
        prices = self.run.prices.values()
        edges = [time for frame in prices if len(frame) for time in frame.index[[0, -1]]]
        return (min(edges), max(edges)) if edges else None

    @property
    def coins(self) -> tuple[str, ...]:
        """In the order of the run."""
        return tuple(self.run.prices)


@dataclass(frozen=True)
class Row:
    """One strategy × phase in all runs; None where a run does not have it."""

    strategy: str
    phase: str
    split: str | None
    verdicts: tuple[Verdict | None, ...]

    @property
    def present(self) -> tuple[Verdict, ...]:
        """The verdicts that there are."""
        return tuple(v for v in self.verdicts if v is not None)

    @property
    def flipped(self) -> bool:
        """Whether two runs give the claim another fate."""
        return len({v.fate for v in self.present}) > 1

    @property
    def words_differ(self) -> tuple[Column, ...]:
        """Stances and books that have another word in another run that traded them."""
        return tuple(key for key in self._columns if len(set(self._words(key))) > 1)

    @property
    def _columns(self) -> tuple[Column, ...]:
        return tuple((stance, book) for stance in STANCES for book in BOOKS)

    def _words(self, key: Column) -> Iterator[Word]:
        for verdict in self.present:
            one = verdict.results.get(key)
            if one is not None:
                yield one.word

    @property
    def apart(self) -> tuple[Column, ...]:
        """Stances and books with two runs whose intervals do not overlap."""
        return tuple(key for key in self._columns if _apart(self, key))

    @property
    def partial(self) -> bool:
        """Whether a run lacks it."""
        return None in self.verdicts

    @property
    def changed(self) -> bool:
        """Whether there is something to look at."""
        return self.flipped or self.partial or bool(self.apart) or bool(self.words_differ)

    @property
    def equal(self) -> bool:
        """Whether all runs have the same verdict with the same numbers."""
        told = {repr(asdict(v)) for v in self.present}  # in which NaN equals NaN
        return not self.partial and len(told) == 1


@dataclass(frozen=True)
class Overlap:
    """The trades of one strategy in two runs, in the time and the coins that both have.

    A trade is in both where strategy, stance, coin, leg, side and entry are the same.
    """

    strategy: str
    one: str  #: letters of the runs
    other: str
    both: int
    same: int  #: of these, left at the same time with the same return
    only_one: int
    only_other: int
    outside: int  #: trades of either in time or coins that the other has not


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        runs: two or more, in the order given.
        settings: those that differ.
        equal: how many settings are the same in all runs that have them.
        rows: strategy × phase in the order of the runs.
        overlaps: of the first run with each other one, strategies that both have.
    """

    runs: tuple[Stored, ...]
    settings: tuple[Setting, ...]
    equal: int
    rows: tuple[Row, ...]
    overlaps: tuple[Overlap, ...]

    @property
    def shared(self) -> tuple[Row, ...]:
        """Rows that all runs have."""
        return tuple(row for row in self.rows if not row.partial)

    @property
    def flips(self) -> tuple[Row, ...]:
        """Rows with another fate in another run."""
        return tuple(row for row in self.rows if row.flipped)

    @property
    def same_data(self) -> bool:
        """Whether all runs rest on data with the same fingerprint."""
        known = {
            (one.run.dataset.get("name"), one.run.dataset.get("fingerprint")) for one in self.runs
        }
        return len(known) == 1

    @property
    def same_span(self) -> bool:
        """Whether all runs begin and end with the same bar."""
        return len({one.span for one in self.runs}) == 1

    @property
    def same_coins(self) -> bool:
        """Whether all runs have the same coins."""
        return len({frozenset(one.coins) for one in self.runs}) == 1


def read_runs(folders: Sequence[Path]) -> tuple[Stored, ...]:
    """The runs stored in `folders`, with letters.

    Raises:
        ParameterError: fewer than 2 or more than 8, or one twice.
        StoreError: a folder is no run, or one of its files cannot be read.
    """
    if not 2 <= len(folders) <= len(LETTERS):
        raise ParameterError(f"2 to {len(LETTERS)} runs can be compared", got=len(folders))
    twice = [path.name for at, path in enumerate(folders) if path in folders[:at]]
    if twice:
        raise ParameterError("a run is compared with others", got=f"{twice[0]} twice")
    runs = map(StoredRun, folders)
    return tuple(
        Stored(letter, run.folder, run.result, run.tuning)
        for letter, run in zip(LETTERS, runs, strict=False)
    )


def compare(runs: Sequence[Stored]) -> Comparison:
    """What differs between runs, in configuration and in results."""
    known = settings([one.run for one in runs], [one.span for one in runs])
    return Comparison(
        runs=tuple(runs),
        settings=tuple(one for one in known if one.differs),
        equal=sum(not one.differs for one in known),
        rows=tuple(_rows(runs)),
        overlaps=tuple(found for other in runs[1:] for found in _overlaps(runs[0], other)),
    )


def _rows(runs: Sequence[Stored]) -> Iterator[Row]:
    tables = [{(v.strategy, v.phase, v.split): v for v in one.run.verdicts} for one in runs]
    # a strategy's phases stay together, whichever run has them
    keys = dict.fromkeys(key for table in tables for key in table)
    strategies = list(dict.fromkeys(strategy for strategy, _, _ in keys))
    for key in sorted(keys, key=lambda key: strategies.index(key[0])):
        yield Row(*key, tuple(table.get(key) for table in tables))


def _apart(row: Row, key: Column) -> bool:
    found = (v.results[key] for v in row.present if key in v.results)
    known = [one.ci_bps for one in found if all(map(_finite, one.ci_bps))]
    return any(a[1] < b[0] or b[1] < a[0] for a, b in combinations(known, 2))


def _finite(value: float) -> bool:
    return math.isfinite(value)


def _overlaps(one: Stored, other: Stored) -> Iterator[Overlap]:
    names = [set(part.run.trades["strategy"].astype(str)) for part in (one, other)]
    for strategy in dict.fromkeys(str(v.strategy) for v in one.run.verdicts):
        if all(strategy in known for known in names):
            yield _overlap(one, other, strategy)


def _overlap(one: Stored, other: Stored, strategy: str) -> Overlap:
    tables = [_bets(part, strategy) for part in (one, other)]
    inside = [_inside(table, part) for table, part in zip(tables, (other, one), strict=True)]
    a, b = (table[kept] for table, kept in zip(tables, inside, strict=True))
    found = a.merge(b, on=[*_BET, "#"], how="outer", indicator=True)
    both = found[found["_merge"] == "both"]
    close = np.isclose(both["return_x"], both["return_y"], rtol=0, atol=_ROUNDING, equal_nan=True)
    return Overlap(
        strategy,
        one.letter,
        other.letter,
        both=len(both),
        same=int((close & (both["exit_time_x"] == both["exit_time_y"])).sum()),
        only_one=int((found["_merge"] == "left_only").sum()),
        only_other=int((found["_merge"] == "right_only").sum()),
        outside=int(sum((~kept).sum() for kept in inside)),
    )


def _bets(one: Stored, strategy: str) -> pd.DataFrame:
    trades = one.run.trades
    mine = trades.loc[trades["strategy"].astype(str) == strategy, [*_BET, "exit_time", "return"]]
    mine = mine.astype(dict.fromkeys(_BET[:4], str))
    return mine.assign(**{"#": mine.groupby(_BET).cumcount()})


def _inside(trades: pd.DataFrame, other: Stored) -> pd.Series:
    """Which trades lie in the time and the coins of the other run."""
    span = other.span
    if span is None:
        return pd.Series(data=False, index=trades.index)
    return trades["symbol"].isin(other.coins) & trades["entry_time"].between(*span)
