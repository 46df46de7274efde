"""A signal's answer about a market, and the first difference of two answers."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fadefollow.errors import FadeFollowError
from fadefollow.market.panel import FloatArray, Market
from fadefollow.phases.detect import failure
from fadefollow.phases.table import Signal

#: numbers are the same within this, relative, and within the second of a feature's largest value
_RELATIVE, _OF_LARGEST = 1e-9, 1e-12

#: bar, phase, and the occurrence index of the phase within the bar
EventKey = tuple[int, str, int]


@dataclass(frozen=True)
class Answer:
    """Events and features of one market.

    Attributes:
        events: columns of each event, by bar and phase.
        features: shape (n,) each, by name.
        failed: the error, if the signal raised one; then there is nothing else.
    """

    events: Mapping[EventKey, Mapping[str, Any]]
    features: Mapping[str, FloatArray]
    failed: str = ""


@dataclass(frozen=True)
class Difference:
    """The first bar on which two answers differ, and in what."""

    bar: int
    what: str  #: such as "event dump", "strength of event dump", "feature premium_bps"
    failed: bool = False  #: there is no answer to compare; `what` is the error


def ask(signal: Signal, market: Market) -> Answer:
    """The signal's answer; its errors propagate."""
    features = {name: np.asarray(v, float) for name, v in signal.features(market).items()}
    table = signal.detect(market).table
    bars = market.index.searchsorted(table["time"]).tolist()
    events: dict[EventKey, Mapping[str, Any]] = {}
    columns = [c for c in table.columns if c not in ("time", "symbol", "signal", "phase")]
    for bar, phase, row in zip(
        bars, table["phase"], table[columns].to_dict("records"), strict=True
    ):
        number = 0
        while (bar, phase, number) in events:
            number += 1
        events[bar, phase, number] = {str(name): value for name, value in row.items()}
    return Answer(events, features)


def ask_safely(signal: Signal, market: Market) -> Answer:
    """The signal's answer, with an error as part of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of futures that nobody will ever see
            return ask(signal, market)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # also one that would end the program
        return Answer({}, {}, f"{type(error).__name__}: {error}")


def ask_as_it_is(signal: Signal, market: Market) -> Answer:
    """The answer about the data as they are, about which a signal must not fail.

    Raises:
        SignalError: it does; the message names the coin and the line.
        FadeFollowError: as raised by the signal.
    """
    try:
        return ask(signal, market)
    except (FadeFollowError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        module = sys.modules[type(signal).__module__]
        where = f"{getattr(module, '__file__', signal.name())}, {market.symbol}"
        raise failure(error, where=where) from error


def first_difference(one: Answer, other: Answer, *, last: int) -> Difference | None:
    """Where two answers about the same bars differ first, up to the bar `last`; None if nowhere."""
    if one.failed or other.failed:
        same = one.failed == other.failed
        return None if same else Difference(last, other.failed or one.failed, failed=True)
    found = [*_events_differ(one, other, last), *_features_differ(one, other, last)]
    return min(found, key=lambda difference: difference.bar, default=None)


def _events_differ(one: Answer, other: Answer, last: int) -> Iterator[Difference]:
    """The earliest event that only one of them has, or that differs."""
    for key in sorted({k for k in (*one.events, *other.events) if k[0] <= last}):
        mine, theirs = one.events.get(key), other.events.get(key)
        if mine is None or theirs is None:
            yield Difference(key[0], f"event {key[1]}")
            return
        for name in mine.keys() | theirs.keys():
            if not _same(mine.get(name), theirs.get(name)):
                yield Difference(key[0], f"{name} of event {key[1]}")
                return


def _features_differ(one: Answer, other: Answer, last: int) -> Iterator[Difference]:
    """The earliest bar of each feature on which they differ."""
    for name in sorted(one.features.keys() | other.features.keys()):
        mine, theirs = (a.features.get(name, np.empty(0))[: last + 1] for a in (one, other))
        if mine.shape != theirs.shape:
            yield Difference(min(len(mine), len(theirs), last), f"feature {name}")
            continue
        differs = ~_close(mine, theirs)
        if differs.any():
            yield Difference(int(differs.argmax()), f"feature {name}")


def _close(one: FloatArray, other: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether numbers are the same but for rounding, elementwise; NaN is the same as NaN."""
    finite = np.abs(one[np.isfinite(one)])
    slack = _OF_LARGEST * float(finite.max(initial=0.0))
    return np.isclose(one, other, rtol=_RELATIVE, atol=slack, equal_nan=True)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float | int | np.number) and isinstance(other, float | int | np.number):
        a, b = float(one), float(other)
        return (a != a and b != b) or math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=_OF_LARGEST)
    return bool(one == other)
