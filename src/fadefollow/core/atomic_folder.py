"""Files and folders that appear complete or not at all.

Everything is first written into a folder beside its place whose name begins with `.writing-`,
flushed to the disk, and then renamed in one step. While it is being written, a lock file is
held; a folder whose lock is free was left by a killed writer and is removed by the next one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from fadefollow.errors import FadeFollowError, StoreError

STAGING = ".writing-"


def write_page(text: str, path: Path) -> Path:
    """Write one page in place of what was there; on any failure the old page stays.

    Args:
        text: of the page; what UTF-8 cannot hold becomes `?`.
        path: of the page; its folder is made where it does not exist.

    Raises:
        StoreError: it cannot be written; nothing is left behind.
    """
    rule, hint = "cannot write the page", "give another place with --output, or free some space"
    if path.is_dir():
        raise StoreError(rule, got="it is a folder", where=str(path), hint=hint)
    with as_store_error(rule, path, hint):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        with staging(path.parent) as folder:
            draft = folder / "page.html"
            draft.write_bytes(text.encode("utf-8", "replace"))
            flush(folder)
            draft.replace(path)
    return path


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


def sweep(beside: Path) -> None:
    """Remove what killed writers left."""
    for folder in beside.glob(f"{STAGING}*"):
        if not folder.is_dir():
            continue
        lock = _lock_of(folder)
        with contextlib.suppress(filelock.Timeout), filelock.FileLock(lock, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def flush(folder: Path) -> None:
    """Everything in the folder onto the disk."""
    for path in (*folder.iterdir(), folder):
        fsync(path)


def fsync(path: Path) -> None:
    """A file or a folder onto the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def as_store_error(rule: str, where: Path, hint: str) -> Iterator[None]:
    """Convert OSError to StoreError."""
    try:
        yield
    except FadeFollowError:
        raise
    except OSError as error:
        got = error.strerror or str(error)
        raise StoreError(rule, got=got, where=str(where), hint=hint) from error


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
