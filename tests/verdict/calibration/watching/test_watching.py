"""The calibration of watched claims: its counts by hand, its log, and a market of its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from fadefollow.verdict.calibration import Arm
from fadefollow.verdict.calibration.watching import (
    WatchDesign,
    WatchNotebook,
    calibrate_watching,
)
from fadefollow.verdict.calibration.watching.market import ClaimRecord, WatchPage
from fadefollow.verdict.calibration.watching.summary import (
    Delay,
    WatchCalibrationError,
    summarise_watching,
)
from fadefollow.workspace import find_workspace

ARM = Arm(0.0, 4.0, 30)


def record(**changes: Any) -> ClaimRecord:
    """A claim that found its edge within half a year and never erred."""
    usual: dict[str, Any] = {
        "book": "hedged",
        "trades": 200,
        "confirmed": False,
        "refuted": False,
        "false_word": False,
        "detectable_bps": 150.0,
        "years": 0.5,
        "years_twice": 0.25,
        "alarm": False,
        "years_gone": 0.125,
    }
    return ClaimRecord(**(usual | changes))


def page(seed: int, *claims: ClaimRecord) -> WatchPage:
    return WatchPage(ARM, seed, claims, 1.0)


def test_counts_by_hand() -> None:
    pages = [page(n, record(), record()) for n in range(98)]
    pages.append(page(98, record(confirmed=True, trades=50), record(years=math.inf)))
    pages.append(page(99, record(alarm=True), record(years=1.5, years_gone=math.inf)))
    found = summarise_watching(WatchDesign(), pages)
    shares = [promise.value for promise in found.promises]
    # of 200 claims one was confirmed, none refuted, none false, 198 found in time, one alarm
    assert shares == pytest.approx([1 / 200, 0.0, 0.0, 198 / 200, 1 / 200])
    assert {promise.state for promise in found.promises} == {"kept"}
    assert found.promises[4].most == pytest.approx(1.0 - math.exp(-0.2))
    assert (found.markets, found.claims, found.trades) == (100, 200, 200.0)
    assert (found.delay, found.delay_gone) == (Delay(0.5, 0.5), Delay(0.125, 0.125))
    assert found.headline == "Watching (universes of the lab) keeps its promises"
    found.raise_failures()


def test_a_broken_promise_is_an_error() -> None:
    pages = [page(n, record(confirmed=n % 4 == 0, years=math.inf)) for n in range(80)]
    found = summarise_watching(WatchDesign(), pages)
    assert [promise.state for promise in found.promises][:4] == ["broken", "kept", "kept", "broken"]
    assert found.delay == Delay(math.inf, math.inf)
    assert found.to_dict()["delay"] == {"median": None, "most": None}
    with pytest.raises(WatchCalibrationError, match="ever confirmed: 25"):
        found.raise_failures()


def test_pages_come_back_from_the_log(tmp_path: Path) -> None:
    log = WatchNotebook(tmp_path / "log.jsonl")
    one = page(3, record(years=math.inf), record(book="outright"))
    log.add("key", one)
    assert log.read("key") == ({(ARM, 3): one}, 0)
    assert log.read("other") == ({}, 1)


@pytest.mark.slow
def test_a_small_calibration_keeps_what_can_be_shown(tmp_path: Path) -> None:
    workspace = find_workspace()
    strategy = workspace.strategy("fade_crowded_funding")
    bets = ((strategy, workspace.detector(strategy)),)
    design = WatchDesign(markets=8, coins=24)
    log = WatchNotebook(tmp_path / "log.jsonl")
    asked: dict[str, Any] = {"notebook": log, "jobs": 1, "step": lambda *_: None}
    found = calibrate_watching(design, bets, **asked)
    assert (found.markets, found.claims) == (8, 64)  # two phases, two stances, two books
    assert all(promise.state != "broken" for promise in found.promises)
    assert found.delay_twice.median <= found.delay.median
    # a second time nothing is watched again
    before = log.path.read_bytes()
    assert calibrate_watching(design, bets, **asked) == found
    assert log.path.read_bytes() == before
