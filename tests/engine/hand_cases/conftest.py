"""Each hand case is met by the oracle and by the resolver."""

from __future__ import annotations

import pytest

from tests.support.engine_cases import Run, run_resolver
from tests.support.oracle import oracle


@pytest.fixture(params=[oracle, run_resolver], ids=["oracle", "resolver"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param
