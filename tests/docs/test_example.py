"""The signal that the site teaches to write: its own tests are run here, as they stand there."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from fadefollow.engine.strategy import load_strategy
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "own_signal"


def _tests() -> ModuleType:
    """The example's tests, its signal beside the workspace's own."""
    find_workspace(ROOT).signal("funding")
    path = sys.modules["signals"].__path__
    if str(EXAMPLE / "signals") not in path:
        path.append(str(EXAMPLE / "signals"))
    spec = importlib.util.spec_from_file_location(
        "own_signal_tests", EXAMPLE / "tests" / "test_breakout.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_FOUND = {name: item for name, item in vars(_tests()).items() if name.lower().startswith("test")}
globals().update(_FOUND)
_SIGNAL = sys.modules[type(_FOUND["TestBreakout"].signal).__module__]


def test_the_examples_own_tests_are_here() -> None:
    assert sorted(_FOUND) == [
        "TestBreakout",
        "test_a_new_high_with_more_open_interest_is_crowded_once",
        "test_a_new_high_without_new_positions_is_none",
        "test_a_new_low_is_the_mirror_image",
    ]


def test_the_strategy_fits_the_signal() -> None:
    strategy = load_strategy(EXAMPLE / "strategies" / "fade_breakout.toml")
    kind = type(_FOUND["TestBreakout"].signal)
    assert kind.name() == strategy.signal
    assert set(strategy.phases) == set(kind.phases)
    assert kind(**strategy.params) == kind()
    for key in strategy.search:
        room, _, name = key.partition(".")
        assert name in (kind.params() if room == "params" else {"hold_hours": None})


@pytest.fixture(autouse=True, scope="module")
def _only_here() -> object:
    """The example's signal beside the workspace's, as far as these tests go."""
    kind = type(_FOUND["TestBreakout"].signal)
    sys.modules[kind.__module__] = _SIGNAL  # tests before these may have loaded others
    yield
    path = sys.modules["signals"].__path__
    if str(EXAMPLE / "signals") in path:
        path.remove(str(EXAMPLE / "signals"))
    sys.modules.pop("signals.breakout", None)
