"""What compiles beside a first run."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from fadefollow.engine.kernels.book import run_plain
from fadefollow.engine.kernels.carry import run_carry
from fadefollow.engine.kernels.future import run_future
from fadefollow.verdict.run import compiling
from fadefollow.verdict.run.compiling import compiled_beside, main


class Beside:
    """A process that is only noted down."""

    started: list[list[str]]
    ended = 0

    def __init__(self, command: list[str], **_: Any) -> None:
        self.started.append(command)

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def terminate(self) -> None:
        """Count it."""
        Beside.ended += 1


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> type[Beside]:
    Beside.started, Beside.ended = [], 0
    monkeypatch.setattr(subprocess, "Popen", Beside)
    monkeypatch.setattr(compiling, "threads", lambda: 2)
    return Beside


def test_a_run_with_compiled_kernels_starts_nothing(
    beside: type[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "compiled", lambda: True)
    with compiled_beside():
        assert beside.started == []


def test_one_core_compiles_as_it_goes(
    beside: type[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "compiled", lambda: False)
    monkeypatch.setattr(compiling, "threads", lambda: 1)
    with compiled_beside():
        assert beside.started == []


def test_the_process_ends_with_the_run_and_with_its_errors(
    beside: type[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "compiled", lambda: False)

    def interrupted() -> None:
        with compiled_beside():
            assert beside.started == [[sys.executable, "-m", "fadefollow.verdict.run.compiling"]]
            assert beside.ended == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert beside.ended == 1


def test_all_kinds_of_instruments_are_compiled() -> None:
    main()
    for kernel in (run_plain, run_future, run_carry):
        assert kernel.signatures
