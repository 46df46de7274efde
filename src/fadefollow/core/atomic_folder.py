"""Folders that appear complete or not at all.

Everything is first written into a folder beside its place whose name begins with `.writing-`, and
then renamed in one step. While it is being written, a lock file is held; a folder whose lock is
free was left by a killed writer and is removed by the next one.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from fadefollow.core.atomic_file import as_store_error, fsync
from fadefollow.errors import StoreError

STAGING = ".writing-"
_STAGING = re.compile(re.escape(STAGING) + "[0-9a-f]{12}")


@contextlib.contextmanager
def staging(beside: Path) -> Iterator[Path]:
    """A folder in `beside` to write in; it is removed in the end, if it was not renamed."""
    folder = beside / f"{STAGING}{secrets.token_hex(6)}"
    lock = _lock_of(folder)
    try:
        with filelock.FileLock(lock):
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)  # gone already where it was published
    finally:
        lock.unlink(missing_ok=True)


@contextlib.contextmanager
def staged_in(parent: Path) -> Iterator[Path]:
    """A folder to write in, to be published in `parent`, which is made if it is not there.

    Nothing is left, also of the parent, where the block fails.
    """
    with _made(parent):
        sweep(parent)
        with staging(parent) as folder:
            yield folder


@contextlib.contextmanager
def _made(target: Path) -> Iterator[None]:
    """A folder and its parents, of which those that are new are removed where the block fails."""
    new = [folder for folder in (target, *target.parents) if not folder.exists()]
    try:
        target.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def filled(target: Path) -> Iterator[Path]:
    """A folder to write into; what it holds at the end is moved into `target`, all or nothing.

    Raises:
        StoreError: the folder cannot be written; nothing is left of the attempt.
    """
    with as_store_error("cannot write to the folder", target, ""), staged_in(target) as stage:
        moved: list[Path] = []
        try:
            yield stage
            for path in sorted(stage.iterdir()):
                moved.append(path.rename(target / path.name))
        except BaseException:
            for path in moved:
                _remove(path)
            raise


def is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder but what killed writers left; that is removed."""
    sweep(folder)
    return not any(folder.iterdir())


def publish(folder: Path, wanted: Path) -> Path:
    """Rename a complete folder to the wanted name, or to the next one that is free.

    Returns:
        Its place, which is on the disk.

    Raises:
        OSError: it cannot be renamed.
        StoreError: no name is free.
    """
    for path in (*folder.iterdir(), folder):
        fsync(path)
    for number in range(1, 1_000):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if path.exists():
            continue
        try:
            folder.rename(path)
        except OSError:
            if not path.exists():
                raise
            continue
        fsync(path.parent)
        return path
    raise StoreError("cannot find a free name for the folder", got=str(wanted))


def sweep(beside: Path) -> None:
    """Remove what killed writers left."""
    for folder in beside.glob(f"{STAGING}*"):
        if not _STAGING.fullmatch(folder.name) or not folder.is_dir():
            continue
        lock = _lock_of(folder)
        with contextlib.suppress(filelock.Timeout), filelock.FileLock(lock, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
