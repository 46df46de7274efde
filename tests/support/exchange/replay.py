"""Starts the replay exchange in its own process, and points ccxt's own URL settings to it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tests.support.paths import ROOT

#: ccxt's names of Binance's interfaces, and their paths
_BINANCE = {
    "public": "api/v3",
    "private": "api/v3",
    "fapiPublic": "fapi/v1",
    "fapiPrivate": "fapi/v1",
    "fapiData": "futures/data",
    "dapiPublic": "dapi/v1",
    "dapiData": "futures/data",
}


class Replay:
    """A running replay exchange."""

    def __init__(self, **config: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.exchange.server", json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.root = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def control(self, **wish: Any) -> dict[str, Any]:
        """Set faults, clock or revisions; tell what was asked for."""
        data = json.dumps(wish).encode()
        request = urllib.request.Request(f"{self.root}/control", data=data)
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def calm(self, **faults: Any) -> None:
        """No faults but those given, and an empty log."""
        self.control(faults=faults, clear=True)

    @property
    def now(self) -> pd.Timestamp:
        """The exchange's clock."""
        return pd.Timestamp(self.control()["now"], unit="ms", tz="UTC")

    def settings(self, venue: str) -> dict[str, Any]:
        """ccxt's settings that point a client of this venue here, without its rate limit."""
        urls: Mapping[str, str] = {"public": f"{self.root}/bybit"}
        if venue == "binance":
            urls = {name: f"{self.root}/binance/{path}" for name, path in _BINANCE.items()}
        return {"urls": {"api": dict(urls)}, "enableRateLimit": False, "timeout": 1000}

    def close(self) -> None:
        """Stop it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
