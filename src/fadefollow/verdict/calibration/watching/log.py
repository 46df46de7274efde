"""Log of watched markets: one JSON line each, append-only, as that of judged ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.results_log import Pages
from fadefollow.verdict.calibration.watching.market import ClaimRecord, WatchPage

#: name of the file in the folder of runs, after what the markets are
WATCH_NOTEBOOK = "calibration-watch"


@dataclass(frozen=True)
class WatchNotebook(Pages[WatchPage]):
    """The log of watched markets in the file `path`, which need not exist yet."""

    @staticmethod
    def page(said: dict[str, Any]) -> WatchPage:
        """The page in a line; what never came is None there."""
        known: list[dict[str, Any]] = [
            {name: math.inf if value is None else value for name, value in one.items()}
            for one in said["claims"]
        ]
        claims = tuple(ClaimRecord(**one) for one in known)
        return WatchPage(Arm(**said["arm"]), said["seed"], claims, said["seconds"])
