"""What compiles beside a first run."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from fadefollow.engine.kernels.book import run_plain
from fadefollow.engine.kernels.carry import run_carry
from fadefollow.engine.kernels.future import run_future
from fadefollow.verdict.run import compiler
from fadefollow.verdict.run.compiler import PARTS, compiled_beside, wait_for_kernels
from fadefollow.verdict.run.compiling import drawing, trading


class Beside:
    """A process that is only noted down."""

    started: list[list[str]]
    waited: list[float]
    ended = 0

    def __init__(self, command: list[str], **_: Any) -> None:
        self.started.append(command)

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def wait(self, seconds: float) -> None:
        """Take too long."""
        Beside.waited.append(seconds)
        raise subprocess.TimeoutExpired("compiling", seconds)

    def terminate(self) -> None:
        """Count it."""
        Beside.ended += 1


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> type[Beside]:
    Beside.started, Beside.waited, Beside.ended = [], [], 0
    monkeypatch.setattr(subprocess, "Popen", Beside)
    monkeypatch.setattr(compiler, "threads", lambda: 2)
    return Beside


def test_a_run_with_compiled_kernels_starts_nothing(
    beside: type[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "compiled", lambda: True)
    with compiled_beside():
        assert beside.started == []


def test_one_core_compiles_as_it_goes(
    beside: type[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "compiled", lambda: False)
    monkeypatch.setattr(compiler, "threads", lambda: 1)
    with compiled_beside():
        assert beside.started == []


def test_the_processes_end_with_the_run_and_with_its_errors(
    beside: type[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "compiled", lambda: False)

    def interrupted() -> None:
        with compiled_beside():
            module = [sys.executable, "-m", "fadefollow.verdict.run.compiling"]
            assert beside.started == [[*module, part] for part in PARTS]
            assert beside.ended == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert beside.ended == len(PARTS)


def test_what_forks_need_is_waited_for_but_not_for_ever(
    beside: type[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "compiled", lambda: False)
    wait_for_kernels()
    assert beside.waited == []
    with compiled_beside():
        wait_for_kernels()
        assert len(beside.waited) == len(PARTS)
    wait_for_kernels()
    assert len(beside.waited) == len(PARTS)


def test_all_kinds_of_instruments_are_compiled() -> None:
    trading()
    drawing()
    for kernel in (run_plain, run_future, run_carry):
        assert kernel.signatures
