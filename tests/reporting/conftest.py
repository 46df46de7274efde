"""Makes `reporting_cases` importable: tests are no packages here."""

from __future__ import annotations

import pytest

from tests.support.reporting_cases import Cases, make_cases


@pytest.fixture(scope="session")
def cases() -> Cases:
    """The runs that all tests here write and render."""
    return make_cases()
