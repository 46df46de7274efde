"""A process that goes round until it is killed, for the tests of messages."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd

from fadefollow.jobs.notifying.delivery import Clock
from fadefollow.jobs.notifying.rounds import Look, LoopRequest, rounds
from tests.support.notice_cases import HOUR, event

#: coins in which a phase begins, one a round
COINS = 6


def run_until_killed(folder: str, url: str) -> None:
    """Find one coin more in each round; between rounds hours go by in no time."""
    root = Path(folder)

    def look() -> Look:
        seen = len(list(root.glob("round-*")))
        (root / f"round-{seen}").touch()
        coins = [f"C{n}" for n in range(min(seen, COINS))]
        return Look(tuple(event(coin) for coin in coins))

    ahead = [pd.Timedelta(0)]

    def sleep(seconds: float) -> None:
        ahead[0] += pd.Timedelta(seconds=seconds)
        time.sleep(0.002)

    clock = Clock(lambda: pd.Timestamp.now(tz="UTC") + ahead[0], sleep)
    asked = LoopRequest(every=HOUR, notify=(url,))
    for _ in rounds(look, asked, root / "out.jsonl", environ={}, clock=clock):
        pass
