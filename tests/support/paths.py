"""Where the repository, its tests' helpers and the real market data lie."""

from __future__ import annotations

from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
ROOT = SUPPORT.parents[1]
#: the real market data beside the project; not everybody has them
SHARED = ROOT.parent / "shared" / "data"
