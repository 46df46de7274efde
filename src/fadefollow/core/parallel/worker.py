"""The worker's side: an item comes in as bytes and its result or error goes out as bytes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pickle
import platform
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import cloudpickle

#: variables that keep libraries to one thread; workers share the cores already
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
#: packages that results depend on
_PACKAGES = ("arch", "numba", "numpy", "pandas", "scipy", "vectorbt")


class WorkerTracebackError(Exception):
    """Where in the worker it happened; the cause of the error that a caller sees."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def do(work: bytes, item: bytes, data: Any) -> bytes:
    """`work(data, item)` or what it raised, pickled."""
    return answered(lambda: pickle.loads(work)(data, pickle.loads(item)))


def answered(make: Callable[..., Any], *args: Any) -> bytes:
    """The pickled answer of which `unpacked` makes the result of a call again, or its error."""
    try:
        return cloudpickle.dumps(("done", make(*args)))  # type: ignore[no-any-return]
    except BaseException as error:  # also what would end the worker
        return raised(error)


def raised(error: BaseException) -> bytes:
    """The pickled answer that makes `unpacked` raise this error."""
    where = "".join(traceback.format_exception(error))
    try:
        packed = cloudpickle.dumps(error)
        if not isinstance(pickle.loads(packed), BaseException):
            raise TypeError("no error")
    except Exception:  # an error of a kind that cannot travel
        packed = cloudpickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return pickle.dumps(("raised", packed, where))


def unpacked(reply: bytes) -> Any:
    """The result from the answer of `do`.

    Raises:
        Exception: the one that `work` raised.
    """
    kind, value, *where = pickle.loads(reply)
    if kind == "raised":
        raise pickle.loads(value) from WorkerTracebackError(*where)
    return value


# ---- whether a worker elsewhere is the same program ----


@lru_cache(maxsize=1)
def program() -> dict[str, str]:
    """Versions of all that results depend on, as of this process's first question."""
    root = Path(__file__).resolve().parents[2]
    code = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        code.update(path.read_bytes())
    found = {name: _version(name) for name in _PACKAGES}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **found, "fadefollow's code": code.hexdigest()[:12]}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def workspace_files() -> dict[str, str]:
    """The workspace's modules that this process has loaded: path → hash of the file."""
    files = (getattr(sys.modules[name], "__file__", None) for name in _workspace_modules())
    return {path: found for path in files if path and (found := hash_of(path))}


def hash_of(path: str) -> str:
    """A short hash of the file; empty if it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
    except OSError:
        return ""


_loaded_files: dict[str, str] = {}


def reload_changed(files: dict[str, str]) -> None:
    """Forget the workspace's modules if this process has loaded them from other files."""
    if any(_loaded_files.get(path, known) != known for path, known in files.items()):
        for name in _workspace_modules():
            del sys.modules[name]
        _loaded_files.clear()
    _loaded_files.update(files)


def _workspace_modules() -> list[str]:
    return [name for name in sys.modules if name == "signals" or name.startswith("signals.")]


def one_thread() -> None:
    """Keep to one thread in a worker that others have started."""
    if "numba" not in sys.modules:
        os.environ.update(ONE_THREAD)
