"""Log of watched markets: one JSON line each, append-only, as that of judged ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.results_log import Pages
from fadefollow.verdict.calibration.watching.blocks import Lives
from fadefollow.verdict.calibration.watching.records import ClaimRecord, Found, WatchPage

#: name of the file in the folder of runs, after what the markets are
WATCH_NOTEBOOK = "calibration-watch"


@dataclass(frozen=True)
class WatchNotebook(Pages[WatchPage]):
    """The log of watched markets in the file `path`, which need not exist yet."""

    @staticmethod
    def page(said: dict[str, Any]) -> WatchPage:
        """The page in a line; what never came is None there."""
        claims = tuple(_claim(one) for one in said["claims"])
        lives = Lives(**said["lives"])
        return WatchPage(Arm(**said["arm"]), said["seed"], lives, claims, said["seconds"])


def _claim(said: dict[str, Any]) -> ClaimRecord:
    planted = said["planted"]
    found = {
        "added": _found(said["added"]),
        "planted": None if planted is None else _found(planted),
    }
    return ClaimRecord(**(said | found))


def _found(said: dict[str, Any]) -> Found:
    known: dict[str, Any] = {k: math.inf if v is None else v for k, v in said.items()}
    return Found(**known)
