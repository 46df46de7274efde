"""Compiled functions are read from the cache as long as nothing they depend on has changed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fadefollow.core.cache.compiled import _module, code_of

ROOT = Path(__file__).parents[3] / "src"
#: a package with a kernel that calls another module's
INNER = """\
from fadefollow.core.cache.compiled import inlined, kernel
FACTOR = 2.0
@kernel
def times(x):
    return FACTOR * x
"""
OUTER = """\
from fadefollow.core.cache.compiled import kernel
from pack.inner import (
    times,
)
@kernel
def twice(x):
    return times(x)
"""
CALL = """\
import sys
import numpy as np
import fadefollow.core.cache.compiled as compiled
from pathlib import Path
compiled._PACKAGE, compiled._ROOT = "pack", Path(sys.argv[1])
from pack.outer import twice
kinds = sys.argv[2].split(",")
print([float(twice(np.dtype(kind).type(3))) for kind in kinds], end=" ")
print(sum(twice.stats.cache_misses.values()))
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "pack").mkdir()
    for name, text in (("__init__", ""), ("inner", INNER), ("outer", OUTER), ("alone", "")):
        (tmp_path / "pack" / f"{name}.py").write_text(text)
    return tmp_path


def begin(pack: Path, *kinds: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(pack), str(ROOT)])
    env = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"PYTHONPATH": paths}
    command = [sys.executable, "-c", CALL, str(pack), ",".join(kinds)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def called(pack: Path, *kinds: str) -> str:
    out, _ = begin(pack, *kinds).communicate(timeout=300)
    return out.strip()


def test_a_change_in_an_imported_module_changes_the_code(pack: Path) -> None:
    def now() -> str:
        code_of.cache_clear()
        _module.cache_clear()
        return code_of(pack / "pack" / "outer.py", pack, "pack")

    first = now()
    (pack / "pack" / "alone.py").write_text("x = 1\n")
    assert now() == first
    (pack / "pack" / "inner.py").write_text(INNER.replace("2.0", "5.0"))
    changed = now()
    assert changed != first
    (pack / "pack" / "__init__.py").write_text("x = 1\n")
    assert now() == changed  # `from pack.inner import` says nothing of it


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_changes(pack: Path) -> None:
    assert called(pack, "f8") == "[6.0] 1"
    assert called(pack, "f8") == "[6.0] 0"
    (pack / "pack" / "inner.py").write_text(INNER.replace("2.0", "5.0"))
    assert called(pack, "f8") == "[15.0] 1"
    kept = sorted(p.name for p in (pack / "pack" / "__pycache__").glob("outer.twice-*"))
    assert len(kept) == 2  # an index and one kernel: those of before are gone


def test_processes_that_compile_at_once_lose_nothing(pack: Path) -> None:
    kinds = ("f8", "f4", "i8", "i4", "i2", "u8")
    begun = [begin(pack, kind) for kind in kinds]
    assert [one.communicate(timeout=300)[0].strip() for one in begun] == ["[6.0] 1"] * len(kinds)
    assert called(pack, *kinds) == f"{[6.0] * len(kinds)} 0"


def test_no_import_of_a_module_is_overlooked() -> None:
    for path in (ROOT / "fadefollow").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        named = {
            one.module
            for one in tree.body
            if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("fadefollow.")
        }
        _, files = _module(path, ROOT, "fadefollow")
        for module in named:
            place = ROOT.joinpath(*module.split("."))
            assert {place.with_suffix(".py"), place / "__init__.py"} & set(files), (path, module)
        assert all(not one.level for one in tree.body if isinstance(one, ast.ImportFrom))


def test_a_kernel_that_cannot_be_kept_is_compiled_all_the_same(pack: Path) -> None:
    kept = pack / "pack" / "__pycache__"
    kept.mkdir()
    (kept / ".fadefollow.lock").mkdir()  # also root cannot lock it
    assert called(pack, "f8") == "[6.0] 1"
    assert called(pack, "f8") == "[6.0] 1"


def test_all_kernels_of_the_framework_are_cached_this_way() -> None:
    rest = [path for path in (ROOT / "fadefollow").rglob("*.py") if path.name != "compiled.py"]
    assert [path.name for path in rest if "njit" in path.read_text("utf-8")] == []
