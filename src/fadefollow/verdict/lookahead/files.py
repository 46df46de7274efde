"""Files that a signal opens while it is asked: what it looks up there is not the market.

A statistic of the whole sample that is kept on the disk is the same whatever future comes after a
bar, in every process, and for data moved in time: no comparison of answers shows it. Python reports
every file that it opens.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

#: what Python reports when a file, a database, a connection or a program is opened
_EVENTS = ("open", "sqlite3.connect", "socket.connect", "subprocess.Popen")
#: source and compiled code, which Python and numba read and write as they need them
_CODE = re.compile(
    r"\.(py|so|pyd|dll|dylib)$|\.pyc(\.\d+)?$|\.nb[ic](\.tmp\.\w+)?$|__pycache__.tmp\w*$"
)

#: the open watches, each with its package; an audit hook can be added, but never removed
_watches: list[tuple[str, dict[str, None]]] = []


@contextmanager
def opened_files(package: str) -> Iterator[dict[str, None]]:
    """The paths and addresses opened inside the block, in order, as the keys of a mapping.

    Imports, code, folders, devices, and the files of Python and its packages are left out.

    Args:
        package: of the modules that are watched; what one of them opens while it is imported
            counts as well.
    """
    _listen()
    watch = package, dict[str, None]()
    _watches.append(watch)
    try:
        yield watch[1]
    finally:
        _watches.remove(watch)


@cache
def _listen() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watches or event not in _EVENTS:
        return
    name = _name_of(event, arguments)
    for package, seen in _watches if name else ():
        if not _imports(sys._getframe(1), package):
            seen[name] = None


def _name_of(event: str, arguments: tuple[Any, ...]) -> str:
    """The path, address or program; empty where it says nothing of a market."""
    if event in ("socket.connect", "subprocess.Popen"):
        return f"{event} {arguments[1]}"
    if isinstance(arguments[0], int):  # a file that is open already
        return ""
    path = Path(os.fsdecode(arguments[0])).absolute()
    name = str(path)
    # an archive on the path is opened by whoever imports anything for the first time
    code = _CODE.search(name) or name.startswith(_of_python()) or name in sys.path
    return "" if code or path.is_dir() else name


def _imports(frame: FrameType | None, package: str) -> bool:
    """Whether Python imports something here, rather than code of the package that runs."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name == package or name.startswith(f"{package}."):
            return False
        if name.startswith("importlib._bootstrap"):
            return True
        frame = frame.f_back
    return False


@cache
def _of_python() -> tuple[str, ...]:
    """Folders of Python and its packages, of time zones, and of devices."""
    paths = {Path(path) for path in sysconfig.get_paths().values()} | {Path(sys.prefix) / "lib"}
    folders = paths | {path.resolve() for path in paths}
    system = ("/dev/", "/proc/", "/sys/", "/usr/share/zoneinfo/", "/etc/localtime")
    return (*(f"{folder}{os.sep}" for folder in folders), *system)
