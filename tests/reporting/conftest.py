"""Makes `reporting_cases` importable: tests are no packages here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from reporting_cases import Cases, make_cases


@pytest.fixture(scope="session")
def cases() -> Cases:
    """The runs that all tests here write and render."""
    return make_cases()
