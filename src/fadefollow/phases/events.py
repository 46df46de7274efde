"""The events of one coin as a signal hands them over: bare numbers, and a table when asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.errors import SignalError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Given = Sequence[Mapping[str, Any]]
#: bar, lean and code of events, and the phases that the codes stand for
Numbers = tuple[IntArray, IntArray, IntArray, tuple[str, ...]]

#: the columns that every phase table has, in this order; further columns are context
COLUMNS = ("time", "symbol", "signal", "phase", "lean", "actor", "strength")
#: those that an event must bring along
_BROUGHT = ("bar", *COLUMNS[3:])
_NAMES = frozenset(_BROUGHT)


@dataclass(frozen=True)
class EventRows:
    """Events that have been checked, in the order in which they were handed over.

    Attributes:
        given: mappings, each of one event or of many (`bar` is then an array).
        bar: number of the bar of each event, shape (k,).
        lean: shape (k,).
        code: place of each event's phase in `names`, shape (k,).
        names: the phases that have events.
        index: open times of the coin's bars, UTC.
        by_bar: context that each event takes from its bar, by name, shape (n,); what an event
            brings along itself goes before.
    """

    given: Given
    bar: IntArray
    lean: IntArray
    code: IntArray
    names: tuple[str, ...]
    index: pd.DatetimeIndex
    symbol: str
    signal: str
    by_bar: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.bar)

    @classmethod
    def of(
        cls,
        events: Iterable[Mapping[str, Any]],
        index: pd.DatetimeIndex,
        *,
        symbol: str,
        signal: str,
        by_bar: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> EventRows:
        """Events that are as `fadefollow.phases.Phases` promises.

        Raises:
            SignalError: they are not; it names the rule and the first event that breaks it.
        """
        given = tuple(events)
        numbers = _numbers_of_blocks(given, len(index)) or _numbers(given, len(index))
        if numbers is None:
            # the table says what is wrong, or that it is only unusual
            rows = _rows(given, len(index), where=f"signal {signal}, {symbol}")
            code, names = pd.factorize(rows["phase"])
            bar, lean = (rows[c].to_numpy(np.int64) for c in ("bar", "lean"))
            numbers = bar, lean, code.astype(np.int64), tuple(names)
        return cls(given, *numbers, index=index, symbol=symbol, signal=signal, by_bar=by_bar or {})

    def table(self) -> pd.DataFrame:
        """All columns, `COLUMNS` first; a row an event, sorted by time and phase."""
        rows = _rows(self.given, len(self.index), where=f"signal {self.signal}, {self.symbol}")
        bar = rows.pop("bar").to_numpy(int)
        rows = rows.assign(**{n: v[bar] for n, v in self.by_bar.items() if n not in rows})
        rows.insert(0, "time", self.index[bar])
        rows.insert(1, "symbol", self.symbol)
        rows.insert(2, "signal", self.signal)
        rows["lean"] = rows["lean"].astype("int8")
        rows["strength"] = rows["strength"].astype("float64")
        context = [c for c in rows.columns if c not in COLUMNS]
        table = rows[[*COLUMNS, *context]].sort_values(["time", "phase"], kind="stable")
        return table.reset_index(drop=True)


def _numbers_of_blocks(given: Given, bars: int) -> Numbers | None:
    """`_numbers` of a block a phase, each in order of bar, as a search has them by the thousands.

    None where they are not plainly that, or not as they must be.
    """
    from fadefollow.phases.kernels import in_order  # numba, which only detection needs

    names: list[str] = []
    blocks, leans = list[IntArray](), list[int]()
    for event in given:
        bar, phase, lean = event.get("bar"), event.get("phase"), event.get("lean")
        strength = event.get("strength")
        if not (
            isinstance(bar, np.ndarray)
            and isinstance(strength, np.ndarray)
            and bar.dtype == np.int64
            and strength.dtype == np.float64
            and bar.shape == strength.shape
            and bar.ndim == 1
            and isinstance(phase, str)
            and phase not in names
            and isinstance(lean, int)
            and abs(lean) == 1
            and _whole(event, len(bar))
        ):
            return None
        if len(bar):
            if not in_order(bar, strength, bars):
                return None
            names.append(phase)
            blocks.append(bar)
            leans.append(lean)
    sizes = [len(bar) for bar in blocks]
    bar = np.concatenate(blocks) if blocks else np.empty(0, np.int64)
    lean, code = np.array(leans, np.int64), np.arange(len(names))
    return bar, lean.repeat(sizes), code.repeat(sizes), tuple(names)


def _numbers(given: Given, bars: int) -> Numbers | None:
    """Bar, lean, code and names of events; None where anything is not plainly as it must be."""
    names: dict[str, int] = {}
    parts: tuple[list[Any], ...] = ([], [], [], [])
    try:
        for many, run in groupby(given, key=_many):
            for event in run if many else [_joined(list(run))]:
                bar, phase = event["bar"], event["phase"]
                if not _whole(event, len(bar)):
                    return None
                if not len(bar):
                    continue
                if isinstance(phase, str):
                    code: Any = names.setdefault(phase, len(names))
                else:
                    code = [names.setdefault(name, len(names)) for name in phase]
                values = (bar, event["lean"], event["strength"], code)
                for part, value in zip(parts, values, strict=True):
                    part.append(value if np.ndim(value) else np.full(len(bar), value))
    except (KeyError, TypeError, ValueError):
        return None
    if not parts[0]:
        none = np.empty(0, np.int64)
        return none, none, none, ()
    bar, lean, strength, code = map(np.concatenate, parts)
    place = np.sort(bar * len(names) + code)
    sound = (
        bar.dtype.kind == lean.dtype.kind == "i"
        and strength.dtype.kind in "if"
        and bar.min() >= 0
        and bar.max() < bars
        and (np.abs(lean) == 1).all()
        and (strength >= 0).all()
        and (strength < math.inf).all()
        and (place[1:] != place[:-1]).all()
    )
    return (bar, lean.astype(np.int64), code, tuple(names)) if sound else None


def _many(event: Mapping[str, Any]) -> bool:
    return isinstance(event.get("bar"), np.ndarray)


def _joined(rows: Given) -> dict[str, Any]:
    """Single events as one mapping of many, without their context."""
    lists = {name: [row[name] for row in rows] for name in _BROUGHT}
    return lists | {name: np.array(lists[name]) for name in ("bar", "lean", "strength")}


def _whole(event: Mapping[str, Any], size: int) -> bool:
    """Whether nothing is absent, and every column has one value or one an event."""
    for value in event.values():  # no generator: a search comes here for each trial and coin
        if isinstance(value, np.ndarray):
            if len(value.shape) and value.shape[0] != size:
                return False
        elif hasattr(value, "__len__") and not isinstance(value, str) and len(value) != size:
            return False
    return event.keys() >= _NAMES


def _rows(given: Given, bars: int, *, where: str) -> pd.DataFrame:
    """A row an event, with all that was given, held to what `Phases` promises."""
    frames: list[pd.DataFrame] = []
    for many, run in groupby(given, key=_many):
        events = list(run)
        frames += [_block(event, where) for event in events] if many else [pd.DataFrame(events)]
    frames = [frame for frame in frames if len(frame)]
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if rows.empty:
        return pd.DataFrame({c: [] for c in _BROUGHT})
    absent = [c for c in _BROUGHT if c not in rows]
    if absent:
        raise SignalError(f"every event must have the column {absent[0]}", where=where)
    strength = pd.to_numeric(rows["strength"], errors="coerce")
    for rule, wrong in (
        (f"an event's bar must be from 0 to {bars - 1}", ~rows["bar"].isin(range(bars))),
        ("an event's lean must be +1 or −1", ~rows["lean"].isin([1, -1])),
        ("an event's strength must be a number ≥ 0", ~(strength >= 0) | (strength == math.inf)),
        ("a phase must not fire twice on a bar", rows.duplicated(["bar", "phase"])),
    ):
        if wrong.any():
            first = rows[wrong].iloc[0]
            got = f"{first['phase']}: bar {first['bar']}, lean {first['lean']}, "
            raise SignalError(rule, got=got + f"strength {first['strength']}", where=where)
    return rows


def _block(event: Mapping[str, Any], where: str) -> pd.DataFrame:
    try:
        return pd.DataFrame(dict(event))
    except ValueError:
        sizes = {name: np.shape(value) for name, value in event.items() if np.ndim(value)}
        raise SignalError(
            "the columns of events must have the same length",
            got=", ".join(f"{name} {shape}" for name, shape in sizes.items()),
            where=where,
        ) from None
