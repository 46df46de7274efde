"""Fixtures that every room's tests may use."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import SHARED

if TYPE_CHECKING:
    from tests.support.reporting_cases import Cases

# started in the background of a shell, Ctrl-C would be ignored here and in every child
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real market data beside the project; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real market data is not at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def cases() -> Cases:
    """Runs to write, render and read back, made once."""
    from tests.support.reporting_cases import make_cases

    return make_cases()


@pytest.fixture
def fadefollow_here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line in this process: what it prints and its status, without its start."""
    from fadefollow.cli.app import _main

    def call(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd)
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setattr(sys, "argv", ["fadefollow", *words])
        capfd.readouterr()
        status = _main()
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(list(words), status, out, err)

    return call
