"""Whatever the faults and kills, the store ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fadefollow.market.store.store import Store
from tests.support.exchange.replay import Replay
from tests.support.paths import ROOT

SINCE = "2022-12-30"


@pytest.fixture(scope="module")
def exchange() -> Iterator[Replay]:
    running = Replay(days=150)
    yield running
    running.close()


def start(exchange: Replay, root: Path, *coins: str, venue: str = "binance", **more: Any) -> Any:
    wish = {
        "root": str(root),
        "coins": coins,
        "venue": venue,
        "since": SINCE,
        "ccxt": exchange.settings(venue),
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.exchange.fetcher", json.dumps(wish)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: Any) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return str(out.split("done ")[1].split()[0])


def until_page(process: Any, count: int) -> None:
    """Wait until a fetch has told of so many pages (or has ended)."""
    seen = 0
    while seen < count and (line := process.stdout.readline()):
        seen += " left " in line


@pytest.fixture(scope="module")
def undisturbed(exchange: Replay, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    exchange.calm()
    root = tmp_path_factory.mktemp("calm")
    return {
        venue: finish(start(exchange, root / venue, "BTC", "PEPE", venue=venue))
        for venue in ("binance", "bybit")
    }


def check_schedule(
    seed: int, venue: str, exchange: Replay, undisturbed: dict[str, str], root: Path, kills: int
) -> None:
    draw = random.Random(seed)
    exchange.calm(seed=seed, rate=0.35)
    for _ in range(kills):
        process = start(exchange, root, "BTC", "PEPE", venue=venue)
        until_page(process, draw.randint(1, 12))
        time.sleep(draw.random() * 0.3)
        process.kill()
        process.communicate()
    assert finish(start(exchange, root, "BTC", "PEPE", venue=venue)) == undisturbed[venue]
    assert sum(exchange.control()["faults"].values()) > 10
    # nothing is left of pages and of half-written files
    assert not list(root.rglob("pages/*/*/*.parquet"))
    assert Store(root).read("data").fingerprint == undisturbed[venue]


@pytest.mark.parametrize(
    ("seed", "venue"), [(1, "binance"), pytest.param(2, "bybit", marks=pytest.mark.slow)]
)
def test_faults_and_kills_leave_no_trace(
    seed: int, venue: str, exchange: Replay, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    check_schedule(seed, venue, exchange, undisturbed, tmp_path, kills=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 116))
@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_many_schedules_leave_no_trace(
    seed: int, venue: str, exchange: Replay, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    check_schedule(seed, venue, exchange, undisturbed, tmp_path, kills=6)


def steps_of(exchange: Replay, root: Path) -> tuple[str, int]:
    out, _ = start(exchange, root, "BTC", streams=["spot", "perp"]).communicate(timeout=60)
    return out.split("done ")[1].split()[0], int(out.split("steps ")[1])


def check_death(exchange: Replay, root: Path, at: int, whole: str) -> None:
    """Die at one step, and at the same step of the second try; the third is let alone."""
    for _ in range(2):
        process = start(exchange, root, "BTC", streams=["spot", "perp"], die_at=at)
        process.communicate(timeout=60)
    assert steps_of(exchange, root)[0] == whole
    assert not list(root.rglob("pages/*/*/*.parquet"))


def test_death_at_the_last_steps(exchange: Replay, tmp_path: Path) -> None:
    """While the tables, the manifest and the pages' removal are under way."""
    exchange.calm()
    whole, steps = steps_of(exchange, tmp_path / "whole")
    assert steps > 30
    check_death(exchange, tmp_path / "killed", steps - 4, whole)


@pytest.mark.slow
def test_killed_at_any_disk_step_the_store_ends_the_same(exchange: Replay, tmp_path: Path) -> None:
    exchange.calm()
    whole, steps = steps_of(exchange, tmp_path / "whole")
    for at in range(1, steps + 1):
        check_death(exchange, tmp_path / str(at), at, whole)


@pytest.mark.parametrize(
    "coins",
    [
        [("BTC", "PEPE"), ("PEPE", "BTC")],
        pytest.param([("BTC",), ("PEPE",)], marks=pytest.mark.slow),
    ],
)
def test_fetches_at_the_same_time_do_no_harm(
    coins: list[tuple[str, ...]], exchange: Replay, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    exchange.calm()
    for process in [start(exchange, tmp_path, *mine) for mine in coins]:
        finish(process)
    assert Store(tmp_path).read("data").fingerprint == undisturbed["binance"]


def test_ctrl_c_keeps_every_page(
    exchange: Replay, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    exchange.calm(fixed=[["premiumIndexKlines", "timeout", 50]])
    process = start(exchange, tmp_path, "BTC", "PEPE")
    until_page(process, 10)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    kept = len(list(tmp_path.rglob("pages/*/*/*.parquet")))
    assert kept >= 10
    exchange.calm()
    assert finish(start(exchange, tmp_path, "BTC", "PEPE")) == undisturbed["binance"]
    asked = exchange.control()["asked"]
    before = 2 * (4 * 5 + 4 + 2 * 2 + 2 * 2)  # upper bound of what a whole fetch needs
    assert sum(asked.values()) < before - kept + 15
