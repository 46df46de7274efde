"""Fixtures that every room's tests may use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# helper modules beside this file: tests are no packages here
sys.path.insert(0, str(Path(__file__).parent))

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real market data beside the project; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real market data is not at {SHARED}")
    return SHARED
