"""Two stored runs compared number by number.

Numbers are equal when they are exactly equal, and NaN equals NaN. What says only when and how
fast a run was made does not count: start, seconds, its command, and the order of its notes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from fadefollow.core.notes import Note
from fadefollow.engine.model import BOOKS, BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.exploratory import FragilityRow, SpaTest, SplitCell
from fadefollow.verdict.model import EventStudy, RunResult, StanceResult, Verdict

#: among rows with equal keys, which one
_COUNT = "#"
_VERDICT = ["strategy", "phase", "split"]


@dataclass(frozen=True)
class Example:
    """One value that differs."""

    row: str  #: whose it is, e.g. "fade_doors × short_door"
    field: str  #: e.g. "fade.mean_net_bps"
    then: float | str | None  #: None where there was none
    now: float | str | None

    @property
    def relative(self) -> float:
        """The difference over the larger of both sizes, 0 to 2; NaN between words."""
        return _relative(self.then, self.now)


@dataclass(frozen=True)
class Part:
    """One kind of rows of two runs, compared."""

    what: str  #: e.g. "trades"
    rows_then: int
    rows_now: int
    values: int  #: compared: fields of the rows that both runs have
    differing: int  #: of these
    gone: int  #: rows that only the earlier run has
    added: int  #: rows that only the later run has
    largest: Example | None = None  #: of the values that differ, the largest relative difference
    gone_example: str = ""  #: one of these rows
    added_example: str = ""

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        return not (self.differing or self.gone or self.added)


@dataclass(frozen=True)
class StanceAnswer:
    """One stance in one book, then and now."""

    stance: Stance
    book: BookName
    word: tuple[str, str]  #: empty where it was not traded
    mean_bps: tuple[float, float]  #: mean net return per trade; NaN where nothing was traded

    @property
    def differs(self) -> bool:
        """Whether its word or its mean is another now."""
        return not (_same(*self.word) and _same(*self.mean_bps))


@dataclass(frozen=True)
class Answer:
    """A verdict whose fate, words or means differ; each pair is (then, now)."""

    strategy: str
    phase: str
    fate: tuple[str, str]
    stances: tuple[StanceAnswer, ...]  #: those that were traded in one of the runs

    @property
    def reworded(self) -> bool:
        """Whether the fate or a word is another now."""
        return self.fate[0] != self.fate[1] or any(s.word[0] != s.word[1] for s in self.stances)


@dataclass(frozen=True)
class Differences:
    """Two runs, compared.

    Attributes:
        parts: by kind of rows, those that neither run has left out.
        answers: the verdicts of both whose fate, words or means differ, in their order.
        notes_gone: those of the earlier run only.
        notes_added: those of the later run only; notes do not count as differences.
    """

    parts: tuple[Part, ...]
    answers: tuple[Answer, ...]
    notes_gone: tuple[Note, ...]
    notes_added: tuple[Note, ...]

    @property
    def identical(self) -> bool:
        """Whether every value of every part is the same."""
        return all(part.identical for part in self.parts)

    @property
    def values(self) -> int:
        """Number of values compared."""
        return sum(part.values for part in self.parts)

    @property
    def differing(self) -> int:
        """Number of values that differ."""
        return sum(part.differing for part in self.parts)


def differences(
    then: RunResult,
    now: RunResult,
    *,
    tuning_then: Tuning | None = None,
    tuning_now: Tuning | None = None,
) -> Differences:
    """Differences of two runs as `read_run` and `read_tuning` returned them.

    Args:
        then: the earlier run.
        now: the later one.
        tuning_then, tuning_now: the tuning jobs that they come from.
    """
    tables = _tables(then), _tables(now)
    searches = _searches(tuning_then), _searches(tuning_now)
    parts = [
        _compared(what, keys, one[what], two[what])
        for keyed, (one, two) in ((_KEYS, tables), (_SEARCH_KEYS, searches))
        for what, keys in keyed.items()
    ]
    return Differences(
        tuple(part for part in parts if part.rows_then or part.rows_now),
        tuple(_other_answers(then.verdicts, now.verdicts)),
        _without(then.notes, now.notes),
        _without(now.notes, then.notes),
    )


# ---- runs as tables, one row a thing, one column a field ----

_KEYS: Mapping[str, list[str]] = {
    "verdicts": _VERDICT,
    "trades": ["strategy", "phase", "stance", "symbol", "signal_time", "leg"],
    "hedged trades": ["strategy", "phase", "stance", "symbol", "signal_time", "leg"],
    "phases": ["signal", "phase", "symbol", "time"],
    "equity": ["strategy", "stance", "time"],
    "hedged equity": ["strategy", "stance", "time"],
    "splits": ["strategy", "phase", "stance", "split", "cell"],
    "event studies": ["strategy", "phase"],
    "best book": [],
    "fragility": ["strategy", "phase", "change"],
    "prices": ["symbol", "time"],
}
_SEARCH_KEYS: Mapping[str, list[str]] = {
    "trials": ["fold", "number"],
    "folds": ["number"],
    "untuned books": ["stance"],
    "joined books": ["stance"],
    "probabilities": ["stance"],
}


def _tables(run: RunResult) -> dict[str, pd.DataFrame]:
    return {
        "verdicts": _flat(run.verdicts, Verdict),
        "trades": run.trades,
        "hedged trades": run.hedged_trades,
        "phases": run.phases,
        "equity": _long(run.equity),
        "hedged equity": _long(run.hedged_equity),
        "splits": _flat(run.splits, SplitCell),
        "event studies": _flat(run.event_studies, EventStudy),
        "best book": _flat([run.spa] if run.spa is not None else [], SpaTest),
        "fragility": _flat(run.fragility, FragilityRow),
        "prices": _prices(run.prices),
    }


def _long(equity: pd.DataFrame) -> pd.DataFrame:
    """Equity of all books, one row a day."""
    if equity.empty:
        return pd.DataFrame()
    return equity.melt(ignore_index=False).rename_axis("time").reset_index()


def _prices(prices: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Prices of all coins, one row a bar."""
    parts = [t.rename_axis("time").reset_index().assign(symbol=s) for s, t in prices.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _searches(tuning: Tuning | None) -> dict[str, pd.DataFrame]:
    if tuning is None:
        return {what: pd.DataFrame() for what in _SEARCH_KEYS}
    books = [{"stance": stance, **asdict(book)} for stance, book in tuning.untuned.items()]
    joined = [{"stance": stance, **asdict(book)} for stance, book in tuning.joined.items()]
    psr = [{"stance": stance, "psr": value} for stance, value in tuning.psr.items()]
    return {
        "trials": pd.DataFrame([leaves(asdict(trial)) for trial in tuning.trials]),
        "folds": pd.DataFrame([leaves(asdict(fold)) for fold in tuning.folds]),
        "untuned books": pd.DataFrame(books),
        "joined books": pd.DataFrame(joined),
        "probabilities": pd.DataFrame(psr),
    }


def _flat(rows: Iterable[Any], kind: type[Any]) -> pd.DataFrame:
    """Frozen rows as a table; what is nested becomes columns as `fade.ci_bps.0`."""
    made = pd.DataFrame([leaves(asdict(row)) for row in rows])
    return made if len(made) else pd.DataFrame(columns=[f.name for f in fields(kind)])


def leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Nested mappings and lists as one level, with keys as `fade.ci_bps.0`."""
    inner: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    else:
        return {name: value}
    found: dict[str, Any] = {}
    for key, one in inner:
        found |= leaves(one, f"{name}.{key}" if name else str(key))
    return found


# ---- two tables compared ----


def _compared(what: str, keys: list[str], then: pd.DataFrame, now: pd.DataFrame) -> Part:
    """Rows are matched by their keys, equal ones in order; columns by their names."""
    one, two = (_keyed(table, keys) for table in (then, now))
    both = one.index.intersection(two.index, sort=False)
    gone, added = one.index.difference(both, sort=False), two.index.difference(both, sort=False)
    one, two = one.loc[both], two.loc[both]
    values, differing, largest = 0, 0, None
    for column in dict.fromkeys([*one.columns, *two.columns]):
        a, b = (_values(table, column) for table in (one, two))
        other = _differs(a, b)
        # neither run says anything here
        values += len(both) - int(np.sum(_absent(a) & _absent(b)))
        differing += int(other.sum())
        for at in _widest(a, b, other):
            example = Example(_row(both, at), column, _plain(a[at]), _plain(b[at]))
            largest = _larger(largest, example)
    return Part(
        what,
        len(then),
        len(now),
        values,
        differing,
        len(gone),
        len(added),
        largest,
        _row(gone, 0) if len(gone) else "",
        _row(added, 0) if len(added) else "",
    )


def _keyed(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if table.empty:
        return pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=[*keys, _COUNT]))
    named = table[keys].copy()
    named[_COUNT] = named.groupby(keys, dropna=False).cumcount() if keys else range(len(table))
    index = pd.MultiIndex.from_frame(named)
    return table.drop(columns=keys).set_axis(index, axis=0)


def _values(table: pd.DataFrame, column: str) -> np.ndarray[Any, Any]:
    """A column as numbers, or else as objects in which None stands for what is absent."""
    if column not in table.columns:
        return np.full(len(table), None, dtype=object)
    values = table[column]
    if is_numeric_dtype(values) and not is_bool_dtype(values):
        return values.to_numpy()
    return values.astype(object).where(values.notna(), None).to_numpy(dtype=object)


def _absent(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    found: np.ndarray[Any, np.dtype[np.bool_]] = pd.isna(values)
    return found


def _differs(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    unlike: np.ndarray[Any, np.dtype[np.bool_]] = np.asarray(a != b, dtype=bool)
    return unlike & ~(_absent(a) & _absent(b))


def _widest(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], other: np.ndarray[Any, np.dtype[np.bool_]]
) -> Sequence[int]:
    """The value of a column that differs most, and one whose difference has no size."""
    places = np.flatnonzero(other).tolist()
    sizes = [_relative(_plain(a[at]), _plain(b[at])) for at in places]
    sized = [(size, at) for size, at in zip(sizes, places, strict=True) if not math.isnan(size)]
    return [max(sized, key=lambda pair: pair[0])[1]] if sized else places[:1]


def _larger(known: Example | None, example: Example) -> Example:
    if known is None or math.isnan(known.relative):
        return example if known is None or not math.isnan(example.relative) else known
    return example if example.relative > known.relative else known


def _relative(then: float | str | None, now: float | str | None) -> float:
    if not isinstance(then, float | int) or not isinstance(now, float | int):
        return math.nan
    largest = max(abs(then), abs(now))
    return abs(now - then) / largest if largest > 0 and math.isfinite(largest) else math.nan


def _plain(value: Any) -> float | str | None:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, np.generic):
        return _plain(value.item())
    return value if isinstance(value, int | float) else str(value)


def _row(index: pd.Index[Any], at: int) -> str:
    """A row's key without what it has not: `fade_doors × short_door`, `fold 1 × number 31`."""
    key = index[at]
    *parts, count = key if isinstance(key, tuple) else (key,)
    named = [
        _said(str(name), part)
        for name, part in zip(index.names, parts, strict=False)
        if part != "" and not pd.isna(part)
    ]
    return " × ".join([*named, *([f"{count + 1}."] if count else [])])


def _said(name: str, part: Any) -> str:
    if isinstance(part, pd.Timestamp):
        return f"{part:%Y-%m-%d %H:%M}"
    return part if isinstance(part, str) else f"{name} {part}"


# ---- words ----


def _other_answers(then: Sequence[Verdict], now: Sequence[Verdict]) -> Iterator[Answer]:
    later = {(v.strategy, v.phase, v.split): v for v in now}
    for old in then:
        new = later.get((old.strategy, old.phase, old.split))
        if new is None:
            continue
        keys = [(stance, book) for book in BOOKS for stance in STANCES]
        pairs = {key: (old.results.get(key), new.results.get(key)) for key in keys}
        stances = tuple(
            StanceAnswer(*key, (_word(was), _word(is_)), (_mean(was), _mean(is_)))
            for key, (was, is_) in pairs.items()
            if was is not None or is_ is not None
        )
        answer = Answer(old.strategy, old.phase, (old.fate, new.fate), stances)
        if answer.reworded or any(stance.differs for stance in stances):
            yield answer


def _same(one: float | str, two: float | str) -> bool:
    return one == two or (one != one and two != two)  # NaN


def _word(result: StanceResult | None) -> str:
    return "" if result is None else result.word


def _mean(result: StanceResult | None) -> float:
    return math.nan if result is None else result.mean_net_bps


def _without(some: Sequence[Note], others: Sequence[Note]) -> tuple[Note, ...]:
    return tuple(note for note in some if note not in others)
