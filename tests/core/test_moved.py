"""Module paths of earlier versions still import, and say where the module is now."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys

import pytest

from fadefollow.core.moved import MOVED, moved_to


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fadefollow.features", "fadefollow.phases.features"),
        ("fadefollow.indicators", "fadefollow.phases.indicators"),
        ("fadefollow.events", "fadefollow.phases.events"),
        ("fadefollow.job", "fadefollow.jobs.run"),
        ("fadefollow.market.spec", "fadefollow.market.datasets.spec"),
    ],
)
def test_an_old_path_gives_the_moved_module_itself(old: str, new: str) -> None:
    there = importlib.import_module(new)
    spec = there.__spec__
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"^{old} is now {new}$") as caught:
        found = importlib.import_module(old)
    assert found is there
    assert len(caught) == 1
    assert (there.__name__, there.__spec__) == (new, spec)


def test_a_module_below_an_old_package_is_not_loaded_twice() -> None:
    for name in ("fadefollow.crew", "fadefollow.crew.processes"):
        sys.modules.pop(name, None)
    with pytest.warns(DeprecationWarning, match="is now fadefollow.core.parallel") as caught:
        found = importlib.import_module("fadefollow.crew.processes")
    assert found is importlib.import_module("fadefollow.core.parallel.processes")
    assert [str(w.message).partition(" is now ")[2] for w in caught] == [
        "fadefollow.core.parallel",
        "fadefollow.core.parallel.processes",
    ]


def test_a_second_import_is_silent() -> None:
    sys.modules.pop("fadefollow.features", None)
    with pytest.warns(DeprecationWarning, match="is now"):
        importlib.import_module("fadefollow.features")
    importlib.import_module("fadefollow.features")


def test_the_warning_points_at_the_import_statement() -> None:
    sys.modules.pop("fadefollow.features", None)
    with pytest.warns(DeprecationWarning, match="is now") as caught:
        exec(
            compile("from fadefollow.features import fire_once", "signals/mine.py", "exec"),
            {},
        )
    assert caught[0].filename == "signals/mine.py"


def test_every_old_path_leads_to_a_module() -> None:
    lost = [old for old, new in MOVED.items() if not importlib.util.find_spec(f"fadefollow.{new}")]
    assert lost == []


def test_no_old_path_hides_a_module() -> None:
    assert moved_to("fadefollow.phases") is None
    assert moved_to("fadefollow.market.panel") is None
    with pytest.raises(ModuleNotFoundError, match=r"fadefollow\.feature"):
        importlib.import_module("fadefollow.feature")
    with pytest.raises(ModuleNotFoundError, match=r"fadefollow\.crew\.nothing"):
        importlib.import_module("fadefollow.crew.nothing")


def test_public_names_of_packages_stayed_where_they_were() -> None:
    from fadefollow.phases import Param, Phases, Signal
    from fadefollow.reporting import read_run, write_run
    from fadefollow.workspace import Workspace, find_workspace

    assert all((Param, Phases, Signal, read_run, write_run, Workspace, find_workspace))


def test_the_finder_imports_nothing_heavy() -> None:
    code = "import sys, fadefollow; print(*sorted({'pandas', 'numpy', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
