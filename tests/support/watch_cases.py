"""Claims and a workspace in which they are watched, for the tests of the watch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.engine.strategy import load_strategy
from fadefollow.jobs.watching.add import ClaimRequest, add_claim
from fadefollow.market.datasets.request import DataRequest
from fadefollow.results.claims import Claim
from fadefollow.verdict.sequential.answer import Past
from fadefollow.workspace import Workspace
from tests.support.paths import ROOT
from tests.support.scan_cases import made_workspace, store_lab

#: registered on the 31st of March, for data from the 1st of April on
REGISTERED = pd.Timestamp("2024-03-31 12:00", tz="UTC")
START = pd.Timestamp("2024-04-01", tz="UTC")
PAST = Past(60, 60.0, 0.01, 0.03, 1.0, 1.0, 180.0, None)


def step(text: str, done: float | None) -> None:
    """Say nothing."""


def claim_of(name: str = "mine", **changes: Any) -> Claim:
    """A claim that trades of the doors pay when faded, held for a day."""
    strategy = load_strategy(ROOT / "strategies" / "fade_doors.toml")
    fields: dict[str, Any] = {
        "claim": name,
        "registered": "2024-03-31T12:00:00Z",
        "start": "2024-04-01T00:00:00Z",
        "seen_until": "2024-04-01T00:00:00Z",
        "dataset": "grow",
        "symbols": None,
        "universe": None,
        "universe_rule": None,
        "revised": False,
        "accept": (),
        "strategy": strategy.model_dump(mode="json", exclude_none=True),
        "phase": "short_door",
        "stance": "fade",
        "book": "outright",
        "code": "0" * 64,
        "version": "0.1.0",
        "costs": {},
        "smallest_bps": 20.0,
        "alpha": 0.05,
        "false_alarms": 0.1,
        "past": PAST,
    }
    return Claim(**(fields | changes))


def grown(workspace: Workspace, until: str) -> None:
    """The data set `grow`, two coins of the lab, as it was known at a time."""
    store_lab(workspace, "grow", until=pd.Timestamp(until, tz="UTC"))


def watching(root: Path) -> Workspace:
    """A workspace that watches both phases of the doors on `grow` from START on.

    The signal is sensitive, so that there are enough trades.
    """
    made = made_workspace(root)
    path = made.root / "strategies" / "fade_doors.toml"
    text = path.read_text("utf-8")
    for name, value in (("price_move", 1.0), ("premium_move", 1.2)):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    path.write_text(text, "utf-8")
    grown(made, "2024-04-01")
    for phase in ("short_door", "long_door"):
        request = ClaimRequest(
            strategy="fade_doors",
            data=DataRequest(dataset="grow"),
            phase=phase,
            book="outright",
        )
        add_claim(made, request, step=step, now=REGISTERED)
    return made
