"""Compiled functions, whose cache holds until anything that they are made of changes.

numba looks at a function's own file alone: after an update, a kernel that calls one of another
module would go on with the old one. And of two processes that compile one kernel for different
types at the same time, one would be given the other's code. Here the name of a cached file has a
hash of all modules that the function's own imports, and one process writes at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import numba
from filelock import FileLock
from numba import config, njit
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    InTreeCacheLocator,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)

#: this package, and where it lies
_PACKAGE, _ROOT = __name__.partition(".")[0], Path(__file__).resolve().parents[2]
#: nobody waits longer to write, seconds
_PATIENCE = 60.0
#: an import at a module's head: what from, and the names
_IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.*))", re.MULTILINE)


def kernel(function: Any) -> Any:
    """Compile a function with numba when it is first called; without Python's lock, and cached."""
    return _compiled(function, inline="never")


def inlined(function: Any) -> Any:
    """The same, written out in each function that calls it."""
    return _compiled(function, inline="always")


def _compiled(function: Any, *, inline: str) -> Any:
    made = njit(nogil=True, inline=inline)(function)
    if not config.DISABLE_JIT:
        # without a place for its files a kernel is compiled in each process
        with contextlib.suppress(OSError, RuntimeError):
            made._cache = _Cache(function)  # as njit(cache=True) does
    return made


class _Named:
    """A place for cached files, whose names tell of all code that they depend on."""

    _py_file: str
    _lineno: int

    def get_disambiguator(self) -> str:
        """What sets a function apart from others of its name, and from itself before a change."""
        return f"{self._lineno}-{self.get_source_stamp()[:12]}"

    def get_source_stamp(self) -> str:
        """A hash of that code, and of numba's version."""
        code = code_of(Path(self._py_file).resolve(), _ROOT, _PACKAGE)
        return hashlib.sha256(f"{numba.__version__} {code}".encode()).hexdigest()


class _Given(_Named, UserProvidedCacheLocator):  # type: ignore[misc]
    """Where `NUMBA_CACHE_DIR` says."""


class _Beside(_Named, InTreeCacheLocator):  # type: ignore[misc]
    """Beside the source."""


class _OfUser(_Named, UserWideCacheLocator):  # type: ignore[misc]
    """In the user's own folder, where that beside the source cannot be written."""


class _Files(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Given, _Beside, _OfUser)


class _Cache(FunctionCache):  # type: ignore[misc]
    _impl_class = _Files

    def _save_overload(self, sig: Any, data: Any) -> None:
        folder, name = Path(self._cache_path), self._impl.filename_base
        # what cannot be kept is compiled again: no lock to be had, or no room
        with contextlib.suppress(OSError, NotImplementedError):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".fadefollow.lock", timeout=_PATIENCE):
                _remove_old(folder, name)
                super()._save_overload(sig, data)


def _remove_old(folder: Path, name: str) -> None:
    """Remove what was cached of a function before a change."""
    function, _, rest = name.rpartition("-")
    version = rest.partition(".")[2]  # of Python
    for path in folder.glob(f"{function.rpartition('-')[0]}-*-*.{version}.*"):
        if not path.name.startswith(f"{name}."):
            path.unlink(missing_ok=True)


@cache
def code_of(path: Path, root: Path, package: str) -> str:
    """A hash of a module of a package and of all modules of it that it imports, however far off.

    Args:
        path: of the module.
        root: the folder that the package is in.
        package: its name; imports of others are left out.
    """
    found: dict[Path, str] = {}
    todo = [path]
    while todo:
        one = todo.pop()
        if one not in found:
            found[one], imported = _module(one, root, package)
            todo += imported
    code = hashlib.sha256()
    for one in sorted(found):
        place = one.relative_to(root) if one.is_relative_to(root) else Path(one.name)
        code.update(f"{place} {found[one]}\n".encode())
    return code.hexdigest()


@cache
def _module(path: Path, root: Path, package: str) -> tuple[str, tuple[Path, ...]]:
    """A hash of a module, and the files of the package's modules that it imports at its head."""
    text = path.read_bytes()
    files: list[Path] = []
    for module, several, one in _IMPORT.findall(text.decode("utf-8")):
        if module.partition(".")[0] != package:
            continue
        place = root.joinpath(*module.split("."))
        names = [name.split()[0] for name in (several or one).split(",") if name.strip()]
        modules = [place, *(place / name for name in names)]
        files += [m.with_suffix(".py") for m in modules] + [m / "__init__.py" for m in modules]
    return hashlib.sha256(text).hexdigest(), tuple(file for file in files if file.is_file())
