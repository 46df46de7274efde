"""The replay exchange of a test module: started once, calm before each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.exchange.replay import Replay


def replayed(**settings: Any) -> tuple[Any, Any]:
    """Fixtures for a module: `running, exchange = replayed(days=60)`.

    Args:
        settings: of the `Replay`.
    """

    @pytest.fixture(scope="module")
    def running() -> Iterator[Replay]:
        started = Replay(**settings)
        yield started
        started.close()

    @pytest.fixture
    def exchange(running: Replay) -> Replay:
        running.calm()
        return running

    return running, exchange
