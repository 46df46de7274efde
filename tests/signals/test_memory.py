"""What a signal finds does not depend on what was looked for before, nor does memory grow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.market import Market
from fadefollow.phases import Signal
from fadefollow.phases.features import FloatArray
from fadefollow.testing import changed, lab_market
from fadefollow.workspace import find_workspace

WORKSPACE = find_workspace()
SIGNALS = WORKSPACE.names("signals")


def drawn(name: str, rng: np.random.Generator) -> Signal:
    """The signal with a few of its parameters anew, the rest at their defaults."""
    kind = WORKSPACE.signal(name)
    values: dict[str, Any] = {}
    for parameter, bounds in kind.params().items():
        if rng.random() < 0.3:
            info = kind.model_fields[parameter]
            value = float(np.clip(info.default * rng.uniform(0.7, 1.4), bounds.low, bounds.high))
            values[parameter] = round(value) if info.annotation is int else value
    return kind(**values)


def fresh() -> Market:
    return changed(lab_market(years=0.5), lambda _, table: table)


def answer(signal: Signal, market: Market) -> tuple[pd.DataFrame, dict[str, FloatArray]]:
    return signal.detect(market).table, signal.features(market)


def same(
    left: tuple[pd.DataFrame, dict[str, FloatArray]],
    right: tuple[pd.DataFrame, dict[str, FloatArray]],
) -> None:
    pd.testing.assert_frame_equal(left[0], right[0], check_exact=True)
    assert left[1].keys() == right[1].keys()
    for name, values in left[1].items():
        np.testing.assert_array_equal(values, right[1][name], err_msg=name)


@pytest.mark.parametrize("name", SIGNALS)
def test_what_was_detected_before_does_not_matter(name: str) -> None:
    rng = np.random.default_rng(4)
    shared = fresh()
    asked = [drawn(name, rng) for _ in range(8)]
    # all signals share the memo of a market, and parameters come back
    others = [drawn(other, rng) for other in SIGNALS]
    for signal in (*asked, *others, *asked[::-1]):
        signal.detect(shared)
    for signal in asked:
        same(answer(signal, shared), answer(signal, fresh()))


@pytest.mark.parametrize("name", SIGNALS)
def test_what_is_handed_out_cannot_change_what_is_remembered(name: str) -> None:
    shared, signal = fresh(), WORKSPACE.signal(name)()
    before = answer(signal, fresh())
    for values in signal.features(shared).values():
        if values.flags.writeable:
            values[:] = -1.0
    table = signal.detect(shared).table
    table.loc[:, "strength"] = -1.0
    same(answer(signal, shared), before)


@pytest.mark.parametrize("name", SIGNALS)
def test_threads_may_detect_on_one_market(name: str) -> None:
    rng = np.random.default_rng(5)
    asked = [drawn(name, rng) for _ in range(4)] * 2
    shared = fresh()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda signal: answer(signal, shared), asked))
    for signal, one in zip(asked[:4], found[:4], strict=True):
        same(one, answer(signal, fresh()))


def test_the_memo_of_a_search_is_bounded() -> None:
    market = changed(lab_market(years=0.1), lambda _, table: table)
    rng = np.random.default_rng(6)
    sizes = []
    for number in range(500):
        drawn(SIGNALS[number % len(SIGNALS)], rng).detect(market)
        sizes.append(len(market._memo))
    # full after the first quarter: what comes later takes the place of what was
    assert sizes[-1] == max(sizes[:250])
    assert sizes[-1] < 150
