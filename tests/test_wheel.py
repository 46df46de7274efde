"""The wheel carries the stock workspace, and nothing that a run has produced."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree and unpacked as pip would."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def test_the_stock_workspace_is_what_the_folders_hold(installed: Path) -> None:
    stock = installed / "fadefollow" / "stock"
    for folder, kind in (
        ("signals", "*.py"),
        ("strategies", "*.toml"),
        ("datasets", "*.toml"),
        ("reports", "**/*.j2"),
    ):
        ours = sorted(p.relative_to(ROOT / folder) for p in (ROOT / folder).glob(kind))
        assert ours
        assert sorted(p.relative_to(stock / folder) for p in (stock / folder).glob(kind)) == ours


def test_nothing_produced_is_packed(installed: Path) -> None:
    names = [p.relative_to(installed).as_posix() for p in installed.rglob("*")]
    assert not [n for n in names if "/runs/" in n or "datasets/store/" in n or "__pycache__" in n]


def fadefollow(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import fadefollow; assert 'site' in fadefollow.__file__, fadefollow.__file__\n"
        "from fadefollow.cli.app import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_it_makes_a_workspace_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = fadefollow(installed, tmp_path, "init", "mine")
    assert done.returncode == 0, done.stderr
    done = fadefollow(installed, tmp_path / "mine", "new", "strategy", "x", "--signal", "funding")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine" / "strategies" / "x.toml").is_file()


@pytest.mark.slow  # compiles all kernels anew, half a minute; test_cli runs from an empty folder
def test_installed_wheel_runs_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = fadefollow(
        installed,
        tmp_path,
        "run",
        "fade_crowded_funding",
        "--until",
        "2022-01-01",
        "--placebo-draws",
        "100",
        "--bootstrap-draws",
        "200",
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("reports/runs/*/report.html"))
