"""Files of one JSON object a line that are only ever appended to.

An append is on the disk when it returns, or has not happened. A last line without its end is what
a killed writer left: it never counted, readers pass over it, and the next writer removes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from filelock import FileLock

from fadefollow.core.reading import regular_bytes
from fadefollow.errors import StoreError

_BLOCK = 4096


def finished_lines(path: Path) -> list[bytes]:
    """The lines that were written whole; none where the file does not exist.

    Raises:
        OSError: it cannot be read.
    """
    try:
        data = regular_bytes(path)
    except FileNotFoundError:
        return []
    return data.split(b"\n")[:-1]  # the last part has no end


@contextmanager
def line_of(what: str, path: Path, number: int, *, hint: str) -> Iterator[None]:
    """Within it, a line that is not as it was written becomes a plain error.

    Args:
        what: the file holds, in words.
        path: of the file.
        number: of the line, from 1.
        hint: what to do.

    Raises:
        StoreError: the line cannot be read.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise StoreError(
            f"cannot read a line of {what}",
            got=f"{type(error).__name__}: {error}",
            where=f"{path}, line {number}",
            hint=hint,
        ) from error


def append_in_turn(path: Path, data: bytes, *, timeout: float = -1) -> None:
    """Append whole lines; writers take turns, and what a killed one left is removed.

    Args:
        path: of the file, which need not exist yet.
        data: lines with their ends.
        timeout: seconds to wait for another writer; -1 for ever.

    Raises:
        filelock.Timeout: another writer kept its lock for longer.
        OSError: it cannot be written; the file is as before.
    """
    append_after(path, lambda _: data, timeout=timeout)


def append_after(
    path: Path, made_of: Callable[[list[bytes]], bytes], *, timeout: float = -1
) -> None:
    """Append whole lines that depend on those before; no other writer comes between.

    Args:
        path: of the file, which need not exist yet.
        made_of: makes the new lines with their ends from the lines there are; what it raises
            leaves the file as it is.
        timeout: seconds to wait for another writer; -1 for ever.

    Raises:
        filelock.Timeout: another writer kept its lock for longer.
        OSError: it cannot be read or written; the file is as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=timeout):
        with path.open("a+b", buffering=0) as file:
            file.truncate(end_of_lines(file))
        append(path, made_of(finished_lines(path)))


def append(path: Path, data: bytes) -> None:
    """Append bytes and flush them to the disk; on failure the file is as before."""
    with path.open("ab", buffering=0) as file:
        start = os.fstat(file.fileno()).st_size
        try:
            done = 0
            while done < len(data):
                done += file.write(data[done:]) or 0
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(start)
            raise


def end_of_lines(file: FileIO) -> int:
    """Where the last finished line ends; what follows is what a killed writer left."""
    at = file.seek(0, os.SEEK_END)
    while at > 0:
        step = min(_BLOCK, at)
        file.seek(at - step)
        found = file.read(step).rfind(b"\n")
        if found >= 0:
            return at - step + found + 1
        at -= step
    return 0
